"""Metrics where they are hard: ties, one class, p of 0 and 1, eight men, nobody; and their laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from respredict.errors import InputError
from respredict.validation.accuracy import measured_accuracy
from respredict.validation.calibration import measured_calibration
from respredict.validation.curves import measured_curve, measured_errors
from respredict.validation.discrimination import auc, auc_bounds, measured_auc
from respredict.validation.evaluation import evaluate
from respredict.validation.measured import Measured, half_width
from respredict.validation.metrics import METRICS, point_metrics
from respredict.validation.usefulness import measured_usefulness, net_benefit

ONE_CLASS = "every man has the same outcome"
EIGHT = ([0, 1, 0, 1, 1, 0, 1, 0], [0.2, 0.4, 0.4, 0.7, 0.9, 0.6, 0.3, 0.1])


def told(y, p) -> dict[str, Measured]:
    return evaluate(y, p, thresholds=[0.3]).metrics


def test_eight_men_have_every_metric_with_a_wide_interval():
    """Each value lies inside its interval, and none of the intervals is a point."""
    for name, one in told(*EIGHT).items():
        assert one.value is not None, name
        assert one.low <= one.value <= one.high, name
        assert one.high - one.low > 0.05, name


@pytest.mark.parametrize("y", [[0] * 8, [1] * 8])
def test_with_one_outcome_only_what_needs_no_other_is_told(y):
    """Brier and log-loss are numbers; the rest is None with the reason, and NaN as a point."""
    found = told(y, EIGHT[1])
    points = point_metrics(y, EIGHT[1])
    for name in METRICS:
        if name in ("brier", "log_loss"):
            assert found[name].value == pytest.approx(points[name])
        else:
            assert (found[name].value, found[name].reason) == (None, ONE_CLASS)
            assert math.isnan(points[name])
    assert measured_curve(y, EIGHT[1]) == ()
    worth = measured_usefulness(y, EIGHT[1], 0.3).net_benefit
    assert worth.value == pytest.approx(net_benefit(y, EIGHT[1], 0.3))


def test_a_certain_probability_that_was_right_has_a_log_loss_and_no_logit():
    """Certain and right: log-loss and AUC stay, intercept and slope are None with the reason."""
    found = told([0, 1, 0, 1], [0.0, 1.0, 0.4, 0.3])

    assert found["log_loss"].value == pytest.approx(-(math.log(0.6) + math.log(0.3)) / 4)
    assert found["auc"].value == 0.75
    for name in ("calibration_intercept", "calibration_slope"):
        assert found[name] == Measured(None, reason="a probability of exactly 0 or 1 has no logit")


@pytest.mark.parametrize(("y", "p"), [([1, 0, 1], [0.0, 0.2, 0.8]), ([0, 0, 1], [1.0, 0.2, 0.8])])
def test_a_certain_probability_that_was_wrong_has_no_log_loss(y, p):
    """It is infinite; nothing is clipped to make it finite."""
    found = told(y, p)["log_loss"]
    assert found.value is None
    assert "contradicted" in found.reason
    assert math.isinf(point_metrics(y, p)["log_loss"])


def test_one_probability_for_all_has_no_slope():
    """AUC is a half, the intercept is the observed log-odds, the curve is the observed rate."""
    y, p = [0, 1, 1, 1, 0, 1], [0.5] * 6
    found = told(y, p)

    assert found["auc"].value == 0.5
    assert found["calibration_intercept"].value == pytest.approx(math.log(2))
    assert found["calibration_slope"].reason == "every man has the same probability"
    for name in ("ici", "e50", "e90", "emax"):
        assert found[name].value == pytest.approx(4 / 6 - 0.5)
        assert found[name].low == 0.0
    [point] = measured_curve(y, p)
    assert (point.p, point.observed) == (0.5, pytest.approx(4 / 6))
    assert point.low < 0.5 < point.high


def test_a_perfect_ranking_has_a_lower_end_and_no_slope():
    """An AUC of 1 among eight men is not told as certain."""
    y, p = [0, 0, 0, 0, 1, 1, 1, 1], [0.1, 0.15, 0.2, 0.3, 0.6, 0.7, 0.8, 0.9]
    found = told(y, p)

    assert (found["auc"].value, found["auc"].high) == (1.0, 1.0)
    assert 0.6 < found["auc"].low < 0.9
    assert "separate" in found["calibration_slope"].reason
    reverse = told([1 - one for one in y], p)["auc"]
    assert (reverse.value, reverse.low) == (0.0, 0.0)
    assert reverse.high == pytest.approx(1 - found["auc"].low)


def test_nobody_has_no_metric():
    """No value is made up for an empty table."""
    for one in told([], []).values():
        assert one.value is None
        assert one.reason
    assert measured_usefulness([], [], 0.3).treat_all is None


def test_one_man_has_values_without_intervals():
    """A mean of one has no spread."""
    brier, scaled, loss = measured_accuracy([1], [0.7])
    assert (brier.value, brier.low) == (pytest.approx(0.09), None)
    assert brier.as_dict()["reason"] == loss.reason == "one man has no interval"
    assert scaled.reason == ONE_CLASS


def test_delong_needs_two_of_each():
    """With one man of a class its variance is unknown, which is told and not guessed."""
    found = measured_auc([0, 0, 1], [0.1, 0.6, 0.5], method="delong")
    assert (found.value, found.low) == (0.5, None)
    assert "two men" in found.reason


@pytest.mark.parametrize(
    ("y", "p", "message"),
    [
        ([0, 2], [0.1, 0.2], "y must be 0 or 1, got 2 in row 2"),
        ([0, 1], [0.1, 1.2], r"p must lie in \[0, 1\], got 1.2 in row 2"),
        ([0, 1], [0.1, np.nan], r"p must lie in \[0, 1\], got nan in row 2"),
        ([0, np.nan], [0.1, 0.4], "y must be 0 or 1, got nan in row 2"),
        ([0, 1], [0.1], "y, p and weight must be as long as each other"),
        ([[0, 1]], [[0.1, 0.2]], "y, p and weight must be as long as each other"),
    ],
)
def test_what_is_no_prediction_is_refused(y, p, message):
    """One clear error, whichever metric is asked for."""
    for metric in (auc, point_metrics, evaluate, measured_errors):
        with pytest.raises(InputError, match=message):
            metric(y, p)


@pytest.mark.parametrize("weight", [[1, -1], [0.5, 1], [np.inf, 1]])
def test_a_weight_counts_men(weight):
    """Whole numbers, none below 0."""
    with pytest.raises(InputError, match="weight must be a whole number, got"):
        auc([0, 1], [0.1, 0.2], weight)


@pytest.mark.parametrize("level", [0, 1, 90, -0.5, np.nan])
def test_a_level_is_a_fraction(level):
    """90 is not .9."""
    with pytest.raises(InputError, match=r"level must lie in \(0, 1\)"):
        half_width(level)


@pytest.mark.parametrize("threshold", [0, 1, 1.5, np.nan])
def test_a_threshold_lies_between(threshold):
    """At 0 and 1 the odds are none."""
    with pytest.raises(InputError, match=r"threshold must lie in \(0, 1\)"):
        measured_usefulness([0, 1], [0.1, 0.2], threshold)


def test_a_band_keeps_its_width_where_nobody_is_treated():
    """Resampling would give [0, 0]; ten men tell less than that."""
    found = measured_usefulness([0, 1] * 5, [0.1, 0.2] * 5, 0.5).net_benefit
    assert found.value == 0
    assert found.low < -0.1
    assert found.high > 0.1
    wilson = half_width(0.9) ** 2 / (10 + half_width(0.9) ** 2)
    assert found.high == pytest.approx(wilson, abs=1e-9)


def test_the_score_interval_of_treating_all_is_wilsons():
    """With every man treated, net benefit is the prevalence on another scale."""
    y, odds, z = np.repeat([1, 0], [7, 13]), 0.25 / 0.75, half_width(0.9)
    found = measured_usefulness(y, np.full(20, 0.9), 0.25).net_benefit
    centre = (7 + z * z / 2) / (20 + z * z)
    half = z * math.sqrt(7 * 13 / 20 + z * z / 4) / (20 + z * z)
    ends = [(1 + odds) * (centre + side * half) - odds for side in (-1, 1)]
    assert [found.low, found.high] == pytest.approx(ends, abs=1e-9)


def test_the_interval_of_a_slope_is_wider_at_a_higher_level():
    """And so are all the others."""
    y, p = EIGHT
    for of in (measured_calibration, measured_accuracy):
        for narrow, wide in zip(of(y, p, level=0.5), of(y, p, level=0.99), strict=True):
            assert wide.low < narrow.low < narrow.high < wide.high
    assert auc_bounds(0.7, 9, 9, level=0.99)[0] < auc_bounds(0.7, 9, 9, level=0.5)[0]


def test_the_errors_are_the_same_for_the_same_seed():
    """To the bit, and another seed moves the ends only."""
    first, again, other = (measured_errors(*EIGHT, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert [one.value for one in first.values()] == [one.value for one in other.values()]
    assert first != other


def test_perfect_predictions_are_not_told_to_be_miscalibrated():
    """ICI and its kin of 400 men drawn from their own probabilities reach down to 0."""
    random = np.random.default_rng(5)
    p = random.uniform(0.1, 0.9, 400)
    y = random.random(400) < p
    assert all(one.low == 0 < one.value < one.high for one in measured_errors(y, p).values())
    wrong = measured_errors(y, p**4)
    assert all(one.low > 0.02 for one in wrong.values())


men = st.lists(
    st.tuples(st.integers(0, 1), st.integers(1, 19).map(lambda i: i / 20)), min_size=2, max_size=30
)


@settings(max_examples=25, deadline=None)
@given(men)
def test_the_laws_of_the_metrics(rows):
    """Turning the outcome and p round, and the order of men, change only what they should."""
    y, p = (np.array(part, float) for part in zip(*rows, strict=True))
    found = point_metrics(y, p)
    turned, shuffled = point_metrics(1 - y, 1 - p), point_metrics(y[::-1], p[::-1])
    for name in METRICS:
        assert shuffled[name] == pytest.approx(found[name], abs=1e-9, nan_ok=True), name
        sign = -1 if name == "calibration_intercept" else 1
        if name not in ("ici", "e50", "e90", "emax"):  # their points are skipped from the left
            assert turned[name] == pytest.approx(sign * found[name], abs=1e-7, nan_ok=True), name
    for one in (*measured_accuracy(y, p), *measured_calibration(y, p), measured_auc(y, p)):
        if one.low is not None:
            assert one.low - 1e-9 <= one.value <= one.high + 1e-9
    worth = measured_usefulness(y, p, 0.35)
    assert worth.net_benefit.low <= worth.net_benefit.value <= worth.net_benefit.high
    gain = worth.net_benefit.value - worth.treat_all
    assert worth.avoided.value == pytest.approx(100 * gain * 0.65 / 0.35, abs=1e-9)


@pytest.mark.parametrize("threshold", [0.3, 0.45, 0.6])
def test_the_net_benefit_band_covers(threshold):
    """86 to 94 % of 250 clinics of 100 men; the benchmark asks four populations for more."""
    random = np.random.default_rng(17)
    odds, covered = threshold / (1 - threshold), 0
    p = random.beta(2, 2.4, 200_000)
    truth = np.mean((p >= threshold) * (p - (1 - p) * odds))
    for _ in range(250):
        seen = random.choice(p, 100)
        told = measured_usefulness(random.random(100) < seen, seen, threshold).net_benefit
        covered += told.low <= truth <= told.high
    assert 0.86 <= covered / 250 <= 0.94
