"""The conformance pack: requests with the answers a model must give, wherever it is served.

A pack is made when a model is registered and lies in its bundle. Whoever installs the
model elsewhere asks the same and compares: units, limits, censoring, missing values,
what is refused and what gets no probability. The numbers are compared within 1e-9, the
codes and rules exactly; texts, dates and identities are not part of it.

To add a case, add it to one of the functions below; packs made before stay as they are.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from respredict.errors import RequestError
from respredict.schema.analytes import ANALYTES, Analyte, analyte

__all__ = ["Departure", "cases", "compare_answers", "essence", "make_pack"]

Body = dict[str, Any]
Ask = Callable[[Body], Mapping[str, Any]]

FORMAT = 1
CASES = 200
TOLERANCE = 1e-9

#: The published example: what the other cases vary.
_MAN: Body = {
    "age": 34,
    "bmi": 28.7,
    "testosterone": {"value": 270.6, "unit": "ng/dL"},
    "estradiol": {"value": 20, "unit": "pg/mL", "comparator": "<"},
    "lh": {"value": 3.4, "unit": "[IU]/L"},
    "fsh": {"value": 4.8, "unit": "[IU]/L"},
    "sperm_concentration": {"value": 7.8, "unit": "10*6/mL"},
    "semen_volume": {"value": 2.6, "unit": "mL"},
    "motility": {"value": 31, "unit": "%"},
}
_HORMONES = ("testosterone", "estradiol", "lh", "fsh")
#: A walk through the plane of testosterone and LH, where the signal is.
_GRID = list(itertools.product((120.0, 220.0, 303.0, 420.0, 600.0), (1.2, 3.0, 6.1, 11.0, 24.0)))


@dataclass(frozen=True, slots=True)
class Departure:
    """One place where an answer is not the one expected.

    Parameters
    ----------
    case : str
        Name of the case.
    where : str
        Path into what is compared.
    expected, got : str
        As told.
    """

    case: str
    where: str
    expected: str
    got: str

    def as_dict(self) -> dict[str, str]:
        """Return the JSON object."""
        return {n: getattr(self, n) for n in self.__slots__}


def cases() -> list[tuple[str, Body]]:
    """Return the names and requests of the pack, always the same.

    Returns
    -------
    list of (str, dict)
        200, each name once.

    Examples
    --------
    >>> len(cases())
    200
    >>> cases()[0][0]
    'the published man'
    """
    told: dict[str, Body] = {"the published man": dict(_MAN)}
    for name, body in itertools.chain(_units(), _edges(), _absent(), _sides(), _judged(), _wrong()):
        told.setdefault(name, body)
    for name, body in _plane():
        if len(told) == CASES:
            break
        told.setdefault(name, body)
    assert len(told) == CASES
    return list(told.items())


def make_pack(ask: Ask) -> dict[str, Any]:
    """Ask every case and keep what must be answered again.

    Parameters
    ----------
    ask : callable
        Takes a request; returns the answer, or raises RequestError.

    Returns
    -------
    dict
        Plain JSON: ``format``, ``tolerance`` and ``cases`` with ``name``, ``request`` and
        ``expected``.
    """
    return {
        "format": FORMAT,
        "tolerance": TOLERANCE,
        "cases": [
            {"name": name, "request": body, "expected": _asked(ask, body)} for name, body in cases()
        ],
    }


def compare_answers(pack: Mapping[str, Any], ask: Ask) -> list[Departure]:
    """Ask every case of a pack and return where the answers depart from it.

    Parameters
    ----------
    pack : mapping
        As :func:`make_pack` gave it.
    ask : callable
        As there.

    Returns
    -------
    list of Departure
        Empty where all is as expected.
    """
    return [
        departure
        for case in pack["cases"]
        for departure in _departures(
            case["name"], case["expected"], _asked(ask, case["request"]), "", pack["tolerance"]
        )
    ]


def essence(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return of an answer what must be the same wherever the model is served.

    Parameters
    ----------
    answer : mapping
        As scored.

    Returns
    -------
    dict
        Status, numbers, contributions by input, states, and codes of reasons and cautions.
    """
    told: dict[str, Any] = {"status": answer["status"]}
    for name in ("improvement", "worsening"):
        if name in answer:
            told[name] = {
                k: v
                for k, v in answer[name].items()
                if k in ("probability", "interval", "redraw_interval", "level")
            }
    told["chance_only"] = _numbers(answer["chance_only"])
    told["comparators"] = _numbers(answer["comparators"])
    told["derived"] = {k: _numbers(v) for k, v in answer["derived"].items() if v is not None}
    if "explanation" in answer:
        explained = answer["explanation"]
        told["base"], told["total"] = explained["base"], explained["total"]
        told["contributions"] = {c["input"]: c["log_odds"] for c in explained["contributions"]}
    told["states"] = {name: entry["state"] for name, entry in answer["inputs"].items()}
    told["used"] = {n: e["used"]["value"] for n, e in answer["inputs"].items() if "used" in e}
    told["reasons"] = [row["code"] for row in answer.get("reasons", ())]
    told["cautions"] = [row["code"] for row in answer["cautions"]]
    return told


