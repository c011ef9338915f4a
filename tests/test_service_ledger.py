"""Every answer is a decision: recorded to the byte before it leaves, or there is none."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
import uuid

import pytest

from respredict.ledger.creation import create_ledger
from respredict.ledger.reading import Reader
from respredict.ledger.sizes import size
from respredict.ledger.verify import verify
from tests.conftest import PUBLISHED_MAN, ROOT
from tests.test_serving_process import (
    ServiceProcess,
    free_port,
    kill_tree,
    send_until_it_breaks,
    wait_until,
)
from tests.test_serving_process import ask as ask_port

JSON = {"content-type": "application/json"}


@pytest.fixture
def reader(client, trained):
    """Read the ledger that the client's service writes."""
    with Reader(trained["home"]) as reader:
        yield reader


@pytest.fixture
def ledger(client):
    """Return the ledger of the service, as it was after the test."""
    from serving.routes import plain

    ledger = plain.state.service.ledger
    yield ledger
    ledger.max_bytes = None


def ask(client, body=PUBLISHED_MAN, **headers):
    return client.post("/v1/score", json=body, headers=headers)


def without_receipt(content: bytes) -> bytes:
    """Cut the last member off an answer's bytes, as a reader of them would."""
    return content[: content.rindex(b', "ledger": ')] + b"}"


def test_the_record_holds_the_bytes_asked_and_answered(client, reader, keys):
    """The answer names its record, which holds both bodies as they went over the wire."""
    body = b'{ "age":34,\n "reference": "m\xc3\xbcnch-7", "lh": {"value": 3.40, "unit": "IU/L"}}'
    response = client.post("/v1/score", content=body, headers=JSON)
    answer = response.json()
    record = reader.get(answer["ledger"]["sequence"])

    assert (next(iter(answer)), list(answer)[-1]) == ("decision_id", "ledger")
    assert uuid.UUID(answer["decision_id"]) == record.id == reader.get(record.id).id
    assert record.id.version == 7
    assert answer["ledger"]["hash"] == record.hash.hex()
    assert record.payload.request == body
    assert record.payload.answer == without_receipt(response.content)
    assert (record.kind, record.actor, record.model) == (
        "decision", keys["clinician"].split("_")[1], answer["model"]["digest"],
    )  # fmt: skip
    assert (record.pseudonym, record.status, record.risk) == ("münch-7", "indeterminate", None)


def test_filters_hold_the_risk_that_is_served(client, reader):
    """A scored man's record carries his probability and status."""
    answer = ask(client).json()
    record = reader.get(answer["ledger"]["sequence"])

    assert record.risk == answer["improvement"]["probability"]
    assert record.status == answer["status"] == "scored"
    assert record.pseudonym == ""


def test_a_sample_is_old_by_the_day_of_the_decision(client, scorer):
    """The day that the identifier carries, in UTC, gives the recorded answer again."""
    body = {**PUBLISHED_MAN, "sampled_on": "2020-01-02"}
    answer = ask(client, body).json()
    moment = uuid.UUID(answer["decision_id"]).int >> 80
    day = datetime.datetime.fromtimestamp(moment / 1000, tz=datetime.UTC).date()
    del answer["ledger"], answer["decision_id"]

    assert [caution["code"] for caution in answer["cautions"]] == ["stale_labs"]
    assert answer == json.loads(json.dumps(scorer.score(body, today=day)))


def test_what_is_said_of_every_man_is_recorded_once(client, trained, reader):
    """A decision takes half of its answer; the texts it quotes do not grow with decisions."""
    response = ask(client)
    before = size(trained["home"])
    for _ in range(3):
        ask(client, {**PUBLISHED_MAN, "age": 41})
    payload = reader.get(response.json()["ledger"]["sequence"]).payload
    held = [reader.text(digest) for digest in payload.texts]

    assert size(trained["home"]).texts == before.texts
    assert len(payload.answer) - sum(map(len, held)) < len(payload.answer) / 2
    assert not [text for text in held if b"270.6 ng/dL" in text]


def test_a_refused_request_is_not_recorded(client, reader):
    """Only answers are decisions."""
    before = reader.head()
    for body in ({"age": 7}, [1]):
        assert ask(client, body).status_code == 422

    assert reader.head() == before


def test_a_repeated_request_gets_the_recorded_answer(client, reader):
    """The same key and body come back byte for byte, and nothing is recorded again."""
    key = {"Idempotency-Key": f"visit {uuid.uuid4()}"}
    first = ask(client, **key)
    before = reader.head()
    second = ask(client, **key)

    assert first.status_code == second.status_code == 200
    assert second.content == first.content
    assert reader.head() == before


def test_a_key_that_stands_for_another_request_is_refused(client, reader):
    """Another body under the same key gets 422, and no record."""
    key = {"Idempotency-Key": str(uuid.uuid4())}
    ask(client, **key)
    before = reader.head()
    response = ask(client, {**PUBLISHED_MAN, "age": 35}, **key)

    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == "urn:respredict:problem:idempotency-conflict"
    assert response.json()["request_id"] == response.headers["x-request-id"]
    assert response.json()["detail"].endswith("Send a new key.")
    assert reader.head() == before


