"""Drawn requests: men of every kind, as a caller would send them."""

from __future__ import annotations

import datetime
import math
import random
from typing import Any

from respredict.errors import RequestError
from respredict.schema.analytes import ANALYTES, Analyte
from respredict.schema.request import read_request

TODAY = datetime.date(2026, 11, 21)
_USUAL = {"sperm_concentration": 4.0, "semen_volume": 2.5, "motility": 35.0}
_REFERENCES = ("a-7", "münchen 3", 'q"uote\\', "男 1")


def drawn_requests(n: int, seed: int = 5) -> list[dict[str, Any]]:
    """Return so many bodies that are valid: usual and strange, in any unit, some censored."""
    drawn, bodies = random.Random(seed), []
    while len(bodies) < n:
        body = _body(drawn)
        try:
            read_request(body)
        except RequestError:
            continue
        bodies.append(body)
    return bodies


def _body(drawn: random.Random) -> dict[str, Any]:
    body: dict[str, Any] = {"age": drawn.choice([34, round(drawn.uniform(18, 70), 2)])}
    if drawn.random() < 0.85:
        body["bmi"] = round(drawn.gauss(28, 4), 1)
    spread = 1.2 if drawn.random() < 0.25 else 0.45
    for of in ANALYTES:
        if drawn.random() < (0.9 if of.name in ("testosterone", "lh") else 0.7):
            body[of.name] = _quantity(drawn, of, spread)
    for name in ("sampled_on", "semen_sampled_on"):
        if drawn.random() < 0.5:
            body[name] = _day(drawn, -5, 3, 60, 200, 400)
    if drawn.random() < 0.5:
        body["treatment"] = _treatment(drawn)
    if drawn.random() < 0.4:
        body["reference"] = drawn.choice(_REFERENCES)
    return body


def _quantity(drawn: random.Random, of: Analyte, spread: float) -> dict[str, Any]:
    unit = drawn.choice(of.units)
    median = of.median or _USUAL.get(of.name, of.high / 10)
    value = round(median * math.exp(drawn.gauss(0, spread)) / unit.factor, drawn.choice([0, 1, 4]))
    if of.name == "sperm_concentration" and drawn.random() < 0.15:
        value = 0
    told = {"value": value, "unit": drawn.choice([unit.code, *unit.aliases])}
    if drawn.random() < 0.12:
        told["comparator"] = drawn.choice(["<", ">", "<=", "≥"])
    return told


def _treatment(drawn: random.Random) -> dict[str, Any]:
    told: dict[str, Any] = {
        name: drawn.random() < 0.3
        for name in ("clomiphene", "tamoxifen", "gonadotropin_or_gnrh")
        if drawn.random() < 0.3
    }
    if drawn.random() < 0.4:
        told["testosterone"] = drawn.choice(["never", "past", "current", "prior"])
    if drawn.random() < 0.2:
        told["stopped_on"] = _day(drawn, 3, 60, 200)
    if drawn.random() < 0.4:
        told["anastrozole_mg_week"] = drawn.choice([0, 3.5, 7])
    if drawn.random() < 0.3:
        told["anastrozole_since"] = _day(drawn, 3, 60, 200, 700)
    return told


def _day(drawn: random.Random, *ago: int) -> str:
    return str(TODAY - datetime.timedelta(days=drawn.choice(ago)))
