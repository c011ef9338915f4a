"""The least change of a model that new men justify."""

import json

import numpy as np
import pytest

from respredict.errors import InputError
from respredict.validation.closed_test import closed_test, fit_most_likely

B0 = np.array([-0.2, 1.0, -1.0, 0.0])


def new_men(n, seed, *, shift=0.0, slope=1.0, coefficients=B0):
    random = np.random.default_rng(seed)
    Z = random.standard_normal((n, len(B0) - 1))
    eta = shift + slope * (coefficients[0] + Z @ coefficients[1:])
    return Z, (random.random(n) < 1 / (1 + np.exp(-eta))).astype(float)


@pytest.mark.parametrize(
    ("changed", "step"),
    [
        ({}, "none"),
        ({"shift": -1.0}, "intercept"),
        ({"slope": 0.3}, "intercept and slope"),
        ({"coefficients": np.array([-0.2, 1.0, -1.0, 0.9])}, "revision"),
        ({"coefficients": np.array([-0.2, -1.0, 0.5, 2.5])}, "refit"),
    ],
)
def test_the_step_is_the_least_that_explains_what_changed(changed, step):
    Z, y = new_men(2000, 1, **changed)
    found = closed_test(Z, y, coefficients=B0, covariance=np.eye(4) * 0.02)
    assert found.step == step
    assert [test.p_value < 0.05 for test in found.tests] == [True] * (
        len(found.tests) - (step != "refit")
    ) + [False] * (step != "refit")


def test_a_shift_is_found_again():
    Z, y = new_men(4000, 2, shift=-1.0)
    found = closed_test(Z, y, coefficients=B0, covariance=np.eye(4) * 0.01)
    assert found.shift == pytest.approx(-1.0, abs=0.12)
    np.testing.assert_allclose(found.coefficients[1:], B0[1:])


def test_an_uncertain_champion_is_not_blamed():
    Z, y = new_men(400, 3, shift=-0.6)
    sure = closed_test(Z, y, coefficients=B0, covariance=np.eye(4) * 1e-6)
    unsure = closed_test(Z, y, coefficients=B0, covariance=np.eye(4) * 1.0)
    assert (sure.step, unsure.step) == ("intercept", "none")


def test_nothing_changed_says_none_in_most_draws():
    told = [
        closed_test(*new_men(200, seed), coefficients=B0, covariance=np.eye(4) * 1e-9).step
        for seed in range(200)
    ]
    assert np.mean([step == "none" for step in told]) >= 0.90


def test_a_revision_lies_between_champion_and_new_men():
    truth = np.array([-0.2, 1.0, -1.0, 0.9])
    Z, y = new_men(300, 4, coefficients=truth)
    found = closed_test(Z, y, coefficients=B0, covariance=np.eye(4) * 0.02)
    alone, _ = fit_most_likely(np.column_stack([np.ones(300), Z]), y)
    assert found.step == "revision"
    assert 0 < found.coefficients[3] < alone[3]


def test_the_most_likely_fit_is_that_of_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    Z, y = new_men(500, 5)
    found, _ = fit_most_likely(np.column_stack([np.ones(500), Z]), y)
    other = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(Z, y)
    np.testing.assert_allclose(found, np.r_[other.intercept_, other.coef_[0]], atol=1e-6)


def test_linear_maps_of_the_values_change_nothing():
    Z, y = new_men(300, 6, shift=0.8)
    scale = np.diag([2.0, 0.5, 3.0])
    back = np.eye(4)
    back[1:, 1:] = np.linalg.inv(scale)
    C = np.eye(4) * 0.05
    one = closed_test(Z, y, coefficients=B0, covariance=C)
    two = closed_test(Z @ scale, y, coefficients=back @ B0, covariance=back @ C @ back.T)
    assert one.step == two.step
    np.testing.assert_allclose(
        [t.statistic for t in one.tests], [t.statistic for t in two.tests], rtol=1e-6
    )


def test_it_is_plain_json():
    Z, y = new_men(100, 7)
    found = closed_test(Z, y, coefficients=B0, covariance=np.eye(4) * 0.02)
    assert json.loads(json.dumps(found.as_dict()))["step"] == found.step


@pytest.mark.parametrize("outcomes", [np.zeros(30), np.ones(30), np.array([0.0, 1.0, 1.0])])
def test_too_little_to_learn_from_is_refused(outcomes):
    Z = np.random.default_rng(8).standard_normal((len(outcomes), 3))
    with pytest.raises(InputError, match="an update must have men of both outcomes"):
        closed_test(Z, outcomes, coefficients=B0, covariance=np.eye(4))
