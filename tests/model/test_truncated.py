"""Tests of the moments of truncated normal values."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate
from scipy.special import log_ndtr
from scipy.stats import truncnorm

from respredict.model.truncated import (
    mean_and_variance,
    orthant_moments,
    truncated_mean,
    truncated_variance,
)


@pytest.mark.parametrize("a", [-8.0, -3.0, -0.5, 0.0, 1.0, 6.0])
def test_one_value_has_the_moments_scipy_gives_it(a: float) -> None:
    """Mean and variance agree with SciPy's truncated normal."""
    mean, variance = truncnorm.stats(-np.inf, a, moments="mv")
    assert float(truncated_mean(a)) == pytest.approx(mean, rel=1e-9)
    assert float(truncated_variance(a)) == pytest.approx(variance, rel=1e-6)


def test_one_limit_in_plain_numbers_has_the_bits_of_many() -> None:
    """Near, far to either side, at the switch to the series, and without a limit."""
    a = np.concatenate([np.linspace(-60, 45, 2001), [-50.0, -1e6, -1e150, 1e6, np.inf]])
    alone = [mean_and_variance(limit) for limit in a.tolist()]
    assert alone == list(
        zip(truncated_mean(a).tolist(), truncated_variance(a).tolist(), strict=True)
    )


def test_the_far_tail_keeps_its_digits() -> None:
    """Far below, the mean tends to a - 1/|a| + 2/|a|^3 and the variance to 1/a^2."""
    a = -np.array([1e2, 1e4, 1e6])
    assert np.allclose(truncated_mean(a) - a, 1 / a - 2 / a**3, rtol=1e-3)
    assert np.allclose(truncated_variance(a) * a**2, 1.0, rtol=1e-3)
    assert float(truncated_mean(-1e8)) == pytest.approx(-1e8, rel=1e-15)


def test_the_variance_does_not_jump_where_the_series_begins() -> None:
    """Both forms agree at 50 standard deviations."""
    around = truncated_variance([-50.0001, -49.9999])
    assert around[1] / around[0] == pytest.approx(1.0, abs=1e-5)


def test_a_limit_above_everything_changes_nothing() -> None:
    """At plus infinity the value is a standard normal one."""
    assert float(truncated_mean(np.inf)) == 0.0
    assert float(truncated_variance(np.inf)) == 1.0


@pytest.mark.parametrize("rho", [-0.9, -0.4, 0.0, 0.41, 0.8, 0.95])
@pytest.mark.parametrize("upper", [(0.3, -0.8), (-4.0, 1.0), (2.0, 2.5), (-6.0, -5.0)])
def test_two_values_agree_with_adaptive_integration(rho: float, upper: tuple[float, float]) -> None:
    """The mean of the first of two censored values equals its integral to 1e-8."""
    root = np.sqrt(1 - rho**2)

    def height(e: float) -> float:
        return -0.5 * e * e + log_ndtr((upper[1] - rho * e) / root)

    grid = np.linspace(-30, upper[0], 20001)
    peak = grid[np.argmax(height(grid))]
    top, edges = height(peak), (max(peak - 12, -40.0), min(upper[0], peak + 12))

    def moment(power: int) -> float:
        return integrate.quad(
            lambda e: e**power * np.exp(height(e) - top), *edges,
            points=[peak], epsabs=1e-14, epsrel=1e-12, limit=400,
        )[0]  # fmt: skip

    mean = moment(1) / moment(0)
    variance = moment(2) / moment(0) - mean**2
    got, spread = orthant_moments([upper], [[1.0, rho], [rho, 1.0]])
    assert got[0, 0] == pytest.approx(mean, abs=1e-8)
    assert spread[0, 0, 0] == pytest.approx(variance, abs=1e-7)


@pytest.mark.parametrize(("n_values", "within"), [(3, 1e-8), (4, 1e-5), (5, 1e-3)])
def test_the_order_of_the_values_does_not_matter(n_values: int, within: float) -> None:
    """Taking the values in another order gives the same moments."""
    random = np.random.default_rng(n_values)
    A = random.standard_normal((n_values, n_values + 3))
    S, upper = A @ A.T / n_values, random.standard_normal((2, n_values))
    turned = random.permutation(n_values)
    mean, spread = orthant_moments(upper, S)
    mean_turned, spread_turned = orthant_moments(upper[:, turned], S[np.ix_(turned, turned)])
    assert np.abs(mean[:, turned] - mean_turned).max() < within
    assert np.abs(spread[:, turned][:, :, turned] - spread_turned).max() < 10 * within


def test_three_values_agree_with_a_million_random_men() -> None:
    """Means and covariances lie within five standard errors of Monte Carlo."""
    S = np.array([[1.0, 0.4, -0.2], [0.4, 0.8, 0.3], [-0.2, 0.3, 1.5]])
    upper = np.array([0.2, 0.5, -0.4])
    random = np.random.default_rng(0)
    men = random.standard_normal((1_000_000, 3)) @ np.linalg.cholesky(S).T
    men = men[(men < upper).all(axis=1)]
    mean, spread = orthant_moments(upper[None], S)
    assert np.abs((men.mean(axis=0) - mean[0]) / men.std(axis=0)).max() < 5 / np.sqrt(len(men))
    assert np.allclose(np.cov(men.T), spread[0], atol=0.01)


@pytest.mark.parametrize("n_values", [2, 3, 4])
def test_rough_moments_are_near_enough(n_values: int) -> None:
    """Of values correlated as hormones are, none is off by a thousandth of its spread."""
    random = np.random.default_rng(n_values)
    A = random.standard_normal((50, n_values, n_values + 2))
    S = A @ A.transpose(0, 2, 1)
    scale = np.sqrt(np.einsum("nii->ni", S))
    S = 0.5 * np.eye(n_values) + 0.5 * S / scale[:, :, None] / scale[:, None, :]
    upper = random.normal(-0.5, 1.5, (50, n_values))
    mean, spread = orthant_moments(upper, S)
    rough, rough_spread = orthant_moments(upper, S, rough=True)
    assert 0 < np.abs(rough - mean).max() < 1e-3
    assert np.abs(rough_spread - spread).max() < 1e-2


def test_a_mans_moments_do_not_depend_on_who_is_with_him() -> None:
    """One man, seven and two thousand give the same bits."""
    upper = np.random.default_rng(1).standard_normal((2000, 3))
    S = np.array([[1.0, 0.4, -0.2], [0.4, 0.8, 0.3], [-0.2, 0.3, 1.5]])
    for values, few in ((upper[:, :2], S[:2, :2]), (upper[:300], S)):
        all_at_once = orthant_moments(values, few)[0]
        assert np.array_equal(orthant_moments(values[11:18], few)[0], all_at_once[11:18])
        assert np.array_equal(orthant_moments(values[17:18], few)[0], all_at_once[17:18])
