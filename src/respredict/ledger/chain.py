"""Appending to the chain, inside a transaction that somebody else opens and commits.

Each table gets its rows in one statement, for a statement gives the interpreter away and
has to wait for it again, which under load takes longer than the rows.
"""

from __future__ import annotations

import os
import sqlite3
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from respredict.errors import LedgerConflictError, LedgerDamageError
from respredict.ledger.entry import Entry, Idempotency, Receipt
from respredict.ledger.payload import SALT, commit, encode_parts
from respredict.ledger.record import ZERO, encode_header, encode_words, header_hash, new_id
from respredict.ledger.repeating import find_repeated, now, read_repeat, repeat_of

__all__ = ["Appending", "Sealed", "beginning", "head", "seal", "seal_all"]

#: Rows that one statement takes at most; SQLite allows 32,766 values.
_ROWS = 128


@dataclass(slots=True)
class Sealed:
    """An entry with its payload encoded and committed to, ready to append.

    Parameters
    ----------
    entry : Entry
        As the caller gave it.
    id : uuid.UUID
        The caller's, or a new one.
    body : bytes
        The payload.
    commitment : bytes
        SHA-256 that the body opens.
    texts : mapping of bytes to bytes
        The static texts quoted, by digest.
    repeat : bytes
        What tells a repeated request, or empty.
    """

    entry: Entry
    id: uuid.UUID
    body: bytes
    commitment: bytes
    texts: Mapping[bytes, bytes]
    repeat: bytes


def seal(entry: Entry, repeat: Callable[[bytes], bytes] | None = None) -> Sealed:
    """Encode an entry's payload behind a new salt.

    Parameters
    ----------
    entry : Entry
        To record.
    repeat : callable, default=None
        From the salt to what tells a repeated request.

    Returns
    -------
    Sealed
        What the chain needs; no lock is needed to make it.
    """
    salt = os.urandom(SALT)
    told = repeat(salt) if repeat else b""
    body, texts = encode_parts(entry, salt, told)
    encode_words(entry.kind, entry.actor, entry.model)  # refuses in the caller's thread
    return Sealed(entry, entry.id or new_id(), body, commit(body), texts, told)


def seal_all(entries: Sequence[Entry], idempotency: Idempotency | None) -> list[Sealed]:
    """Encode entries that belong together; the first one carries what tells a repetition.

    Parameters
    ----------
    entries : sequence of Entry
        At least one.
    idempotency : Idempotency or None
        Key and request.

    Returns
    -------
    list of Sealed
        In order.
    """
    if idempotency is None:
        return [seal(entry) for entry in entries]
    first = entries[0]

    def repeat(salt: bytes) -> bytes:
        return repeat_of(first.actor, idempotency, len(entries), salt)

    return [seal(first, repeat), *map(seal, entries[1:])]


def head(connection: sqlite3.Connection) -> tuple[int, bytes]:
    """Return the sequence and hash of the last record; 0 and zeros of an empty chain.

    Parameters
    ----------
    connection : sqlite3.Connection
        To the ledger.

    Returns
    -------
    tuple of int and bytes
        Sequence and hash.
    """
    found = connection.execute(
        "SELECT sequence, hash FROM record ORDER BY sequence DESC LIMIT 1"
    ).fetchone()
    return found or (0, ZERO)


def beginning(connection: sqlite3.Connection) -> bytes:
    """Return the hash of record 1, which names the ledger.

    Parameters
    ----------
    connection : sqlite3.Connection
        To the ledger.

    Returns
    -------
    bytes
        32 bytes.

    Raises
    ------
    LedgerDamageError
        If it is gone.
    """
    found = connection.execute("SELECT hash FROM record WHERE sequence = 1").fetchone()
    if found is None:
        raise without_beginning()
    return bytes(found[0])


def without_beginning() -> LedgerDamageError:
    """Return the error of a chain that lacks its first record."""
    msg = "the chain must begin with record 1, got none. Verify the ledger, and restore a backup."
    return LedgerDamageError(msg)


