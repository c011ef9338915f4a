"""What is served: the model's card, its report and conformance pack, and what changed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from respredict.audit.promotions import Promotion, promotions
from respredict.bundle import load_bundle, report_file
from respredict.errors import BundleError, RegistryError
from serving.pages.charts import Scale
from serving.pages.layout import page
from serving.problems import RefusedError

__all__ = ["document", "shown"]

_DOCUMENTS = ("report.json", "conformance.json")
#: What of two versions is compared, and how it is called.
_COMPARED = (
    ("trained_on", "men", "men it learnt from"),
    ("trained_on", "events", "of whom improved"),
    ("trained_on", "kind", "kind of men"),
    ("trained_on", "source", "source"),
    ("trained_on", "date", "date of the data"),
    ("trained_on", "sha256", "digest of the data"),
    ("performance", "cross_validated_auc", "AUC, cross-validated"),
    ("performance", "cross_validated_brier", "Brier score, cross-validated"),
    ("performance", "cross_validated_log_loss", "log-loss, cross-validated"),
    ("worsening", "probability", "rate of moving down"),
)


async def shown(request: Request) -> Response:
    """Answer ``GET /model``."""
    return await asyncio.to_thread(_shown, request)


async def document(request: Request) -> Response:
    """Answer ``GET /model/{name}``: a document of the served model, as it lies there."""
    name = request.scope["respredict.named"]["name"]
    folder = request.app.state.service.scorer.bundle.folder
    file = report_file(folder) if name == "report.json" else folder / name
    if name not in _DOCUMENTS or not file.exists():
        raise RefusedError("not-found", f"Ask for {' or '.join(_DOCUMENTS)} of this model.")
    body = await asyncio.to_thread(file.read_bytes)
    return Response(body, media_type="application/json")


def _shown(request: Request) -> Response:
    service = request.app.state.service
    scorer, reader = service.scorer, service.reader
    card = scorer.model_card()
    every = promotions(reader)
    return page(
        request,
        "model.html",
        here="/model",
        model=card,
        importance=_ordered(card["importance"]),
        wide=Scale(0.0, max(card["importance"].values(), default=1.0)),
        report=_report(scorer.bundle.document("report.json")),
        pack=_pack(scorer.bundle.document("conformance.json")),
        promoted=list(reversed(every)),
        changed=_changed(service.home, every, card),
    )


def _ordered(importance: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(importance.items(), key=lambda told: -told[1])


def _pack(pack: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return how many requests of which kind a conformance pack holds."""
    if pack is None:
        return None
    kinds = Counter(str(case["expected"].get("status", "refused")) for case in pack["cases"])
    return {"cases": len(pack["cases"]), "tolerance": pack["tolerance"], "kinds": dict(kinds)}


def _report(report: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what a card quotes of a report: the served model's corrected performance."""
    if report is None:
        return None
    measured = report["performance"].get(report["model"]["candidate"], {})
    rows = [
        (name.replace("_", " "), told)
        for name, told in measured.items()
        if isinstance(told, Mapping) and "corrected" in told
    ]
    return {"rows": rows, "notices": report["notices"], "size": report["sample_size"]}


def _changed(home: Any, every: list[Promotion], card: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return how the served model differs from the one that was promoted before it."""
    others = [told for told in every if told.digest != card["digest"]]
    if not others:
        return None
    before = others[-1]
    try:
        meta = load_bundle(home, before.digest).meta
    except (BundleError, RegistryError) as error:
        return {"before": before, "reason": str(error), "rows": []}
    rows = [
        (words, _told(meta.get(part, {}).get(name)), _told(card[part].get(name)))
        for part, name, words in _COMPARED
    ]
    settings = sorted({*meta.get("settings", {}), *card["settings"]})
    rows += [
        (name, _told(meta.get("settings", {}).get(name)), _told(card["settings"].get(name)))
        for name in settings
    ]
    return {"before": before, "reason": "", "rows": [row for row in rows if row[1] != row[2]]}


def _told(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
