"""FHIR R4 and CDS Hooks 2.0 over HTTP: each call becomes a request, scored and recorded as any.

What is recorded is the request made of the resources, which holds no name and no more of them
than was read; so it is replayed as any other.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from respredict.audit.notes import LONGEST, record_note
from respredict.errors import NoRecordError, RequestError
from respredict.interop.capability import capability_statement, operation_definition
from respredict.interop.cards import answer_card, problem_card
from respredict.interop.evaluation import Evaluation, read_evaluation
from respredict.interop.hooks import (
    SERVICES,
    NotPrefetchedError,
    discovery,
    read_call,
    read_feedback,
)
from respredict.interop.risk_assessment import risk_assessment
from respredict.schema.request import read_request
from serving.deciding import Asked
from serving.problems import FHIR, RefusedError
from serving.reads import actor_of

__all__ = ["called", "capability", "definition", "discovered", "evaluated", "fed_back"]

_MEND = "Mend each entry and send it again."


async def capability(_: Request) -> Response:
    """Answer ``GET /fhir/metadata``."""
    return JSONResponse(capability_statement(), media_type=FHIR)


async def definition(_: Request) -> Response:
    """Answer ``GET /fhir/OperationDefinition/RiskAssessment-evaluate``."""
    return JSONResponse(operation_definition(), media_type=FHIR)


async def evaluated(request: Request) -> Response:
    """Answer ``POST /fhir/RiskAssessment/$evaluate``: one man's newest Observations, scored."""
    try:
        evaluation = read_evaluation(request.scope["respredict.json"], today=_today())
    except RequestError as error:
        raise _refusal(error) from error
    told = _assessment(await _decided(request, evaluation), evaluation)
    return JSONResponse(told, media_type=FHIR)


async def discovered(_: Request) -> Response:
    """Answer ``GET /cds-services``."""
    return JSONResponse(discovery())


async def called(request: Request) -> Response:
    """Answer ``POST /cds-services/{id}``: a card with the score, or with what keeps it away."""
    try:
        call = read_call(_service(request), request.scope["respredict.json"], today=_today())
    except RequestError as error:
        raise _refusal(error) from error
    except NotPrefetchedError as error:
        detail = "Send what the prefetch templates of GET /cds-services ask for."
        raise RefusedError("not-prefetched", detail) from error
    cards: list[dict[str, Any]] = []
    if call.evaluation is not None:
        answer = await _decided(request, call.evaluation)
        assessment = _assessment(answer, call.evaluation)
        cards = [answer_card(answer, call.evaluation, assessment)]
    elif call.problems:
        cards = [problem_card(call.problems)]
    return JSONResponse({"cards": cards})


async def fed_back(request: Request) -> Response:
    """Answer ``POST /cds-services/{id}/feedback``: kept as notes on the decisions."""
    _service(request)
    try:
        feedback = read_feedback(request.scope["respredict.json"])
    except RequestError as error:
        raise _refusal(error) from error
    await asyncio.to_thread(_note, request, feedback)
    return JSONResponse({})


def _note(request: Request, feedback: list[tuple[str, str]]) -> None:
    """Note what was done with cards that were decisions; a card that only advised was none."""
    service = request.app.state.service
    for card, words in feedback:
        try:
            record = service.reader.get(uuid.UUID(card))
        except NoRecordError:
            continue
        if record.kind == "decision" and not record.erased:
            said = " ".join(f"The card was {words}".split())[:LONGEST]
            text = "".join(c for c in said if c.isprintable())
            record_note(service.home, about=record.sequence, text=text, actor=actor_of(request))


def _service(request: Request) -> str:
    name = str(request.scope["respredict.named"]["id"])
    if name not in SERVICES:
        raise RefusedError("not-found", "See GET /cds-services for what there is.")
    return name


async def _decided(request: Request, evaluation: Evaluation) -> dict[str, Any]:
    """Score the man and record it, as ``POST /v1/score`` does."""
    service, scope = request.app.state.service, request.scope
    body = json.dumps(evaluation.body, ensure_ascii=False).encode()
    asked = Asked(
        scope["respredict.identity"].id, body, scope["respredict.idempotency_key"],
        promised=scope["respredict.body"],
    )  # fmt: skip
    man = read_request(evaluation.body)
    answer: dict[str, Any] = json.loads(await service.decider.decide(service.scorer, man, asked))
    return answer


def _assessment(answer: dict[str, Any], evaluation: Evaluation) -> dict[str, Any]:
    # Its UUIDv7 says when: a repeated request gets the same answer.
    milliseconds = uuid.UUID(answer["decision_id"]).int >> 80
    decided = datetime.datetime.fromtimestamp(milliseconds / 1e3, tz=datetime.UTC)
    return risk_assessment(answer, evaluation, now=decided)


def _refusal(error: RequestError) -> RefusedError:
    formless = any(getattr(problem, "code", "") == "structure" for problem in error.problems)
    return RefusedError("not-of-form" if formless else "invalid-request", _MEND, error.problems)


def _today() -> datetime.date:
    return datetime.datetime.now(tz=datetime.UTC).date()
