"""One decision at the desk: what it says, why, whether it holds; replayed, packed."""

from __future__ import annotations

import asyncio
import json
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from respredict.audit.environment import changes
from respredict.audit.notes import notes_about
from respredict.audit.places import place_of, sequence_of
from respredict.audit.replaying import Replayed, replay
from respredict.audit.selecting import one
from respredict.audit.sums import sum_error
from respredict.errors import LedgerDamageError, NoRecordError, Problem
from respredict.ledger.filtering import Filter
from respredict.ledger.pack import write_pack
from respredict.ledger.reading import Reader
from respredict.ledger.record import Record
from respredict.words.phrases import label
from serving.pages.desk import versions
from serving.pages.desk_words import difference_rows, record_rows
from serving.pages.form import read_posted
from serving.pages.layout import page
from serving.pages.result import figures
from serving.problems import RefusedError
from serving.reads import actor_of, note_read, note_reads

__all__ = ["packed", "packed_many", "replayed", "shown"]

_HOW = "page /audit/decisions/{id}"
_RELATED = 200
#: Rescoring takes a processor for a while; packing holds a file.
_replaying, _packing = threading.Lock(), threading.Lock()


async def shown(request: Request) -> Response:
    """Answer ``GET /audit/decisions/{id}``."""
    return await asyncio.to_thread(_shown, request)


async def replayed(request: Request) -> Response:
    """Answer ``POST /audit/decisions/{id}/replay``: the decision, rescored."""
    return await asyncio.to_thread(_alone, _replaying, _replayed, request)


async def packed(request: Request) -> Response:
    """Answer ``POST /audit/decisions/{id}/pack``: its evidence pack."""
    return await asyncio.to_thread(_alone, _packing, _packed, request)


async def packed_many(request: Request) -> Response:
    """Answer ``POST /audit/pack``: the evidence pack of the decisions that were chosen."""
    return await asyncio.to_thread(_alone, _packing, _packed_many, request)


def _alone(lock: threading.Lock, work: Any, request: Request) -> Response:
    if not lock.acquire(blocking=False):
        detail = "Wait until it is done, then ask again."
        raise RefusedError("busy", detail, headers=((b"retry-after", b"2"),))
    try:
        told: Response = work(request)
        return told
    finally:
        lock.release()


def _found(request: Request) -> tuple[Record, str]:
    """Return the record that is meant, and why its payload cannot be read, if so."""
    service = request.app.state.service
    sequence = sequence_of(service.home, one(request.scope["respredict.named"]["id"]))
    try:
        return service.reader.get(sequence), ""
    except LedgerDamageError as error:
        asked = Filter(first=sequence, last=sequence)
        return service.reader.find(asked, limit=1).records[0], str(error)


def _shown(request: Request, again: Replayed | None = None) -> Response:
    service = request.app.state.service
    record, damage = _found(request)
    answer, asked = {}, b""
    if record.payload is not None:
        asked = record.payload.request
        try:
            answer = _read(record)
        except LedgerDamageError as error:
            damage = str(error)
    if again is None:  # which is recorded as a reading of its own
        note_read(request, record, _HOW)
    told = _of_answer(answer) if record.kind == "decision" and answer and not damage else None
    rows, kinds = record_rows(_related(service.reader, record.sequence))
    return page(
        request,
        "desk_decision.html",
        here="/audit",
        record=record,
        last=service.reader.head()[0],
        damage=damage,
        answer=answer if told else {},
        asked=asked.decode(errors="replace"),
        answered=record.payload.answer.decode(errors="replace") if record.payload else "",
        drawn=told,
        place=place_of(service.home, record),
        versions=versions(service.reader),
        made_of=_made_of(service.home, record.model),
        environment=_environment(record),
        notes=notes_about(service.reader, record.sequence) if record.kind == "decision" else [],
        related=rows,
        related_kinds=kinds,
        again=again,
        differences=difference_rows(again),
        lacking=_lacking(answer) if told else [],
    )


def _read(record: Record) -> dict[str, Any]:
    assert record.payload is not None
    try:
        told = json.loads(record.payload.answer or b"{}")
    except ValueError as error:
        msg = f"the answer on record must be JSON, got {error}. Verify the ledger."
        raise LedgerDamageError(msg) from error
    return told if isinstance(told, dict) else {}


def _of_answer(answer: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what is drawn of an answer; None if it is not of the form that is served."""
    try:
        error = sum_error(answer) if "explanation" in answer else None
        return {**figures(answer), "sum_error": error}
    except (KeyError, TypeError, ValueError):
        return None


def _lacking(answer: Mapping[str, Any]) -> list[str]:
    """Return what was not sent, in words."""
    return [label(name) for name, told in answer["inputs"].items() if told["state"] == "unknown"]


def _made_of(home: Path, digest: str) -> dict[str, Any] | None:
    """Return what the model's own file says it was made of; None if it is not here."""
    file = home / "bundles" / digest.removeprefix("sha256:") / "meta.json"
    if not digest or not file.is_file():
        return None
    told = json.loads(file.read_bytes())
    return {"trained_on": told["trained_on"], "use": told["use"]}


def _environment(record: Record) -> dict[str, Any]:
    """Return what computed an answer, and what is not so any more."""
    text = record.payload.environment if record.payload else b""
    if not text:
        return {"recorded": {}, "changes": ()}
    try:
        recorded = json.loads(text)
        return {"recorded": recorded, "changes": changes(recorded)}
    except (ValueError, TypeError, AttributeError):
        return {"recorded": {}, "changes": ("what is recorded of it cannot be read",)}


def _related(reader: Reader, sequence: int) -> list[Record]:
    """Return the records that are about this one, the newest first."""
    found = reader.find(Filter(about=sequence), limit=_RELATED, newest_first=True)
    return list(found.records)


def _replayed(request: Request) -> Response:
    record, damage = _found(request)
    if record.kind != "decision":
        msg = f"the record must be of a decision, got {record.kind} in {record.sequence}."
        raise NoRecordError(msg)
    if damage:
        return _shown(request)
    home = request.app.state.service.home
    try:
        again = replay(home, [record], actor=actor_of(request))[0]
    except LedgerDamageError:
        return _shown(request)  # which tells the damage
    return _shown(request, again)


def _packed(request: Request) -> Response:
    record, _ = _found(request)
    note_read(request, record, f"{_HOW}/pack")
    return _pack(request, [record.sequence])


def _packed_many(request: Request) -> Response:
    posted = read_posted(request.scope["respredict.body"])
    chosen = [name.removeprefix("record-") for name in posted if name.startswith("record-")]
    if not chosen or not all(text.isdigit() and len(text) < 19 for text in chosen):
        problem = Problem("records", "be at least one", "none", "Tick what to pack")
        raise RefusedError("invalid-request", "Go back and tick the decisions.", (problem,))
    sequences = sorted(map(int, chosen))
    note_reads(request, sequences, "page /audit/pack")
    return _pack(request, sequences)


def _pack(request: Request, sequences: list[int]) -> Response:
    home = request.app.state.service.home
    with tempfile.TemporaryDirectory(prefix="respredict-pack-") as folder:
        file = Path(folder) / "pack.zip"
        write_pack(home, sequences, file, actor=actor_of(request))
        body = file.read_bytes()
    named = str(sequences[0]) if len(sequences) == 1 else f"{sequences[0]}-{sequences[-1]}"
    headers = {"content-disposition": f'attachment; filename="respredict-evidence-{named}.zip"'}
    return Response(body, 200, headers, "application/zip")
