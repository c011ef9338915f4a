"""The band of the flexible calibration curve, and intervals for the distances from it.

A distance is above 0 even for perfect predictions, because the curve follows noise; resampling
adds noise to noise, and its percentiles then never reach the truth. So the intervals here ask
which true distances would give what was observed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from respredict.validation.flexible import Lowess, calibration_errors
from respredict.validation.measured import (
    NO_MEN,
    ONE_CLASS,
    Floats,
    Measured,
    as_outcomes,
    half_width,
)

__all__ = ["CurvePoint", "measured_curve", "measured_errors"]

_POINTS = 21
_ROWS = 200
_DRAWS = 400
_STEPS = 24
_NAMES = ("ici", "e50", "e90", "emax")


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One point of the flexible calibration curve.

    Parameters
    ----------
    p : float
        Predicted probability.
    observed : float
        The share with the outcome among men with such a probability, in [0, 1].
    low, high : float
        Ends of the pointwise interval.
    """

    p: float
    observed: float
    low: float
    high: float


def measured_curve(y: ArrayLike, p: ArrayLike, *, level: float = 0.9) -> tuple[CurvePoint, ...]:
    """Return the flexible calibration curve with a pointwise band.

    Parameters
    ----------
    y : array-like of shape (n_patients,)
        Outcomes, 0 or 1.
    p : array-like of shape (n_patients,)
        Predicted probabilities, in [0, 1].
    level : float, default=0.9
        Of the band, in (0, 1).

    Returns
    -------
    tuple of CurvePoint
        From the lowest to the highest probability; one where all are equal, none where every
        man has the same outcome.

    Raises
    ------
    InputError
        If y, p or the level breaks its rule.

    Notes
    -----
    At each point the curve is a weighted mean of outcomes; the band is the Wilson interval of
    a proportion of as many men as that mean is worth. It does not tell of the smoother's bias.

    Examples
    --------
    >>> curve = measured_curve([0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.4, 0.6, 0.8, 0.9])
    >>> middle = curve[10]
    >>> round(middle.p, 2), round(middle.observed, 2), round(middle.low, 2)
    (0.5, 0.5, 0.14)
    """
    z = half_width(level)
    outcomes, chances, _ = as_outcomes(y, p)
    if _why_none(outcomes):
        return ()
    curve = Lowess(outcomes, chances)
    share, men = np.clip(curve.observed, 0, 1), curve.effective
    centre = (share + z * z / (2 * men)) / (1 + z * z / men)
    half = np.sqrt(share * (1 - share) / men + z * z / (4 * men * men)) * z / (1 + z * z / men)
    shown = np.unique(np.linspace(curve.at[0], curve.at[-1], _POINTS))
    columns = (share, np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0))
    rows = zip(shown, *(np.interp(shown, curve.at, one) for one in columns), strict=True)
    return tuple(CurvePoint(*(float(value) for value in row)) for row in rows)


def measured_errors(
    y: ArrayLike, p: ArrayLike, *, level: float = 0.9, seed: int = 0
) -> dict[str, Measured]:
    """Return ICI, E50, E90 and Emax with intervals that hold for perfect predictions too.

    Parameters
    ----------
    y : array-like of shape (n_patients,)
        Outcomes, 0 or 1.
    p : array-like of shape (n_patients,)
        Predicted probabilities, in [0, 1].
    level : float, default=0.9
        Of the intervals, in (0, 1).
    seed : int, default=0
        Of the draws.

    Returns
    -------
    dict of str to Measured
        ``ici``, ``e50``, ``e90`` and ``emax``; None where every man has the same outcome.

    Raises
    ------
    InputError
        If y, p or the level breaks its rule.

    Notes
    -----
    The true probabilities are taken to lie off the predicted ones in the direction of the
    curve, by some multiple. An end is the true distance at the multiple whose drawn outcomes
    give a distance as great as the observed one in ``(1 - level) / 2`` of the draws; 0 where
    perfect predictions give it more often. The value itself is always inside.

    Examples
    --------
    >>> y, p = [0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.4, 0.6, 0.8, 0.9]
    >>> measured_errors(y, p)["ici"].low
    0.0
    """
    half_width(level)
    outcomes, chances, _ = as_outcomes(y, p)
    why = _why_none(outcomes)
    if why:
        return dict.fromkeys(_NAMES, Measured(None, reason=why))
    values = calibration_errors(outcomes, chances)
    with threadpool_limits(limits=1):  # the products are too small to share out
        true, ends = _drawn(outcomes, chances, level, np.random.default_rng(seed))
    told = {}
    for name, at, (lows, highs) in zip(_NAMES, true.T, ends.transpose(2, 1, 0), strict=True):
        value = values[name]
        # A distance that few draws fall below may be as great as this; and the other end.
        low = 0.0 if highs[0] >= value else float(np.interp(value, highs, at))
        high = value if lows[0] > value else float(np.interp(value, lows, at))
        told[name] = Measured(value, min(low, value), max(high, value))
    return told


def _why_none(y: Floats) -> str:
    if not len(y):
        return NO_MEN
    return ONE_CLASS if y.min() == y.max() else ""


def _drawn(
    y: Floats, p: Floats, level: float, random: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return true distances by multiple, and the quantiles of what draws show of them.

    Shapes are (n_multiples, 4) and (n_multiples, 2, 4), ascending along the first axis.
    """
    groups = np.array_split(np.sort(p), min(len(p), _ROWS))
    rows, men = np.array([[g.mean(), len(g)] for g in groups]).T[:, :, None]
    away = Lowess(y, p)(rows) - rows
    direction = away / np.abs(away).max() if away.any() else np.ones_like(rows)
    smooth = _smoother(rows[:, 0])
    # The same noise for every multiple, so that the quantiles move with it alone.
    grouped, noise = len(p) > _ROWS, random.random((len(rows), _DRAWS))
    noise = ndtri(noise) if grouped else noise
    true, ends = [], []
    for multiple in np.linspace(0, 1, _STEPS + 1) ** 2:
        chances = np.clip(rows + multiple * direction, 0, 1)
        if grouped:  # rates of groups, as good as normal once smoothed
            drawn = chances + noise * np.sqrt(chances * (1 - chances) / men)
        else:
            drawn = (noise < chances).astype(float)
        true.append(_distances(np.abs(chances - rows))[:, 0])
        shown = _distances(np.abs(smooth @ drawn - rows))
        ends.append(np.quantile(shown, ((1 - level) / 2, (1 + level) / 2), axis=1))
    return np.array(true), np.maximum.accumulate(np.array(ends), axis=0)


def _smoother(rows: Floats) -> Floats:
    """Return what turns the rates of the rows into the curve at the rows."""
    curve = Lowess(np.zeros(len(rows)), rows)
    _, where = np.unique(rows, return_inverse=True)
    by_row = curve.smoother()[:, where] / curve.men[where]
    return np.stack([np.interp(rows, curve.at, column) for column in by_row.T], axis=1)


def _distances(away: Floats) -> Floats:
    """Return mean, median, 90th percentile and greatest along the first axis."""
    return np.stack([away.mean(0), *np.quantile(away, (0.5, 0.9), axis=0), away.max(0)])
