"""What became of a man, told over HTTP: recorded about his decision, all of it or nothing."""

from __future__ import annotations

import datetime
import uuid

import pytest

from respredict.audit.outcomes import outcomes_of
from respredict.ledger.filtering import Filter
from respredict.ledger.reading import Reader
from tests.conftest import PUBLISHED_MAN
from tests.serving.test_contract import check

SAMPLED = "2026-01-05"


@pytest.fixture
def decision(client):
    """Score a man who was sampled long ago; return the id of his decision."""
    man = {**PUBLISHED_MAN, "sampled_on": SAMPLED, "semen_sampled_on": SAMPLED}
    return client.post("/v1/score", json=man).json()["decision_id"]


def test_an_outcome_is_recorded_about_its_decision(client, trained, keys, decision):
    """Told again, the last counts, and says which it replaces."""
    first = client.post(
        "/v1/outcomes", json={"decision": decision, "improved": True, "on": "2026-04-05"}
    )
    again = client.post(
        "/v1/outcomes", json={"decision": decision, "improved": False, "on": "2026-01-06"}
    )

    assert (first.status_code, again.status_code) == (201, 201)
    check("OutcomeReceipt", first.json())
    check("OutcomeReceipt", again.json())
    assert (first.json()["day"], first.json()["replaces"], first.json()["note"]) == (90, None, None)
    assert again.json()["replaces"] == first.json()["sequence"]
    assert again.json()["note"].startswith("day 1 of the follow-up lies outside 60 to 270")
    with Reader(trained["home"]) as reader:
        record = reader.get(first.json()["sequence"])
        about = reader.get(uuid.UUID(decision))
        (told,) = (t for t in outcomes_of(reader, about.model) if t.sequence > about.sequence)
    assert (record.kind, record.about) == ("outcome", about.sequence)
    assert record.actor == keys["clinician"].split("_")[1]
    assert (told.improved, told.on) == (False, datetime.date(2026, 1, 6))


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"decision": None}, "decision", "must be given"),
        ({"decision": "1841"}, "decision", "must be the id of a decision"),
        ({"decision": str(uuid.UUID(int=7))}, "decision", "must be on record"),
        ({"improved": None}, "improved", "must be given"),
        ({"improved": "yes"}, "improved", "must be true or false"),
        ({"on": None}, "on", "must be given"),
        ({"on": "5.4.2026"}, "on", "must be a date, YYYY-MM-DD"),
        ({"on": SAMPLED}, "on", f"must be later than {SAMPLED}"),
        ({"on": "9999-01-01"}, "on", "must be 20"),
        ({"improvd": True}, "improvd", "must be a known field"),
    ],
)
def test_what_is_no_outcome_is_refused_and_not_recorded(
    client, trained, decision, change, field, rule
):
    """Every broken rule by its field."""
    with Reader(trained["home"]) as reader:
        before = len(reader.find(Filter(kind="outcome"), limit=1000).records)
    sent = {"decision": decision, "improved": True, "on": "2026-04-05", **change}
    response = client.post("/v1/outcomes", json=sent)

    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert error["field"] == field
    assert error["rule"].startswith(rule)
    assert set(error) == {"field", "rule", "got", "remedy"}
    with Reader(trained["home"]) as reader:
        assert len(reader.find(Filter(kind="outcome"), limit=1000).records) == before


def test_every_rule_is_told_at_once(client):
    """Nothing sent, all that is missing; and what is no object is told so."""
    nothing = client.post("/v1/outcomes", json={}).json()
    no_object = client.post("/v1/outcomes", json=["yes"]).json()

    assert [error["field"] for error in nothing["errors"]] == ["decision", "improved", "on"]
    assert [error["field"] for error in no_object["errors"]] == ["request"]


def test_only_clinicians_tell_outcomes(client, auditor):
    """An auditor reads what others tell."""
    assert client.post("/v1/outcomes", json={}, headers=auditor).status_code == 403
