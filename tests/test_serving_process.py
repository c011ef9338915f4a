"""The service as a process of its own: it starts, follows the champion, calls nobody and ends."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from threading import Thread

import pytest

from respredict.access.keys import create_key
from respredict.bundle import set_champion
from tests.conftest import PUBLISHED_MAN, ROOT
from tests.serving_process.running import children

# Written into the service's interpreters: every address that anything in them asks for.
WATCH = """
import os, sys
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        asked = arguments[1] if event == "socket.connect" else arguments[0]
        host = asked[0] if isinstance(asked, tuple) else asked
        if str(host) not in ("127.0.0.1", "::1", "localhost", "None", ""):
            with open(os.environ["WATCHED"], "a") as file:
                print(event, asked, file=file)
sys.addaudithook(watch)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(
    port: int, method: str, path: str, body: object = None, *, key: str = ""
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        headers |= {"X-API-Key": key} if key else {}
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def wait_until(port: int, process: subprocess.Popen, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, "the service ended"
        try:
            if ask(port, "GET", "/readyz")[0] == 200:
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail("the service did not become ready")


def kill_tree(pid: int) -> None:
    """Send SIGKILL to a process and all it started, parents first; circus parts their groups."""
    tree = [pid]
    for parent in tree:
        tree += children(parent)
    for found in tree:
        with contextlib.suppress(ProcessLookupError):
            os.kill(found, signal.SIGKILL)


class ServiceProcess(subprocess.Popen):
    """``respredict serve`` as a process of its own, ready once it is entered; has a key."""

    def __init__(self, home: Path, port: int, **environment: str) -> None:
        self.port = port
        self.key = create_key(home, "clinician")[1]
        # A file: a pipe that nobody reads would fill with the access log and stop the service.
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the block ends
        super().__init__(
            [sys.executable, "-m", "respredict", "serve", "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, "RESPREDICT_HOME": str(home), **environment},
            stdout=self.log, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def __enter__(self) -> ServiceProcess:
        try:
            wait_until(self.port, self)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.poll() is None:
            kill_tree(self.pid)
        self.wait()
        self.log.close()

    def output(self) -> str:
        """Return what it has printed."""
        self.log.seek(0)
        return self.log.read().decode()


def send_until_it_breaks(
    port: int, key: str, answered: list[bytes], callers: int = 4
) -> list[Thread]:
    """Start threads that ask for scores one after the other and keep each whole answer."""

    def send() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        body = json.dumps(PUBLISHED_MAN)
        headers = {"Content-Type": "application/json", "X-API-Key": key}
        with contextlib.suppress(OSError, http.client.HTTPException):
            while True:
                connection.request("POST", "/v1/score", body, headers)
                response = connection.getresponse()
                content = response.read()
                assert response.status == 200
                answered.append(content)
        connection.close()

    threads = [Thread(target=send) for _ in range(callers)]
    for thread in threads:
        thread.start()
    return threads


@pytest.fixture
def service(in_trained, tmp_path):
    """Start ``respredict serve`` on a free port, watched, and end it."""
    (tmp_path / "sitecustomize.py").write_text(WATCH)
    watched = {"PYTHONPATH": str(tmp_path), "WATCHED": str(tmp_path / "asked")}
    with ServiceProcess(in_trained["home"], free_port(), **watched) as process:
        yield process.port, process, tmp_path / "asked"


def test_the_service_scores_follows_the_champion_and_calls_nobody(service, in_trained):
    """Score, read metrics, follow another champion within a second, and leave on SIGTERM."""
    port, process, asked = service
    status, body = ask(port, "POST", "/v1/score", PUBLISHED_MAN, key=process.key)
    assert status == 200
    assert json.loads(body)["status"] == "scored"
    assert json.loads(body)["ledger"]["sequence"] > 1
    assert b"respredict" in ask(port, "GET", "/metrics")[1]

    told = json.loads((in_trained["home"] / "champion.json").read_text())
    set_champion(in_trained["home"], {**told, "version": 77})
    try:
        deadline = time.monotonic() + 5
        while json.loads(ask(port, "GET", "/v1/model", key=process.key)[1])["version"] != 77:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        set_champion(in_trained["home"], told)

    process.send_signal(signal.SIGTERM)
    process.wait(timeout=15)
    assert "path=/v1/score" in process.output()
    assert "270.6" not in process.output()
    assert process.key.split("_", 2)[2] not in process.output()
    assert not asked.exists(), asked.read_text()
