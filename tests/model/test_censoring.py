"""Tests of the imputer as an estimator: conformance, columns, messages."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from respredict.model.candidates import build_pipeline
from respredict.model.censoring import CensoredGaussianImputer


@parametrize_with_checks([CensoredGaussianImputer()])
def test_the_imputer_keeps_scikit_learns_conventions(estimator, check) -> None:
    """Every check of scikit-learn passes."""
    check(estimator)


def _imputer() -> CensoredGaussianImputer:
    return clone(build_pipeline("hormones+semen").named_steps["imputer"])


def test_complete_men_pass_through_but_for_the_log(clinic) -> None:
    """A man with every value measured is served those values, to the bit."""
    X, _ = clinic(200, 0)
    served = _imputer().fit(X).transform(X)
    sides = X.filter(like="_censor")
    whole = X.notna().all(axis=1) & (sides == 0).all(axis=1) & (X.sperm_concentration_m_ml > 0)
    measured = X.iloc[:, :7].to_numpy()[whole]
    assert whole.sum() > 10
    assert np.array_equal(served[whole][:, 0], measured[:, 0])
    assert np.array_equal(served[whole][:, 1:7], np.log(measured[:, 1:]))
    assert not served[whole][:, 7].any()


def test_azoospermia_is_an_indicator_and_never_a_logarithm(clinic) -> None:
    """A concentration of 0 is served as log 0 of 1 million/mL with the indicator 1."""
    X, _ = clinic(200, 1)
    imputer = _imputer().set_output(transform="pandas")
    served = imputer.fit_transform(X)
    none = X.sperm_concentration_m_ml == 0
    assert (served.loc[none, "azoospermia"] == 1).all()
    assert (served.loc[none, "ln_sperm_concentration"] == 0).all()
    assert served.loc[X.sperm_concentration_m_ml.isna(), "azoospermia"].between(-0.3, 0.8).all()


def test_censored_men_are_served_beyond_the_limit(clinic) -> None:
    """Every censored value is served on its own side, in its own unit."""
    X, _ = clinic(400, 2)
    served = _imputer().set_output(transform="pandas").fit_transform(X)
    for stem, column in (("estradiol", "estradiol_pg_ml"), ("lh", "lh_iu_l"), ("fsh", "fsh_iu_l")):
        side = X[f"{stem}_censor"]
        there = np.exp(served[f"ln_{stem}"]) - X[column]
        assert (there[side != 0] * side[side != 0] > 0).all()
        assert (side != 0).any()


def test_another_unit_moves_only_its_own_column(clinic) -> None:
    """Testosterone in nmol/L shifts its log, and nothing else."""
    X, _ = clinic(150, 3)
    other = X.assign(testosterone_ng_dl=X.testosterone_ng_dl / 28.842)
    one, two = _imputer().fit_transform(X), _imputer().fit_transform(other)
    two[:, 2] += np.log(28.842)
    assert np.allclose(one, two, atol=1e-6)


def test_bits_do_not_depend_on_the_batch(clinic) -> None:
    """One man, seven and two thousand are served the same bits."""
    X, _ = clinic(2000, 4)
    assert ((X.filter(like="_censor") != 0).sum(axis=1) > 1).sum() > 20
    imputer = _imputer().fit(X.iloc[:500])
    together = imputer.transform(X)
    for size, stop in ((1, 100), (7, 2000)):
        for i in range(0, stop, size):
            assert np.array_equal(imputer.transform(X.iloc[i : i + size]), together[i : i + size])


def test_counts_of_zero_leave_a_man_out(clinic) -> None:
    """A resample given as counts is the resample written out."""
    X, _ = clinic(200, 5)
    count = np.bincount(np.random.default_rng(0).integers(0, 200, 200), minlength=200)
    weighted = _imputer().fit(X, sample_weight=count)
    repeated = _imputer().fit(X.loc[np.repeat(np.arange(200), count)])
    assert np.allclose(weighted.mean_, repeated.mean_, atol=1e-8)
    assert np.allclose(weighted.covariance_, repeated.covariance_, atol=1e-7)


def test_a_warm_start_saves_steps(clinic) -> None:
    """Means and covariance of another fit may be started from."""
    X, _ = clinic(200, 6)
    cold = _imputer().fit(X)
    warm = _imputer().set_params(mean_init=cold.mean_, covariance_init=cold.covariance_).fit(X)
    assert warm.n_iter_ < cold.n_iter_
    assert np.allclose(warm.mean_, cold.mean_, atol=1e-5)


def test_too_few_steps_are_warned_of() -> None:
    """A fit that is cut off says so, and what to do."""
    X = [[0.0, 1.0], [1.0, np.nan], [2.0, 2.0], [np.nan, 4.0], [1.0, 3.5]]
    with pytest.warns(ConvergenceWarning, match="settle within 1e-07, .* Raise max_iter or tol"):
        CensoredGaussianImputer(max_iter=1).fit(X)


@pytest.mark.parametrize(
    "X",
    [
        np.array([[1.0, 2.0, 3.0, 4.0], [2.0, 1.0, np.nan, 5.0]]),
        np.array([[1.0, 5.0], [2.0, 5.0], [np.nan, 5.0], [1.5, np.nan]]),
        np.array([[1.0, 2.0], [2.0, 4.0], [3.0, np.nan], [4.0, 8.0]]),
    ],
    ids=["fewer men than columns", "a constant column", "a column twice another"],
)
def test_degenerate_tables_are_completed_all_the_same(X: np.ndarray) -> None:
    """Nothing infinite comes of them, and what is known stays."""
    served = CensoredGaussianImputer(max_iter=5000).fit_transform(X)
    assert np.isfinite(served).all()
    assert np.array_equal(served[~np.isnan(X)], X[~np.isnan(X)])


def test_a_determined_value_is_recovered() -> None:
    """Where one column is twice another, so is the value completed."""
    X = np.array([[1.0, 2.0], [2.0, 4.0], [3.0, np.nan], [4.0, 8.0]])
    assert CensoredGaussianImputer().fit_transform(X)[2, 1] == pytest.approx(6.0, abs=1e-4)


FRAME = pd.DataFrame({"e2": [22.0, 31.0, 20.0], "side": [0, 0, -1]})
PAIR = (("e2", "side"),)


@pytest.mark.parametrize(
    ("parameters", "X", "message"),
    [
        ({"censor": PAIR}, FRAME.assign(e2=np.nan, side=0), "e2 must have a measured value"),
        ({"censor": PAIR}, FRAME.assign(side=-1), "e2 must have a measured value"),
        ({}, np.array([[1.0, np.nan], [2.0, np.nan]]), "column 1 must have a measured value"),
        ({"log": ("e2",)}, FRAME.assign(e2=[0.0, 1.0, 2.0]), "e2 must be above 0, got 0"),
        ({"censor": PAIR}, FRAME.assign(side=2), "side of e2 must be -1, 0 or 1"),
        ({"censor": PAIR}, FRAME.assign(e2=[1.0, 2.0, np.nan]), "must hold the limit"),
        ({"log": ("t",)}, FRAME, "must have a column 't', got"),
        ({"log": ("t",)}, FRAME.to_numpy(), "got columns without names"),
        ({"log": (7,)}, FRAME.to_numpy(), "position must lie below 2, got 7"),
        ({"ridge": 1.0}, FRAME, r"ridge must lie in \[0, 1\), got 1.0"),
        ({"mean_init": [0.0]}, FRAME, "must be given together"),
        ({"names": ("a",)}, FRAME, "names must hold 2 names, got 1"),
    ],
)
def test_what_cannot_be_fitted_is_named(parameters: dict, X, message: str) -> None:
    """A column or parameter that breaks a rule is told with the rule."""
    with pytest.raises(ValueError, match=message):
        CensoredGaussianImputer(**parameters).fit(X)


def test_names_follow_the_columns() -> None:
    """Without names given, logs and indicators are named after their columns."""
    X = pd.DataFrame({"age": [30.0, 35.0, 41.0], "c": [0.0, 2.0, 5.0]})
    imputer = CensoredGaussianImputer(log=("c",), zero_state=("c",)).fit(X)
    assert imputer.get_feature_names_out().tolist() == ["age", "ln_c", "c_is_zero"]


def test_a_matrix_is_split_into_values_limits_and_sides() -> None:
    """A value known to one side is a limit with its side, and no value."""
    imputer = CensoredGaussianImputer(log=("e2",), censor=PAIR).fit(FRAME)
    Z, limits, sides = imputer.split(FRAME.to_numpy(dtype=float))
    assert np.isnan(Z[:, 0]).tolist() == [False, False, True]
    assert limits[2, 0] == np.log(20.0)
    assert sides[:, 0].tolist() == [0, 0, -1]
