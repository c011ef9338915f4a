"""The auditor's desk as a browser without JavaScript uses it."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import uuid
import zipfile

import pytest

from respredict.bundle import load_bundle
from respredict.ledger.chain import seal
from respredict.ledger.creation import writing
from respredict.ledger.entry import Entry
from respredict.ledger.erasure import erase
from respredict.ledger.filtering import Filter
from respredict.scoring import Scorer
from serving.pages import desk_jobs
from serving.pages.desk_jobs import ask
from serving.pages.layout import HEADERS
from serving.problems import RefusedError
from tests.audited import bodies, decide, other_model
from tests.conftest import PUBLISHED_MAN
from tests.serving_pages.conftest import HTML, words_of

pytestmark = pytest.mark.usefixtures("client")


@pytest.fixture(scope="module")
def decided(client, trained, scorer):
    """Let the champion and another version decide on 30 men each."""
    home, men = trained["home"], bodies(60, seed=9)
    for man in men:
        man["reference"] += "-desk"
    other = Scorer(other_model(home, load_bundle(home, scorer.bundle.digest)), None)
    decide(home, scorer, men[:30])
    decide(home, other, men[30:])
    return {"men": men, "other": other.bundle.digest, "champion": scorer.bundle.digest}


@pytest.fixture
def at_desk(client, auditor, decided):
    """Return what opens a page of the desk, or sends a form of it."""

    def asked(path, **form):
        headers = {**auditor, **HTML}
        if form:
            given = {name.rstrip("_"): text for name, text in form.items()}
            return client.post(path, headers=headers, data=given, follow_redirects=False)
        return client.get(path, headers=headers, follow_redirects=False)

    return asked


@pytest.fixture
def man(client):
    """Score a man with a pseudonym of his own."""
    asked = {**PUBLISHED_MAN, "reference": f"m-{uuid.uuid4()}"}
    return {**client.post("/v1/score", json=asked).json(), "asked": asked}


def listed(page):
    return [int(s) for s in re.findall(r'<th scope="row"><a href="/audit/decisions/(\d+)"', page)]


def reads(reader, **asked):
    found = reader.find(Filter(kind="read", **asked), limit=1000, payloads=True).records
    return [json.loads(record.payload.answer) for record in found if record.payload]


PATHS = ("/audit", "/audit/decisions/1", "/audit/verify", "/audit/models", "/audit/over-time")


@pytest.mark.parametrize("path", PATHS)
def test_the_desk_is_the_auditors(client, at_desk, path):
    """A clinician is refused, who is nobody is told how to sign in."""
    assert at_desk(path).status_code == 200
    refused = client.get(path, headers=HTML)
    assert refused.status_code == 403
    assert "Use a key with the role auditor" in words_of(refused.text)


def test_a_page_of_the_desk_loads_and_runs_nothing_of_others(at_desk, decided):
    """One policy, in the answer; nothing in the page would need another."""
    digest = decided["champion"][7:]
    compared = f"/audit/compare?first={digest}&second={decided['other'][7:]}"
    for path in (*PATHS, f"/audit/models/{digest}", compared):
        page = at_desk(path)
        assert page.status_code == 200
        assert page.headers["content-security-policy"] == HEADERS["content-security-policy"]
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon[a-z]+=", page.text)
        addresses = re.findall(r'(?:src|href|action)="([^"]+)"', page.text)
        assert [a for a in addresses if not a.startswith(("/", "#", "data:,"))] == []


def test_decisions_are_listed_the_newest_first_and_turned_page_by_page(at_desk, reader):
    """Each decision once, whatever is read and recorded meanwhile."""
    every = reader.find(Filter(kind="decision"), limit=1000, newest_first=True).records
    found, path = [], "/audit"
    while path:
        page = at_desk(path).text
        found += listed(page)
        turned = re.search(r'href="(/audit\?before=\d+)" rel="next"', page)
        path = turned and turned[1]
    assert found[-len(every) :] == [record.sequence for record in every]
    assert len(found) == len(set(found)) > 50


def test_a_search_becomes_an_address_that_can_be_kept(at_desk, reader, decided):
    """Days, model, status and percent; what is empty is left out."""
    form = {"from_": "2020-01-01", "to": "", "status": "caution", "risk_min": "40",
            "risk_max": "80 ", "model": decided["champion"], "pseudonym": ""}  # fmt: skip
    moved = at_desk("/audit", **form)
    assert moved.status_code == 303
    query = f"from=2020-01-01&risk_min=40&risk_max=80&model={decided['champion']}&status=caution"
    path, _, told = moved.headers["location"].partition("?")
    assert path == "/audit"
    assert sorted(told.replace("%3A", ":").split("&")) == sorted(query.split("&"))
    asked = Filter(kind="decision", status="caution", risk_from=0.4, risk_to=0.8,
                   model=decided["champion"])  # fmt: skip
    expected = reader.find(asked, limit=50, newest_first=True).records
    assert listed(at_desk(moved.headers["location"]).text) == [r.sequence for r in expected]
    assert expected


def test_a_pseudonym_is_never_an_address(at_desk, reader, man):
    """It is sent in a form and answered there; the reading is recorded as one of his."""
    name = man["asked"]["reference"]
    page = at_desk("/audit", pseudonym=name, status="")
    assert page.status_code == 200
    assert listed(page.text) == [man["ledger"]["sequence"]]
    assert name not in "".join(re.findall(r'(?:href|action)="([^"]+)"', page.text))
    told = reads(reader, pseudonym=name)
    assert told == [{"read": "page /audit", "records": [man["ledger"]["sequence"]]}]
    refused = at_desk(f"/audit?pseudonym={name}")
    assert refused.status_code == 422
    assert name not in refused.text


@pytest.mark.parametrize(
    ("field", "text", "told"),
    [
        ("from_", "May", "The first day must be a day or a moment."),
        ("risk_min", "300", "The lowest probability must be a percentage, 0 to 100."),
        ("risk_max", "much", "The highest probability must be a percentage, 0 to 100."),
        ("which", "the last", "It must be the number of a record or the id of a decision."),
        ("pseudonym", "x" * 101, "The pseudonym must be 1 to 100 characters."),
    ],
)
def test_what_breaks_a_rule_is_told_beside_its_field(at_desk, field, text, told):
    """With what was entered still there, and nothing listed."""
    page = at_desk("/audit", **{field: text})
    assert page.status_code == 422
    assert told in words_of(page.text)
    assert f'aria-describedby="{field.rstrip("_")}-error"' in page.text
    assert text in page.text
    assert listed(page.text) == []


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"from_": "2026-02-02", "to": "2026-02-01"}, "must not be before the first day"),
        ({"risk_min": "60", "risk_max": "50"}, "must not be below the lowest"),
    ],
)
def test_a_span_that_ends_before_it_begins_is_refused(at_desk, form, told):
    """Rather than answered with nothing."""
    page = at_desk("/audit", **form)
    assert page.status_code == 422
    assert told in words_of(page.text)


def test_a_decision_tells_what_was_asked_answered_and_why(at_desk, reader, man):
    """Inputs, sum, identity and place; by number or id; each reading is recorded."""
    sequence = man["ledger"]["sequence"]
    for which in (sequence, man["decision_id"]):
        assert at_desk("/audit", which=str(which)).headers["location"].endswith(str(which))
        page = at_desk(f"/audit/decisions/{which}")
        said = words_of(page.text)
    record = reader.get(sequence)
    assert "✓ Sum base and contributions give the served probability" in said
    assert "✓ Record its bytes are those that the chain was committed to" in said
    for told in (record.hash.hex(), record.previous.hex(), record.commitment.hex(), record.model):
        assert told in said
    assert f"As recorded: {record.risk:.17g}" in said
    for part in man["explanation"]["contributions"]:
        assert f"{abs(part['log_odds']):.2f}" in said
    assert json.dumps(man["asked"])[1:-1].replace(" ", "") in said.replace(" ", "")
    assert reads(reader, about=sequence) == [{"read": "page /audit/decisions/{id}"}] * 2


def test_what_cannot_be_recorded_is_not_shown(at_desk, trained, man):
    """While the ledger cannot be written, an auditor reads nothing of a man."""
    sequence, file = man["ledger"]["sequence"], trained["home"] / "ledger.db"
    file.chmod(0o444)
    try:
        for path in ("/audit", f"/audit/decisions/{sequence}", "/audit/over-time"):
            page = at_desk(path)
            assert page.status_code == 503
            assert man["asked"]["reference"] not in page.text
    finally:
        file.chmod(0o644)
    assert at_desk(f"/audit/decisions/{sequence}").status_code == 200


def test_a_replay_says_identical(at_desk, reader, man):
    """And is recorded as one."""
    sequence = man["ledger"]["sequence"]
    page = at_desk(f"/audit/decisions/{sequence}/replay", go="1")
    assert "✓ Identical." in words_of(page.text)
    assert reads(reader, about=sequence) == [{"read": "replay", "sequences": [sequence]}]


def test_a_replay_that_differs_says_where(at_desk, trained, reader, man):
    """Field by field: what is on record, and what the same model says now."""
    record = reader.get(man["ledger"]["sequence"])
    answer = json.loads(record.payload.answer)
    answer["improvement"]["probability"] = 0.123
    with writing(trained["home"]) as appending:
        entry = Entry(
            kind="decision", actor="somebody", model=record.model, request=record.payload.request,
            answer=json.dumps(answer).encode(), status=record.status, risk=0.123,
        )  # fmt: skip
        forged = appending.add(seal(entry)).sequence
    said = words_of(at_desk(f"/audit/decisions/{forged}/replay", go="1").text)
    assert "✗ It differs in 1 place." in said
    assert f"/improvement/probability 0.123 {record.risk}" in said
    assert "✗ Sum" in said
    assert at_desk("/audit/decisions/1/replay", go="1").status_code == 404


def unpacked(answer, trained, tmp_path):
    """Verify a pack with its own script, as somebody elsewhere would."""
    file = tmp_path / "pack.zip"
    file.write_bytes(answer.content)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        (tmp_path / "verify_pack.py").write_bytes(archive.read("verify_pack.py"))
        manifest = json.loads(archive.read("manifest.json"))
    key = trained["home"] / "checkpoint.pub"
    command = [sys.executable, "verify_pack.py", str(file), "--public-key", str(key)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return manifest["sequences"]


def test_the_evidence_pack_verifies_elsewhere(at_desk, trained, reader, man, decided, tmp_path):
    """Of one decision, or of those ticked; recorded before it is handed out."""
    sequence = man["ledger"]["sequence"]
    answer = at_desk(f"/audit/decisions/{sequence}/pack", go="1")
    assert answer.headers["content-type"] == "application/zip"
    assert f"evidence-{sequence}.zip" in answer.headers["content-disposition"]
    assert unpacked(answer, trained, tmp_path) == [sequence]
    assert reads(reader, about=sequence) == [{"read": "page /audit/decisions/{id}/pack"}]
    two = listed(at_desk("/audit").text)[:2]
    some = at_desk("/audit/pack", **{f"record-{number}": "on" for number in two})
    assert unpacked(some, trained, tmp_path) == sorted(two)
    assert at_desk("/audit/pack", go="1").status_code == 422


@pytest.fixture
def changed(trained, man):
    """Change one byte of a decision on disk, and put it back in the end."""
    sequence, file = man["ledger"]["sequence"], trained["home"] / "ledger.db"
    with contextlib.closing(sqlite3.connect(file)) as connection:
        body = connection.execute(
            "SELECT body FROM payload WHERE sequence = ?", (sequence,)
        ).fetchone()[0]
        at = body.index(b'"age": 34') if b'"age": 34' in body else body.index(b'"age":34')
        bad = body[: at + 6] + body[at + 6 :].replace(b"34", b"35", 1)
        put = "UPDATE payload SET body = ? WHERE sequence = ?"
        connection.execute(put, (bad, sequence))
        connection.commit()
        yield sequence
        connection.execute(put, (body, sequence))
        connection.commit()


def test_a_changed_byte_is_said_with_its_sequence(at_desk, changed):
    """On the decision's own page at once, and by reading the whole ledger."""
    said = words_of(at_desk(f"/audit/decisions/{changed}").text)
    assert f"Record {changed} does not hold. What it says now is not what the chain" in said
    assert at_desk("/audit").status_code == 200
    begun = at_desk("/audit/verify", about=str(changed + 1)).headers["location"]
    page = at_desk(begun)
    for _ in range(100):
        if "refresh" not in page.headers:
            break
        threading.Event().wait(0.1)
        page = at_desk(begun)
    said = words_of(page.text)
    assert f"✗ Record {changed} is the first bad one: altered payload" in said
    assert f"Record {changed + 1:,} is not among those that hold." in said


