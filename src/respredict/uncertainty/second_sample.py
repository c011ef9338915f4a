"""What a second blood sample would be served, given the first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from respredict.model.compiled import Known
from respredict.model.plans import Column
from respredict.model.truncated import (
    mean_and_variance,
    orthant_moments,
    truncated_mean,
    truncated_variance,
)

__all__ = ["served", "served_one"]

Floats = NDArray[np.float64]

_SURELY = 40.0  # standard deviations within which a value always lies


class Sum(NamedTuple):
    """A weighted sum of the second sample, and what is expected of it given the first."""

    on: Floats  # its weights on the second sample
    weights: Floats  # its expectation's on the first
    each: list[float]  # the same
    constant: float


class Once(NamedTuple):
    """One censored value: three sums of the second sample decide how it is served.

    All else in the log-odds; the value; and its place given the others of its sample.
    """

    slope: float  # of the log-odds in the value
    constants: list[float]  # what is expected of the sums given the first sample
    lines: list[list[float]]  # their weights on each known value
    follows: list[float]  # their weights on the censored one
    spread: list[list[float]]  # their covariance, given the whole first sample
    place: float  # of the value given the others of its sample, were all at 0
    to: list[float]  # its slopes on the measured values
    residual: float  # its variance given them
    sd: float  # the root of it
    fixed: bool  # a second blood sample cannot change it


class Plan(NamedTuple):
    """What holds for all men who have the same values."""

    known: list[int]  # measured or censored
    score: Sum  # the log-odds that are served
    sd: float
    measured: list[int]
    censored: list[int]
    place: Floats  # of the censored values, were all at 0: place + sum_j to[j] z_j
    to: Floats
    residual: Floats
    once: Once | None


def served(
    plan: Plan, Z: Floats, limits: Floats, censor: NDArray[np.int64]
) -> tuple[Floats, Floats | float]:
    """Match the log-odds that a second sample would be served.

    Parameters
    ----------
    plan : Plan
        For the values these men have.
    Z, limits, censor : ndarray of shape (n_patients, n_values)
        As ``CensoredGaussianImputer.split`` gives them.

    Returns
    -------
    mean : ndarray of shape (n_patients,)
        Of the log-odds; the same bits for a man whoever is with him.
    sd : float or ndarray of shape (n_patients,)
        Of the log-odds; the same for all who have no censored value.
    """
    if not plan.censored:
        return _expected(plan.score, plan.known, Z), plan.sd
    first, after = _on_their_sides(plan, Z, limits, censor)
    if plan.once is None:
        return _in_full(plan, first, after)
    c = plan.censored[0]
    side = -censor[:, c].astype(np.float64)
    sums = np.empty((len(first), 3))
    sums[:] = plan.once.constants
    for j, line in zip(plan.known, plan.once.lines, strict=True):
        sums += first[:, j, None] * line
    limit = side * limits[:, c]
    mean, variance = _again(plan.once, list(sums.T), after[:, 0, 0], limit, side)
    return np.asarray(mean), np.sqrt(variance)


def served_one(plan: Plan, known: Known) -> tuple[float, float]:
    """Match the log-odds that a second sample of one man would be served.

    Parameters
    ----------
    plan : Plan
        For the values he has.
    known : Known
        What is known of him.

    Returns
    -------
    mean, sd : float
        The same bits as of :func:`served`.
    """
    z, once = known.z, plan.once
    if not plan.censored:
        mean = plan.score.constant
        for j, weight in zip(plan.known, plan.score.each, strict=True):
            mean += weight * z[j]
        return mean, plan.sd
    if once is None:
        means, sds = served(plan, *known.split())
        return float(means[0]), float(np.ravel(sds)[0])
    c, place, first = plan.censored[0], once.place, list(z)
    for j, weight in zip(plan.measured, once.to, strict=True):
        place += weight * z[j]
    side = -float(known.sides[c])
    shift, variance = mean_and_variance(side * (z[c] - place) / once.sd)
    first[c] = place + side * (once.sd * shift)
    sums = once.constants
    for j, line in zip(plan.known, once.lines, strict=True):
        sums = [total + first[j] * weight for total, weight in zip(sums, line, strict=True)]
    after = once.residual * variance
    expected, spread = _again(once, sums, after, side * z[c], side)
    return float(expected), float(np.sqrt(spread))


def _expected(of: Sum, known: list[int], first: Floats) -> Floats:
    """Expect a sum of the second sample, given the first, value by value."""
    total = np.full(len(first), of.constant)
    for j, weight in zip(known, of.each, strict=True):
        total += weight * first[:, j]
    return total


def _on_their_sides(
    plan: Plan, Z: Floats, limits: Floats, censor: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Return the first sample, its censored values at their means, and their covariance."""
    n, n_censored = len(Z), len(plan.censored)
    first, room, turn = Z.copy(), np.empty((n, n_censored)), np.empty((n, n_censored))
    for i, c in enumerate(plan.censored):
        place = np.full(n, plan.place[i])
        for j, weight in zip(plan.measured, plan.to[:, i], strict=True):
            place += weight * Z[:, j]
        first[:, c], turn[:, i] = place, -censor[:, c]
        room[:, i] = turn[:, i] * (limits[:, c] - place)
    flip = turn[:, :, None] * turn[:, None, :]
    if n_censored == 1:
        sd = np.sqrt(plan.residual[0, 0])
        shift = sd * truncated_mean(room / sd)
        after = plan.residual * truncated_variance(room / sd)[:, :, None]
    else:
        shift, after = orthant_moments(room, plan.residual * flip)
    for i, c in enumerate(plan.censored):
        first[:, c] += turn[:, i] * shift[:, i]
    return first, after * flip


