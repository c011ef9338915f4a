"""What is wrong with a ``mapping.toml``, all of it, before any row is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from respredict.errors import Problem, nearest
from respredict.tables.delimited import ENCODINGS, SEPARATORS, shown
from respredict.tables.targets import TARGETS

__all__ = ["DAYS", "ENTRY", "MAPPING", "WHOLE", "columns_of", "mapping_problems"]

MAPPING = "mapping.toml"
DAYS = "followup_days"
#: What is said of the whole table, and of each section.
WHOLE = {"file": str, "missing": list, "encoding": str, "separator": str, "decimal": str}
ENTRY = {
    "column": str, "unit": str, "values": dict, "from": str, "to": str, "dates": str,
    "confirmed": bool,
}  # fmt: skip
_CHOICES: dict[str, tuple[str, ...]] = {
    "encoding": tuple(ENCODINGS), "separator": tuple(SEPARATORS), "decimal": (".", ","),
}  # fmt: skip
_WORDS = {str: "text", list: "a list", dict: "a table of values", bool: "true or false"}


def columns_of(entry: Mapping[str, Any]) -> set[str]:
    """Return the columns of the table that a section takes.

    Parameters
    ----------
    entry : mapping
        The section.

    Returns
    -------
    set of str
        As they stand in the table.

    Examples
    --------
    >>> sorted(columns_of({"from": "Visit", "to": "Control", "dates": "%d.%m.%Y"}))
    ['Control', 'Visit']
    """
    return {entry[key] for key in ("column", "from", "to") if key in entry}


def mapping_problems(written: Mapping[str, Any]) -> Iterator[Problem]:
    r"""Tell what is wrong with a mapping.

    Parameters
    ----------
    written : mapping
        As TOML has it.

    Yields
    ------
    Problem
        Guesses that nobody confirmed among them.

    Examples
    --------
    >>> [problem] = mapping_problems({"file": "men.csv", "separator": "#"})
    >>> print(problem)
    mapping.toml separator must be ',', ';', '\t' or '|', got '#'. Use one of these.
    """
    for name, value in written.items():
        where = f"{MAPPING} {name}"
        if name in WHOLE:
            if not isinstance(value, WHOLE[name]):
                yield Problem(where, f"be {_WORDS[WHOLE[name]]}", shown(value), "Mend it")
            elif name in _CHOICES and value not in _CHOICES[name]:
                *some, last = (repr(mark) for mark in _CHOICES[name])
                rule = f"be {', '.join(some)} or {last}"
                yield Problem(where, rule, shown(value), "Use one of these")
        elif name not in TARGETS:
            remedy = f"{nearest(name, TARGETS)}Use {', '.join(TARGETS)}"
            yield Problem(where, "be one of ours", "an unknown one", remedy)
        elif not isinstance(value, dict):
            yield Problem(where, "be a section", shown(value), f"Write [{name}] and column = ...")
        else:
            yield from _entry_problems(name, where, value)


def _entry_problems(name: str, where: str, entry: Mapping[str, Any]) -> Iterator[Problem]:
    for key, value in entry.items():
        if key not in ENTRY:
            remedy = f"{nearest(key, ENTRY)}Use {', '.join(ENTRY)}"
            yield Problem(f"{where}.{key}", "be a known key", "an unknown one", remedy)
        elif not isinstance(value, ENTRY[key]):
            yield Problem(f"{where}.{key}", f"be {_WORDS[ENTRY[key]]}", shown(value), "Mend it")
    dated = name == DAYS and {"from", "to"} <= set(entry)
    if "column" not in entry and not dated:
        yield Problem(where, "name a column of the table", "none", "Write column = ...")
    units, unit = TARGETS[name], entry.get("unit", "")
    if not dated and isinstance(unit, str) and unit not in units:
        remedy = f"{nearest(unit, units)}Use {' or '.join(repr(u) for u in units)}"
        got = shown(unit) if unit else "none"
        yield Problem(f"{where}.unit", "be an accepted unit", got, remedy)
    if entry.get("confirmed") is False:
        what = ", ".join(repr(one) for one in sorted(columns_of(entry)))
        in_unit = f" in {unit}" if unit else ""
        remedy = f"Look whether {what} is {name}{in_unit}, then write confirmed = true"
        yield Problem(where, "be confirmed", "a guess", remedy)
