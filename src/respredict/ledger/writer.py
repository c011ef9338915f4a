"""The writer: one thread a process, which makes what waits durable in one commit.

An answer may leave once its future is resolved; if nothing can be written, it gets the reason.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

from respredict.errors import LedgerError
from respredict.ledger.chain import seal_all
from respredict.ledger.committing import Committer
from respredict.ledger.entry import RESERVED, Entry, Idempotency, Receipt
from respredict.ledger.inbox import Inbox
from respredict.ledger.store import check_there, ledger_file, unavailable
from respredict.ledger.waiting import Waiting, settle

__all__ = ["Ledger", "open_ledger"]

GROUP = 256  # waiting appends that one commit takes at most
IDLE_SECONDS = 2.0  # how often an idle writer looks whether a checkpoint is due

_LOG = logging.getLogger("respredict.ledger")


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
        self._inbox = Inbox()
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
        return self._enqueue([entry], idempotency, alone=True).future

    def append_async(
        self, entry: Entry, idempotency: Idempotency | None = None
    ) -> asyncio.Future[Receipt]:
        """Hand one entry to the writer, from a task of a running event loop.

        The loop is woken once for all the records of a commit.

        Parameters
        ----------
        entry : Entry
            To record.
        idempotency : Idempotency or None, default=None
            As for :meth:`append`.

        Returns
        -------
        asyncio.Future of Receipt
            As for :meth:`append`, to await.

        Raises
        ------
        LedgerError
            As for :meth:`append`.
        ValueError
            As for :meth:`append`.
        """
        loop = asyncio.get_running_loop()
        return self._enqueue([entry], idempotency, alone=True, loop=loop).future

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
        return self._enqueue(entries, idempotency, alone=False).future

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
        if self._process == os.getpid():  # in a fork, thread and connection are the parent's
            self._inbox.close()
            self._thread.join()

    def _enqueue(
        self,
        entries: Sequence[Entry],
        idempotency: Idempotency | None,
        *,
        alone: bool,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> Waiting:
        for entry in entries:
            if entry.kind in RESERVED:
                msg = f"kind must not be the ledger's own, got {entry.kind}. Call its function."
                raise ValueError(msg)
        if self._process != os.getpid():
            msg = "the ledger must be opened in the process that appends, got a fork. Open it."
            raise LedgerError(msg, "closed")
        waiting = Waiting(seal_all(entries, idempotency), idempotency, alone, loop)
        self._inbox.put(waiting)
        return waiting

    def _run(self) -> None:
        while True:
            group, last = self._inbox.take(GROUP, IDLE_SECONDS)
            if group:
                self._record(group)
            elif not last:
                self._committer.tend(closing=False)
            if last:
                self._committer.tend(closing=True)
                self._committer.disconnect()
                return

    def _record(self, group: list[Waiting]) -> None:
        try:
            results = self._committer.commit([(w.sealed, w.idempotency) for w in group])
        except sqlite3.IntegrityError as error:
            # Somebody's identifier stands already; he shall not stop the others.
            if len(group) > 1:
                for waiting in group:
                    self._record([waiting])
            else:
                settle([(group[0], _twice(error))])
        except Exception as error:
            refused = unavailable(error)
            _LOG.warning("nothing recorded: %s", refused)
            settle((waiting, refused) for waiting in group)
        else:
            settle(
                (waiting, result[0] if waiting.alone and isinstance(result, tuple) else result)
                for waiting, result in zip(group, results, strict=True)
            )
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
    check_there(ledger_file(home))
    return Ledger(home, max_bytes=max_bytes)
