"""The service as a process of its own: it starts, follows the champion, calls nobody and ends."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from respredict.bundle import set_champion
from tests.conftest import PUBLISHED_MAN, ROOT

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


def ask(port: int, method: str, path: str, body: object = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        headers = {"Content-Type": "application/json"} if body is not None else {}
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


@pytest.fixture
def service(in_trained, tmp_path):
    """Start ``respredict serve`` on a free port, watched, and end it."""
    (tmp_path / "sitecustomize.py").write_text(WATCH)
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "respredict", "serve", "--port", str(port)],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": str(tmp_path),
            "WATCHED": str(tmp_path / "asked"),
            "RESPREDICT_HOME": str(in_trained["home"]),
        },
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        wait_until(port, process)
        yield port, process, tmp_path / "asked"
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_the_service_scores_follows_the_champion_and_calls_nobody(service, in_trained):
    """Score, read metrics, follow another champion within a second, and leave on SIGTERM."""
    port, process, asked = service
    status, body = ask(port, "POST", "/v1/score", PUBLISHED_MAN)
    assert status == 200
    assert json.loads(body)["status"] == "scored"
    assert b"respredict" in ask(port, "GET", "/metrics")[1]

    told = json.loads((in_trained["home"] / "champion.json").read_text())
    set_champion(in_trained["home"], {**told, "version": 77})
    try:
        deadline = time.monotonic() + 5
        while json.loads(ask(port, "GET", "/v1/model")[1])["version"] != 77:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        set_champion(in_trained["home"], told)

    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=15)
    assert "270.6" not in output
    assert not asked.exists(), asked.read_text()
