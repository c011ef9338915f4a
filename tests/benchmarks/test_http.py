"""Heavy proof: no case of schemathesis finds a 5xx or an undocumented answer, no body hurts.

The service is a process of its own, as ``respredict serve`` starts it. Its memory is that of
its whole tree of processes.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import pytest

from respredict.access.keys import create_key
from respredict.ledger.creation import create_ledger
from tests.conftest import PUBLISHED_MAN
from tests.serving_process.running import children
from tests.test_serving_process import ServiceProcess, ask, free_port

pytestmark = pytest.mark.prove

CASES, GUESSES, AT_ONCE = 2_000, 10_000, 8
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance",
    "response_headers_conformance", "response_schema_conformance", "unsupported_method",
)  # fmt: skip
SECONDS = 2.0  # in which a hostile body that is sent at once must have its answer
MEGABYTES = 60  # by which hostile bodies together may let the service grow


@pytest.fixture
def service(in_trained, tmp_path):
    """Serve a copy of the trained home, with a ledger of its own."""
    skip = shutil.ignore_patterns("ledger.*", "checkpoint*", "bentoml", "keys.db*")
    home = shutil.copytree(in_trained["home"], tmp_path / "home", ignore=skip)
    create_ledger(home)
    with ServiceProcess(home, free_port()) as process:
        process.auditor = create_key(home, "auditor")[1]
        time.sleep(0.5)  # workers read new keys a little later
        yield process


def resident(pid: int) -> float:
    """Return the resident megabytes of a process and of all it started."""
    tree, total = [pid], 0
    for parent in tree:
        with contextlib.suppress(OSError):
            tree += children(parent)
            status = Path(f"/proc/{parent}/status").read_text()
            total += int(re.search(r"VmRSS:\s+(\d+)", status)[1])
    return total / 1024


def schemathesis(service, folder: Path, key: str, paths: str, each: int, *more: str) -> int:
    """Run it against some operations and return how many cases it sent."""
    done = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "run",
         f"http://127.0.0.1:{service.port}/openapi.json", "--header", f"X-API-Key: {key}",
         "--include-path-regex", paths, "--checks", ",".join((*CHECKS, *more)),
         "--max-examples", str(each), "--seed", "20261121", "--mode", "all",
         "--phases", "examples,coverage,fuzzing", "--suppress-health-check", "all", "--no-color"],
        capture_output=True, text=True, cwd=folder, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return int(re.search(r"(\d+) generated", done.stdout)[1])


def test_schemathesis_finds_no_5xx_and_no_undocumented_answer(service, tmp_path):
    """Valid and invalid requests to every operation, drawn from the document itself."""
    ask(service.port, "POST", "/v1/score", PUBLISHED_MAN, key=service.key)
    negative, positive = "negative_data_rejection", "positive_data_acceptance"
    runs = (
        # A key that stood for another request is no rule of a schema.
        (service.key, "^/v1/(score|model)$", 250, negative),
        # A man who breaks a rule is told so in his place, with 200.
        (service.key, "^/v1/score/batch$", 150),
        (service.auditor, "^/v1/(decisions|audit)", 120, negative, positive),
        # Whether a decision is there, or what a resource holds, is no rule of a schema.
        (service.key, "^/v1/outcomes$", 120, negative),
        (service.key, "^/(fhir|cds-services)", 80),
        (service.auditor, "^/(livez|readyz|healthz|metrics|openapi|sign-)", 30),
    )
    sent = [schemathesis(service, tmp_path, *run) for run in runs]
    print(f"\nschemathesis: {sum(sent)} cases {sent}, no 5xx, no undocumented answer")
    assert sum(sent) >= CASES
    assert service.poll() is None


def bodies() -> dict[str, tuple[bytes, dict[str, str], int]]:
    """Return hostile bodies: the bytes, headers beside those of JSON, and the status due."""
    bomb = gzip.compress(b"0" * 50_000_000)
    form = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n'
    zipped = {"Content-Encoding": "gzip"}
    return {
        "malformed": (b'{"age": 34,', {}, 400),
        "empty": (b"", {}, 400),
        "blanks": (b" " * 60_000, {}, 400),
        "multipart": (form, {"Content-Type": "multipart/form-data; boundary=x"}, 415),
        "gzip bomb": (bomb, zipped, 415),
        "nested arrays": (b"[" * 60_000, {}, 400),
        "nested objects": (b'{"a":' * 12_000, {}, 400),
        "duplicate keys": (b'{"age": 34, "age": 35}', {}, 400),
        "many keys": (b"{%b}" % b",".join(b'"k%d":1' % i for i in range(5_000)), {}, 422),
        "long number": (b'{"age": ' + b"9" * 60_000 + b"}", {}, 400),
        "huge number": (b'{"age": 1e999}', {}, 422),
        "NaN": (b'{"age": NaN}', {}, 400),
        "not UTF-8": (b'{"age": "\xff"}', {}, 400),
        "too large": (b" " * 3_000_000, {}, 413),
    }


def send(port: int, key: str, body: bytes, path: str, **headers: str) -> tuple[int, bytes, float]:
    """Send one request over a socket of its own; return status, body and seconds."""
    told = {"Host": "t", "Content-Type": "application/json", "X-API-Key": key,
            "Content-Length": str(len(body)), "Connection": "close", **headers}  # fmt: skip
    head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    began = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        with contextlib.suppress(OSError):  # it may hang up before all is sent
            connection.sendall(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(65_536):
                received += part
    top, _, content = received.partition(b"\r\n\r\n")
    return int(top.split()[1]), content, time.perf_counter() - began


def test_hostile_bodies_get_their_4xx_in_bounded_time_and_memory(service):
    """Each many times and several at once; the service answers others as before."""
    warm = [send(service.port, service.key, b'{"age": 34}', "/v1/score") for _ in range(50)]
    before, worst = resident(service.pid), {}
    batch = {
        "batch of small values": (b'[{"a": [' + b"{}," * 1_390_000 + b"{}]}]", {}, 413),
        "batch of many": (b"[" + b"{}," * 1_390_000 + b"{}]", {}, 422),
        "batch nested": (b"[" * 4_000_000, {}, 400),
        "batch too large": (b"[" + b" " * 5_000_000 + b"]", {}, 413),
    }
    for path, told in (("/v1/score", bodies()), ("/v1/score/batch", batch)):
        for name, (body, headers, status) in told.items():
            found: list[tuple[int, bytes, float]] = []

            def hurt(body=body, headers=headers, path=path, found=found):
                for _ in range(3):
                    found.append(send(service.port, service.key, body, path, **headers))

            callers = [Thread(target=hurt) for _ in range(AT_ONCE)]
            for caller in callers:
                caller.start()
            for caller in callers:
                caller.join()
            assert [f[0] for f in found] == [status] * len(found), (name, found[0])
            assert json.loads(found[0][1])["status"] == status
            worst[name] = max(f[2] for f in found)
            print(f"{name:24} {status}  worst of {len(found)}: {worst[name] * 1e3:7.1f} ms")
    grown = resident(service.pid) - before
    print(f"memory {before:.0f} MB before, {grown:+.0f} MB after")
    assert grown < MEGABYTES
    assert max(t for n, t in worst.items() if "batch" not in n) < SECONDS
    assert [w[0] for w in warm] == [200] * 50
    assert send(service.port, service.key, b'{"age": 34}', "/v1/score")[0] == 200


def test_slow_bodies_are_given_up_and_hold_nobody_up(service):
    """A hundred callers that drip get 408 after 10 s; meanwhile others are served."""
    head = (
        f"POST /v1/score HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n"
        f"X-API-Key: {service.key}\r\nContent-Length: 1000\r\n\r\n"
    ).encode()
    slow = [socket.create_connection(("127.0.0.1", service.port), timeout=30) for _ in range(100)]
    began = time.perf_counter()
    for connection in slow:
        connection.sendall(head)
    served = []
    while time.perf_counter() - began < 9:
        for connection in slow:
            connection.sendall(b" ")
        served.append(send(service.port, service.key, b'{"age": 34}', "/v1/score"))
        time.sleep(0.3)
    statuses = []
    for connection in slow:
        received = connection.recv(65_536)
        statuses.append(int(received.split()[1]))
        assert b"connection: close" in received.lower()
        connection.close()
    took = time.perf_counter() - began
    print(f"\n100 slow bodies: {set(statuses)} after {took:.1f} s; meanwhile {len(served)} served, "
          f"slowest {max(s[2] for s in served) * 1e3:.0f} ms")  # fmt: skip
    assert statuses == [408] * 100
    assert took < 14
    assert [s[0] for s in served] == [200] * len(served)


def test_ten_thousand_guesses_are_limited_and_leave_no_trace(service):
    """They get 401 and then 429, whoever has a key is served, and no key is in the log."""
    before, began = resident(service.pid), time.perf_counter()
    counts: dict[int, int] = {}
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection:
        for i in range(GUESSES):
            guess = f"rp_abcdefgh_{i:043d}"
            connection.sendall(
                f"GET /v1/model HTTP/1.1\r\nHost: t\r\nX-API-Key: {guess}\r\n\r\n".encode()
            )
            received = connection.recv(65_536)
            while b"}" not in received:
                received += connection.recv(65_536)
            status = int(received.split()[1])
            counts[status] = counts.get(status, 0) + 1
    took = time.perf_counter() - began
    good = send(service.port, service.key, b'{"age": 34}', "/v1/score")[0]
    grown = resident(service.pid) - before
    print(f"\n{GUESSES} guesses in {took:.1f} s: {counts}; memory {grown:+.1f} MB")
    assert set(counts) == {401, 429}
    assert counts[401] <= 10 + took / 6 + 1
    assert good == 200
    assert grown < MEGABYTES
    output = service.output()
    assert "rp_" not in output
    for key in (service.key, service.auditor):
        assert key.split("_", 2)[2] not in output
    assert str(PUBLISHED_MAN["testosterone"]["value"]) not in output
