"""What the columns of a table are, by their names alone.

A name carries its unit. An analyte without a unit, or with one that is not accepted,
is refused; free testosterone is never read as total; anything else is left unread and
named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from respredict.errors import Problem, nearest
from respredict.schema.analytes import ANALYTES, Analyte, Unit
from respredict.schema.record import COLUMNS, FOLLOWUP_COLUMNS, alternatives, body_columns
from respredict.tables.files import shown

__all__ = ["NAMING_RULES", "Names", "advice", "read_names"]

_WITH_UNIT = "be named with its unit"
_A_MEASUREMENT = "have a measurement with its unit in the name"
#: Of a refusal for names, which a mapping would mend.
NAMING_RULES = frozenset({_WITH_UNIT, _A_MEASUREMENT})

_CANONICAL = {c.name: c for c in COLUMNS}
_FOLLOWUP = {c.measures.name: c for c in FOLLOWUP_COLUMNS if c.measures is not None}
_PREFIX = "followup_"
_BETWEEN = re.compile(r"[\s_./()\[\]-]+")
_UNIT = re.compile(
    r"([fpnumkµμ]c?)?(g|mol|iu|u|l|lit(er|re)s?)(per)?([dcmµμ]?l)?"
    r"|[cdmµμ]l|(m|mm|mio|mill|mn|millions?|x?10(e|\^|\*|\*\*)?6)(per)?([dcm]?l)?"
    r"|percent|pct|perc|%|cc"
)


@dataclass(frozen=True, slots=True)
class Names:
    """What was made of the names.

    Parameters
    ----------
    sources : dict of str to tuple of (str, Unit or None)
        By canonical column: the table's column and its unit where it is another one.
    problems : list of Problem
        Names that are refused.
    notices : list of str
        Names that are left unread, told.
    unread : list of str
        The same names, and the refused ones.
    """

    sources: dict[str, tuple[str, Unit | None]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def read_names(names: Iterable[str], nameless: int = 0) -> Names:
    """Say what each column of a table is.

    Parameters
    ----------
    names : iterable of str
        As they stand in the header, each once.
    nameless : int, default=0
        How many columns have no name.

    Returns
    -------
    Names
        Sources, and what is wrong or left unread.

    Examples
    --------
    >>> read_names(["lh_miu_ml"]).sources["lh_iu_l"][0]
    'lh_miu_ml'
    >>> print(read_names(["LH"]).problems[0])
    LH must be named with its unit, got no unit. Name it lh_iu_l or lh_miu_ml.
    """
    found, others, unknown, free = Names(), alternatives(), [], []
    body = [c.name for c in body_columns()]
    for name in names:
        if name in _CANONICAL:
            _claim(found, name, name, None)
            continue
        if name in others:
            canonical, unit = others[name]
            _claim(found, canonical.name, name, unit)
            continue
        if name in body:
            continue
        found.unread.append(name)
        if "testosterone" in name.lower() and re.search("free|bioavailable", name.lower()):
            free.append(shown(name))
        elif problem := _unit_problem(name):
            found.problems.append(problem)
        else:
            unknown.append(f"{shown(name)}{_aside(name)}")
    if free:
        found.notices.append(f"Not read: {', '.join(free)}; only total testosterone is.")
    if unknown or nameless:
        unknown += [f"{nameless} without a name"] if nameless else []
        found.notices.append(f"Columns not read: {', '.join(unknown)}.")
    _require_a_measurement(found)
    return found


def advice(name: str, known: Iterable[str]) -> str:
    """Return the known name that was likely meant, or an empty string.

    Parameters
    ----------
    name : str
        A column that is not known.
    known : iterable of str
        Those that are.

    Returns
    -------
    str
        The nearest, or an empty string.

    Examples
    --------
    >>> advice("BMI", ["bmi_kg_m2", "age_years"])
    'bmi_kg_m2'
    """
    known = list(known)
    lowered = re.sub(r"[\s.-]+", "_", name.strip().lower())
    close = re.search("'(.+)'", nearest(lowered, known))
    if close:
        return close[1]
    longer = [one for one in known if one.startswith(f"{lowered}_")]
    return longer[0] if longer else ""


def _aside(name: str) -> str:
    meant = advice(name, (*_CANONICAL, *alternatives(), *(c.name for c in body_columns())))
    return f" (did you mean {meant!r}?)" if meant else ""


def _claim(found: Names, canonical: str, name: str, unit: Unit | None) -> None:
    earlier = found.sources.setdefault(canonical, (name, unit))
    if earlier[0] != name:
        got, remedy = f"{earlier[0]} and {name}", "Keep the column of one unit"
        found.problems.append(Problem(canonical, "be given in one unit", got, remedy))


def _unit_problem(name: str) -> Problem | None:
    """Return what is wrong with a name that is an analyte's but for its unit."""
    lowered = name.strip().lower()
    followup = lowered.startswith(_PREFIX)
    stem = lowered.removeprefix(_PREFIX) if followup else lowered
    for of in ANALYTES:
        if not re.match(rf"{of.name}(?![a-z0-9])", re.sub(r"[\s-]", "_", stem)):
            continue
        accepted = _accepted(of, followup=followup)
        suffix = _BETWEEN.sub("", stem[len(of.name) :])
        if not accepted or (suffix and not _UNIT.fullmatch(suffix)):
            return None
        meant = nearest(lowered, accepted) if suffix else ""
        got = f"the unit {shown(stem[len(of.name) :].strip('_ '))}" if suffix else "no unit"
        if lowered in accepted:
            got = "capital letters"
        remedy = f"{meant}Name it {' or '.join(accepted)}"
        return Problem(name[:40], _WITH_UNIT, got, remedy)
    return None


def _accepted(of: Analyte, *, followup: bool) -> list[str]:
    if followup:
        return [_FOLLOWUP[of.name].name] if of.name in _FOLLOWUP else []
    return [of.column_in(unit) for unit in of.units]


def _require_a_measurement(found: Names) -> None:
    known = [c.name for c in COLUMNS if c.kind == "measurement"]
    if found.problems or any(name in found.sources for name in known):
        return
    remedy = " ".join((f"Name one as in {known[0]}.", *found.notices)).rstrip(".")
    found.problems.append(Problem("the table", _A_MEASUREMENT, "none", remedy))
