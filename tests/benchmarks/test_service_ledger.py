"""Heavy proof: what the ledger costs a second, and that no kill loses an answer.

Both services are there at once, each as a process of its own, and are asked in turn; the
one without the ledger is the same service whose appends resolve at once.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import statistics
import time
from threading import Thread

import pytest

from respredict.ledger.creation import create_ledger
from respredict.ledger.sizes import size
from tests.conftest import PUBLISHED_MAN
from tests.test_service_ledger import check_kills
from tests.test_serving_process import ServiceProcess, free_port

pytestmark = pytest.mark.prove

SECONDS, ROUNDS = 4.0, 3
# Written into the interpreters of the service that stands for one without a ledger.
UNRECORDED = """
import sys
if "bentoml" in " ".join(sys.orig_argv):
    from concurrent.futures import Future
    from respredict.ledger.entry import Receipt
    from respredict.ledger.writer import Ledger
    def append(self, entry, idempotency=None):
        done = Future()
        done.set_result(Receipt(1, entry.id, 0, "0" * 64))
        return done
    Ledger.append = append
"""


@pytest.fixture
def own_home(in_trained, tmp_path):
    """Copy the trained home, with an empty ledger."""
    skip = shutil.ignore_patterns("ledger.*", "checkpoint*", "bentoml")
    home = shutil.copytree(in_trained["home"], tmp_path / "home", ignore=skip)
    create_ledger(home)
    return home


def load(port: int, connections: int) -> tuple[float, float, float]:
    """Return requests a second, and median and 99th percentile in milliseconds.

    Bare sockets: Python's own client would take more of the machine than the service.
    """
    body = json.dumps(PUBLISHED_MAN).encode()
    request = (
        b"POST /v1/score HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    taken: list[float] = []
    end = time.perf_counter() + SECONDS

    def send() -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            while (start := time.perf_counter()) < end:
                connection.sendall(request)
                received = connection.recv(65536)
                head, _, content = received.partition(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200"), head
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                missing = length - len(content)
                while missing > 0:
                    missing -= len(connection.recv(65536)) or missing
                taken.append(time.perf_counter() - start)

    callers = [Thread(target=send) for _ in range(connections)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    tail = statistics.quantiles(taken, n=100)[98]
    return len(taken) / SECONDS, statistics.median(taken) * 1e3, tail * 1e3


def test_what_the_ledger_costs(own_home, tmp_path):
    """Print requests a second with and without it; at 8 connections most of them stay."""
    (tmp_path / "sitecustomize.py").write_text(UNRECORDED)
    found: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
    with (
        ServiceProcess(own_home, free_port()) as recorded,
        ServiceProcess(own_home, free_port(), PYTHONPATH=str(tmp_path)) as bare,
    ):
        for service in (recorded, bare):
            load(service.port, 8)  # warms up
        for _ in range(ROUNDS):
            for n in (1, 8):
                for name, service in (("with", recorded), ("without", bare)):
                    found.setdefault((name, n), []).append(load(service.port, n))
    print(f"\nload of the machine: {os.getloadavg()[0]:.1f}")
    best = {key: max(of) for key, of in found.items()}
    for (name, n), (rate, median, tail) in best.items():
        print(
            f"{name:8} the ledger, {n} connections: {rate:6.0f} requests/s, "
            f"p50 {median:5.2f} ms, p99 {tail:5.1f} ms"
        )
    took = size(own_home)
    print(f"{took.records} records, {took.bytes_per_record:.0f} bytes each")
    for n in (1, 8):
        print(f"{n} connections: {1 - best['with', n][0] / best['without', n][0]:.0%} fewer")
    assert best["with", 8][0] > 0.6 * best["without", 8][0]


def test_twenty_kills_lose_no_answer(own_home):
    """SIGKILL of every process under load, twenty times on one port."""
    check_kills(own_home, times=20)
