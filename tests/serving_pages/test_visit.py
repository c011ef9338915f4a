"""A clinician's visit as a browser without JavaScript makes it."""

from __future__ import annotations

import html
import json
import logging
import re

import pytest

from respredict.audit.notes import notes_about
from respredict.words.phrases import percent
from serving.pages.layout import HEADERS
from tests.conftest import PUBLISHED_MAN
from tests.serving.test_contract import MEN
from tests.serving_pages.conftest import HTML, MAN, words_of

RULES = HEADERS["content-security-policy"]


def decision_of(page: str) -> str:
    return re.search(r'action="/decisions/([0-9a-f-]{36})/notes', page)[1]


def token_of(page: str) -> str:
    return re.search(r'name="token" value="([0-9a-f]{32})"', page)[1]


def test_the_form_starts_empty(client):
    """Nothing is entered for anybody; required ones are marked."""
    page = client.get("/", headers=HTML)
    values = re.findall(r'<input type="(?:text|date)"[^>]* value="([^"]*)"', page.text)

    assert page.status_code == 200
    assert len(values) > 10
    assert set(values) == {""}
    assert not re.search(r"<input[^>]*\bchecked\b", page.text)
    assert set(re.findall(r'value="([^"]*)" selected', page.text)) == {""}
    assert page.text.count('<span class="need">needed for a probability') == 2
    assert 'aria-required="true"' in page.text


@pytest.mark.parametrize("path", ["/", "/model"])
def test_a_page_loads_and_runs_nothing_of_others(client, path):
    """One policy, in the answer; nothing in the page would need another."""
    page = client.get(path, headers=HTML)

    assert page.headers["content-security-policy"] == RULES
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "same-origin"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon[a-z]+=", page.text)
    addresses = re.findall(r'(?:src|href|action)="([^"]+)"', page.text)
    assert [a for a in addresses if not a.startswith(("/", "#", "data:,"))] == []


def test_its_files_are_served_for_good(client):
    """By an address that changes with what they say."""
    page = client.get("/", headers=HTML).text
    for name, kind in (("style.css", "text/css"), ("form.js", "text/javascript")):
        address = re.search(rf'"(/static/{name}\?v=[0-9a-f]{{12}})"', page)[1]
        answer = client.get(address)
        assert answer.headers["content-type"].startswith(kind)
        assert "immutable" in answer.headers["cache-control"]
    assert client.get("/static/layout.py").status_code == 404


def test_the_answer_is_that_of_the_interface(client, send, reader):
    """The same probability, recorded once, from the same bytes as any caller's."""
    expected = client.post("/v1/score", json=PUBLISHED_MAN).json()
    before = reader.head()[0]
    page = send()
    said = words_of(page.text)
    record = reader.get(reader.head()[0])

    assert page.status_code == 200
    assert reader.head()[0] == before + 1
    assert record.kind == "decision"
    assert record.risk == expected["improvement"]["probability"]
    assert json.loads(record.payload.request) == PUBLISHED_MAN
    assert str(record.id) in said
    assert f"record {record.sequence}" in said
    assert percent(record.risk) in said
    assert (
        html.unescape(re.search(r'id="statement">(.*?)</p>', page.text)[1])
        == (expected["explanation"]["statement"])
    )


@pytest.mark.parametrize("kind", MEN)
def test_every_kind_of_answer_has_its_page(send, kind):
    """Status first; then the probability, or why there is none."""
    from serving.pages.form import as_entered

    entered = as_entered(json.dumps({k: v for k, v in MEN[kind].items() if v}).encode())
    page = send(**{**dict.fromkeys(MAN), **entered})
    said = words_of(page.text)

    assert page.status_code == 200
    without = "No probability can be given" in said
    assert without == ("Why no probability is given" in said)
    assert without != ("What moved it" in said)
    assert "Demonstration. The model learnt from" in said


def test_a_form_sent_twice_is_one_decision(client, send, reader):
    """Sent anew with another value it is another one."""
    token = token_of(client.get("/", headers=HTML).text)
    first, again = send(token=token), send(token=token)
    count = reader.head()[0]

    assert decision_of(first.text) == decision_of(again.text)
    assert decision_of(send(token=token, age="35").text) != decision_of(first.text)
    assert reader.head()[0] == count + 1


