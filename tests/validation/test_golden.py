"""Every metric against an outside implementation; what made the numbers stands beside them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.metrics import log_loss as sklearn_log_loss

from respredict.validation.calibration import calibration_intercept, measured_calibration
from respredict.validation.discrimination import measured_auc
from respredict.validation.flexible import Lowess, calibration_errors
from respredict.validation.metrics import point_metrics
from respredict.validation.sample_size import cox_snell_r2, development_size
from respredict.validation.usefulness import measured_usefulness, net_benefit, treat_all
from respredict.validation.validation_size import validation_size

GOLDEN = Path(__file__).parents[1] / "golden" / "validation"


def golden(name: str) -> dict:
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


SETS = {name: (np.array(men["y"]), np.array(men["p"]))
        for name, men in golden("predictions").items()}  # fmt: skip
R, OTHERS, OPTIMISM = golden("metrics"), golden("others"), golden("optimism")


@pytest.mark.parametrize("name", SETS)
def test_the_points_are_those_of_scikit_learn(name):
    """AUC with ties, Brier and log-loss, also of men counted several times."""
    y, p = SETS[name]
    weight = np.random.default_rng(1).multinomial(len(y), np.full(len(y), 1 / len(y)))
    for w in (None, weight):
        told = point_metrics(y, p, w)
        assert told["auc"] == pytest.approx(roc_auc_score(y, p, sample_weight=w), abs=1e-14)
        assert told["brier"] == pytest.approx(brier_score_loss(y, p, sample_weight=w), abs=1e-14)
        loss = sklearn_log_loss(y, p, sample_weight=w)
        assert told["log_loss"] == pytest.approx(loss, abs=1e-13)


@pytest.mark.parametrize("name", SETS)
def test_calibration_and_its_intervals_are_those_of_r(name):
    """``rms::val.prob`` for slope, Eavg, E90, Emax and Brier; ``glm`` for the intercept."""
    (y, p), told = SETS[name], R[name]
    found = point_metrics(y, p)

    assert found["brier"] == pytest.approx(told["brier"], abs=1e-13)
    assert found["calibration_slope"] == pytest.approx(told["slope"], abs=1e-8)
    assert found["calibration_slope"] == pytest.approx(told["slope_val_prob"], abs=1e-5)
    assert found["calibration_intercept"] == pytest.approx(told["intercept"], abs=1e-8)
    for ours, theirs in (("ici", "eavg"), ("e50", "e50"), ("e90", "e90"), ("emax", "emax")):
        assert found[ours] == pytest.approx(told[theirs], abs=1e-12)
    slope = measured_calibration(y, p)[1]
    assert [slope.low, slope.high] == pytest.approx(told["slope_interval"], abs=1e-6)


@pytest.mark.parametrize("name", SETS)
def test_the_curve_is_the_lowess_of_r(name):
    """At every probability, ties and skipped points too."""
    curve = Lowess(*SETS[name])
    np.testing.assert_allclose(curve(R[name]["lowess_x"]), R[name]["lowess_y"], atol=1e-12)


@pytest.mark.parametrize("name", SETS)
def test_delongs_interval_is_that_of_proc(name):
    """90 %, clipped to [0, 1]."""
    told = measured_auc(*SETS[name], method="delong")
    assert [told.low, told.value, told.high] == pytest.approx(R[name]["auc_delong"], abs=1e-12)


@pytest.mark.parametrize("name", SETS)
def test_net_benefit_is_that_of_dcurves(name):
    """Of the model and of treating all, and the interventions avoided."""
    y, p = SETS[name]
    for told in OTHERS["net_benefit"][name]:
        found = measured_usefulness(y, p, told["threshold"])
        assert found.net_benefit.value == pytest.approx(told["value"], abs=1e-12)
        assert found.net_benefit.value == pytest.approx(
            net_benefit(y, p, told["threshold"]), abs=1e-12
        )
        assert found.treat_all == pytest.approx(told["treat_all"], abs=1e-12)
        assert treat_all(y, told["threshold"]) == found.treat_all
        assert found.avoided.value == pytest.approx(100 * told["avoided"], abs=1e-10)


@pytest.mark.parametrize("told", OTHERS["development"], ids=str)
def test_development_takes_what_pmsampsize_says(told):
    """To the man for a given R2; its R2 of an AUC is simulated and rounded to four places."""
    how = {"parameters": told["parameters"], "prevalence": told["prevalence"]}
    exact = development_size(**how, r2=told["r2"])

    assert list(exact.criteria.values()) == told["criteria"]
    assert exact.n == max(told["criteria"])
    if "cstatistic" in told:
        r2 = cox_snell_r2(told["cstatistic"], told["prevalence"])
        assert r2 == pytest.approx(told["r2"], abs=3e-4)
        size = development_size(**how, auc=told["cstatistic"])
        assert size.n == pytest.approx(max(told["criteria"]), rel=0.01)


@pytest.mark.parametrize("told", OTHERS["validation"], ids=str)
def test_validation_takes_what_pmvalsampsize_says(told):
    """Within one percent: it searches in steps, rounds, and simulates a million men."""
    size = validation_size(
        auc=told["auc"], prevalence=told["prevalence"], threshold=told["threshold"]
    )
    assert list(size.criteria.values()) == pytest.approx(told["criteria"], rel=0.01)
    assert list(size.criteria) == ["observed_expected", "calibration_slope", "auc", "net_benefit"]


def test_optimism_is_that_of_rms_on_the_same_resamples():
    """``rms::validate`` with 40 recorded resamples: AUC, Brier and calibration slope."""
    X, y = np.array(OPTIMISM["X"]), np.array(OPTIMISM["y"])
    told: dict[str, list[float]] = {"auc": [], "brier": [], "calibration_slope": []}
    fit = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10)
    for rows in np.array(OPTIMISM["resamples"]):
        weight = np.bincount(rows, minlength=len(y))
        p = fit.fit(X, y, sample_weight=weight).predict_proba(X)[:, 1]
        inside, outside = point_metrics(y, p, weight), point_metrics(y, p)
        for name, values in told.items():
            values.append(inside[name] - outside[name])
    rms = OPTIMISM["validate"]

    assert 2 * np.mean(told["auc"]) == pytest.approx(rms["Dxy"]["optimism"], abs=1e-5)
    assert np.mean(told["brier"]) == pytest.approx(rms["B"]["optimism"], abs=1e-6)
    assert np.mean(told["calibration_slope"]) == pytest.approx(rms["Slope"]["optimism"], abs=1e-4)


def test_the_curve_of_men_counted_twice_is_that_of_the_men_written_twice():
    """A weight is nothing but a repetition."""
    y, p = SETS["calibrated_100"]
    weight = np.arange(len(y)) % 3
    again = np.repeat(np.arange(len(y)), weight)
    weighted, repeated = point_metrics(y, p, weight), point_metrics(y[again], p[again])

    assert weighted == pytest.approx(repeated, abs=1e-12)
    assert calibration_errors(y, p, weight)["emax"] > 0
    assert calibration_intercept(y, p, weight) == pytest.approx(
        calibration_intercept(y[again], p[again]), abs=1e-10
    )
