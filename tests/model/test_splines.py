"""Tests of the restricted cubic splines: a textbook's basis, straight tails, counts, bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.interpolate import CubicSpline
from sklearn.utils.estimator_checks import parametrize_with_checks

from respredict.model.splines import RestrictedSplines, bends

KNOTS = {
    3: (0.1, 0.5, 0.9),
    4: (0.05, 0.35, 0.65, 0.95),
    5: (0.05, 0.275, 0.5, 0.725, 0.95),
}


@parametrize_with_checks([RestrictedSplines(), RestrictedSplines(quantiles=KNOTS[4])])
def test_the_splines_keep_scikit_learns_conventions(estimator, check) -> None:
    """Every check of scikit-learn passes."""
    check(estimator)


@pytest.mark.parametrize("quantiles", KNOTS.values())
def test_column_and_bends_span_the_natural_splines(quantiles) -> None:
    """A natural cubic spline of scipy through any heights at the knots is matched to 1e-9."""
    random = np.random.default_rng(0)
    x = random.normal(1.8, 0.7, (300, 1))
    splines = RestrictedSplines(quantiles=quantiles).fit(x)
    knots, heights = splines.knots_[0], random.standard_normal(len(quantiles))
    natural = CubicSpline(knots, heights, bc_type="natural")
    inside = x[(x[:, 0] >= knots[0]) & (x[:, 0] <= knots[-1])]

    def design(at):
        return np.column_stack([np.ones(len(at)), splines.transform(at)])

    weights = np.linalg.solve(design(knots[:, None]), heights)
    assert np.abs(design(inside) @ weights - natural(inside[:, 0])).max() < 1e-9


# Worked by hand for knots 0, 1 and 3: (x)+^3 - (x-1)+^3 * 3/2 + (x-3)+^3 * 1/2, over 9.
@pytest.mark.parametrize(
    ("x", "ninths"), [(-1.0, 0.0), (1.0, 1.0), (2.0, 6.5), (3.0, 15.0), (5.0, 33.0)]
)
def test_a_bend_is_harrells(x: float, ninths: float) -> None:
    """His formula by hand, in and outside the knots."""
    (bend,) = bends(np.array([x]), np.array([0.0, 1.0, 3.0]))
    assert bend[0] == pytest.approx(ninths / 9.0, rel=1e-14)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=3, max_size=5, unique=True), st.floats(0.1, 100))
def test_tails_are_straight(knots: list[float], far: float) -> None:
    """Left of the first knot a bend is 0; right of the last its slope stays."""
    at = np.sort(knots)
    assume(np.diff(at).min() > 0.05)
    left, right = at[0] - far, at[-1] + far * np.arange(3.0)
    for bend in bends(np.array([left, *right]), at):
        assert bend[0] == 0.0
        size = max(1.0, float(np.abs(bend).max()))
        assert abs(np.diff(bend[1:], n=2)[0]) < 1e-7 * size * (1 + far) ** 2


def test_a_man_who_counts_twice_is_two_men() -> None:
    """Knots and output are the same to the bit; one who counts 0 is not there."""
    random = np.random.default_rng(1)
    X = random.standard_normal((80, 3)).round(1)
    count = random.integers(0, 4, 80)
    counted = RestrictedSplines().fit(X, sample_weight=count)
    repeated = RestrictedSplines().fit(np.repeat(X, count, axis=0))
    assert np.array_equal(counted.knots_, repeated.knots_)


def test_a_column_with_too_few_values_stays_straight() -> None:
    """An indicator gets no bend and is named without one."""
    X = np.column_stack([np.arange(50.0), np.arange(50) % 2])
    splines = RestrictedSplines().fit(X)
    assert splines.get_feature_names_out(["age", "state"]).tolist() == ["age", "state", "age'"]
    assert np.isnan(splines.knots_[1]).all()


def test_bits_do_not_depend_on_the_batch() -> None:
    """One man, seven and two thousand get the same bits."""
    X = np.random.default_rng(2).standard_normal((2000, 5))
    splines = RestrictedSplines(quantiles=KNOTS[5]).fit(X)
    together = splines.transform(X)
    for size, stop in ((1, 100), (7, 700)):
        for i in range(0, stop, size):
            assert np.array_equal(splines.transform(X[i : i + size]), together[i : i + size])


@pytest.mark.parametrize("quantiles", [(0.1, 0.9), (0.1, 0.1, 0.9), (0.5, 0.1, 0.9), (0, 0.5, 2)])
def test_quantiles_that_place_no_knots_are_told(quantiles) -> None:
    """They must be three at least, rise, and lie in [0, 1]."""
    with pytest.raises(ValueError, match="quantiles must be at least three rising numbers"):
        RestrictedSplines(quantiles=quantiles).fit([[1.0], [2.0], [3.0]])