def test_a_payload_that_cannot_be_read_is_said_so(at_desk, trained, man):
    """The list goes on, the page tells the damage, and a replay does not guess."""
    sequence = man["ledger"]["sequence"]
    with contextlib.closing(sqlite3.connect(trained["home"] / "ledger.db")) as connection:
        body = connection.execute(
            "SELECT body FROM payload WHERE sequence = ?", (sequence,)
        ).fetchone()[0]
        put = "UPDATE payload SET body = ? WHERE sequence = ?"
        connection.execute(put, (body[:-1], sequence))
        connection.commit()
        try:
            assert "✗ cannot be read" in at_desk("/audit").text
            again = f"/audit/decisions/{man['decision_id']}/replay"
            for page in (at_desk(f"/audit/decisions/{sequence}"), at_desk(again, go="1")):
                assert page.status_code == 200
                assert "What this record says cannot be read." in words_of(page.text)
        finally:
            connection.execute(put, (body, sequence))
            connection.commit()


def test_an_erased_decision_keeps_its_place(at_desk, trained, man):
    """And nothing of the man is on the page."""
    erase(trained["home"], pseudonym=man["asked"]["reference"], actor="ops", reason="asked for")
    page = at_desk(f"/audit/decisions/{man['ledger']['sequence']}")
    said = words_of(page.text)
    assert "Erased. What it said was destroyed on request" in said
    assert man["asked"]["reference"] not in page.text
    assert "✓ Record" in said


