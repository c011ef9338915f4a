"""The flexible calibration curve, and how far predictions lie from it: ICI, E50, E90, Emax.

The curve is a lowess of the outcome on the probability, as R's ``rms::val.prob`` takes it:
local lines over the nearest two thirds of the men, tricube weights, no robustness step, lines
fitted at points at least a hundredth of the range apart and joined by straight lines.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from respredict.validation.measured import Floats, as_outcomes

__all__ = ["Lowess", "calibration_errors"]

_SPAN = 2 / 3
_SKIP = 0.01  # of the range of p, between two points where a line is fitted
_FEWEST = 2
_FLAT = 0.001  # of the range: below this spread a local line is a local mean
_INNER, _OUTER = 0.001, 0.999  # of the reach: weight 1 inside, 0 outside
_BLOCK = 1_000_000  # cells of a points-by-men array that is built at once


class Lowess:
    """A lowess of the outcome on the probability.

    Parameters
    ----------
    y : array-like of shape (n_patients,)
        Outcomes, 0 or 1, of at least one man.
    p : array-like of shape (n_patients,)
        Predicted probabilities, in [0, 1].
    weight : array-like of shape (n_patients,), default=None
        How often a man counts; once each if None.

    Attributes
    ----------
    at : ndarray of shape (n_points,)
        Probabilities where a line was fitted, ascending.
    observed : ndarray of shape (n_points,)
        The curve there; a local line may leave [0, 1].
    effective : ndarray of shape (n_points,)
        How many men's mean would be as precise as the curve is there.

    Raises
    ------
    InputError
        If y, p or weight breaks its rule.

    Examples
    --------
    >>> curve = Lowess([0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.4, 0.6, 0.8, 0.9])
    >>> curve([0.1, 0.5, 0.9]).round(2)
    array([-0.13,  0.5 ,  1.13])
    """

    def __init__(self, y: ArrayLike, p: ArrayLike, weight: ArrayLike | None = None) -> None:
        outcomes, chances, times = as_outcomes(y, p, weight)
        self.p, where = np.unique(chances, return_inverse=True)
        self.men = np.bincount(where, times)
        rate = np.bincount(where, times * outcomes) / self.men
        self.at = _places(self.p)
        self._reach = _reaches(np.repeat(self.p, self.men.astype(int)), self.at)
        self._flat = _FLAT * float(np.ptp(self.p))
        told = [(rows @ rate, 1 / (rows * rows / self.men).sum(axis=1)) for rows in self._blocks()]
        self.observed, self.effective = (np.concatenate(part) for part in zip(*told, strict=True))

    def __call__(self, p: ArrayLike) -> Floats:
        """Return the curve at probabilities, by straight lines between its points."""
        return np.interp(np.asarray(p, float), self.at, self.observed)

    def smoother(self) -> Floats:
        """Return what turns the rate at each distinct p into the curve at each point.

        Returns
        -------
        ndarray of shape (n_points, n_distinct)
            Rows that sum to 1.
        """
        return np.concatenate(list(self._blocks()))

    def _blocks(self) -> Iterator[Floats]:
        """Give the smoother a few points at a time."""
        step = max(_BLOCK // len(self.p), 1)
        for first in range(0, len(self.at), step):
            at, reach = (part[first : first + step, None] for part in (self.at, self._reach))
            away = self.p - at
            weights = _tricube(np.abs(away), reach) * self.men
            weights /= weights.sum(axis=1, keepdims=True)
            middle = (weights * away).sum(axis=1, keepdims=True)
            away -= middle
            spread = (weights * away * away).sum(axis=1, keepdims=True)
            sloped = np.sqrt(spread) > self._flat
            tilt = np.where(sloped, middle / np.where(sloped, spread, 1.0), 0.0)
            yield weights * (1 - tilt * away)


def calibration_errors(
    y: ArrayLike, p: ArrayLike, weight: ArrayLike | None = None
) -> dict[str, float]:
    """Return ICI, E50, E90 and Emax: how far the curve lies from the probabilities.

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
    dict of str to float
        ``ici``, ``e50``, ``e90`` and ``emax``: mean, median, 90th percentile and greatest of
        the distances, 0 is best. NaN where every man has the same outcome.

    Raises
    ------
    InputError
        If y, p or weight breaks its rule.

    Notes
    -----
    Source: Austin and Steyerberg, Stat Med 38:4051-4065 (2019), with the smoother of
    ``rms::val.prob``, whose Eavg, E90 and Emax these are.

    Examples
    --------
    >>> errors = calibration_errors([0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.4, 0.6, 0.8, 0.9])
    >>> {name: round(error, 2) for name, error in errors.items()}
    {'ici': 0.14, 'e50': 0.19, 'e90': 0.23, 'emax': 0.23}
    """
    outcomes, chances, times = as_outcomes(y, p, weight)
    if not len(outcomes) or outcomes.min() == outcomes.max():
        return dict.fromkeys(("ici", "e50", "e90", "emax"), np.nan)
    away = np.abs(Lowess(outcomes, chances, times)(chances) - chances)
    away = np.repeat(away, times.astype(int))
    median, ninth = np.quantile(away, (0.5, 0.9))
    return {
        "ici": float(away.mean()),
        "e50": float(median),
        "e90": float(ninth),
        "emax": float(away.max()),
    }


def _places(p: Floats) -> Floats:
    """Return some of the ascending distinct probabilities: the furthest within each skip."""
    skip = _SKIP * float(p[-1] - p[0])
    taken = [0]
    while taken[-1] < len(p) - 1:
        furthest = int(np.searchsorted(p, p[taken[-1]] + skip, side="right")) - 1
        taken.append(max(furthest, taken[-1] + 1))
    return p[taken]


def _reaches(p: Floats, at: Floats) -> Floats:
    """Return how far the nearest two thirds of the ascending probabilities lie from each point."""
    men = len(p)
    size = max(min(int(_SPAN * men + 1e-7), men), min(_FEWEST, men))
    first = np.searchsorted(p[: men - size] + p[size:], 2 * at, side="left")
    return np.maximum(at - p[first], p[first + size - 1] - at)


def _tricube(away: Floats, reach: Floats) -> Floats:
    """Return tricube weights; where the reach is 0, 1 for the men at the point alone."""
    share = away / np.where(reach > 0, reach, 1.0)
    weights = 1 - share * share * share
    weights *= weights * weights
    weights[share <= _INNER] = 1.0
    weights[share > np.where(reach > 0, _OUTER, 0.0)] = 0.0
    return weights
