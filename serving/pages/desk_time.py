"""The desk over time: scores, statuses and cautions by period, and which model was live."""

from __future__ import annotations

import asyncio
import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from respredict.audit.promotions import history, promotions
from respredict.audit.summaries import Period, count_cautions
from respredict.audit.tally import Tally
from respredict.ledger.filtering import Filter
from respredict.ledger.reading import Reader
from respredict.words.phrases import short_cautions
from serving.metrics import refusals
from serving.pages.desk import versions
from serving.pages.desk_charts import spans, stacks
from serving.pages.desk_counts import counted, waiting
from serving.pages.desk_find import read_search
from serving.pages.desk_sample import records_of
from serving.pages.desk_words import period_rows, refusal_rows, share_rows
from serving.pages.layout import page
from serving.process import started
from serving.reads import note_reads

__all__ = ["shown"]

_SAMPLE, _HEIGHT = 400, 180
#: Rules that were broken most; the others can be opened.
_SHOWN = 10
#: From the bottom up, in the words of the page.
_STATUSES = ("scored", "caution", "indeterminate", "erased")


async def shown(request: Request) -> Response:
    """Answer ``GET /audit/over-time``."""
    return await asyncio.to_thread(_shown, request)


def _shown(request: Request) -> Response:
    service, tally = request.app.state.service, counted(request)
    if tally is None:
        return waiting(request)
    search = read_search(request.scope["respredict.query"])
    asked = search.listed.asked if search.listed else None
    periods = tally.over_time(asked) if asked else []
    drawn = stacks(periods, _STATUSES, _HEIGHT) if periods else None
    return page(
        request,
        "desk_time.html",
        status=200 if asked else 422,
        here="/audit",
        search=search,
        versions=versions(service.reader),
        rows=period_rows(periods[::-1], _STATUSES),
        totals=_totals(periods),
        unit={1: "day", 7: "week", 28: "four weeks"}[periods[0].days] if periods else "day",
        drawn=drawn,
        height=_HEIGHT,
        cautions=_cautions(request, tally, asked) if asked and periods else None,
        refusals=refusal_rows(refusals()),
        shown=_SHOWN,
        since=started(),
        **_reigns(service.reader),
    )


def _totals(periods: list[Period]) -> dict[str, int]:
    return {
        status: sum(period.statuses.get(status, 0) for period in periods) for status in _STATUSES
    }


def _cautions(request: Request, tally: Tally, asked: Filter) -> dict[str, Any]:
    """Count cautions over a sample spread evenly over the decisions asked for."""
    service = request.app.state.service
    sequences, of = tally.spread(asked, _SAMPLE, scored=False)
    note_reads(request, sequences, "page /audit/over-time")
    records = records_of(service.reader, sequences)
    found, read = count_cautions(records)
    half = len(records) // 2
    earlier, later = count_cautions(records[:half]), count_cautions(records[half:])
    rows = [
        (
            short_cautions({"cautions": [{"code": code}]})[0],
            count / read,
            earlier[0][code] / max(1, earlier[1]),
            later[0][code] / max(1, later[1]),
        )
        for code, count in found.most_common()
    ]
    return {"rows": share_rows(rows), "read": read, "of": of}


def _reigns(reader: Reader) -> dict[str, Any]:
    """Return which model was live when, and where each stands on a scale of time."""
    every = promotions(reader)
    if not every:
        return {"reigns": [], "places": []}
    reigns = history(every)
    now = max(datetime.datetime.now(tz=datetime.UTC), reigns[-1].since)
    places, _ = spans([reign.since for reign in reigns], now)
    return {"reigns": reigns, "places": places}
