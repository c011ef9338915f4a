"""Blood drawn again: where a man's probability would have been on another day."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, ndtr, ndtri

from respredict.model.patterns import CENSORED, MEASURED, MISSING, by_kind, regress
from respredict.model.truncated import orthant_moments, truncated_mean, truncated_variance
from respredict.schema.analytes import analyte

__all__ = ["Redraw", "blood_noise"]

Floats = NDArray[np.float64]

_BLOOD = ("testosterone", "estradiol", "lh", "fsh")
_PATTERNS_KEPT = 256
_SURELY = 40.0  # standard deviations within which a value always lies


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


class _Sum(NamedTuple):
    """A weighted sum of the second sample, and what is expected of it given the first."""

    on: Floats  # its weights on the second sample
    weights: Floats  # its expectation's on the first
    each: list[float]  # the same
    constant: float


class _Once(NamedTuple):
    """One censored value: sums of the second sample that decide how it is served."""

    at: int  # among the known values
    slope: float  # of the log-odds in it
    sums: tuple[_Sum, _Sum, _Sum]  # all else in the log-odds; the value; its place by the others
    spread: Floats  # of the sums, given the whole first sample
    sd: float  # of the value, given the others of the same sample
    fixed: bool  # a second blood sample cannot change it


class _Plan(NamedTuple):
    """What holds for all men who have the same values."""

    known: list[int]  # measured or censored
    score: _Sum  # the log-odds that are served
    sd: float
    measured: list[int]
    censored: list[int]
    place: Floats  # of the censored values, were all at 0: place + sum_j to[j] z_j
    to: Floats
    residual: Floats
    once: _Once | None


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
    taken as reported in full, which makes the interval a little wider.

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
    _plan: Callable[[bytes], _Plan] = field(init=False, repr=False)

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
        ends, reach = np.empty((2, len(values))), float(ndtri((1 + level) / 2))
        for kind, rows in by_kind(values, sides):
            men = (values[rows], bounds[rows], sides[rows])
            plan = self._plan(kind)
            if not plan.censored:
                center, sd = _expected(plan.score, plan.known, men[0]), plan.sd
            elif plan.once is not None:
                center, sd = _once_more(plan, plan.once, *men)
            else:
                center, sd = _several(plan, *men)
            ends[0, rows] = center - reach * sd
            ends[1, rows] = center + reach * sd
        low, high = expit(ends)
        return low, high

    def _make_plan(self, kind: bytes) -> _Plan:
        state = np.frombuffer(kind, dtype=np.int8)
        known, lacks = np.flatnonzero(state != MISSING), np.flatnonzero(state == MISSING)
        follow, _ = regress(self.covariance, known, lacks)
        gain = follow @ self.slopes[lacks]
        base = self.intercept + self.slopes[lacks] @ self.mean[lacks] - gain @ self.mean[known]
        keep, spread = self._second(known)

        def expect(on: Floats, constant: float) -> _Sum:
            weights = keep.T @ on
            constant = float(constant + (on - weights) @ self.mean[known])
            return _Sum(on, weights, weights.tolist(), constant)

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
            sums = tuple(expect(w, k) for w, k in zip(on, (base, 0.0, place[0]), strict=True))
            inner = np.stack(on) @ spread @ np.stack(on).T
            sd_c, fixed = float(np.sqrt(residual[0, 0])), bool(self.noise[known[c[0]]] == 0)
            once = _Once(int(c[0]), slope, sums, inner, sd_c, fixed)  # type: ignore[arg-type]
        sd = float(np.sqrt(max(0.0, score.on @ spread @ score.on)))
        measured, censored = known[o].tolist(), known[c].tolist()
        return _Plan(known.tolist(), score, sd, measured, censored, place, to, residual, once)

    def _second(self, known: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """What a second sample keeps of a first's distances, and its spread about that."""
        block = np.ix_(known, known)
        total, own = self.covariance[block], self.signal[block]
        keep = np.linalg.solve(total, own).T
        spread = total - keep @ own
        return keep, 0.5 * (spread + spread.T)


def _signal(covariance: Floats, noise: Floats) -> tuple[Floats, bool]:
    """Covariance of the men's own means; never below 0, whatever the units."""
    root = np.linalg.cholesky(covariance)
    shrunk = np.linalg.solve(root, np.diag(noise))
    value, vector = np.linalg.eigh(np.eye(len(noise)) - shrunk @ shrunk.T)
    if value[0] >= 0:
        return covariance - np.diag(np.square(noise)), False
    half = root @ (vector * np.sqrt(np.maximum(value, 0.0)))
    return half @ half.T, True


