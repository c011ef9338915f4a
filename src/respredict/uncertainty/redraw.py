"""Blood drawn again: where a man's probability would have been on another day."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, ndtri

from respredict.model.compiled import Known
from respredict.model.patterns import CENSORED, MEASURED, MISSING, by_kind, regress
from respredict.schema.analytes import analyte
from respredict.uncertainty.second_sample import Once, Plan, Sum, served, served_one

__all__ = ["Redraw", "blood_noise"]

Floats = NDArray[np.float64]

_BLOOD = ("testosterone", "estradiol", "lh", "fsh")
_PATTERNS_KEPT = 256


def blood_noise(inputs: Sequence[str], n_values: int) -> Floats:
    """Return how far a second blood sample strays from a man's own means.

    Parameters
    ----------
    inputs : sequence of str
        Name of each measurement, in the order the imputer serves them.
    n_values : int
        Values served, at least as many: the states of zero come last.

    Returns
    -------
    ndarray of shape (n_values,)
        Standard deviations of natural logs, ``Analyte.log_noise`` of the hormones;
        0 for age, BMI and semen, which a second blood sample does not change.

    Examples
    --------
    >>> blood_noise(("age", "testosterone", "lh"), 3).round(3)
    array([0.   , 0.12 , 0.275])
    """
    noise = [analyte(name).log_noise if name in _BLOOD else 0.0 for name in inputs]
    return np.array(noise + [0.0] * (n_values - len(noise)))


@dataclass(frozen=True, eq=False)
class Redraw:
    r"""The distribution of a man's log-odds from a second blood sample.

    Parameters
    ----------
    mean : ndarray of shape (n_values,)
        Of measured values, from the imputer.
    covariance : ndarray of shape (n_values, n_values)
        Of measured values, positive definite.
    noise : ndarray of shape (n_values,)
        Standard deviation of one sample about a man's own mean, not negative.
    intercept : float
        Log-odds where every completed value is 0.
    slopes : ndarray of shape (n_values,)
        Log-odds per unit of each completed value.

    Attributes
    ----------
    signal : ndarray of shape (n_values, n_values)
        Covariance of the men's own means.
    clipped : bool
        Whether some combination of values spread less between the men than the
        noise alone would make it: its signal is then taken as 0.

    Notes
    -----
    With :math:`S` the covariance, :math:`W` that of the noise and
    :math:`K = (S - W) S^{-1}`, a second sample given a first has mean
    :math:`\mu + K (z - \mu)` and covariance :math:`(S - W) - K (S - W) + W`, by
    conditioning one normal on the other. The second sample lacks what the first
    lacks. Of a man with one censored value, mean and variance of the served log-odds
    are matched: his first value spreads over its side of the limit, the second is
    served as a number or again as a side, whichever it comes to, and the mean on its
    side is taken as linear in his other values. With several, the second sample is
    taken as reported in full, which makes the interval wider than it need be.

    Examples
    --------
    Half of the variance is noise, so half of a man's distance from the mean is kept:

    >>> half = Redraw(np.zeros(1), np.eye(1), np.array([0.5**0.5]), 0.0, np.ones(1))
    >>> none = np.zeros((1, 1))
    >>> low, high = half.interval(np.array([[2.0]]), none, none)
    >>> low.round(3), high.round(3)
    (array([0.395]), array([0.919]))
    """

    mean: Floats
    covariance: Floats
    noise: Floats
    intercept: float
    slopes: Floats
    signal: Floats = field(init=False, repr=False)
    clipped: bool = field(init=False)
    _plan: Callable[[bytes], Plan] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        signal, clipped = _signal(self.covariance, self.noise)
        object.__setattr__(self, "signal", signal)
        object.__setattr__(self, "clipped", clipped)
        object.__setattr__(self, "_plan", lru_cache(_PATTERNS_KEPT)(self._make_plan))

    def __reduce__(self) -> tuple[type[Redraw], tuple[Any, ...]]:
        return Redraw, (self.mean, self.covariance, self.noise, self.intercept, self.slopes)

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
            Probabilities in (0, 1). His own need not lie in the middle, as a second
            sample is expected nearer to the mean of all men. The same bits for a
            man whoever is with him.

        Raises
        ------
        ValueError
            If ``level`` is out of range.
        """
        if not 0 < level < 1:
            msg = f"level must lie in (0, 1), got {level!r}. Use 0.9 for nine in ten."
            raise ValueError(msg)
        values, bounds = np.asarray(Z, dtype=np.float64), np.asarray(limits, dtype=np.float64)
        sides = np.asarray(censor)
        ends, reach = np.empty((2, len(values))), _reach(level)
        for kind, rows in by_kind(values, sides):
            center, sd = served(self._plan(kind), values[rows], bounds[rows], sides[rows])
            ends[0, rows] = center - reach * sd
            ends[1, rows] = center + reach * sd
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
        center, sd = served_one(self._plan(known.kind), known)
        stretch = _reach(level) * sd
        return float(expit(center - stretch)), float(expit(center + stretch))

    def _make_plan(self, kind: bytes) -> Plan:
        state = np.frombuffer(kind, dtype=np.int8)
        known, lacks = np.flatnonzero(state != MISSING), np.flatnonzero(state == MISSING)
        follow, _ = regress(self.covariance, known, lacks)
        gain = follow @ self.slopes[lacks]
        base = self.intercept + self.slopes[lacks] @ self.mean[lacks] - gain @ self.mean[known]
        keep, spread = self._second(known)

        def expect(on: Floats, constant: float) -> Sum:
            weights = keep.T @ on
            constant = float(constant + (on - weights) @ self.mean[known])
            return Sum(on, weights, weights.tolist(), constant)

        score = expect(self.slopes[known] + gain, float(base))
        state = state[known]
        o, c = np.flatnonzero(state == MEASURED), np.flatnonzero(state == CENSORED)
        to, residual = regress(self.covariance[np.ix_(known, known)], o, c)
        place, once = self.mean[known[c]] - self.mean[known[o]] @ to, None
        if len(c) == 1:
            value, by_others = np.zeros(len(known)), np.zeros(len(known))
            value[c], by_others[o] = 1.0, to[:, 0]
            slope = float(score.on[c[0]])
            on = (score.on - slope * value, value, by_others)
            sums = [expect(w, k) for w, k in zip(on, (base, 0.0, place[0]), strict=True)]
            once = Once(
                slope, [f.constant for f in sums],
                np.stack([f.weights for f in sums], axis=1).tolist(),
                [f.weights[int(c[0])].item() for f in sums],
                (np.stack(on) @ spread @ np.stack(on).T).tolist(),
                float(place[0]), to[:, 0].tolist(), float(residual[0, 0]),
                math.sqrt(residual[0, 0]), bool(self.noise[known[c[0]]] == 0),
            )  # fmt: skip
        sd = math.sqrt(max(0.0, float(score.on @ spread @ score.on)))
        measured, censored = known[o].tolist(), known[c].tolist()
        return Plan(known.tolist(), score, sd, measured, censored, place, to, residual, once)

    def _second(self, known: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Return what a second sample keeps of a first's distances, and its spread about that."""
        block = np.ix_(known, known)
        total: Floats = self.covariance[block]
        own: Floats = self.signal[block]
        keep = np.asarray(np.linalg.solve(total, own).T, dtype=np.float64)
        spread = total - keep @ own
        return keep, 0.5 * (spread + spread.T)


@cache
def _reach(level: float) -> float:
    """Return how many standard deviations to either side hold so much of a normal."""
    return float(ndtri((1 + level) / 2))


def _signal(covariance: Floats, noise: Floats) -> tuple[Floats, bool]:
    """Covariance of the men's own means; never below 0, whatever the units."""
    root = np.linalg.cholesky(covariance)
    shrunk = np.linalg.solve(root, np.diag(noise))
    value, vector = np.linalg.eigh(np.eye(len(noise)) - shrunk @ shrunk.T)
    if value[0] >= 0:
        return covariance - np.diag(np.square(noise)), False
    half = root @ (vector * np.sqrt(np.maximum(value, 0.0)))
    return half @ half.T, True
