"""Reading the parts of a request: each number, unit, date and word, and what is wrong with it."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeGuard

from respredict.errors import Problem, nearest
from respredict.schema.analytes import ANALYTES, Analyte, Unit, analyte
from respredict.schema.quantities import Quantity, comparator_of
from respredict.schema.record import Column

__all__ = ["TESTOSTERONE_USE", "Reader", "Treatment", "is_object", "shown"]

#: How testosterone use is written, and the words read as the same.
TESTOSTERONE_USE: dict[str, tuple[str, ...]] = {
    "never": (),
    "past": ("prior", "stopped", "former"),
    "current": ("ongoing",),
}
_FLAGS = ("clomiphene", "tamoxifen", "gonadotropin_or_gnrh")
_TREATMENT_FIELDS = (
    "testosterone",
    "stopped_on",
    "anastrozole_mg_week",
    "anastrozole_since",
    *_FLAGS,
)
_REFERENCE_LENGTH = 100
_WEEKLY_DOSE = (0.0, 70.0)
_SHOWN = 40
_UNKNOWN_TOLD = 10
_UNIT_WORDS = {"a": "years"}
_ONLY_TOTAL = "Only total testosterone is read: send it as testosterone, or leave it out. "

_TREATMENT = dict.fromkeys(_TREATMENT_FIELDS)
_QUANTITY = dict.fromkeys(("value", "unit", "comparator"))
_UNITS = {
    (a.name, written): unit
    for a in ANALYTES
    for unit in reversed(a.units)
    for written in (*unit.aliases, unit.code)
}


@dataclass(frozen=True, slots=True)
class Treatment:
    """What he takes or took; None where nobody said.

    Parameters
    ----------
    testosterone : str or None
        ``never``, ``past`` or ``current``.
    stopped_on : date or None
        Day on which testosterone was stopped.
    anastrozole_mg_week : float or None
        Weekly dose.
    anastrozole_since : date or None
        First day of anastrozole, where it has begun.
    clomiphene, tamoxifen, gonadotropin_or_gnrh : bool or None
        Taken with it.
    """

    testosterone: str | None = None
    stopped_on: datetime.date | None = None
    anastrozole_mg_week: float | None = None
    anastrozole_since: datetime.date | None = None
    clomiphene: bool | None = None
    tamoxifen: bool | None = None
    gonadotropin_or_gnrh: bool | None = None


class Reader:
    """Reads one body, collecting what is wrong with it in ``problems``."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def add(self, where: str, rule: str, got: str, remedy: str) -> None:
        """Note that a rule is broken."""
        self.problems.append(Problem(where, rule, got, remedy))

    def refuse_unknown(
        self, body: Mapping[Any, Any], known: Mapping[str, None], prefix: str
    ) -> None:
        """Note the fields that are none of ours, a few by name and the rest by their number."""
        if body.keys() <= known.keys():
            return
        unknown = [str(name) for name in body if name not in known]
        remedy = f"Send only: {', '.join(known)}"
        for name in unknown[:_UNKNOWN_TOLD]:
            advice = _ONLY_TOTAL if _is_part(name) else nearest(name, known)
            # A name may hold anything, and a message is printed and logged.
            told = name if name and name.isprintable() else ascii(name)
            where = f"{prefix}{told}"[:_SHOWN]
            self.add(where, "be a known field", "an unknown one", f"{advice}{remedy}")
        if len(unknown) > _UNKNOWN_TOLD:
            more = f"{len(unknown) - _UNKNOWN_TOLD} more unknown ones"
            self.add(prefix.rstrip(".") or "request", "hold known fields only", more, remedy)

    def number(self, where: str, value: object) -> float | None:
        """Return a finite number; None, and noted, for anything else."""
        if type(value) is float and math.isfinite(value):
            return value
        if not _is_number(value):
            self.add(where, "be a number", shown(value), "Send a JSON number, without quotes")
            return None
        number = _as_float(value)
        if not math.isfinite(number):
            self.add(
                where, "be a finite number", shown(value), "Send a measured value or leave it out"
            )
            return None
        return number

    def limited(self, where: str, value: object, of: Column) -> float | None:
        """Return a number within the limits of a column, None where it is left out."""
        if value is None:
            return None
        number = self.number(where, value)
        if number is not None and not of.low <= number <= of.high:
            self.add(
                where,
                f"be {of.low:g} to {of.high:g} {_UNIT_WORDS.get(of.unit, of.unit)}",
                shown(value),
                "Check the value",
            )
            return None
        return number

    def quantity(self, of: Analyte, value: object) -> tuple[Quantity, Quantity] | None:
        """Return the quantity as received and in the canonical unit."""
        if not is_object(value):
            units = _units(of.name)
            example = f'{{"value": {_example(of, value)}, "unit": "{of.unit}"}}'
            bare = " without a unit" if _is_number(value) else ""
            self.add(
                of.name,
                "be an object with value and unit",
                f"{shown(value)}{bare}",
                f"Send {example}; units: {units}",
            )
            return None
        before = len(self.problems)
        self.refuse_unknown(value, _QUANTITY, f"{of.name}.")
        number = value.get("value")
        if number is None:
            self.add(f"{of.name}.value", "be given", "nothing", "Send the measured value")
        else:
            number = self.number(f"{of.name}.value", number)
        written = value.get("unit")
        unit = _UNITS.get((of.name, written)) if isinstance(written, str) else None
        if unit is None:
            got, rule = "nothing" if written is None else shown(written), f"be {_units(of.name)}"
            self.add(f"{of.name}.unit", rule, got, "Send the unit of the laboratory's report")
        beside = value.get("comparator")
        side: Any = "" if beside is None else self.comparator(of, beside)
        if number is None or unit is None or side is None or len(self.problems) > before:
            return None
        received = Quantity(number, str(written), side)
        # The same number where the unit is the canonical one.
        same = written == of.units[0].code
        canonical = received if same else of.canonical(number, unit, side)
        return (received, canonical) if self.inside(of, unit, received, canonical) else None

    def comparator(self, of: Analyte, written: object) -> Any:
        """Return the side of a limit that was written; None, and noted, if it is none."""
        side = comparator_of(written) if isinstance(written, str) else None
        if side is None:
            self.add(
                f"{of.name}.comparator",
                "be one of <, <=, >, >=",
                shown(written),
                "Leave it out for an exact value",
            )
        return side

    def inside(self, of: Analyte, unit: Unit, received: Quantity, canonical: Quantity) -> bool:
        """Say whether a reading lies inside the hard limits, told in the unit it came in."""
        # An assay may stop below the lowest value that any man's sample shows.
        low, value, side = of.low, canonical.value, canonical.comparator
        if (0.0 if side == "<" else low) <= value <= of.high and not (side and value <= 0):
            return True
        where = f"{of.name}.value"
        got = f"{received.comparator}{received.value:.15g} {received.unit}"
        if side and value <= 0:
            self.add(where, "be above 0 behind a comparator", got, "Send the assay's limit")
            return False
        limits = f"{of.low / unit.factor:.4g} to {of.high / unit.factor:.4g}"
        self.add(
            where,
            f"be {limits} {received.unit}",
            got,
            _unit_advice(of, received.value, unit) or "Check the value and its unit",
        )
        return False

    def date(self, where: str, value: object) -> datetime.date | None:
        """Return a day as ISO 8601 writes it, None where it is left out."""
        if value is None:
            return None
        if isinstance(value, str):
            try:
                day = datetime.date.fromisoformat(value)
            except ValueError:
                day = None
            # It also reads weeks and days without hyphens.
            if day is not None and day.isoformat() == value:
                return day
        self.add(where, "be a date, YYYY-MM-DD", shown(value), "Send the day, as in 2026-01-31")
        return None

    def text(self, where: str, value: object) -> str | None:
        """Return a short text without the spaces around it, None where there is none."""
        if value is None:
            return None
        if isinstance(value, str) and len(value) <= _REFERENCE_LENGTH and value.isprintable():
            return value.strip() or None
        got = "other text" if isinstance(value, str) else shown(value)
        self.add(
            where,
            f"be printable text of at most {_REFERENCE_LENGTH} characters",
            got,
            "Send a local pseudonym, never a name",
        )
        return None

    def flag(self, where: str, value: object) -> bool | None:
        """Return true or false, None where it is left out."""
        if value is None or isinstance(value, bool):
            return value
        self.add(where, "be true or false", shown(value), "Leave it out where it is not known")
        return None

    def treatment(self, value: object) -> Treatment:
        """Return what he takes or took; an empty one where it is left out."""
        if value is None:
            return Treatment()
        if not is_object(value):
            self.add("treatment", "be an object", shown(value), 'Send {"clomiphene": false, ...}')
            return Treatment()
        self.refuse_unknown(value, _TREATMENT, "treatment.")
        dose = value.get("anastrozole_mg_week")
        if dose is not None:
            dose = self.limited("treatment.anastrozole_mg_week", dose, _DOSE)
        return Treatment(
            testosterone=self.use(value.get("testosterone")),
            stopped_on=self.date("treatment.stopped_on", value.get("stopped_on")),
            anastrozole_mg_week=dose,
            anastrozole_since=self.date(
                "treatment.anastrozole_since", value.get("anastrozole_since")
            ),
            **{name: self.flag(f"treatment.{name}", value.get(name)) for name in _FLAGS},
        )

    def use(self, value: object) -> str | None:
        """Return the canonical word of testosterone use, None where it is left out."""
        if value is None or (isinstance(value, str) and value in TESTOSTERONE_USE):
            return value
        for canonical, words in TESTOSTERONE_USE.items():
            if value in words:
                return canonical
        self.add(
            "treatment.testosterone",
            f"be {', '.join(TESTOSTERONE_USE)}",
            shown(value),
            "Leave it out where it is not known",
        )
        return None