class Appending:
    """Records being added in one transaction; nothing is there before :meth:`flush`.

    Parameters
    ----------
    connection : sqlite3.Connection
        In a write transaction, with the lock of the home held.
    known : set of bytes, optional
        Digests of texts that the ledger holds already, and need not be written again.
    commit : int, default=0
        What receipts name as their commit.
    begins : bool, default=False
        Whether the chain begins here; an empty one is damaged otherwise.

    Attributes
    ----------
    texts : dict of bytes to bytes
        The static texts written in this transaction, by digest.

    Raises
    ------
    LedgerDamageError
        If the chain is empty and does not begin here.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        known: frozenset[bytes] | set[bytes] = frozenset(),
        commit: int = 0,
        *,
        begins: bool = False,
    ) -> None:
        self.connection = connection
        self.sequence, self.hash = head(connection)
        if not (self.sequence or begins):
            raise without_beginning()
        self.texts: dict[bytes, bytes] = {}
        self._known, self._commit = known, commit
        self._records: list[tuple[object, ...]] = []
        self._payloads: list[tuple[object, ...]] = []
        self._filters: list[tuple[object, ...]] = []
        self._texts: list[tuple[object, ...]] = []

    def add(self, sealed: Sealed) -> Receipt:
        """Link one entry to the chain.

        Parameters
        ----------
        sealed : Sealed
            The entry.

        Returns
        -------
        Receipt
            True once the transaction is committed.
        """
        entry = sealed.entry
        sequence, moment = self.sequence + 1, now()
        fields = (
            sequence, sealed.id.bytes, moment, entry.kind, entry.actor, entry.model, entry.about,
            sealed.commitment, self.hash,
        )  # fmt: skip
        digest = header_hash(encode_header(*fields))
        self._records.append((*fields, digest))
        self._payloads.append((sequence, sealed.body))
        if entry.pseudonym or entry.status or entry.risk is not None:
            self._filters.append((sequence, entry.pseudonym, entry.risk, entry.status))
        for text, content in sealed.texts.items():
            if text not in self._known and text not in self.texts:
                self.texts[text] = content
                self._texts.append((text, content))
        self.sequence, self.hash = sequence, digest
        return Receipt(sequence, sealed.id, moment, digest.hex(), self._commit)

    def add_all(
        self, batch: Sequence[Sealed], idempotency: Idempotency | None
    ) -> tuple[Receipt, ...] | LedgerConflictError:
        """Link entries that belong together, once: a repetition gets the former receipts.

        Parameters
        ----------
        batch : sequence of Sealed
            Of one actor.
        idempotency : Idempotency or None
            Under which a repetition is found.

        Returns
        -------
        tuple of Receipt or LedgerConflictError
            The error is returned, for the others of the transaction go on.
        """
        if idempotency is None:
            return tuple(self.add(sealed) for sealed in batch)
        self.flush()  # the repetition may stand in this very transaction
        actor, moment = batch[0].entry.actor, now()
        try:
            found = find_repeated(self.connection, actor, idempotency, moment)
        except LedgerConflictError as error:
            return error
        if found is not None:
            return tuple(self._former(sequence) for sequence in found)
        receipts = tuple(self.add(sealed) for sealed in batch)
        key, request, records, expires = read_repeat(batch[0].repeat)
        self.connection.execute(
            "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?)",
            (key, receipts[0].sequence, records, request, expires),
        )
        return receipts

    def flush(self) -> None:
        """Write what was added into the tables; the caller commits."""
        for table, rows in (
            ("INTO record", self._records),
            ("INTO payload", self._payloads),
            ("INTO filter", self._filters),
            ("OR IGNORE INTO text", self._texts),
        ):
            _insert(self.connection, table, rows)
            rows.clear()

    def _former(self, sequence: int) -> Receipt:
        identifier, moment, digest = self.connection.execute(
            "SELECT id, moment, hash FROM record WHERE sequence = ?", (sequence,)
        ).fetchone()
        name = uuid.UUID(bytes=identifier)
        return Receipt(sequence, name, moment, digest.hex(), self._commit, repeated=True)


def _insert(connection: sqlite3.Connection, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows, as many at once as a power of two takes: few statements are prepared."""
    done = 0
    while done < len(rows):
        number = min(_ROWS, 1 << (len(rows) - done).bit_length() - 1)
        values = [value for row in rows[done : done + number] for value in row]
        connection.execute(_statement(table, len(rows[0]), number), values)
        done += number


@lru_cache(maxsize=64)
def _statement(table: str, columns: int, rows: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return f"INSERT {table} VALUES {', '.join([row] * rows)}"  # noqa: S608 - no value in it
