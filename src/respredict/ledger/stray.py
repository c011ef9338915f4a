"""What stands beside the chain: rows of no record or that an erasure names, foreign tables."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable

from respredict.ledger.payload import is_left_erased
from respredict.ledger.store import SCHEMA
from respredict.ledger.trust import Damage

__all__ = ["are_gone", "find_stray", "foreign"]


def find_stray(connection: sqlite3.Connection, good: int, repeats: Iterable[int]) -> Damage | None:
    """Judge rows that belong to no record, once the chain is found gapless.

    Parameters
    ----------
    connection : sqlite3.Connection
        In a transaction.
    good : int
        Last record of the chain.
    repeats : iterable of int
        Records that an idempotency key names and that have none.

    Returns
    -------
    Damage or None
        The first.
    """
    if good < 1:
        return Damage(1, "missing record", "record 1 is not there, nor any other")
    for table in ("payload", "filter"):
        # Asked for together, SQLite would read the whole table.
        low, high = (
            connection.execute(f"SELECT {end}(sequence) FROM {table}").fetchone()[0]  # noqa: S608 - constants
            for end in ("min", "max")
        )
        if low is not None and (low < 1 or high > good):
            sequence = low if low < 1 else good + 1
            return Damage(sequence, "inserted payload", f"a {table} belongs to no record")
    stray = min(repeats, default=None)
    if stray is not None:
        return Damage(stray, "altered payload", "an idempotency key belongs to no record")
    return None


def foreign(connection: sqlite3.Connection) -> Damage | None:
    """Return what the file holds beside the tables of a ledger, or what they lack.

    A trigger could copy what is recorded to where no erasure reaches.

    Parameters
    ----------
    connection : sqlite3.Connection
        To the ledger.

    Returns
    -------
    Damage or None
        The first by name.
    """
    query = "SELECT type, name, sql FROM sqlite_master"
    with contextlib.closing(sqlite3.connect(":memory:")) as plain:
        plain.executescript(SCHEMA)
        ours = set(plain.execute(query))
    there = set(connection.execute(query))
    for found in sorted({one[:2] for one in there ^ ours}):
        if found not in {one[:2] for one in ours}:
            said = "is none of the ledger's"
        elif found not in {one[:2] for one in there}:
            said = "is missing"
        else:
            said = "has been changed"
        return Damage(None, "foreign table", f"the {found[0]} {found[1]!a} {said}")
    return None


def are_gone(connection: sqlite3.Connection, sequences: Iterable[int]) -> bool:
    """Return whether nothing is left of what erased records said.

    Parameters
    ----------
    connection : sqlite3.Connection
        In a transaction.
    sequences : iterable of int
        Records that an erasure names.

    Returns
    -------
    bool
        Whether payloads are zeros or gone, and filters gone.
    """
    query = (
        "SELECT (SELECT body FROM payload WHERE sequence = :at), "
        "EXISTS (SELECT 1 FROM filter WHERE sequence = :at)"
    )
    found = (connection.execute(query, {"at": sequence}).fetchone() for sequence in sequences)
    return all(is_left_erased(body) and not filtered for body, filtered in found)
