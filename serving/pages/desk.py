"""The auditor's desk: decisions found by date, model, status, risk or pseudonym."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from respredict.audit.promotions import promotions
from respredict.audit.selecting import one
from respredict.errors import InputError, LedgerDamageError, Problem
from respredict.ledger.reading import Reader
from respredict.ledger.record import Record
from respredict.words.phrases import short_cautions
from serving.filters import STATUSES
from serving.pages.desk_find import Search, read_search
from serving.pages.form import read_posted
from serving.pages.layout import page
from serving.reads import note_reads

__all__ = ["Row", "decisions", "versions"]

_PER_PAGE = 50
_HOW = "page /audit"


@dataclass(frozen=True, slots=True)
class Row:
    """A decision in the list.

    Parameters
    ----------
    record : Record
        Its head.
    cautions : tuple of str
        Short names.
    readable : bool
        Whether what it says can be read.
    """

    record: Record
    cautions: tuple[str, ...] = ()
    readable: bool = True


async def decisions(request: Request) -> Response:
    """Answer ``/audit``: a page of decisions, the newest first."""
    return await asyncio.to_thread(_decisions, request)


def versions(reader: Reader) -> dict[str, str]:
    """Return what each promoted model is called.

    Parameters
    ----------
    reader : Reader
        Of the ledger.

    Returns
    -------
    dict of str to str
        By digest, in the order of their promotion; the last number if it has several.
    """
    return {told.digest: f"version {told.version}" for told in promotions(reader)}


def _decisions(request: Request) -> Response:
    posted = request.method == "POST"
    given: Mapping[str, str] = request.scope["respredict.query"]
    if posted:
        given = read_posted(request.scope["respredict.body"])
        if given.get("which", "").strip():
            return _one(request, given["which"].strip())
    search = read_search(given)
    if posted and search.listed is not None and not search.private:
        return RedirectResponse(search.address("/audit"), 303)
    return _list(request, search)


def _one(request: Request, which: str) -> Response:
    """Go to the record that is named by its number or id."""
    try:
        return RedirectResponse(f"/audit/decisions/{one(which)}", 303)
    except InputError:
        rule, remedy = "be the number of a record or the id of a decision", "Copy it from an answer"
        problem = Problem("which", rule, "something else", remedy)
        return _list(request, Search({}, None, {"which": [problem]}), which)


def _list(request: Request, search: Search, which: str = "") -> Response:
    reader = request.app.state.service.reader
    rows: list[Row] = []
    older: int | None = None
    if search.listed is not None:
        asked = search.listed
        found = reader.find(asked.asked, after=asked.before, limit=_PER_PAGE, newest_first=True)
        older = found.after
        sequences = [record.sequence for record in found.records]
        note_reads(request, sequences, _HOW, pseudonym=asked.asked.pseudonym or "")
        rows = [_row(reader, record) for record in found.records]
    return page(
        request,
        "desk_decisions.html",
        status=200 if search.listed is not None else 422,
        here="/audit",
        search=search,
        which=which,
        rows=rows,
        older=older,
        versions=versions(reader),
        statuses=STATUSES,
    )


def _row(reader: Reader, record: Record) -> Row:
    if record.erased:
        return Row(record)
    try:
        payload = reader.get(record.sequence).payload
        answer = json.loads(payload.answer) if payload else {}
        return Row(record, tuple(short_cautions(answer)))
    except (LedgerDamageError, ValueError, AttributeError, KeyError, TypeError):
        return Row(record, readable=False)
