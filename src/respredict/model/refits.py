"""The model refitted on other men: what a man's probability would have been then."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from respredict.errors import BundleError
from respredict.model.affine import affine
from respredict.model.patterns import CENSORED, MEASURED, by_kind, regress
from respredict.model.truncated import orthant_moments, truncated_mean

__all__ = ["Refits", "fit_refits"]

Floats = NDArray[np.float64]
Say = Callable[[str], None]

_KIND = "affine"  # a model of another kind gets a class and a word of its own
_FEWEST = 5  # men of either outcome in a resample
_DRAWS = 1000  # resamples drawn at most, for each kept
_TOLERANCE = 1e-5  # of the imputer in a resample, in standard deviations
_MEN_AT_ONCE = 256  # times 200 refits: 400 kB, which a cache holds
_PATTERNS_KEPT = 256
_DATE = (1980, 1, 1, 0, 0, 0)


class _Plan(NamedTuple):
    """The refits for men who have the same values: weighted sums of those.

    Without ``censored``, ``intercept + sum_j slopes[j] z_j`` is all. Else each censored
    value has its expected place ``at + sum_j to[j] z_j``, its own spread, and what a
    step of it moves: itself and the missing values that follow it.
    """

    measured: list[int]
    intercept: Floats  # (n_refits,)
    slopes: Floats  # (n_measured, n_refits)
    censored: list[int]
    at: Floats  # (n_censored, n_refits)
    to: Floats  # (n_measured, n_censored, n_refits)
    spread: Floats  # (n_refits, n_censored, n_censored)
    pull: Floats  # (n_censored, n_refits)


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
    Percentiles of bootstrap refits. Source: Efron and Tibshirani, An Introduction to
    the Bootstrap (1993), chapter 13. They are about the mean prediction of models
    fitted to other men of the same kind; one such model varies more, as it is itself
    one draw.

    Examples
    --------
    >>> ones = np.ones((3, 1, 1))
    >>> refits = Refits(np.array([-1.0, 0.0, 1.0]), np.ones((3, 1)), np.zeros((3, 1)), ones)
    >>> none = np.zeros((1, 1))
    >>> low, high = refits.interval(np.array([[0.5]]), none, none)
    >>> low.round(3), high.round(3)
    (array([0.401]), array([0.802]))
    """

    intercept: Floats
    slopes: Floats
    mean: Floats
    covariance: Floats
    _plan: Callable[[bytes], _Plan] = field(init=False, repr=False)

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
            msg = ("covariance of the refits must be positive definite, got one that is not. "
                   "Train the model again.")  # fmt: skip
            raise BundleError(msg)
        object.__setattr__(self, "_plan", lru_cache(_PATTERNS_KEPT)(self._make_plan))

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
        values, bounds, sides = _arrays(Z, limits, censor)
        eta = np.empty((len(values), len(self.intercept)))
        for kind, rows in by_kind(values, sides):
            eta[rows] = _score(self._plan(kind), values[rows], bounds[rows], sides[rows])
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
        values, bounds, sides = _arrays(Z, limits, censor)
        ends = np.empty((2, len(values)))
        for start in range(0, len(values), _MEN_AT_ONCE):
            part = slice(start, start + _MEN_AT_ONCE)
            men, out = (values[part], bounds[part], sides[part]), ends[:, part]
            for kind, rows in by_kind(men[0], men[2]):
                eta = _score(self._plan(kind), *(of[rows] for of in men))
                eta.sort(axis=1)
                out[0, rows] = _percentile(eta, (1 - level) / 2)
                out[1, rows] = _percentile(eta, (1 + level) / 2)
        low, high = expit(ends)
        return low, high

    def to_bytes(self) -> bytes:
        """Write the arrays as an ``.npz`` file: the same bytes for the same refits."""
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
            for name in ("intercept", "slopes", "mean", "covariance"):
                member = io.BytesIO()
                value = np.ascontiguousarray(getattr(self, name), dtype="<f8")
                np.lib.format.write_array(member, value, version=(1, 0), allow_pickle=False)
                info = zipfile.ZipInfo(f"{_KIND}_{name}.npy", _DATE)
                archive.writestr(info, member.getvalue())
        return content.getvalue()

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
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as held:
                arrays = {name: np.asarray(held[name], dtype=np.float64) for name in held.files}
        except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
            msg = f"the refits must be an .npz file of numbers, got {error}. Train the model again."
            raise BundleError(msg) from error
        wanted = [f"{_KIND}_{name}" for name in ("intercept", "slopes", "mean", "covariance")]
        if sorted(arrays) != sorted(wanted):
            msg = (f"the refits must hold {', '.join(wanted)}, got {', '.join(sorted(arrays))}. "
                   "Use the version of respredict that wrote them.")  # fmt: skip
            raise BundleError(msg)
        return cls(*(arrays[name] for name in wanted))

    def _make_plan(self, kind: bytes) -> _Plan:
        """Work out once what holds for all men who have the same values."""
        state = np.frombuffer(kind, dtype=np.int8)
        o, u = np.flatnonzero(state == MEASURED), np.flatnonzero(state != MEASURED)
        c = np.flatnonzero(state[u] == CENSORED)
        follow, residual = regress(self.covariance, o, u)
        gain = (follow * self.slopes[:, None, u]).sum(axis=2)
        intercept = self.intercept + (self.slopes[:, u] * self.mean[:, u]).sum(axis=1)
        intercept = intercept - (gain * self.mean[:, o]).sum(axis=1)
        to = follow[:, :, c]
        at = self.mean[:, u[c]] - (to * self.mean[:, o, None]).sum(axis=1)
        spread = residual[:, c[:, None], c]
        step = np.linalg.solve(spread, residual[:, c])
        pull = (step * self.slopes[:, None, u]).sum(axis=2)
        return _Plan(
            o.tolist(), intercept, _lines(self.slopes[:, o] + gain), u[c].tolist(),
            _lines(at), np.ascontiguousarray(to.transpose(1, 2, 0)), spread, _lines(pull),
        )  # fmt: skip


