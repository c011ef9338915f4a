"""What is left of a metric once its optimism is taken off, and how sure that is.

Every interval here was tried on simulated clinics; ``tests/benchmarks/test_validation.py``
shows how often each covers. Where none is known to cover, the spread of the resamples is
told as a spread.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from respredict.validation.discrimination import auc_bounds
from respredict.validation.measured import Measured, half_width

__all__ = ["Corrected", "correct", "correct_avoided", "correct_benefit"]

Floats = NDArray[np.float64]

_NO_INTERVAL = "no interval is known to cover; spread tells how it varies over the resamples"
_CHANCE = 0.5
_CONSTANT = "every man has the same probability"
_UNDEFINED = "it is not defined on the men fitted"
_RARELY = "it is defined in fewer than half of the resamples"
_ALWAYS = "it is the same in every resample, so that it has no interval"
_NONE = 1e-12  # no more than what rounding leaves
_PER = 100.0  # men that treatments avoided are told for
#: Metrics whose interval is normal, with the standard deviations over the resamples.
_NORMAL = ("brier", "scaled_brier", "log_loss")


@dataclass(frozen=True, slots=True)
class Corrected:
    """A metric on the men fitted, its optimism, and what is left.

    Parameters
    ----------
    apparent : float or None
        On the men fitted.
    optimism : float or None
        By how much that flatters, over the resamples.
    corrected : Measured
        The difference, with its interval where one is known to cover.
    spread : tuple of float or None, default=None
        Percentiles, over the resamples, of the metric of their models on the men: no interval.

    Examples
    --------
    >>> Corrected(0.8, 0.05, Measured(0.75, 0.65, 0.83)).as_dict()["optimism"]
    0.05
    """

    apparent: float | None
    optimism: float | None
    corrected: Measured
    spread: tuple[float, float] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        told = {"apparent": self.apparent, "optimism": self.optimism,
                "corrected": self.corrected.as_dict()}  # fmt: skip
        return told if self.spread is None else told | {"spread": list(self.spread)}


def correct(
    name: str, apparent: float, inside: Floats, outside: Floats, *, events: int, others: int,
    level: float = 0.9,
) -> Corrected:  # fmt: skip
    """Take the optimism off one metric.

    Parameters
    ----------
    name : str
        Of the metric.
    apparent : float
        On the men fitted; NaN where it is not defined.
    inside, outside : ndarray of shape (n_boot,)
        Of each resample's model, on its resample and on the men; NaN where not defined.
    events, others : int
        Men with the outcome and without.
    level : float, default=0.9
        Of the interval, in (0, 1).

    Returns
    -------
    Corrected
        Null with the reason where it cannot be told.

    Raises
    ------
    InputError
        If the level is out of its range.

    Notes
    -----
    The optimism is the mean of ``inside - outside``, of the slope its median: one resample
    whose model is nearly constant has a slope without bound. The interval of the AUC is
    Hanley and McNeil's at the corrected AUC, on the logit scale; that of calibration in the
    large holds the percentiles of ``outside``; those of Brier and log-loss are normal with
    the standard deviations of ``inside`` and ``outside`` together. Source: Harrell, Lee and
    Mark, Stat Med 15:361-387 (1996).

    Examples
    --------
    >>> inside, outside = np.array([0.82, 0.80, 0.84]), np.array([0.74, 0.76, 0.75])
    >>> found = correct("auc", 0.78, inside, outside, events=40, others=50)
    >>> round(found.optimism, 3), round(found.corrected.value, 3)
    (0.07, 0.71)
    """
    z, told = half_width(level), np.isfinite(inside) & np.isfinite(outside)
    if not math.isfinite(apparent):
        return Corrected(None, None, Measured(None, reason=_UNDEFINED))
    if 2 * told.sum() < len(told) or not len(told):
        return Corrected(apparent, None, Measured(None, reason=_RARELY))
    inside, outside = inside[told], outside[told]
    middle = np.median if name == "calibration_slope" else np.mean
    optimism = float(middle(inside - outside))
    value = apparent - optimism
    ends = np.percentile(outside, [50 * (1 - level), 50 * (1 + level)])
    low, high = (float(end) for end in ends)
    if name == "auc" and bool((inside == outside).all()) and apparent == _CHANCE:
        found = Measured(value, reason=_CONSTANT)
    elif name == "auc":
        value = min(max(value, 0.0), 1.0)
        found = Measured(value, *auc_bounds(value, events, others, level=level))
    elif name == "calibration_intercept":
        found = Measured(value, low, high)
    elif name in _NORMAL:
        half = z * math.hypot(_deviation(inside), _deviation(outside))
        found = Measured(value, value - half, value + half)
    else:
        value = value if name == "calibration_slope" else max(value, 0.0)
        return Corrected(apparent, optimism, Measured(value, reason=_NO_INTERVAL), (low, high))
    return Corrected(apparent, optimism, found)


def correct_benefit(
    apparent: Floats, inside: Floats, outside: Floats, *, level: float = 0.9
) -> tuple[Corrected, ...]:
    """Take the optimism off net benefits, threshold by threshold.

    Parameters
    ----------
    apparent : ndarray of shape (n_thresholds,)
        On the men fitted.
    inside, outside : ndarray of shape (n_boot, n_thresholds)
        Of each resample's model, on its resample and on the men.
    level : float, default=0.9
        Of the band, in (0, 1), at each threshold by itself.

    Returns
    -------
    tuple of Corrected
        One a threshold. The band is normal, with the standard deviation of ``inside``: the
        men vary in it, and the model fitted to them.

    Raises
    ------
    InputError
        If the level is out of its range.

    Examples
    --------
    >>> inside, outside = np.array([[0.20], [0.26]]), np.array([[0.18], [0.20]])
    >>> (found,) = correct_benefit(np.array([0.22]), inside, outside)
    >>> round(found.corrected.value, 3), round(found.corrected.low, 3)
    (0.18, 0.11)
    """
    z, optimism = half_width(level), (inside - outside).mean(axis=0)
    found = []
    for at, off, of in zip(apparent, optimism, inside.T, strict=True):
        value, half = float(at - off), z * _deviation(of)
        bounds = Measured(value, value - half, value + half)
        found.append(Corrected(float(at), float(off), bounds))
    return tuple(found)


def correct_avoided(
    benefit: tuple[Corrected, ...], inside: Floats, prevalences: Floats, prevalence: float,
    thresholds: tuple[float, ...], *, level: float = 0.9,
) -> tuple[Measured, ...]:  # fmt: skip
    """Set net benefits beside treating everybody, resample by resample.

    Parameters
    ----------
    benefit : tuple of Corrected
        Of the model, one a threshold.
    inside : ndarray of shape (n_boot, n_thresholds)
        Of each resample's model, on its resample.
    prevalences : ndarray of shape (n_boot,)
        Of the outcome in each resample.
    prevalence : float
        Of the outcome in the men.
    thresholds : tuple of float
        In (0, 1).
    level : float, default=0.9
        Of the intervals, in (0, 1), at each threshold by itself.

    Returns
    -------
    tuple of Measured
        Treatments avoided among 100 men, net of those withheld wrongly, against treating all;
        one a threshold. The interval is of the difference: both are judged on the same
        resamples, whose men vary for both alike.

    Raises
    ------
    InputError
        If the level is out of its range.

    Notes
    -----
    Normal, with the standard deviation of the difference inside the resamples: none where
    the model treats everybody in each of them.

    Examples
    --------
    >>> one = Corrected(0.22, 0.04, Measured(0.18, 0.1, 0.26))
    >>> inside = np.array([[0.20], [0.26]])
    >>> (found,) = correct_avoided((one,), inside, np.array([0.46, 0.50]), 0.48, (0.3,))
    >>> round(found.value, 2), round(found.low, 2)
    (-18.0, -18.78)
    """
    z, told = half_width(level), []
    for of, within, at in zip(benefit, inside.T, thresholds, strict=True):
        odds, value = at / (1 - at), of.corrected.value
        if value is None:
            told.append(of.corrected)
            continue
        gain = (value - _everyone(prevalence, odds)) / odds
        half = z * _deviation(within - _everyone(prevalences, odds)) / odds
        if half < _NONE:
            told.append(Measured(_PER * gain, reason=_ALWAYS))
        else:
            told.append(Measured(_PER * gain, _PER * (gain - half), _PER * (gain + half)))
    return tuple(told)


def _everyone(prevalence: Any, odds: float) -> Any:
    return prevalence - (1 - prevalence) * odds


def _deviation(values: Floats) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else math.nan
