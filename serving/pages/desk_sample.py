"""Decisions read for a view of many: those that can be read, and who can be scored again."""

from __future__ import annotations

import json
from collections.abc import Sequence

from respredict.errors import LedgerDamageError, RequestError
from respredict.ledger.reading import Reader
from respredict.ledger.record import Record
from respredict.schema.request import Request, read_request

__all__ = ["men_of", "records_of"]


def records_of(reader: Reader, sequences: Sequence[int]) -> list[Record]:
    """Return decisions with payloads, without those that cannot be read.

    Parameters
    ----------
    reader : Reader
        Of the ledger.
    sequences : sequence of int
        Of which decisions.

    Returns
    -------
    list of Record
        In order.
    """
    found = []
    for sequence in sequences:
        try:
            found.append(reader.get(sequence))
        except LedgerDamageError:
            continue  # which verifying tells
    return found


def men_of(records: Sequence[Record]) -> list[tuple[Record, Request]]:
    """Return who can still be scored, as he was sent.

    Parameters
    ----------
    records : sequence of Record
        Decisions with payloads.

    Returns
    -------
    list of (Record, Request)
        Each with his request, checked anew.
    """
    men = []
    for record in records:
        try:
            if record.payload is not None:
                men.append((record, read_request(json.loads(record.payload.request))))
        except (RequestError, ValueError):
            continue  # a replay says why
    return men
