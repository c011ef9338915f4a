"""Tests of the boosted trees: a library's trees, directions, folds, counts, bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_limits

from respredict.model.boosting import MonotoneBoosting
from respredict.model.folds import deal_folds


@parametrize_with_checks(
    [MonotoneBoosting(random_state=0)],
    expected_failed_checks=lambda _: {
        "check_sample_weight_equivalence_on_dense_data": "the check repeats men without saying "
        "so by groups: each row is then dealt as a man"
    },
)
def test_the_classifier_keeps_scikit_learns_conventions(estimator, check) -> None:
    """Every check of scikit-learn passes, but for one that knows no men."""
    check(estimator)


def _men(n: int, seed: int, effects=(1.2, -0.8, 0.0)) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, len(effects)))
    return X, (random.random(n) < expit(X @ np.asarray(effects))).astype(int)


@pytest.mark.parametrize(
    ("directions", "rate"), [((0, 0, 0), 0.1), ((1, -1, 0), 0.1), ((0, 1, -1), 1.0)]
)
def test_trees_are_those_of_a_library(directions: tuple[int, ...], rate: float) -> None:
    """HistGradientBoosting grows the same trees where both may ask the same questions.

    Its gradients have 24 bits, hence the tolerance.
    """
    X, y = _men(200, 0)
    ours = MonotoneBoosting(
        directions=directions, learning_rate=rate, least_information=1e-3, patience=100,
        max_trees=30, max_bins=200, random_state=0,
    ).fit(X, y)  # fmt: skip
    theirs = HistGradientBoostingClassifier(
        max_iter=ours.n_trees_, max_depth=2, learning_rate=rate, l2_regularization=1.0,
        min_samples_leaf=1, monotonic_cst=list(directions), early_stopping=False,
    )  # fmt: skip
    with threadpool_limits(1):
        theirs.fit(X, y)
    assert ours.n_trees_ > 0
    assert np.abs(ours.decision_function(X) - theirs.decision_function(X)).max() < 1e-4


def test_the_number_of_trees_is_that_of_fits_without_each_fold() -> None:
    """The loss of the men left out is that of models fitted to the others, one by one."""
    X, y = _men(150, 1)
    X = X.round(0).clip(-2, 2)
    model = MonotoneBoosting(
        max_bins=150, max_trees=12, patience=99, least_information=1e-3, random_state=3
    ).fit(X, y)
    fold = deal_folds(np.arange(150), y.astype(float), 5, np.random.RandomState(3))
    left_out = np.empty((12, 150))
    others = HistGradientBoostingClassifier(
        max_iter=12, max_depth=2, l2_regularization=1.0, min_samples_leaf=1, early_stopping=False
    )
    with threadpool_limits(1):
        for k in range(5):
            others.fit(X[fold != k], y[fold != k])
            staged = others.staged_predict_proba(X[fold == k])
            left_out[:, fold == k] = [p[:, 1] for p in staged]
    expected = [log_loss(y, p) for p in left_out]
    assert np.abs(model.loss_[1:] - expected).max() < 1e-5
    assert model.n_trees_ == 1 + int(np.argmin(expected)) == len(model.features_)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31 - 1), st.lists(st.sampled_from([-1, 0, 1]), min_size=3, max_size=3))
def test_the_risk_never_goes_against_a_direction(seed: int, directions: list[int]) -> None:
    """Whatever the men say, moving a value along its direction never lowers the risk."""
    random = np.random.default_rng(seed)
    X, y = _men(120, seed, tuple(random.normal(0, 1.5, 3)))
    model = MonotoneBoosting(directions=tuple(directions), random_state=0).fit(X, y)
    at, step = random.standard_normal((200, 3)), random.exponential(1.0, (200, 3))
    moved = at + step * np.array(directions)
    assert (model.decision_function(moved) >= model.decision_function(at)).all()


def test_a_man_who_counts_twice_is_two_rows_of_his() -> None:
    """Counts give the same trees to the bit as repeated rows that share a fold."""
    X, y = _men(400, 4)
    count = np.bincount(np.random.default_rng(0).integers(0, 400, 400), minlength=400)
    rows = np.random.default_rng(1).permutation(np.repeat(np.arange(400), count))
    counted = MonotoneBoosting(random_state=0).fit(X, y, sample_weight=count)
    repeated = MonotoneBoosting(random_state=0).fit(X[rows], y[rows], groups=rows)
    assert counted.n_trees_ > 3
    assert np.array_equal(counted.decision_function(X), repeated.decision_function(X))


def test_bits_do_not_depend_on_the_batch() -> None:
    """One man, seven and two thousand get the same bits."""
    X, y = _men(2000, 7)
    model = MonotoneBoosting(random_state=0).fit(X, y)
    together = model.predict_proba(X)
    for size, stop in ((1, 100), (7, 700)):
        for i in range(0, stop, size):
            assert np.array_equal(model.predict_proba(X[i : i + size]), together[i : i + size])


def test_where_nothing_is_to_be_learnt_few_trees_are_grown() -> None:
    """Noise leaves the share of the class, or nearly."""
    X, y = _men(300, 5, (0.0,) * 6)
    noise = MonotoneBoosting(random_state=0).fit(X, y)
    signal = MonotoneBoosting(random_state=0).fit(*_men(300, 5, (1.5,) * 6))
    assert noise.n_trees_ < 10 < signal.n_trees_
    none = MonotoneBoosting(max_trees=0, random_state=0).fit(X, y)
    assert np.allclose(none.predict_proba(X)[:, 1], y.mean())


def test_a_column_without_two_values_is_never_asked_about() -> None:
    """Nor is a fit to such columns alone refused: it knows the share."""
    X, y = np.ones((40, 2)), np.arange(40) % 2
    model = MonotoneBoosting(random_state=0).fit(X, y)
    assert np.allclose(model.predict_proba(X), 0.5)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"directions": (1, 0)}, r"directions must hold 3 of -1, 0 and 1, got \(1, 0\)"),
        ({"directions": (1, 0, 2)}, "directions must hold 3 of -1, 0 and 1"),
        ({"learning_rate": 0.0}, r"learning_rate must lie in \(0, 1\], got 0.0"),
        ({"max_trees": -1}, "max_trees must be at least 0, got -1"),
        ({"patience": 0}, "patience must be at least 1, got 0"),
        ({"max_bins": 1}, "max_bins must be at least 2, got 1"),
        ({"penalty": -1.0}, "penalty must be positive, got -1.0. Use 1."),
        ({"penalty": 0.0}, "penalty must be positive, got 0.0. Use 1."),
        ({"least_information": 0.0}, "least_information must be positive, got 0.0"),
    ],
)
def test_what_cannot_be_fitted_is_named(parameters: dict, message: str) -> None:
    """A parameter out of its range is told with its rule."""
    with pytest.raises(ValueError, match=message):
        MonotoneBoosting(**parameters).fit(*_men(30, 9))


def test_one_responder_is_too_few() -> None:
    """There is no fold to leave him out in."""
    with pytest.raises(ValueError, match="two men of each class"):
        MonotoneBoosting().fit([[1.0], [2.0], [3.0]], [0, 0, 1])
