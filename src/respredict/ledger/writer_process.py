"""The process that writes the ledger for a service: ``python -m respredict.ledger.writer_process``.

:class:`~respredict.ledger.remote.RemoteLedger` starts it. It shares no interpreter with what
computes, so neither waits for the other. It ends when its service does, however that ends,
and records before what it was handed; signals that end a service are not meant for it.
"""

from __future__ import annotations

import gc
import logging
import select
import socket
import sys
import time
from pathlib import Path
from typing import Any

from respredict.ledger.chain import Sealed, seal_all
from respredict.ledger.entry import Idempotency
from respredict.ledger.frames import APPEND, LIMIT, READY, TOLD, Frames, Texts, frame, told
from respredict.ledger.writer import Ledger

__all__ = ["WriterProcess", "main"]

#: Waiting appends that one commit takes at most.
GROUP = 256
#: How often an idle writer looks whether a checkpoint is due.
IDLE_SECONDS = 2.0

_CHUNK = 1 << 16


class WriterProcess:
    """Records what is asked over a socket until the other end closes it.

    Parameters
    ----------
    link : socket.socket
        To the service.
    ledger : Ledger
        Closed at the end.
    """

    def __init__(self, link: socket.socket, ledger: Ledger) -> None:
        self._link, self._ledger = link, ledger
        self._frames, self._texts = Frames(), Texts()
        self._asked: dict[int, tuple[float, list[Sealed], Idempotency | None]] = {}
        self._told: list[tuple[int, Any]] = []
        self._poll = select.poll()
        self._poll.register(link, select.POLLIN)
        self._there = True

    def run(self) -> None:
        """Record; once nobody is there any more, sign what is new."""
        self._say(READY)
        while self._there or self._asked:
            self._listen(0.0 if self._asked else IDLE_SECONDS)
            if self._asked or self._told:
                self._record()
        self._ledger.close()

    def _listen(self, seconds: float) -> None:
        """Take what has been said, waiting for the first of it."""
        if not self._there:
            return
        if not self._poll.poll(seconds * 1e3):
            if seconds:
                self._ledger.tend(closing=False)
            return
        while self._there and len(self._asked) < GROUP:
            try:
                data = self._link.recv(_CHUNK, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except ConnectionError:
                data = b""
            self._there = bool(data)
            for said in self._frames.take(data):
                self._hear(*said)
            if len(data) < _CHUNK:  # nothing is left to read
                return

    def _hear(self, what: int, *said: Any) -> None:
        if what == APPEND:
            number, until, *packed = said
            try:
                entries, idempotency = self._texts.unpack(*packed)
                self._asked[number] = (until, seal_all(entries, idempotency), idempotency)
            except ValueError as error:
                self._told.append((number, told(error)))
        elif what == LIMIT:
            self._ledger.max_bytes = said[0]

    def _record(self) -> None:
        now, numbers, group = time.monotonic(), [], []
        for number in list(self._asked)[:GROUP]:
            until, sealed, idempotency = self._asked.pop(number)
            if until > now:  # nobody waits for the others any more
                numbers.append(number)
                group.append((sealed, idempotency))
        outcomes = self._ledger.record(group)
        self._told += [(n, told(one)) for n, one in zip(numbers, outcomes, strict=True)]
        self._say(TOLD, tuple(self._told))
        self._told.clear()
        self._ledger.publish()

    def _say(self, *said: Any) -> None:
        try:
            self._link.sendall(frame(*said))
        except ConnectionError:  # it has gone; what it asked for is recorded all the same
            self._there = False


def main(arguments: list[str]) -> None:
    """Serve one home over the socket that was handed down.

    Parameters
    ----------
    arguments : list of str
        Home, number of the socket, bytes at which the ledger is full or 0.
    """
    home, descriptor, most = arguments
    logging.basicConfig(format="%(asctime)s [%(levelname)s] %(name)s: %(message)s")
    gc.freeze()  # what is loaded stays
    with socket.socket(fileno=int(descriptor)) as link:
        WriterProcess(link, Ledger(Path(home), max_bytes=int(most) or None)).run()


if __name__ == "__main__":
    main(sys.argv[1:])