def test_the_ledger_is_found_whole(at_desk, reader):
    """With what a reading cannot know."""
    assert f"{reader.head()[0]:,} records stand in it." in words_of(at_desk("/audit/verify").text)
    begun = at_desk("/audit/verify", go="1").headers["location"]
    said = words_of(at_desk(begun).text)
    assert "✓ Every record holds" in said
    assert "What this reading cannot know" in said


def test_a_version_is_seen_by_its_own_decisions(at_desk, decided, scorer):
    """Mean sizes, dots and dependence in clinical units; sums, redraws; and a table of it."""
    page = at_desk(f"/audit/models/{decided['other'][7:]}")
    said = words_of(page.text)
    assert re.search(r"All \d+ decisions with a probability", said)
    assert re.search(r"✓ Sum greatest error over all \d+ decisions", said)
    assert re.search(r"in \d+ % of [\d,]+ redraws of \d+ recorded men", said)
    for name in ("LH", "FSH", "Total testosterone"):
        assert f"{name}: contribution in log-odds against the value" in page.text
        assert re.search(rf"{name} [\d.]+ to [\d.]+ (IU/L|ng/dL)", said)
    assert page.text.count('<circle class="level-') > 100
    assert at_desk(f"/audit/models/{'0' * 64}").status_code == 404


