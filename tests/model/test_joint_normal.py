"""Tests of the joint normal: its fit against direct maximisation, its laws and its bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from respredict.model.joint_normal import conditional_mean, fit_joint_normal, regressions

MEAN = np.array([0.3, -0.2, 1.0])
S = np.array([[1.0, 0.5, -0.2], [0.5, 1.5, 0.3], [-0.2, 0.3, 0.8]])


def _sample(n: int, seed: int, *, missing: float, limits: dict[int, float]) -> tuple:
    random = np.random.default_rng(seed)
    Z = MEAN + random.standard_normal((n, 3)) @ np.linalg.cholesky(S).T
    censor, at = np.zeros((n, 3), int), np.zeros((n, 3))
    for j, limit in limits.items():
        censor[:, j], at[:, j] = np.where(Z[:, j] < limit, -1, 0), limit
    gone = random.random((n, 3)) < missing
    censor[gone] = 0
    Z[gone | (censor != 0)] = np.nan
    return Z, at, censor


def _log_likelihood(theta: np.ndarray, Z: np.ndarray, at: np.ndarray, censor: np.ndarray) -> float:
    """Return the likelihood of what is known, man by man, by SciPy's own densities."""
    L = np.zeros((3, 3))
    L[np.tril_indices(3)] = theta[3:]
    mean, cov, total = theta[:3], L @ L.T + 1e-12 * np.eye(3), 0.0
    for z, limit, side in zip(Z, at, censor, strict=True):
        o, c = np.flatnonzero(~np.isnan(z)), np.flatnonzero(side)
        m, v = mean[c], cov[np.ix_(c, c)]
        if len(o):
            total += multivariate_normal.logpdf(z[o], mean[o], cov[np.ix_(o, o)])
            B = np.linalg.solve(cov[np.ix_(o, o)], cov[np.ix_(o, c)]).T
            m, v = m + B @ (z[o] - mean[o]), v - B @ cov[np.ix_(o, c)]
        if len(c):
            total += multivariate_normal.logcdf(limit[c], m, v)
    return total


@pytest.mark.parametrize(
    ("missing", "limits"), [(0.25, {}), (0.1, {1: -0.8}), (0.0, {0: -0.3, 1: -0.6})]
)
def test_the_fit_is_the_maximum_of_the_likelihood(missing: float, limits: dict) -> None:
    """A general optimiser, started at the fit, finds nothing better and stays there."""
    data = _sample(40, 3, missing=missing, limits=limits)
    fitted = fit_joint_normal(*data, tol=1e-10, max_iter=5000)
    start = np.concatenate([fitted.mean, np.linalg.cholesky(fitted.covariance)[np.tril_indices(3)]])
    from_afar = np.concatenate([np.zeros(3), np.eye(3)[np.tril_indices(3)]])
    best = minimize(lambda t: -_log_likelihood(t, *data), from_afar, method="BFGS", tol=1e-6)
    assert _log_likelihood(start, *data) >= -best.fun - 1e-6
    assert np.abs(best.x - start).max() < 2e-3
    steps = 1e-4 * np.eye(9)
    slope = [_log_likelihood(start + h, *data) - _log_likelihood(start - h, *data) for h in steps]
    assert np.abs(slope).max() / 2e-4 < 1e-3


def test_complete_men_give_mean_and_covariance() -> None:
    """Without holes the fit is the sample's mean and covariance."""
    Z = np.random.default_rng(0).standard_normal((30, 4))
    fitted = fit_joint_normal(Z, np.zeros_like(Z), np.zeros_like(Z))
    assert np.allclose(fitted.mean, Z.mean(axis=0), atol=1e-12)
    assert np.allclose(fitted.covariance, np.cov(Z.T, bias=True), rtol=1e-6, atol=1e-7)
    assert fitted.converged


def test_counts_stand_for_repeated_men() -> None:
    """Weights of whole numbers equal men written as often."""
    Z, at, censor = _sample(50, 4, missing=0.15, limits={1: -0.5, 2: 0.4})
    count = np.random.default_rng(0).integers(1, 4, 50)
    rows = np.repeat(np.arange(50), count)
    weighted = fit_joint_normal(Z, at, censor, weight=count)
    repeated = fit_joint_normal(Z[rows], at[rows], censor[rows])
    assert np.allclose(weighted.mean, repeated.mean, atol=1e-9)
    assert np.allclose(weighted.covariance, repeated.covariance, atol=1e-9)


