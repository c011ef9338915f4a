"""With the network cut, all but loopback, the service does everything and asks for nobody."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode

import pytest

from respredict.access import create_link
from respredict.access.identity import ROLES
from respredict.bundle import champion, load_bundle
from tests.audited import promoted
from tests.conftest import ROOT
from tests.serving_pages.conftest import HTML
from tests.serving_pages.conftest import MAN as FORM
from tests.serving_process.running import MAN, Running, key_of, own_home
from tests.test_serving_process import WATCH

_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 1
_SCRIPT = "from tests.serving_process.test_no_network import visit; visit()"
#: These keep libraries from calling home; the service must not need them to be set.
_QUIET = ("BENTOML_DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK")
_CALLS = "connect,sendto,sendmsg,sendmmsg"
_ADDRESS = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')


def cut() -> str:
    """Return why the network cannot be cut here, or nothing."""
    if not sys.platform.startswith("linux") or not shutil.which("unshare"):
        return "unshare, which cuts the network off, is not on this system"
    tried = subprocess.run(["unshare", "-rn", "true"], capture_output=True, text=True)
    return tried.stderr.strip() if tried.returncode else ""


def visit() -> None:
    """Serve a home and do with it all that can be done; run where the network is cut."""
    for name in _QUIET:  # which importing the tests has set
        os.environ.pop(name, None)
    _raise_loopback()
    with socket.socket() as outside:
        outside.settimeout(5)
        unreachable = outside.connect_ex(("192.0.2.1", 80))
    home = Path(sys.argv[1])
    keys = {role: key_of(home, role) for role in ROLES}
    command = [sys.executable, "-m", *sys.argv[2:]]
    with Running(home, command=command) as service:
        told = _asked(service, home, keys)
        service.send_signal(signal.SIGTERM)
        assert service.wait(timeout=30) == 0
        output = service.output()
    print(json.dumps({"unreachable": unreachable, "told": told, "output": output}))


def _raise_loopback() -> None:
    """Bring up the one way that is left: to this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = struct.pack("16sh22x", b"lo", 0)
        (flags,) = struct.unpack_from("h", fcntl.ioctl(any_socket, _GET_FLAGS, asked), 16)
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh22x", b"lo", flags | _UP))


def _asked(service: Running, home: Path, keys: dict[str, str]) -> dict[str, int]:
    """Return the status of every answer, by what was asked."""
    found: dict[str, int] = {}

    def ask(role: str, words: str, body: bytes | None = None, **more: str) -> bytes:
        method, path = words.split(" ")
        given = {"X_Api_Key": keys[role], **more} if role else more
        found[words], content = service.ask(method, path, body, **given)
        return content

    first = json.loads(ask("clinician", "POST /v1/score", MAN))
    batch = json.loads(ask("clinician", "POST /v1/score/batch", b"[%b, {}, %b]" % (MAN, MAN)))
    assert [row["status"] for row in batch] == ["scored", "refused", "scored"]
    at = first["ledger"]["sequence"]
    ask("clinician", "GET /v1/model")
    for path in ("", f"/{at}"):
        ask("auditor", f"GET /v1/decisions{path}")
    assert json.loads(ask("auditor", f"POST /v1/decisions/{at}/replay"))["state"] == "identical"
    verdict = json.loads(ask("auditor", "POST /v1/audit/verify"))
    assert verdict["ok"], verdict
    ask("auditor", f"POST /v1/decisions/{at}/notes", b'{"text": "I disagree."}')
    for path in ("/openapi.json", "/livez", "/readyz", "/healthz", "/metrics"):
        ask("operator", f"GET {path}")
    for path in ("/", "/model"):
        ask("clinician", f"GET {path}", **HTML)
    for path in ("", f"/decisions/{at}", "/models", "/over-time", "/verify"):
        ask("auditor", f"GET /audit{path}", **HTML)
    ask("", f"GET /sign-in/{create_link(home, ['clinician'], owner='a test')}", **HTML)
    # The form as a browser sends it; its media type is that of a form.
    sent = urlencode(FORM).encode()
    found["the form"] = _form(service, keys["clinician"], sent)
    return found


def _form(service: Running, key: str, sent: bytes) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=15)
    told = {"X-Api-Key": key, "Content-Type": "application/x-www-form-urlencoded", **HTML}
    try:
        connection.request("POST", "/", sent, told)
        return connection.getresponse().status
    finally:
        connection.close()


def outside(trace: str) -> list[str]:
    """Return the calls of a trace that name an address of another machine."""
    found = []
    for line in trace.splitlines():
        for address in _ADDRESS.findall(line):
            name = next(filter(None, address))
            if not name.startswith("127.") and name not in ("::1", "::ffff:127.0.0.1"):
                found.append(line)
    return found


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ('7 connect(3, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("10.0.0.2")}', 1),
        ('7 connect(3, {sa_family=AF_INET, sin_port=htons(9), sin_addr=inet_addr("127.0.0.1")}', 0),
        ('7 sendto(3, ..., {sa_family=AF_INET6, inet_pton(AF_INET6, "2001:db8::1", &sin6)}', 1),
        ('7 connect(3, {sa_family=AF_INET6, inet_pton(AF_INET6, "::1", &sin6_addr)}, 28)', 0),
        ('7 connect(3, {sa_family=AF_UNIX, sun_path="/run/nscd/socket"}, 110)', 0),
    ],
)
def test_an_outside_address_is_seen_in_a_trace(line, names):
    """Of either family, in any call; what stays on this machine is none."""
    assert len(outside(line)) == names


@pytest.mark.prove
@pytest.mark.parametrize(
    "start", ["bentoml serve serving.service:ResponseService", "respredict serve"]
)
def test_with_the_network_cut_all_works_and_nobody_is_asked(in_trained, tmp_path, start):
    """Score, batch, audit and pages; every connection is seen by Python and by the kernel."""
    why = cut()
    if why:
        pytest.skip(f"the network cannot be cut here: {why}")
    home, trace = own_home(in_trained["home"], tmp_path), tmp_path / "trace"
    told = champion(home)
    promoted(home, load_bundle(home, told["digest"]), told["version"], "a proof")
    (tmp_path / "sitecustomize.py").write_text(WATCH)
    traced = ["strace", "-f", "-qq", "-e", f"trace={_CALLS}", "-o", str(trace)]
    command = ["unshare", "-rn", *(traced if shutil.which("strace") else [])]
    done = subprocess.run(
        [*command, sys.executable, "-c", _SCRIPT, str(home), *start.split()],
        cwd=ROOT, capture_output=True, text=True, timeout=240,
        env={**os.environ, "WATCHED": str(tmp_path / "watched"),
             "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    found = json.loads(done.stdout)
    assert found["unreachable"] != 0
    wrong = {asked: status for asked, status in found["told"].items() if status >= 300}
    (signed_in,) = wrong
    assert (signed_in[:13], wrong[signed_in]) == ("GET /sign-in/", 303)
    assert len(found["told"]) == 22
    assert "Traceback" not in found["output"]
    # What the visitor tried itself is all there is.
    watched = (tmp_path / "watched").read_text().splitlines()
    assert watched == ["socket.connect ('192.0.2.1', 80)"]
    if trace.exists():
        (tried,) = outside(trace.read_text())
        assert 'inet_addr("192.0.2.1")' in tried
