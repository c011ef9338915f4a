"""Tests of the shrunken logistic: outside implementations, the evidence, the folds, the bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from respredict.model.folds import deal_folds
from respredict.model.logistic import ShrunkenLogistic
from respredict.model.prior import published_prior


def _expected_failures(estimator: ShrunkenLogistic) -> dict[str, str]:
    if estimator.select == "evidence":
        return {}
    why = "the check repeats men without saying so by groups: each row is then dealt as a man"
    return {"check_sample_weight_equivalence_on_dense_data": why}


@parametrize_with_checks(
    [ShrunkenLogistic(), ShrunkenLogistic(scales=(0.1, 1.0), select="cv", random_state=0)],
    expected_failed_checks=_expected_failures,
)
def test_the_classifier_keeps_scikit_learns_conventions(estimator, check) -> None:
    """Every check of scikit-learn passes, but for one where a scale is cross-validated."""
    check(estimator)


def _men(n: int, seed: int, effects=(1.2, -0.8, 0.0)) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, len(effects)))
    return X, (random.random(n) < expit(X @ np.asarray(effects))).astype(int)


@pytest.mark.parametrize("sd", [0.1, 0.7, 5.0])
def test_a_zero_prior_is_the_penalty_of_scikit_learn(sd: float) -> None:
    """With priors N(0, s^2) the fit is LogisticRegression(C=s^2) to 1e-6."""
    X, y = _men(120, 0)
    X[:, 1] = 5.7 + 0.4 * X[:, 1]
    ours = ShrunkenLogistic(prior_sd=[sd] * 3).fit(X, y)
    theirs = LogisticRegression(C=sd**2, solver="newton-cholesky", tol=1e-12).fit(X, y)
    assert np.abs(ours.coef_ - theirs.coef_).max() < 1e-6
    assert np.abs(ours.intercept_ - theirs.intercept_).max() < 1e-6
    assert np.abs(ours.predict_proba(X) - theirs.predict_proba(X)).max() < 1e-6


def test_the_ratios_only_say_where_the_prior_sits() -> None:
    """Eight columns with independent priors equal six with prior covariance A V A'."""
    random = np.random.default_rng(1)
    sds = np.array([6.0, 0.15, 0.40, 0.45, 0.70, 0.87])
    logs = np.array([35.5, 3.3, 5.7, 3.26, 1.8, 1.6]) + sds * random.standard_normal((90, 6))
    y = (random.random(90) < expit(logs[:, 2] - logs[:, 4] - 4)).astype(int)
    A = np.column_stack([np.eye(6), [0, 0, 1, -1, 0, 0], [0, 0, 1, 0, -1, 0]])
    mean = np.array([effect.mean for effect in published_prior()])
    sd = np.array([effect.sd for effect in published_prior()])
    eight = ShrunkenLogistic(prior_mean=mean, prior_sd=sd).fit(logs @ A, y)
    root = np.linalg.cholesky(A @ np.diag(sd**2) @ A.T)
    six = ShrunkenLogistic(prior_mean=np.linalg.solve(root, A @ mean), prior_sd=np.ones(6))
    six.fit(logs @ root, y)
    gamma = root @ six.coef_[0]
    assert np.abs(A @ eight.coef_[0] - gamma).max() < 1e-8
    assert eight.evidence_ == pytest.approx(six.evidence_, abs=1e-8)
    spread = A @ eight.covariance_[1:, 1:] @ A.T
    assert np.allclose(spread, root @ six.covariance_[1:, 1:] @ root.T, rtol=1e-7)
    assert (
        np.abs(eight.decision_function(logs @ A) - six.decision_function(logs @ root)).max() < 1e-8
    )


@pytest.mark.parametrize(("n", "within"), [(40, 0.1), (400, 0.01)])
def test_the_evidence_is_the_integral_of_the_likelihood(n: int, within: float) -> None:
    """Laplace's value agrees with a sum over a fine grid, the closer the more men."""
    X, y = _men(n, 2, effects=(1.0,))
    mean, sd = 0.8, 0.5
    model = ShrunkenLogistic(prior_mean=[mean], prior_sd=[sd]).fit(X, y)
    a, b = np.linspace(-3, 3, 401), np.linspace(-2, 4, 401)
    height = -0.5 * ((b - mean) / sd) ** 2 - np.log(sd * np.sqrt(2 * np.pi))
    grid = np.tile(height, (401, 1))
    for x, outcome in zip(X[:, 0], y, strict=True):
        eta = a[:, None] + b * x
        grid += outcome * eta - np.logaddexp(0, eta)
    area = (a[1] - a[0]) * (b[1] - b[0])
    assert model.evidence_ == pytest.approx(
        grid.max() + np.log(np.exp(grid - grid.max()).sum() * area), abs=within
    )


def test_the_covariance_is_the_inverse_curvature() -> None:
    """Intercept first, in the units of the columns."""
    X, y = _men(200, 3)
    X = 5 + X * [1.0, 10.0, 0.1]
    model = ShrunkenLogistic(prior_sd=[1.0, 0.1, 10.0]).fit(X, y)
    design = np.column_stack([np.ones(200), X])
    p = model.predict_proba(X)[:, 1]
    curvature = (design * (p * (1 - p))[:, None]).T @ design + np.diag([0, 1.0, 100.0, 0.01])
    assert np.allclose(model.covariance_ @ curvature, np.eye(4), atol=1e-6)


