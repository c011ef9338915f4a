"""The BentoML service: a valid request in, the served, explained and recorded score out.

An answer leaves only after its record is durable. The record holds the exact bytes of
the request and of the answer without its last member, ``ledger``, which says where the
record stands. If nothing can be written there is no answer, and the caller is told why.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import logging
import uuid
from typing import Any

import bentoml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from respredict import guidance
from respredict.bundle import champion
from respredict.config import home
from respredict.errors import LedgerConflictError, LedgerError, RespredictError
from respredict.ledger.entry import Entry, Idempotency, Receipt, Text, fold
from respredict.ledger.reading import Reader
from respredict.ledger.record import new_id
from respredict.ledger.writer import Ledger, open_ledger
from respredict.schema.request import Request as Man
from respredict.scoring import Scorer, load_scorer
from serving.edge import Edge
from serving.problems import MEDIA_TYPE, problem_body

__all__ = ["ResponseService"]

_POLL_SECONDS = 0.5
#: How long an answer waits for its record; less than the timeout of the service.
_RECORD_SECONDS = 2.5
_ACTOR = "local"
_LOG = logging.getLogger("respredict.service")


async def _model(request: Request) -> Response:
    """Answer ``GET /v1/model``: what is served, and what it was made of."""
    return JSONResponse(request.app.state.service.scorer.model_card())


_plain = Starlette(routes=[Route("/v1/model", _model, methods=["GET"])])


@bentoml.service(
    name="respredict",
    workers=1,
    traffic={"timeout": 3},
    http={"cors": {"enabled": False}},
)
@bentoml.asgi_app(_plain, path="/")
class ResponseService:
    """Serves the champion, follows it when another is promoted, records every answer."""

    def __init__(self) -> None:
        self.scorer: Scorer = load_scorer(home())
        self._texts = _static_texts(self.scorer)
        self._served = champion(home())
        _plain.state.service = self

    @bentoml.on_startup
    async def start(self) -> None:
        """Open the ledger, and start to watch ``champion.json``."""
        self.ledger, self._reader = _open_ledger()
        self._following = asyncio.create_task(self._follow())

    @bentoml.on_shutdown
    async def stop(self) -> None:
        """Stop watching, and record what still waits."""
        self._following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._following
        await asyncio.to_thread(self.ledger.close)
        self._reader.close()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            try:
                named = champion(home())
                if named != self._served:
                    scorer = await asyncio.to_thread(load_scorer, home())
                    self.scorer, self._texts = scorer, _static_texts(scorer)
                    self._served = named
                    _LOG.info("now serving %s", named["digest"])
            except (RespredictError, OSError, ValueError) as error:
                # The model in service stays; the next look tries again.
                _LOG.warning("champion not reloaded: %s", error)

    @bentoml.api(route="/v1/score")
    async def score(self, ctx: bentoml.Context) -> dict[str, Any]:
        """Score one man: probability, explanation, what it was compared with."""
        scope = ctx.request.scope
        try:
            body = await self._decide(
                scope["respredict.request"],
                scope["respredict.body"],
                scope["respredict.idempotency_key"],
            )
        except (LedgerError, LedgerConflictError) as error:
            status, told = _refusal(error, scope["respredict.request_id"])
            # BentoML takes the status from here, not from the response.
            ctx.response.status_code = status
            return Response(told, media_type=MEDIA_TYPE)  # type: ignore[return-value]
        return Response(body, media_type="application/json")  # type: ignore[return-value]

    async def _decide(self, man: Man, asked: bytes, key: str | None) -> bytes:
        """Return the answer's bytes, once they are recorded."""
        decision = new_id()
        answer = self.scorer.score(man, today=_day(decision))
        told = json.dumps(
            {"decision_id": str(decision), **answer}, ensure_ascii=False, allow_nan=False
        ).encode()
        entry = Entry(
            kind="decision",
            actor=_ACTOR,
            model=self.scorer.bundle.digest,
            request=asked,
            answer=fold(told, self._texts),
            id=decision,
            pseudonym=man.reference or "",
            risk=answer.get("improvement", {}).get("probability"),
            status=answer["status"],
        )
        receipt = await self._record(entry, None if key is None else Idempotency(key, asked))
        if receipt.repeated:
            former = await asyncio.to_thread(self._reader.get, receipt.sequence)
            if former.payload is None:  # erased since the writer found it
                msg = "a repeated answer must be on record, got an erased one. Send a new key."
                raise LedgerConflictError(msg)
            told = former.payload.answer
        return _with_receipt(told, receipt)

    async def _record(self, entry: Entry, idempotency: Idempotency | None) -> Receipt:
        """Wait until an entry is durable, but no longer than a caller would."""
        try:
            async with asyncio.timeout(_RECORD_SECONDS):
                return await asyncio.wrap_future(self.ledger.append(entry, idempotency))
        except TimeoutError as error:
            msg = f"the ledger must answer in {_RECORD_SECONDS} s, got no answer. Try again."
            raise LedgerError(msg, "locked") from error


def _open_ledger() -> tuple[Ledger, Reader]:
    """Open the ledger to read and to append; refuse to serve without one."""
    try:
        reader = Reader(home())
        return open_ledger(home()), reader
    except LedgerError as error:
        msg = f"{error} Start the service with `respredict serve`, which creates the ledger."
        raise LedgerError(msg, error.reason) from error


def _day(decision: uuid.UUID) -> datetime.date:
    """Return the UTC date of a decision, which its UUIDv7 carries: a replay finds it there."""
    return datetime.datetime.fromtimestamp((decision.int >> 80) / 1000, tz=datetime.UTC).date()


def _with_receipt(told: bytes, receipt: Receipt) -> bytes:
    """Add to the recorded bytes, as their last member, where they are recorded."""
    ledger = {"sequence": receipt.sequence, "hash": receipt.hash}
    return b'%b, "ledger": %b}' % (told[:-1], json.dumps(ledger).encode())


def _refusal(error: LedgerError | LedgerConflictError, request_id: str) -> tuple[int, bytes]:
    code, reason = "idempotency-conflict", ""
    if isinstance(error, LedgerError):
        code, reason = "ledger-unavailable", error.reason
    return problem_body(code, str(error), request_id=request_id, reason=reason)


def _static_texts(scorer: Scorer) -> tuple[Text, ...]:
    """Return what an answer says of every man alike; a record quotes it by its digest.

    Nothing of a man is in it: it is what one reads of whom only the age is known.
    """
    nobody, card = Man(age=40.0), scorer.model_card()
    rows: list[dict[str, Any]] = [
        {"monitoring": guidance.monitoring(nobody), "safety": guidance.safety(nobody)},
        {"definition": card["outcome"]["definition"]},
        *({k: row[k] for k in ("observed", "source")}
          for row in guidance.published_groups(nobody, None, None)),
        *({k: row[k] for k in ("evidence", "source")}
          for row in guidance.candidate_criteria(nobody, None, None)),
    ]  # fmt: skip
    told = [json.dumps(row, ensure_ascii=False)[1:-1].encode() for row in rows]
    notices = guidance.notices(nobody, demonstration=card["use"] == "demonstration")
    told.append(json.dumps(notices, ensure_ascii=False)[1:-1].encode())
    return tuple(map(Text.of, told))


ResponseService.add_asgi_middleware(Edge)  # type: ignore[attr-defined]
