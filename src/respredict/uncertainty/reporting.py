"""How a clinic's laboratories report what lies beyond their limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Reporting"]

Floats = NDArray[np.float64]

_ROUNDING = 0.01  # a number may pass a limit by so much of its log
_SAME_LIMIT = 0.05  # limits nearer than this, on the log, are one
_SIDES = (-1, 1)


@dataclass(frozen=True, eq=False)
class Reporting:
    """Where numbers end and sides of limits begin, for each value.

    Parameters
    ----------
    numbers : ndarray of shape (2, n_values)
        Least and greatest number written of each value, limits included; infinite
        where no side of a limit was ever reported below, or above.
    least, most : ndarray of shape (2, n_values)
        Least and greatest limit reported below it and above it; infinite apart
        where none was.

    Examples
    --------
    A laboratory that writes ``<20`` writes neither 14 nor ``<73``:

    >>> Z, limits = np.log([[31.0], [np.nan]]), np.log([[1.0], [20.0]])
    >>> reporting = Reporting.of(Z, limits, np.array([[0], [-1]]))
    >>> new, at = np.log([[14.0], [25.0], [np.nan]]), np.log([[1.0], [1.0], [73.0]])
    >>> reporting.broken(new, at, np.array([[0], [0], [-1]])).ravel().tolist()
    [True, False, True]
    """

    numbers: Floats
    least: Floats
    most: Floats

    @classmethod
    def unlimited(cls, n_values: int) -> Self:
        """Return the reporting of men none of whom has a censored value.

        Parameters
        ----------
        n_values : int
            Values of a man.
        """
        far = np.full((2, n_values), np.inf)
        return cls(np.stack([-far[0], far[1]]), -far, far)

    @classmethod
    def of(cls, Z: Floats, limits: Floats, censor: NDArray[np.int64]) -> Self:
        """Read from men how their laboratories report.

        Parameters
        ----------
        Z, limits, censor : ndarray of shape (n_patients, n_values)
            As ``CensoredGaussianImputer.split`` gives them.

        Returns
        -------
        Reporting
            Theirs.
        """
        made = cls.unlimited(Z.shape[1])
        for i, side in enumerate(_SIDES):
            for j in np.flatnonzero((censor == side).any(axis=0)):
                seen = limits[censor[:, j] == side, j]
                made.least[i, j], made.most[i, j] = seen.min(), seen.max()
                written = np.concatenate([seen, Z[~np.isnan(Z[:, j]), j]])
                made.numbers[i, j] = written.min() if side < 0 else written.max()
        return made

    @property
    def n_values(self) -> int:
        """Values of a man."""
        return int(self.numbers.shape[1])

    def broken(
        self, Z: Floats, limits: Floats, censor: NDArray[np.int64]
    ) -> NDArray[np.bool_] | None:
        """Say which values these laboratories would have reported otherwise.

        Parameters
        ----------
        Z, limits, censor : ndarray of shape (n_patients, n_values)
            As ``CensoredGaussianImputer.split`` gives them.

        Returns
        -------
        ndarray of bool of shape (n_patients, n_values) or None
            None if nobody has such a value.
        """
        low, high = self.numbers
        wrong = ((Z - low) < -_ROUNDING) | ((Z - high) > _ROUNDING)
        if censor.any():
            for i, side in enumerate(_SIDES):
                other = limits < self.least[i] - _SAME_LIMIT
                other |= limits > self.most[i] + _SAME_LIMIT
                wrong |= (censor == side) & other
        return wrong if wrong.any() else None

    def broken_of(self, z: Sequence[float], sides: Sequence[int]) -> list[bool] | None:
        """Say which values of one man these laboratories would have reported otherwise.

        Parameters
        ----------
        z : sequence of float of length n_values
            The limit where censored, NaN where missing.
        sides : sequence of int of length n_values
            -1, 0 or 1.

        Returns
        -------
        list of bool of length n_values or None
            As of :meth:`broken`.
        """
        wrong = []
        for value, side, (low, high, *limits) in zip(z, sides, self._plain, strict=True):
            if side:
                least, most = limits[side > 0]
                wrong.append(value < least - _SAME_LIMIT or value > most + _SAME_LIMIT)
            else:
                wrong.append(value - low < -_ROUNDING or value - high > _ROUNDING)
        return wrong if True in wrong else None

    @cached_property
    def _plain(self) -> list[tuple[Any, ...]]:
        """Return least and greatest number and, by side, limits; one a value."""
        ends = zip(self.least.tolist(), self.most.tolist(), strict=True)
        limits = [list(zip(*of, strict=True)) for of in ends]
        return list(zip(*self.numbers.tolist(), *limits, strict=True))

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON, null where nothing was seen."""
        return {
            name: [[v if np.isfinite(v) else None for v in line] for line in value.tolist()]
            for name, value in (("numbers", self.numbers), ("least", self.least),
                                ("most", self.most))
        }  # fmt: skip

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Self:
        """Make the reporting that ``as_dict`` told.

        Parameters
        ----------
        told : mapping
            From JSON.

        Returns
        -------
        Reporting
            With the same bits.

        Raises
        ------
        ValueError
            If a key is missing or the shapes disagree.
        """
        if set(told) != {"numbers", "least", "most"}:
            msg = f"reporting must have numbers, least and most, got {sorted(told)}. Write them."
            raise ValueError(msg)
        made = cls.unlimited(len(told["numbers"][0]))
        for name, lines in told.items():
            known = np.array(lines, dtype=float)
            of = getattr(made, name)
            if known.shape != of.shape:
                msg = f"{name} must have shape {of.shape}, got {known.shape}. Write one a value."
                raise ValueError(msg)
            of[:] = np.where(np.isnan(known), of, known)
        return made
