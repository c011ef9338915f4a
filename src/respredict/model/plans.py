"""How men who have the same values are completed, worked out once for all of them.

A value is a column: an array of many men, or the float of one. The arithmetic is written
once for both. Sums and products of floats and of arrays are the same IEEE operations,
taken in the same order, and logs and error functions come from the same ufuncs; so a
man's numbers are the same to the last bit whoever is with him.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx

from respredict.model.joint_normal import regressions
from respredict.model.patterns import MEASURED, MISSING
from respredict.model.truncated import orthant_moments

__all__ = ["ABOVE", "BELOW", "Column", "Plan", "scaled_tail"]

Floats = NDArray[np.float64]

#: One value of one man, or of many.
Column = float | Floats

#: Kinds of value beside ``MEASURED`` and ``MISSING``: below its limit, above it.
BELOW, ABOVE = 2, 3

_ROOT_2 = math.sqrt(2.0)
_ROOT_2_OVER_PI = math.sqrt(2.0 / math.pi)


class _Tail(NamedTuple):
    """The mean of a value on its side of a limit, and what follows it.

    The value's mean given the measured ones moves by ``lift / erfcx((mean - limit) *
    scale)``, and each of ``follows`` by so much for each unit of that.
    """

    at: int
    scale: float
    lift: float
    follows: list[tuple[int, float]]


class Plan:
    """How men who have the same values, missing and censored alike, are completed.

    Parameters
    ----------
    kind : tuple of int
        ``MEASURED``, ``MISSING``, ``BELOW`` or ``ABOVE`` for each value.
    mean : ndarray of shape (n_values,)
        Of the joint normal.
    covariance : ndarray of shape (n_values, n_values)
        Of the joint normal, positive definite.

    Attributes
    ----------
    kind : tuple of int
        As given.
    measured, missing, censored : list of int
        Positions of the values.
    slopes : ndarray of shape (n_values, n_values)
        ``slopes[j, i]``: slope of value ``i`` on measured value ``j``.
    tail : _Tail or None
        Of the one censored value, None where there is none or more.

    Examples
    --------
    A value that follows another by half:

    >>> plan = Plan((MEASURED, MISSING), np.zeros(2), np.array([[4.0, 2.0], [2.0, 3.0]]))
    >>> z = [1.0, math.nan]
    >>> plan.complete(z, plan.away(z))
    [1.0, 0.5]
    """

    def __init__(self, kind: tuple[int, ...], mean: Floats, covariance: Floats) -> None:
        state = np.array(kind, dtype=np.int64)
        self.kind = kind
        self.measured: list[int] = np.flatnonzero(state == MEASURED).tolist()
        self.missing: list[int] = np.flatnonzero(state == MISSING).tolist()
        self.censored: list[int] = np.flatnonzero(state >= BELOW).tolist()
        slopes, residual = regressions((state == MEASURED)[None, :], covariance)
        self.slopes: Floats = slopes[0]
        self._mean: list[float] = mean.tolist()
        self._follow = [
            (u, self._mean[u], self.slopes[self.measured, u].tolist())
            for u in sorted(self.missing + self.censored)
        ]
        self._flips = [1.0 if kind[c] == BELOW else -1.0 for c in self.censored]
        self.tail = self._one_tail(residual[0]) if len(self.censored) == 1 else None
        self._settle_several(residual[0])

    def _one_tail(self, residual: Floats) -> _Tail:
        c, flip = self.censored[0], self._flips[0]
        sd = math.sqrt(residual[c, c])
        unknown = [u for u, _, _ in self._follow]
        follows = [(u, float(residual[c, u] / residual[c, c])) for u in unknown]
        return _Tail(c, flip / (sd * _ROOT_2), -flip * sd * _ROOT_2_OVER_PI, follows)

    def _settle_several(self, residual: Floats) -> None:
        """Work out how the values move with two or more censored ones."""
        if len(self.censored) < 2:
            return
        inner, flips = residual[np.ix_(self.censored, self.censored)], np.array(self._flips)
        self._inner: Floats = inner * np.outer(flips, flips)
        follows = np.linalg.solve(inner, residual[self.censored])
        self._several = [
            [(u, float(follows[i, u])) for u, _, _ in self._follow]
            for i in range(len(self.censored))
        ]

    def away(self, z: Sequence[Column]) -> list[Column]:
        """Return the measured values less the means, in the order of ``measured``."""
        return [z[j] - self._mean[j] for j in self.measured]

    def complete(self, z: Sequence[Column], away: Sequence[Column]) -> list[Column]:
        """Complete the values of some men.

        Parameters
        ----------
        z : sequence of float or ndarray of shape (n_patients,)
            One a value: as measured, the limit where censored, anything where missing.
        away : sequence of float or ndarray
            As :meth:`away` gives it.

        Returns
        -------
        list of float or ndarray
            One a value.
        """
        done = list(z)
        for u, mean, slopes in self._follow:
            total: Column = mean
            for slope, a in zip(slopes, away, strict=True):
                total += slope * a
            done[u] = total
        if self.tail is not None:
            c = self.tail.at
            step = self.tail.lift / scaled_tail((done[c] - z[c]) * self.tail.scale)
            for u, follows in self.tail.follows:
                done[u] = done[u] + follows * step
        elif self.censored:
            self._shift_several(z, done)
        return done

    def _shift_several(self, z: Sequence[Column], done: list[Column]) -> None:
        """Move the values to their means given the sides of two or more, in place."""
        room = [f * (z[c] - done[c]) for c, f in zip(self.censored, self._flips, strict=True)]
        upper = np.stack([np.atleast_1d(r) for r in room], axis=1)
        steps = orthant_moments(upper, self._inner)[0]
        for i, flip in enumerate(self._flips):
            step: Column = flip * steps[:, i]
            if isinstance(room[i], float):
                step = float(flip * steps[0, i])
            for u, follows in self._several[i]:
                done[u] = done[u] + follows * step


def scaled_tail(x: Column) -> Column:
    """Return the scaled complementary error function, of a float as a float.

    Parameters
    ----------
    x : float or ndarray
        Where.

    Returns
    -------
    float or ndarray
        ``exp(x * x) * erfc(x)``, the same bits for one as for many.

    Examples
    --------
    >>> scaled_tail(0.0)
    1.0
    """
    found = erfcx(x)
    return found if isinstance(x, np.ndarray) else float(found)