def _expected(of: _Sum, known: list[int], first: Floats) -> Floats:
    """Expected value of a sum of the second sample, column by column."""
    total = np.full(len(first), of.constant)
    for j, weight in zip(known, of.each, strict=True):
        total += weight * first[:, j]
    return total


def _on_their_sides(
    plan: _Plan, Z: Floats, limits: Floats, censor: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """The first sample with its censored values at their means, and their covariance."""
    n, n_censored = len(Z), len(plan.censored)
    first, room, turn = Z.copy(), np.empty((n, n_censored)), np.empty((n, n_censored))
    for i, c in enumerate(plan.censored):
        place = np.full(n, plan.place[i])
        for j, weight in zip(plan.measured, plan.to[:, i], strict=True):
            place += weight * Z[:, j]
        first[:, c], turn[:, i] = place, -censor[:, c]
        room[:, i] = turn[:, i] * (limits[:, c] - place)
    flip = turn[:, :, None] * turn[:, None, :]
    if n_censored == 1:
        sd = np.sqrt(plan.residual[0, 0])
        shift = sd * truncated_mean(room / sd)
        after = plan.residual * truncated_variance(room / sd)[:, :, None]
    else:
        shift, after = orthant_moments(room, plan.residual * flip)
    for i, c in enumerate(plan.censored):
        first[:, c] += turn[:, i] * shift[:, i]
    return first, after * flip


def _several(
    plan: _Plan, Z: Floats, limits: Floats, censor: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Mean and SD of the log-odds where the second sample is reported in full."""
    first, after = _on_their_sides(plan, Z, limits, censor)
    weights = [plan.score.weights[plan.known.index(c)] for c in plan.censored]
    variance = np.full(len(Z), plan.sd**2)
    for i, one in enumerate(weights):
        for j, other in enumerate(weights):
            variance += one * other * after[:, i, j]
    return _expected(plan.score, plan.known, first), np.sqrt(variance)


def _once_more(
    plan: _Plan, once: _Once, Z: Floats, limits: Floats, censor: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Mean and SD of the log-odds where the value is a number again, or again a side."""
    first, after = _on_their_sides(plan, Z, limits, censor)
    c = plan.censored[0]
    side, limit = -censor[:, c].astype(float), limits[:, c]
    rest, value, by_others = (_expected(of, plan.known, first) for of in once.sums)
    # the first value spreads over its side, and the second follows it
    follows = np.array([of.weights[once.at] for of in once.sums])
    S = once.spread + follows[:, None] * follows * after
    sd = np.sqrt(S[:, 1, 1])
    a = np.full(len(Z), _SURELY) if once.fixed else side * (limit - value) / sd
    step = -side * sd * truncated_mean(-a)
    full = np.broadcast_to([1.0, once.slope, 0.0], (len(Z), 3))
    pull, v_number = _cut(S, full, truncated_variance(-a))
    m_number = rest + once.slope * value + pull * step
    step = side * sd * truncated_mean(a)
    seen = by_others + S[:, 1, 2] / S[:, 1, 1] * step
    b = side * (limit - seen) / once.sd
    served = seen + side * once.sd * truncated_mean(b)
    bent = np.stack([np.ones(len(Z)), np.zeros(len(Z)), once.slope * truncated_variance(b)], axis=1)
    v_side = _cut(S, bent, truncated_variance(a))[1]
    m_side = rest + S[:, 0, 1] / S[:, 1, 1] * step + once.slope * served
    again = ndtr(a)
    between = again * (1.0 - again) * np.square(m_side - m_number)
    variance = again * v_side + (1.0 - again) * v_number + between
    return again * m_side + (1.0 - again) * m_number, np.sqrt(variance)


def _cut(S: Floats, on: Floats, left: Floats) -> tuple[Floats, Floats]:
    """Slope of a sum on the value, and its variance once the value lies on one side."""
    pull, variance = np.zeros(len(S)), np.zeros(len(S))
    for i in range(3):
        pull += on[:, i] * S[:, i, 1]
        for j in range(3):
            variance += on[:, i] * on[:, j] * S[:, i, j]
    pull /= S[:, 1, 1]
    return pull, variance - pull * pull * S[:, 1, 1] * (1.0 - left)
