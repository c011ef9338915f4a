"""What a service and its writer process say to each other, over a pair of sockets.

A frame is a length and a tuple, marshalled: both ends are this program, run by the same
Python. A static text goes over once, and is named by its digest from then on.
"""

from __future__ import annotations

import marshal
import struct
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from respredict.errors import LedgerConflictError, LedgerError
from respredict.ledger.entry import Entry, Idempotency, Part, Receipt, Text

__all__ = [
    "APPEND", "LIMIT", "READY", "TOLD", "Frames", "Texts", "frame", "outcome", "told",
]  # fmt: skip

#: To the writer: number, until when somebody waits, entries, idempotency, texts not sent before.
APPEND = 1
#: To the writer: bytes at which the ledger is full, or None.
LIMIT = 2
#: From the writer: it has started.
READY = 3
#: From the writer: pairs of a number and what became of it.
TOLD = 4

_LENGTH = struct.Struct(">I")
_ERRORS: dict[str, type[Exception]] = {"conflict": LedgerConflictError, "value": ValueError}


def frame(*said: Any) -> bytes:
    """Return what is said as the bytes of a frame.

    Parameters
    ----------
    *said : object
        One of the numbers above, then numbers, texts, bytes, and tuples and dicts of them.

    Returns
    -------
    bytes
        Length and tuple.
    """
    data = marshal.dumps(said)
    return _LENGTH.pack(len(data)) + data


class Frames:
    """The frames in bytes that arrive in pieces."""

    def __init__(self) -> None:
        self._got = bytearray()

    def take(self, data: bytes) -> Iterator[tuple[Any, ...]]:
        """Yield what was said, frame by frame, as far as it is whole.

        Parameters
        ----------
        data : bytes
            What came next.

        Yields
        ------
        tuple
            As :func:`frame` was given it.
        """
        got = self._got
        got += data
        start = 0
        while len(got) - start >= _LENGTH.size:
            begin = start + _LENGTH.size
            end = begin + _LENGTH.unpack_from(got, start)[0]
            if end > len(got):
                break
            yield marshal.loads(got[begin:end])  # noqa: S302 - from our own other end
            start = end
        del got[:start]


class Texts:
    """The static texts that the other end knows, by digest."""

    def __init__(self) -> None:
        self._known: dict[bytes, Text] = {}

    def pack(
        self, entries: Sequence[Entry], idempotency: Idempotency | None
    ) -> tuple[tuple[Any, ...], tuple[str, bytes] | None, dict[bytes, bytes]]:
        """Return what goes into a frame for entries.

        Parameters
        ----------
        entries : sequence of Entry
            To append together.
        idempotency : Idempotency or None
            Under which a repetition is found.

        Returns
        -------
        tuple of tuple, tuple or None, and dict
            Entries, key and body, and the texts that the other end does not know yet.
        """
        new: dict[bytes, bytes] = {}
        packed = tuple(
            (
                e.kind, e.actor, e.model, self._packed(e.request, new),
                self._packed(e.answer, new), None if e.id is None else e.id.bytes, e.about,
                e.pseudonym, e.risk, e.status,
                None if e.environment is None else self._name(e.environment, new),
            )
            for e in entries
        )  # fmt: skip
        return packed, None if idempotency is None else (idempotency.key, idempotency.body), new

    def unpack(
        self,
        packed: Sequence[tuple[Any, ...]],
        idempotency: tuple[str, bytes] | None,
        new: dict[bytes, bytes],
    ) -> tuple[list[Entry], Idempotency | None]:
        """Return the entries of a frame, as :meth:`pack` got them.

        Parameters
        ----------
        packed : sequence of tuple
            Entries.
        idempotency : tuple of str and bytes, or None
            Key and body.
        new : dict of bytes to bytes
            Texts by digest.

        Returns
        -------
        tuple of list of Entry and Idempotency or None
            To append.
        """
        for digest, content in new.items():
            self._known[digest] = Text(content, digest)
        entries = [
            Entry(
                kind=kind, actor=actor, model=model, request=self._unpacked(request),
                answer=self._unpacked(answer), id=None if name is None else uuid.UUID(bytes=name),
                about=about, pseudonym=pseudonym, risk=risk, status=status,
                environment=None if environment is None else self._known[environment],
            )
            for kind, actor, model, request, answer, name, about, pseudonym, risk, status,
            environment in packed
        ]  # fmt: skip
        return entries, None if idempotency is None else Idempotency(*idempotency)

    def _name(self, text: Text, new: dict[bytes, bytes]) -> bytes:
        if text.digest not in self._known:
            self._known[text.digest] = text
            new[text.digest] = text.content
        return text.digest

    def _packed(self, part: Part, new: dict[bytes, bytes]) -> bytes | tuple[Any, ...]:
        if isinstance(part, bytes):
            return part
        return tuple((self._name(p, new),) if isinstance(p, Text) else p for p in part)

    def _unpacked(self, part: bytes | tuple[Any, ...]) -> Part:
        if isinstance(part, bytes):
            return part
        return tuple(p if isinstance(p, bytes) else self._known[p[0]] for p in part)


def told(outcome: tuple[Receipt, ...] | Exception) -> tuple[Any, ...]:
    """Return what became of an append as it goes into a frame.

    Parameters
    ----------
    outcome : tuple of Receipt, or Exception
        As the committer gave it.

    Returns
    -------
    tuple
        Receipts; or the kind of error, its message and its reason.
    """
    if isinstance(outcome, LedgerError):
        return ("ledger", str(outcome), outcome.reason)
    if isinstance(outcome, Exception):
        kind = "conflict" if isinstance(outcome, LedgerConflictError) else "value"
        return (kind, str(outcome), "")
    return tuple((r.sequence, r.id.bytes, r.moment, r.hash, r.commit, r.repeated) for r in outcome)


def outcome(told: Sequence[Any]) -> tuple[Receipt, ...] | Exception:
    """Return what became of an append, as :func:`told` got it.

    Parameters
    ----------
    told : sequence
        From a frame.

    Returns
    -------
    tuple of Receipt, or Exception
        The receipts in order, or why there are none.
    """
    if isinstance(told[0], str):
        kind, message, reason = told
        return LedgerError(message, reason) if kind == "ledger" else _ERRORS[kind](message)
    return tuple(
        Receipt(sequence, uuid.UUID(bytes=name), moment, digest, commit, repeated)
        for sequence, name, moment, digest, commit, repeated in told
    )
