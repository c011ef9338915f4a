"""Resampling: everything again, the same for the same seed, whatever was done before."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import logit
from sklearn.linear_model import LogisticRegression

from respredict.errors import InputError
from respredict.validation.corrected import correct, correct_benefit
from respredict.validation.fitting import Candidate, fit_all
from respredict.validation.metrics import METRICS
from respredict.validation.optimism import Plan, judged, once, resample
from respredict.validation.performance import measure, net_benefits
from respredict.validation.usefulness import net_benefit

ONE = (Candidate("published", "t_lh"),)
THRESHOLDS = (0.3, 0.45, 0.6)
#: Made by ``optimism.R`` beside it.
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "validation" / "optimism.json"


@pytest.fixture(scope="module")
def resampled(few):
    """Return six resamples of a clinic of 80, and what they were made from."""
    starts = fit_all(ONE, few, np.ones(len(few), dtype=np.int64), seed=1)[1]
    plan = Plan(ONE, (), 0, THRESHOLDS, 5, 3)
    return plan, starts, resample(plan, few, 6, starts=starts)


def test_a_resample_is_the_same_alone_and_among_others(few, resampled):
    """To the bit: no resample depends on what was drawn before it, or where."""
    plan, starts, whole = resampled
    alone = once(plan, few, 4, starts)

    for part, of in zip(
        alone,
        (
            whole.chosen,
            whole.p,
            whole.inside,
            whole.outside,
            whole.benefit_inside,
            whole.benefit_outside,
            whole.prevalence,
        ),
        strict=True,
    ):
        np.testing.assert_array_equal(part, of[4])  # fmt: skip
    assert len(np.unique(whole.p[:, 0])) == 6


def test_the_choice_is_told_last_and_each_model_is_judged_twice(few):
    """On its resample, counted, and on the men; the choice is one of the models."""
    p = np.stack([np.linspace(0.2, 0.8, len(few)), np.linspace(0.7, 0.3, len(few))])
    weight = np.arange(len(few)) % 3
    inside, outside, within, without = judged(few.y, p, weight, 1, THRESHOLDS)

    np.testing.assert_array_equal(inside[2], inside[1])
    np.testing.assert_array_equal(without[2], without[1])
    np.testing.assert_array_equal(outside[0], measure(few.y, p[0]))
    doubled = np.repeat(np.arange(len(few)), weight)
    np.testing.assert_allclose(inside[0], measure(few.y[doubled], p[0][doubled]), atol=1e-12)
    assert within[0, 1] == pytest.approx(net_benefit(few.y[doubled], p[0][doubled], 0.45))


@pytest.mark.parametrize("threshold", [0.01, 0.3, 0.5, 0.99])
def test_net_benefits_are_those_told_one_by_one(few, threshold):
    """Many thresholds at once, ties at a threshold treated."""
    p = np.round(np.linspace(0, 1, len(few)), 2)
    many = net_benefits(few.y, p, (0.005, threshold, 0.995))
    assert many[1] == pytest.approx(net_benefit(few.y, p, threshold), abs=1e-12)


@pytest.mark.parametrize(
    ("name", "apparent", "inside", "outside", "optimism", "value", "low"),
    [
        ("auc", 0.80, [0.82, 0.84], [0.76, 0.78], 0.06, 0.74, 0.643),
        ("calibration_intercept", 0.0, [0.0, 0.0], [-0.1, 0.2], -0.05, 0.05, -0.085),
        ("calibration_slope", 1.1, [1.0, 1.0, 9.0], [0.9, 0.8, 0.7], 0.2, 0.9, None),
        ("log_loss", 0.60, [0.58, 0.62], [0.66, 0.66], -0.06, 0.66, 0.6135),
        ("ici", 0.01, [0.02, 0.03], [0.00, 0.01], 0.02, 0.0, None),
    ],
)  # fmt: skip
def test_optimism_is_taken_off(name, apparent, inside, outside, optimism, value, low):
    """By its mean, of the slope by its median; with an interval where one is known."""
    found = correct(name, apparent, np.array(inside), np.array(outside), events=40, others=50)

    assert found.optimism == pytest.approx(optimism)
    assert found.corrected.value == pytest.approx(value)
    assert found.corrected.low == (None if low is None else pytest.approx(low, abs=2e-3))
    assert (found.spread is None) == (low is not None)
    assert "apparent" in found.as_dict()


def test_what_is_not_defined_is_null_with_the_reason():
    """On the men, in most resamples, or because nobody is told from anybody."""
    some, none = np.array([0.7, np.nan, np.nan]), np.full(3, np.nan)
    told = {"events": 4, "others": 5}
    nowhere = correct("auc", float("nan"), some, some, **told)
    rarely = correct("calibration_slope", 1.0, some, none, **told)
    flat = correct("auc", 0.5, np.full(3, 0.5), np.full(3, 0.5), **told)

    assert nowhere.corrected.reason == "it is not defined on the men fitted"
    assert rarely.corrected.reason == "it is defined in fewer than half of the resamples"
    assert flat.corrected.value == 0.5
    assert flat.corrected.reason == "every man has the same probability"
    with pytest.raises(InputError, match=r"level must lie in \(0, 1\), got 2"):
        correct("auc", 0.7, some, some, **told, level=2.0)


def test_the_band_of_a_net_benefit_is_as_wide_as_the_resamples_vary(resampled, few):
    """Symmetric about the corrected value, one threshold at a time."""
    _, _, whole = resampled
    apparent = net_benefits(few.y, whole.p[0], THRESHOLDS)
    inside, outside = whole.benefit_inside[:, 0], whole.benefit_outside[:, 0]
    for i, found in enumerate(correct_benefit(apparent, inside, outside)):
        of = found.corrected
        assert of.value == pytest.approx(apparent[i] - (inside - outside)[:, i].mean())
        assert of.high - of.value == pytest.approx(1.6448536 * inside[:, i].std(ddof=1))


def test_the_optimism_is_that_of_rms_validate_on_the_same_resamples():
    """A logistic model of most likelihood, R's recorded resamples: Dxy, Brier and slope."""
    told = json.loads(GOLDEN.read_text(encoding="utf-8"))
    X, y = np.array(told["X"]), np.array(told["y"])
    weights = np.array([np.bincount(rows, minlength=len(y)) for rows in told["resamples"]])
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10)
    p = model.fit(X, y).predict_proba(X)[:, 1]
    found = []
    for weight in weights:
        again = model.fit(X, y, sample_weight=weight).predict_proba(X)[:, 1]
        found.append(judged(y, again[None], weight, 0, THRESHOLDS)[:2])
    inside, outside = (np.stack(part)[:, 0] for part in zip(*found, strict=True))
    events, rms = int(y.sum()), told["validate"]

    def of(name: str):
        j = METRICS.index(name)
        return correct(name, measure(y, p)[j], inside[:, j], outside[:, j],
                       events=events, others=len(y) - events)  # fmt: skip

    assert 2 * of("auc").optimism == pytest.approx(rms["Dxy"]["optimism"], abs=1e-6)
    dxy = 2 * of("auc").corrected.value - 1
    assert dxy == pytest.approx(rms["Dxy"]["index.corrected"], abs=1e-6)
    assert of("brier").optimism == pytest.approx(rms["B"]["optimism"], abs=1e-6)
    assert of("brier").corrected.value == pytest.approx(rms["B"]["index.corrected"], abs=1e-6)
    slope = METRICS.index("calibration_slope")
    assert outside[:, slope].mean() == pytest.approx(rms["Slope"]["test"], abs=1e-5)
    np.testing.assert_allclose(inside[:, slope], 1.0, atol=1e-5)


def test_every_metric_of_every_model_is_there(resampled):
    """Each is a number, or not defined for a reason that its function tells."""
    _, _, whole = resampled
    assert whole.inside.shape == whole.outside.shape == (6, 2, len(METRICS))
    assert np.isfinite(logit(whole.p)).all()
