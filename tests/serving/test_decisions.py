"""What auditors ask over HTTP: listed, shown, replayed, annotated, verified; and recorded."""

from __future__ import annotations

import datetime
import json
import uuid

import pytest

from respredict.ledger.filtering import Filter
from respredict.ledger.reading import Reader
from serving import decisions
from serving.filters import read_query
from serving.problems import RefusedError
from tests.conftest import PUBLISHED_MAN
from tests.serving.test_contract import check


@pytest.fixture
def decided(client):
    """Score a man with a pseudonym of his own; return his answer."""
    man = {**PUBLISHED_MAN, "reference": f"m-{uuid.uuid4()}"}
    return {**client.post("/v1/score", json=man).json(), "asked": man}


def reads(home, about):
    """Return who read a record, and how."""
    with Reader(home) as reader:
        page = reader.find(Filter(kind="read", about=about), payloads=True)
        return [(r.actor, json.loads(r.payload.answer)["read"]) for r in page.records]


def id_of(key):
    return key.split("_")[1]


def test_a_record_is_shown_verbatim_and_the_reading_recorded(
    client, trained, auditor, keys, decided
):
    """Request and answer as they were, by sequence or id; each reading is a record."""
    sequence = decided["ledger"]["sequence"]
    for which in (sequence, decided["decision_id"]):
        response = client.get(f"/v1/decisions/{which}", headers=auditor)
        told = response.json()
        check("Record", told)
        assert told["request"] == decided["asked"]
        assert told["answer"] == {k: v for k, v in decided.items() if k not in ("ledger", "asked")}
        assert told["hash"] == decided["ledger"]["hash"]
        assert (told["erased"], told["notes"]) == (False, [])
    with Reader(trained["home"]) as reader:
        record = reader.get(sequence)
    assert record.payload.request in response.content
    assert record.payload.answer in response.content
    assert told["previous"] == record.previous.hex()
    found = reads(trained["home"], sequence)
    assert [actor for actor, _ in found] == [id_of(keys["auditor"])] * 2


def test_what_cannot_be_recorded_is_not_shown(client, trained, auditor, decided):
    """While the ledger cannot be written, auditors read nothing."""
    sequence, file = decided["ledger"]["sequence"], trained["home"] / "ledger.db"
    file.chmod(0o444)
    try:
        for path in (f"/v1/decisions/{sequence}", f"/v1/decisions?pseudonym={decided['reference']}",
                     f"/v1/decisions/{sequence}/replay"):  # fmt: skip
            response = client.get(path, headers=auditor)
            assert response.status_code == 503
            assert response.json()["type"] == "urn:respredict:problem:ledger-unavailable"
            assert decided["reference"] not in response.text
    finally:
        file.chmod(0o644)
    assert client.get(f"/v1/decisions/{sequence}", headers=auditor).status_code == 200


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/decisions/999999999", 404, "no-record"),
        ("/v1/decisions/79d221ee-f2f3-4dfc-be53-bafb548c5e28", 404, "no-record"),
        ("/v1/decisions/last", 422, "invalid-request"),
        ("/v1/decisions/1/replay", 404, "no-record"),
        ("/v1/decisions/999999999/replay", 404, "no-record"),
        ("/v1/decisions/1/nothing", 404, "not-found"),
    ],
)
def test_what_is_no_record_is_told_so(client, auditor, path, status, code):
    """A record that is not there, a word that names none, one of another kind."""
    response = client.get(path, headers=auditor)

    assert response.status_code == status
    assert response.json()["type"] == f"urn:respredict:problem:{code}"
    check("Problem", response.json())


