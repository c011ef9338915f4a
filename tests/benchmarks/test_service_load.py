"""Heavy proof: a minute of good and bad requests, other champions meanwhile, an end in the middle.

Also: four workers and 32 connections keep one gapless chain. Set ``RESPREDICT_LOAD_SECONDS``
for another length.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from respredict.bundle import champion, set_champion
from respredict.ledger.filtering import Filter
from respredict.ledger.reading import Reader
from respredict.ledger.verify import verify
from tests.benchmarks.http_load import load, raw
from tests.serving_process.running import MAN, Running, key_of, own_home

pytestmark = pytest.mark.prove

SECONDS = float(os.environ.get("RESPREDICT_LOAD_SECONDS", "60"))
CONNECTIONS = 16
#: Bodies that are refused, with their status.
BAD = (
    (b"{", "400"), (b'{"age": NaN}', "400"), (b'{"age": 7}', "422"), (b"[1]", "422"),
    (b'{"age": 30, "lh": 3}', "422"), (b'{"age": 30, "age": 31}', "400"),
)  # fmt: skip


def memory_mb(pids: list[int]) -> float:
    """Return the resident memory of processes."""
    pages = (int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return sum(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20


def test_mixed_load_is_served_in_flat_memory_while_champions_change(in_trained, tmp_path):
    """No 5xx, no broken connection, memory flat after a sixth of the time, three switches."""
    home = own_home(in_trained["home"], tmp_path)
    told = champion(home)
    seen: list[float] = []
    with Running(home) as service:
        good = [raw("POST", "/v1/score", MAN, x_api_key=service.key)] * 3
        bad = [raw("POST", "/v1/score", body, x_api_key=service.key) for body, _ in BAD]
        result: list = []
        requests = [*good, *bad, raw("GET", "/v1/model", x_api_key=service.key)]
        caller = threading.Thread(
            target=lambda: result.append(load(service.port, CONNECTIONS, SECONDS, requests))
        )
        caller.start()
        for i in range(12):
            time.sleep(SECONDS / 12)
            seen.append(memory_mb(service.workers()))
            if i in (3, 6, 9):
                set_champion(home, {**told, "version": 70 + i})
        caller.join()
        assert service.score()["model"]["version"] == 79
    (found,) = result
    print(f"\n{SECONDS:.0f} s, {CONNECTIONS} connections: {found.rate:.0f} requests/s,")
    print(f"p50 {found.p50:.1f} ms, p99 {found.p99:.1f} ms, answers {found.statuses}")
    print("memory, MB:", *(f"{mb:.0f}" for mb in seen))
    assert set(found.statuses) == {"200", "400", "422"}
    assert found.broken == 0
    assert max(seen[2:]) < 1.10 * seen[2]
    assert verify(home).ok


def test_whoever_was_read_is_answered_and_recorded_when_it_ends(in_trained, tmp_path):
    """SIGTERM under load: answers and records are the same ones, and the service leaves."""
    home = own_home(in_trained["home"], tmp_path)
    answered: list[bytes] = []
    cut: list[str] = []
    sent = [0] * CONNECTIONS

    def call(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=15)
        headers = {"Content-Type": "application/json", "X-Api-Key": service.key}
        try:
            while True:
                connection.request("POST", "/v1/score", MAN, headers)
                sent[number] += 1
                response = connection.getresponse()
                content = response.read()
                assert response.status == 200, content
                answered.append(content)
        except (ConnectionError, http.client.HTTPException) as error:
            cut.append(type(error).__name__)

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
    decisions = []
    with Reader(home) as reader:
        after = None
        while True:
            page = reader.find(Filter(kind="decision"), after=after, limit=1000)
            decisions += [record.sequence for record in page.records]
            if (after := page.after) is None:
                break
    given = sorted(json.loads(content)["ledger"]["sequence"] for content in answered)
    print(
        f"\nleft after {took:.1f} s; {len(given)} answered, {len(decisions)} recorded, {len(cut)}"
    )
    print(f"connections closed between two requests ({', '.join(sorted(set(cut)))})")
    assert len(cut) == CONNECTIONS
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
