"""The place of one record in the chain, checked on the spot, without reading the whole.

It shows that the record is what its links and the next signature vouch for. What is before
and behind, and whether the file is whole, only :func:`respredict.ledger.verify.verify` says.
"""

from __future__ import annotations

import contextlib
import sqlite3
import uuid
from dataclasses import dataclass
from pathlib import Path

from respredict.errors import LedgerDamageError, NoRecordError
from respredict.ledger.checkpoints import Checkpoint, read_line
from respredict.ledger.keys import is_signed, named_key
from respredict.ledger.payload import commit, decode_body, is_erased
from respredict.ledger.record import ZERO, Record, encode_header, header_hash
from respredict.ledger.store import read_only, unavailable

__all__ = ["Place", "place_of", "sequence_of"]

_HEADER = "sequence, id, moment, kind, actor, model, about, commitment, previous, hash"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands.

    Parameters
    ----------
    wrong : tuple of str
        What does not hold, a sentence each; empty if all does.
    links : int
        Headers that were hashed from the record to the signature.
    sealed : int or None
        Sequence of the checkpoint record that follows first; None if none does yet.
    checkpoint : Checkpoint or None
        What it says.
    """

    wrong: tuple[str, ...]
    links: int
    sealed: int | None
    checkpoint: Checkpoint | None

    @property
    def signed(self) -> bool:
        """Whether a signature vouches for the record and all that was checked holds."""
        return not self.wrong and self.checkpoint is not None


def sequence_of(home: Path, which: int | uuid.UUID) -> int:
    """Return the sequence of a record, also of one whose payload cannot be read.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    which : int or uuid.UUID
        Sequence or id.

    Returns
    -------
    int
        From 1.

    Raises
    ------
    NoRecordError
        If there is none.
    """
    column, value = ("id", which.bytes) if isinstance(which, uuid.UUID) else ("sequence", which)
    query = f"SELECT sequence FROM record WHERE {column} = ?"  # noqa: S608 - no value in it
    with _reading(home) as connection:
        row = connection.execute(query, (value,)).fetchone()
    if row is None:
        rule = f"a record must be in the ledger, got none with {column} {which}"
        msg = f"{rule}. `respredict audit list` lists them."
        raise NoRecordError(msg)
    return int(row[0])


def place_of(home: Path, record: Record) -> Place:
    """Check the place of a record.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    record : Record
        With or without its payload.

    Returns
    -------
    Place
        With what does not hold.

    Raises
    ------
    LedgerError
        If the ledger cannot be read now.
    """
    with _reading(home) as connection:
        connection.execute("BEGIN")
        wrong = [*_own(connection, record), *_filters(record)]
        sealed = connection.execute(
            "SELECT min(sequence) FROM record WHERE kind = 'checkpoint' AND sequence > ?",
            (record.sequence,),
        ).fetchone()[0]
        if sealed is None:
            return Place(tuple(wrong), 0, None, None)
        wrong += _links(connection, record, sealed)
        checkpoint, bad = _signed(connection, sealed)
        return Place((*wrong, *bad), sealed - record.sequence, sealed, checkpoint)


@contextlib.contextmanager
def _reading(home: Path):  # type: ignore[no-untyped-def]
    try:
        with contextlib.closing(read_only(home)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise unavailable(error) from error


def _own(connection: sqlite3.Connection, record: Record) -> list[str]:
    """Return what is wrong with the record's header, payload and link to the one before."""
    wrong = []
    if header_hash(record.header) != record.hash:
        wrong.append("Its header is not the one that its hash was taken of.")
    row = connection.execute(
        "SELECT hash FROM record WHERE sequence = ?", (record.sequence - 1,)
    ).fetchone()
    before = ZERO if record.sequence == 1 else row and row[0]
    if before != record.previous:
        wrong.append("The record before it is not the one it was linked to.")
    body = connection.execute(
        "SELECT body FROM payload WHERE sequence = ?", (record.sequence,)
    ).fetchone()
    if body is not None and not is_erased(body[0]) and commit(body[0]) != record.commitment:
        wrong.append("What it says now is not what the chain was committed to: it was altered.")
    return wrong


def _filters(record: Record) -> list[str]:
    told = record.payload
    if told is None or (told.status, told.risk, told.pseudonym) == (
        record.status, record.risk, record.pseudonym,
    ):  # fmt: skip
        return []
    return ["What lists show of it (status, risk, pseudonym) is not what it says."]


def _links(connection: sqlite3.Connection, record: Record, sealed: int) -> list[str]:
    """Hash every header from the record to the signature."""
    rows = connection.execute(
        f"SELECT {_HEADER} FROM record WHERE sequence > ? AND sequence <= ? ORDER BY sequence",  # noqa: S608 - no value in it
        (record.sequence, sealed),
    )
    before, at = record.hash, record.sequence
    for *header, digest in rows:
        at += 1
        if header[0] != at or header[8] != before or header_hash(encode_header(*header)) != digest:
            return [f"The chain breaks at record {at}, before the next signature."]
        before = digest
    return []


def _signed(connection: sqlite3.Connection, sealed: int) -> tuple[Checkpoint | None, list[str]]:
    """Return a checkpoint, and what is wrong with it."""
    body, previous = connection.execute(
        "SELECT body, previous FROM record JOIN payload USING (sequence) WHERE sequence = ?",
        (sealed,),
    ).fetchone()
    try:
        found = read_line(decode_body(body, lambda _: b"").answer)
        keys = connection.execute(
            "SELECT body FROM record JOIN payload USING (sequence) WHERE kind = 'key'"
        )
        named = [named_key(decode_body(row[0], lambda _: b"").answer) for row in keys]
    except LedgerDamageError as error:
        return None, [f"The checkpoint at {sealed} cannot be read: {error}"]
    known = {told[0] for told in named if told}
    if found.key not in known or not is_signed(found.key, found.signature, found.signed):
        return found, [f"The checkpoint at {sealed} is not signed by a key that the chain names."]
    if (found.sequence, found.hash) != (sealed - 1, previous):
        return found, [f"The checkpoint at {sealed} signs another chain."]
    return found, []
