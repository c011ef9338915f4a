"""How well predictions tell men with the outcome from men without: the AUC."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit

from respredict.validation.measured import (
    ONE_CLASS,
    Floats,
    Measured,
    as_outcomes,
    half_width,
)

__all__ = ["auc", "auc_bounds", "measured_auc"]

_DELONG_MEN = 2


def auc(y: ArrayLike, p: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Return the area under the ROC curve: ties count one half.

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
        In [0, 1]; NaN where every man has the same outcome.

    Raises
    ------
    InputError
        If y, p or weight breaks its rule.

    Examples
    --------
    >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.4, 0.8])
    0.875
    """
    with_it, without, _ = _by_value(*as_outcomes(y, p, weight))
    pairs = with_it.sum() * without.sum()
    if not pairs:
        return math.nan
    return float(with_it @ (np.cumsum(without) - without / 2) / pairs)


def measured_auc(
    y: ArrayLike,
    p: ArrayLike,
    *,
    level: float = 0.9,
    method: Literal["logit", "delong"] = "logit",
) -> Measured:
    """Return the AUC with its interval.

    Parameters
    ----------
    y : array-like of shape (n_patients,)
        Outcomes, 0 or 1.
    p : array-like of shape (n_patients,)
        Predicted probabilities, in [0, 1].
    level : float, default=0.9
        Of the interval, in (0, 1).
    method : {"logit", "delong"}, default="logit"
        As :func:`auc_bounds` has it, or the symmetric interval of DeLong.

    Returns
    -------
    Measured
        None where every man has the same outcome.

    Raises
    ------
    InputError
        If y, p or the level breaks its rule.

    Notes
    -----
    Source: DeLong, DeLong and Clarke-Pearson, Biometrics 44:837-845 (1988).

    Examples
    --------
    >>> measured_auc([0, 0, 1, 1], [0.1, 0.4, 0.4, 0.8]).value
    0.875
    """
    z = half_width(level)
    outcomes, chances, times = as_outcomes(y, p)
    value = auc(outcomes, chances)
    if math.isnan(value):
        return Measured(None, reason=ONE_CLASS)
    events, others = int(outcomes.sum()), int((1 - outcomes).sum())
    if method == "logit":
        return Measured(value, *auc_bounds(value, events, others, level=level))
    if min(events, others) < _DELONG_MEN:
        reason = "DeLong's interval takes two men with the outcome and two without"
        return Measured(value, reason=reason)
    with_it, without, at = _by_value(outcomes, chances, times)
    # How each man ranks among the men of the other outcome.
    above = (np.cumsum(without) - without / 2)[at][outcomes == 1] / others
    below = 1 - (np.cumsum(with_it) - with_it / 2)[at][outcomes == 0] / events
    half = z * math.sqrt(above.var(ddof=1) / events + below.var(ddof=1) / others)
    return Measured(value, max(value - half, 0.0), min(value + half, 1.0))


def auc_bounds(
    value: float, events: int, others: int, *, level: float = 0.9
) -> tuple[float, float]:
    """Return the interval of an AUC, corrected or not, on the logit scale.

    Parameters
    ----------
    value : float
        The AUC, in [0, 1].
    events, others : int
        Men with the outcome and without, at least 1 each.
    level : float, default=0.9
        Of the interval, in (0, 1).

    Returns
    -------
    tuple of float
        Low and high, in [0, 1].

    Raises
    ------
    InputError
        If the level is out of its range.

    Notes
    -----
    The standard error is that of Hanley and McNeil at ``value``. An AUC of 0 or 1 has no
    logit; there the free end is the AUC that lies just ``z`` of its own standard errors
    away. Source: Hanley and McNeil, Radiology 143:29-36 (1982).

    Examples
    --------
    >>> low, high = auc_bounds(0.75, 40, 50)
    >>> round(low, 3), round(high, 3)
    (0.654, 0.827)
    """
    z = half_width(level)
    if 0 < value < 1:
        half = z * _standard_error(value, events, others) / (value * (1 - value))
        return float(expit(logit(value) - half)), float(expit(logit(value) + half))
    # Turned round, an AUC of 0 is one of 1 with the two groups exchanged.
    first, second = (events, others) if value == 1 else (others, events)
    end = brentq(lambda a: 1 - a - z * _standard_error(a, first, second), 1e-9, 1 - 1e-9)
    return (float(end), 1.0) if value == 1 else (0.0, 1 - float(end))


def _standard_error(area: float, events: int, others: int) -> float:
    square = area * area
    variance = area * (1 - area)
    variance += (events - 1) * (area / (2 - area) - square)
    variance += (others - 1) * (2 * square / (1 + area) - square)
    return math.sqrt(variance / (events * others))


def _by_value(y: Floats, p: Floats, weight: Floats) -> tuple[NDArray[Any], ...]:
    """Return men with the outcome and without at each distinct p, and where each man is."""
    _, at = np.unique(p, return_inverse=True)
    return np.bincount(at, weight * y), np.bincount(at, weight * (1 - y)), at