_DOSE = Column("anastrozole_mg_week", "number", "Weekly dose.", "mg/wk", *_WEEKLY_DOSE)


def _unit_advice(of: Analyte, value: float, stated: Unit) -> str | None:
    """Name the units in which the number would pass, where there are any."""
    fits = [
        f"{unit.code} ({value * unit.factor:.4g} {of.unit})"
        for unit in of.units
        if unit.factor != stated.factor and of.low <= value * unit.factor <= of.high
    ]
    return f"It reads as {' or '.join(fits)}: check the unit" if fits else None


def is_object(value: object) -> TypeGuard[Mapping[Any, Any]]:
    """Return whether a parsed value is a JSON object.

    Parameters
    ----------
    value : object
        As ``json.loads`` gave it.

    Returns
    -------
    bool
        True for a mapping.
    """
    return isinstance(value, (dict, Mapping))  # the first is quick to tell


@cache
def _units(name: str) -> str:
    """Return the codes of an analyte's units."""
    return " or ".join(unit.code for unit in analyte(name).units)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_float(value: Any) -> float:
    """Return a number as a float, infinite where an integer is too great for one."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _is_part(name: str) -> bool:
    """Say whether a field means a part of testosterone, which the total is not."""
    lowered = name.lower()
    return "testosterone" in lowered and ("free" in lowered or "bio" in lowered)


def _example(of: Analyte, value: object) -> str:
    """Return the bare number received where it could be meant, else a likely one."""
    if _is_number(value) and of.low <= _as_float(value) <= of.high:
        return f"{value}"
    return f"{of.median or of.high / 10:g}"


def shown(value: object) -> str:
    """Return a value for a message: short, and its kind where it is no scalar.

    Parameters
    ----------
    value : object
        As ``json.loads`` gave it.

    Returns
    -------
    str
        At most 40 characters.
    """
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "an array"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and _as_float(value) == math.inf:
        return "an integer too great"  # its digits may be too many to print
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
