"""The games whose Shapley values explain a man: what each coalition of his inputs is worth.

An input out of a coalition takes the reference man's value. A column is an array of many
men or the float of one, as in :mod:`respredict.model.plans`: the same arithmetic, in
the same order.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx

from respredict.model.compiled import CompiledImputer
from respredict.model.patterns import MEASURED, MISSING
from respredict.model.plans import Column, Plan

__all__ = ["Game", "game"]

Floats = NDArray[np.float64]
Score = Callable[[Sequence[Column]], Column]

_MEN_AT_ONCE = 4096  # what is computed of them stays in the nearest caches
_NUMBERS_AT_ONCE = 65_536  # so does this, for the coalitions of men with one censored value
_ROWS_AT_ONCE = 65_536  # of the coalitions of men who are enumerated


class Game(ABC):
    """The game of all men who have the same values.

    Attributes
    ----------
    plan : Plan
        How those men are completed.
    at_once : int
        How many of them are best explained together.

    Examples
    --------
    >>> sorted(Game.__abstractmethods__)
    ['values']
    """

    plan: Plan
    at_once: int

    @abstractmethod
    def values(self, z: Sequence[Column], away: Sequence[Column]) -> list[tuple[int, Column]]:
        """Return each input that the men have, and its Shapley values.

        Parameters
        ----------
        z : sequence of float or ndarray of shape (n_patients,)
            One a value, as ``CompiledImputer`` reads it.
        away : sequence of float or ndarray of shape (n_patients,)
            As ``plan.away`` gives it.

        Returns
        -------
        list of tuple
            Position of the input, and its contributions in log-odds.
        """


def game(
    plan: Plan, imputer: CompiledImputer, slopes: Sequence[float] | None, score: Score
) -> Game:  # fmt: skip
    """Choose the quickest exact way to explain men who have the same values.

    Parameters
    ----------
    plan : Plan
        How they are completed.
    imputer : CompiledImputer
        Plans other men.
    slopes : sequence of float or None
        Log-odds per unit of each completed value, None for a curved model.
    score : callable
        Returns the log-odds of completed values.

    Returns
    -------
    Game
        Closed where nothing is censored and the model is linear; else enumerated, as
        far as it is curved.

    Examples
    --------
    >>> from respredict.model.censoring import CensoredGaussianImputer
    >>> imputer = CompiledImputer(
    ...     CensoredGaussianImputer().fit([[1.0, 2.0], [2.0, 1.0], [3.0, 3.0]]))
    >>> plan = Plan((MEASURED, MEASURED), imputer.mean, np.eye(2))
    >>> z = [4.0, 1.0]
    >>> closed = game(plan, imputer, [0.5, 1.0], lambda done: 0.5 * done[0] + done[1])
    >>> [(i, round(value, 6)) for i, value in closed.values(z, plan.away(z))]
    [(0, 1.0), (1, -1.0)]
    """
    owner = imputer.owner.tolist()
    if slopes is not None and not plan.censored:
        return _Closed(plan, owner, slopes)
    if slopes is not None and plan.tail and owner.count(owner[plan.tail.at]) == 1:
        return _OneCensored(plan, owner, slopes, imputer)
    return _Enumerated(plan, owner, imputer, score)


class _Lines:
    """Weighted sums of the measured values' distances from the reference man, by input."""

    def __init__(self, plan: Plan, owner: Sequence[int], weights: Sequence[float]) -> None:
        # A count and its state of zero come and go together: one player.
        terms: dict[int, list[tuple[int, float]]] = {}
        for at, (j, weight) in enumerate(zip(plan.measured, weights, strict=True)):
            terms.setdefault(owner[j], []).append((at, weight))
        self.players = list(terms)
        self._terms = list(terms.values())

    def of(self, away: Sequence[Column]) -> list[Column]:
        sums = []
        for (first, weight), *others in self._terms:
            total = weight * away[first]
            for at, other in others:
                total += other * away[at]
            sums.append(total)
        return sums


class _Closed(Game):
    """Nothing is censored and the model is linear: each input by itself."""

    at_once = _MEN_AT_ONCE

    def __init__(self, plan: Plan, owner: Sequence[int], slopes: Sequence[float]) -> None:
        self.plan = plan
        self._lines = _Lines(plan, owner, _effective(plan, slopes))

    def values(self, z: Sequence[Column], away: Sequence[Column]) -> list[tuple[int, Column]]:  # noqa: ARG002
        return list(zip(self._lines.players, self._lines.of(away), strict=True))


