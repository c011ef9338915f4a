"""The writer: one thread a process, which makes what waits durable in one commit.

An answer may leave once its future is resolved; if nothing can be written, it gets the reason.
"""

from __future__ import annotations

import logging
import os
import queue
import sqlite3
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from respredict.errors import LedgerConflictError, LedgerError
from respredict.ledger.chain import Sealed, seal_all
from respredict.ledger.committing import Committer
from respredict.ledger.entry import RESERVED, Entry, Idempotency, Receipt
from respredict.ledger.store import ledger_file, unavailable

__all__ = ["Ledger", "open_ledger"]

GROUP = 256  # waiting appends that one commit takes at most
WAITING = 4_096  # appends that may wait; more would only wait in vain
IDLE_SECONDS = 2.0  # how often an idle writer looks whether a checkpoint is due

_LOG = logging.getLogger("respredict.ledger")


@dataclass(slots=True)
class _Waiting:
    """Entries that are recorded together or not at all, and who waits for them."""

    sealed: Sequence[Sealed]
    idempotency: Idempotency | None
    alone: bool
    future: Future[Any] = field(default_factory=Future)


class Ledger:
    """The ledger, open for appending in this process; use :func:`open_ledger`.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    max_bytes : int or None, default=None
        Size at which the ledger counts as full; may be set anew at any time.
    """

    def __init__(self, home: Path, *, max_bytes: int | None = None) -> None:
        self.home = home
        self._committer = Committer(home, max_bytes)
        self._process = os.getpid()
        self._closed = False
        self._closing = threading.Lock()
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self._thread.start()

    @property
    def commits(self) -> int:
        """How many commits this process made, each synced before its futures resolved."""
        return self._committer.commits

    @property
    def problem(self) -> str | None:
        """What keeps checkpoints from being signed or carried elsewhere; answers go on."""
        return self._committer.problem

    @property
    def max_bytes(self) -> int | None:
        """Size at which the ledger counts as full; may be set anew at any time."""
        return self._committer.max_bytes

    @max_bytes.setter
    def max_bytes(self, size: int | None) -> None:
        self._committer.max_bytes = size

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, entry: Entry, idempotency: Idempotency | None = None) -> Future[Receipt]:
        """Hand one entry to the writer.

        Parameters
        ----------
        entry : Entry
            To record.
        idempotency : Idempotency or None, default=None
            Under which a repeated request gets the former receipt.

        Returns
        -------
        Future of Receipt
            Resolved when the record is durable. It raises :class:`LedgerError` if nothing
            can be written, :class:`LedgerConflictError` if the key stands for another
            request. Cancelled in time, it is not recorded.

        Raises
        ------
        LedgerError
            If the ledger was closed, opened in another process, or too many wait.
        ValueError
            If the kind is the ledger's own.
        """
        return self._enqueue([entry], idempotency, alone=True)

    def append_many(
        self, entries: Sequence[Entry], idempotency: Idempotency | None = None
    ) -> Future[tuple[Receipt, ...]]:
        """Hand entries to the writer that are recorded in one commit or not at all.

        Parameters
        ----------
        entries : sequence of Entry
            At least one, of one actor.
        idempotency : Idempotency or None, default=None
            For all of them together.

        Returns
        -------
        Future of tuple of Receipt
            In order; as for :meth:`append`.

        Raises
        ------
        LedgerError
            As for :meth:`append`.
        ValueError
            If there are none, or a kind is the ledger's own.
        """
        if not entries:
            msg = "entries must be at least one, got none. Append what there is to record."
            raise ValueError(msg)
        return self._enqueue(entries, idempotency, alone=False)

    def append_now(
        self, entry: Entry, idempotency: Idempotency | None = None, *, timeout: float = 30.0
    ) -> Receipt:
        """Record one entry and wait until it is durable.

        Parameters
        ----------
        entry : Entry
            To record.
        idempotency : Idempotency or None, default=None
            As for :meth:`append`.
        timeout : float, default=30.0
            Seconds.

        Returns
        -------
        Receipt
            Of the durable record.

        Raises
        ------
        LedgerError
            If nothing can be written, with the reason.
        LedgerConflictError
            If the key stands for another request.
        TimeoutError
            If the writer does not answer.
        """
        return self.append(entry, idempotency).result(timeout)

    def close(self) -> None:
        """Record what waits, sign the chain if there is news, and end the thread."""
        with self._closing:
            first, self._closed = not self._closed, True
        if self._process != os.getpid():
            return  # a fork: thread and connection are the parent's
        if first:
            self._queue.put(None)
        self._thread.join()

    def _enqueue(
        self, entries: Sequence[Entry], idempotency: Idempotency | None, *, alone: bool
    ) -> Future[Any]:
        for entry in entries:
            if entry.kind in RESERVED:
                msg = f"kind must not be the ledger's own, got {entry.kind}. Call its function."
                raise ValueError(msg)
        waiting = _Waiting(seal_all(entries, idempotency), idempotency, alone)
        with self._closing:
            self._refuse()
            self._queue.put(waiting)
        return waiting.future

    def _refuse(self) -> None:
        if self._process != os.getpid():
            msg = "the ledger must be opened in the process that appends, got a fork. Open it."
            raise LedgerError(msg, "closed")
        if self._closed:
            msg = "the ledger must be open, got a closed one. Open it again."
            raise LedgerError(msg, "closed")
        if self._queue.qsize() >= WAITING:
            msg = f"at most {WAITING} appends may wait, got more. Send fewer at a time."
            raise LedgerError(msg, "overloaded")

    def _run(self) -> None:
        while True:
            group, last = self._gather()
            if group:
                self._record(group)
            elif not last:
                self._committer.tend(closing=False)
            if last:
                self._committer.tend(closing=True)
                self._committer.disconnect()
                return

    def _gather(self) -> tuple[list[_Waiting], bool]:
        """Return what waits, up to a group, and whether the ledger is being closed."""
        group: list[_Waiting] = []
        try:
            item = self._queue.get(timeout=IDLE_SECONDS)
            while item is not None:
                if item.future.set_running_or_notify_cancel():
                    group.append(item)
                if len(group) >= GROUP:
                    return group, False
                item = self._queue.get_nowait()
        except queue.Empty:
            return group, False
        return group, True

    def _record(self, group: list[_Waiting]) -> None:
        try:
            results = self._committer.commit([(w.sealed, w.idempotency) for w in group])
        except sqlite3.IntegrityError as error:
            # Somebody's identifier stands already; he shall not stop the others.
            if len(group) > 1:
                for waiting in group:
                    self._record([waiting])
            else:
                group[0].future.set_exception(_twice(error))
        except Exception as error:
            refused = unavailable(error)
            _LOG.warning("nothing recorded: %s", refused)
            for waiting in group:
                waiting.future.set_exception(refused)
        else:
            for waiting, result in zip(group, results, strict=True):
                if isinstance(result, LedgerConflictError):
                    waiting.future.set_exception(result)
                else:
                    waiting.future.set_result(result[0] if waiting.alone else result)
            self._committer.publish()


def _twice(error: Exception) -> ValueError:
    msg = f"an id must be new, got one that stands in the ledger ({error}). Make another."
    return ValueError(msg)


def open_ledger(home: Path, *, max_bytes: int | None = None) -> Ledger:
    """Open the ledger of a home for appending, in the process that appends.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    max_bytes : int or None, default=None
        Size at which the ledger counts as full.

    Returns
    -------
    Ledger
        Close it, or use it in a ``with`` block.

    Raises
    ------
    LedgerError
        If there is none; see :func:`create_ledger`.

    Examples
    --------
    >>> import tempfile
    >>> from respredict.ledger.creation import create_ledger
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = create_ledger(Path(folder))
    ...     with open_ledger(Path(folder)) as ledger:
    ...         ledger.append_now(Entry(kind="decision", actor="key-1")).sequence
    2
    """
    try:
        ledger_file(home).stat()
    except OSError as error:
        raise unavailable(error) from error
    return Ledger(home, max_bytes=max_bytes)