@pytest.mark.parametrize(("effect", "believed"), [(1.1, 1.0), (-1.1, 0.0)])
def test_the_men_say_how_far_the_published_effect_is_believed(
    effect: float, believed: float
) -> None:
    """Men who follow it choose full strength; men who contradict it, none."""
    X, y = _men(300, 4, effects=(effect,))
    model = ShrunkenLogistic(prior_mean=[1.1], prior_sd=[0.3], strengths=(0.0, 0.5, 1.0)).fit(X, y)
    assert model.strength_ == believed
    assert model.prior_mean_[0] == pytest.approx(1.1 * believed)
    others = [
        ShrunkenLogistic(prior_mean=[1.1 * k], prior_sd=[0.3]).fit(X, y).evidence_
        for k in (0.0, 0.5, 1.0)
    ]
    assert model.evidence_ == pytest.approx(max(others), abs=1e-9)


def test_noise_is_shrunk_harder_than_signal() -> None:
    """Cross-validation chooses a narrower prior where nothing is to be learnt."""
    scales = (0.03, 0.3, 1.5)
    noise = ShrunkenLogistic(scales=scales, select="cv", random_state=0).fit(
        *_men(200, 5, (0.0,) * 5)
    )
    signal = ShrunkenLogistic(scales=scales, select="cv", random_state=0).fit(
        *_men(200, 5, (1.5,) * 5)
    )
    assert noise.scale_ < signal.scale_


@pytest.mark.parametrize("select", ["evidence", "cv"])
def test_a_resample_as_counts_is_the_resample_written_out(select: str) -> None:
    """Counts equal repeated rows that share a man, the choice of scale included."""
    X, y = _men(80, 6)
    count = np.bincount(np.random.default_rng(0).integers(0, 80, 80), minlength=80)
    rows = np.repeat(np.arange(80), count)
    model = ShrunkenLogistic(scales=(0.1, 0.3, 1.0), select=select, random_state=0)
    counted = model.fit(X, y, sample_weight=count)
    coef, scale = counted.coef_.copy(), counted.scale_
    model.fit(X[rows], y[rows], groups=rows)
    assert model.scale_ == scale
    assert np.allclose(model.coef_, coef, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31 - 1), st.integers(10, 60))
def test_no_man_is_split_over_folds(seed: int, n: int) -> None:
    """Rows of one man share a fold, and every fold has both outcomes where it can."""
    random = np.random.default_rng(seed)
    outcome = np.concatenate([[0, 0, 1, 1], random.integers(0, 2, n - 4)]).astype(float)
    who = np.concatenate([np.arange(n), random.integers(0, n, n)])
    fold = deal_folds(who, outcome[who], 5, random)
    for man in range(n):
        assert len(set(fold[who == man])) == 1
    for k in range(fold.max() + 1):
        assert set(outcome[who[fold != k]]) == {0.0, 1.0}


def test_bits_do_not_depend_on_the_batch() -> None:
    """One man, seven and two thousand get the same bits."""
    X, y = _men(2000, 7)
    model = ShrunkenLogistic().fit(X, y)
    together = model.predict_proba(X)
    for size, stop in ((1, 200), (7, 2000)):
        for i in range(0, stop, size):
            assert np.array_equal(model.predict_proba(X[i : i + size]), together[i : i + size])


def test_separated_men_leave_the_fit_finite() -> None:
    """A column that tells the classes apart is held by its prior."""
    X = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    model = ShrunkenLogistic().fit(X, [0, 0, 1, 1])
    assert 0 < model.coef_[0, 0] < 5
    assert ShrunkenLogistic(prior_sd=[1e3]).fit(X, [0, 0, 1, 1]).predict(X).tolist() == [0, 0, 1, 1]


def test_too_few_steps_are_warned_of() -> None:
    """A fit that is cut off says so, and what to do."""
    with pytest.warns(ConvergenceWarning, match="Raise max_iter or narrow the priors"):
        ShrunkenLogistic(max_iter=1).fit(*_men(50, 8))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"prior_mean": [1.0]}, "prior_mean must hold 3 numbers, got 1"),
        ({"prior_sd": [1.0, 0.0, 1.0]}, "prior_sd must be positive and finite, got 0"),
        ({"scales": (-1.0,)}, "scales must be positive and finite, got -1"),
        ({"select": "aic"}, "select must be 'evidence' or 'cv', got 'aic'"),
    ],
)
def test_what_cannot_be_fitted_is_named(parameters: dict, message: str) -> None:
    """A parameter out of its range is told with its rule."""
    with pytest.raises(ValueError, match=message):
        ShrunkenLogistic(**parameters).fit(*_men(30, 9))


def test_one_outcome_is_refused() -> None:
    """Men who all improved teach nothing."""
    with pytest.raises(ValueError, match="y must hold two classes, got one class"):
        ShrunkenLogistic().fit([[1.0], [2.0]], [1, 1])


def test_cross_validation_needs_two_men_of_each_class() -> None:
    """With a single responder there is no fold to hold out."""
    model = ShrunkenLogistic(scales=(0.1, 1.0), select="cv")
    with pytest.raises(ValueError, match=r"two men of each class .* got 1"):
        model.fit([[1.0], [2.0], [3.0]], [0, 0, 1])
