"""The writer: one commit after the other, durable before it returns.

What is recorded together is one transaction: whole or not at all.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from respredict.errors import LedgerConflictError, LedgerDamageError, LedgerError
from respredict.ledger.chain import Appending, Sealed, head, seal_all
from respredict.ledger.checkpoints import add_checkpoint, has_news, is_due, last_signed, publish
from respredict.ledger.entry import Entry, Idempotency, Receipt, refuse_reserved
from respredict.ledger.erasure import finish_erasures
from respredict.ledger.locking import HomeLock
from respredict.ledger.repeating import now
from respredict.ledger.store import (
    check_there,
    check_writable,
    connect,
    ledger_file,
    unavailable,
)

__all__ = ["Ledger", "open_ledger"]

_LOG = logging.getLogger("respredict.ledger")
_MOST_PAGES = 4_294_967_294


class Ledger:
    """The ledger, open for appending from one thread; use :func:`open_ledger`.

    The connection is opened when needed, anew after every failure. Several processes may
    append: a lock orders them.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    max_bytes : int or None, default=None
        Size at which the ledger counts as full; may be set anew at any time.

    Attributes
    ----------
    commits : int
        Commits made, each synced.
    problem : str or None
        What keeps checkpoints from being signed or carried elsewhere.
    """

    def __init__(self, home: Path, *, max_bytes: int | None = None) -> None:
        self.home = home
        self.max_bytes = max_bytes
        self.commits = 0
        self.problem: str | None = None
        self._signed = False
        self._told = ""
        self._lock = HomeLock(home)
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, ...] | None = None
        self._limit: int | None = None
        self._left: tuple[int, bytes] | None = None
        self._texts: set[bytes] = set()
        self._last_signed = (0, 0)
        self._process = os.getpid()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, entry: Entry, idempotency: Idempotency | None = None) -> Receipt:
        """Record one entry.

        Parameters
        ----------
        entry : Entry
            To record.
        idempotency : Idempotency or None, default=None
            Under which a repeated request gets the former receipt.

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
        ValueError
            If the kind is the ledger's own, or the id stands already.
        """
        return self.append_many([entry], idempotency)[0]

    def append_many(
        self, entries: Sequence[Entry], idempotency: Idempotency | None = None
    ) -> tuple[Receipt, ...]:
        """Record entries in one commit or not at all.

        Parameters
        ----------
        entries : sequence of Entry
            At least one, of one actor.
        idempotency : Idempotency or None, default=None
            For all of them together.

        Returns
        -------
        tuple of Receipt
            In order.

        Raises
        ------
        LedgerError
            As for :meth:`append`.
        LedgerConflictError
            As for :meth:`append`.
        ValueError
            As for :meth:`append`, and if there are none.
        """
        refuse_reserved(entries)
        (outcome,) = self.record([(seal_all(entries, idempotency), idempotency)])
        if isinstance(outcome, Exception):
            raise outcome
        self.publish()
        return outcome

    def close(self) -> None:
        """Sign the chain if there is news, and close the connection."""
        if self._process == os.getpid():  # in a fork, the connection is the parent's
            self.tend(closing=True)
            self.disconnect()

    def commit(
        self, group: Sequence[tuple[Sequence[Sealed], Idempotency | None]]
    ) -> list[tuple[Receipt, ...] | LedgerConflictError]:
        """Append a group in one synced transaction, and a checkpoint if one is due.

        Parameters
        ----------
        group : sequence of (sequence of Sealed, Idempotency or None)
            What waits.

        Returns
        -------
        list of tuple of Receipt or LedgerConflictError
            One for each, in order; durable.

        Raises
        ------
        LedgerError
            If the lock is not had, or the file cannot be written.
        sqlite3.Error
            As SQLite says it; nothing was recorded.
        """
        if self._process != os.getpid():
            msg = "the ledger must be opened in the process that appends, got a fork. Open it."
            raise LedgerError(msg, "closed")
        try:
            with self._lock.held():
                connection = self._connected()
                connection.execute("BEGIN IMMEDIATE")
                appending = Appending(connection, self._texts, self.commits + 1)
                self._check_memory(appending)
                results = [appending.add_all(sealed, key) for sealed, key in group]
                if is_due(self._last_signed, appending.sequence, now()):
                    self._last_signed = last_signed(connection)  # another process may have
                    if is_due(self._last_signed, appending.sequence, now()):
                        self._sign(appending)
                appending.flush()
                connection.execute("COMMIT")
        except BaseException:
            self.disconnect()
            raise
        self.commits += 1
        self._left = (appending.sequence, appending.hash)
        self._texts.update(appending.texts)
        return results

    def record(
        self, group: Sequence[tuple[Sequence[Sealed], Idempotency | None]]
    ) -> list[tuple[Receipt, ...] | Exception]:
        """Append a group, and tell each of it what became of his: nothing is raised.

        Parameters
        ----------
        group : sequence of (sequence of Sealed, Idempotency or None)
            What waits; nothing is done for nobody.

        Returns
        -------
        list of tuple of Receipt, or Exception
            One for each, in order. :class:`LedgerError` if nothing can be written,
            :class:`LedgerConflictError` if a key stands for another request, ValueError if
            an id stands already.
        """
        if not group:
            return []
        try:
            return list(self.commit(group))
        except sqlite3.IntegrityError as error:
            # Somebody's identifier stands already; he shall not stop the others.
            if len(group) > 1:
                return [outcome for asked in group for outcome in self.record([asked])]
            msg = f"an id must be new, got one that stands in the ledger ({error}). Make another."
            return [ValueError(msg)]
        except Exception as error:
            refused = self._within_limit(unavailable(error))
            _LOG.warning("nothing recorded: %s", refused)
            return [refused] * len(group)

    def _within_limit(self, refused: LedgerError) -> LedgerError:
        """Return a refusal that names the limit that was set, where that is what is full."""
        if refused.reason != "full" or self.max_bytes is None:
            return refused
        msg = (
            f"the ledger must be writable, got full: its limit is {self.max_bytes} bytes. Raise"
            " max_ledger_bytes and start the service again; or free space, if the disk is full."
        )
        return LedgerError(msg, "full")

    def _check_memory(self, appending: Appending) -> None:
        """Forget what was remembered of the chain, unless it is the same chain that goes on."""
        if self._left is None or self._left == (appending.sequence, appending.hash):
            return
        query = "SELECT hash FROM record WHERE sequence = ?"
        row = appending.connection.execute(query, self._left[:1]).fetchone()
        if row is None or row[0] != self._left[1]:  # restored from a backup
            self._forget()

    def publish(self) -> None:
        """Carry a checkpoint that the last commit signed to its files."""
        if self._signed:
            self.tend(closing=False)

    def tend(self, *, closing: bool) -> None:
        """Sign what is due, carry it elsewhere, finish erasures that readers held up.

        Parameters
        ----------
        closing : bool
            Whether to sign whatever is new.
        """
        try:
            with self._lock.held():
                connection = self._connected()
                last, signed = head(connection)[0], last_signed(connection)
                if has_news(connection) if closing else is_due(signed, last, now()):
                    connection.execute("BEGIN IMMEDIATE")
                    appending = Appending(connection)
                    self._sign(appending)
                    appending.flush()
                    connection.execute("COMMIT")
                if self._signed:
                    self.problem = publish(self.home, connection)
                    self._signed = False
                finish_erasures(self.home, connection, patient=False)
        except Exception as error:
            # Nobody waits for it, and the next look tries again.
            self.disconnect()
            told = str(unavailable(error))
            if told != self._told:  # once, not at every look
                _LOG.warning("no checkpoint: %s", told)
            self._told = told
        else:
            self._told = ""

    def _sign(self, appending: Appending) -> None:
        """Add a checkpoint; a key that cannot be read is a problem, not a refusal."""
        try:
            receipt = add_checkpoint(self.home, appending)
            self._signed, self._last_signed = True, (receipt.sequence, receipt.moment)
        except (LedgerDamageError, LedgerError) as error:
            self.problem = str(error)
            _LOG.warning("no checkpoint: %s", error)

    def _connected(self) -> sqlite3.Connection:
        """Return the connection; a file that was replaced is opened anew."""
        file = check_writable(self.home, self._file)
        if self._connection is None or file != self._file:
            self._close()
            self._connection = connect(self.home)
            self._file, self._limit = file, None
        if self.max_bytes != self._limit:
            size = self._connection.execute("PRAGMA page_size").fetchone()[0]
            pages = _MOST_PAGES if self.max_bytes is None else max(self.max_bytes // size, 1)
            self._connection.execute(f"PRAGMA max_page_count={min(pages, _MOST_PAGES)}")
            self._limit = self.max_bytes
        return self._connection

    def _forget(self) -> None:
        self._left, self._last_signed = None, (0, 0)
        self._texts.clear()

    def disconnect(self) -> None:
        """Close the connection, which rolls back what was not committed."""
        self._close()
        self._lock.close()

    def _close(self) -> None:
        self._forget()
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


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
    ...         ledger.append(Entry(kind="decision", actor="key-1")).sequence
    2
    """
    check_there(ledger_file(home))
    return Ledger(home, max_bytes=max_bytes)
