"""How far predictions lie from what happened: Brier, scaled Brier and log-loss."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit, xlog1py, xlogy

from respredict.validation.measured import (
    NO_MEN,
    ONE_CLASS,
    Floats,
    Measured,
    as_outcomes,
    half_width,
)

__all__ = ["brier", "log_loss", "measured_accuracy", "scaled_brier"]

_ONE_MAN = "one man has no interval"
_CERTAIN = "a probability of exactly 0 or 1 was contradicted, so the log-loss is infinite"


def brier(y: ArrayLike, p: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Return the mean squared difference of outcome and probability.

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
        In [0, 1], 0 is best; NaN where there is no man.

    Raises
    ------
    InputError
        If y, p or weight breaks its rule.

    Examples
    --------
    >>> brier([0, 1], [0.5, 0.5])
    0.25
    """
    outcomes, chances, times = as_outcomes(y, p, weight)
    return _mean((outcomes - chances) ** 2, times)


def scaled_brier(y: ArrayLike, p: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Return the share of the outcome's variance that the predictions take away.

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
        At most 1, which is best; 0 is what the observed rate gives to every man. NaN where
        every man has the same outcome.

    Raises
    ------
    InputError
        If y, p or weight breaks its rule.

    Examples
    --------
    >>> scaled_brier([0, 1], [0.25, 0.75])
    0.75
    """
    outcomes, chances, times = as_outcomes(y, p, weight)
    rate = _mean(outcomes, times)
    if math.isnan(rate) or rate in (0, 1):
        return math.nan
    return 1 - _mean((outcomes - chances) ** 2, times) / (rate * (1 - rate))


def log_loss(y: ArrayLike, p: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Return the mean negative log-likelihood, in nats.

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
        0 is best. Infinite where a probability of exactly 0 or 1 was contradicted: nothing
        is clipped. NaN where there is no man.

    Raises
    ------
    InputError
        If y, p or weight breaks its rule.

    Examples
    --------
    >>> round(log_loss([0, 1], [0.5, 0.5]), 4)
    0.6931
    >>> log_loss([0, 1], [0.0, 1.0]), log_loss([1, 1], [0.0, 1.0])
    (0.0, inf)
    """
    outcomes, chances, times = as_outcomes(y, p, weight)
    return _mean(_surprises(outcomes, chances), times)


def measured_accuracy(
    y: ArrayLike, p: ArrayLike, *, level: float = 0.9
) -> tuple[Measured, Measured, Measured]:
    """Return Brier, scaled Brier and log-loss with their intervals.

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
    Brier and log-loss are means over men, so their intervals are Student's; that of the
    scaled Brier is Student's on its linearised terms.

    Examples
    --------
    >>> whole = measured_accuracy([0, 1, 1, 0], [0.2, 0.7, 0.4, 0.1])
    >>> [round(one.value, 3) for one in whole]
    [0.125, 0.5, 0.4]
    """
    outcomes, chances, _ = as_outcomes(y, p)
    half_width(level)
    if not len(outcomes):
        return (Measured(None, reason=NO_MEN),) * 3
    errors, rate = (outcomes - chances) ** 2, float(outcomes.mean())
    scaled = Measured(None, reason=ONE_CLASS)
    if 0 < rate < 1:
        variance = rate * (1 - rate)
        slope = errors.mean() * (1 - 2 * rate) / variance
        # Terms whose mean is the scaled Brier, to first order in rate and error.
        terms = 1 - (errors - slope * (outcomes - rate)) / variance
        scaled = _of_mean(terms, level)
    surprises = _surprises(outcomes, chances)
    loss = Measured(None, reason=_CERTAIN)
    if np.isfinite(surprises).all():
        loss = _of_mean(surprises, level)
    return _of_mean(errors, level), scaled, loss


def _surprises(outcomes: Floats, chances: Floats) -> Floats:
    return -(xlogy(outcomes, chances) + xlog1py(1 - outcomes, -chances))


def _mean(values: Floats, times: Floats) -> float:
    return float(values @ times / times.sum()) if times.sum() else math.nan


def _of_mean(values: Floats, level: float) -> Measured:
    value, men = float(values.mean()), len(values)
    if men == 1:
        return Measured(value, reason=_ONE_MAN)
    half = float(stdtrit(men - 1, (1 + level) / 2) * values.std(ddof=1)) / math.sqrt(men)
    return Measured(value, value - half, value + half)
