"""Blood drawn again, for models that are no weighted sum: by draws fixed in advance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, log_ndtr, ndtr, ndtri, ndtri_exp

from respredict.model.compiled import Known
from respredict.model.joint_normal import conditional_mean
from respredict.model.patterns import CENSORED, MEASURED, MISSING, by_kind, regress
from respredict.uncertainty.redraw import Redraw
from respredict.uncertainty.resampling import percentile_bounds

__all__ = ["CurvedRedraw"]

Floats = NDArray[np.float64]

_DRAWS = 512
_ROWS_AT_ONCE = 16_384
_PATTERNS_KEPT = 256
_LEAST = 1e-12  # of the greatest variance, below which there is nothing to draw


@dataclass(frozen=True, eq=False)
class CurvedRedraw:
    r"""The distribution of a man's log-odds from a second blood sample, by drawing it.

    Parameters
    ----------
    mean : ndarray of shape (n_values,)
        Of measured values, from the imputer.
    covariance : ndarray of shape (n_values, n_values)
        Of measured values, positive definite.
    noise : ndarray of shape (n_values,)
        Standard deviation of one sample about a man's own mean, not negative.
    log_odds : callable
        Scores completed values of shape (n_rows, n_values).

    Attributes
    ----------
    clipped : bool
        As of ``Redraw``.

    Notes
    -----
    The second sample given the first is that of ``Redraw``. It is drawn at 512 points
    that fill the unit cube evenly and are the same for every man, so nothing is random.
    A censored first value is spread over its side of the limit given the measured
    values, several one after the other, with the draws weighed by how likely each side
    was. A second value beyond its limit is served as a side again, and completed. Source
    of the weights: Geweke, Comput Sci Stat 23:571-578 (1991). The points are
    :math:`x_{ij} = \{1/2 + i \varphi^{-j}\}` with :math:`\varphi^{d+1} = \varphi + 1`.

    Examples
    --------
    Half of the variance is noise, so half of a man's distance from the mean is kept:

    >>> half = CurvedRedraw(np.zeros(1), np.eye(1), np.array([0.5**0.5]), lambda Z: Z[:, 0])
    >>> none = np.zeros((1, 1))
    >>> low, high = half.interval(np.array([[2.0]]), none, none)
    >>> low.round(2), high.round(2)
    (array([0.4]), array([0.92]))
    """

    mean: Floats
    covariance: Floats
    noise: Floats
    log_odds: Callable[[Floats], Floats]
    signal: Floats = field(init=False, repr=False)
    clipped: bool = field(init=False)
    _plan: Callable[[bytes], _Plan] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        straight = Redraw(self.mean, self.covariance, self.noise, 0.0, np.zeros(len(self.mean)))
        object.__setattr__(self, "signal", straight.signal)
        object.__setattr__(self, "clipped", straight.clipped)
        object.__setattr__(self, "_plan", lru_cache(_PATTERNS_KEPT)(self._make_plan))

    def __reduce__(self) -> tuple[type[CurvedRedraw], tuple[Any, ...]]:
        return CurvedRedraw, (self.mean, self.covariance, self.noise, self.log_odds)

    def interval(
        self, Z: ArrayLike, limits: ArrayLike, censor: ArrayLike, *, level: float = 0.9
    ) -> tuple[Floats, Floats]:
        """Bound the probability that a second blood sample would be served.

        Parameters
        ----------
        Z, limits, censor : array-like of shape (n_patients, n_values)
            As ``CensoredGaussianImputer.split`` gives them.
        level : float, default=0.9
            Probability that it lies between the bounds, in (0, 1).

        Returns
        -------
        low, high : ndarray of shape (n_patients,)
            Probabilities in (0, 1). The same bits for a man whoever is with him.

        Raises
        ------
        ValueError
            If ``level`` is out of range.
        """
        values, bounds = np.asarray(Z, dtype=np.float64), np.asarray(limits, dtype=np.float64)
        sides = np.asarray(censor).astype(np.int64)
        ends, step = np.empty((2, len(values))), _ROWS_AT_ONCE // _DRAWS
        for start in range(0, len(values), step):
            part = slice(start, start + step)
            z, limit, side, out = values[part], bounds[part], sides[part], ends[:, part]
            for kind, rows in by_kind(z, side):
                eta, weight = self._drawn(self._plan(kind), z[rows], limit[rows], side[rows])
                out[:, rows] = percentile_bounds(eta, level, weight)
        low, high = expit(ends)
        return low, high

    def interval_of(self, known: Known, *, level: float = 0.9) -> tuple[float, float]:
        """Bound the probability that a second sample of one man would be served.

        Parameters
        ----------
        known : Known
            What is known of him.
        level : float, default=0.9
            As in :meth:`interval`.

        Returns
        -------
        low, high : float
            The same bits as of :meth:`interval`.
        """
        low, high = self.interval(*known.split(), level=level)
        return float(low[0]), float(high[0])

    def _drawn(
        self, plan: _Plan, Z: Floats, limits: Floats, censor: NDArray[np.int64]
    ) -> tuple[Floats, Floats | None]:
        """Return the log-odds of the second samples, and what each counts."""
        n, p = Z.shape
        first, weight = self._first(plan, Z, limits, censor)
        second = np.full((n, _DRAWS, p), np.nan)
        for i, j in enumerate(plan.known):
            expected = self.mean[j]
            for share, k in zip(plan.keep[i], plan.known, strict=True):
                expected = expected + share * (first[k] - self.mean[k])
            second[:, :, j] = expected + plan.stray[:, i]
        sides = np.zeros((n, _DRAWS, p), dtype=np.int64)
        bounds = np.zeros((n, _DRAWS, p))
        for c in plan.censored:
            side, limit = censor[:, c, None], limits[:, c, None]
            again = ((second[:, :, c] - limit) * side > 0) | (self.noise[c] == 0)
            sides[:, :, c] = np.where(again, side, 0)
            bounds[:, :, c] = np.where(again, limit, 0.0)
            second[:, :, c] = np.where(again, np.nan, second[:, :, c])
        flat = (n * _DRAWS, p)
        completed = conditional_mean(
            second.reshape(flat), bounds.reshape(flat), sides.reshape(flat),
            self.mean, self.covariance,
        )  # fmt: skip
        return self.log_odds(completed).reshape(n, _DRAWS), weight

    def _first(
        self, plan: _Plan, Z: Floats, limits: Floats, censor: NDArray[np.int64]
    ) -> tuple[dict[int, Floats], Floats | None]:
        """Return the first sample, its censored values drawn on their sides."""
        first = {j: Z[:, j, None] for j in plan.known}
        weight = np.ones((len(Z), _DRAWS)) if len(plan.censored) > 1 else None
        for at, (c, place) in enumerate(zip(plan.censored, plan.places, strict=True)):
            expected = self.mean[c]
            for slope, j in zip(place.slopes, place.given, strict=True):
                expected = expected + slope * (first[j] - self.mean[j])
            turn = -censor[:, c, None]
            room = turn * (limits[:, c, None] - expected) / place.sd
            step = ndtri_exp(np.log(plan.points[:, at]) + log_ndtr(room))
            first[c] = expected + turn * place.sd * step
            if weight is not None:
                weight = weight * ndtr(room)
        return first, weight

    def _make_plan(self, kind: bytes) -> _Plan:
        state = np.frombuffer(kind, dtype=np.int8)
        known, c = np.flatnonzero(state != MISSING), np.flatnonzero(state == CENSORED)
        block = np.ix_(known, known)
        total, own = self.covariance[block], self.signal[block]
        keep = np.linalg.solve(total, own).T
        spread = total - keep @ own
        size, turn = np.linalg.eigh(0.5 * (spread + spread.T))
        drawn = size > _LEAST * max(float(total.max()), 0.0)
        root = turn[:, drawn] * np.sqrt(size[drawn])
        points = _points(len(c) + int(drawn.sum()))
        given, places = np.flatnonzero(state == MEASURED), []
        for j in c:
            slopes, residual = regress(self.covariance, given, np.array([j]))
            places.append(
                _Place(given.tolist(), slopes[:, 0].tolist(), float(residual[0, 0] ** 0.5))
            )
            given = np.append(given, j)
        return _Plan(
            known.tolist(), c.tolist(), keep.tolist(), _standard(points[:, len(c) :]) @ root.T,
            points, places,
        )  # fmt: skip


class _Place(NamedTuple):
    """Where a censored value is expected, given those before it."""

    given: list[int]
    slopes: list[float]
    sd: float


class _Plan(NamedTuple):
    """What holds for all men who have the same values."""

    known: list[int]  # measured or censored
    censored: list[int]
    keep: list[list[float]]  # of the first sample's distances, in the second
    stray: Floats  # (n_draws, n_known), of the second sample from what is expected
    points: Floats  # (n_draws, n_censored + …), in (0, 1)
    places: list[_Place]


@cache
def _points(dimensions: int) -> Floats:
    """Fill the unit cube evenly; the same points for ever."""
    base = 2.0
    for _ in range(100):
        base = (1.0 + base) ** (1.0 / (dimensions + 1))
    steps = base ** -np.arange(1.0, dimensions + 1)
    return (0.5 + np.arange(1, _DRAWS + 1)[:, None] * steps) % 1.0


def _standard(points: Floats) -> Floats:
    """Return normal draws with mean 0 and covariance 1, to rounding."""
    drawn = ndtri(points)
    drawn = drawn - drawn.mean(axis=0)
    spread = drawn.T @ drawn / len(drawn)
    return np.linalg.solve(np.linalg.cholesky(spread), drawn.T).T if spread.size else drawn
