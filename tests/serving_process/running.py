"""``respredict serve`` as a process of its own, with a key; and what is asked of it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from respredict.access import create_key
from respredict.ledger.creation import create_ledger
from tests.conftest import PUBLISHED_MAN, ROOT

MAN = json.dumps(PUBLISHED_MAN).encode()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def own_home(trained: Path, folder: Path) -> Path:
    """Copy a trained home, with an empty ledger and no keys."""
    skip = shutil.ignore_patterns("ledger.*", "checkpoint*", "keys.db*", "bentoml")
    home = shutil.copytree(trained, folder / "home", ignore=skip)
    create_ledger(home)
    return home


def key_of(home: Path, role: str = "clinician") -> str:
    """Make a key and return it."""
    return create_key(home, role, name="test")[1]


def children(pid: int) -> list[int]:
    """Return the processes that one has started, whichever of its threads did."""
    found: list[int] = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += map(int, listed.read_text().split())
    return found


def family(pid: int) -> list[int]:
    """Return a process, the workers it has started, and what writes their ledger."""
    workers = children(pid)
    return [pid, *workers, *(writer for worker in workers for writer in children(worker))]


def gone(pid: int) -> bool:
    """Return whether a process has ended; one that nobody has waited for has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


class Running(subprocess.Popen):
    """A service of one home, ready once it is entered."""

    def __init__(
        self, home: Path, *options: str, port: int | None = None, environment: dict | None = None,
        command: list[str] | None = None, folder: Path = ROOT,
    ) -> None:  # fmt: skip
        self.home, self.port = home, port or free_port()
        self.key = key_of(home)
        # A file: a pipe that nobody reads would fill with the access log and stop the service.
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the block ends
        command = command or [sys.executable, "-m", "respredict", "serve"]
        self.began = time.monotonic()
        super().__init__(
            [*command, "--port", str(self.port), *options],
            cwd=folder,
            env={
                **os.environ, "RESPREDICT_HOME": str(home), "BENTOML_HOME": str(home / "bentoml"),
                **(environment or {}),
            },
            stdout=self.log, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def __enter__(self) -> Running:
        try:
            self.wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def wait_until_ready(self, seconds: float = 60) -> float:
        """Return the seconds since it was started, once it answers that it is ready."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.poll() is None, self.output()
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.ask("GET", "/readyz")[0] == 200:
                    return time.monotonic() - self.began
            time.sleep(0.05)
        raise AssertionError(self.output())

    def __exit__(self, *_: object) -> None:
        killed = family(self.pid)
        for pid in killed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.wait()
        while not all(map(gone, killed)):
            time.sleep(0.01)
        self.log.close()

    def workers(self) -> list[int]:
        """Return the processes that answer."""
        return children(self.pid)

    def wait_for_workers(self, count: int, seconds: float = 60) -> None:
        """Return once so many workers have told that they serve."""
        deadline = time.monotonic() + seconds
        while self.output().count("Completed async startup hook: start") < count:
            assert time.monotonic() < deadline, self.output()
            time.sleep(0.05)

    def output(self) -> str:
        """Return what it has printed."""
        with open(self.log.fileno(), "rb", closefd=False) as log:
            log.seek(0)
            return log.read().decode()

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes]:
        """Return status and body of one answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        given = {"X-Api-Key": self.key, **{n.replace("_", "-"): v for n, v in headers.items()}}
        if body is not None:
            given["Content-Type"] = "application/json"
        try:
            connection.request(method, path, body, given)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def score(self, body: bytes = MAN) -> dict:
        """Return the answer for one man."""
        status, content = self.ask("POST", "/v1/score", body)
        assert status == 200, content
        return json.loads(content)
