"""Heavy proof: whoever is killed, and whenever, no answer is lost and the port is free again."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import pytest

from respredict.ledger.reading import Reader
from respredict.ledger.verify import verify
from tests.serving_process.running import MAN, Running, children, family, free_port, gone, own_home

pytestmark = pytest.mark.prove

KILLS, WORKERS, CALLERS = int(os.environ.get("RESPREDICT_KILLS", "20")), 2, 8


def send(service: Running, answered: list[bytes], stop: Event) -> None:
    """Ask one after the other, on a new connection after a broken one; keep whole answers."""
    headers = {"Content-Type": "application/json", "X-Api-Key": service.key}
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=5)
    while not stop.is_set():
        try:
            connection.request("POST", "/v1/score", MAN, headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            time.sleep(0.02)
        else:
            assert response.status in (200, 503), content
            if response.status == 200:
                answered.append(content)
    connection.close()


def kill_parent(service: Running) -> list[int]:
    os.kill(service.pid, signal.SIGKILL)
    return []


def kill_worker(service: Running) -> list[int]:
    killed = service.workers()[0]
    os.kill(killed, signal.SIGKILL)
    return [killed]


def kill_tree(service: Running) -> list[int]:
    for pid in family(service.pid):
        os.kill(pid, signal.SIGKILL)
    return []


def kill_writer(service: Running) -> list[int]:
    (killed,) = children(service.workers()[0])
    os.kill(killed, signal.SIGKILL)
    return [killed]


def cpu(pids: list[int]) -> float:
    """Return the seconds of processor time that processes have taken."""
    spent = (Path(f"/proc/{p}/stat").read_text().rpartition(")")[2].split() for p in pids)
    return sum(int(f[11]) + int(f[12]) for f in spent) / os.sysconf("SC_CLK_TCK")


def end(pids: list[int]) -> None:
    """Leave nobody behind, also where the test fails."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def one_kill(
    service: Running, kill: Callable[[Running], list[int]], answered: list[bytes]
) -> float:
    """Kill under load; return how long it took until all workers answer, or have gone."""
    stop = Event()
    callers = [Thread(target=send, args=(service, answered, stop)) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    try:
        time.sleep(0.6)
        there = family(service.pid)
        assert len(there) == 1 + 2 * WORKERS  # each worker has a writer
        start = time.monotonic()
        before = len(answered)
        killed = kill(service)
        if killed:  # another takes its place, and the rest goes on meanwhile
            while len(set(family(service.pid)) - set(killed)) < len(there):
                assert time.monotonic() - start < 10, service.output()
                time.sleep(0.02)
            while len(answered) == before:
                assert time.monotonic() - start < 10, service.output()
                time.sleep(0.02)
        else:
            while not all(map(gone, there)):
                assert time.monotonic() - start < 10
                time.sleep(0.02)
        return time.monotonic() - start
    finally:
        stop.set()
        for caller in callers:
            caller.join()


def test_no_kill_loses_an_answer(in_trained, tmp_path):
    """The parent, a worker, what writes for it and the whole tree in turn, 20 in all, one port."""
    home, port = own_home(in_trained["home"], tmp_path), free_port()
    kills = [kill_parent, kill_worker, kill_tree, kill_writer]
    answered: list[bytes] = []
    starts, took = [], {kill.__name__: [] for kill in kills}
    for i in range(KILLS):
        kill = kills[i % len(kills)]
        with Running(home, "--workers", str(WORKERS), port=port) as service:
            starts.append(
                (time.monotonic() - service.began, cpu([service.pid, *service.workers()]))
            )
            service.wait_for_workers(WORKERS)
            there = family(service.pid)
            try:
                took[kill.__name__].append(one_kill(service, kill, answered))
            finally:
                end([*there, *family(service.pid)])
    slowest, dearest = (max(times) for times in zip(*starts, strict=True))
    print(f"\n{KILLS} kills, {len(answered)} answers; load of the machine {os.getloadavg()[0]:.1f}")
    print(f"ready again in at most {slowest:.1f} s, of {dearest:.1f} s of processor time")
    for name, seconds in took.items():
        print(f"{name}: over in at most {max(seconds):.1f} s")
    assert len(answered) > 20 * KILLS
    with Reader(home) as reader:
        for content in answered:
            told = json.loads(content)["ledger"]
            record = reader.get(told["sequence"])
            assert record.hash.hex() == told["hash"]
            assert content.startswith(record.payload.answer[:-1])
    assert verify(home).ok
    assert slowest < 10
