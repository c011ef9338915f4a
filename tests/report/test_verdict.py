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


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.4, 0.5, "met"), (0.0, 0.5, "cannot tell"), (-0.5, -0.4, "not met")],
)
def test_treating_by_it_is_set_against_treating_all_or_none(changed, low, high, verdict):
    def edit(report):
        for row in report["decision"]:
            row["net_benefit"]["corrected"].update(low=low, high=high)

    assert findings(changed(edit))[USE].verdict == verdict


def test_groups_that_are_off_are_named_with_their_number(sources):
    text = findings(sources)[GROUPS].as_dict()["text"]
    assert "Too high (sperm at baseline: azoospermia) by \N{MINUS SIGN}2.433" in text
    assert "age" not in text


def clinical(report):
    as_clinical(report)
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
