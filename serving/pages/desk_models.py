"""Model versions at the desk: what each went by, how stable that is, and how two differ."""

from __future__ import annotations

import asyncio
import datetime
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from respredict.audit.explanations import Explanations, gather
from respredict.audit.promotions import promotions
from respredict.audit.rescoring import Comparison, Stability, compare, stability
from respredict.audit.summaries import Tally, Used
from respredict.audit.sums import SumCheck, check_sums_apart
from respredict.bundle import load_bundle
from respredict.errors import BundleError, LedgerDamageError, RegistryError, RequestError
from respredict.ledger.filtering import Filter
from respredict.ledger.reading import Reader
from respredict.ledger.record import Record
from respredict.schema.request import Request as Man
from respredict.schema.request import read_request
from respredict.scoring import Scorer
from respredict.words.phrases import label, opening
from serving.pages.charts import Scale
from serving.pages.desk import versions
from serving.pages.desk_charts import cloud, swarm
from serving.pages.desk_counts import counted, waiting
from serving.pages.desk_jobs import Job, ask
from serving.pages.desk_reads import note_reads
from serving.pages.desk_words import fifth_rows
from serving.pages.layout import page
from serving.problems import RefusedError

__all__ = ["compared", "model", "models"]

_SAMPLE, _REDRAWN, _RESCORED, _DRAWN = 400, 100, 200, 150
#: Below so many decisions, what the model went by among the men it learnt from is shown.
_FEW = 20
_FURTHEST = 12
_SWARM = 46
_HEX = re.compile(r"[0-9a-f]{64}")
_SHA = "sha256:"

_sums: dict[tuple[Path, str], SumCheck] = {}


@dataclass(frozen=True, slots=True)
class Version:
    """A model that was promoted or decided.

    Parameters
    ----------
    digest, name : str
        Of its bundle, and how it is called.
    promoted : datetime or None
        When last; None if that is not on record.
    used : Used or None
        What it decided.
    """

    digest: str
    name: str
    promoted: datetime.datetime | None
    used: Used | None

    @property
    def path(self) -> str:
        """Its page."""
        return f"/audit/models/{self.digest.removeprefix(_SHA)}"


async def models(request: Request) -> Response:
    """Answer ``GET /audit/models``."""
    return await asyncio.to_thread(_models, request)


async def model(request: Request) -> Response:
    """Answer ``GET /audit/models/{digest}``: the global view of a version."""
    return await asyncio.to_thread(_model, request)


async def compared(request: Request) -> Response:
    """Answer ``GET /audit/compare``: the same men explained by two versions."""
    return await asyncio.to_thread(_compared, request)


def _every(request: Request, tally: Tally) -> list[Version]:
    """Return every model, the latest first."""
    service = request.app.state.service
    named, decided = versions(service.reader), {u.digest: u for u in tally.used()}
    times = {told.digest: told.time for told in promotions(service.reader)}
    digests = dict.fromkeys((*decided, *named))
    made = [
        Version(d, named.get(d, f"{d[7:19]}, never promoted here"), times.get(d), decided.get(d))
        for d in digests
    ]
    oldest = datetime.datetime.min.replace(tzinfo=datetime.UTC)
    return sorted(made, key=lambda v: v.promoted or oldest, reverse=True)


def _models(request: Request) -> Response:
    tally = counted(request)
    if tally is None:
        return waiting(request)
    return page(
        request,
        "desk_models.html",
        here="/audit",
        every=_every(request, tally),
        served=request.app.state.service.scorer.bundle.digest,
    )


def _named(every: Sequence[Version], text: str) -> Version:
    for version in every:
        if _HEX.fullmatch(text) and version.digest == f"{_SHA}{text}":
            return version
    raise RefusedError("not-found", "Name a model that decided or was promoted; see /audit/models.")


def _scorer(home: Path, digest: str) -> tuple[Scorer | None, str]:
    """Return what scores by a model, or why nothing does."""
    try:
        return Scorer(load_bundle(home, digest)), ""
    except (BundleError, RegistryError) as error:
        return None, str(error)


def _records(reader: Reader, sequences: Sequence[int]) -> list[Record]:
    """Return decisions with payloads, without those that cannot be read."""
    found = []
    for sequence in sequences:
        try:
            found.append(reader.get(sequence))
        except LedgerDamageError:
            continue  # which verifying tells
    return found


def _men(records: Sequence[Record]) -> list[tuple[Record, Man]]:
    """Return who can still be scored, as he was sent."""
    men = []
    for record in records:
        try:
            if record.payload is not None:
                men.append((record, read_request(json.loads(record.payload.request))))
        except (RequestError, ValueError):
            continue  # a replay says why
    return men


def _model(request: Request) -> Response:
    service, tally = request.app.state.service, counted(request)
    if tally is None:
        return waiting(request)
    every = _every(request, tally)
    version = _named(every, request.scope["respredict.named"]["digest"])
    sequences, of = tally.spread(Filter(model=version.digest), _SAMPLE)
    note_reads(request, sequences, "page /audit/models/{digest}")
    records = _records(service.reader, sequences)
    scorer, missing = _scorer(service.home, version.digest)
    told = gather(records)
    few = len(told.sequences) < _FEW
    steady = None
    men = [man for _, man in _men(records[:: max(1, len(records) // _REDRAWN)])]
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

    return ask(("sums", *key, version.used.last), work)


def _compared(request: Request) -> Response:
    service, tally = request.app.state.service, counted(request)
    if tally is None:
        return waiting(request)
    every = _every(request, tally)
    asked = request.scope["respredict.query"]
    pair = [_named(every, asked.get(name, "")) for name in ("first", "second")]
    loaded = [_scorer(service.home, version.digest) for version in pair]
    told, men = None, []
    if all(scorer is not None for scorer, _ in loaded):
        sequences: list[int] = []
        for version in dict.fromkeys(pair):
            sequences += tally.spread(Filter(model=version.digest), _RESCORED // 2)[0]
        note_reads(request, sorted(sequences), "page /audit/compare")
        men = _men(_records(service.reader, sorted(sequences)))
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
        f"{most:.2f}; half of the probabilities changed by {100 * np.median(apart):.1f} points or more."
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
