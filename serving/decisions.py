"""What auditors ask over HTTP: list, show, replay and annotate decisions, verify the ledger.

What a record says of a man is shown only once the reading of it is recorded; if that
cannot be recorded, nothing is shown. All of it runs in threads.
"""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from respredict.audit.notes import LONGEST, notes_about, record_note
from respredict.audit.replaying import replay
from respredict.audit.selecting import one
from respredict.audit.verifying import as_told
from respredict.errors import NoRecordError, Problem
from respredict.ledger.record import Record
from respredict.ledger.verify import verify
from serving.filters import read_query
from serving.problems import RefusedError
from serving.reads import actor_of, note_read, note_reads

__all__ = ["listed", "noted", "replayed", "shown", "verified"]

#: Work of seconds is done once at a time in a worker.
_verifying, _replaying = threading.Lock(), threading.Lock()


async def listed(request: Request) -> Response:
    """Answer ``GET /v1/decisions``: a page of records, the newest first."""
    return JSONResponse(await asyncio.to_thread(_listed, request))


async def shown(request: Request) -> Response:
    """Answer ``GET /v1/decisions/{id}``: one record, word for word."""
    return Response(await asyncio.to_thread(_shown, request), media_type="application/json")


async def replayed(request: Request) -> Response:
    """Answer ``/v1/decisions/{id}/replay``: the decision rescored by the model that gave it."""
    return JSONResponse(await asyncio.to_thread(_alone, _replaying, _replayed, request))


async def noted(request: Request) -> Response:
    """Answer ``POST /v1/decisions/{id}/notes``: what somebody says of a decision."""
    text = _text(request.scope["respredict.json"])
    return JSONResponse(await asyncio.to_thread(_noted, request, text), 201)


async def verified(request: Request) -> Response:
    """Answer ``/v1/audit/verify``: the whole ledger read again."""
    return JSONResponse(await asyncio.to_thread(_alone, _verifying, _verified, request))


def _alone(lock: threading.Lock, work: Any, request: Request) -> Any:
    if not lock.acquire(blocking=False):
        detail = "Wait until it is done, then ask again."
        raise RefusedError("busy", detail, headers=((b"retry-after", b"2"),))
    try:
        return work(request)
    finally:
        lock.release()


def _listed(request: Request) -> dict[str, Any]:
    asked = read_query(request.scope["respredict.query"])
    page = request.app.state.service.reader.find(
        asked.asked, after=asked.before, limit=asked.limit, newest_first=True
    )
    told = [record.sequence for record in page.records]
    note_reads(request, told, "GET /v1/decisions", pseudonym=asked.asked.pseudonym or "")
    return {"records": [_head(record) for record in page.records], "before": page.after}


def _found(request: Request, *, kind: str | None = None) -> Record:
    which = one(request.scope["respredict.named"]["id"], where="id")
    record: Record = request.app.state.service.reader.get(which)
    if kind is not None and record.kind != kind:
        rule = f"the record must be of a {kind}, got {record.kind} in {record.sequence}"
        msg = f"{rule}. GET /v1/decisions lists them."
        raise NoRecordError(msg)
    return record


def _shown(request: Request) -> bytes:
    record, service = _found(request), request.app.state.service
    note_read(request, record, "GET /v1/decisions/{id}")
    head = {
        **_head(record),
        "commitment": record.commitment.hex(),
        "previous": record.previous.hex(),
        "notes": [note.as_dict() for note in notes_about(service.reader, record.sequence)],
    }
    asked, answered = b"null", b"null"
    if record.payload is not None:
        asked, answered = _verbatim(record.payload.request), _verbatim(record.payload.answer)
    told = json.dumps(head, ensure_ascii=False).encode()
    return b'%b, "request": %b, "answer": %b}' % (told[:-1], asked, answered)


def _verbatim(recorded: bytes) -> bytes:
    """Return bytes that are JSON as they are, and others as a JSON text."""
    text = recorded.decode(errors="replace")
    try:
        json.loads(text)
    except ValueError:
        return json.dumps(text or None, ensure_ascii=False).encode()
    return recorded


def _replayed(request: Request) -> dict[str, Any]:
    record, service = _found(request, kind="decision"), request.app.state.service
    return replay(service.home, [record], actor=actor_of(request))[0].as_dict()


def _noted(request: Request, text: str) -> dict[str, Any]:
    record, service = _found(request, kind="decision"), request.app.state.service
    if record.erased:
        msg = f"a note must be on what a record says, got an erased one {record.sequence}."
        raise NoRecordError(msg)
    receipt = record_note(service.home, about=record.sequence, text=text, actor=actor_of(request))
    return {"sequence": receipt.sequence, "hash": receipt.hash, "about": record.sequence}


def _text(body: Any) -> str:
    text = body.get("text") if isinstance(body, dict) and set(body) == {"text"} else None
    if not _is_plain(text):
        rule = f"be 1 to {LONGEST:,} printable characters, and all there is"
        problem = Problem("text", rule, "something else", 'Send {"text": "I disagree, because"}')
        raise RefusedError("invalid-request", "Mend each entry of errors.", (problem,))
    return str(text)


def _is_plain(text: Any) -> bool:
    if not isinstance(text, str) or not text.strip() or len(text) > LONGEST:
        return False
    return all(c.isprintable() or c in "\n\t" for c in text)


def _verified(request: Request) -> dict[str, Any]:
    home = request.app.state.service.home
    return as_told(home, verify(home, apart=True))


def _head(record: Record) -> dict[str, Any]:
    return {
        "sequence": record.sequence,
        "id": str(record.id),
        "time": record.time.isoformat(),
        "kind": record.kind,
        "actor": record.actor,
        "model": record.model or None,
        "about": record.about or None,
        "status": record.status or None,
        "risk": record.risk,
        "pseudonym": record.pseudonym or None,
        "erased": record.erased,
        "hash": record.hash.hex(),
    }
