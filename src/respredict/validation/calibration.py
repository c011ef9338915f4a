"""Whether predictions are too high or too extreme: calibration intercept and slope."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import expit, logit

from respredict.validation.measured import (
    NO_MEN,
    ONE_CLASS,
    Floats,
    Measured,
    as_outcomes,
    half_width,
)

__all__ = ["calibration_intercept", "calibration_slope", "measured_calibration"]

_CERTAIN = "a probability of exactly 0 or 1 has no logit"
_CONSTANT = "every man has the same probability"
_SEPARATED = "the probabilities separate the outcomes, so no slope is the best"
_STEPS = 200
_NEAR = 1e-10


def calibration_intercept(y: ArrayLike, p: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Return calibration in the large: what the log-odds lack at a slope of 1.

    Parameters
    ----------
    y : array-like of shape (n_patients,)
        Outcomes, 0 or 1.
    p : array-like of shape (n_patients,)
        Predicted probabilities, in [0, 1].
    weight : array-like of shape (n_patients,), default=None
        How often a man counts; once each if None.

    Returns
    -------
    float
        Log-odds; 0 is best, above it the predictions are too low. NaN where every man has
        the same outcome or a probability is exactly 0 or 1.

    Raises
    ------
    InputError
        If y, p or weight breaks its rule.

    Examples
    --------
    >>> round(calibration_intercept([0, 1, 1, 1], [0.5, 0.5, 0.5, 0.5]), 4)
    1.0986
    """
    outcomes, chances, times = as_outcomes(y, p, weight)
    if _why_no_intercept(outcomes, chances):
        return math.nan
    return _solve(float(outcomes @ times), logit(chances), times)


