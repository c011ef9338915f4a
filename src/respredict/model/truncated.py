"""Moments of normal values known only to lie below a limit.

One value has a closed form. Several of one man are taken in turn: each but the
last by Gauss-Legendre quadrature over the range that holds its mass, the last in
closed form. Nothing is random and no man's numbers depend on another's.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erfcx, log_ndtr

__all__ = ["orthant_moments", "truncated_mean", "truncated_variance"]

Floats = NDArray[np.float64]

_FAR = -50.0  # beyond it 1 + a m - m^2 cancels, and the series is exact to the last digits
_DEPTH = 32.0  # a range ends where the log density has fallen by this: 1e-14 of the peak
_HALVINGS = 40
_NODES = {2: 24, 3: 16, 4: 14}  # in each half of a range, by the number of values
_FEWEST_NODES = 10
_POINTS_AT_ONCE = 200_000


def truncated_mean(a: ArrayLike) -> Floats:
    r"""Mean of a standard normal value known to lie below a limit.

    Parameters
    ----------
    a : array-like
        Limits, in standard deviations from the mean; minus infinity is excluded.

    Returns
    -------
    ndarray
        Of the shape of ``a``; negative and below ``a``.

    Notes
    -----
    Minus the inverse Mills ratio, :math:`-\phi(a) / \Phi(a)`, through the scaled
    complementary error function, which keeps every digit however far out the limit.
    Source: Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions,
    vol. 1, 2nd ed. (1994), chapter 13, section 10.1.

    Examples
    --------
    >>> truncated_mean([0.0, -1000.0]).round(6).tolist()
    [-0.797885, -1000.001]
    """
    limits = np.asarray(a, dtype=np.float64)
    return -math.sqrt(2.0 / math.pi) / erfcx(-limits / math.sqrt(2.0))


def truncated_variance(a: ArrayLike) -> Floats:
    r"""Variance of a standard normal value known to lie below a limit.

    Parameters
    ----------
    a : array-like
        Limits, in standard deviations from the mean; minus infinity is excluded.

    Returns
    -------
    ndarray
        Of the shape of ``a``, in (0, 1].

    Notes
    -----
    :math:`1 + a m - m^2` with :math:`m` the truncated mean; beyond 50 standard
    deviations the leading terms :math:`a^{-2} - 6 a^{-4} + 50 a^{-6}`.

    Examples
    --------
    >>> truncated_variance([0.0, -1000.0])
    array([3.63380228e-01, 9.99994000e-07])
    """
    limits = np.asarray(a, dtype=np.float64)
    mean = truncated_mean(limits)
    inverse = 1.0 / np.square(np.minimum(limits, _FAR))
    series = inverse * (1.0 - inverse * (6.0 - 50.0 * inverse))
    at = np.maximum(limits, _FAR)
    near = np.where(np.isinf(at), 1.0, 1.0 + np.where(mean == 0, 0.0, at) * mean - mean * mean)
    return np.where(limits < _FAR, series, near)


def orthant_moments(upper: ArrayLike, covariance: ArrayLike) -> tuple[Floats, Floats]:
    """Mean and covariance of a normal vector with every coordinate below its limit.

    Parameters
    ----------
    upper : array-like of shape (n_patients, n_values)
        Limits of each man, as differences from the mean of the vector.
    covariance : array-like of shape (n_values, n_values)
        Positive definite, before truncation; the same for all these men.

    Returns
    -------
    mean : ndarray of shape (n_patients, n_values)
        As differences from the mean before truncation.
    covariance : ndarray of shape (n_patients, n_values, n_values)
        After truncation.

    Notes
    -----
    Separation of variables along the Cholesky factor, as in Genz, J Comput Graph
    Stat 1:141-149 (1992), with quadrature in place of random points.

    Examples
    --------
    Of two independent values, each keeps its own closed form:

    >>> mean, covariance = orthant_moments([[0.0, -1.0]], [[1.0, 0.0], [0.0, 1.0]])
    >>> bool(abs(mean - truncated_mean([0.0, -1.0])).max() < 1e-9)
    True
    """
    limits = np.asarray(upper, dtype=np.float64)
    factor = np.linalg.cholesky(np.asarray(covariance, dtype=np.float64))
    n, c = limits.shape
    points = (2 * _NODES.get(c, _FEWEST_NODES)) ** (c - 1) if c > 1 else 1
    step = max(1, _POINTS_AT_ONCE // points)
    parts = [_moments(limits[i : i + step], factor) for i in range(0, n, step)]
    return np.concatenate([m for m, _ in parts]), np.concatenate([v for _, v in parts])


def _moments(limits: Floats, factor: Floats) -> tuple[Floats, Floats]:
    """Return what ``orthant_moments`` does, for few enough men to hold every point."""
    n, c = limits.shape
    values: list[Floats] = []
    log_weight = np.zeros((n, 1))
    for k in range(c - 1):
        left = [_left(limits, factor, values, j) for j in range(k, c)]
        spread = [math.sqrt(sum(factor[j, i] ** 2 for i in range(k + 1, j + 1)))
                  for j in range(k + 1, c)]  # fmt: skip
        rest = [(room / s, factor[j, k] / s)
                for room, s, j in zip(left[1:], spread, range(k + 1, c), strict=True)]  # fmt: skip
        e, log_w = _points(left[0] / factor[k, k], rest, _NODES.get(c, _FEWEST_NODES))
        size = e.shape[2]
        values = [np.repeat(v, size, axis=1) for v in values]
        values.append(np.ascontiguousarray(e.reshape(n, -1)))
        log_weight = np.repeat(log_weight, size, axis=1) + log_w.reshape(n, -1)
    last = _left(limits, factor, values, c - 1) / factor[c - 1, c - 1]
    last = np.ascontiguousarray(np.broadcast_to(last, log_weight.shape))
    log_weight = log_weight + log_ndtr(last)
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    values.append(truncated_mean(last))
    return _along(factor, values, weight, truncated_variance(last))


def _along(
    factor: Floats, values: list[Floats], weight: Floats, within: Floats
) -> tuple[Floats, Floats]:
    """Sum over the points, in fixed order, and leave the Cholesky coordinates."""
    c = len(values)
    means = [(weight * v).sum(axis=1) for v in values]
    apart = [v - m[:, None] for v, m in zip(values, means, strict=True)]
    inner = np.empty((len(weight), c, c))
    for i in range(c):
        for j in range(i + 1):
            inner[:, i, j] = inner[:, j, i] = (weight * apart[i] * apart[j]).sum(axis=1)
    inner[:, -1, -1] += (weight * within).sum(axis=1)
    mean = np.zeros((len(weight), c))
    for j in range(c):
        mean = mean + means[j][:, None] * factor[:, j]
    return mean, np.einsum("ij,njk,lk->nil", factor, inner, factor)


def _left(limits: Floats, factor: Floats, values: list[Floats], j: int) -> Floats:
    """Room below limit ``j`` once the values taken before are placed."""
    room = limits[:, j, None]
    for i, value in enumerate(values):
        room = room - factor[j, i] * value
    return room


def _points(a: Floats, rest: list[tuple[Floats, float]], nodes: int) -> tuple[Floats, Floats]:
    """Quadrature points below ``a`` and their log weights, along a new last axis."""
    low, peak, high = _range(a, rest)
    x, w = _legendre(nodes)
    parts = []
    for start, end in ((low, peak), (peak, high)):
        half = 0.5 * (end - start)[..., None]
        e = 0.5 * (end + start)[..., None] + half * x
        tiny = np.finfo(float).tiny  # the upper half is empty where the peak is the limit
        parts.append((e, np.log(np.maximum(half * w, tiny)) - 0.5 * e * e))
    e, log_w = (np.concatenate(p, axis=-1) for p in zip(*parts, strict=True))
    return e, log_w


def _range(a: Floats, rest: list[tuple[Floats, float]]) -> tuple[Floats, Floats, Floats]:
    """Lower end, peak and upper end of the mass of one value below ``a``.

    Its log density, given roughly what the later limits leave it, is concave, so
    that halving finds the peak and where it has fallen by ``_DEPTH``.
    """
    rest = [(b, beta) for b, beta in rest if abs(beta) > 1e-8]

    def height(e: Floats) -> Floats:
        return -0.5 * e * e + sum(log_ndtr(b - beta * e) for b, beta in rest)

    def slope(e: Floats) -> Floats:
        return -e + sum(beta * truncated_mean(b - beta * e) for b, beta in rest)

    low, high = np.minimum(0.0, a), np.minimum(0.0, a)
    for b, beta in rest:
        edge = np.minimum((b - 10.0) / beta, a)
        low, high = (np.minimum(low, edge), high) if beta > 0 else (low, np.maximum(high, edge))
    peak = _halve(low, high, lambda e: slope(e) > 0)[1]
    top, fall = height(peak), np.maximum(slope(peak), 0.0)
    reach = 2 * _DEPTH / (fall + np.sqrt(fall * fall + 2 * _DEPTH))
    bottom = _halve(peak - reach, peak, lambda e: height(e) < top - _DEPTH)[0]
    furthest = np.minimum(a, peak + math.sqrt(2 * _DEPTH))
    return bottom, peak, _halve(peak, furthest, lambda e: height(e) > top - _DEPTH)[1]


def _halve(low: Floats, high: Floats, is_low) -> tuple[Floats, Floats]:
    """Close in on the point up to which ``is_low`` holds."""
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        below = is_low(middle)
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return low, high


@cache
def _legendre(nodes: int) -> tuple[Floats, Floats]:
    return np.polynomial.legendre.leggauss(nodes)
