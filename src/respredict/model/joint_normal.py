"""A joint normal fitted to values some of which are missing, some below or above a limit.

A man's numbers must not depend on who is with him, to the last bit: what depends on
more than one value is a small solve per pattern of measured values, and what is
done per man is sums over columns in fixed order, never a matrix product over men.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from respredict.model.truncated import orthant_moments, truncated_mean, truncated_variance

__all__ = ["JointNormal", "conditional_mean", "fit_joint_normal", "regressions"]

Floats = NDArray[np.float64]

_SMALLEST = 1e-10  # variance kept by a constant column, as a fraction of its scale squared


@dataclass(frozen=True, slots=True)
class JointNormal:
    """A fitted joint normal.

    Parameters
    ----------
    mean : ndarray of shape (n_values,)
        Means.
    covariance : ndarray of shape (n_values, n_values)
        Positive definite.
    n_iter : int
        Steps taken.
    converged : bool
        Whether the last step was within the tolerance.

    Examples
    --------
    >>> JointNormal(np.zeros(1), np.eye(1), n_iter=2, converged=True).converged
    True
    """

    mean: Floats
    covariance: Floats
    n_iter: int
    converged: bool


@dataclass(frozen=True, slots=True)
class _Men:
    """Rows sorted by what is known of them, once for every step of a fit."""

    Z: Floats
    limits: Floats
    censor: NDArray[np.int64]
    observed: NDArray[np.bool_]
    patterns: NDArray[np.bool_]
    which: NDArray[np.int64]
    once: NDArray[np.int64]
    column: NDArray[np.int64]
    often: tuple[NDArray[np.int64], ...]


def _sort(Z: ArrayLike, limits: ArrayLike, censor: ArrayLike) -> _Men:
    values = np.asarray(Z, dtype=np.float64)
    sides = np.asarray(censor).astype(np.int64)
    observed = ~np.isnan(values) & (sides == 0)
    patterns, which = _distinct(observed)
    count = np.count_nonzero(sides, axis=1)
    once = np.flatnonzero(count == 1)
    often = tuple(np.flatnonzero(count == c) for c in np.unique(count[count > 1]))
    column = np.argmax(sides[once] != 0, axis=1)
    return _Men(values, np.asarray(limits, dtype=np.float64), sides, observed, patterns,
                which, once, column, often)  # fmt: skip


def _distinct(observed: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return the distinct rows, sorted, and which of them each row is."""
    order = np.lexsort(observed.T[::-1])
    ordered, first = observed[order], np.ones(len(observed), dtype=bool)
    first[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    which = np.empty(len(observed), dtype=np.int64)
    which[order] = np.cumsum(first) - 1
    return ordered[first], which


def regressions(observed: ArrayLike, covariance: ArrayLike) -> tuple[Floats, Floats]:
    """Regress every value on the measured ones, for each pattern of what is measured.

    Parameters
    ----------
    observed : array-like of bool of shape (n_patterns, n_values)
        What is measured.
    covariance : array-like of shape (n_values, n_values)
        Positive definite.

    Returns
    -------
    slopes : ndarray of shape (n_patterns, n_values, n_values)
        ``slopes[k, j, i]``: slope of value ``i`` on measured value ``j``; 0 where
        ``j`` is not measured.
    residual : ndarray of shape (n_patterns, n_values, n_values)
        Covariance given the measured values; 0 in their rows and columns.

    Examples
    --------
    >>> slopes, residual = regressions([[True, False]], [[4.0, 2.0], [2.0, 3.0]])
    >>> float(slopes[0, 0, 1]), float(residual[0, 1, 1])
    (0.5, 2.0)
    """
    known = np.asarray(observed, dtype=bool)
    S = np.asarray(covariance, dtype=np.float64)
    block = np.where(known[:, :, None] & known[:, None, :], S, np.eye(len(S)))
    slopes = np.linalg.solve(block, np.where(known[:, :, None], S, 0.0))
    residual = np.broadcast_to(S, block.shape)
    for j in range(len(S)):
        residual = residual - S[:, j, None] * slopes[:, j, None, :]
    residual = np.where(known[:, :, None] | known[:, None, :], 0.0, residual)
    own = np.arange(len(S))
    least = np.where(known, 0.0, _SMALLEST * S[own, own])
    residual[:, own, own] = np.maximum(residual[:, own, own], least)
    return slopes, residual


def conditional_mean(
    Z: ArrayLike, limits: ArrayLike, censor: ArrayLike, mean: ArrayLike, covariance: ArrayLike
) -> Floats:
    """Complete each man's values by their mean given all that is known of him.

    Parameters
    ----------
    Z : array-like of shape (n_patients, n_values)
        Measured values (logs where the model takes logs); NaN where missing or
        known only to one side.
    limits : array-like of shape (n_patients, n_values)
        The limit where ``censor`` is not 0, on the scale of ``Z``; else ignored.
    censor : array-like of shape (n_patients, n_values)
        -1 where the value lies below its limit, 1 above, 0 otherwise.
    mean : array-like of shape (n_values,)
        Of the joint normal.
    covariance : array-like of shape (n_values, n_values)
        Of the joint normal, positive definite.

    Returns
    -------
    ndarray of shape (n_patients, n_values)
        Measured values as they are; the others completed. The same bits for a
        man whoever is with him.

    Examples
    --------
    Below a limit at the mean, a standard normal value is at minus root 2/pi:

    >>> served = conditional_mean([[np.nan]], [[0.0]], [[-1]], [0.0], [[1.0]])
    >>> served.round(4)
    array([[-0.7979]])
    """
    men = _sort(Z, limits, censor)
    return _expect(men, np.asarray(mean, float), np.asarray(covariance, float))[0]


def _expect(
    men: _Men, mean: Floats, covariance: Floats, weight: Floats | None = None
) -> tuple[Floats, Floats]:
    """Return expected values, and with weights the sum of the covariances about them."""
    slopes, residual = regressions(men.patterns, covariance)
    expected = np.tile(mean, (len(men.Z), 1))
    away = np.where(men.observed, men.Z - mean, 0.0)
    for j in range(len(mean)):
        expected = expected + slopes[men.which, j] * away[:, j, None]
    spread = np.zeros_like(covariance)
    if weight is not None:
        total = np.bincount(men.which, weight, len(men.patterns))
        spread = np.einsum("k,kij->ij", total, residual)
    _shift_once(men, expected, residual, spread, weight)
    for rows in men.often:
        _shift_often(men, rows, expected, residual, spread, weight)
    return np.where(men.observed, men.Z, expected), spread


def _shift_once(
    men: _Men, expected: Floats, residual: Floats, spread: Floats, weight: Floats | None
) -> None:
    """Move the men with one censored value to their means given its side, in place."""
    rows, j = men.once, men.column
    if not len(rows):
        return
    along = residual[men.which[rows], j]
    variance = along[np.arange(len(rows)), j]
    sd = np.sqrt(variance)
    side = men.censor[rows, j]
    a = side * (expected[rows, j] - men.limits[rows, j]) / sd
    shift = -side * truncated_mean(a) / sd
    expected[rows] = expected[rows] + along * shift[:, None]
    if weight is not None:
        kept = weight[rows] * (truncated_variance(a) - 1.0) / variance
        spread += np.einsum("n,ni,nj->ij", kept, along, along)


def _shift_often(
    men: _Men, rows: NDArray[np.int64], expected: Floats, residual: Floats, spread: Floats,
    weight: Floats | None,
) -> None:  # fmt: skip
    """Do the same for the men with two censored values, or with three and so on."""
    n_values = np.count_nonzero(men.censor[rows[0]])
    c = np.argsort(men.censor[rows] == 0, axis=1, kind="stable")[:, :n_values]
    at = rows[:, None]
    flip = -men.censor[at, c].astype(float)
    along = residual[men.which[at], c]
    inner = np.take_along_axis(along, c[:, None, :], axis=2)
    upper = flip * (men.limits[at, c] - expected[at, c])
    turn = flip[:, :, None] * flip[:, None, :]
    shift, after = orthant_moments(upper, inner * turn)
    slopes = np.linalg.solve(inner, along)
    moved = expected[rows]
    for i in range(n_values):
        moved = moved + slopes[:, i] * (flip[:, i] * shift[:, i])[:, None]
    expected[rows] = moved
    if weight is not None:
        change = slopes.transpose(0, 2, 1) @ (after * turn - inner) @ slopes
        spread += (weight[rows, None, None] * change).sum(axis=0)


def fit_joint_normal(
    Z: ArrayLike, limits: ArrayLike, censor: ArrayLike, *, weight: ArrayLike | None = None,
    start: tuple[ArrayLike, ArrayLike] | None = None, ridge: float = 1e-8, tol: float = 1e-7,
    max_iter: int = 1000,
) -> JointNormal:  # fmt: skip
    """Fit a joint normal by maximum likelihood to incomplete and censored values.

    Parameters
    ----------
    Z, limits, censor : array-like of shape (n_patients, n_values)
        As ``conditional_mean`` takes them. Every column needs a measured value.
    weight : array-like of shape (n_patients,), default=None
        How often each man counts, positive.
    start : tuple of array-like, default=None
        Mean and covariance to start from; from the columns by themselves if None.
    ridge : float, default=1e-8
        Fraction by which each variance is raised, so that columns which determine
        each other can be told apart; in [0, 1).
    tol : float, default=1e-7
        Largest change of a mean or covariance in the last step, in standard
        deviations of the columns.
    max_iter : int, default=1000
        Most steps.

    Returns
    -------
    JointNormal
        Means, covariance, steps and whether they sufficed.

    Notes
    -----
    Expectation maximisation. Source: Dempster, Laird and Rubin, J R Stat Soc B
    39:1-38 (1977); censored values enter by the moments of the truncated normal.

    Examples
    --------
    >>> Z = [[0.0, 1.0], [1.0, 2.0], [2.0, 3.5], [1.0, np.nan]]
    >>> none = np.zeros((4, 2))
    >>> fit_joint_normal(Z, none, none).mean.round(3)
    array([1.   , 2.167])
    """
    values, sides = np.asarray(Z, dtype=np.float64), np.asarray(censor)
    known = np.where(sides == 0, values, limits)
    w = np.ones(len(values)) if weight is None else np.asarray(weight, dtype=np.float64)
    share = np.where(np.isnan(known), 0.0, w[:, None])
    share = share / share.sum(axis=0)
    center = (share * np.nan_to_num(known)).sum(axis=0)
    scale = np.sqrt((share * np.square(np.nan_to_num(known - center))).sum(axis=0))
    scale = np.where(scale > 1e-12 * np.maximum(1.0, np.abs(center)), scale, 1.0)
    # a limit that is not one may hold anything; zero keeps the arithmetic quiet
    limit = (np.where(sides == 0, center, limits) - center) / scale
    men = _sort((values - center) / scale, limit, sides)
    S = np.diag((share * np.square(np.nan_to_num(known - center))).sum(axis=0) / scale**2 + ridge)
    mean, S = np.zeros(len(center)), S + _SMALLEST * np.eye(len(S))
    if start is not None:
        mean = (np.asarray(start[0], dtype=np.float64) - center) / scale
        S = np.asarray(start[1], dtype=np.float64) / np.outer(scale, scale)
    change, step = np.inf, 0
    while change >= tol and step < max_iter:
        mean_then, S_then = mean, S
        mean, S = _maximise(*_expect(men, mean, S, w), w, ridge)
        change = max(np.abs(mean - mean_then).max(), np.abs(S - S_then).max())
        step += 1
    return JointNormal(center + scale * mean, S * np.outer(scale, scale), step, bool(change < tol))


def _maximise(expected: Floats, spread: Floats, w: Floats, ridge: float) -> tuple[Floats, Floats]:
    """Mean and covariance of the completed values."""
    total = w.sum()
    mean = (w[:, None] * expected).sum(axis=0) / total
    away = expected - mean
    S = ((w[:, None] * away).T @ away + spread) / total
    S = 0.5 * (S + S.T)
    return mean, S + np.diag(ridge * np.diag(S) + _SMALLEST)