class _OneCensored(Game):
    """One value is censored and the model is linear.

    Whether the censored player c is in decides how the rest counts: out, c stands at
    the reference value and the missing values follow it; in, c takes its mean on its
    side of the limit, given whoever is present, and the missing values follow that.
    Only this second part is curved, so only it is enumerated.
    """

    def __init__(
        self, plan: Plan, owner: Sequence[int], slopes: Sequence[float], imputer: CompiledImputer
    ) -> None:
        assert plan.tail is not None
        self.plan, self._tail, c = plan, plan.tail, plan.tail.at
        self._player, self._center = owner[c], float(imputer.mean[c])
        known = imputer.plan_of(tuple(MEASURED if j == c else k for j, k in enumerate(plan.kind)))
        out = dict(zip(known.measured, _effective(known, slopes), strict=True))
        # With c in, what is missing follows the measured values alone, and so does c.
        to_c = plan.slopes[plan.measured, c].tolist()
        alone = zip(_effective(plan, slopes), to_c, strict=True)
        pairs = list(
            zip([g + t * slopes[c] for g, t in alone], map(out.get, plan.measured), strict=True)
        )
        # Half of the coalitions have c in, half have c out.
        self._half = _Lines(plan, owner, [0.5 * (i + o) for i, o in pairs])
        self._between = _Lines(plan, owner, [0.5 * (i - o) for i, o in pairs])
        self._moves = _Lines(plan, owner, [t * self._tail.scale for t in to_c])
        self._pull = self._tail.lift * sum(slopes[u] * f for u, f in self._tail.follows)
        players = len(self._half.players)
        # The curved part is worth nothing without c.
        self._weights = _weights(players + 1)[:, 1 << players :]
        self.at_once = max(1, _NUMBERS_AT_ONCE // self._weights.size)

    def values(self, z: Sequence[Column], away: Sequence[Column]) -> list[tuple[int, Column]]:
        first = (self._center - z[self._tail.at]) * self._tail.scale
        worth = np.empty((self._weights.shape[1], *np.shape(first)))
        worth[0] = first
        for i, move in enumerate(self._moves.of(away)):
            np.add(worth[: 1 << i], move, out=worth[1 << i : 2 << i])
        curved = _weighted(self._weights, self._pull / erfcx(worth))
        if worth.ndim == 1:
            curved = curved.tolist()
        own = curved[-1]
        for between in self._between.of(away):
            own = own + between
        parts = zip(self._half.players, self._half.of(away), curved[:-1], strict=True)
        return [(self._player, own), *((player, line + bend) for player, line, bend in parts)]


class _Enumerated(Game):
    """Any men under any model: every coalition, by the definition."""

    def __init__(
        self, plan: Plan, owner: Sequence[int], imputer: CompiledImputer, score: Score
    ) -> None:
        self.plan, self._score = plan, score
        self._players = sorted({o for o, k in zip(owner, plan.kind, strict=True) if k != MISSING})
        self._weights = _weights(len(self._players))
        self.at_once = max(1, _ROWS_AT_ONCE >> len(self._players))
        self._values = [
            (j, self._players.index(o), float(imputer.mean[j]))
            for j, o in enumerate(owner)
            if plan.kind[j] != MISSING
        ]
        seat = {j: i for j, i, _ in self._values}
        present = (np.arange(self._weights.shape[1])[:, None] >> np.arange(len(self._players))) & 1
        half_known = [seat[c] for c in plan.censored]
        self._parts = []
        # Coalitions that hold the same censored players are completed alike.
        for held in np.unique(present[:, half_known], axis=0):
            rows = np.flatnonzero((present[:, half_known] == held).all(axis=1))
            out = {c for c, there in zip(plan.censored, held, strict=True) if not there}
            kind = tuple(MEASURED if j in out else k for j, k in enumerate(plan.kind))
            self._parts.append((rows, present[rows].astype(bool), imputer.plan_of(kind)))

    def values(self, z: Sequence[Column], away: Sequence[Column]) -> list[tuple[int, Column]]:  # noqa: ARG002
        men = np.broadcast(*z).size
        worth = np.empty((self._weights.shape[1], men))
        for rows, present, plan in self._parts:
            stacked: list[Column] = [math.nan] * len(z)
            for j, player, mean in self._values:
                stacked[j] = np.where(present[:, player, None], z[j], mean).ravel()
            done = plan.complete(stacked, plan.away(stacked))
            worth[rows] = np.reshape(self._score(done), (-1, men))
        found = _weighted(self._weights, worth)
        alone = all(isinstance(value, float) for value in z)
        return list(zip(self._players, found[:, 0] if alone else found, strict=True))


def _effective(plan: Plan, slopes: Sequence[float]) -> list[float]:
    """Slopes in the measured values once what is missing follows them.

    With o measured and m missing, ``g_o + S_oo^-1 S_om g_m``.
    """
    gained = []
    for j in plan.measured:
        total = slopes[j]
        for m in plan.missing:
            total += float(plan.slopes[j, m]) * slopes[m]
        gained.append(total)
    return gained


@cache
def _weights(players: int) -> Floats:
    """How much the worth of each coalition, a bit a player, counts for each player."""
    every = range(1 << players)
    share = [
        math.factorial(size) * math.factorial(players - size - 1) / math.factorial(players)
        for size in range(players)
    ]
    weights = [
        [share[s.bit_count() - 1] if s >> i & 1 else -share[s.bit_count()] for s in every]
        for i in range(players)
    ]
    return np.array(weights, dtype=np.float64).reshape(players, 1 << players)


def _weighted(weights: Floats, worth: Floats) -> Floats:
    """Sum weights times worths over the coalitions, in halves: the same order for all."""
    parts = weights.reshape(*weights.shape, *(1,) * (worth.ndim - 1)) * worth
    while parts.shape[1] > 1:
        half = parts.shape[1] // 2
        parts = parts[:, :half] + parts[:, half:]
    return parts[:, 0]
