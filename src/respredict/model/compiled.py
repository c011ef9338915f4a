"""A fitted imputer read once: raw rows to values, sorted by what the men have."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from respredict.model.patterns import CENSORED, MEASURED, MISSING
from respredict.model.plans import ABOVE, BELOW, Column, Plan

__all__ = ["PLANS_KEPT", "CompiledImputer", "Known"]

Floats = NDArray[np.float64]
Rows = slice | NDArray[np.int64]

#: Plans of so many patterns are kept.
PLANS_KEPT = 4096
_KIND_OF_SIDE = {-1.0: BELOW, 1.0: ABOVE}
_NO_KIND = -1
_MEN_READ_AT_ONCE = 16_384
_MOST_COLUMNS = 32  # two bits each


class Known(NamedTuple):
    """What is known of one man, in plain numbers: an array is dear for one.

    Parameters
    ----------
    code : int
        Stands for what he has; ``CompiledImputer.plan`` takes it.
    kind : bytes of length n_values
        ``MEASURED``, ``MISSING`` or ``CENSORED`` for each value.
    z : list of float
        One a value: logs where the imputer takes logs, the limit where censored, NaN
        where missing.
    sides : tuple of int
        -1, 0 or 1, one a value.
    """

    code: int
    kind: bytes
    z: list[float]
    sides: tuple[int, ...]

    def split(self) -> tuple[Floats, Floats, NDArray[np.int64]]:
        """Return his values, limits and sides as the imputer splits a matrix of one man."""
        Z, limits, sides = np.array([self.z]), np.zeros((1, len(self.z))), np.array([self.sides])
        censored = sides != 0
        limits[censored], Z[censored] = Z[censored], math.nan
        return Z, limits, sides


class CompiledImputer:
    """Reads raw rows as a fitted imputer does, sorted by what the men have.

    Parameters
    ----------
    imputer : CensoredGaussianImputer
        Fitted.

    Attributes
    ----------
    owner : ndarray of shape (n_values,)
        The measurement that each value belongs to: a count and its state of zero are two
        values of one.

    Examples
    --------
    >>> from respredict.model.censoring import CensoredGaussianImputer
    >>> imputer = CensoredGaussianImputer().fit([[1.0, 2.0], [2.0, 1.0], [3.0, 5.0]])
    >>> compiled = CompiledImputer(imputer)
    >>> known = compiled.read_one([2.0, np.nan])
    >>> plan, z = compiled.plan(known.code), known.z
    >>> plan.kind, round(plan.complete(z, plan.away(z))[1], 3)
    ((0, 1), 2.667)
    """

    def __init__(self, imputer: Any) -> None:
        self._imputer = imputer
        self.mean: Floats = imputer.mean_
        told = (imputer.columns_, imputer.sides_, imputer.logged_, imputer.zero_state_)
        self._columns: list[tuple[int, int, bool, bool]] = list(
            zip(*(of.tolist() for of in told), strict=True)
        )
        if len(self._columns) > _MOST_COLUMNS:
            msg = (f"measurements must be at most {_MOST_COLUMNS}, got {len(self._columns)}. "
                   "Leave some out.")  # fmt: skip
            raise ValueError(msg)
        states = np.flatnonzero(imputer.zero_state_)
        self.owner: NDArray[np.int64] = np.concatenate([np.arange(len(self._columns)), states])
        self._codes = np.dtype(
            np.uint16 if len(self._columns) <= 8 else np.uint64
        )  # 16 bits sort fast
        self.plan_of = lru_cache(PLANS_KEPT)(self._make_plan)
        self.plan = lru_cache(PLANS_KEPT)(lambda code: self.plan_of(self._kind(code)))
        self._sided = lru_cache(PLANS_KEPT)(self._make_sided)

    def __reduce__(self) -> tuple[type[CompiledImputer], tuple[Any]]:
        return CompiledImputer, (self._imputer,)

    def _make_plan(self, kind: tuple[int, ...]) -> Plan:
        return Plan(kind, self.mean, self._imputer.covariance_)

    def _kind(self, code: int) -> tuple[int, ...]:
        """Return the kind of each value: two bits of the code a measurement."""
        own = [code >> 2 * j & 3 for j in range(len(self._columns))]
        # A count that is censored is read as not 0.
        added = [MISSING if own[j] == MISSING else MEASURED for j in self.owner[len(own) :]]
        return (*own, *added)

    def _make_sided(self, code: int) -> tuple[bytes, tuple[int, ...]]:
        """Return the kind of each value but for its side, and its side."""
        kind = self._kind(code)
        sides = {BELOW: -1, ABOVE: 1}
        return bytes(min(k, CENSORED) for k in kind), tuple(sides.get(k, 0) for k in kind)

    def split(self, X: Floats) -> tuple[Floats, Floats, NDArray[np.int64]]:
        """Split a matrix as the imputer does, one man sooner.

        Parameters
        ----------
        X : ndarray of shape (n_patients, n_columns)
            As the imputer takes it.

        Returns
        -------
        Z, limits : ndarray of shape (n_patients, n_values)
            Values, NaN where missing or censored; and limits, 0 where there is none.
        sides : ndarray of int of shape (n_patients, n_values)
            -1, 0 or 1.
        """
        if len(X) != 1:
            parts: tuple[Floats, Floats, NDArray[np.int64]] = self._imputer.split(X)
            return parts
        return self.read_one(X[0].tolist()).split()

    def read_one(self, row: Sequence[float]) -> Known:
        """Read one man.

        Parameters
        ----------
        row : sequence of float of length n_columns
            As a row of what the imputer takes.

        Returns
        -------
        Known
            The same numbers as among others.

        Raises
        ------
        ValueError
            As the imputer does, and for an infinite value.
        """
        z: list[float] = []
        code, shift, zeros, logged = 0, 0, [], []
        for source, side_at, log, has_zero in self._columns:
            value, kind = row[source], MEASURED
            if side_at >= 0 and row[side_at] != 0.0:
                kind = _KIND_OF_SIDE.get(row[side_at], _NO_KIND)
            if kind == _NO_KIND or value - value != 0.0:  # neither NaN nor infinite is 0 off itself
                if value == value or kind != MEASURED:
                    self._refuse(np.array([row]))
                kind = MISSING
            if has_zero:
                none = value == 0 and kind == MEASURED
                zeros.append(math.nan if kind == MISSING else float(none))
                value = 1.0 if none else value
            if log and kind != MISSING:
                logged.append(len(z))
                if value <= 0:
                    self._refuse(np.array([row]))
            code |= kind << shift
            shift += 2
            z.append(value)
        for j, value in zip(logged, np.log([z[j] for j in logged]).tolist(), strict=True):
            z[j] = value
        kinds, sides = self._sided(code)
        return Known(code, kinds, z + zeros, sides)

    def read(
        self, X: Floats, at_once: Callable[[int], int]
    ) -> Iterator[tuple[int, Rows, list[Column]]]:
        """Read many men, those who have the same values together.

        Parameters
        ----------
        X : ndarray of shape (n_patients, n_columns)
            As the imputer takes it.
        at_once : callable
            Returns how many men of a code are wanted at once.

        Yields
        ------
        code : int
            Stands for what they have.
        rows : slice or ndarray of int
            Who they are.
        z : list of ndarray
            As of ``Known``.

        Raises
        ------
        ValueError
            As the imputer does, and for an infinite value.
        """
        held = np.empty((X.shape[1], min(len(X), _MEN_READ_AT_ONCE)))
        for start in range(0, len(X), _MEN_READ_AT_ONCE):
            part = X[start : start + _MEN_READ_AT_ONCE]
            raw = held[:, : len(part)]
            raw[...] = part.T
            codes = self._code(raw, X)
            for code, among in _alike(codes, len(part)):
                size = at_once(code)
                for first in range(0, len(among), size):
                    some = among[first : first + size]
                    if isinstance(some, range):
                        where: Rows = slice(start + some.start, start + some.stop)
                        yield code, where, self._values(code, raw, slice(some.start, some.stop))
                    else:
                        yield code, start + some, self._values(code, raw, some)

    def _code(self, raw: Floats, X: Floats) -> NDArray[Any] | None:
        """Return what each man has, None if all have everything measured."""
        total: NDArray[Any] | None = None
        for j, (source, side_at, log, has_zero) in enumerate(self._columns):
            value, kind = raw[source], None
            side = raw[side_at] if side_at >= 0 else None
            low, high = value.min(), value.max()
            if low != low:
                gone = np.isnan(value)
                kind = gone.astype(self._codes)
                low, high = np.fmin.reduce(value), np.fmax.reduce(value)
            if side is not None and (side.min() != 0 or side.max() != 0):
                below, above = side == -1, side == 1
                known = np.count_nonzero(below) + np.count_nonzero(above)
                if known < np.count_nonzero(side) or (kind is not None and side[gone].any()):
                    self._refuse(X)
                sides = below * self._codes.type(BELOW) + above * self._codes.type(ABOVE)
                kind = sides if kind is None else kind + sides
            if log and low <= 0:
                none = value == 0 if has_zero else np.zeros(len(value), dtype=bool)
                if has_zero and side is not None:
                    none &= side == 0
                if ((value <= 0) & ~none).any():
                    self._refuse(X)
            if low == -np.inf or high == np.inf:
                self._refuse(X)
            if kind is not None:
                kind <<= self._codes.type(2 * j)
                total = kind if total is None else total | kind
        return total

    def _values(self, code: int, raw: Floats, rows: Rows) -> list[Column]:
        """Return the values of men of one code."""
        z: list[Column] = []
        zeros: list[Column] = []
        for j, (source, _, log, has_zero) in enumerate(self._columns):
            kind = code >> 2 * j & 3
            value: Any = math.nan if kind == MISSING else raw[source][rows]
            if has_zero and kind == MISSING:
                zeros.append(math.nan)
            elif has_zero:
                none = (value == 0) & (kind == MEASURED)
                zeros.append(none.astype(np.float64))
                value = np.where(none, 1.0, value)
            z.append(np.log(value) if log and kind != MISSING else value)
        return z + zeros

    def _refuse(self, X: Floats) -> NoReturn:
        """Raise what the imputer does, who finds the same fault, and says where."""
        self._imputer.split(X)
        msg = "values must be finite or missing, got an infinite one. Leave it empty if unknown."
        raise ValueError(msg)


def _alike(codes: NDArray[Any] | None, n: int) -> Iterator[tuple[int, range | NDArray[np.int64]]]:
    """Yield each code and the men who have it."""
    if codes is None:
        yield 0, range(n)
        return
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    ends = [*(np.flatnonzero(ordered[1:] != ordered[:-1]) + 1).tolist(), n]
    start = 0
    for end in ends:
        yield int(ordered[start]), order[start:end]
        start = end
