"""The model card as plain values."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from respredict.card import card_json
from respredict.report.cards import card_page
from tests.report.conftest import as_clinical, read
from tests.report.reading import Reader, numbers_in

PARTS = ("format", "use", "model", "intended_use", "users", "not_for", "data", "outcome",
         "performance", "uncertainty", "subgroups", "monitoring", "owner")  # fmt: skip


@pytest.fixture
def told():
    return read("report.json"), read("meta.json")


def test_a_card_has_every_part_and_is_json(told):
    card = card_json(*told)
    assert tuple(card) == PARTS
    assert json.loads(json.dumps(card, allow_nan=False)) == card


def test_every_number_of_a_card_is_of_the_report_the_bundle_or_the_outcome(told):
    report, meta = told
    card = card_json(report, meta)
    outcome = {repr(v) for v in (60.0, 270.0, 90.0)}
    assert numbers_in(card) <= numbers_in(report) | numbers_in(meta) | outcome


def test_a_model_that_was_not_validated_says_so(told):
    card = card_json(None, told[1])
    assert "run respredict train --validate" in card["performance"]["reason"]
    assert card["subgroups"] == []
    assert "run respredict train --validate" in card_page(card, ("a model",))


def test_what_it_is_for_follows_from_the_men(told):
    report, meta = told
    as_clinical(report)
    card = card_json(report, meta | {"use": "local evaluation"})
    assert "To be evaluated at the clinic" in card["intended_use"]
    assert "demonstration" not in card_page(card, ("a model",)).lower()


def test_the_owner_has_places_to_fill_in(told):
    card = card_json(*told)
    assert set(card["owner"].values()) == {None}
    assert card_page(card, ("a model",)).count("to be filled in by the owner") == len(card["owner"])


def test_a_card_says_demonstration_and_needs_nothing_from_outside(told):
    page = card_page(card_json(*told), ("version 3",))
    read_page = Reader(page)
    assert "Demonstration" in page
    assert not {tag for tag, _ in read_page.elements} & {"script", "link", "img", "svg"}


def test_a_card_is_told_without_loading_what_draws():
    code = "import sys, respredict.card; print({'matplotlib', 'shap', 'mlflow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
