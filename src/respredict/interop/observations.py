"""The readings of one man among the Observations of a FHIR R4 resource: the newest of each."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from respredict.interop.codes import CODES, LOINC, UCUM, Code, find_unit
from respredict.interop.issues import Issue
from respredict.schema.reader import is_object, shown

__all__ = ["Reading", "Resource", "day_of", "newest"]

#: Statuses whose value counts; the others are drafts, mistakes or withdrawn.
COUNTED = ("final", "amended", "corrected")
_STATUSES = (*COUNTED, "registered", "preliminary", "cancelled", "entered-in-error", "unknown")
_GREATEST = 1e300
_COMPARATORS = ("<", "<=", ">=", ">")
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(T\d\d:\d\d.*)?)?)?")
_DATES = ("effectiveDateTime", "effectiveInstant", "issued")


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource where it stands.

    Parameters
    ----------
    path : str
        FHIRPath expression.
    body : mapping
        Its JSON object.
    full_url : str, default=""
        By which the Bundle names it.
    """

    path: str
    body: Mapping[str, Any]
    full_url: str = ""

    @property
    def reference(self) -> str:
        """How it is referred to; empty if it has no name."""
        named = self.body.get("id")
        relative = f"{self.body['resourceType']}/{named}" if isinstance(named, str) else ""
        return self.full_url or relative


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
    day : date or None
        On which it was taken.
    reference : str
        To its Observation.
    """

    field: str
    path: str
    value: float
    unit: str
    comparator: str
    day: datetime.date | None
    reference: str


def newest(found: Iterable[Resource], issues: list[Issue]) -> dict[str, Reading]:
    """Read the newest counted Observation of each field.

    Parameters
    ----------
    found : iterable of Resource
        Observations; those of other codes are passed over.
    issues : list of Issue
        Takes what is wrong with those that would be read.

    Returns
    -------
    dict of str to Reading
        By field. Of the same moment, the first listed.
    """
    latest: dict[str, tuple[datetime.datetime, Resource, Code]] = {}
    for one in found:
        code = _code(one, issues)
        if code is None or not _counts(one, issues):
            continue
        moment = _moment(one, issues)
        if code.field not in latest or moment > latest[code.field][0]:
            latest[code.field] = (moment, one, code)
    readings: dict[str, Reading] = {}
    for field, (moment, one, code) in latest.items():
        read = _quantity(one, code, issues)
        if read is not None:
            day = None if moment == _NEVER else moment.date()
            readings[field] = Reading(field, one.path, *read, day, one.reference)
    return readings


def day_of(written: object) -> datetime.date | None:
    """Return the first day of a FHIR date or dateTime, None if it is none.

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
    >>> day_of("2026-10"), day_of("2026-10-02T08:15:00+02:00"), day_of("last week")
    (datetime.date(2026, 10, 1), datetime.date(2026, 10, 2), None)
    """
    found = _DATE.fullmatch(written) if isinstance(written, str) else None
    if found is None:
        return None
    try:
        return datetime.date(*(int(part or 1) for part in found.groups()[:3]))
    except ValueError:
        return None


_NEVER = datetime.datetime.min.replace(tzinfo=datetime.UTC)


def _code(one: Resource, issues: list[Issue]) -> Code | None:
    """Return the one code that is read, None where there is none."""
    coded = one.body.get("code")
    codings = coded.get("coding") if is_object(coded) else None
    known = {
        CODES[c["code"]].field: CODES[c["code"]]
        for c in (codings if isinstance(codings, list) else ())
        if is_object(c) and c.get("system") == LOINC and str(c.get("code")) in CODES
    }
    if len(known) > 1:
        got = " and ".join(known)
        issues.append(Issue(f"{one.path}.code", "mean one measurement", got, "Send one each",
                            code="code-invalid"))  # fmt: skip
        return None
    return next(iter(known.values()), None)


def _counts(one: Resource, issues: list[Issue]) -> bool:
    status = one.body.get("status")
    if status not in _STATUSES:
        issues.append(Issue(f"{one.path}.status", f"be one of {', '.join(_STATUSES)}",
                            "nothing" if status is None else shown(status),
                            "Send the status of the report",
                            code="required" if status is None else "code-invalid"))  # fmt: skip
    return status in COUNTED


def _moment(one: Resource, issues: list[Issue]) -> datetime.datetime:
    """Return when it was taken, the least of all moments where that is not said."""
    period = one.body.get("effectivePeriod")
    start = period.get("start") if is_object(period) else None
    places = {name: one.body.get(name) for name in _DATES[:2]}
    places |= {"effectivePeriod.start": start, "issued": one.body.get("issued")}
    name, written = next(((n, w) for n, w in places.items() if w is not None), ("", None))
    if not name:
        return _NEVER
    day = day_of(written)
    if day is None:
        issues.append(Issue(f"{one.path}.{name}", "be a FHIR dateTime", shown(written),
                            "Send it as 2026-10-02"))  # fmt: skip
        return _NEVER
    try:
        moment = datetime.datetime.fromisoformat(str(written))
    except ValueError:  # a year, or a month
        moment = datetime.datetime(day.year, day.month, day.day, tzinfo=datetime.UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def _quantity(one: Resource, code: Code, issues: list[Issue]) -> tuple[float, str, str] | None:
    """Return value, unit and comparator as a request takes them."""
    at, said = f"{one.path}.valueQuantity", one.body.get("valueQuantity")
    before = len(issues)
    if said is None and "dataAbsentReason" in one.body:
        return None
    if not is_object(said):
        other = next((name for name in one.body if name.startswith("value")), "nothing")
        remedy = "Send the number with its unit; <20 as value 20 and comparator <"
        issues.append(Issue(at, "be a Quantity", other, remedy, code="required"))
        return None
    value, comparator = said.get("value"), said.get("comparator") or ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        got = "nothing" if value is None else shown(value)
        issues.append(Issue(f"{at}.value", "be a number", got, "Send a decimal, without quotes",
                            code="required" if value is None else "value"))  # fmt: skip
    if comparator and comparator not in _COMPARATORS:
        issues.append(Issue(f"{at}.comparator", f"be one of {', '.join(_COMPARATORS)}",
                            shown(comparator), "Leave it out of an exact value",
                            code="code-invalid"))  # fmt: skip
    unit = _unit(said, at, code, issues)
    if value is None or unit is None or len(issues) > before:
        return None
    # Twelve digits are more than any laboratory reports, and hide what the factor rounds.
    number = float(value) if abs(value) < _GREATEST else math.inf  # which a request refuses
    return float(f"{number * unit[1]:.12g}"), unit[0], comparator


def _unit(
    said: Mapping[Any, Any], at: str, code: Code, issues: list[Issue]
) -> tuple[str, float] | None:
    system, name = said.get("system"), "code" if said.get("code") is not None else "unit"
    written = said.get(name)
    if system not in (None, UCUM):
        issues.append(Issue(f"{at}.system", f"be {UCUM}", shown(system), "Send UCUM units",
                            code="code-invalid"))  # fmt: skip
        return None
    found = find_unit(code, written) if isinstance(written, str) else None
    if found is None:
        taken, got = " or ".join(code.units), "nothing" if written is None else shown(written)
        issues.append(Issue(f"{at}.{name}", f"be {taken} for LOINC {code.code}", got,
                            "Send the unit of the laboratory's report, or the code that fits it",
                            code="required" if written is None else "code-invalid"))  # fmt: skip
    return found
