"""Model versions at the desk: what each went by, how stable that is, and how two differ."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from respredict.audit.explanations import Explanations, gather
from respredict.audit.rescoring import Stability, stability
from respredict.audit.sums import SumCheck, check_sums_apart
from respredict.ledger.filtering import Filter
from respredict.words.phrases import label, opening
from serving.pages.charts import Scale
from serving.pages.desk_charts import cloud, swarm
from serving.pages.desk_counts import counted, waiting
from serving.pages.desk_jobs import Job, ask
from serving.pages.desk_sample import men_of, records_of
from serving.pages.desk_versions import Version, every_version, named, scorer_of
from serving.pages.desk_words import fifth_rows
from serving.pages.layout import page
from serving.reads import note_reads

__all__ = ["model", "models"]

_SAMPLE, _REDRAWN, _DRAWN = 400, 100, 150
#: Below so many decisions, what the model went by among the men it learnt from is shown.
_FEW = 20
_SWARM = 46
#: The page has more to show than the sums.
_GLANCE = 0.08

_sums: dict[tuple[Path, str], SumCheck] = {}


async def models(request: Request) -> Response:
    """Answer ``GET /audit/models``."""
    return await asyncio.to_thread(_models, request)


async def model(request: Request) -> Response:
    """Answer ``GET /audit/models/{digest}``: the global view of a version."""
    return await asyncio.to_thread(_model, request)


def _models(request: Request) -> Response:
    tally = counted(request)
    if tally is None:
        return waiting(request)
    return page(
        request,
        "desk_models.html",
        here="/audit",
        every=every_version(request, tally),
        served=request.app.state.service.scorer.bundle.digest,
    )


def _model(request: Request) -> Response:
    service, tally = request.app.state.service, counted(request)
    if tally is None:
        return waiting(request)
    every = every_version(request, tally)
    version = named(every, request.scope["respredict.named"]["digest"])
    sequences, of = tally.spread(Filter(model=version.digest), _SAMPLE)
    note_reads(request, sequences, "page /audit/models/{digest}")
    records = records_of(service.reader, sequences)
    scorer, missing = scorer_of(service.home, version.digest)
    told = gather(records)
    few = len(told.sequences) < _FEW
    steady = None
    men = [man for _, man in men_of(records[:: max(1, len(records) // _REDRAWN)])]
    if scorer is not None and men:
        steady = stability(scorer, men)
    importance = told.importance() if not few else {}
    if few and scorer is not None:
        importance = dict(sorted(scorer.bundle.meta["importance"].items(), key=lambda i: -i[1]))
    inputs = [] if few else _drawn(told)
    return page(
        request,
        "desk_model.html",
        here="/audit",
        version=version,
        others=[other for other in every if other.digest != version.digest],
        few=few,
        read=len(told.sequences),
        of=of,
        importance=list(importance.items()),
        wide=Scale(0.0, max(importance.values(), default=1.0) or 1.0),
        inputs=inputs,
        fifths=fifth_rows(inputs),
        swarm_height=_SWARM,
        steady=_steady(steady, importance),
        stability=steady,
        missing=missing,
        sums=_summed(service, version),
        card=None if scorer is None else scorer.model_card(),
    )


def _drawn(told: Explanations) -> list[dict[str, Any]]:
    """Return what is drawn of each input, the most important first."""
    reach = 1.05 * max(float(np.nanmax(np.abs(told.contributions))), 0.05)
    scale = Scale(-reach, reach)
    drawn = []
    for name in told.importance():
        values, contributions = told.points(name)
        if not len(values):
            continue
        some = slice(None, None, max(1, -(-len(values) // _DRAWN)))
        at = values[some].tolist(), contributions[some].tolist()
        drawn.append({
            "name": name,
            "unit": told.units[told.inputs.index(name)],
            "swarm": swarm(at[1], at[0], scale, _SWARM),
            "scale": scale,
            "cloud": cloud(*at, log=name != "age" and min(at[0]) > 0, reach=reach),
            "fifths": told.fifths(name),
            "dots": len(at[0]),
        })  # fmt: skip
    return drawn


def _steady(told: Stability | None, importance: dict[str, float]) -> list[list[str]]:
    if told is None:
        return []
    rows = {
        name: (f"{importance.get(name, 0.0):.3f}", f"{change:.3f}", f"{tenth:.3f}")
        for name, change, tenth in zip(told.inputs, told.change, told.tenth, strict=True)
    }
    order = sorted(rows, key=lambda name: -importance.get(name, 0.0))
    return [[opening(label(name)), *rows[name]] for name in order]


def _summed(service: Any, version: Version) -> Job | None:
    """Return the check of every sum; it goes on where the last one ended."""
    if version.used is None:
        return None
    key = service.home, version.digest

    def work(tell: Callable[[int], None]) -> SumCheck:
        _sums[key] = check_sums_apart(*key, _sums.get(key), tell=tell)
        return _sums[key]

    return ask(("sums", *key, version.used.last), work, seconds=_GLANCE)
