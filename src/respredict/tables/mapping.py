"""``mapping.toml``: a clinic's own column names, units and codes, beside its table.

It belongs to the table that its ``file`` names; every command that reads the table reads it
through the mapping, or through the one that ``--mapping`` names. Each section is one of ours::

    file = "clinic.csv"
    missing = ["ND"]

    [testosterone]
    column = "Total T"
    unit = "nmol/L"
    [clomiphene]
    column = "Clomid"
    values = {yes = 1, no = 0}
    [followup_days]
    from = "Visit"
    to = "Control"
    dates = "%d.%m.%Y"

A section with ``confirmed = false`` is a guess that somebody has to look at; until then
the table is refused.
"""

from __future__ import annotations

import datetime
import hashlib
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from respredict.errors import CohortError, Problem, nearest
from respredict.schema.quantities import parse_measurement
from respredict.tables.files import Table, objects, shown
from respredict.tables.mapping_named import named_for
from respredict.tables.targets import TARGETS, outputs

__all__ = ["MAPPING", "ColumnMapping", "read_mapping"]

MAPPING = "mapping.toml"
_WHOLE = {"file": str, "missing": list, "decimal": str}
_ENTRY = {
    "column": str, "unit": str, "values": dict, "from": str, "to": str, "dates": str,
    "confirmed": bool,
}  # fmt: skip
_DAYS = "followup_days"


@dataclass(frozen=True)
class ColumnMapping:
    """How the columns of one table are read.

    Parameters
    ----------
    entries : mapping of str to mapping
        By the name of ours: what the file says of it.
    missing : frozenset of str
        Cells that say nothing, in lower case.
    decimal : str
        Mark of decimals.
    sha256 : str
        Digest of the file.
    """

    entries: Mapping[str, Mapping[str, Any]]
    missing: frozenset[str] = frozenset()
    decimal: str = "."
    sha256: str = field(default="", compare=False)

    @property
    def notice(self) -> str:
        """What a reader of the table should know."""
        return f"Read through {MAPPING} (sha256 {self.sha256[:12]}): {', '.join(self.entries)}."

    def of_columns(self, columns: Collection[str]) -> ColumnMapping:
        """Return the part of it that takes no other columns than these.

        Parameters
        ----------
        columns : collection of str
            As they stand in the file.

        Returns
        -------
        ColumnMapping
            For a part of the table.
        """
        kept = {n: e for n, e in self.entries.items() if _used(e) <= set(columns)}
        return ColumnMapping(kept, self.missing, self.decimal, self.sha256)

    def sources(self, wanted: Collection[str]) -> frozenset[str]:
        """Return the columns of the table from which wanted ones of ours are made.

        Parameters
        ----------
        wanted : collection of str
            Columns, as they are named behind the mapping.

        Returns
        -------
        frozenset of str
            As they stand in the file.
        """
        found = set(wanted)
        for name, entry in self.entries.items():
            if outputs(name, entry.get("unit", ""))[0] in wanted:
                found |= _used(entry)
        return frozenset(found)

    def apply(self, table: Table) -> Table:
        """Return the table under our names.

        Parameters
        ----------
        table : Table
            As read.

        Returns
        -------
        Table
            Columns that no section names keep theirs.

        Raises
        ------
        CohortError
            If a column named is not there, a date is none, or one of ours is there twice.
        """
        there = {**table.cells, **dict.fromkeys(table.refused)}
        problems: list[Problem] = []
        cells: dict[str, NDArray[Any]] = {}
        used = {name for entry in self.entries.values() for name in _used(entry)}
        for name, entry in self.entries.items():
            target, factor = outputs(name, entry.get("unit", ""))
            if target in there and target not in used:
                remedy = f"Drop the column or the section [{name}]"
                problems.append(Problem(target, "be given once", "a column and a mapping", remedy))
            absent = [one for one in _used(entry) if one not in there]
            for one in absent:
                remedy = f"{nearest(one, there)}Name a column of the table"
                got = f"{shown(one)}, which is not in the table"
                problems.append(Problem(f"{MAPPING} {name}", "name a column", got, remedy))
            if absent:
                continue
            if name == _DAYS and "from" in entry:
                cells[target] = self._days(entry, table, problems)
            else:
                cells[target] = self._column(entry, factor, table.cells[entry["column"]])
        if problems:
            raise CohortError(problems)
        kept = {name: of for name, of in table.cells.items() if name not in used}
        return Table(kept | cells, table.rows, table.sha256, table.refused, table.nameless)

    def _column(self, entry: Mapping[str, Any], factor: float, cells: NDArray[Any]) -> NDArray[Any]:
        values = {str(k).strip().casefold(): v for k, v in entry.get("values", {}).items()}
        unit = str(entry.get("unit", "")).casefold()
        if cells.dtype == np.float64 and not values and not self.missing:
            return cells * factor
        return objects([self._cell(cell, values, unit, factor) for cell in cells])

    def _cell(self, cell: Any, values: Mapping[str, Any], unit: str, factor: float) -> Any:
        if cell is None or (isinstance(cell, float) and np.isnan(cell)):
            return None
        text = f"{cell:g}" if isinstance(cell, float) else str(cell).strip()
        lowered = text.casefold()
        if lowered in self.missing:
            return ""
        if lowered in values:
            return str(values[lowered])
        if unit and lowered.endswith(unit):
            text = text[: -len(unit)].strip()
        if self.decimal != ".":
            text = text.replace(self.decimal, ".")
        if factor == 1.0:
            return text
        try:
            value, side = parse_measurement(text)
        except ValueError:
            return text  # the reader says what is wrong with it
        return f"{side}{value * factor!r}"

    def _days(
        self, entry: Mapping[str, Any], table: Table, problems: list[Problem]
    ) -> NDArray[Any]:
        both = [self._dates(entry, entry[key], table, problems) for key in ("from", "to")]
        return objects([
            "" if a is None or b is None else str((b - a).days) for a, b in zip(*both, strict=True)
        ])  # fmt: skip

    def _dates(
        self, entry: Mapping[str, Any], column: str, table: Table, problems: list[Problem]
    ) -> list[datetime.date | None]:
        written = entry.get("dates", "%Y-%m-%d")
        found: list[datetime.date | None] = []
        wrong: list[int] = []
        for row, cell in enumerate(table.cells[column], 1):
            text = "" if cell is None else str(cell).strip()
            found.append(None)
            if not text or text.casefold() in self.missing:
                continue
            try:
                found[-1] = datetime.datetime.strptime(text, written).date()
            except ValueError:
                wrong.append(row)
        if wrong:
            rule, remedy = f"be dates as {written}", f"Mend them, or dates in {MAPPING}"
            problems.append(Problem(column, rule, "others", remedy, tuple(wrong)))
        return found


