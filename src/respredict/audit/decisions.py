"""A score as a decision of the ledger: what a service and a command record alike."""

from __future__ import annotations

import datetime
import json
import uuid
from pathlib import Path
from typing import Any

from respredict.audit.environment import environment_text
from respredict.ledger.chain import seal
from respredict.ledger.creation import create_ledger, writing
from respredict.ledger.entry import Entry, Text
from respredict.ledger.record import new_id
from respredict.schema.request import Request
from respredict.scoring import Scorer

__all__ = ["day_of", "decision_entry", "record_decision"]


def day_of(decision: uuid.UUID) -> datetime.date:
    """Return the UTC date of a decision, which its UUIDv7 carries: a replay finds it there.

    Parameters
    ----------
    decision : uuid.UUID
        Version 7.

    Returns
    -------
    date
        Against which samples are old or not.

    Examples
    --------
    >>> day_of(uuid.UUID("01977420-dc80-7b3a-8f00-000000000001")).isoformat()
    '2025-06-15'
    """
    return datetime.datetime.fromtimestamp((decision.int >> 80) / 1000, tz=datetime.UTC).date()


def decision_entry(
    scorer: Scorer,
    *,
    decision: uuid.UUID,
    actor: str,
    asked: bytes,
    status: str,
    risk: float | None,
    pseudonym: str,
    pieces: tuple[bytes | Text, ...],
) -> Entry:
    """Return what is recorded of one answer.

    Parameters
    ----------
    scorer : Scorer
        Of the model that answered.
    decision : uuid.UUID
        Its name, which the answer carries.
    actor : str
        Who asked: the id of a key, or a user.
    asked : bytes
        The exact bytes of the request.
    status : str
        Served status.
    risk : float or None
        Served probability.
    pseudonym : str
        The caller's own, or empty.
    pieces : tuple of bytes and Text
        The exact bytes of the answer without its ``ledger`` member.

    Returns
    -------
    Entry
        With the packages and the platform that computed it.
    """
    return Entry(
        kind="decision",
        actor=actor,
        model=scorer.bundle.digest,
        request=asked,
        answer=pieces,
        id=decision,
        pseudonym=pseudonym,
        risk=risk,
        status=status,
        environment=environment_text(),
    )


def record_decision(
    home: Path, scorer: Scorer, asked: bytes, request: Request, *, actor: str
) -> dict[str, Any]:
    """Score one man and record the answer; without a record there is no answer.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``; its ledger is made if there is none.
    scorer : Scorer
        Of the champion.
    asked : bytes
        The exact bytes of the request.
    request : Request
        What they say, checked.
    actor : str
        Who asks.

    Returns
    -------
    dict
        The answer, with ``decision_id`` and ``ledger``.

    Raises
    ------
    LedgerError
        If it cannot be recorded.
    ExplanationError
        If the contributions miss the probability.
    """
    decision = new_id()
    told = scorer.told(request, decision_id=str(decision), today=day_of(decision))
    entry = decision_entry(
        scorer, decision=decision, actor=actor, asked=asked, status=told.status, risk=told.risk,
        pseudonym=request.reference or "", pieces=told.pieces,
    )  # fmt: skip
    create_ledger(home)
    with writing(home) as appending:
        receipt = appending.add(seal(entry))
    answer: dict[str, Any] = json.loads(told.body())
    return {**answer, "ledger": {"sequence": receipt.sequence, "hash": receipt.hash}}
