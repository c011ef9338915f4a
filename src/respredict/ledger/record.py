"""A record of the chain as bytes: identifier, header, hash.

To change the header, give ``HEADER_TAG`` another number, keep the old encoder for the
old records, and rewrite the worked example of ``format.md``, which a test follows.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import struct
import time
import uuid
from dataclasses import dataclass
from functools import lru_cache

from respredict.errors import LedgerDamageError
from respredict.ledger.payload import Payload

__all__ = ["HEADER_TAG", "ZERO", "Record", "encode_header", "header_hash", "new_id"]

HEADER_TAG = b"respredict-ledger-header-1\n"

#: The previous hash of the first record.
ZERO = bytes(32)

_U32 = struct.Struct(">I")
_LONG = struct.Struct(">IQ")
_BEGIN = struct.Struct(f">{len(HEADER_TAG)}sIQI16sIQ")
_END = struct.Struct(">IQI32sI32s")


def new_id() -> uuid.UUID:
    """Return a UUIDv7: milliseconds since 1970, then 74 random bits.

    Returns
    -------
    uuid.UUID
        Sorts by time to the millisecond (RFC 9562).

    Examples
    --------
    >>> new_id().version
    7
    """
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    high, low = random >> 68, random & ((1 << 62) - 1)
    return uuid.UUID(int=milliseconds << 80 | 7 << 76 | high << 64 | 2 << 62 | low)


@lru_cache(maxsize=4096)
def encode_words(kind: str, actor: str, model: str) -> bytes:
    """Return three texts, each behind its length; they repeat from record to record."""
    encoded = (text.encode() for text in (kind, actor, model))
    return b"".join(_U32.pack(len(text)) + text for text in encoded)


def encode_header(
    sequence: int,
    identifier: bytes,
    moment: int,
    kind: str,
    actor: str,
    model: str,
    about: int,
    commitment: bytes,
    previous: bytes,
) -> bytes:
    """Return the bytes that a record's hash is taken of.

    Parameters
    ----------
    sequence : int
        Position in the chain, from 1.
    identifier : bytes
        The UUID, 16 bytes.
    moment : int
        Microseconds since 1970 in UTC.
    kind : str
        One of ``KINDS``.
    actor : str
        Who caused the record: the id of a key, or a command.
    model : str
        Digest of the model, or empty.
    about : int
        Sequence of the record this one is about, or 0.
    commitment : bytes
        SHA-256 that the payload opens, 32 bytes.
    previous : bytes
        Hash of the record before, 32 bytes.

    Returns
    -------
    bytes
        The tag, then each field behind its length.

    Raises
    ------
    struct.error
        If a number is negative or too large.

    Examples
    --------
    >>> len(encode_header(1, bytes(16), 0, "key", "me", "", 0, bytes(32), bytes(32)))
    172
    """
    words = encode_words(kind, actor, model)
    if len(identifier) == 16 and len(commitment) == len(previous) == 32:
        return (
            _BEGIN.pack(HEADER_TAG, 8, sequence, 16, identifier, 8, moment)
            + words
            + _END.pack(8, about, 32, commitment, 32, previous)
        )
    # Nobody writes these, but somebody may have put them there.
    begin = HEADER_TAG + _LONG.pack(8, sequence) + _lp(identifier) + _LONG.pack(8, moment)
    return begin + words + _LONG.pack(8, about) + _lp(commitment) + _lp(previous)


def _lp(data: bytes) -> bytes:
    return _U32.pack(len(data)) + data


def header_hash(header: bytes) -> bytes:
    """Return the hash of a record.

    Parameters
    ----------
    header : bytes
        As :func:`encode_header` gives it.

    Returns
    -------
    bytes
        SHA-256, 32 bytes.
    """
    return hashlib.sha256(header).digest()


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it is read back.

    Parameters
    ----------
    sequence : int
        Position in the chain, from 1.
    id : uuid.UUID
        Its name; of a decision, the ``decision_id``.
    moment : int
        Microseconds since 1970 in UTC.
    kind : str
        One of ``KINDS``.
    actor : str
        Who caused it.
    model : str
        Digest of the model, or empty.
    about : int
        Sequence of the record this one is about, or 0.
    commitment : bytes
        SHA-256 that the payload opens.
    previous : bytes
        Hash of the record before.
    hash : bytes
        SHA-256 of the header.
    erased : bool
        Whether its payload was erased.
    status : str
        What the record says of itself for filters, empty if nothing or erased.
    risk : float or None
        The same.
    pseudonym : str
        The same.
    payload : Payload or None, default=None
        What was asked and answered; None if erased or not read.
    """

    sequence: int
    id: uuid.UUID
    moment: int
    kind: str
    actor: str
    model: str
    about: int
    commitment: bytes
    previous: bytes
    hash: bytes
    erased: bool
    status: str
    risk: float | None
    pseudonym: str
    payload: Payload | None = None

    @property
    def time(self) -> datetime.datetime:
        """When it was written, in UTC, to the microsecond; damage if no calendar has it."""
        return as_time(self.moment, f"the moment of record {self.sequence}")

    @property
    def header(self) -> bytes:
        """The bytes that the hash is taken of."""
        return encode_header(
            self.sequence,
            self.id.bytes,
            self.moment,
            self.kind,
            self.actor,
            self.model,
            self.about,
            self.commitment,
            self.previous,
        )


_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def as_time(moment: int, what: str = "a moment") -> datetime.datetime:
    """Return microseconds since 1970 as a time in UTC, without rounding.

    Parameters
    ----------
    moment : int
        Microseconds since 1970 in UTC; after tampering it may be anything.
    what : str, default="a moment"
        How an error calls it.

    Returns
    -------
    datetime.datetime
        With its zone.

    Raises
    ------
    LedgerDamageError
        If no calendar has it.

    Examples
    --------
    >>> as_time(1_800_000_000_000_001).isoformat()
    '2027-01-15T08:00:00.000001+00:00'
    """
    try:
        return _EPOCH + datetime.timedelta(microseconds=moment)
    except (OverflowError, TypeError) as error:
        found = f"{moment!r} µs since 1970"
        msg = f"{what} must lie in the years 1 to 9999, got {found}. Verify the ledger."
        raise LedgerDamageError(msg) from error


def as_moment(when: datetime.datetime) -> int:
    """Return a time as microseconds since 1970; a time without a zone is UTC.

    Examples
    --------
    >>> as_moment(as_time(1_800_000_000_000_001))
    1800000000000001
    """
    aware = when if when.tzinfo else when.replace(tzinfo=datetime.UTC)
    return (aware - _EPOCH) // datetime.timedelta(microseconds=1)
