"""What acting on the predictions is worth: net benefit and net interventions avoided, with bands.

A man is treated where his probability reaches the threshold. At a threshold t, one treated man
with the outcome is worth the harm of treating (1 - t) / t men without it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from respredict.errors import InputError, Problem
from respredict.validation.measured import NO_MEN, Measured, as_outcomes, half_width

__all__ = ["Usefulness", "measured_usefulness", "net_benefit", "treat_all"]

_HALVINGS = 60
_PER = 100.0  # men that interventions avoided are told for


@dataclass(frozen=True, slots=True)
class Usefulness:
    """What acting on the predictions is worth at one threshold.

    Parameters
    ----------
    threshold : float
        Probability from which a man is treated, in (0, 1).
    net_benefit : Measured
        True positives a man, net of false ones at the threshold's odds.
    treat_all : float or None
        Net benefit of treating every man; treating none is worth 0.
    avoided : Measured
        Treatments avoided among 100 men, net of those withheld wrongly, against treating all.
    """

    threshold: float
    net_benefit: Measured
    treat_all: float | None
    avoided: Measured

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {
            "threshold": self.threshold,
            **self.net_benefit.as_dict(),
            "treat_all": self.treat_all,
            "net_interventions_avoided": self.avoided.as_dict(),
        }


def net_benefit(
    y: ArrayLike, p: ArrayLike, threshold: float, weight: ArrayLike | None = None
) -> float:
    """Return the net benefit of treating the men whose probability reaches a threshold.

    Parameters
    ----------
    y : array-like of shape (n_patients,)
        Outcomes, 0 or 1.
    p : array-like of shape (n_patients,)
        Predicted probabilities, in [0, 1].
    threshold : float
        In (0, 1).
    weight : array-like of shape (n_patients,), default=None
        How often a man counts; once each if None.

    Returns
    -------
    float
        True positives a man; NaN where there is no man.

    Raises
    ------
    InputError
        If y, p, weight or the threshold breaks its rule.

    Notes
    -----
    Source: Vickers and Elkin, Med Decis Making 26:565-574 (2006).

    Examples
    --------
    >>> net_benefit([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.8], 0.5)
    0.0
    """
    outcomes, chances, times = as_outcomes(y, p, weight)
    odds = _odds(threshold)
    if not len(outcomes):
        return math.nan
    worth = np.where(chances >= threshold, outcomes - (1 - outcomes) * odds, 0.0)
    return float(worth @ times / times.sum())


def treat_all(y: ArrayLike, threshold: float, weight: ArrayLike | None = None) -> float:
    """Return the net benefit of treating every man.

    Parameters
    ----------
    y : array-like of shape (n_patients,)
        Outcomes, 0 or 1.
    threshold : float
        In (0, 1).
    weight : array-like of shape (n_patients,), default=None
        How often a man counts; once each if None.

    Returns
    -------
    float
        True positives a man; NaN where there is no man.

    Raises
    ------
    InputError
        If y, weight or the threshold breaks its rule.

    Examples
    --------
    >>> treat_all([0, 0, 1, 1], 0.5)
    0.0
    """
    return net_benefit(y, np.ones(np.shape(y)), threshold, weight)


def measured_usefulness(
    y: ArrayLike, p: ArrayLike, threshold: float, *, level: float = 0.9
) -> Usefulness:
    """Return net benefit and net interventions avoided with their intervals.

    Parameters
    ----------
    y : array-like of shape (n_patients,)
        Outcomes, 0 or 1.
    p : array-like of shape (n_patients,)
        Predicted probabilities, in [0, 1].
    threshold : float
        In (0, 1).
    level : float, default=0.9
        Of the intervals, in (0, 1).

    Returns
    -------
    Usefulness
        At this threshold.

    Raises
    ------
    InputError
        If y, p, the threshold or the level breaks its rule.

    Notes
    -----
    Each is a mean of one of three values for every man, so its interval is the score
    interval of a multinomial: the means that lie within z standard errors of what was
    observed, the error taken at the likeliest shares that have this mean. It keeps a width
    where no man, or every man, is treated, which resampling cannot.

    Examples
    --------
    >>> told = measured_usefulness([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.8], 0.5)
    >>> round(told.net_benefit.low, 2), told.avoided.value
    (-0.53, 0.0)
    """
    z, odds = half_width(level), _odds(threshold)
    outcomes, chances, _ = as_outcomes(y, p)
    if not len(outcomes):
        nothing = Measured(None, reason=NO_MEN)
        return Usefulness(threshold, nothing, None, nothing)
    treated, men = chances >= threshold, len(outcomes)
    right, wrong = int(outcomes[treated].sum()), int((1 - outcomes[treated]).sum())
    missed, spared = int(outcomes[~treated].sum()), int((1 - outcomes[~treated]).sum())
    value = (right - odds * wrong) / men
    avoided = (spared - missed / odds) / men
    ends = _bounds(right, wrong, men, odds, z)
    others = _bounds(spared, missed, men, 1 / odds, z)
    return Usefulness(
        threshold,
        Measured(value, *ends),
        treat_all(outcomes, threshold),
        Measured(_PER * avoided, _PER * others[0], _PER * others[1]),
    )


def _odds(threshold: float) -> float:
    if not 0 < threshold < 1:
        got, remedy = f"{threshold:g}", "Give a probability, such as 0.3"
        raise InputError(Problem("threshold", "lie in (0, 1)", got, remedy))
    return threshold / (1 - threshold)


def _bounds(gains: int, losses: int, men: int, odds: float, z: float) -> tuple[float, float]:
    """Return the score interval of the mean of 1 for a gain, -odds for a loss and 0."""
    value = (gains - odds * losses) / men

    def inside(mean: float) -> bool:
        half = odds * (gains + losses) * (1 - mean) - (1 + odds) * mean * (men - gains)
        root = math.sqrt(max(half**2 + 4 * odds * (1 + odds) * men * losses * mean * (1 - mean), 0))
        share = (half + root) / (2 * odds * (1 + odds) * men)  # of losses, the likeliest
        share = min(max(share, -mean / odds, 0.0), (1 - mean) / (1 + odds))
        variance = mean + odds * (1 + odds) * share - mean * mean
        return men * (value - mean) ** 2 <= z * z * variance

    ends = []
    for limit in (-odds, 1.0):
        near, far = value, limit
        for _ in range(_HALVINGS):
            middle = (near + far) / 2
            near, far = (middle, far) if inside(middle) else (near, middle)
        ends.append(near)
    return ends[0], ends[1]