def _in_full(plan: Plan, first: Floats, after: Floats) -> tuple[Floats, Floats]:
    """Match the log-odds where the second sample is reported in full."""
    weights = [plan.score.weights[plan.known.index(c)] for c in plan.censored]
    variance = np.full(len(first), plan.sd**2)
    for i, one in enumerate(weights):
        for j, other in enumerate(weights):
            variance += one * other * after[:, i, j]
    return _expected(plan.score, plan.known, first), np.sqrt(variance)


def _again(
    once: Once, sums: Sequence[Column], after: Column, limit: Column, side: Column
) -> tuple[Column, Column]:
    """Match the log-odds where the censored value is a number then, or again a side.

    The value, its place and its limit are turned, so that the side is below. Returns
    their mean and variance.
    """
    rest, value, place = sums[0], side * sums[1], side * sums[2]
    slope, (by_rest, by_value, by_place), S = side * once.slope, once.follows, once.spread
    rr, vv = S[0][0] + by_rest**2 * after, S[1][1] + by_value**2 * after
    pp, pv = S[2][2] + by_place**2 * after, S[1][2] + by_place * by_value * after
    rv = side * (S[0][1] + by_rest * by_value * after)
    rp = side * (S[0][2] + by_rest * by_place * after)
    sd = _root(vv)
    a = _SURELY if once.fixed else (limit - value) / sd
    # again a side: the log-odds take its mean there, which follows the other values
    (a_mean, a_variance), (minus_mean, minus_variance) = _below(a), _below(-a)
    step = sd * a_mean
    b = (limit - (place + pv / vv * step)) / once.sd
    b_mean, b_variance = _below(b)
    m_side = rest + rv / vv * step + slope * (limit - once.sd * (b - b_mean))
    bent = slope * b_variance
    pull = rv + bent * pv
    v_side = rr + bent * (2.0 * rp + bent * pp) - pull * pull / vv * (1.0 - a_variance)
    # a number: the log-odds are linear in it
    step = -sd * minus_mean
    pull = rv + slope * vv
    m_number = rest + slope * value + pull / vv * step
    v_number = rr + slope * (rv + pull) - pull * pull / vv * (1.0 - minus_variance)
    again, apart = ndtr(a), m_side - m_number
    mean = m_number + again * apart
    return mean, v_number + again * (v_side - v_number + (1.0 - again) * apart * apart)


def _below(a: Column) -> tuple[Column, Column]:
    if isinstance(a, np.ndarray):
        return truncated_mean(a), truncated_variance(a)
    return mean_and_variance(a)


def _root(value: Column) -> Column:
    return np.sqrt(value) if isinstance(value, np.ndarray) else math.sqrt(value)
