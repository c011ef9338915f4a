"""Two versions side by side: the same recorded men explained by both."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from respredict.audit.rescoring import Comparison, compare
from respredict.ledger.filtering import Filter
from respredict.ledger.record import Record
from respredict.schema.request import Request as Man
from serving.pages.charts import Scale
from serving.pages.desk_counts import counted, waiting
from serving.pages.desk_sample import men_of, records_of
from serving.pages.desk_versions import every_version, named, scorer_of
from serving.pages.layout import page
from serving.reads import note_reads

__all__ = ["compared"]

_RESCORED, _FURTHEST = 200, 12


async def compared(request: Request) -> Response:
    """Answer ``GET /audit/compare``: whose explanation moved, and how far."""
    return await asyncio.to_thread(_compared, request)


def _compared(request: Request) -> Response:
    service, tally = request.app.state.service, counted(request)
    if tally is None:
        return waiting(request)
    every = every_version(request, tally)
    asked = request.scope["respredict.query"]
    pair = [named(every, asked.get(name, "")) for name in ("first", "second")]
    loaded = [scorer_of(service.home, version.digest) for version in pair]
    told, men = None, []
    if all(scorer is not None for scorer, _ in loaded):
        sequences: list[int] = []
        for version in dict.fromkeys(pair):
            sequences += tally.spread(Filter(model=version.digest), _RESCORED // 2)[0]
        note_reads(request, sorted(sequences), "page /audit/compare")
        men = men_of(records_of(service.reader, sorted(sequences)))
        told = compare(loaded[0][0], loaded[1][0], [man for _, man in men])  # type: ignore[arg-type]
    return page(
        request,
        "desk_compare.html",
        here="/audit",
        pair=pair,
        every=every,
        told=told,
        missing=[why for _, why in loaded if why],
        men=len(men),
        rows=[] if told is None else _furthest(told, men),
        moved=_moved(told) if men else "",
        wide=Scale(0.0, max([most for _, most in told.by_input.values()] or [1.0]) or 1.0)
        if told
        else None,
    )


def _moved(told: Comparison | None) -> str:
    """Return how far explanations moved, in a sentence."""
    if told is None:
        return ""
    half, most = np.quantile(told.moved, [0.5, 1.0])
    apart = np.abs(told.probabilities[:, 1] - told.probabilities[:, 0])
    return (
        f"Half of the explanations moved by {half:.2f} log-odds or more, the furthest by "
        f"{most:.2f}; half of the probabilities changed by {100 * np.median(apart):.1f} points "
        "or more."
    )


def _furthest(told: Comparison, men: Sequence[tuple[Record, Man]]) -> list[dict[str, Any]]:
    rows = []
    for i in told.furthest(_FURTHEST):
        changes = told.contributions[i, :, 1] - told.contributions[i, :, 0]
        j = int(abs(changes).argmax())
        rows.append({
            "record": men[i][0],
            "moved": float(told.moved[i]),
            "input": told.inputs[j],
            "change": float(changes[j]),
            "chances": [float(p) for p in told.probabilities[i]],
        })  # fmt: skip
    return rows
