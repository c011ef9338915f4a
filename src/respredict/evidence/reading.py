"""Read the tables of published facts, and refuse a row that does not say where it is from.

==========  ==================================================================
status      the number was
==========  ==================================================================
``V``       read in a source text
``V-abs``   read in the paper's abstract
``V-tab``   read in the paper's table
``V-2nd``   stated by a secondary page, not read in the paper itself
``D``       derived here by arithmetic or simulation, or set here; ``derivation`` says how
==========  ==================================================================

There is no status for a number from memory, so such a row cannot be loaded.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any

from respredict.errors import InputError, Problem, nearest
from respredict.evidence.records import Citation, Fact, Rule
from respredict.schema.analytes import ANALYTES

__all__ = ["read_citations", "read_table"]

_STATUSES = ("V", "V-abs", "V-tab", "V-2nd", "D")
_OPERATORS = (">=", ">", "<")
_COMMON = ("id", "what", "status", "citation", "derivation", "note")
_CITATION_KEYS = ("text", "pmid", "doi", "address", "corrects")
_KEY = re.compile(r"[a-z][a-z0-9_]*")
_RULE_UNITS = {a.name: a.unit for a in ANALYTES} | {
    "age": "a", "bmi": "kg/m2", "t_e2": "", "t_lh": "",
}  # fmt: skip


def read_citations(path: Traversable) -> Mapping[str, Citation]:
    """Read a file of citations, one table a source.

    Parameters
    ----------
    path : path-like
        A TOML file; each key holds ``text`` and may hold ``pmid``, ``doi``,
        ``address`` and ``corrects``.

    Returns
    -------
    mapping of str to Citation
        By key.

    Raises
    ------
    InputError
        If an entry has no text or an unknown key.
    """
    told = tomllib.loads(path.read_text(encoding="utf-8"))
    problems = [
        Problem(
            f"{path.name} [{key}]",
            f"have text and otherwise only {', '.join(_CITATION_KEYS[1:])}",
            ", ".join(entry) or "nothing",
            "Write the citation as text = '...'",
        )
        for key, entry in told.items()
        if not entry.get("text") or set(entry) - set(_CITATION_KEYS)
    ]
    if problems:
        raise InputError(problems)
    return MappingProxyType({key: Citation(key, **entry) for key, entry in told.items()})


def read_table(path: Traversable, citations: Mapping[str, Citation]) -> tuple[Fact, ...]:
    """Read a file of facts, ``[[row]]`` after ``[[row]]``, and check every row.

    Parameters
    ----------
    path : path-like
        A TOML file; its name without the ending is the table's name.
    citations : mapping of str to Citation
        The sources a row may cite.

    Returns
    -------
    tuple of Fact
        In the order of the file.

    Raises
    ------
    InputError
        Telling every problem of every row: no source, an unknown status, a
        derived number without its derivation, an id given twice.
    """
    rows = tomllib.loads(path.read_text(encoding="utf-8")).get("row", [])
    ids = [row.get("id") for row in rows]
    problems = [
        Problem(f"{path.name} row {row.get('id', at)!r}", rule, got, remedy)
        for at, row in enumerate(rows, start=1)
        for rule, got, remedy in _row_problems(row, ids, citations)
    ]
    if problems:
        raise InputError(problems)
    return tuple(_as_fact(path.name.removesuffix(".toml"), row, citations) for row in rows)


def _row_problems(
    row: Mapping[str, Any], ids: list[Any], citations: Mapping[str, Citation]
) -> Iterator[tuple[str, str, str]]:
    """Tell every (rule, got, remedy) that one row breaks."""
    if not _KEY.fullmatch(str(row.get("id", ""))):
        yield "have an id of small letters, digits and _", repr(row.get("id")), "Name the row"
    elif ids.count(row["id"]) > 1:
        yield "have an id of its own", repr(row["id"]), "Rename one of the rows"
    if not row.get("what"):
        yield "say what it is about", "no 'what'", "Add what = '...'"
    status = row.get("status")
    if status not in _STATUSES:
        yield (
            f"have one of the statuses {', '.join(_STATUSES)}",
            repr(status),
            "Read the number in a source, or leave the row out",
        )
    if status == "D" and not row.get("derivation"):
        yield "say how it was derived", "no 'derivation'", "Add derivation = '...'"
    if status != "D" and not row.get("citation"):
        yield "cite a source", "no 'citation'", "Add citation = ['key of citations.toml']"
    if not isinstance(row.get("citation", []), list):
        yield "cite by a list of keys", repr(row["citation"]), "Write citation = ['key']"
        return
    for key in row.get("citation", ()):
        if key not in citations:
            advice = f"{nearest(key, citations)}Add it to citations.toml"
            yield "cite a known source", repr(key), advice
    for value in _numbers(row):
        if not math.isfinite(value):
            yield "hold finite numbers", repr(value), "Leave out what is not known"
    for rule in row.get("rule", ()):
        yield from _rule_problems(rule)


def _rule_problems(rule: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    if set(rule) != {"quantity", "op", "threshold", "unit"} or rule["op"] not in _OPERATORS:
        wanted = f"have rules of quantity, op ({', '.join(_OPERATORS)}), threshold and unit"
        yield wanted, repr(dict(rule)), "Complete the rule"
    elif _RULE_UNITS.get(rule["quantity"]) != rule["unit"]:
        got = f"{rule['quantity']!r} in {rule['unit']!r}"
        yield "set its rules in canonical units of known quantities", got, "See schema.analytes"


def _numbers(value: Any) -> Iterator[float]:
    """Yield every number in a row, however deep it stands."""
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _numbers(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _numbers(inner)
    elif isinstance(value, int | float):
        yield value


def _as_fact(table: str, row: Mapping[str, Any], citations: Mapping[str, Citation]) -> Fact:
    own = {name: _frozen(v) for name, v in row.items() if name not in (*_COMMON, "rule")}
    return Fact(
        table=table,
        id=row["id"],
        what=row["what"],
        status=row["status"],
        citations=tuple(citations[key] for key in row.get("citation", ())),
        derivation=row.get("derivation", ""),
        note=row.get("note", ""),
        rules=tuple(Rule(**rule) for rule in row.get("rule", ())),
        fields=MappingProxyType(own),
    )


def _frozen(value: Any) -> Any:
    return tuple(_frozen(inner) for inner in value) if isinstance(value, list) else value
