"""Many linear models, each with its own imputation, applied to men at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from respredict.model.compiled import Known
from respredict.model.patterns import CENSORED, MEASURED, regress
from respredict.model.truncated import orthant_moments, truncated_mean

__all__ = ["Plan", "prepare", "score", "score_one"]

Floats = NDArray[np.float64]


class Plan(NamedTuple):
    """What many models make of men who have the same values: weighted sums of those.

    Parameters
    ----------
    measured, censored : list of int
        Positions of those values.
    lines : ndarray of shape (1 + n_measured, 1 + n_censored, n_refits)
        What follows, in one.
    intercept : ndarray of shape (n_refits,)
        Log-odds with every measured value at 0, the others at their expected places.
    slopes : ndarray of shape (n_measured, n_refits)
        Per unit of each measured value, the others following it.
    at : ndarray of shape (n_censored, n_refits)
        Expected place of each censored value, with every measured value at 0.
    to : ndarray of shape (n_measured, n_censored, n_refits)
        Its slopes on the measured values.
    spread : ndarray of shape (n_refits, n_censored, n_censored)
        Covariance of the censored values about those places.
    sd : ndarray of shape (n_refits,)
        Standard deviation of the first of them; empty where there is none.
    pull : ndarray of shape (n_censored, n_refits)
        Log-odds per unit by which a censored value leaves its place, the missing
        ones following it.
    """

    measured: list[int]
    censored: list[int]
    lines: Floats
    intercept: Floats
    slopes: Floats
    at: Floats
    to: Floats
    spread: Floats
    sd: Floats
    pull: Floats


def prepare(
    kind: bytes, intercept: Floats, slopes: Floats, mean: Floats, covariance: Floats
) -> Plan:
    """Work out what holds for all men who have the same values.

    Parameters
    ----------
    kind : bytes of length n_values
        As ``by_kind`` gives it.
    intercept : ndarray of shape (n_refits,)
        Log-odds where every completed value is 0.
    slopes : ndarray of shape (n_refits, n_values)
        Log-odds per unit of each completed value.
    mean : ndarray of shape (n_refits, n_values)
        Of each model's imputer.
    covariance : ndarray of shape (n_refits, n_values, n_values)
        Of each model's imputer, positive definite.

    Returns
    -------
    Plan
        For ``score``.

    Examples
    --------
    A missing value follows the measured one, here by half a step:

    >>> S = np.array([[[4.0, 2.0], [2.0, 3.0]]])
    >>> plan = prepare(bytes([0, 1]), np.zeros(1), np.ones((1, 2)), np.zeros((1, 2)), S)
    >>> plan.slopes
    array([[1.5]])
    """
    state = np.frombuffer(kind, dtype=np.int8)
    o, u = np.flatnonzero(state == MEASURED), np.flatnonzero(state != MEASURED)
    c = np.flatnonzero(state[u] == CENSORED)
    follow, residual = regress(covariance, o, u)
    gain = (follow * slopes[:, None, u]).sum(axis=2)
    constant = intercept + (slopes[:, u] * mean[:, u]).sum(axis=1)
    constant = constant - (gain * mean[:, o]).sum(axis=1)
    to = follow[:, :, c]
    at = mean[:, u[c]] - (to * mean[:, o, None]).sum(axis=1)
    spread = residual[:, c[:, None], c]
    step = np.linalg.solve(spread, residual[:, c])
    pull = (step * slopes[:, None, u]).sum(axis=2)
    sd = np.sqrt(spread[:, :1, :1].ravel())
    start = np.concatenate([constant[None], at.T])
    per_unit = np.concatenate([(slopes[:, o] + gain)[..., None], to], axis=2)
    lines = np.concatenate([start[None], per_unit.transpose(1, 2, 0)])
    return Plan(
        o.tolist(), u[c].tolist(), lines, lines[0, 0], lines[1:, 0], lines[0, 1:], lines[1:, 1:],
        spread, sd, _lines(pull),
    )  # fmt: skip


def _lines(of_refits: Floats) -> Floats:
    return np.ascontiguousarray(of_refits.T)


def score(plan: Plan, Z: Floats, limits: Floats, censor: NDArray[np.int64]) -> Floats:
    """Score men who have the same values with every model.

    Parameters
    ----------
    plan : Plan
        For the values they have.
    Z, limits, censor : ndarray of shape (n_patients, n_values)
        As ``CensoredGaussianImputer.split`` gives them.

    Returns
    -------
    ndarray of shape (n_patients, n_refits)
        Log-odds, newly made; the same bits for a man whoever is with him.

    Examples
    --------
    >>> one = np.ones((1, 1))
    >>> plan = prepare(bytes([0]), np.array([-1.0]), 2 * one, one, one[None])
    >>> score(plan, np.array([[3.0]]), one, one)
    array([[5.]])
    """
    total = np.empty((len(Z), len(plan.intercept)))
    total[:] = plan.intercept
    for j, slope in zip(plan.measured, plan.slopes, strict=True):
        total += Z[:, j, None] * slope
    if plan.censored:
        total += _pulled(plan, Z, limits, censor)
    return total


def score_one(plan: Plan, known: Known) -> Floats:
    """Score one man with every model.

    Parameters
    ----------
    plan : Plan
        For the values he has.
    known : Known
        What is known of him.

    Returns
    -------
    ndarray of shape (n_refits,)
        Log-odds, newly made; the same bits as of :func:`score`.

    Examples
    --------
    >>> one = np.ones((1, 1))
    >>> plan = prepare(bytes([0]), np.array([-1.0]), 2 * one, one, one[None])
    >>> score_one(plan, Known(0, bytes([0]), [3.0], (0,)))
    array([5.])
    """
    z = known.z
    weights = np.array([1.0, *[z[j] for j in plan.measured]])
    parts = plan.lines * weights[:, None, None]
    if parts[0].size > 1:
        total, *expected = np.add.reduce(parts, axis=0)  # line by line
    else:
        total, expected = sum(parts[:, 0], np.zeros(1)), []
    if len(expected) == 1:
        c = plan.censored[0]
        side = -float(known.sides[c])
        room = side * (z[c] - expected[0])
        total += plan.pull[0] * (side * (plan.sd * truncated_mean(room / plan.sd)))
    elif expected:
        total += _pulled(plan, *known.split())[0]
    return np.asarray(total)


def _pulled(plan: Plan, Z: Floats, limits: Floats, censor: NDArray[np.int64]) -> Floats:
    """Log-odds that the sides of the censored values bring."""
    sides, room = [], []
    for i, c in enumerate(plan.censored):
        expected = plan.at[i]
        for j, to in zip(plan.measured, plan.to[:, i], strict=True):
            expected = expected + Z[:, j, None] * to
        sides.append(-censor[:, c, None].astype(float))
        room.append(sides[-1] * (limits[:, c, None] - expected))
    if len(room) == 1:
        return plan.pull[0] * (sides[0] * (plan.sd * truncated_mean(room[0] / plan.sd)))
    n_refits, n_censored = plan.spread.shape[:2]
    shape = (len(Z), n_refits, n_censored)
    turn = np.stack([np.broadcast_to(s, shape[:2]) for s in sides], axis=2)
    spread = plan.spread * turn[..., :, None] * turn[..., None, :]
    upper = np.stack(np.broadcast_arrays(*room), axis=2).reshape(-1, n_censored)
    each = spread.reshape(-1, n_censored, n_censored)
    # Three and more are costly, and the models differ by a thousand times what is lost.
    mean = orthant_moments(upper, each, rough=n_censored > 2)[0].reshape(shape)
    total = np.zeros(shape[:2])
    for i in range(n_censored):
        total = total + plan.pull[i] * (sides[i] * mean[..., i])
    return total
