"""The ledger as a service holds it: a writer process of its own, asked from an event loop.

A thread of the service would not do: what computes and what records would wait for each
other at every statement, as one interpreter runs one thread at a time.
"""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from respredict.errors import LedgerError
from respredict.ledger.entry import Entry, Idempotency, Receipt, refuse_reserved
from respredict.ledger.frames import APPEND, LIMIT, READY, TOLD, Frames, Texts, frame, outcome
from respredict.ledger.starting import end_writer, start_writer
from respredict.ledger.store import check_there, ledger_file

__all__ = ["RemoteLedger", "open_remote"]

#: Appends that may wait; more would only wait in vain.
WAITING = 4_096

_START_SECONDS = 30.0
_END_SECONDS = 4.0
_PAUSE_SECONDS = (0.1, 5.0)
#: After a refusal it counts as not ready for so long, and is then tried again.
_UNREADY_SECONDS = 5.0
_LOG = logging.getLogger("respredict.ledger")


@dataclass(slots=True)
class _Asked:
    """One append under way."""

    future: asyncio.Future[Any]
    alone: bool
    began: float


class RemoteLedger(asyncio.Protocol):
    """The ledger, open for appending from one event loop; use :func:`open_remote`.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    seconds : float
        How long an append waits for its record.
    max_bytes : int or None, default=None
        Size at which the ledger counts as full.

    Attributes
    ----------
    commits : int
        The highest number of a commit that a receipt has named.
    pid : int
        Of the writer process; another one once it had to be started again.
    """

    def __init__(self, home: Path, *, seconds: float, max_bytes: int | None = None) -> None:
        self.home, self.seconds = home, seconds
        self.commits = self.pid = 0
        self._max_bytes = max_bytes
        self._loop = asyncio.get_running_loop()
        self._asked: dict[int, _Asked] = {}
        self._number = 0
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._process: subprocess.Popen[bytes] | None = None
        self._link: Any = None
        self._transport: Any = None  # the link, while the process listens
        self._pause = _PAUSE_SECONDS[0]
        self._refused = -math.inf
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._gone: asyncio.Future[None] = self._loop.create_future()
        self._starting: asyncio.Task[None] | None = None
        self._frames, self._texts = Frames(), Texts()

    @property
    def max_bytes(self) -> int | None:
        """Size at which the ledger counts as full; may be set anew at any time."""
        return self._max_bytes

    @max_bytes.setter
    def max_bytes(self, size: int | None) -> None:
        self._max_bytes = size
        try:
            asyncio.get_running_loop()
        except RuntimeError:  # from another thread than the loop's
            self._loop.call_soon_threadsafe(self._tell_limit)
        else:
            self._tell_limit()

    def _tell_limit(self) -> None:
        if self._transport is not None:
            self._transport.write(frame(LIMIT, self._max_bytes))

    @property
    def serving(self) -> bool:
        """Whether the writer process listens; it is started again where it has ended."""
        return self._transport is not None

    @property
    def ready(self) -> bool:
        """Whether an append is likely recorded: the process listens, and refused none of late."""
        return self.serving and time.monotonic() - self._refused > _UNREADY_SECONDS

    def append(
        self, entry: Entry, idempotency: Idempotency | None = None
    ) -> asyncio.Future[Receipt]:
        """Hand one entry to the writer.

        Parameters
        ----------
        entry : Entry
            To record.
        idempotency : Idempotency or None, default=None
            Under which a repeated request gets the former receipt.

        Returns
        -------
        asyncio.Future of Receipt
            Resolved when the record is durable. It raises :class:`LedgerError` if nothing
            can be written or it takes too long, :class:`LedgerConflictError` if the key
            stands for another request, ValueError if the id stands already.

        Raises
        ------
        LedgerError
            If the ledger was closed, too many wait, or the writer is being started again.
        ValueError
            If the kind is the ledger's own.
        """
        return self._ask([entry], idempotency, alone=True)

    def append_many(
        self, entries: Sequence[Entry], idempotency: Idempotency | None = None
    ) -> asyncio.Future[tuple[Receipt, ...]]:
        """Hand entries to the writer that are recorded in one commit or not at all.

        Parameters
        ----------
        entries : sequence of Entry
            At least one, of one actor.
        idempotency : Idempotency or None, default=None
            For all of them together.

        Returns
        -------
        asyncio.Future of tuple of Receipt
            In order; as for :meth:`append`.

        Raises
        ------
        LedgerError
            As for :meth:`append`.
        ValueError
            If there are none, or a kind is the ledger's own.
        """
        return self._ask(entries, idempotency, alone=False)

    def append_now(self, entry: Entry, idempotency: Idempotency | None = None) -> Receipt:
        """Record one entry, from another thread than the event loop's, and wait for it.

        Parameters
        ----------
        entry : Entry
            To record.
        idempotency : Idempotency or None, default=None
            As for :meth:`append`.

        Returns
        -------
        Receipt
            Of the durable record.

        Raises
        ------
        LedgerError
            As for :meth:`append`.
        LedgerConflictError
            If the key stands for another request.
        """

        async def appended() -> Receipt:
            return await self.append(entry, idempotency)

        return asyncio.run_coroutine_threadsafe(appended(), self._loop).result()

    def lag(self) -> tuple[int, float]:
        """Return how many appends wait for their record, and for how long the oldest has.

        Returns
        -------
        tuple of int and float
            Count and seconds.
        """
        oldest = next(iter(self._asked.values()), None)
        return len(self._asked), 0.0 if oldest is None else time.monotonic() - oldest.began

    async def close(self) -> None:
        """Have recorded what waits and signed what is new, and the process end.

        A process that does not is killed, and what it has not committed is not recorded.
        """
        if self._closed:
            return
        self._closed = True
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait({self._starting})
        if self._transport is not None:
            self._transport.write_eof()
            await asyncio.wait({self._gone}, timeout=_END_SECONDS)
        if self._process is not None:
            await asyncio.to_thread(end_writer, self._process, _END_SECONDS)
        if self._transport is not None:
            await self._gone
        if self._timer is not None:
            self._timer.cancel()

    async def start(self) -> None:
        """Start the process and wait until it listens.

        Raises
        ------
        LedgerError
            If it does not.
        """
        self._frames, self._texts = Frames(), Texts()
        self._ready, self._gone = self._loop.create_future(), self._loop.create_future()
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = await self._make(theirs)
            await self._loop.create_unix_connection(lambda: self, sock=ours)
        except BaseException:
            ours.close()  # a process that was started ends, for nobody is there
            raise
        try:
            await asyncio.wait({self._ready, self._gone}, timeout=_START_SECONDS,
                               return_when=asyncio.FIRST_COMPLETED)  # fmt: skip
        except BaseException:
            self._link.abort()
            raise
        if not self._ready.done():
            self._link.abort()
            await asyncio.to_thread(end_writer, process, _END_SECONDS)
            msg = "the process that writes the ledger must start, got none. See the log above."
            raise LedgerError(msg, "failed")

    async def _make(self, theirs: socket.socket) -> subprocess.Popen[bytes]:
        """Make the process in a thread, which ends and is heeded even if nobody waits any more."""
        thread = asyncio.to_thread(start_writer, self.home, theirs, self._max_bytes)
        making = self._loop.create_task(thread)
        making.add_done_callback(self._made)
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            await asyncio.wait({making})
            raise

    def _made(self, making: asyncio.Task[subprocess.Popen[bytes]]) -> None:
        if not making.cancelled() and making.exception() is None:
            self._process = making.result()
            self.pid = self._process.pid

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection to a process that starts.

        Parameters
        ----------
        transport : asyncio.BaseTransport
            By which it is told.
        """
        self._link = transport

    def data_received(self, data: bytes) -> None:
        """Take what the process says.

        Parameters
        ----------
        data : bytes
            In frames.
        """
        for what, *said in self._frames.take(data):
            if what == READY:
                self._transport = self._link
                self._ready.set_result(None)
            elif what == TOLD:
                self._pause = _PAUSE_SECONDS[0]
                for number, told in said[0]:
                    self._settle(number, outcome(told))

    def connection_lost(self, exc: Exception | None) -> None:
        """Refuse what waits once the process has ended, and start another.

        Parameters
        ----------
        exc : Exception or None
            Of the connection, if it broke.
        """
        serving, self._transport = self.serving, None
        self._gone.set_result(None)
        msg = "the process that writes the ledger must run, got one that ended. Ask again."
        for number in list(self._asked):
            self._settle(number, LedgerError(msg, "failed"))
        if serving and not self._closed:
            why = f": {exc}" if exc else ""
            _LOG.warning("the process that writes the ledger has ended%s; starting another", why)
            self._starting = self._loop.create_task(self._start_again())

    async def _start_again(self) -> None:
        """Start a process, later and later as long as none of them records anything."""
        if self._process is not None:
            code = await asyncio.to_thread(end_writer, self._process, _END_SECONDS)
            _LOG.warning("it ended with %s", f"signal {-code}" if code < 0 else f"code {code}")
        while True:
            await asyncio.sleep(self._pause)
            self._pause = min(2 * self._pause, _PAUSE_SECONDS[1])
            try:
                await self.start()
            except (LedgerError, OSError) as error:
                _LOG.warning("%s", error)
            else:
                return

    def _ask(
        self, entries: Sequence[Entry], idempotency: Idempotency | None, *, alone: bool
    ) -> asyncio.Future[Any]:
        refuse_reserved(entries)
        if self._closed:
            msg = "the ledger must be open, got a closed one. Open it again."
            raise LedgerError(msg, "closed")
        if len(self._asked) >= WAITING:
            msg = f"at most {WAITING} appends may wait, got more. Send fewer at a time."
            raise LedgerError(msg, "overloaded")
        if self._transport is None or self._transport.is_closing():
            msg = "the process that writes the ledger must run, got one that starts. Ask again."
            raise LedgerError(msg, "failed")
        self._number += 1
        asked = _Asked(self._loop.create_future(), alone, time.monotonic())
        until = asked.began + self.seconds
        packed = self._texts.pack(entries, idempotency)
        self._transport.write(frame(APPEND, self._number, until, *packed))
        self._asked[self._number] = asked
        if self._timer is None:
            self._timer = self._loop.call_later(self.seconds, self._give_up)
        return asked.future

    def _settle(self, number: int, outcome: tuple[Receipt, ...] | Exception) -> None:
        asked = self._asked.pop(number, None)
        if asked is None or asked.future.done():  # given up
            return
        if isinstance(outcome, Exception):
            if isinstance(outcome, LedgerError):
                self._refused = time.monotonic()
            asked.future.set_exception(outcome)
            return
        self._refused = -math.inf
        self.commits = max(self.commits, outcome[-1].commit)
        asked.future.set_result(outcome[0] if asked.alone else outcome)

    def _give_up(self) -> None:
        """Refuse what has waited for too long; the writer passes it over, unless it began."""
        self._timer = None
        now = time.monotonic()
        for number, asked in list(self._asked.items()):
            left = asked.began + self.seconds - now
            if left > 0:
                self._timer = self._loop.call_later(left, self._give_up)
                return
            msg = f"the ledger must answer in {self.seconds:g} s, got no answer. Try again."
            self._settle(number, LedgerError(msg, "locked"))


async def open_remote(
    home: Path, *, seconds: float = 30.0, max_bytes: int | None = None
) -> RemoteLedger:
    """Open the ledger of a home for appending from this event loop.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    seconds : float, default=30.0
        How long an append waits for its record.
    max_bytes : int or None, default=None
        Size at which the ledger counts as full.

    Returns
    -------
    RemoteLedger
        Close it.

    Raises
    ------
    LedgerError
        If there is none, or the process that writes it does not start.

    Examples
    --------
    >>> import tempfile
    >>> from respredict.ledger.creation import create_ledger
    >>> async def appended(home):
    ...     ledger = await open_remote(home)
    ...     receipt = await ledger.append(Entry(kind="decision", actor="key-1"))
    ...     await ledger.close()
    ...     return receipt.sequence
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = create_ledger(Path(folder))
    ...     asyncio.run(appended(Path(folder)))
    2
    """
    check_there(ledger_file(home))
    ledger = RemoteLedger(home, seconds=seconds, max_bytes=max_bytes)
    await ledger.start()
    return ledger