def test_records_are_listed_page_by_page_and_the_listing_recorded(client, trained, auditor, keys):
    """By pseudonym, the newest first, each once; a man's name goes when he is erased."""
    name = f"pages-{uuid.uuid4()}"
    men = [{**PUBLISHED_MAN, "age": age, "reference": name} for age in (30, 35, 40, 45, 50)]
    sequences = [client.post("/v1/score", json=m).json()["ledger"]["sequence"] for m in men]
    found, before = [], ""
    while True:
        url = f"/v1/decisions?pseudonym={name}&limit=2{before}"
        page = client.get(url, headers=auditor).json()
        check("Records", page)
        found += [record["sequence"] for record in page["records"]]
        if page["before"] is None:
            break
        before = f"&before={page['before']}"

    assert found == sequences[::-1]
    with Reader(trained["home"]) as reader:
        listings = reader.find(Filter(kind="read", pseudonym=name), payloads=True).records
    assert [r.actor for r in listings] == [id_of(keys["auditor"])] * 3
    assert json.loads(listings[0].payload.answer)["records"] == found[:2]
    assert name not in listings[0].payload.answer.decode()


def test_filters_narrow_a_list(client, auditor, decided):
    """Each filter keeps the decision it fits and drops it where it does not."""
    risk, name = decided["improvement"]["probability"], decided["reference"]
    day = datetime.datetime.now(tz=datetime.UTC).date()
    fits = {
        "status": "scored", "model": decided["model"]["digest"], "kind": "decision",
        "risk_min": risk - 0.01, "risk_max": risk + 0.01, "from": f"{day - datetime.timedelta(1)}",
        "to": f"{day}",
    }  # fmt: skip
    fails = {
        "status": "caution", "model": f"sha256:{'0' * 64}", "kind": "batch",
        "risk_min": risk + 0.01, "risk_max": risk - 0.01, "from": f"{day + datetime.timedelta(1)}",
        "to": f"{day - datetime.timedelta(1)}",
    }  # fmt: skip

    def count(given):
        response = client.get("/v1/decisions", params={"pseudonym": name, **given}, headers=auditor)
        assert response.status_code == 200
        return len(response.json()["records"])

    assert count(fits) == 1
    assert [count({key: value}) for key, value in fails.items()] == [0] * len(fails)


@pytest.mark.parametrize(
    ("given", "field", "rule"),
    [
        ({"status": "good"}, "status", "scored, caution"),
        ({"kind": "all"}, "kind", "be one of decision"),
        ({"from": "yesterday"}, "from", "be a day or a moment"),
        ({"to": "2026-02-30"}, "to", "be a day or a moment"),
        ({"model": "3"}, "model", "sha256"),
        ({"risk_min": "nan"}, "risk_min", "0 to 1"),
        ({"risk_max": "1.5"}, "risk_max", "0 to 1"),
        ({"before": "0"}, "before", "whole number"),
        ({"limit": "201"}, "limit", "1 to 200"),
        ({"limit": "٣"}, "limit", "1 to 200"),
        ({"pseudonym": ""}, "pseudonym", "1 to 100"),
        ({"pseudonym": "a" * 101}, "pseudonym", "1 to 100"),
    ],
)
def test_a_filter_that_says_nothing_is_refused(given, field, rule):
    """With its rule, and without what was sent: a pseudonym may stand there."""
    with pytest.raises(RefusedError) as caught:
        read_query(given)
    (problem,) = caught.value.errors

    assert (problem.field, problem.got) == (field, "something else")
    assert rule in problem.rule


@pytest.mark.parametrize(
    ("query", "field"), [("stauts=scored", "stauts"), ("limit=1&limit=2", "query")]
)
def test_an_unknown_or_repeated_parameter_is_refused(client, auditor, query, field):
    """A misspelt filter would list everybody."""
    response = client.get(f"/v1/decisions?{query}", headers=auditor)

    assert response.status_code == 422
    assert [e["field"] for e in response.json()["errors"]] == [field]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_decision_is_replayed(client, trained, auditor, decided, method):
    """Rescored by the model that gave it: identical; and the reading is recorded."""
    path = f"/v1/decisions/{decided['decision_id']}/replay"
    told = client.request(method, path, headers=auditor).json()

    check("Replayed", told)
    assert (told["state"], told["differences"]) == ("identical", [])
    assert len(reads(trained["home"], decided["ledger"]["sequence"])) == 1