def calibration_slope(y: ArrayLike, p: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Return the slope of a logistic fit of the outcome to the predicted log-odds.

    Parameters
    ----------
    y : array-like of shape (n_patients,)
        Outcomes, 0 or 1.
    p : array-like of shape (n_patients,)
        Predicted probabilities, in [0, 1].
    weight : array-like of shape (n_patients,), default=None
        How often a man counts; once each if None.

    Returns
    -------
    float
        1 is best; below it the predictions are too extreme. NaN where it is not defined:
        one outcome, one probability, a probability of exactly 0 or 1, or an AUC of 0 or 1.

    Raises
    ------
    InputError
        If y, p or weight breaks its rule.

    Examples
    --------
    >>> y, p = [0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.2, 0.8, 0.8, 0.9]
    >>> round(calibration_slope(y, p), 3)
    0.551
    """
    outcomes, chances, times = as_outcomes(y, p, weight)
    if _why_no_slope(outcomes, chances):
        return math.nan
    return float(_fit(outcomes, logit(chances), times)[0][1])


def measured_calibration(
    y: ArrayLike, p: ArrayLike, *, level: float = 0.9
) -> tuple[Measured, Measured]:
    """Return calibration intercept and slope with their intervals.

    Parameters
    ----------
    y : array-like of shape (n_patients,)
        Outcomes, 0 or 1.
    p : array-like of shape (n_patients,)
        Predicted probabilities, in [0, 1].
    level : float, default=0.9
        Of the intervals, in (0, 1).

    Returns
    -------
    tuple of Measured
        In this order.

    Raises
    ------
    InputError
        If y, p or the level breaks its rule.

    Notes
    -----
    The intercept's interval is the score interval, with the variance that the outcomes show
    about the fit where that is the greater; the slope's holds the slopes that a
    likelihood-ratio test does not reject.

    Examples
    --------
    >>> y, p = [0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.2, 0.8, 0.8, 0.9]
    >>> [round(one.value, 3) for one in measured_calibration(y, p)]
    [0.0, 0.551]
    """
    z = half_width(level)
    outcomes, chances, times = as_outcomes(y, p)
    why = _why_no_intercept(outcomes, chances)
    intercept = Measured(None, reason=why) if why else _intercept(outcomes, logit(chances), z)
    why = _why_no_slope(outcomes, chances)
    slope = Measured(None, reason=why) if why else _slope(outcomes, logit(chances), times, z)
    return intercept, slope


def _why_no_intercept(y: Floats, p: Floats) -> str:
    if not len(y):
        return NO_MEN
    if y.min() == y.max():
        return ONE_CLASS
    return _CERTAIN if p.min() == 0 or p.max() == 1 else ""


def _why_no_slope(y: Floats, p: Floats) -> str:
    why = _why_no_intercept(y, p)
    if why:
        return why
    if p.min() == p.max():
        return _CONSTANT
    with_it, without = p[y == 1], p[y == 0]
    apart = with_it.min() >= without.max() or with_it.max() <= without.min()
    return _SEPARATED if apart else ""


def _solve(events: float, scores: Floats, times: Floats) -> float:
    """Return the intercept at which as many outcomes are expected as given."""
    centre = float(logit(events / times.sum()))
    low, high = centre - scores.max() - 1, centre - scores.min() + 1
    return float(brentq(lambda a: times @ expit(a + scores) - events, low, high, xtol=1e-13))


def _intercept(y: Floats, scores: Floats, z: float) -> Measured:
    """Solve observed minus expected = z standard errors, for the ends."""
    value = _solve(float(y.sum()), scores, np.ones(len(y)))
    fitted = expit(value + scores)
    # Above 1 where the slope is not 1: the men then vary more than the fit has it.
    excess = max(float(((y - fitted) ** 2).sum() / (fitted * (1 - fitted)).sum()), 1.0) ** 0.5

    def too_far(a: float, side: float) -> float:
        expected = expit(a + scores)
        spread = math.sqrt(float(expected @ expit(-a - scores)))
        return float(y.sum() - expected.sum()) - side * z * excess * spread

    far = 1.0
    while too_far(value - far, 1.0) < 0 or too_far(value + far, -1.0) > 0:
        far *= 2
    low = brentq(too_far, value - far, value, args=(1.0,))
    high = brentq(too_far, value, value + far, args=(-1.0,))
    return Measured(value, float(low), float(high))


def _slope(y: Floats, scores: Floats, times: Floats, z: float) -> Measured:
    (_, value), error = _fit(y, scores, times)
    best = _likelihood(y, scores, float(value))

    def rejected(slope: float) -> float:
        return 2 * (best - _likelihood(y, scores, slope)) - z * z

    ends = []
    for side in (-1, 1):
        step = side * z * error
        while rejected(float(value) + step) < 0:
            step *= 2
        ends.append(float(brentq(rejected, float(value), float(value) + step)))
    return Measured(float(value), ends[0], ends[1])


def _likelihood(y: Floats, scores: Floats, slope: float) -> float:
    """Return the log-likelihood of a slope with its best intercept."""
    tilted = slope * scores
    tilted = tilted + _solve(float(y.sum()), tilted, np.ones(len(y)))
    return float(y @ tilted - np.logaddexp(0, tilted).sum())


def _fit(y: Floats, scores: Floats, times: Floats) -> tuple[Floats, float]:
    """Return intercept and slope of most likelihood, and the slope's standard error."""
    middle, spread = float(scores.mean()), float(scores.std())
    design = np.column_stack([np.ones(len(y)), (scores - middle) / spread])
    at, reached = np.zeros(2), -times.sum() * math.log(2)
    for _ in range(_STEPS):
        expected = expit(design @ at)
        gradient = design.T @ (times * (y - expected))
        curvature = (design.T * (times * expected * (1 - expected))) @ design
        step = np.linalg.solve(curvature, gradient)
        while True:  # Newton's step, halved until it climbs
            eta = design @ (at + step)
            climbed = float(times @ (y * eta - np.logaddexp(0, eta)))
            if climbed >= reached - _NEAR or np.abs(step).max() < _NEAR:
                break
            step = step / 2
        at, reached = at + step, climbed
        if np.abs(step).max() < _NEAR * (1 + np.abs(at).max()):
            break
    else:
        msg = f"the calibration slope must settle in {_STEPS} steps, got {step!r}. Report it."
        raise ArithmeticError(msg)
    error = math.sqrt(float(np.linalg.inv(curvature)[1, 1])) / spread
    return np.array([at[0] - at[1] * middle / spread, at[1] / spread]), error