def read_mapping(table: Path, file: Path | None = None) -> ColumnMapping | None:
    """Read the mapping of a table.

    Parameters
    ----------
    table : Path
        Of the table.
    file : Path or None, default=None
        The mapping, whatever table it names. If None, what ``read_through`` named; else
        ``mapping.toml`` beside the table, where its ``file`` names the table.

    Returns
    -------
    ColumnMapping or None
        None where the table has none.

    Raises
    ------
    CohortError
        With everything that is wrong with it, guesses that nobody confirmed among it.
    """
    file = file or named_for(table)
    where = file or table.parent / MAPPING
    try:
        raw = where.read_bytes()
        written = tomllib.loads(raw.decode("utf-8-sig"))
    except FileNotFoundError as error:
        if file is None:
            return None
        raise CohortError(_unreadable(where, "none")) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CohortError(_unreadable(where, str(error))) from error
    if file is None and written.get("file") != table.name:
        return None
    problems = list(_problems(written))
    if problems:
        raise CohortError(problems)
    entries = {name: entry for name, entry in written.items() if name not in _WHOLE}
    missing = frozenset(str(code).strip().casefold() for code in written.get("missing", ()))
    digest = hashlib.sha256(raw).hexdigest()
    return ColumnMapping(entries, missing, written.get("decimal", "."), digest)


def _unreadable(where: Path, got: str) -> Problem:
    return Problem(where.name, "be readable TOML in UTF-8", got, "Mend or remove it")


def _used(entry: Mapping[str, Any]) -> set[str]:
    return {entry[key] for key in ("column", "from", "to") if key in entry}


def _problems(written: Mapping[str, Any]) -> Iterator[Problem]:
    for name, value in written.items():
        where = f"{MAPPING} {name}"
        if name in _WHOLE:
            if not isinstance(value, _WHOLE[name]):
                yield Problem(where, f"be a {_WHOLE[name].__name__}", shown(value), "Mend it")
        elif name not in TARGETS:
            remedy = f"{nearest(name, TARGETS)}Use {', '.join(TARGETS)}"
            yield Problem(where, "be one of ours", "an unknown one", remedy)
        elif not isinstance(value, dict):
            yield Problem(where, "be a section", shown(value), f"Write [{name}] and column = ...")
        else:
            yield from _entry_problems(name, where, value)


def _entry_problems(name: str, where: str, entry: Mapping[str, Any]) -> Iterator[Problem]:
    for key, value in entry.items():
        if key not in _ENTRY:
            remedy = f"{nearest(key, _ENTRY)}Use {', '.join(_ENTRY)}"
            yield Problem(f"{where}.{key}", "be a known key", "an unknown one", remedy)
        elif not isinstance(value, _ENTRY[key]):
            rule = f"be a {_ENTRY[key].__name__}"
            yield Problem(f"{where}.{key}", rule, shown(value), "Mend it")
    dated = name == _DAYS and {"from", "to"} <= set(entry)
    if "column" not in entry and not dated:
        yield Problem(where, "name a column of the table", "none", "Write column = ...")
    units, unit = TARGETS[name], entry.get("unit", "")
    if not dated and isinstance(unit, str) and unit not in units:
        remedy = f"{nearest(unit, units)}Use {' or '.join(repr(u) for u in units)}"
        got = shown(unit) if unit else "none"
        yield Problem(f"{where}.unit", "be an accepted unit", got, remedy)
    if entry.get("confirmed") is False:
        what = ", ".join(repr(one) for one in sorted(_used(entry)))
        in_unit = f" in {unit}" if unit else ""
        remedy = f"Look whether {what} is {name}{in_unit}, then write confirmed = true"
        yield Problem(where, "be confirmed", "a guess", remedy)