@pytest.mark.parametrize("role", ["auditor", "operator"])
def test_the_ledger_is_verified_anew(client, keys, decided, role):
    """Every record up to the last, each time it is asked."""
    headers = {"X-API-Key": keys[role]}
    told = client.get("/v1/audit/verify", headers=headers).json()
    check("Verdict", told)
    later = client.post("/v1/score", json=PUBLISHED_MAN).json()["ledger"]["sequence"]
    again = client.post("/v1/audit/verify", headers=headers).json()

    assert told["ok"]
    assert told["records"] >= decided["ledger"]["sequence"]
    assert again["records"] >= later > told["records"]


def test_one_verifies_at_a_time(client, auditor):
    """Who asks meanwhile is told to wait, and holds nobody up."""
    with decisions._verifying:
        response = client.get("/v1/audit/verify", headers=auditor)

    assert response.status_code == 429
    assert response.json()["type"] == "urn:respredict:problem:busy"
    assert response.headers["retry-after"]
    assert client.get("/v1/audit/verify", headers=auditor).status_code == 200


def test_a_note_is_recorded_and_shown_with_the_decision(client, auditor, keys, decided):
    """A clinician says why he disagrees; the auditor reads it beside the answer."""
    path = f"/v1/decisions/{decided['ledger']['sequence']}"
    response = client.post(f"{path}/notes", json={"text": "I disagree, because FSH is late."})
    told = response.json()

    assert response.status_code == 201
    check("NoteReceipt", told)
    assert told["about"] == decided["ledger"]["sequence"]
    (note,) = client.get(path, headers=auditor).json()["notes"]
    assert note["text"] == "I disagree, because FSH is late."
    assert (note["actor"], note["sequence"]) == (id_of(keys["clinician"]), told["sequence"])


@pytest.mark.parametrize(
    "body", [{}, {"text": ""}, {"text": " "}, {"text": 3}, {"text": "a\x00"}, {"text": "x" * 2001},
             {"text": "a", "more": 1}, ["a"]],
)  # fmt: skip
def test_what_is_no_note_is_refused(client, decided, body):
    """A note is plain text, and nothing else is kept."""
    path = f"/v1/decisions/{decided['ledger']['sequence']}/notes"
    response = client.post(path, json=body)

    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "text"


def test_a_link_signs_in_once_and_signing_out_ends_it(client, trained):
    """The cookie is for this service's pages only; the link is used up."""
    from respredict.access.links import create_link
    from serving.door import COOKIE

    token = create_link(trained["home"], ["clinician"], owner="dr a")
    host = {"origin": "http://testserver"}
    first = client.get(f"/sign-in/{token}", follow_redirects=False)
    second = client.get(f"/sign-in/{token}", follow_redirects=False)
    cookie = first.headers["set-cookie"]
    value = cookie.split(";")[0].removeprefix(f"{COOKIE}=")
    client.cookies.clear()
    session = {"cookie": f"{COOKIE}={value}"}

    def ask(method, path, **headers):
        request = client.build_request(method, path, headers={**session, **headers})
        del request.headers["x-api-key"]
        return client.send(request, follow_redirects=False)

    assert (first.status_code, first.headers["location"], first.content) == (303, "/", b"")
    for part in ("HttpOnly", "SameSite=Lax", "Path=/"):
        assert part in cookie
    assert "Secure" not in cookie  # plain HTTP on loopback
    assert (second.status_code, second.json()["reason"]) == (401, "link-used")
    assert ask("GET", "/v1/model").status_code == 200
    assert ask("GET", "/v1/decisions").status_code == 403
    assert ask("POST", "/sign-out").status_code == 403
    ended = ask("POST", "/sign-out", **host)
    assert (ended.status_code, "Max-Age=0" in ended.headers["set-cookie"]) == (303, True)
    assert ask("GET", "/v1/model").json()["reason"] == "session-unknown"
