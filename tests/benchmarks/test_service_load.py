"""Heavy proof: a minute of good and bad requests, other champions meanwhile, an end in the middle.

Every answer of that minute is kept and held against the OpenAPI document afterwards. Also:
four workers and 32 connections keep one gapless chain. Set ``RESPREDICT_LOAD_SECONDS`` for
another length.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from respredict.access.identity import ROLES
from respredict.bundle import champion, load_bundle
from respredict.ledger.filtering import Filter
from respredict.ledger.reading import Reader
from respredict.ledger.verify import verify
from tests.audited import other_model, promoted
from tests.benchmarks.http_load import Load, kept, load, raw
from tests.benchmarks.judged import Judge, document_of
from tests.benchmarks.mixed_requests import mixed
from tests.serving_process.running import MAN, Running, family, key_of, own_home

pytestmark = pytest.mark.prove

SECONDS = float(os.environ.get("RESPREDICT_LOAD_SECONDS", "60"))
CONNECTIONS = 16
#: From here on memory is flat: 10 s of a minute.
SETTLED = SECONDS / 6
MOST_GROWN = 1.10
BAD = (b"{", b'{"age": NaN}', b'{"age": 7}', b"[1]", b'{"age": 30, "age": 31}')


def memory_mb(pids: list[int]) -> float:
    """Return the resident memory of processes."""
    pages = (int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return sum(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20


def decisions_of(home: Path) -> list[int]:
    """Return the sequence of every decision on record, in order."""
    found: list[int] = []
    with Reader(home) as reader:
        after = None
        while True:
            page = reader.find(Filter(kind="decision"), after=after, limit=1000)
            found += [record.sequence for record in page.records]
            if (after := page.after) is None:
                return found


def watched(service: Running, caller: threading.Thread, home: Path) -> list[tuple[float, float]]:
    """Promote another model three times while it is called; return seconds and megabytes."""
    told = champion(home)
    first = load_bundle(home, told["digest"])
    models = [other_model(home, first, stretch=stretch) for stretch in (1.1, 1.2, 1.3)]
    seen: list[tuple[float, float]] = []
    switches = [SECONDS / 3, SECONDS / 2, 2 * SECONDS / 3]
    caller.start()
    began = time.monotonic()
    while caller.is_alive():
        now = time.monotonic() - began
        seen.append((now, memory_mb(family(service.pid)[1:])))
        if switches and now >= switches[0]:
            del switches[0]
            promoted(home, models[len(switches)], 70 - len(switches), "a proof")
        time.sleep(SECONDS / 120)
    return seen


def test_mixed_load_is_answered_by_the_document_while_champions_change(in_trained, tmp_path):
    """No 5xx, no broken connection, every answer valid, memory flat, three switches."""
    home, kept_in = own_home(in_trained["home"], tmp_path), tmp_path / "answers"
    keys = {role: key_of(home, role) for role in ROLES}
    result: list[Load] = []
    with Running(home) as service:
        document = document_of(service)
        decision = service.score()["ledger"]["sequence"]
        sent = mixed(keys, decision)
        requests = [one.over_the_wire for one in sent]
        seen = watched(
            service,
            threading.Thread(
                target=lambda: result.append(
                    load(service.port, CONNECTIONS, SECONDS, requests, kept_in)
                )
            ),
            home,
        )
        last = service.score()
    (found,) = result
    size = kept_in.stat().st_size
    judged = Judge(document).judge(sent, kept(kept_in))
    kept_in.unlink()  # some hundred megabytes
    answered = sum(found.statuses.values())
    settled = next(mb for at, mb in seen if at >= SETTLED)
    most = max(mb for at, mb in seen if at >= SETTLED)
    versions = [version for _, (_, version) in sorted(judged.recorded.items())]
    print(f"\n{SECONDS:.0f} s, {CONNECTIONS} connections: {answered:,} requests, "
          f"{found.rate:.0f}/s, {size / 2**20:.0f} MB of answers")  # fmt: skip
    print(f"p50 {found.p50:.1f} ms, p99 {found.p99:.1f} ms, answers {found.statuses}")
    print(f"held against the document: {judged.judged:,} of {answered:,}, "
          f"{judged.texts:,} different texts; by version {Counter(versions)}")  # fmt: skip
    print(f"memory {seen[0][1]:.0f} MB at first, {settled:.0f} at {SETTLED:.0f} s, "
          f"at most {most:.0f} after, {seen[-1][1]:.0f} at the end")  # fmt: skip
    assert (judged.undue, judged.invalid) == ([], [])
    assert found.broken == 0
    assert judged.judged == answered == judged.statuses.total()
    assert judged.statuses["/v1/score", 200] > answered / 3
    assert len(set(versions)) == 4
    assert versions == sorted(versions)  # each champion begins where the one before ends
    assert last["model"]["version"] == 70
    assert most < MOST_GROWN * settled
    own = {decision, last["ledger"]["sequence"]}
    assert decisions_of(home) == sorted(own | set(judged.recorded))
    assert verify(home).ok


def test_whoever_was_read_is_answered_and_recorded_when_it_ends(in_trained, tmp_path):
    """SIGTERM under load: answers and records are the same ones, and the service leaves."""
    home = own_home(in_trained["home"], tmp_path)
    answered: list[bytes] = []
    refused: list[int] = []
    cut: list[str] = []
    batch = b"[%b, {}, %b]" % (MAN, MAN)
    work = [("", MAN), ("", MAN), ("/batch", batch), *(("", body) for body in BAD)]

    def call(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=15)
        headers = {"Content-Type": "application/json", "X-Api-Key": service.key}
        try:
            for path, body in itertools.islice(itertools.cycle(work), number, None):
                connection.request("POST", f"/v1/score{path}", body, headers)
                response = connection.getresponse()
                content = response.read()
                if body in BAD:
                    refused.append(response.status)
                else:
                    assert response.status == 200, content
                    answered.append(content)
        except (ConnectionError, http.client.HTTPException) as error:
            cut.append(type(error).__name__)
        finally:
            connection.close()

    with Running(home) as service:
        callers = [threading.Thread(target=call, args=(i,)) for i in range(CONNECTIONS)]
        for caller in callers:
            caller.start()
        time.sleep(2)
        start = time.monotonic()
        service.send_signal(signal.SIGTERM)
        service.wait(timeout=30)
        took = time.monotonic() - start
        for caller in callers:
            caller.join()
    decisions = decisions_of(home)
    told = [json.loads(content) for content in answered]
    men = [man for one in told for man in (one if isinstance(one, list) else [one])]
    given = sorted(man["ledger"]["sequence"] for man in men if "ledger" in man)
    print(f"\nleft after {took:.1f} s; {len(answered)} answered, {len(refused)} refused, "
          f"{len(given)} men and {len(decisions)} recorded")  # fmt: skip
    print(f"connections closed between two requests ({', '.join(sorted(set(cut)))})")
    assert len(cut) == CONNECTIONS
    assert set(refused) == {400, 422}
    assert given == decisions
    assert took < 10
    assert verify(home).ok


def test_four_workers_keep_one_gapless_chain(in_trained, tmp_path):
    """32 connections on four workers: every sequence once, none left out."""
    home = own_home(in_trained["home"], tmp_path)
    seconds, operator = min(10.0, SECONDS), key_of(home, "operator")
    with Running(home, "--workers", "4") as service:
        service.wait_for_workers(4)
        request = raw("POST", "/v1/score", MAN, x_api_key=service.key)
        load(service.port, 32, 2.0, [request])
        found = load(service.port, 32, seconds, [request])
        metrics = service.ask("GET", "/metrics", X_Api_Key=operator)[1].decode()
    counted = next(
        float(line.split()[-1])
        for line in metrics.splitlines()
        if line.startswith('respredict_decisions_total{status="scored"}')
    )
    report = verify(home)
    print(
        f"\n4 workers, 32 connections: {found.rate:.0f}/s, "
        f"p50 {found.p50:.1f}, p99 {found.p99:.1f} ms"
    )
    print(f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    assert set(found.statuses) == {"200"}
    assert report.ok
    assert counted >= found.statuses["200"]  # of all workers together
