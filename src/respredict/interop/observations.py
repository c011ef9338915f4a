"""The readings of one man among the Observations of FHIR R4 resources: the newest of each.

What could be another man's, another day's or another unit's is never taken: it is told.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from respredict.interop.codes import CODES, FREE, LOINC, UCUM, Code, find_alias, find_unit
from respredict.interop.issues import Issue
from respredict.interop.resources import Resource
from respredict.schema.analytes import ANALYTES
from respredict.schema.reader import is_object, shown

__all__ = ["Reading", "day_of", "readings_of"]

#: Statuses whose value counts; the others are drafts, mistakes or withdrawn.
COUNTED = ("final", "amended", "corrected")
_STATUSES = (*COUNTED, "registered", "preliminary", "cancelled", "entered-in-error", "unknown")
_GREATEST = 1e300
_COMPARATORS = ("<", "<=", ">=", ">")
#: FHIR's dateTime with a whole day; a year or a month does not say when blood was drawn.
_DATE_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)"
    r"(T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-](0\d|1[0-4]):[0-5]\d))?",
    re.ASCII,
)
_MEASURED = {of.name for of in ANALYTES}


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading, in a unit that a request takes.

    Parameters
    ----------
    field : str
        Of a request.
    path : str
        FHIRPath expression of its Observation.
    value : float
        In ``unit``.
    unit, comparator : str
        As a request takes them.
    moment : datetime
        When it was taken, aware.
    reference : str
        To its Observation; empty if it has none.
    """

    field: str
    path: str
    value: float
    unit: str
    comparator: str
    moment: datetime.datetime
    reference: str

    @property
    def day(self) -> datetime.date:
        """The day on which it was taken, where it was taken."""
        return self.moment.date()


def readings_of(
    found: Iterable[Resource], issues: list[Issue], *, today: datetime.date
) -> dict[str, list[Reading]]:
    """Read the counted Observations, of each field the newest first.

    Parameters
    ----------
    found : iterable of Resource
        Observations; those of other codes are passed over.
    issues : list of Issue
        Takes what is wrong.
    today : date
        No reading is later than tomorrow.

    Returns
    -------
    dict of str to list of Reading
        By field. Two of one moment that differ are an issue.
    """
    readings: dict[str, list[Reading]] = {}
    for one in found:
        codes = _codes(one, issues)
        if not codes or not _counts(one, issues):
            continue
        read = _read(one, codes, issues, today)
        if read is not None:
            readings.setdefault(read.field, []).append(read)
    for of in readings.values():
        of.sort(key=lambda reading: reading.moment, reverse=True)
        _check_one(of, issues)
    return readings


def day_of(written: object) -> datetime.date | None:
    """Return the day of a FHIR date or dateTime, None where it is not a whole one.

    Parameters
    ----------
    written : object
        As JSON has it.

    Returns
    -------
    date or None
        As the clock there said.

    Examples
    --------
    >>> day_of("2026-10-02T08:15:00+02:00"), day_of("2026-10"), day_of("last week")
    (datetime.date(2026, 10, 2), None, None)
    """
    found = _DATE_TIME.fullmatch(written) if isinstance(written, str) else None
    try:
        return datetime.date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


def _codes(one: Resource, issues: list[Issue]) -> list[Code]:
    """Return the codes of one field that are read, none where there are none."""
    coded = one.body.get("code")
    codings = coded.get("coding") if is_object(coded) else None
    named = [
        str(c.get("code"))
        for c in (codings if isinstance(codings, list) else ())
        if is_object(c) and c.get("system") == LOINC
    ]
    known = [CODES[code] for code in named if code in CODES]
    meant = {code.field: None for code in known}
    if any(code in FREE for code in named) and known:
        meant["free testosterone"] = None
    if len(meant) > 1:
        issues.append(Issue(f"{one.path}.code", "mean one measurement", " and ".join(meant),
                            "Send one each", code="code-invalid"))  # fmt: skip
        return []
    return known


def _counts(one: Resource, issues: list[Issue]) -> bool:
    """Whether a value stands there that counts."""
    status = one.body.get("status")
    if status not in _STATUSES:
        issues.append(Issue(f"{one.path}.status", f"be one of {', '.join(_STATUSES)}",
                            "nothing" if status is None else shown(status),
                            "Send the status of the report",
                            code="required" if status is None else "code-invalid"))  # fmt: skip
    absent = "dataAbsentReason" in one.body and not _values(one)
    return status in COUNTED and not absent


def _values(one: Resource) -> list[str]:
    return [name for name in one.body if name.startswith("value")]


def _read(
    one: Resource, codes: Sequence[Code], issues: list[Issue], today: datetime.date
) -> Reading | None:
    moment, quantity = _moment(one, issues, today), _quantity(one, codes, issues)
    if moment is None or quantity is None:
        return None
    return Reading(codes[0].field, one.path, *quantity, moment, one.reference)


