"""Curved models refitted on other men: what a man's probability would have been then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from respredict.errors import BundleError
from respredict.model.compiled import Known
from respredict.model.patterns import MEASURED, by_kind
from respredict.uncertainty.curves import KINDS, SplineCurves, TreeCurves, curves_of
from respredict.uncertainty.ensemble import Plan, prepare, score
from respredict.uncertainty.resampling import percentile_bounds
from respredict.uncertainty.stored import moments, read_arrays, write_arrays

__all__ = ["CurvedRefits"]

Floats = NDArray[np.float64]

_MEN_AT_ONCE = 64  # times 200 refits and a few columns: what a cache holds
_PATTERNS_KEPT = 256
_IMPUTER = ("mean", "covariance")


@dataclass(frozen=True, eq=False)
class CurvedRefits:
    """A curved model fitted again to resamples of its men, each with its own imputation.

    Parameters
    ----------
    curves : SplineCurves or TreeCurves
        The models.
    mean : ndarray of shape (n_refits, n_values)
        Means of each refit's imputer.
    covariance : ndarray of shape (n_refits, n_values, n_values)
        Its covariances, positive definite.

    Raises
    ------
    BundleError
        If the shapes do not agree, a number is not finite, or a covariance is not
        positive definite.

    Notes
    -----
    As of ``Refits``: percentiles about the mean prediction of models fitted to other men
    of the same kind.

    Examples
    --------
    >>> knots = np.tile([0.0, 1.0, 2.0], (3, 1, 1))
    >>> lines = SplineCurves(np.arange(3.0) - 1, np.ones((3, 1)), knots, np.zeros((3, 1, 1)))
    >>> refits = CurvedRefits(lines, np.zeros((3, 1)), np.ones((3, 1, 1)))
    >>> none = np.zeros((1, 1))
    >>> [end.round(3).item() for end in refits.interval(np.array([[0.5]]), none, none)]
    [0.401, 0.802]
    """

    curves: SplineCurves | TreeCurves
    mean: Floats
    covariance: Floats
    _plans: Callable[[bytes], dict[int, Plan]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        n, p = self.curves.n_models, self.mean.shape[-1] if self.mean.ndim else 0
        for name, shape in (("mean", (n, p)), ("covariance", (n, p, p))):
            value = getattr(self, name)
            if value.shape != shape or not value.size or not np.isfinite(value).all():
                msg = (f"{name} of the refits must be finite numbers of shape {shape}, got shape "
                       f"{value.shape}. Train the model again.")  # fmt: skip
                raise BundleError(msg)
        if np.linalg.eigvalsh(self.covariance).min() <= 0:
            msg = "covariance of the refits must be positive definite. Train the model again."
            raise BundleError(msg)
        self.curves.check(p)
        object.__setattr__(self, "_plans", lru_cache(_PATTERNS_KEPT)(self._prepare))

    def __reduce__(self) -> tuple[type[CurvedRefits], tuple[Any, ...]]:
        return CurvedRefits, (self.curves, self.mean, self.covariance)

    def log_odds(self, Z: ArrayLike, limits: ArrayLike, censor: ArrayLike) -> Floats:
        """Score men with every refit.

        Parameters
        ----------
        Z, limits, censor : array-like of shape (n_patients, n_values)
            As ``CensoredGaussianImputer.split`` gives them.

        Returns
        -------
        ndarray of shape (n_patients, n_refits)
            Log-odds; the same bits for a man whoever is with him.
        """
        values, bounds = np.asarray(Z, dtype=np.float64), np.asarray(limits, dtype=np.float64)
        sides = np.asarray(censor)
        eta = np.empty((len(values), self.curves.n_models))
        for start in range(0, len(values), _MEN_AT_ONCE):
            part = slice(start, start + _MEN_AT_ONCE)
            z, limit, side, out = values[part], bounds[part], sides[part], eta[part]
            for kind, rows in by_kind(z, side):
                plans = self._plans(kind)
                men = z[rows], limit[rows], side[rows]
                completed = [
                    score(plans[j], *men) if j in plans else men[0][:, j : j + 1]
                    for j in range(len(kind))
                ]
                out[rows] = self.curves.score(completed)
        return eta

    def interval(
        self, Z: ArrayLike, limits: ArrayLike, censor: ArrayLike, *, level: float = 0.9
    ) -> tuple[Floats, Floats]:
        """Bound the mean prediction of models fitted to other men of the same kind.

        Parameters
        ----------
        Z, limits, censor : array-like of shape (n_patients, n_values)
            As ``CensoredGaussianImputer.split`` gives them.
        level : float, default=0.9
            Share of the refits between the bounds, in (0, 1).

        Returns
        -------
        low, high : ndarray of shape (n_patients,)
            Probabilities in (0, 1): percentiles of the log-odds, linear between two
            refits. The same bits for a man whoever is with him.

        Raises
        ------
        ValueError
            If ``level`` is out of range.
        """
        low, high = percentile_bounds(self.log_odds(Z, limits, censor), level)
        return expit(low), expit(high)

    def interval_of(self, known: Known, *, level: float = 0.9) -> tuple[float, float]:
        """Bound the mean prediction for one man.

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

    def to_bytes(self) -> bytes:
        """Write the arrays as an ``.npz`` file: the same bytes for the same refits."""
        arrays = {of.name: getattr(self.curves, of.name) for of in fields(self.curves)}
        arrays |= {name: getattr(self, name) for name in _IMPUTER}
        return write_arrays({f"{self.curves.kind}_{name}": v for name, v in arrays.items()})

    @classmethod
    def of(cls, pipelines: Sequence[Any]) -> CurvedRefits:
        """Read fitted pipelines into arrays.

        Parameters
        ----------
        pipelines : sequence of sklearn.pipeline.Pipeline
            At least one, all built alike, of a kind that has arrays.

        Returns
        -------
        CurvedRefits
            One for each.
        """
        curves = curves_of(pipelines)
        assert curves is not None
        return cls(curves, *moments(pipelines))

    @classmethod
    def from_bytes(cls, content: bytes) -> CurvedRefits:
        """Read what ``to_bytes`` wrote.

        Parameters
        ----------
        content : bytes
            Of the file.

        Returns
        -------
        CurvedRefits
            With the same bits.

        Raises
        ------
        BundleError
            If it is no such file, or holds other arrays or shapes.
        """
        arrays = read_arrays(content)
        for kind, of in KINDS.items():
            wanted = {f"{kind}_{part.name}": part.type for part in fields(of)}
            whole = [*wanted, *(f"{kind}_{name}" for name in _IMPUTER)]
            if sorted(arrays) == sorted(whole):
                typed = [_as(arrays[name], integer=wanted.get(name) == "Ints") for name in whole]
                return cls(of(*typed[:-2]), *typed[-2:])
        msg = (
            f"the refits must hold the arrays of {' or '.join(KINDS)}, got "
            f"{', '.join(sorted(arrays))}. Use the version of respredict that wrote them."
        )
        raise BundleError(msg)

    def _prepare(self, kind: bytes) -> dict[int, Plan]:
        """Complete each value that men of a kind lack: a model whose only slope is its own."""
        n, p = self.mean.shape
        plans = {}
        for j in np.flatnonzero(np.frombuffer(kind, dtype=np.int8) != MEASURED).tolist():
            slopes = np.zeros((n, p))
            slopes[:, j] = 1.0
            plans[j] = prepare(kind, np.zeros(n), slopes, self.mean, self.covariance)
        return plans


def _as(value: NDArray[Any], *, integer: bool) -> NDArray[Any]:
    if (value.dtype.kind != "i") if integer else (value.dtype.kind != "f"):
        msg = f"the refits must hold numbers, got {value.dtype}. Train the model again."
        raise BundleError(msg)
    return value
