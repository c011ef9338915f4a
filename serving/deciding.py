"""Deciding: score a man and record the answer; it leaves only once its record is durable.

The record holds the exact bytes of the request and of the answer without its last member,
``ledger``, which says where the record stands. A batch is one record a man and one commit.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from respredict.audit.decisions import day_of, decision_entry
from respredict.errors import LedgerConflictError, Problem
from respredict.ledger.entry import Entry, Idempotency, Receipt
from respredict.ledger.reading import Reader
from respredict.ledger.record import new_id
from respredict.ledger.remote import RemoteLedger
from respredict.schema.request import Request, read_request
from respredict.scoring import Scorer, Told
from serving.answering import rule_of
from serving.metrics import BATCH, decided, refused

__all__ = ["Asked", "Decider", "warm_up"]

#: A batch is scored for so long before other requests get their turn.
_TURN_SECONDS = 0.01
_WARM_UP = 40
#: One of each kind: everything measured, a censored value, next to nothing known.
_MEN: tuple[dict[str, Any], ...] = (
    {
        "age": 34,
        "bmi": 28.7,
        "testosterone": {"value": 270.6, "unit": "ng/dL"},
        "estradiol": {"value": 38, "unit": "pg/mL"},
        "lh": {"value": 3.4, "unit": "[IU]/L"},
        "fsh": {"value": 4.8, "unit": "[IU]/L"},
        "sperm_concentration": {"value": 7.8, "unit": "10*6/mL"},
    },
    {
        "age": 41,
        "testosterone": {"value": 11.2, "unit": "nmol/L"},
        "estradiol": {"value": 20, "unit": "pg/mL", "comparator": "<"},
        "lh": {"value": 6.1, "unit": "mIU/mL"},
    },
    {"age": 29},
)


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, and with which bytes.

    Parameters
    ----------
    actor : str
        Of the ledger: the id of the key.
    body : bytes
        The whole request as it came.
    key : str or None, default=None
        The Idempotency-Key.
    promised : bytes or None, default=None
        What the key stands for, where the request was made of it; the body if None.
    """

    actor: str
    body: bytes
    key: str | None = None
    promised: bytes | None = None

    def idempotency(self) -> Idempotency | None:
        """Return the promise that a repeated request is the same one, if it was made."""
        promised = self.body if self.promised is None else self.promised
        return None if self.key is None else Idempotency(self.key, promised)


class Decider:
    """Scores and records; belongs to one event loop.

    Parameters
    ----------
    ledger : RemoteLedger
        Open for appending.
    reader : Reader
        Of the same ledger.

    Attributes
    ----------
    asked : int
        Requests so far, those under way among them.
    """

    def __init__(self, ledger: RemoteLedger, reader: Reader) -> None:
        self._ledger, self._reader = ledger, reader
        self.asked = 0

    async def decide(self, scorer: Scorer, man: Request, asked: Asked) -> bytes:
        """Answer one man.

        Parameters
        ----------
        scorer : Scorer
            Of the model that answers.
        man : Request
            Checked.
        asked : Asked
            The bytes he came in.

        Returns
        -------
        bytes
            JSON. A repeated request gets the bytes of the first answer.

        Raises
        ------
        LedgerError
            If the answer could not be recorded.
        LedgerConflictError
            If the Idempotency-Key stands for another request.
        """
        start = time.monotonic()
        self.asked += 1
        entry, told = _decision(scorer, man, asked.actor, asked.body)
        receipt = await self._ledger.append(entry, asked.idempotency())
        if receipt.repeated:
            (body,) = await asyncio.to_thread(self._recorded, [receipt])
        else:
            body = _joined(told)
            decided(told.status, time.monotonic() - start)
        return _with_receipt(body, receipt)

    async def decide_many(
        self,
        scorer: Scorer,
        men: Sequence[tuple[Request | tuple[Problem, ...], bytes]],
        asked: Asked,
    ) -> bytes:
        """Answer many men, each as he would be alone, recorded in one commit or not at all.

        Parameters
        ----------
        scorer : Scorer
            Of the model that answers.
        men : sequence of (Request or tuple of Problem, bytes)
            Each checked, or what is wrong with him; and the bytes he came in.
        asked : Asked
            The whole batch.

        Returns
        -------
        bytes
            A JSON array, in order; a man who is refused stands in his place.

        Raises
        ------
        LedgerError
            As for :meth:`decide`.
        LedgerConflictError
            As for :meth:`decide`.
        """
        start = turn = time.monotonic()
        self.asked += 1
        rows: list[bytes] = []
        entries: list[Entry] = []
        scored: list[tuple[int, Told]] = []
        for row, (man, body) in enumerate(men):
            if isinstance(man, Request):
                entry, told = _decision(scorer, man, asked.actor, body)
                entries.append(entry)
                scored.append((row, told))
                rows.append(b"")
            else:
                rows.append(_refused(row, man))
                for rule in {rule_of(problem) for problem in man}:
                    refused(BATCH, rule)
            if time.monotonic() - turn > _TURN_SECONDS:
                await asyncio.sleep(0)
                turn = time.monotonic()
        if entries:
            receipts = await self._ledger.append_many(entries, asked.idempotency())
            if receipts[0].repeated:
                bodies = await asyncio.to_thread(self._recorded, receipts)
            else:
                bodies = [_joined(told) for _, told in scored]
            for (row, told), body, receipt in zip(scored, bodies, receipts, strict=True):
                rows[row] = _with_receipt(body, receipt)
                if not receipt.repeated:
                    decided(told.status, time.monotonic() - start)
        return b"[%b]" % b", ".join(rows)

    def _recorded(self, receipts: Sequence[Receipt]) -> list[bytes]:
        """Return the answers that were given before."""
        found = []
        for receipt in receipts:
            payload = self._reader.get(receipt.sequence).payload
            if payload is None:  # erased since the writer found it
                msg = "a repeated answer must be on record, got an erased one. Send a new key."
                raise LedgerConflictError(msg)
            found.append(payload.answer)
        return found


def warm_up(scorer: Scorer) -> None:
    """Score men of each kind, as requests are scored, and record none.

    Parameters
    ----------
    scorer : Scorer
        Before it serves.
    """
    for man in _MEN * _WARM_UP:
        body = json.dumps(man).encode()
        _joined(_decision(scorer, read_request(json.loads(body)), "warm-up", body)[1])


def _decision(scorer: Scorer, man: Request, actor: str, body: bytes) -> tuple[Entry, Told]:
    decision = new_id()
    told = scorer.told(man, decision_id=str(decision), today=day_of(decision))
    entry = decision_entry(
        scorer, decision=decision, actor=actor, asked=body, status=told.status,
        risk=told.risk, pseudonym=man.reference or "", pieces=told.pieces,
    )  # fmt: skip
    return entry, told


def _joined(told: Told) -> bytes:
    """Return the bytes of an answer, the static texts of every man among them."""
    return b"".join([p if isinstance(p, bytes) else p.content for p in told.pieces])


def _with_receipt(told: bytes, receipt: Receipt) -> bytes:
    """Add to the recorded bytes, as their last member, where they are recorded."""
    at = b'"sequence": %d, "hash": "%b"' % (receipt.sequence, receipt.hash.encode())
    return b'%b, "ledger": {%b}}' % (told[:-1], at)


def _refused(row: int, problems: tuple[Problem, ...]) -> bytes:
    told = {"status": "refused", "row": row, "errors": [p.as_dict() for p in problems]}
    return json.dumps(told, ensure_ascii=False).encode()