def _arrays(
    Z: ArrayLike, limits: ArrayLike, censor: ArrayLike
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    return np.asarray(Z, dtype=np.float64), np.asarray(limits, dtype=np.float64), np.asarray(censor)


def _lines(of_refits: Floats) -> Floats:
    return np.ascontiguousarray(of_refits.T)


def _percentile(ordered: Floats, share: float) -> Floats:
    """Return a percentile of each row, linear between two places."""
    last = ordered.shape[1] - 1
    k = int(share * last)
    low, high = ordered[:, k], ordered[:, min(k + 1, last)]
    return low + (share * last - k) * (high - low)


def _score(plan: _Plan, Z: Floats, limits: Floats, censor: NDArray[np.int64]) -> Floats:
    """Log-odds of men who have the same values, with every refit."""
    total = np.empty((len(Z), len(plan.intercept)))
    total[:] = plan.intercept
    for j, slope in zip(plan.measured, plan.slopes, strict=True):
        total += Z[:, j, None] * slope
    if plan.censored:
        total += _pulled(plan, Z, limits, censor)
    return total


def _pulled(plan: _Plan, Z: Floats, limits: Floats, censor: NDArray[np.int64]) -> Floats:
    """Log-odds that the sides of the censored values bring."""
    sides, room = [], []
    for i, c in enumerate(plan.censored):
        expected = plan.at[i]
        for j, to in zip(plan.measured, plan.to[:, i], strict=True):
            expected = expected + Z[:, j, None] * to
        sides.append(-censor[:, c, None].astype(float))
        room.append(sides[-1] * (limits[:, c, None] - expected))
    if len(room) == 1:
        sd = np.sqrt(plan.spread[:, 0, 0])
        return plan.pull[0] * (sides[0] * (sd * truncated_mean(room[0] / sd)))
    n_refits, n_censored = plan.spread.shape[:2]
    shape = (len(Z), n_refits, n_censored)
    turn = np.stack([np.broadcast_to(s, shape[:2]) for s in sides], axis=2)
    spread = plan.spread * turn[..., :, None] * turn[..., None, :]
    upper = np.stack(np.broadcast_arrays(*room), axis=2).reshape(-1, n_censored)
    mean = orthant_moments(upper, spread.reshape(-1, n_censored, n_censored))[0].reshape(shape)
    total = np.zeros(shape[:2])
    for i in range(n_censored):
        total = total + plan.pull[i] * (sides[i] * mean[..., i])
    return total


def fit_refits(
    build: Callable[[], Any], X: Any, y: ArrayLike, *, seed: int, fitted: Any,
    n_refits: int = 200, say: Say = lambda _: None,
) -> Refits | None:  # fmt: skip
    """Fit the model again to resamples of its men, choosing everything anew.

    Parameters
    ----------
    build : callable
        Returns the unfitted pipeline: imputer, features and classifier.
    X : DataFrame of shape (n_patients, n_columns)
        One row a man, as the pipeline takes it.
    y : array-like of shape (n_patients,)
        Two classes.
    seed : int
        The same seed draws the same resamples.
    fitted : sklearn.pipeline.Pipeline
        ``build()`` fitted to all men: the imputers start from its own.
    n_refits : int, default=200
        At least 1.
    say : callable, default: silent
        Told what is being done.

    Returns
    -------
    Refits or None
        None, and said, for a model that is no weighted sum of its completed values.

    Raises
    ------
    ValueError
        If ``n_refits`` is below 1, or a class has too few men to be resampled.

    Notes
    -----
    A man drawn twice counts twice and is dealt into one fold. A resample with fewer
    than five men of either class, or a column with no measured value, is drawn again.

    Examples
    --------
    >>> import pandas as pd
    >>> from respredict.model.candidates import build_pipeline, matrix_columns
    >>> random = np.random.default_rng(0)
    >>> men = pd.DataFrame(np.column_stack([
    ...     random.normal(350, 80, 40), random.uniform(2, 9, 40), np.zeros((40, 2))]),
    ...     columns=matrix_columns("t_lh"))
    >>> improved = men["lh_iu_l"] < 5
    >>> build = lambda: build_pipeline("t_lh")
    >>> fitted = build().fit(men, improved)
    >>> fit_refits(build, men, improved, n_refits=5, seed=1, fitted=fitted).slopes.shape
    (5, 2)
    """
    if n_refits < 1:
        msg = f"n_refits must be at least 1, got {n_refits}. Use 200."
        raise ValueError(msg)
    if affine(fitted) is None:
        say("no refits: this kind of model has no interval yet")
        return None
    say(f"refitting to {n_refits} resamples")
    matrix = np.asarray(X, dtype=np.float64)
    known = ~np.isnan(fitted[0].split(matrix)[0][:, : len(fitted[0].columns_)])
    classes, outcome = np.unique(np.asarray(y), return_inverse=True)
    random = np.random.default_rng(seed)
    learnt = []
    for _ in range(n_refits):
        weight = _resample(random, outcome, known)
        rows = np.flatnonzero(weight)
        men = X.iloc[rows] if hasattr(X, "iloc") else matrix[rows]
        learnt.append(_refit(build(), men, classes[outcome[rows]], weight[rows], fitted[0]))
    return Refits(*(np.stack(values) for values in zip(*learnt, strict=True)))


def _resample(
    random: np.random.Generator, outcome: NDArray[np.int64], known: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Draw how often each man counts, until everything can be learnt from them."""
    n = len(outcome)
    for _ in range(_DRAWS):
        weight = random.multinomial(n, np.full(n, 1.0 / n))
        improved = int((weight * outcome).sum())
        if min(improved, n - improved) >= _FEWEST and known[weight > 0].any(axis=0).all():
            return weight
    msg = (f"y must hold enough men of either class to resample {_FEWEST} of each, got "
           f"{int(outcome.sum())} of {n} in one. Pool sites.")  # fmt: skip
    raise ValueError(msg)


def _refit(
    pipeline: Any, X: Any, y: NDArray[Any], weight: NDArray[np.int64], start: Any
) -> tuple[float, Floats, Floats, Floats]:
    imputer, classifier = pipeline.steps[0][0], pipeline.steps[-1][0]
    pipeline[0].set_params(mean_init=start.mean_, covariance_init=start.covariance_, tol=_TOLERANCE)
    counts = {f"{step}__sample_weight": weight for step in (imputer, classifier)}
    pipeline.fit(X, y, **counts)
    found = affine(pipeline)
    assert found is not None
    return found[0], found[1], pipeline[0].mean_, pipeline[0].covariance_
