"""``mapping.toml``: a clinic's own column names, units and codes, beside its table.

It belongs to the table that its ``file`` names; every command that reads the table reads it
through the mapping, or through the one that ``--mapping`` names. Each section is one of ours;
``data/README.md`` shows every key::

    file = "clinic.csv"
    encoding = "windows-1252"
    separator = ";"
    decimal = ","
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

import hashlib
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from respredict.errors import CohortError, Problem, nearest
from respredict.schema.quantities import parse_measurement
from respredict.schema.record import COLUMNS, alternatives, body_columns
from respredict.tables.delimited import COMMA, PLAIN, UTF_8, Dialect, shown
from respredict.tables.files import Table, objects
from respredict.tables.mapping_checks import DAYS, MAPPING, WHOLE, columns_of, mapping_problems
from respredict.tables.mapping_dates import days_between
from respredict.tables.mapping_named import named_for
from respredict.tables.targets import outputs

__all__ = ["MAPPING", "ColumnMapping", "read_mapping"]

_TEXT = frozenset(c.name for c in COLUMNS if c.kind == "text")
_NUMBERS = {c.name for c in (*COLUMNS, *body_columns())} - _TEXT | set(alternatives())


@dataclass(frozen=True)
class ColumnMapping:
    """How the columns of one table are read.

    Parameters
    ----------
    entries : mapping of str to mapping
        By the name of ours: what the file says of it.
    missing : frozenset of str
        Cells that say nothing, in lower case.
    decimal : {".", ","}
        Mark of decimals.
    sha256 : str
        Digest of the file.
    dialect : Dialect
        How CSV is written.
    file : Path or None
        Where it lies.
    """

    entries: Mapping[str, Mapping[str, Any]]
    missing: frozenset[str] = frozenset()
    decimal: str = "."
    sha256: str = field(default="", compare=False)
    dialect: Dialect = PLAIN
    file: Path | None = field(default=None, compare=False)

    @property
    def notice(self) -> str:
        """What a reader of the table should know."""
        told = list(self.entries)
        told += self.dialect.told
        told += ["decimal commas"] if self.decimal == COMMA else []
        return f"Read through {MAPPING} (sha256 {self.sha256[:12]}): {', '.join(told)}."

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
        kept = {n: e for n, e in self.entries.items() if columns_of(e) <= set(columns)}
        return replace(self, entries=kept)

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
                found |= columns_of(entry)
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
        read, problems = self.read(table)
        if problems:
            raise CohortError(problems)
        return read

    def read(self, table: Table) -> tuple[Table, list[Problem]]:
        """Return the table under our names, and what is wrong beside that of its rows.

        Parameters
        ----------
        table : Table
            As read.

        Returns
        -------
        read : Table
            A column that cannot be made holds nothing.
        problems : list of Problem
            As :meth:`apply` raises them.
        """
        there = {**table.cells, **table.refused}
        problems: list[Problem] = []
        used = {name for entry in self.entries.values() for name in columns_of(entry)}
        cells = {name: self._kept(name, of) for name, of in table.cells.items() if name not in used}
        refused = {name: got for name, got in table.refused.items() if name not in used}
        for name, entry in self.entries.items():
            target, factor = outputs(name, entry.get("unit", ""))
            absent = [one for one in sorted(columns_of(entry)) if one not in there]
            for one in absent:
                remedy = f"{nearest(one, there)}Name a column of the table"
                got = f"{shown(one)}, which is not in the table"
                problems.append(Problem(f"{MAPPING} {name}", "name a column", got, remedy))
            if target in there and target not in used:
                remedy = f"Drop the column or the section [{name}]"
                problems.append(Problem(target, "be given once", "a column and a mapping", remedy))
            elif absent and target not in _TEXT:
                cells[target] = objects([None] * table.rows)
            elif name == DAYS and "from" in entry:
                cells[target] = days_between(entry, table, self.missing, problems)
            elif entry["column"] in table.refused:
                refused[target] = table.refused[entry["column"]]
            elif not absent:
                cells[target] = self._column(target, entry, factor, table.cells[entry["column"]])
        return replace(table, cells=cells, refused=refused), problems

    def _kept(self, name: str, cells: NDArray[Any]) -> NDArray[Any]:
        """Return a column that has a name of ours already, or none."""
        plain = self.decimal == "." and not self.missing
        return cells if plain or name not in _NUMBERS else self._column(name, {}, 1.0, cells)

    def _column(
        self, target: str, entry: Mapping[str, Any], factor: float, cells: NDArray[Any]
    ) -> NDArray[Any]:
        values = {str(k).strip().casefold(): v for k, v in entry.get("values", {}).items()}
        unit = str(entry.get("unit", "")).casefold()
        if cells.dtype == np.float64 and not values and not self.missing:
            return cells * factor
        comma = self.decimal != "." and target not in _TEXT
        return objects([self._cell(cell, values, unit, factor, comma=comma) for cell in cells])

    def _cell(
        self, cell: Any, values: Mapping[str, Any], unit: str, factor: float, *, comma: bool
    ) -> Any:
        number = isinstance(cell, float)
        if cell is None or (number and np.isnan(cell)):
            return None
        text = repr(float(cell)).removesuffix(".0") if number else str(cell).strip()
        lowered = text.casefold()
        if lowered in self.missing:
            return ""
        if lowered in values:
            return str(values[lowered])
        if isinstance(cell, bool):
            return cell
        if unit and lowered.endswith(unit):
            text = text[: -len(unit)].strip()
        if comma and not number:
            if "." in text:  # of thousands, or of decimals after all: nobody knows
                return f"{text} (decimal is a comma)"
            text = text.replace(self.decimal, ".")
        if factor == 1.0:
            return text
        try:
            value, side = parse_measurement(text)
        except ValueError:
            return text  # the reader says what is wrong with it
        return f"{side}{value * factor!r}"


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
    problems = list(mapping_problems(written))
    if problems:
        raise CohortError(problems)
    entries = {name: entry for name, entry in written.items() if name not in WHOLE}
    missing = frozenset(str(code).strip().casefold() for code in written.get("missing", ()))
    return ColumnMapping(
        entries, missing, written.get("decimal", "."), hashlib.sha256(raw).hexdigest(),
        Dialect(written.get("separator", COMMA), written.get("encoding", UTF_8)), where,
    )  # fmt: skip


def _unreadable(where: Path, got: str) -> Problem:
    return Problem(where.name, "be readable TOML in UTF-8", got, "Mend or remove it")
