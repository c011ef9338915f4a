"""What a caller hands to the ledger: an entry, its exact bytes, the texts it quotes."""

from __future__ import annotations

import hashlib
import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from respredict.errors import nearest

__all__ = [
    "KINDS", "Entry", "Idempotency", "Part", "Receipt", "Text", "fold", "refuse_reserved",
]  # fmt: skip

#: What a record can be about.
KINDS = (
    "decision",
    "batch",
    "outcome",
    "promotion",
    "key",
    "read",
    "amendment",
    "erasure",
    "checkpoint",
    "restore",
)
#: Written by the ledger itself only; ``verify`` reads what they say.
RESERVED = frozenset({"erasure", "checkpoint", "restore"})


@dataclass(frozen=True, slots=True)
class Text:
    """A static text that many records quote; stored once, by its SHA-256.

    It is never erased: put nothing about a man in it.

    Parameters
    ----------
    content : bytes
        The exact bytes quoted.
    digest : bytes
        SHA-256 of the content; use :meth:`of` to have it computed.
    """

    content: bytes
    digest: bytes

    @classmethod
    def of(cls, content: bytes) -> Text:
        """Return the text with its digest.

        Parameters
        ----------
        content : bytes
            The exact bytes quoted.

        Returns
        -------
        Text
            To stand in a request or an answer in place of the bytes.
        """
        return cls(content, hashlib.sha256(content).digest())


#: Exact bytes, whole or in pieces of which some are static texts.
Part = bytes | Sequence[bytes | Text]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a caller wants recorded.

    Parameters
    ----------
    kind : str
        One of ``KINDS``.
    actor : str
        Who causes it: the id of a key, or a command.
    model : str, default=""
        Digest of the model.
    request : bytes or sequence of bytes and Text, default=b""
        The exact bytes asked.
    answer : bytes or sequence of bytes and Text, default=b""
        The exact bytes answered.
    id : uuid.UUID or None, default=None
        Its name; a new one if None.
    about : int, default=0
        Sequence of the record this one is about; it stays when a man is erased.
    pseudonym : str, default=""
        Whose record it is. A read by a pseudonym is that man's too.
    risk : float or None, default=None
        Served probability.
    status : str, default=""
        Served status.
    environment : Text or None, default=None
        What computed it: packages and platform; nothing about a man.
    """

    kind: str
    actor: str
    model: str = ""
    request: Part = b""
    answer: Part = b""
    id: uuid.UUID | None = None
    about: int = 0
    pseudonym: str = ""
    risk: float | None = None
    status: str = ""
    environment: Text | None = None

    def __post_init__(self) -> None:
        """Refuse what the format cannot hold, in the caller's thread.

        Raises
        ------
        ValueError
            If a field is out of its range.
        """
        if self.kind not in KINDS:
            advice = nearest(self.kind, KINDS)
            msg = f"kind must be one of {', '.join(KINDS)}, got {self.kind!r}. {advice}".rstrip()
            raise ValueError(msg)
        if not self.actor:
            msg = "actor must be given, got nothing. Name the key or the command."
            raise ValueError(msg)
        if not 0 <= self.about < 2**63:
            msg = f"about must be a sequence or 0, got {self.about}. Give the record's sequence."
            raise ValueError(msg)
        if self.risk is not None and not math.isfinite(self.risk):
            msg = f"risk must be a finite number or None, got {self.risk}. Leave it out."
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class Idempotency:
    """A caller's promise that a repeated request is the same request.

    Parameters
    ----------
    key : str
        As the caller sent it; it counts for one actor.
    body : bytes
        The whole request as it came, compared to tell a repetition from a conflict.
    """

    key: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is known of a record once it is durable.

    Parameters
    ----------
    sequence : int
        Position in the chain, from 1.
    id : uuid.UUID
        Its name.
    moment : int
        Microseconds since 1970 in UTC.
    hash : str
        64 hexadecimal digits.
    commit : int, default=0
        Number of the durable commit of this process that holds it, from 1.
    repeated : bool, default=False
        Whether the same request was recorded before, and this is that record.
    """

    sequence: int
    id: uuid.UUID
    moment: int
    hash: str
    commit: int = 0
    repeated: bool = False


def refuse_reserved(entries: Sequence[Entry]) -> None:
    """Refuse to append nothing, or what the ledger alone may say.

    Parameters
    ----------
    entries : sequence of Entry
        To append.

    Raises
    ------
    ValueError
        If there are none, or a kind is the ledger's own.
    """
    if not entries:
        msg = "entries must be at least one, got none. Append what there is to record."
        raise ValueError(msg)
    for entry in entries:
        if entry.kind in RESERVED:
            msg = f"kind must not be the ledger's own, got {entry.kind}. Call its function."
            raise ValueError(msg)


def fold(data: bytes, texts: Sequence[Text]) -> tuple[bytes | Text, ...]:
    """Return the same bytes in pieces, each static text found in them by reference.

    Parameters
    ----------
    data : bytes
        A request or an answer.
    texts : sequence of Text
        Those that may occur; the first occurrence of each is taken.

    Returns
    -------
    tuple of bytes and Text
        In order; joined they are the data.

    Examples
    --------
    >>> [type(piece).__name__ for piece in fold(b"a long text.", [Text.of(b"long")])]
    ['bytes', 'Text', 'bytes']
    """
    pieces: list[bytes | Text] = [data]
    for text in texts:
        for i, piece in enumerate(pieces):
            at = -1 if isinstance(piece, Text) else piece.find(text.content)
            if at >= 0 and isinstance(piece, bytes):
                after = piece[at + len(text.content) :]
                pieces[i : i + 1] = [p for p in (piece[:at], text, after) if p]
                break
    return tuple(pieces)
