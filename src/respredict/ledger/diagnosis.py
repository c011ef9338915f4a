"""What happened to a chain at the place where it stops to hold.

It runs once, when something was found, so it may read the whole ledger.
"""

from __future__ import annotations

import sqlite3
import struct
from typing import NamedTuple

from respredict.ledger.payload import commit
from respredict.ledger.record import ZERO, encode_header, header_hash
from respredict.ledger.trust import Damage

__all__ = ["Link", "diagnose_link", "diagnose_payload", "find_inserted"]

COLUMNS = "sequence, id, moment, kind, actor, model, about, commitment, previous, hash"
UNENCODABLE = (TypeError, AttributeError, ValueError, OverflowError, struct.error)


class Link(NamedTuple):
    """A row of the chain as it stands.

    Parameters
    ----------
    sequence, id, moment, kind, actor, model, about, commitment, previous, hash : object
        The columns; after tampering they may hold anything.
    """

    sequence: int
    id: bytes
    moment: int
    kind: str
    actor: str
    model: str
    about: int
    commitment: bytes
    previous: bytes
    hash: bytes

    def hash_as(self, sequence: int) -> bytes | None:
        """Return the hash the row would have at a sequence; None if it cannot have one."""
        try:
            return header_hash(encode_header(sequence, *self[1:9]))
        except UNENCODABLE:
            return None


def diagnose_link(
    connection: sqlite3.Connection, expected: int, last: bytes, met: int | None = None
) -> Damage:
    """Return what is wrong with the chain behind its last good record.

    Parameters
    ----------
    connection : sqlite3.Connection
        To the ledger.
    expected : int
        Sequence behind the last good one.
    last : bytes
        Hash of the last good one.
    met : int or None, default=None
        Sequence of the row that was read there, if it could be.

    Returns
    -------
    Damage
        With the first bad sequence.
    """
    if met is not None and 0 < met < expected:
        return Damage(met, "duplicated record", f"{met} stands there twice")
    rows = _rows(connection, expected)
    row = rows[0]
    if row.sequence < 1:
        return Damage(row.sequence, "inserted record", "the chain begins at 1")
    if row.sequence > expected:
        return _gone(connection, expected, last)
    origin = _origin(connection, row)
    if origin is None:
        behind = rows[1] if len(rows) > 1 else None
        return find_inserted(connection, expected, last) or _altered(row, behind)
    if origin == expected and row.previous == last:
        told = "its payload opens its commitment, but does not follow format.md"
        return Damage(expected, "altered payload", told)
    if origin == expected:
        return _unlinked(row, rows[1] if len(rows) > 1 else None, expected)
    return _misplaced(connection, row, origin, expected, last)


def _rows(connection: sqlite3.Connection, expected: int) -> list[Link]:
    """Return the row that should stand at a place, and the one behind."""
    where = "sequence >= ?" if expected > 1 else "sequence >= -9223372036854775808 + 0 * ?"
    query = f"SELECT {COLUMNS} FROM record WHERE {where} ORDER BY sequence LIMIT 2"  # noqa: S608 - no value in it
    return [Link(*row) for row in connection.execute(query, (expected,)).fetchall()]


def _origin(connection: sqlite3.Connection, row: Link) -> int | None:
    """Return the sequence that a row was written with, by its hash."""
    most = connection.execute("SELECT max(sequence) FROM record").fetchone()[0]
    near = (row.sequence, row.sequence - 1, row.sequence + 1)
    for sequence in (*near, *range(1, min(most, 10_000_000) + 2)):
        if sequence > 0 and row.hash_as(sequence) == row.hash:
            return sequence
    return None


def _follower(connection: sqlite3.Connection, last: bytes) -> int | None:
    """Return where the record stands that was written behind a hash."""
    found = connection.execute(
        "SELECT sequence FROM record WHERE previous = ? LIMIT 1", (last,)
    ).fetchone()
    return found and found[0]


def _gone(connection: sqlite3.Connection, expected: int, last: bytes) -> Damage:
    stands = _follower(connection, last)
    if stands is None:
        return Damage(expected, "missing record", f"record {expected} is not there")
    return Damage(expected, "reordered", f"the record written as {expected} stands at {stands}")


def find_inserted(connection: sqlite3.Connection, sequence: int, last: bytes) -> Damage | None:
    """Return that a row was inserted, if the one behind was written in its place.

    Parameters
    ----------
    connection : sqlite3.Connection
        To the ledger.
    sequence : int
        Of the row.
    last : bytes
        Hash of the record before.

    Returns
    -------
    Damage or None
        None if it stands where it was written.
    """
    behind = _rows(connection, sequence)[1:]
    if behind and behind[0].previous == last and behind[0].hash_as(sequence) == behind[0].hash:
        told = f"the record written as {sequence} stands behind it"
        return Damage(sequence, "inserted record", told)
    return None


def _altered(row: Link, behind: Link | None) -> Damage:
    if behind and behind.previous == row.hash_as(row.sequence):
        told = "its stored hash was changed"
    else:
        told = "a field of its header is not what its hash was taken of"
    return Damage(row.sequence, "altered header", told)


def _unlinked(row: Link, behind: Link | None, expected: int) -> Damage:
    if expected > 1 and (behind is None or behind.previous == row.hash):
        told = f"it was changed and hashed anew, but record {expected} names the former hash"
        return Damage(expected - 1, "altered header", told)
    told = "its previous hash was changed, and it was hashed anew"
    return Damage(expected, "altered header", told)


def _misplaced(
    connection: sqlite3.Connection, row: Link, origin: int, expected: int, last: bytes
) -> Damage:
    original = connection.execute(
        "SELECT hash FROM record WHERE sequence = ?", (origin,)
    ).fetchone()
    if origin < expected and original and original[0] == row.hash:
        return Damage(expected, "duplicated record", f"it is record {origin} again")
    before = connection.execute(
        "SELECT previous FROM record WHERE sequence = ?", (expected - 1,)
    ).fetchone()
    if origin == expected - 1 and row.previous == (before[0] if before else ZERO):
        told = f"the record written as {origin} stands behind it"
        return Damage(origin, "inserted record", told)
    return _gone(connection, expected, last)


def diagnose_payload(connection: sqlite3.Connection, sequence: int, commitment: bytes) -> Damage:
    """Return what is wrong with a payload that does not open its commitment.

    Parameters
    ----------
    connection : sqlite3.Connection
        To the ledger.
    sequence : int
        Of the record.
    commitment : bytes
        Which no longer opens.

    Returns
    -------
    Damage
        Swapped, if the payload stands at another record; missing or altered.
    """
    present = False
    for other, body in connection.execute("SELECT sequence, body FROM payload"):
        present = present or other == sequence
        if isinstance(body, bytes) and commit(body) == commitment:
            told = f"the payload of record {sequence} stands at {other}"
            return Damage(sequence, "swapped payloads", told)
    if not present:
        told = "its payload is not there, and no erasure names it"
        return Damage(sequence, "missing payload", told)
    return Damage(sequence, "altered payload", "its payload does not open its commitment")