@pytest.mark.parametrize("key", [b"", b"k" * 201, b"caf\xe9", b"a\tb"])
def test_a_key_that_cannot_be_kept_is_refused(client, key):
    """A key is 1 to 200 printable characters."""
    response = client.post("/v1/score", json=PUBLISHED_MAN, headers={b"Idempotency-Key": key})

    assert response.status_code == 400
    assert response.json()["type"] == "urn:respredict:problem:idempotency-key"


def refused(response, reason):
    """Check the problem body of an answer that could not be recorded."""
    problem = response.json()
    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["type"] == "urn:respredict:problem:ledger-unavailable"
    assert problem["reason"] == reason
    assert f"got {reason}" in problem["detail"]
    assert problem["request_id"] == response.headers["x-request-id"]
    assert "improvement" not in problem


def test_a_full_disk_gives_no_answer_and_no_record(client, ledger, reader, trained):
    """Once the ledger is full every request gets 503; with space it is served again."""
    ledger.max_bytes = 4096  # SQLite takes the size it has already
    answered = 0
    while ask(client).status_code == 200:
        answered += 1
        assert answered < 100
    before = reader.head()
    refused(ask(client), "full")
    assert reader.head() == before

    ledger.max_bytes = None
    assert ask(client).json()["ledger"]["sequence"] == before[0] + 1
    assert verify(trained["home"]).ok


def test_a_read_only_file_gives_no_answer_and_no_record(client, reader, trained):
    """A ledger that is closed to writing refuses, and resumes once it is open."""
    before, file = reader.head(), trained["home"] / "ledger.db"
    file.chmod(0o444)
    try:
        refused(ask(client), "read-only")
        assert client.get("/readyz").status_code == 503
        assert client.get("/readyz").json()["type"] == "urn:respredict:problem:not-ready"
    finally:
        file.chmod(0o644)
    assert reader.head() == before
    assert ask(client).json()["ledger"]["sequence"] == before[0] + 1
    assert client.get("/readyz").status_code == 200


def test_a_locked_database_gives_no_answer_and_no_record(client, reader, trained):
    """While another program keeps the database locked there is no answer."""
    before = reader.head()
    holder = sqlite3.connect(trained["home"] / "ledger.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        refused(ask(client), "locked")
    finally:
        holder.close()
    assert reader.head() == before
    assert ask(client).json()["ledger"]["sequence"] == before[0] + 1


def test_requests_at_once_share_a_gapless_chain(client, trained, reader, ledger):
    """Threads of callers get sequences without gap, in fewer commits than answers."""
    before, commits = reader.head()[0], ledger.commits
    found = []

    def call():
        found.extend(ask(client).json()["ledger"]["sequence"] for _ in range(10))

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()

    assert sorted(found) == list(range(before + 1, before + 41))
    assert 0 < ledger.commits - commits <= 40
    assert verify(trained["home"]).ok


@pytest.fixture
def own_home(in_trained, tmp_path):
    """Copy the trained home without its ledger."""
    skip = shutil.ignore_patterns("ledger.*", "checkpoint*", "bentoml")
    return shutil.copytree(in_trained["home"], tmp_path / "home", ignore=skip)


def test_without_a_ledger_the_service_makes_one_and_lets_nobody_in(own_home):
    """Started past ``respredict serve``, as in a Bento, it has a ledger and no key."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "bentoml", "serve", "serving.service:ResponseService",
         "--host", "127.0.0.1", "--port", str(port), "--working-dir", str(ROOT)],
        cwd=ROOT,
        env={**os.environ, "RESPREDICT_HOME": str(own_home), "PYTHONPATH": str(ROOT),
             "BENTOML_HOME": str(own_home / "bentoml")},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until(port, process)
        refused = {path: ask_port(port, "GET", path)[0] for path in ("/v1/model", "/metrics")}
    finally:
        kill_tree(process.pid)
        process.wait()

    assert refused == {"/v1/model": 401, "/metrics": 401}
    assert verify(own_home).ok


def test_sigkill_loses_no_answer(own_home, tmp_path):
    """What was answered before the processes are killed stands in a chain that verifies."""
    create_ledger(own_home)
    check_kills(own_home, times=1)


def check_kills(home, times: int) -> None:
    """Kill the service under load, again and again; count what was answered and lost."""
    port, answered = free_port(), []
    for _ in range(times):
        started = time.monotonic()
        with ServiceProcess(home, port) as service:
            assert time.monotonic() - started < 30, service.output()
            senders = send_until_it_breaks(port, service.key, answered)
            time.sleep(0.5)
            kill_tree(service.pid)
            for sender in senders:
                sender.join()
    with Reader(home) as reader:
        for content in answered:
            told = json.loads(content)
            record = reader.get(told["ledger"]["sequence"])
            assert record.hash.hex() == told["ledger"]["hash"]
            assert record.payload.answer == without_receipt(content)
    assert len(answered) > 20 * times
    assert verify(home).ok
    print(f"\n{times} kills, {len(answered)} answers, all on record")
