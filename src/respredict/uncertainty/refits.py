"""The model refitted on other men: what a man's probability would have been then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from respredict.errors import BundleError
from respredict.model.affine import affine
from respredict.model.compiled import Known
from respredict.model.patterns import by_kind
from respredict.uncertainty.ensemble import Plan, prepare, score, score_one
from respredict.uncertainty.stored import moments, read_arrays, write_arrays

__all__ = ["Refits"]

Floats = NDArray[np.float64]

_KIND = "affine"  # a model of another kind gets a class and a word of its own
_MEN_AT_ONCE = 256  # times 200 refits: 400 kB, which a cache holds
_PATTERNS_KEPT = 256
_ARRAYS = ("intercept", "slopes", "mean", "covariance")


@dataclass(frozen=True, eq=False)
class Refits:
    """The model fitted again to resamples of its men, each with its own imputation.

    Parameters
    ----------
    intercept : ndarray of shape (n_refits,)
        Log-odds where every completed value is 0.
    slopes : ndarray of shape (n_refits, n_values)
        Log-odds per unit of each completed value.
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
    Percentiles of bootstrap refits, about the mean prediction of models fitted to
    other men of the same kind; one such model varies more. Source: Efron and
    Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.

    Examples
    --------
    >>> ones = np.ones((3, 1, 1))
    >>> refits = Refits(np.array([-1.0, 0.0, 1.0]), np.ones((3, 1)), np.zeros((3, 1)), ones)
    >>> none = np.zeros((1, 1))
    >>> [end.round(3).item() for end in refits.interval(np.array([[0.5]]), none, none)]
    [0.401, 0.802]
    """

    intercept: Floats
    slopes: Floats
    mean: Floats
    covariance: Floats
    _plan: Callable[[bytes], Plan] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        n, p = self.slopes.shape if self.slopes.ndim == 2 else (0, 0)
        shapes = {"intercept": (n,), "slopes": (n, p), "mean": (n, p), "covariance": (n, p, p)}
        for name, shape in shapes.items():
            value = getattr(self, name)
            if value.shape != shape or not value.size or not np.isfinite(value).all():
                msg = (f"{name} of the refits must be finite numbers of shape {shape}, got shape "
                       f"{value.shape}. Train the model again.")  # fmt: skip
                raise BundleError(msg)
        if np.linalg.eigvalsh(self.covariance).min() <= 0:
            msg = "covariance of the refits must be positive definite. Train the model again."
            raise BundleError(msg)
        object.__setattr__(self, "_plan", lru_cache(_PATTERNS_KEPT)(self._prepare))

    def __reduce__(self) -> tuple[type[Refits], tuple[Floats, Floats, Floats, Floats]]:
        return Refits, (self.intercept, self.slopes, self.mean, self.covariance)

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
        eta = np.empty((len(values), len(self.intercept)))
        for kind, rows in by_kind(values, sides):
            eta[rows] = score(self._plan(kind), values[rows], bounds[rows], sides[rows])
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
        if not 0 < level < 1:
            msg = f"level must lie in (0, 1), got {level!r}. Use 0.9 for nine in ten."
            raise ValueError(msg)
        values, bounds = np.asarray(Z, dtype=np.float64), np.asarray(limits, dtype=np.float64)
        sides = np.asarray(censor)
        ends = np.empty((2, len(values)))
        for start in range(0, len(values), _MEN_AT_ONCE):
            part = slice(start, start + _MEN_AT_ONCE)
            z, limit, side, out = values[part], bounds[part], sides[part], ends[:, part]
            for kind, rows in by_kind(z, side):
                eta = score(self._plan(kind), z[rows], limit[rows], side[rows])
                eta.sort(axis=1)
                out[0, rows] = _percentile(eta, (1 - level) / 2)
                out[1, rows] = _percentile(eta, (1 + level) / 2)
        low, high = expit(ends)
        return low, high

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
        eta = score_one(self._plan(known.kind), known)
        eta.sort()
        low, high = _percentile(eta, (1 - level) / 2), _percentile(eta, (1 + level) / 2)
        return float(expit(low)), float(expit(high))

    def to_bytes(self) -> bytes:
        """Write the arrays as an ``.npz`` file: the same bytes for the same refits."""
        return write_arrays({f"{_KIND}_{name}": getattr(self, name) for name in _ARRAYS})

    @classmethod
    def of(cls, pipelines: Sequence[Any]) -> Refits:
        """Read fitted pipelines into arrays.

        Parameters
        ----------
        pipelines : sequence of sklearn.pipeline.Pipeline
            At least one, all built alike and affine.

        Returns
        -------
        Refits
            One for each.
        """
        lines = [line for line in map(affine, pipelines) if line is not None]
        intercept, slopes = zip(*lines, strict=True)
        return cls(np.array(intercept), np.stack(slopes), *moments(pipelines))

    @classmethod
    def from_bytes(cls, content: bytes) -> Refits:
        """Read what ``to_bytes`` wrote.

        Parameters
        ----------
        content : bytes
            Of the file.

        Returns
        -------
        Refits
            With the same bits.

        Raises
        ------
        BundleError
            If it is no such file, or holds other arrays or shapes.
        """
        arrays = read_arrays(content)
        wanted = [f"{_KIND}_{name}" for name in _ARRAYS]
        if sorted(arrays) != sorted(wanted):
            msg = (f"the refits must hold {', '.join(wanted)}, got {', '.join(sorted(arrays))}. "
                   "Use the version of respredict that wrote them.")  # fmt: skip
            raise BundleError(msg)
        return cls(*(arrays[name].astype(np.float64) for name in wanted))

    def _prepare(self, kind: bytes) -> Plan:
        return prepare(kind, self.intercept, self.slopes, self.mean, self.covariance)


def _percentile(ordered: Floats, share: float) -> Any:
    """Return a percentile of each row, or of one, linear between two places."""
    last = ordered.shape[-1] - 1
    k = int(share * last)
    ends = (k, min(k + 1, last))
    low: Any
    low, high = map(ordered.item, ends) if ordered.ndim == 1 else (ordered[:, at] for at in ends)
    return low + (share * last - k) * (high - low)
