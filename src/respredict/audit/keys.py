"""API keys in the ledger: who made, revoked or handed out which, and why."""

from __future__ import annotations

import json
from pathlib import Path

from respredict.errors import nearest
from respredict.ledger.chain import seal
from respredict.ledger.creation import create_ledger, writing
from respredict.ledger.entry import Entry, Receipt

__all__ = ["EVENTS", "record_key_event"]

#: What can happen to a key; a link signs somebody in once.
EVENTS = ("created", "revoked", "linked")


def record_key_event(
    home: Path, *, event: str, key_id: str, role: str, actor: str, reason: str = ""
) -> Receipt:
    """Record what was done with a key; nothing secret stands in it.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``; its ledger is made if there is none.
    event : str
        One of ``EVENTS``.
    key_id : str
        Id of the key, never the key; of a link, who signs in.
    role : str
        What it allows; several behind spaces.
    actor : str
        Who did it.
    reason : str, default=""
        Why; it is never erased.

    Returns
    -------
    Receipt
        Of the durable record.

    Raises
    ------
    ValueError
        If there is no such event.
    LedgerError
        If it cannot be recorded.
    """
    if event not in EVENTS:
        advice = nearest(event, EVENTS)
        msg = f"event must be one of {', '.join(EVENTS)}, got {event!r}. {advice}".rstrip()
        raise ValueError(msg)
    told = {"event": event, "key_id": key_id, "role": role, "reason": reason}
    entry = Entry(kind="key", actor=actor, answer=json.dumps(told, ensure_ascii=False).encode())
    create_ledger(home)
    with writing(home) as appending:
        return appending.add(seal(entry))
