"""The requests of the conformance pack: one list, the same for every model.

To add a case, add it to one of the functions below; packs made before stay as they are.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from respredict.schema.analytes import ANALYTES, Analyte, analyte

__all__ = ["cases"]

Body = dict[str, Any]

CASES = 200

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
    for name, treatment in {
        "on testosterone": {"testosterone": "current"},
        "testosterone in the past": {"testosterone": "past"},
        "never testosterone": {"testosterone": "never"},
        "on clomiphene": {"clomiphene": True},
        "on tamoxifen": {"tamoxifen": True},
        "on gonadotropin": {"gonadotropin_or_gnrh": True},
        "1 mg a day": {"anastrozole_mg_week": 7},
    }.items():
        yield name, _with(treatment=treatment)
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
