"""What a record says, apart from the chain: request, answer and what filters need.

The chain holds a commitment to these bytes, salted with 32 random ones, so that they
can be erased and nobody can guess them from what stays. To change the encoding, give
``PAYLOAD_TAG`` another number and rewrite the worked example of ``format.md``.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from respredict.errors import LedgerDamageError
from respredict.ledger.entry import Entry, Part, Text

__all__ = ["PAYLOAD_TAG", "Payload", "commit", "decode_body", "encode_parts"]

PAYLOAD_TAG = b"respredict-ledger-payload-1\n"
SALT = 32
#: Bytes of the shortest payload: the salt, and eight fields that are empty.
LEAST = SALT + 8 * 4

_U32 = struct.Struct(">I")
_PIECE = struct.Struct(">BI")
_F64 = struct.Struct(">d")
_RISK = struct.Struct(">Id")
_NO_RISK = _U32.pack(0)


@dataclass(frozen=True, slots=True)
class Payload:
    """What was asked and answered, as it is read back.

    Parameters
    ----------
    request : bytes
        The exact bytes asked.
    answer : bytes
        The exact bytes answered.
    pseudonym : str
        Whose record it is, or empty.
    risk : float or None
        Served probability.
    status : str
        Served status, or empty.
    texts : tuple of bytes
        Digests of the static texts quoted.
    environment : bytes
        What computed it, or empty.
    """

    request: bytes
    answer: bytes
    pseudonym: str
    risk: float | None
    status: str
    texts: tuple[bytes, ...]
    environment: bytes = b""


def _lp(data: bytes) -> bytes:
    return _U32.pack(len(data)) + data


def encode_filters(pseudonym: str, risk: float | None, status: str) -> bytes:
    """Return what filters need as the body holds it, each behind its length."""
    name = pseudonym.encode()
    number = _NO_RISK if risk is None else _RISK.pack(8, risk)
    return _U32.pack(len(name)) + name + number + _status(status)


@lru_cache(maxsize=64)
def _status(status: str) -> bytes:
    """Return a status behind its length; there are few of them."""
    return _lp(status.encode())


def _encode_part(part: Part, quoted: dict[bytes, int], texts: dict[bytes, bytes]) -> bytes:
    pieces: Sequence[bytes | Text] = (part,) if isinstance(part, bytes) else part
    written = []
    for piece in pieces:
        if isinstance(piece, Text):
            index = quoted.setdefault(piece.digest, len(quoted))
            texts[piece.digest] = piece.content
            written.append(_PIECE.pack(1, index))
        elif piece:
            written += (_PIECE.pack(0, len(piece)), piece)
    return b"".join(written)


def encode_parts(
    entry: Entry, salt: bytes, repeat: bytes = b""
) -> tuple[bytes, dict[bytes, bytes]]:
    """Return the erasable bytes of an entry, and the static texts that they quote.

    Parameters
    ----------
    entry : Entry
        To encode.
    salt : bytes
        32 random ones.
    repeat : bytes, default=b""
        By which a repeated request is told, if the caller gave a key.

    Returns
    -------
    tuple of bytes and dict
        Salt, digests of the texts, filters, repeat, environment, request, answer; and each
        text by its digest.
    """
    quoted: dict[bytes, int] = {}
    texts: dict[bytes, bytes] = {}
    environment = b""
    if entry.environment is not None:
        environment = _encode_part((entry.environment,), quoted, texts)
    request = _encode_part(entry.request, quoted, texts)
    answer = _encode_part(entry.answer, quoted, texts)
    digests = b"".join(quoted)
    parts = (
        salt,
        _U32.pack(len(digests)),
        digests,
        encode_filters(entry.pseudonym, entry.risk, entry.status),
        _U32.pack(len(repeat)),
        repeat,
        _U32.pack(len(environment)),
        environment,
        _U32.pack(len(request)),
        request,
        _U32.pack(len(answer)),
        answer,
    )
    return b"".join(parts), texts


def commit(body: bytes) -> bytes:
    """Return the commitment that the chain holds to a payload.

    Parameters
    ----------
    body : bytes
        Salt and all.

    Returns
    -------
    bytes
        SHA-256 of tag and body, 32 bytes.
    """
    return hashlib.sha256(PAYLOAD_TAG + body).digest()


def is_erased(body: bytes | None) -> bool:
    """Return whether a body was overwritten with zero bytes, or is gone."""
    return body is None or not any(body[:SALT])


def is_left_erased(body: bytes | None) -> bool:
    """Return whether a body is what an erasure leaves: nothing, or zeros where one was."""
    return body is None or (len(body) >= LEAST and not any(body))


def decode_body(body: bytes, fetch: Callable[[bytes], bytes]) -> Payload:
    """Return what a body says, with every quoted text put back.

    Parameters
    ----------
    body : bytes
        As stored.
    fetch : callable
        From the digest of a static text to its bytes.

    Returns
    -------
    Payload
        Exact bytes.

    Raises
    ------
    LedgerDamageError
        If the bytes are not a payload.
    """
    try:
        fields = split_body(body)
        digests = tuple(_slice(fields[0], i, 32) for i in range(0, len(fields[0]), 32))
        return Payload(
            request=_expand(fields[6], digests, fetch),
            answer=_expand(fields[7], digests, fetch),
            pseudonym=fields[1].decode(),
            risk=_F64.unpack(fields[2])[0] if fields[2] else None,
            status=fields[3].decode(),
            texts=digests,
            environment=_expand(fields[5], digests, fetch),
        )
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        msg = f"a payload must follow format.md, got {error}. Verify the ledger."
        raise LedgerDamageError(msg) from error


def split_body(body: bytes) -> list[bytes]:
    """Return the eight fields behind the salt, as they stand.

    Raises
    ------
    IndexError, struct.error
        If the bytes are not a payload.
    """
    fields, at = [], SALT
    for _ in range(8):
        size = _U32.unpack_from(body, at)[0]
        fields.append(_slice(body, at + 4, size))
        at += 4 + size
    if at != len(body):
        msg = f"{len(body) - at} bytes behind the last field"
        raise IndexError(msg)
    return fields


def _slice(data: bytes, at: int, size: int) -> bytes:
    if at + size > len(data):
        msg = f"{len(data)} bytes where a field ends at {at + size}"
        raise IndexError(msg)
    return data[at : at + size]


def _expand(part: bytes, digests: Sequence[bytes], fetch: Callable[[bytes], bytes]) -> bytes:
    pieces, at = [], 0
    while at < len(part):
        size = _U32.unpack_from(part, at + 1)[0]
        if part[at] == 1:
            pieces.append(fetch(digests[size]))
            at += 5
        elif part[at] == 0:
            pieces.append(_slice(part, at + 5, size))
            at += 5 + size
        else:
            msg = f"a piece of kind {part[at]}"
            raise IndexError(msg)
    return b"".join(pieces)
