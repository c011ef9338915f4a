"""Erasing a man: his bytes go, the chain stays.

Payloads are overwritten in place, for a page that SQLite rearranges may keep a stale
copy of a moved row in its gap; the filters, whose indexes are rearranged all the time,
are written anew and their old pages zeroed. Then the log is emptied. Copies made
elsewhere, backups and evidence packs, are out of reach.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from respredict.errors import LedgerConflictError, NoRecordError
from respredict.ledger.chain import seal
from respredict.ledger.creation import writing
from respredict.ledger.entry import Entry, Receipt
from respredict.ledger.locking import exclusive
from respredict.ledger.payload import is_erased
from respredict.ledger.store import connect, unavailable

__all__ = ["Erasure", "erase", "finish_erasures", "is_pending"]

PENDING = "erasure.pending"
#: How long an erasure waits for readers to end before it is pending.
READERS_WAIT = 1.0
#: What can be about a man; the rest is the ledger's own history.
ERASABLE = ("decision", "outcome", "amendment", "read")


@dataclass(frozen=True, slots=True)
class Erasure:
    """What an erasure did.

    Parameters
    ----------
    sequences : tuple of int
        Records whose payload is gone.
    receipt : Receipt or None
        Of the ``erasure`` record; None if all had been erased before.
    pending : bool
        Whether a copy is left in the log because somebody is reading; it goes when he
        ends, by the running writer or by :func:`finish_erasures`.
    """

    sequences: tuple[int, ...]
    receipt: Receipt | None
    pending: bool


def erase(
    home: Path,
    *,
    actor: str,
    reason: str,
    pseudonym: str | None = None,
    decision: uuid.UUID | None = None,
) -> Erasure:
    """Erase what a man's records say, and what others say about them.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    actor : str
        Who erases; it stays in the chain.
    reason : str
        Why; it stays too, so write nothing about the man.
    pseudonym : str or None, default=None
        Whose records.
    decision : uuid.UUID or None, default=None
        Or one record.

    Returns
    -------
    Erasure
        Whether the bytes are gone now, or pending.

    Raises
    ------
    LedgerConflictError
        If no reason is given.
    NoRecordError
        If there is none.
    LedgerError
        If the ledger cannot be written.
    ValueError
        If not exactly one of pseudonym and decision is given, or the record is not about
        a man.
    """
    if not reason.strip():
        msg = "an erasure must have a reason, got none. Give one; it is recorded."
        raise LedgerConflictError(msg)
    if (not pseudonym) == (decision is None):
        msg = "a pseudonym or a decision must be given, got both or neither. Give one."
        raise ValueError(msg)
    receipt = None
    with writing(home) as appending:
        connection = appending.connection
        found = _belonging(connection, _of(connection, pseudonym, decision))
        sequences = tuple(s for s in found if not _is_gone(connection, s))
        if sequences:
            told = {"erased": list(sequences), "reason": reason}
            entry = Entry(kind="erasure", actor=actor, answer=json.dumps(told).encode())
            forget(connection, sequences)
            receipt = appending.add(seal(entry))
    return Erasure(sequences, receipt, pending=not sweep(home))


def _of(
    connection: sqlite3.Connection, pseudonym: str | None, decision: uuid.UUID | None
) -> list[int]:
    if decision is not None:
        query = "SELECT sequence, kind FROM record WHERE id = ?"
        rows = connection.execute(query, (decision.bytes,)).fetchall()
        if rows and rows[0][1] not in ERASABLE:
            msg = f"{' or '.join(ERASABLE)} can be erased, got {rows[0][1]}. Leave it."
            raise ValueError(msg)
        named = f"no record {decision}"
    else:
        query = "SELECT sequence FROM filter WHERE pseudonym = ? AND pseudonym <> ''"
        rows = connection.execute(query, (pseudonym,)).fetchall()
        named = "none with this pseudonym"
        if pseudonym and pseudonym.isdigit():
            named += " (a sequence is not taken here: name the decision by its id)"
    if not rows:
        msg = f"what is to be erased must be in the ledger, got {named}. Look it up first."
        raise NoRecordError(msg)
    return [row[0] for row in rows]


def _belonging(connection: sqlite3.Connection, found: Sequence[int]) -> list[int]:
    """Return the records and those about them: notes, outcomes, reads."""
    every, new = set(found), list(found)
    while new:
        about = new.pop()
        query = "SELECT sequence, kind FROM record WHERE about = ? AND about > 0"
        for sequence, kind in connection.execute(query, (about,)).fetchall():
            if kind in ERASABLE and sequence not in every:
                every.add(sequence)
                new.append(sequence)
    return sorted(every)


def _is_gone(connection: sqlite3.Connection, sequence: int) -> bool:
    query = "SELECT substr(body, 1, 32) FROM payload WHERE sequence = ?"
    row = connection.execute(query, (sequence,)).fetchone()
    return is_erased(row and row[0])


def forget(connection: sqlite3.Connection, sequences: Sequence[int]) -> None:
    """Overwrite payloads and write the filters anew without them, in a transaction.

    Parameters
    ----------
    connection : sqlite3.Connection
        In a write transaction.
    sequences : sequence of int
        Whose payloads go.
    """
    each = [(sequence,) for sequence in sequences]
    run, many = connection.execute, connection.executemany
    many("UPDATE payload SET body = zeroblob(length(body)) WHERE sequence = ?", each)
    many("DELETE FROM idempotency WHERE ? BETWEEN first AND first + records - 1", each)
    many("DELETE FROM filter WHERE sequence = ?", each)
    run("CREATE TEMP TABLE kept AS SELECT * FROM filter")
    run("DELETE FROM filter")  # all of it: pages are freed whole, and zeroed
    run("INSERT INTO filter SELECT * FROM kept ORDER BY sequence")
    run("DROP TABLE temp.kept")


def sweep(home: Path) -> bool:
    """Empty the log, so that erased bytes are in no file of the home.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.

    Returns
    -------
    bool
        Whether it is empty; not while somebody reads.

    Raises
    ------
    LedgerError
        If the ledger cannot be written.
    """
    (home / PENDING).touch(0o600)  # before the attempt: a crash must not forget it
    try:
        with exclusive(home, wait=10.0):
            connection = connect(home, wait=READERS_WAIT)
            try:
                return finish_erasures(home, connection)
            finally:
                connection.close()
    except sqlite3.Error as error:
        raise unavailable(error) from error


def finish_erasures(home: Path, connection: sqlite3.Connection, *, patient: bool = True) -> bool:
    """Empty the log if an erasure waits for it.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``, its lock held.
    connection : sqlite3.Connection
        To write, outside a transaction.
    patient : bool, default=True
        Whether to wait for readers as long as the connection does. All who append wait too.

    Returns
    -------
    bool
        Whether nothing waits any more.
    """
    if not is_pending(home):
        return True
    patience = connection.execute("PRAGMA busy_timeout").fetchone()[0]
    try:
        if not patient:
            connection.execute("PRAGMA busy_timeout=0")
        busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    finally:
        connection.execute(f"PRAGMA busy_timeout={patience}")
    if not busy:
        (home / PENDING).unlink(missing_ok=True)
    return not busy


def is_pending(home: Path) -> bool:
    """Return whether an erased man's bytes may still be in the log.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.

    Returns
    -------
    bool
        True while somebody reads what was there before.
    """
    return (home / PENDING).exists()
