"""Appending to the chain, inside a transaction that somebody else opens and commits."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import sqlite3
import struct
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from respredict.errors import LedgerConflictError
from respredict.ledger.entry import Entry, Idempotency, Receipt, Text
from respredict.ledger.payload import SALT, commit, encode_body
from respredict.ledger.record import ZERO, encode_header, encode_words, header_hash, new_id

__all__ = ["Appending", "Sealed", "find_repeated", "head", "seal", "seal_all"]

#: How long a repeated request gets the recorded answer: 24 hours, in microseconds.
IDEMPOTENT_FOR = 24 * 3600 * 1_000_000

_KEY_TAG = b"respredict-ledger-idempotency-1\n"
_U32 = struct.Struct(">I")
#: Key, request, records, and microseconds since 1970 at which it expires.
REPEAT = struct.Struct(">32s32sIQ")


@dataclass(frozen=True, slots=True)
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
    repeat : bytes
        What tells a repeated request, or empty.
    """

    entry: Entry
    id: uuid.UUID
    body: bytes
    commitment: bytes
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
    body = encode_body(entry, salt, told)
    encode_words(entry.kind, entry.actor, entry.model)  # refuses in the caller's thread
    return Sealed(entry, entry.id or new_id(), body, commit(body), told)


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
    first, key = entries[0], _key(entries[0].actor, idempotency.key)
    expires = now() + IDEMPOTENT_FOR

    def repeat(salt: bytes) -> bytes:
        return REPEAT.pack(key, _request(salt, idempotency.body), len(entries), expires)

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


def now() -> int:
    """Return microseconds since 1970 in UTC."""
    return time.time_ns() // 1000


class Appending:
    """Records being added in one transaction; nothing is there before :meth:`flush`.

    Parameters
    ----------
    connection : sqlite3.Connection
        In a write transaction, with the lock of the home held.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.sequence, self.hash = head(connection)
        self._records: list[tuple[object, ...]] = []
        self._payloads: list[tuple[int, bytes]] = []
        self._filters: list[tuple[int, str, float | None, str]] = []
        self._texts: dict[bytes, bytes] = {}

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
        for part in (entry.request, entry.answer):
            if not isinstance(part, bytes):
                self._texts.update((p.digest, p.content) for p in part if isinstance(p, Text))
        self.sequence, self.hash = sequence, digest
        return Receipt(sequence, sealed.id, moment, digest.hex())

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
        key, request, records, expires = REPEAT.unpack(batch[0].repeat)
        self.connection.execute(
            "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?)",
            (key, receipts[0].sequence, records, request, expires),
        )
        return receipts

    def flush(self) -> None:
        """Write what was added into the tables; the caller commits."""
        many = self.connection.executemany
        many(f"INSERT INTO record VALUES ({', '.join('?' * 10)})", self._records)  # noqa: S608 - no value in it
        many("INSERT INTO payload VALUES (?, ?)", self._payloads)
        if self._filters:
            many("INSERT INTO filter VALUES (?, ?, ?, ?)", self._filters)
        if self._texts:
            many("INSERT OR IGNORE INTO text VALUES (?, ?)", list(self._texts.items()))
        for written in (self._records, self._payloads, self._filters):
            written.clear()
        self._texts.clear()

    def _former(self, sequence: int) -> Receipt:
        identifier, moment, digest = self.connection.execute(
            "SELECT id, moment, hash FROM record WHERE sequence = ?", (sequence,)
        ).fetchone()
        receipt = Receipt(sequence, uuid.UUID(bytes=identifier), moment, digest.hex())
        return dataclasses.replace(receipt, repeated=True)


def _key(actor: str, key: str) -> bytes:
    name = actor.encode()
    return hashlib.sha256(_KEY_TAG + _U32.pack(len(name)) + name + key.encode()).digest()


def _request(salt: bytes, body: bytes) -> bytes:
    """Return a commitment to a request, as hard to guess as the record's own."""
    return hashlib.sha256(_KEY_TAG + salt + body).digest()


def find_repeated(
    connection: sqlite3.Connection, actor: str, idempotency: Idempotency, moment: int
) -> range | None:
    """Return the sequences recorded for the same request under the same key.

    Parameters
    ----------
    connection : sqlite3.Connection
        To the ledger.
    actor : str
        Whose key it is.
    idempotency : Idempotency
        Key and request.
    moment : int
        Microseconds since 1970, against which a key expires.

    Returns
    -------
    range or None
        None if the key is new, has expired, or its records were erased.

    Raises
    ------
    LedgerConflictError
        If the key stands for another request.
    """
    found = connection.execute(
        "SELECT first, records, request, substr(body, 1, 32) FROM idempotency "
        "JOIN payload ON sequence = first WHERE key = ? AND expires > ?",
        (_key(actor, idempotency.key), moment),
    ).fetchone()
    if found is None:
        return None
    first, records, request, salt = found
    if _request(salt, idempotency.body) != request:
        msg = (
            "an idempotency key must stand for one request, got another with the same key. "
            "Send a new key."
        )
        raise LedgerConflictError(msg)
    return range(first, first + records)
