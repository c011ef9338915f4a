"""A home as an auditor finds it: many decisions of several days, by more than one model."""

from __future__ import annotations

import copy
import datetime
import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from respredict.audit.decisions import day_of, decision_entry
from respredict.audit.promotions import record_promotion
from respredict.bundle import Bundle, set_champion, write_bundle
from respredict.ledger.record import new_id
from respredict.ledger.writer import open_ledger
from respredict.schema.request import read_request
from respredict.scoring import Scorer
from respredict.simulate import simulate

_QUANTITIES = {
    "testosterone": ("testosterone_ng_dl", "ng/dL"),
    "estradiol": ("estradiol_pg_ml", "pg/mL"),
    "lh": ("lh_iu_l", "[IU]/L"),
    "fsh": ("fsh_iu_l", "[IU]/L"),
    "sperm_concentration": ("sperm_concentration_m_ml", "10*6/mL"),
    "semen_volume": ("semen_volume_ml", "mL"),
    "motility": ("motility_percent", "%"),
}


@contextmanager
def clock(begin: datetime.datetime, end: datetime.datetime, ticks: int) -> Iterator[None]:
    """Let the machine's clock run from one moment to another in so many readings."""
    start, step = begin.timestamp() * 1e9, (end - begin).total_seconds() * 1e9 / ticks
    read = iter(range(10**12))

    def told() -> int:
        return int(start + step * min(next(read), ticks))

    with patch.object(time, "time_ns", told):
        yield


def bodies(n: int, seed: int = 3) -> list[dict[str, Any]]:
    """Return requests for so many simulated men, each with a pseudonym."""
    men = simulate(n, seed=seed)
    return [_body(row, number) for number, row in enumerate(men.to_dict("records"))]


def _body(row: dict[str, Any], number: int) -> dict[str, Any]:
    told: dict[str, Any] = {"age": round(float(row["age_years"]), 1), "reference": f"man-{number}"}
    if isinstance(row["bmi_kg_m2"], float) and not math.isnan(row["bmi_kg_m2"]):
        told["bmi"] = row["bmi_kg_m2"]
    for name, (column, unit) in _QUANTITIES.items():
        text = str(row[column])
        side, text = (text[0], text[1:]) if text[:1] in "<>" else ("", text)
        if text and text != "nan":
            told[name] = {"value": float(text), "unit": unit}
            if side:
                told[name]["comparator"] = side
    return told


def other_model(home: Path, bundle: Bundle, *, stretch: float = 1.25) -> Bundle:
    """Write the same model with every slope stretched, which is another model."""
    pipeline = copy.deepcopy(bundle.pipeline)
    pipeline[-1].coef_ = pipeline[-1].coef_ * stretch
    meta = {name: told for name, told in bundle.meta.items() if name != "format"}
    return write_bundle(home, pipeline, meta, bundle.extras)


def promoted(home: Path, bundle: Bundle, version: int, reason: str) -> Scorer:
    """Record that a model becomes champion, make it so, and return its scorer."""
    record_promotion(
        home, name="respredict", version=version, digest=bundle.digest, run_id=f"run{version}",
        actor="ops", reason=reason,
    )  # fmt: skip
    set_champion(home, {"name": "respredict", "version": version, "digest": bundle.digest})
    return Scorer(bundle, version)


def decide(home: Path, scorer: Scorer, asked: list[dict[str, Any]], actor: str = "clinic") -> None:
    """Record a decision on each, 500 in a commit."""
    read = [(json.dumps(body).encode(), read_request(body)) for body in asked]
    with open_ledger(home) as ledger:
        for start in range(0, len(read), 500):
            entries = []
            for body, request in read[start : start + 500]:
                decision = new_id()
                told = scorer.told(request, decision_id=str(decision), today=day_of(decision))
                entries.append(
                    decision_entry(
                        scorer,
                        decision=decision,
                        actor=actor,
                        asked=body,
                        status=told.status,
                        risk=told.risk,
                        pseudonym=request.reference or "",
                        pieces=told.pieces,
                    )
                )
            ledger.append_many(entries)