def test_errors_stand_beside_their_fields(send, reader):
    """With a summary that leads there; what was entered stays, and nothing is recorded."""
    before = reader.head()[0]
    page = send(age="200", testosterone__unit=None, reference="A-17")

    assert page.status_code == 422
    assert page.headers["content-security-policy"] == RULES
    assert reader.head()[0] == before
    assert "<title>Error: " in page.text
    for name in ("age", "testosterone"):
        assert f'<a href="#{name}">' in page.text
        (described,) = re.findall(rf'id="{name}" [^>]*aria-describedby="([^"]*)"', page.text)
        assert f"{name}-error-1" in described
        assert f'id="{name}-error-1"' in page.text
    said = words_of(page.text)
    assert "Age must be 18 to 70 years, got 200." in said
    assert "Total testosterone: its unit must be chosen, got none." in said
    assert 'value="270.6"' in page.text
    assert 'value="A-17"' in page.text


def test_a_value_is_changed_without_being_entered_anew(send, reader):
    """The answer leads back to the filled form, by a body and no address."""
    before = reader.head()[0]
    page = send(action="edit")

    assert page.status_code == 200
    assert reader.head()[0] == before
    assert 'id="testosterone" value="270.6"' in page.text
    assert re.search(r'value="ng/dL" checked', page.text)


def test_a_disagreement_is_recorded_once_and_shown(client, send, reader):
    """It is an amendment to the decision, by who disagrees."""
    scored = send(reference="note-1").text
    decision = decision_of(scored)
    path = f"/decisions/{decision}/notes"
    page = client.post(path, data={"text": "He has a\r\nvaricocele."}, headers=HTML)
    client.post(path, data={"text": "He has a\r\nvaricocele."}, headers=HTML)
    sequence = int(re.search(r"record (\d+), [0-9a-f]{16}", words_of(scored))[1])
    (note,) = notes_about(reader, sequence)

    assert page.status_code == 200
    assert note.text == "He has a\nvaricocele."
    assert f"record {note.sequence}" in words_of(page.text)
    assert "He has a varicocele." in words_of(page.text)


def test_an_empty_disagreement_is_refused_beside_its_field(client, send, reader):
    """Nothing is recorded."""
    decision = decision_of(send(reference="note-2").text)
    before = reader.head()[0]
    page = client.post(f"/decisions/{decision}/notes", data={"text": " "}, headers=HTML)

    assert page.status_code == 422
    assert "The note must have 1 to 2000 characters, got 0." in words_of(page.text)
    assert reader.head()[0] == before


def test_nobody_writes_on_the_decision_of_another(client, session, reader):
    """A clinician sees what was given to him."""
    decision = decision_of(session().text)
    before = reader.head()[0]
    page = client.post(f"/decisions/{decision}/notes", data={"text": "no"}, headers=HTML)

    assert page.status_code == 403
    assert "Name a decision that was given to you" in words_of(page.text)
    assert reader.head()[0] == before


def test_what_was_entered_stands_in_no_address_and_no_log(send, caplog):
    """Neither the values nor the reference of a man."""
    caplog.set_level(logging.DEBUG)
    page = send(testosterone="271.75", reference="secret-17")
    send(testosterone="271.75x", reference="secret-17")
    addresses = " ".join(re.findall(r'(?:href|action)="([^"]*)"', page.text))

    for text in ("271.75", "secret-17"):
        assert text in page.text
        assert text not in caplog.text
        assert text not in addresses
    assert str(page.url).endswith("/")


@pytest.mark.parametrize(
    ("role", "status", "where"),
    [("clinician", 200, None), ("auditor", 303, "/audit"), ("operator", 303, "/model")],
)
def test_each_role_begins_where_its_pages_are(client, keys, role, status, where):
    """Only a clinician scores."""
    given = {**HTML, "X-API-Key": keys[role]}
    page = client.get("/", headers=given, follow_redirects=False)

    assert (page.status_code, page.headers.get("location")) == (status, where)
    if role != "clinician":
        assert client.post("/", data=MAN, headers=given).status_code == 403


def test_the_model_page_tells_card_origin_and_promotions(client, trained):
    """What is served, and by whose promotion."""
    said = words_of(client.get("/model", headers=HTML).text)
    card = client.get("/v1/model").json()

    assert card["digest"] in said
    assert card["trained_on"]["sha256"] in said
    assert card["outcome"]["definition"] in said
    assert "It is the first that was promoted here." in said
    assert str(card["trained_on"]["men"]) in said


def test_an_unknown_document_of_the_model_is_none(client):
    """Nothing else of the bundle is given out."""
    page = client.get("/model/meta.json", headers=HTML)

    assert page.status_code == 404
    assert "Ask for report.json or conformance.json" in words_of(page.text)
