"""A caller that costs little: bare sockets, one thread, a process of its own.

``python -m tests.benchmarks.http_load`` reads a JSON object from standard input: ``port``,
``connections``, ``seconds`` and ``requests``, raw HTTP/1.1 as latin-1 text, sent in turn by
every connection. It prints one JSON object: requests a second, latencies in milliseconds,
answers by status, requests that got no whole answer, and the last answer of each status. With
``keep``, a path, every answer is written there, to be judged when the load is over.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[2]
#: Before each kept answer: the number of its request, and its length in bytes.
_KEPT = struct.Struct("<II")


def raw(method: str, path: str, body: bytes = b"", **headers: str) -> str:
    """Return a request as it goes over the wire; ``x_api_key`` is the header X-Api-Key."""
    given = {"host": "127.0.0.1", **headers}
    if body:
        given = {"content-type": "application/json", "content-length": str(len(body)), **given}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in given.items()]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]) + body.decode("latin-1")


@dataclass
class Load:
    """What one run saw."""

    rate: float
    p50: float
    p99: float
    p999: float
    statuses: dict[str, int]
    broken: int
    last: dict[str, str]


@dataclass(slots=True)
class _Connection:
    """One keep-alive connection, with one request under way."""

    socket: socket.socket
    turn: int
    sent: float = 0.0
    got: bytearray = field(default_factory=bytearray)
    length: int = 0


def _length(got: bytearray) -> int:
    """Return the length of a whole answer, or 0 while its head is incomplete."""
    end = got.find(b"\r\n\r\n")
    if end < 0:
        return 0
    head = bytes(got[:end]).lower()
    at = head.find(b"content-length: ")
    size = int(head[at + 16 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
    return end + 4 + size


class Caller:
    """Sends one request after the other on each of several connections."""

    def __init__(
        self, port: int, connections: int, requests: list[bytes], keep: IO[bytes] | None = None
    ) -> None:
        self.address = ("127.0.0.1", port)
        self.requests, self.keep = requests, keep
        self.taken: list[float] = []
        self.statuses: Counter[str] = Counter()
        self.last: dict[str, str] = {}
        self.broken = 0
        self.poll = select.epoll()
        self.open: dict[int, _Connection] = {}
        apart = max(1, len(requests) // connections)
        for i in range(connections):
            self._connect(i * apart)

    def _connect(self, turn: int) -> None:
        made = socket.create_connection(self.address, timeout=10)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.open[made.fileno()] = _Connection(made, turn)
        self.poll.register(made.fileno(), select.EPOLLIN)

    def _send(self, connection: _Connection) -> None:
        request = self.requests[connection.turn % len(self.requests)]
        connection.turn += 1
        connection.got.clear()
        connection.length = 0
        connection.sent = time.perf_counter()
        connection.socket.sendall(request)

    def run(self, seconds: float) -> float:
        """Call until the time is up; return the seconds it took."""
        start = time.perf_counter()
        end = start + seconds
        for connection in list(self.open.values()):
            self._send(connection)
        under_way = len(self.open)
        while under_way:
            events = self.poll.poll(10)
            if not events:
                self.broken += under_way  # nothing came for 10 s
                break
            for number, _ in events:
                connection = self.open[number]
                if not self._received(connection):
                    continue
                if time.perf_counter() < end:
                    self._again(connection)
                else:
                    under_way -= 1
        return time.perf_counter() - start

    def _again(self, connection: _Connection) -> None:
        """Send the next request, on a new connection where the service closes this one."""
        if b"\r\nconnection: close\r\n" in connection.got[:2048].lower():
            self._renew(connection)
            return
        try:
            self._send(connection)
        except OSError:
            self._renew(connection)

    def _renew(self, connection: _Connection) -> None:
        del self.open[connection.socket.fileno()]
        connection.socket.close()
        self._connect(connection.turn)
        self._send(next(reversed(self.open.values())))

    def _received(self, connection: _Connection) -> bool:
        """Take what has come; return whether the answer is whole."""
        try:
            part = connection.socket.recv(262144)
        except ConnectionError:
            part = b""
        if not part:
            self.broken += 1
            self._renew(connection)
            return False
        got = connection.got
        got += part
        connection.length = connection.length or _length(got)
        if not connection.length or len(got) < connection.length:
            return False
        self.taken.append(time.perf_counter() - connection.sent)
        status = got[9:12].decode()
        self.statuses[status] += 1
        self.last[status] = got.decode("latin-1")
        if self.keep is not None:
            self.keep.write(_KEPT.pack((connection.turn - 1) % len(self.requests), len(got)))
            self.keep.write(got)
        return True


def load(
    port: int, connections: int, seconds: float, requests: list[str], keep: Path | None = None
) -> Load:
    """Call a service from a process of its own."""
    told = {
        "port": port, "connections": connections, "seconds": seconds, "requests": requests,
        "keep": "" if keep is None else str(keep),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.http_load"],
        input=json.dumps(told), capture_output=True, text=True, cwd=ROOT, check=True,
    )  # fmt: skip
    return Load(**json.loads(done.stdout))


def kept(path: Path) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Return each kept answer: the number of its request, its status, head and body."""
    with path.open("rb") as file:
        while start := file.read(_KEPT.size):
            number, length = _KEPT.unpack(start)
            head, _, body = file.read(length).partition(b"\r\n\r\n")
            yield number, int(head[9:12]), head, body


def _main() -> None:
    told: dict[str, Any] = json.load(sys.stdin)
    requests = [request.encode("latin-1") for request in told["requests"]]
    with contextlib.ExitStack() as stack:
        keep = stack.enter_context(Path(told["keep"]).open("wb")) if told["keep"] else None
        caller = Caller(told["port"], told["connections"], requests, keep)
        took = caller.run(told["seconds"])
    taken = sorted(caller.taken)

    def at(share: float) -> float:
        return taken[min(int(len(taken) * share), len(taken) - 1)] * 1e3

    found = Load(
        len(taken) / took, at(0.5), at(0.99), at(0.999),
        dict(caller.statuses), caller.broken, caller.last,
    )  # fmt: skip
    print(json.dumps(found.__dict__))


if __name__ == "__main__":
    _main()
