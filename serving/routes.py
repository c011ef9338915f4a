"""Every address that is not a score's and not BentoML's: plain routes of Starlette.

The edge has let the request in; who asks, what stands in the braces, query and body are
read from the scope. Nothing slow is done on the event loop.
"""

from __future__ import annotations

import asyncio

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from respredict.errors import (
    BundleError,
    InputError,
    LedgerConflictError,
    LedgerDamageError,
    LedgerError,
    NoRecordError,
    RegistryError,
    RespredictError,
)
from serving import decisions, interop, metrics, outcomes
from serving.answering import rule_of
from serving.openapi import document_bytes
from serving.pages import page_routes, wants_page
from serving.pages.refusals import refusal_page
from serving.problems import RefusedError, refusal_body

__all__ = ["plain"]


async def _model(request: Request) -> Response:
    """Answer ``GET /v1/model``: what is served, and what it was made of."""
    return JSONResponse(request.app.state.service.scorer.model_card())


async def _openapi(_: Request) -> Response:
    return Response(document_bytes(), media_type="application/json")


async def _sign_in(request: Request) -> Response:
    """Use a link up and begin its session; the cookie is all that stays."""
    scope = request.scope
    token = scope["respredict.named"]["token"]
    cookie = await asyncio.to_thread(scope["respredict.door"].redeem, scope, token)
    return RedirectResponse("/", 303, {"set-cookie": cookie})


async def _sign_out(request: Request) -> Response:
    scope = request.scope
    cookie = await asyncio.to_thread(scope["respredict.door"].leave, scope)
    return RedirectResponse("/", 303, {"set-cookie": cookie})


async def _refuse(request: Request, error: Exception) -> Response:
    """Answer any error that is raised on purpose with its problem body."""
    refusal = error if isinstance(error, RefusedError) else _refusal(error)
    for rule in {rule_of(problem) for problem in refusal.errors} or {refusal.reason}:
        metrics.refused(refusal.code, rule)
    if wants_page(dict(request.scope["headers"])):
        return refusal_page(refusal, request.scope["respredict.request_id"])
    status, media_type, body = refusal_body(
        refusal, request.scope["path"], request_id=request.scope["respredict.request_id"]
    )
    headers = {name.decode(): value.decode() for name, value in refusal.headers}
    return Response(body, status, headers, media_type)


def _refusal(error: Exception) -> RefusedError:
    told = str(error)
    if "." not in told.split(" ", 1)[0]:  # the name of a file stays as it is
        told = f"{told[:1].upper()}{told[1:]}"
    if isinstance(error, NoRecordError):
        return RefusedError("no-record", told)
    if isinstance(error, InputError):
        return RefusedError("invalid-request", "Mend each entry of errors.", error.problems)
    if isinstance(error, LedgerError):
        return RefusedError("ledger-unavailable", told, reason=error.reason)
    if isinstance(error, LedgerConflictError):
        return RefusedError("idempotency-conflict", told)
    if isinstance(error, LedgerDamageError):
        return RefusedError("ledger-unavailable", told, reason="damaged")
    if isinstance(error, BundleError | RegistryError):
        return RefusedError("no-model", told)
    return RefusedError("internal", "Try again; tell the operator the request id if it stays.")


_READ, _BOTH = ["GET"], ["GET", "POST"]

#: The service stands in ``plain.state.service`` once it is made.
plain = Starlette(
    routes=[
        Route("/v1/model", _model, methods=_READ),
        Route("/v1/decisions", decisions.listed, methods=_READ),
        Route("/v1/decisions/{id}", decisions.shown, methods=_READ),
        Route("/v1/decisions/{id}/replay", decisions.replayed, methods=_BOTH),
        Route("/v1/decisions/{id}/notes", decisions.noted, methods=["POST"]),
        Route("/v1/outcomes", outcomes.told, methods=["POST"]),
        Route("/v1/audit/verify", decisions.verified, methods=_BOTH),
        Route("/fhir/metadata", interop.capability, methods=_READ),
        Route(
            "/fhir/OperationDefinition/RiskAssessment-evaluate", interop.definition, methods=_READ
        ),
        Route("/fhir/RiskAssessment/$evaluate", interop.evaluated, methods=["POST"]),
        Route("/cds-services", interop.discovered, methods=_READ),
        Route("/cds-services/{id}", interop.called, methods=["POST"]),
        Route("/cds-services/{id}/feedback", interop.fed_back, methods=["POST"]),
        Route("/openapi.json", _openapi, methods=_READ),
        Route("/sign-in/{token}", _sign_in, methods=_READ),
        Route("/sign-out", _sign_out, methods=["POST"]),
        *page_routes(),
    ],
    exception_handlers={RefusedError: _refuse, RespredictError: _refuse},
)
