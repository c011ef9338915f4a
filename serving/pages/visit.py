"""A clinician's visit: the empty form, the answer, and a note of who disagrees with it."""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from respredict.audit.notes import LONGEST, notes_about, record_note
from respredict.audit.selecting import one
from respredict.errors import InputError, Problem
from respredict.ledger.record import Record
from serving.deciding import Asked
from serving.pages.fields import sections
from serving.pages.form import Submitted, as_entered, read_form, read_posted
from serving.pages.layout import page
from serving.pages.result import figures
from serving.problems import RefusedError

__all__ = ["form", "note"]

_TOKEN = re.compile(r"[0-9a-f]{32}")
_NO_PROBLEMS: Mapping[str, list[Problem]] = {}


async def form(request: Request) -> Response:
    """Answer ``/``: the form, or the answer to it once it is recorded."""
    if "clinician" not in request.scope["respredict.identity"].roles:
        return _elsewhere(request)
    if request.method == "GET":
        return _form(request, {})
    posted = read_posted(request.scope["respredict.body"])
    asked = read_form(posted)
    if posted.get("action") == "edit":
        return _form(request, posted)
    if asked.request is None:
        return _form(request, posted, asked.problems, status=422)
    answer = json.loads(await _decided(request, posted, asked))
    return await asyncio.to_thread(_result, request, answer, asked.body)


async def note(request: Request) -> Response:
    """Answer ``POST /decisions/{id}/notes``: record why somebody disagrees, and show it."""
    posted = read_posted(request.scope["respredict.body"])
    return await asyncio.to_thread(_noted, request, posted.get("text", ""))


def _elsewhere(request: Request) -> Response:
    """Send who scores nobody to where his pages begin."""
    identity = request.scope["respredict.identity"]
    if request.method != "GET":
        detail = f"Sign in with the role clinician: this has {', '.join(sorted(identity.roles))}."
        raise RefusedError("forbidden", detail, reason="role")
    return RedirectResponse("/audit" if "auditor" in identity.roles else "/model", 303)


def _form(
    request: Request,
    entered: Mapping[str, str],
    problems: Mapping[str, list[Problem]] = _NO_PROBLEMS,
    *,
    status: int = 200,
) -> Response:
    return page(
        request,
        "form.html",
        status=status,
        here="/",
        sections=sections(request.app.state.service.scorer.inputs),
        entered=entered,
        problems=problems,
    )


async def _decided(request: Request, posted: Mapping[str, str], asked: Submitted) -> bytes:
    """Decide as for any caller; the same form sent twice is one decision."""
    service = request.app.state.service
    token = posted.get("token", "")
    if not _TOKEN.fullmatch(token):
        token = uuid.uuid4().hex
    # Of the values too: who goes back and changes one asks anew.
    key = f"form-{token}-{hashlib.sha256(asked.body).hexdigest()[:32]}"
    who = Asked(request.scope["respredict.identity"].id, asked.body, key)
    told: bytes = await service.decider.decide(service.scorer, asked.request, who)
    return told


def _result(
    request: Request,
    answer: dict[str, Any],
    asked: bytes,
    *,
    problem: Problem | None = None,
    text: str = "",
) -> Response:
    decision = uuid.UUID(answer["decision_id"])
    reader = request.app.state.service.reader
    return page(
        request,
        "result.html",
        status=200 if problem is None else 422,
        here="/",
        model=answer["model"],
        answer=answer,
        entered=as_entered(asked),
        decided=datetime.datetime.fromtimestamp((decision.int >> 80) / 1000, tz=datetime.UTC),
        notes=notes_about(reader, answer["ledger"]["sequence"]),
        problem=problem,
        text=text,
        longest=LONGEST,
        **figures(answer),
    )


def _noted(request: Request, text: str) -> Response:
    """Record a note on a decision of his own, once, and show both."""
    service, record = request.app.state.service, _own(request)
    assert record.payload is not None
    answer = json.loads(record.payload.answer)
    answer["ledger"] = {"sequence": record.sequence, "hash": record.hash.hex()}
    actor = request.scope["respredict.identity"].id
    known = notes_about(service.reader, record.sequence)
    problem = None
    if not any(told.text == text and told.actor == actor for told in known):
        try:
            record_note(service.home, about=record.sequence, text=text, actor=actor)
        except InputError as error:
            problem = error.problems[0]
    return _result(request, answer, record.payload.request, problem=problem, text=text)


def _own(request: Request) -> Record:
    """Return the decision that is meant, if it was given to who asks."""
    record: Record = request.app.state.service.reader.get(
        one(request.scope["respredict.named"]["id"])
    )
    actor = request.scope["respredict.identity"].id
    if record.kind != "decision" or record.actor != actor or record.payload is None:
        detail = "Name a decision that was given to you; an auditor sees the others."
        raise RefusedError("forbidden", detail, reason="decision")
    return record
