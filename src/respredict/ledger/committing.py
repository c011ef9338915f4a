"""One commit after the other, in the thread that owns the connection."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from respredict.errors import LedgerConflictError, LedgerDamageError, LedgerError
from respredict.ledger.chain import Appending, Sealed, head
from respredict.ledger.checkpoints import add_checkpoint, has_news, is_due, last_signed, publish
from respredict.ledger.entry import Idempotency, Receipt
from respredict.ledger.erasure import finish_erasures
from respredict.ledger.locking import HomeLock
from respredict.ledger.repeating import now
from respredict.ledger.store import check_writable, connect, unavailable

__all__ = ["Committer"]

_LOG = logging.getLogger("respredict.ledger")
_MOST_PAGES = 4_294_967_294


class Committer:
    """A connection that appends groups; opened when needed, anew after every failure.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    max_bytes : int or None
        Size at which the ledger counts as full.

    Attributes
    ----------
    commits : int
        Commits made, each synced.
    problem : str or None
        What keeps checkpoints from being signed or carried elsewhere.
    """

    def __init__(self, home: Path, max_bytes: int | None) -> None:
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
                finish_erasures(self.home, connection)
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
            pages = _MOST_PAGES if self.max_bytes is None else self.max_bytes // size
            self._connection.execute(f"PRAGMA max_page_count={int(pages)}")
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
