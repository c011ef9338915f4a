"""A whole validation: the report, the same again, and what can be read back."""

from __future__ import annotations

import dataclasses
import json
import math
import re

import pytest

from respredict.errors import InputError
from respredict.validation.metrics import METRICS
from respredict.validation.report import FORMAT, Report
from respredict.validation.running import chosen_candidate, validate
from tests.subjects import settings_for, subjects_of


@pytest.fixture(scope="module")
def subjects(tmp_path_factory):
    """Return about 110 men with a known outcome, and where they are from."""
    return subjects_of(tmp_path_factory.mktemp("men"), 120, seed=8)


@pytest.fixture(scope="module")
def report(subjects):
    """Return a small validation of one candidate."""
    men, told = subjects
    asked = settings_for(candidates=("published",), resamples=6, repeats=1)
    return validate(men, asked, provenance=told, sample_size={"needed": 400}, notices=("a note",))


def test_a_report_reads_back_as_it_was_written(report):
    """Through JSON text, equal; nothing in it can be changed."""
    again = Report.from_dict(json.loads(report.to_json()))

    assert again == report
    assert again.to_json() == report.to_json()
    assert report.as_dict()["format"] == FORMAT
    with pytest.raises(TypeError):
        report.cohort["men"] = 3
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.roc = ()


def test_every_model_has_every_metric_apparent_and_corrected(report):
    """The comparators too; a corrected value is the apparent one less its optimism."""
    names = {"published", "select", "prevalence", "t_lh_at_least_100", "t_e2_below_10", "lh+fsh"}
    assert set(report.performance) == names
    for of in report.performance.values():
        assert set(METRICS) <= set(of)
        auc = of["auc"]
        assert auc["corrected"]["value"] == pytest.approx(auc["apparent"] - auc["optimism"])
    assert report.performance["published"] == report.performance["select"]
    assert report.performance["prevalence"]["calibration_slope"]["corrected"]["reason"]
    assert 0 < report.performance["t_lh_at_least_100"]["rule"]["sensitivity"] < 1


def test_the_parts_agree_with_each_other(report, subjects):
    """Men are counted once, points are theirs, and the level is told."""
    n = len(subjects[0].improved)
    assert report.cohort["men"] == n == sum(site["n"] for site in report.cohort["sites"])
    assert sum(report.risks["improved"]) == report.cohort["events"]
    assert len(report.stability["points"]) == n
    assert len(report.decision) == 99
    assert report.settings["level"] == 0.9
    assert "validation.jobs" not in report.settings
    assert report.model["candidate"] == "published"
    assert report.worsening["basis"] == "base rate"
    assert report.notices == ("a note",)
    known = {row["variable"]: row["all"] for row in report.cohort["table_one"]}
    assert all(row["n"] + row["missing"] == n for row in known.values())
    assert known["estradiol_pg_ml"]["censored"] > 0


def test_nothing_says_who_a_man_is(report, subjects):
    """No pseudonym is in the text."""
    text = report.to_json()
    assert not [who for who in subjects[0].men["patient_id"] if who in text]


def test_a_clinics_report_shows_no_single_man(subjects, report):
    """Its points are means of ten, its thresholds rounded; the numbers are the same."""
    men, _ = subjects
    asked = settings_for(candidates=("published",), resamples=6, repeats=1)
    clinical = validate(men, asked, provenance={"cohort": {"kind": "clinical"}}, sample_size={})

    assert clinical.stability["men_a_point"] == 10
    assert len(clinical.stability["points"]) == report.cohort["men"] // 10
    assert clinical.performance == report.performance
    assert clinical.stability["mape"] == report.stability["mape"]


def test_every_number_has_a_flat_name_that_a_tracker_takes(report):
    """Such as the corrected AUC; only finite numbers, no points of figures."""
    told = report.metrics()
    name = "validation.performance.published.auc.corrected.value"

    assert told[name] == report.performance["published"]["auc"]["corrected"]["value"]
    assert "validation.transport.pooled.auc.value" in told or report.transport["pooled"]["auc"]
    assert all(re.fullmatch(r"[\w\-. /]+", key) for key in told)
    assert all(math.isfinite(value) for value in told.values())
    assert not [key for key in told if "table_one" in key or ".points." in key]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "respredict-report/0"}, "format must be respredict-report/1, got "),
        ({"roc": None}, "a report must hold its parts, got roc missing or unknown"),
        ({"more": 1}, "a report must hold its parts, got more missing or unknown"),
    ],
)
def test_another_format_is_refused(report, change, message):
    """With what is wrong with it."""
    told = report.as_dict() | change
    told = {key: value for key, value in told.items() if value is not None}
    with pytest.raises(InputError, match=re.escape(message)):
        Report.from_dict(told)


def test_the_choice_is_that_of_the_settings(subjects):
    """A named candidate is taken as it is; ``select`` chooses among those named."""
    men, _ = subjects
    asked = settings_for(candidates=("published", "zero"))
    chosen = dataclasses.replace(asked.model, candidate="select", predictors="t_lh")

    assert chosen_candidate(men, asked) == "published"
    choice = chosen_candidate(men, dataclasses.replace(asked, model=chosen))
    assert choice in ("published", "zero")