def _numbers(of: Any) -> Any:
    """Return numbers, sides and truths, without the words beside them."""
    if isinstance(of, Mapping):
        return {
            k: _numbers(v)
            for k, v in of.items()
            if k == "comparator" or v is None or isinstance(v, bool | int | float | Mapping)
        }
    return of


def _asked(ask: Ask, body: Body) -> dict[str, Any]:
    try:
        return essence(ask(body))
    except RequestError as refused:
        return {"refused": sorted([p.field, p.rule] for p in refused.problems)}


def _departures(
    case: str, expected: Any, got: Any, where: str, tolerance: float
) -> Iterator[Departure]:
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        for name in sorted({*expected, *got}):
            a, b = expected.get(name, "nothing"), got.get(name, "nothing")
            yield from _departures(case, a, b, f"{where}/{name}", tolerance)
    elif isinstance(expected, list) and isinstance(got, list | tuple) and len(expected) == len(got):
        for place, (a, b) in enumerate(zip(expected, got, strict=True)):
            yield from _departures(case, a, b, f"{where}/{place}", tolerance)
    elif not _same(expected, got, tolerance):
        yield Departure(case, where or "/", str(expected), str(got))


def _same(expected: Any, got: Any, tolerance: float) -> bool:
    numbers = all(isinstance(v, float | int) and not isinstance(v, bool) for v in (expected, got))
    if numbers:
        return math.isclose(expected, got, rel_tol=tolerance, abs_tol=tolerance)
    return bool(expected == got)


def _with(**changed: Any) -> Body:
    """Return the published man, changed; None leaves a field out."""
    return {k: v for k, v in {**_MAN, **changed}.items() if v is not None}


def _value(of: Analyte, canonical: float, unit: int = 0, comparator: str = "") -> Body:
    written = of.units[unit]
    told: Body = {"value": float(f"{canonical / written.factor:.6g}"), "unit": written.code}
    return told | ({"comparator": comparator} if comparator else {})


def _units() -> Iterator[tuple[str, Body]]:
    """Yield each way to write each unit."""
    typical = {"testosterone": 303.0, "estradiol": 26.0, "lh": 6.1, "fsh": 5.0}
    for of in ANALYTES:
        canonical = typical.get(of.name, (of.low + of.high) / 20 + 1)
        for place, unit in enumerate(of.units):
            for code in (unit.code, *unit.aliases):
                told = {**_value(of, canonical, place), "unit": code}
                yield f"{of.name} in {code}", _with(**{of.name: told})


def _edges() -> Iterator[tuple[str, Body]]:
    """Yield the hard limits, and one step beyond them."""
    for of in ANALYTES:
        for word, limit in (("lowest", of.low), ("highest", of.high)):
            yield f"{of.name} at its {word}", _with(**{of.name: _value(of, limit)})
        beyond = {"value": of.high * 1.01 + 1, "unit": of.unit}
        yield f"{of.name} beyond its highest", _with(**{of.name: beyond})
    for name, values in {"age": (18, 60, 17.9, 0, 130), "bmi": (12, 60, 5, 200)}.items():
        for value in values:
            yield f"{name} {value}", _with(**{name: value})


