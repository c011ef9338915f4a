"""The verdict: by rules, each with its number."""

from __future__ import annotations

import pytest

from respredict.report.verdict import bottom_line, findings
from tests.report.conftest import as_clinical

ENOUGH, APART, BETTER, SHIFT, SLOPE, GROUPS, USE, STEADY, TRAVELS = range(9)


def of(name):
    """Return the metric of the model served."""
    return lambda report: report["performance"]["published"][name]["corrected"]


@pytest.mark.parametrize(
    ("which", "edit", "verdict"),
    [
        (ENOUGH, lambda r: r["sample_size"].update(enough=False), "not met"),
        (APART, lambda r: of("auc")(r).update(value=0.72, low=0.65, high=0.79), "met"),
        (APART, lambda r: of("auc")(r).update(value=0.66, low=0.60, high=0.72), "cannot tell"),
        (APART, lambda r: of("auc")(r).update(value=0.60, low=0.52, high=0.68), "not met"),
        (APART, lambda r: of("auc")(r).update(low=None, reason="x"), "cannot tell"),
        (BETTER, lambda r: of("scaled_brier")(r).update(low=0.01, high=0.2), "met"),
        (BETTER, lambda r: of("scaled_brier")(r).update(low=-0.01, high=0.2), "cannot tell"),
        (BETTER, lambda r: of("scaled_brier")(r).update(low=-0.2, high=-0.1), "not met"),
        (SHIFT, lambda r: of("calibration_intercept")(r).update(low=-0.1, high=0.3), "cannot tell"),
        (SHIFT, lambda r: of("calibration_intercept")(r).update(low=0.25, high=0.6), "not met"),
        (SLOPE, lambda r: of("calibration_slope")(r).update(value=0.6), "not met"),
        (SLOPE, lambda r: of("calibration_slope")(r).update(value=None, reason="x"), "cannot tell"),
        (GROUPS, lambda r: r.update(subgroups=[]), "cannot tell"),
        (GROUPS, lambda r: r.update(subgroups=r["subgroups"][:1]), "met"),
        (GROUPS, lambda r: None, "not met"),
        (STEADY, lambda r: r["stability"]["half_width"].update(median=0.2), "not met"),
        (TRAVELS, lambda r: r["transport"]["pooled"]["auc"]["expected"].update(low=0.6), "met"),
        (TRAVELS, lambda r: r["transport"].update(pooled={}), "cannot tell"),
    ],
)  # fmt: skip
def test_a_number_is_judged_by_its_interval(changed, which, edit, verdict):
    assert findings(changed(edit))[which].verdict == verdict


def worth(*rows):
    """Set net benefit and treatments avoided at the thresholds, each as its interval."""

    def edit(report):
        at = report["settings"]["validation.thresholds"]
        found = [row for row in report["decision"] if row["threshold"] in at]
        for row, (benefit, avoided) in zip(found, rows, strict=True):
            for told, ends in ((row["net_benefit"]["corrected"], benefit),
                               (row["interventions_avoided"], avoided)):  # fmt: skip
                told.update(value=0.1, low=ends and ends[0], high=ends and ends[1], reason="x")

    return edit


GOOD, WIDE, ZERO, BAD = (0.1, 0.5), (-0.1, 0.5), (0.0, 0.5), (-0.5, -0.1)


@pytest.mark.parametrize(
    ("rows", "verdict", "start"),
    [
        (((GOOD, GOOD), (GOOD, GOOD), (GOOD, GOOD)), "met", "Better at 30 %, 45 % and 60 %. Tre"),
        (((GOOD, WIDE), (GOOD, GOOD), (GOOD, GOOD)), "cannot tell",
         "Better at 45 % and 60 %. It cannot be told at 30 %. Treating from"),
        (((GOOD, GOOD), (GOOD, GOOD), (ZERO, GOOD)), "cannot tell", "Better at 30 % and 45 %. It"),
        (((GOOD, GOOD), (GOOD, GOOD), (GOOD, None)), "cannot tell", "Better at 30 % and 45 %. It"),
        (((GOOD, BAD), (GOOD, GOOD), (WIDE, GOOD)), "not met",
         "Better at 45 %. Worse at 30 %. It cannot be told at 60 %. "),
        (((GOOD, GOOD), (GOOD, GOOD), (BAD, GOOD)), "not met", "Better at 30 % and 45 %. Worse at"),
    ],
)  # fmt: skip
def test_treating_by_it_is_better_where_it_beats_all_and_none_at_every_threshold(
    changed, rows, verdict, start
):
    found = findings(changed(worth(*rows)))[USE]
    assert found.verdict == verdict
    assert found.as_dict()["text"].startswith(start)


def test_a_band_above_treating_everybody_does_not_make_it_better(changed):
    """At 30 % the band of the model alone is no comparison; what is avoided is."""

    def edit(report):
        report["settings"]["validation.thresholds"] = [0.3]
        row = next(r for r in report["decision"] if r["threshold"] == 0.3)
        row["net_benefit"]["corrected"].update(value=0.30, low=0.26, high=0.34)
        row["interventions_avoided"].update(value=10.4, low=-5.5, high=26.2)

    assert findings(changed(edit))[USE].verdict == "cannot tell"


def test_groups_that_are_off_are_named_with_their_number(sources):
    text = findings(sources)[GROUPS].as_dict()["text"]
    assert "Too high (sperm at baseline: azoospermia) by \N{MINUS SIGN}2.433" in text
    assert "age" not in text


def clinical(report):
    as_clinical(report)
    report["settings"]["validation.thresholds"] = [0.45, 0.6]
    report["subgroups"] = report["subgroups"][:1]
    report["transport"]["pooled"]["auc"]["expected"]["low"] = 0.6


@pytest.mark.parametrize(
    ("edit", "start"),
    [
        (clinical, "Ready for an evaluation at the clinic"),
        (lambda r: (clinical(r), r["transport"].update(pooled={})),
         "It cannot be said yet whether it may be used. Open is: Would it do as well"),
        (lambda r: (clinical(r), r["sample_size"].update(enough=False)),
         "Not ready to be used. It fails where it is asked: Are the men enough?"),
        (lambda r: None, "A demonstration: the men are synthetic"),
    ],
)  # fmt: skip
def test_the_bottom_line_follows_from_the_findings(changed, edit, start):
    told = changed(edit)
    assert bottom_line(told, findings(told)).startswith(start)
