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

__all__ = ["mean_and_variance", "orthant_moments", "truncated_mean", "truncated_variance"]

Floats = NDArray[np.float64]

_ROOT_2, _ROOT_2_OVER_PI = math.sqrt(2.0), math.sqrt(2.0 / math.pi)
_FAR = -50.0  # beyond it 1 + a m - m^2 cancels, and the series is exact to the last digits
_DEPTH, _ROUGH_DEPTH = 32.0, 16.0  # a range ends where the log density has fallen by this
_LEAST_SLOPE = 1e-3  # a later limit that moves less than this does not move the peak
_HALVINGS = (30, 16)  # to find a peak, and where its mass ends
_NODES = {2: 24, 3: 16, 4: 14}  # in each half of a range, by the number of values
_FEWEST_NODES, _ROUGH_NODES = 10, 7
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
    return -_ROOT_2_OVER_PI / erfcx(-limits / _ROOT_2)


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


def mean_and_variance(a: float) -> tuple[float, float]:
    """Mean and variance of a standard normal value known to lie below one limit.

    Parameters
    ----------
    a : float
        The limit, in standard deviations from the mean; above minus infinity.

    Returns
    -------
    mean, variance : float
        The same bits as of :func:`truncated_mean` and :func:`truncated_variance`.

    Examples
    --------
    >>> mean, variance = mean_and_variance(0.0)
    >>> round(mean, 6), round(variance, 6)
    (-0.797885, 0.36338)
    """
    mean = -_ROOT_2_OVER_PI / float(erfcx(-a / _ROOT_2))
    if a < _FAR:
        inverse = 1.0 / (a * a)
        return mean, inverse * (1.0 - inverse * (6.0 - 50.0 * inverse))
    if a == math.inf:
        return mean, 1.0
    return mean, 1.0 + (0.0 if mean == 0 else a) * mean - mean * mean


def orthant_moments(
    upper: ArrayLike, covariance: ArrayLike, *, rough: bool = False
) -> tuple[Floats, Floats]:
    """Mean and covariance of a normal vector with every coordinate below its limit.

    Parameters
    ----------
    upper : array-like of shape (n_patients, n_values)
        Limits of each man, as differences from the mean of the vector.
    covariance : array-like of shape (n_values, n_values) or (n_patients, n_values, n_values)
        Positive definite, before truncation; one for all men, or each man's own.
    rough : bool, default=False
        Whether some 1e-4 standard deviations will do, at a sixth of the cost for four values.

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
    n, c = limits.shape
    factor = np.linalg.cholesky(np.asarray(covariance, dtype=np.float64))
    factor = np.broadcast_to(factor, (n, c, c))
    nodes = _ROUGH_NODES if rough else _NODES.get(c, _FEWEST_NODES)
    depth = _ROUGH_DEPTH if rough else _DEPTH
    step = max(1, _POINTS_AT_ONCE // (2 * nodes) ** (c - 1))
    parts = [
        _moments(limits[i : i + step], factor[i : i + step], nodes, depth)
        for i in range(0, n, step)
    ]
    return np.concatenate([m for m, _ in parts]), np.concatenate([v for _, v in parts])


def _moments(limits: Floats, factor: Floats, nodes: int, depth: float) -> tuple[Floats, Floats]:
    """Return what ``orthant_moments`` does, for few enough men to hold every point."""
    n, c = limits.shape
    values: list[Floats] = []
    log_weight = np.zeros((n, 1))
    for k in range(c - 1):
        first, *later = (_left(limits, factor, values, j) for j in range(k, c))
        rest = []
        for j, room in enumerate(later, start=k + 1):
            spread = np.sqrt(sum(factor[:, j, i, None] ** 2 for i in range(k + 1, j + 1)))
            rest.append((room / spread, factor[:, j, k, None] / spread))
        e, log_w = _points(first / factor[:, k, k, None], rest, nodes, depth)
        size = e.shape[2]
        values = [np.repeat(v, size, axis=1) for v in values]
        values.append(np.ascontiguousarray(e.reshape(n, -1)))
        log_weight = np.repeat(log_weight, size, axis=1) + log_w.reshape(n, -1)
    last = _left(limits, factor, values, c - 1) / factor[:, -1, -1, None]
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
        mean = mean + means[j][:, None] * factor[:, :, j]
    return mean, factor @ inner @ factor.transpose(0, 2, 1)


def _left(limits: Floats, factor: Floats, values: list[Floats], j: int) -> Floats:
    """Room below limit ``j`` once the values taken before are placed."""
    room = limits[:, j, None]
    for i, value in enumerate(values):
        room = room - factor[:, j, i, None] * value
    return room


def _points(
    a: Floats, rest: list[tuple[Floats, Floats]], nodes: int, depth: float
) -> tuple[Floats, Floats]:
    """Quadrature points below ``a`` and their log weights, along a new last axis."""
    low, peak, high = _range(a, rest, depth)
    x, w = _legendre(nodes)
    parts = []
    for start, end in ((low, peak), (peak, high)):
        half = 0.5 * (end - start)[..., None]
        e = 0.5 * (end + start)[..., None] + half * x
        tiny = np.finfo(float).tiny  # the upper half is empty where the peak is the limit
        parts.append((e, np.log(np.maximum(half * w, tiny)) - 0.5 * e * e))
    e, log_w = (np.concatenate(p, axis=-1) for p in zip(*parts, strict=True))
    return e, log_w


def _range(
    a: Floats, rest: list[tuple[Floats, Floats]], depth: float
) -> tuple[Floats, Floats, Floats]:
    """Lower end, peak and upper end of the mass of one value below ``a``.

    Its log density, given roughly what the later limits leave it, is concave, so
    that halving finds the peak and where it has fallen by ``depth``.
    """

    def height(e: Floats) -> Floats:
        return -0.5 * e * e + sum(log_ndtr(b - beta * e) for b, beta in rest)

    def slope(e: Floats) -> Floats:
        return -e + sum(beta * truncated_mean(b - beta * e) for b, beta in rest)

    low, high = np.minimum(0.0, a), np.minimum(0.0, a)
    for b, beta in rest:
        steep = np.abs(beta) > _LEAST_SLOPE
        edge = np.minimum((b - 10.0) / np.where(steep, beta, 1.0), a)
        low = np.where(steep & (beta > 0), np.minimum(low, edge), low)
        high = np.where(steep & (beta < 0), np.maximum(high, edge), high)
    peak = _halve(low, high, _HALVINGS[0], lambda e: slope(e) > 0)[1]
    top, fall = height(peak), np.maximum(slope(peak), 0.0)
    reach = 2 * depth / (fall + np.sqrt(fall * fall + 2 * depth))
    bottom = _halve(peak - reach, peak, _HALVINGS[1], lambda e: height(e) < top - depth)[0]
    furthest = np.minimum(a, peak + math.sqrt(2 * depth))
    beyond = _halve(peak, furthest, _HALVINGS[1], lambda e: height(e) > top - depth)[1]
    return bottom, peak, beyond


def _halve(low: Floats, high: Floats, times: int, is_low) -> tuple[Floats, Floats]:
    """Close in on the point up to which ``is_low`` holds."""
    for _ in range(times):
        middle = 0.5 * (low + high)
        below = is_low(middle)
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return low, high


@cache
def _legendre(nodes: int) -> tuple[Floats, Floats]:
    return np.polynomial.legendre.leggauss(nodes)