def _moment(
    one: Resource, issues: list[Issue], today: datetime.date
) -> datetime.datetime | None:  # fmt: skip
    """Return when it was taken; a reading without a whole day is an issue."""
    period = one.body.get("effectivePeriod")
    start = period.get("start") if is_object(period) else None
    places = {"effectiveDateTime": one.body.get("effectiveDateTime"),
              "effectiveInstant": one.body.get("effectiveInstant"),
              "effectivePeriod.start": start}  # fmt: skip
    name, written = next(
        ((n, w) for n, w in places.items() if w is not None), ("effectiveDateTime", None)
    )
    day = day_of(written)
    if day is None:
        issues.append(Issue(f"{one.path}.{name}", "be a whole day, or a time on it",
                            "nothing" if written is None else shown(written),
                            "Send when the sample was taken, as 2026-10-02",
                            code="required" if written is None else "value"))  # fmt: skip
        return None
    if day > today + datetime.timedelta(days=1):
        issues.append(Issue(f"{one.path}.{name}", f"be {today} or earlier", day.isoformat(),
                            "Check the date", code="business-rule"))  # fmt: skip
        return None
    moment = datetime.datetime.fromisoformat(str(written))
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def _quantity(
    one: Resource, codes: Sequence[Code], issues: list[Issue]
) -> tuple[float, str, str] | None:
    """Return value, unit and comparator as a request takes them."""
    at, said, names = f"{one.path}.valueQuantity", one.body.get("valueQuantity"), _values(one)
    before = len(issues)
    if not is_object(said) or len(names) > 1 or "dataAbsentReason" in one.body:
        got = " and ".join(names + ["dataAbsentReason"] * ("dataAbsentReason" in one.body))
        remedy = "Send the number with its unit; <20 as value 20 and comparator <"
        code = "structure" if is_object(said) else "required"
        issues.append(Issue(at, "be a Quantity, and all there is", got or "nothing", remedy,
                            code=code))  # fmt: skip
        return None
    value, comparator = said.get("value"), said.get("comparator")
    if isinstance(value, bool) or not isinstance(value, int | float):
        got = "nothing" if value is None else shown(value)
        issues.append(Issue(f"{at}.value", "be a number", got, "Send a decimal, without quotes",
                            code="required" if value is None else "value"))  # fmt: skip
    if comparator is not None and comparator not in _COMPARATORS:
        issues.append(Issue(f"{at}.comparator", f"be one of {', '.join(_COMPARATORS)}",
                            shown(comparator), "Leave it out of an exact value",
                            code="code-invalid"))  # fmt: skip
    elif comparator is not None and codes[0].field not in _MEASURED:
        issues.append(Issue(f"{at}.comparator", f"be left out of {codes[0].field}",
                            shown(comparator), "Send the value itself"))  # fmt: skip
    unit = _unit(said, at, codes, issues)
    if value is None or unit is None or len(issues) > before:
        return None
    number = float(value) if abs(value) < _GREATEST else math.inf  # which a request refuses
    # Twelve digits are more than any laboratory reports, and hide what the factor rounds.
    return float(f"{number * unit[1]:.12g}"), unit[0], comparator or ""


def _unit(
    said: Mapping[Any, Any], at: str, codes: Sequence[Code], issues: list[Issue]
) -> tuple[str, float] | None:
    """Return the unit that is meant: by its UCUM code, which the words beside it must bear out."""
    system, coded, words = said.get("system"), said.get("code"), said.get("unit")
    if system not in (None, UCUM):
        issues.append(Issue(f"{at}.system", f"be {UCUM}", shown(system), "Send UCUM units",
                            code="code-invalid"))  # fmt: skip
        return None
    name, written = ("code", coded) if coded is not None else ("unit", words)
    find = find_unit if system == UCUM and name == "code" else find_alias
    found = next((u for c in codes if (u := find(c, written)) is not None), None)
    if found is None:
        taken = " or ".join(dict.fromkeys(unit for code in codes for unit in code.units))
        issues.append(Issue(f"{at}.{name}", f"be {taken} for LOINC {codes[0].code}",
                            "nothing" if written is None else shown(written),
                            "Send the unit of the laboratory's report, or the code that fits it",
                            code="required" if written is None else "code-invalid"))  # fmt: skip
    elif coded is not None and words is not None and codes[0].field in _MEASURED:
        borne_out = any(find_alias(code, words) == found for code in codes)
        if not borne_out:
            issues.append(Issue(f"{at}.unit", f"mean {shown(coded)}, the code beside it",
                                shown(words), "Send one unit", code="code-invalid"))  # fmt: skip
    return found


def _check_one(of: Sequence[Reading], issues: list[Issue]) -> None:
    """Tell where the newest is not one: another value of the same moment."""
    first = of[0]
    for other in of[1:]:
        same = (first.value, first.unit, first.comparator)
        if other.moment == first.moment and same != (other.value, other.unit, other.comparator):
            got = f"another value in {other.path}"
            issues.append(Issue(first.path, f"be the only {first.field} of its moment", got,
                                "Send the one that counts", code="business-rule"))  # fmt: skip
            return