def test_a_version_of_few_decisions_is_seen_by_its_training(at_desk, trained, decided):
    """What its card says of the men it learnt from, and that it is so."""
    bundle = load_bundle(trained["home"], decided["champion"])
    rare = other_model(trained["home"], bundle, stretch=1.1)
    decide(trained["home"], Scorer(rare, None), decided["men"][:2])
    said = words_of(at_desk(f"/audit/models/{rare.digest[7:]}").text)
    assert "shown is what it went by among the men it learnt from" in said
    name, value = max(rare.meta["importance"].items(), key=lambda item: item[1])
    assert f"{name.upper()} {value:.2f}" in said


def test_two_versions_stand_side_by_side(at_desk, decided):
    """The other one's slopes are a quarter longer: LH moved most, and who by how far."""
    page = at_desk(f"/audit/compare?first={decided['champion'][7:]}&second={decided['other'][7:]}")
    said = words_of(page.text)
    assert re.search(r"\d+ recorded requests, spread evenly", said)
    assert "Whose explanation moved furthest" in said
    assert len(listed(page.text)) == 12
    rows = re.findall(r'<th scope="row">(\w+)</th>', page.text)
    assert rows[0] == "LH"
    same = at_desk(f"/audit/compare?first={decided['other'][7:]}&second={decided['other'][7:]}")
    assert "the furthest by 0.00" in words_of(same.text)