def _absent() -> Iterator[tuple[str, Body]]:
    """Yield every pattern of hormones that are not known."""
    for some in range(1, len(_HORMONES) + 1):
        for names in itertools.combinations(_HORMONES, some):
            yield f"without {', '.join(names)}", _with(**dict.fromkeys(names))
    yield "age alone", {"age": 40}
    yield "without BMI", _with(bmi=None)
    yield "without semen", _with(sperm_concentration=None, semen_volume=None, motility=None)


def _sides() -> Iterator[tuple[str, Body]]:
    """Yield values below and above a limit, alone and together."""
    limits = {"testosterone": (100, 1500), "estradiol": (20, 80), "lh": (0.5, 40), "fsh": (0.3, 60)}
    for name, (low, high) in limits.items():
        for comparator, limit in (("<", low), ("<=", low), (">", high), (">=", high)):
            told = _value(analyte(name), limit, comparator=comparator)
            yield f"{name} {comparator} {limit}", _with(estradiol=None) | {name: told}
    below = {n: _value(analyte(n), limits[n][0], comparator="<") for n in _HORMONES}
    for pair in itertools.combinations(_HORMONES, 2):
        yield f"{' and '.join(pair)} below", _with(**{n: below[n] for n in pair})
    yield "all below", _with(**below)


def _judged() -> Iterator[tuple[str, Body]]:
    """Yield men who get no probability, or a caution, for what they are or take."""
    for count in (0, 0.5, 3, 8, 14.9, 15, 60):
        told = {"value": count, "unit": "10*6/mL"}
        yield f"{count} million per mL", _with(sperm_concentration=told)
    for name, told in {
        "on testosterone": {"testosterone": "current"},
        "testosterone in the past": {"testosterone": "past"},
        "never testosterone": {"testosterone": "never"},
        "on clomiphene": {"clomiphene": True},
        "on tamoxifen": {"tamoxifen": True},
        "on gonadotropin": {"gonadotropin_or_gnrh": True},
        "1 mg a day": {"anastrozole_mg_week": 7},
    }.items():
        yield name, _with(treatment=told)
    yield "testosterone likelier in nmol/L", _with(testosterone={"value": 12, "unit": "ng/dL"})
    yield "estradiol likelier in pmol/L", _with(estradiol={"value": 140, "unit": "pg/mL"})
    high = {"value": 38, "unit": "[IU]/L"}
    yield "LH and FSH high", _with(lh=high, fsh=high)


def _wrong() -> Iterator[tuple[str, Body]]:
    """Yield what is refused, and for which rule."""
    yield "no age", _with(age=None)
    yield "a bare number", _with(testosterone=270.6)
    yield "an unknown unit", _with(lh={"value": 3.4, "unit": "mg/dL"})
    yield "no unit", _with(lh={"value": 3.4})
    yield "a number as text", _with(lh={"value": "3.4", "unit": "IU/L"})
    yield "an unknown field", _with(testosteron={"value": 270.6, "unit": "ng/dL"})
    yield "free testosterone", _with(free_testosterone={"value": 9, "unit": "pg/mL"})
    yield "a comparator of another kind", _with(lh={"value": 3, "unit": "IU/L", "comparator": "~"})
    yield "a date that is none", _with(sampled_on="2026-02-30")
    yield "two errors at once", _with(age=-1, lh=3.4)


def _plane() -> Iterable[tuple[str, Body]]:
    """Yield men all over the plane of testosterone and LH."""
    for (t, lh), e2, fsh in itertools.product(_GRID, (None, 18.0, 42.0), (2.5, 9.0)):
        hormones = {
            "testosterone": _value(analyte("testosterone"), t, 1),
            "estradiol": None if e2 is None else _value(analyte("estradiol"), e2, 1),
            "lh": _value(analyte("lh"), lh),
            "fsh": _value(analyte("fsh"), fsh),
        }
        yield f"T {t:g}, LH {lh:g}, E2 {e2}, FSH {fsh:g}", _with(**hormones)
