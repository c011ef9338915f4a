"""Repeated requests: told by a key and the request itself, without keeping either."""

from __future__ import annotations

import hashlib
import sqlite3
import struct
import time
from typing import NamedTuple

from respredict.errors import LedgerConflictError
from respredict.ledger.entry import Idempotency

__all__ = ["Repeat", "find_repeated", "now", "read_repeat", "repeat_of"]

#: How long a repeated request gets the recorded answer: 24 hours, in microseconds.
IDEMPOTENT_FOR = 24 * 3600 * 1_000_000

_KEY_TAG = b"respredict-ledger-idempotency-1\n"
_U32 = struct.Struct(">I")
_REPEAT = struct.Struct(">32s32sIQ")


class Repeat(NamedTuple):
    """What tells a repeated request, as the payload holds it.

    Parameters
    ----------
    key : bytes
        SHA-256 of actor and key.
    request : bytes
        Salted SHA-256 of the whole request.
    records : int
        How many were recorded for it.
    expires : int
        Microseconds since 1970.
    """

    key: bytes
    request: bytes
    records: int
    expires: int


def now() -> int:
    """Return microseconds since 1970 in UTC.

    Returns
    -------
    int
        By the machine's clock.
    """
    return time.time_ns() // 1000


def repeat_of(actor: str, asked: Idempotency, records: int, salt: bytes) -> bytes:
    """Return what will tell a repetition of a request.

    Parameters
    ----------
    actor : str
        Whose key it is.
    asked : Idempotency
        Key and request.
    records : int
        How many it gets.
    salt : bytes
        Of the first record's payload.

    Returns
    -------
    bytes
        For the first record's payload.
    """
    expires = now() + IDEMPOTENT_FOR
    return _REPEAT.pack(_key(actor, asked.key), _request(salt, asked.body), records, expires)


def read_repeat(told: bytes) -> Repeat:
    """Return what a payload says of a repetition.

    Parameters
    ----------
    told : bytes
        As :func:`repeat_of` gave it.

    Returns
    -------
    Repeat
        Its four parts.

    Raises
    ------
    struct.error
        If it is something else.
    """
    return Repeat(*_REPEAT.unpack(told))


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