def test_a_model_that_is_not_here_is_said_so(at_desk, trained, decided):
    """Its decisions are shown; rescoring is not possible, and why."""
    folder = trained["home"] / "bundles" / decided["other"][7:]
    away = folder.with_name("away")
    shutil.move(folder, away)
    try:
        path = f"/audit/compare?first={decided['champion'][7:]}&second={decided['other'][7:]}"
        assert "They cannot be compared here." in words_of(at_desk(path).text)
        assert "Its files are not here." in words_of(
            at_desk(f"/audit/models/{decided['other'][7:]}").text
        )
    finally:
        shutil.move(away, folder)


def test_refusals_are_counted_by_rule_without_a_value(client, at_desk):
    """Of this process, as nobody started others; also where no decision is like what was asked."""

    def told(path="/audit/over-time"):
        page = words_of(at_desk(path).text)
        counted = re.search(r"LH must be IU/L or mIU/mL ([\d,]+)", page)
        return page, int(counted[1].replace(",", "")) if counted else 0

    _, before = told()
    wrong = {"age": 34, "lh": {"value": 3.4567, "unit": "stone"}}
    for _ in range(2):
        assert client.post("/v1/score", json=wrong).status_code == 422
    page, after = told("/audit/over-time?to=2001-01-01")
    assert "No decision is like this" in page
    assert "by this process since it was started" in page
    assert after == before + 2
    assert "3.4567" not in page
    assert "stone" not in page


def test_over_time_counts_what_is_on_record(at_desk, reader):
    """Every decision by its status; who was live; and what is not recorded."""
    every = reader.find(Filter(kind="decision"), limit=1000).records
    said = words_of(at_desk("/audit/over-time").text)
    scored = sum(record.status == "scored" for record in every)
    assert f"scored: {scored:,}" in said
    assert "Version 1" in said
    assert "leaves no record" in said
    none = words_of(at_desk("/audit/over-time?from=2001-01-01&to=2001-01-02").text)
    assert "No decision is like this." in none
    assert at_desk("/audit/over-time?from=x").status_code == 422


def test_work_is_done_once_and_bounded():
    """The same key is the same work; what fails is told and begun anew; too much is refused."""
    hold, begun = threading.Event(), []

    def work(tell):
        begun.append(1)
        tell(7)
        hold.wait(5)
        return "done"

    keys = [object() for _ in range(desk_jobs._MOST_RUNNING)]
    try:
        jobs = [ask(key, work, seconds=0.05) for key in keys]
        assert [job.done for job in jobs] == [False] * len(keys)
        assert jobs[0].reached == 7
        assert ask(keys[0], work, seconds=0) is jobs[0]
        with pytest.raises(RefusedError, match="busy"):
            ask(object(), work)
    finally:
        hold.set()
    assert ask(keys[0], work, seconds=5).result == "done"
    assert ask(keys[1], work, seconds=5).done
    assert len(begun) == len(keys)

    def fail(_):
        msg = "no"
        raise ValueError(msg)

    wrong = object()
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            ask(wrong, fail, seconds=5)