def test_a_warm_start_arrives_at_the_same_place_sooner() -> None:
    """Started at its own result the fit stops at once, and there."""
    data = _sample(300, 5, missing=0.15, limits={1: -0.5})
    cold = fit_joint_normal(*data)
    warm = fit_joint_normal(*data, start=(cold.mean, cold.covariance))
    assert warm.n_iter <= 2 < cold.n_iter
    assert np.allclose(warm.mean, cold.mean, atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31 - 1), st.floats(-5, 5), st.floats(0.1, 10))
def test_units_and_the_order_of_men_do_not_matter(seed: int, shift: float, scale: float) -> None:
    """A column shifted and stretched, and men turned about, give the same fit in those units."""
    Z, at, censor = _sample(60, seed, missing=0.1, limits={1: -0.5})
    turned = np.random.default_rng(seed).permutation(60)
    Z2, at2 = Z.copy(), at.copy()
    Z2[:, 1], at2[:, 1] = shift + scale * Z[:, 1], shift + scale * at[:, 1]
    one = fit_joint_normal(Z, at, censor)
    two = fit_joint_normal(Z2[turned], at2[turned], censor[turned])
    stretch = np.array([1.0, scale, 1.0])
    assert np.allclose(two.mean, one.mean * stretch + [0, shift, 0], atol=1e-6 * max(1, scale))
    back = two.covariance / np.outer(stretch, stretch)
    assert np.allclose(back, one.covariance, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.floats(-6, 6), st.floats(-4, 4), st.floats(0.01, 3), st.sampled_from([-1, 1]))
def test_a_censored_value_is_served_beyond_its_limit_and_moves_with_it(
    limit: float, known: float, step: float, side: int
) -> None:
    """Served values lie on their side of the limit, and follow it when it moves."""
    at = np.array([[0.0, limit, 0.0], [0.0, limit + step, 0.0]])
    Z = np.array([[known, np.nan, np.nan]] * 2)
    served = conditional_mean(Z, at, [[0, side, 0]] * 2, MEAN, S)
    assert (side * (served[:, 1] - at[:, 1]) > 0).all()
    assert served[1, 1] >= served[0, 1]
    assert np.array_equal(served[:, 0], Z[:, 0])


def test_two_censored_values_agree_with_random_men() -> None:
    """A man with one value below, one above a limit is served the mean of such men."""
    random = np.random.default_rng(0)
    men = MEAN + random.standard_normal((1_000_000, 3)) @ np.linalg.cholesky(S).T
    men = men[(men[:, 0] < 0.0) & (men[:, 1] > 0.3)]
    served = conditional_mean([[np.nan, np.nan, np.nan]], [[0.0, 0.3, 0.0]], [[-1, 1, 0]], MEAN, S)
    error = (served[0] - men.mean(axis=0)) / (men.std(axis=0) / np.sqrt(len(men)))
    assert np.abs(error).max() < 4


def test_a_man_of_whom_nothing_is_known_is_the_mean() -> None:
    """Without any value the means are served."""
    nothing = np.full((1, 3), np.nan)
    assert np.array_equal(conditional_mean(nothing, nothing, np.zeros((1, 3)), MEAN, S)[0], MEAN)


def test_regressions_agree_with_the_textbook() -> None:
    """Slopes are S_oo^-1 S_ou and the residual S_uu - S_uo S_oo^-1 S_ou."""
    slopes, residual = regressions([[True, False, True]], S)
    o, u = [0, 2], [1]
    B = np.linalg.inv(S[np.ix_(o, o)]) @ S[np.ix_(o, u)]
    assert np.allclose(slopes[0][np.ix_(o, u)], B)
    assert np.allclose(residual[0][np.ix_(u, u)], S[np.ix_(u, u)] - S[np.ix_(u, o)] @ B)
    assert not residual[0][o].any()


def test_a_mans_bits_do_not_depend_on_who_is_with_him() -> None:
    """Batches of 1, 7 and 2,000 with every kind of hole give the same bits."""
    Z, at, censor = _sample(2000, 6, missing=0.2, limits={0: 0.0, 1: 0.0, 2: 0.9})
    assert ((censor != 0).sum(axis=1) > 1).any()
    together = conditional_mean(Z, at, censor, MEAN, S)
    for size, stop in ((1, 300), (7, 2000)):
        for i in range(0, stop, size):
            rows = slice(i, i + size)
            alone = conditional_mean(Z[rows], at[rows], censor[rows], MEAN, S)
            assert np.array_equal(alone, together[rows])
