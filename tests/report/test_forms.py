"""TRIPOD+AI and PROBAST+AI, filled."""

from __future__ import annotations

from collections import Counter

import pytest

from respredict.report.forms import FORMS, PERSON, filled, form_json
from tests.report.conftest import as_clinical

STATUSES = {"from the run", "in part", "not applicable", "a person"}


@pytest.mark.parametrize(("name", "items"), [("tripod_ai", 52), ("probast_ai", 34)])
def test_every_item_of_a_form_is_there_once_and_has_an_answer(sources, name, items):
    _, rows = filled(name, sources)
    assert len({row.number for row in rows}) == len(rows) == items
    for row in rows:
        told = row.as_dict()
        assert row.status in STATUSES
        assert told["answer"]
        assert (PERSON in row.parts) == (row.status in ("a person", "in part"))
        assert bool(told["rests_on"]) == (row.status in ("from the run", "in part"))


def test_the_parts_of_probast_have_the_questions_that_the_article_counts(sources):
    _, rows = filled("probast_ai", sources)
    assert Counter(row.applies for row in rows) == {"development": 16, "evaluation": 18}
    assert Counter(row.number[:2] for row in rows) == {
        "D1": 3, "D2": 4, "D3": 4, "D4": 5, "E1": 3, "E2": 4, "E3": 4, "E4": 7,
    }  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_wording_that_may_not_be_passed_on_is_told_as_missing(sources, name):
    told = form_json(name, sources)
    assert told["missing"] == [i["number"] for i in told["items"] if i["wording"] is None]
    assert bool(told["missing"]) == (told["licence"] == "CC BY-NC")
    assert "doi:10.1136/" in told["citation"]
    assert told["verified"]


def test_ethics_and_funding_are_for_a_person(sources):
    told = {item["number"]: item for item in form_json("tripod_ai", sources)["items"]}
    for number in ("17", "18a", "18b", "18c", "18d", "19"):
        assert told[number]["answer"] == PERSON


def test_a_clinic_says_itself_who_may_have_its_data(changed):
    told = {i["number"]: i for i in form_json("tripod_ai", changed(as_clinical))["items"]}
    assert told["18e"]["status"] == "a person"


def bare(report):
    report["provenance"]["cohort"] |= {"source": "not stated", "date": ""}


def of_one_clinic(report):
    report["transport"] = {"sites": [], "pooled": {}}
    report["selection"]["folds"] = "outcome"
    report["learning"] = {"points": [], "reason": "too few men"}
    report["model"] |= {"predictors": "lh+fsh", "candidate": "boosting"}


def nothing(report):
    return report


@pytest.mark.parametrize(
    ("edit", "number", "answer"),
    [
        (nothing, "5a", "One table of synthetic men, for both; its source is told there."),
        (nothing, "5b", "The date of the table is told there."),
        (bare, "5a", "One table of synthetic men, for both; its source is not stated."),
        (bare, "5b", "The date of the table is not stated."),
        (nothing, "4", "by 40 resamples and clinic by clinic."),
        (of_one_clinic, "4", "by 40 resamples."),
        (nothing, "12d", "Folds follow the clinics; each clinic was predicted by the others"),
        (of_one_clinic, "12d", "Folds follow the outcome; no clinic was predicted by others."),
        (of_one_clinic, "23b", "No clinic was predicted by others."),
        (of_one_clinic, "9a", "The predictor set lh+fsh, as the software fixes it; none was"),
        (of_one_clinic, "27c", PERSON),
    ],
)
def test_an_answer_claims_what_the_run_did(changed, edit, number, answer):
    told = {i["number"]: i["answer"] for i in form_json("tripod_ai", changed(edit))["items"]}
    assert answer in told[number]


def test_a_curved_model_has_no_equation_and_no_prior(changed):
    told = changed(of_one_clinic, equation=None)
    tripod, probast = (
        {i["number"]: i["answer"] for i in form_json(name, told)["items"]} for name in FORMS
    )
    assert tripod["22"] == "The model under its digest."
    assert tripod["12g"].endswith("through the service or the command line.")
    assert probast["D4.5"] == PERSON
    assert probast["E4.5"].endswith("folds follow the outcome.")
