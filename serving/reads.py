"""The record that an auditor reads, made by the writer of this process before he is shown."""

from __future__ import annotations

import json
from collections.abc import Sequence

from starlette.requests import Request

from respredict.ledger.entry import Entry
from respredict.ledger.record import Record

__all__ = ["actor_of", "note_read", "note_reads"]

_ABOUT_MEN = ("decision", "batch", "outcome", "amendment")


def actor_of(request: Request) -> str:
    """Return who asks, as the ledger names him.

    Parameters
    ----------
    request : Request
        Let in by the edge.

    Returns
    -------
    str
        Id of the key.
    """
    return str(request.scope["respredict.identity"].id)


def note_read(request: Request, record: Record, how: str) -> None:
    """Record that what is said of a man is read.

    Parameters
    ----------
    request : Request
        Says who asks.
    record : Record
        With its payload; nothing is recorded of one that was erased or is about no man.
    how : str
        By which page or address.

    Raises
    ------
    LedgerError
        If it cannot be recorded; nothing may be shown then.
    """
    if record.kind in _ABOUT_MEN and not record.erased:
        _append(request, Entry(
            kind="read", actor=actor_of(request), about=record.sequence,
            answer=json.dumps({"read": how}).encode(),
        ))  # fmt: skip


def note_reads(
    request: Request, sequences: Sequence[int], how: str, *, pseudonym: str = ""
) -> None:
    """Record as one record that many men's are read.

    Parameters
    ----------
    request : Request
        Says who asks.
    sequences : sequence of int
        Of which records; nothing is recorded of none.
    how : str
        By which page or address.
    pseudonym : str, default=""
        Whose, if one man's were asked for; an erasure of him takes the record along.

    Raises
    ------
    LedgerError
        If it cannot be recorded; nothing may be shown then.
    """
    if sequences:
        told = {"read": how, "records": list(sequences)}
        _append(request, Entry(
            kind="read", actor=actor_of(request), answer=json.dumps(told).encode(),
            pseudonym=pseudonym,
        ))  # fmt: skip


def _append(request: Request, entry: Entry) -> None:
    request.app.state.service.ledger.append_now(entry)
