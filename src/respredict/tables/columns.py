"""Columns of cells into canonical columns, collecting whatever is wrong with them.

One problem for each column and rule, with every row position. What a column is
called decides what it holds; ``naming`` reads the names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from respredict.errors import Problem
from respredict.schema.analytes import Unit, likelier_unit
from respredict.schema.quantities import parse_measurement
from respredict.schema.record import BMI, COLUMNS, Column, body_columns
from respredict.tables.files import Table, shown
from respredict.tables.naming import Names

__all__ = ["ColumnReader"]

_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", ".", "-"})
_VALUES_SHOWN = 3
_ROWS_SHOWN = 5
# 3 of the 3,646 men of NHANES 2013-2016 have a testosterone that reads likelier in
# nmol/L, 0.08 %: a column with more of them is in two units.
_SHARE_IN_DOUBT = 0.001
_BMI_TOLERANCE = 1.0
_CHECK = "Check the value and its unit"
_POINT = "Write decimals with a point"
_COMMA = f'{_POINT}, or decimal = "," in mapping.toml'

Floats = NDArray[np.float64]


class ColumnReader:
    """Reads the columns of one table.

    Parameters
    ----------
    table : Table
        Columns of cells.
    names : Names
        What each of its columns is.
    confirmed : frozenset of str
        Columns whose unit the clinic has confirmed.
    """

    #: What is read of the record.
    columns: Sequence[Column] = COLUMNS

    def __init__(self, table: Table, names: Names, confirmed: frozenset[str]) -> None:
        self.table = table
        self.names = names
        self.confirmed = confirmed
        self.problems: list[Problem] = []
        self.notices: list[str] = []

    def read(self) -> dict[str, NDArray[Any]]:
        """Return every canonical column in order, then the sides of the measurements."""
        values: dict[str, NDArray[Any]] = {}
        sides: dict[str, NDArray[np.int8]] = {}
        for of in self.columns:
            source, unit = self.names.sources.get(of.name, (None, None))
            if of.kind == "text":
                values[of.name] = self.text(source)
                continue
            values[of.name], side = self.numbers(of, source, unit)
            if of.kind == "measurement":
                sides[of.censor_column] = side
        values[BMI.name] = self.body_mass_index(values[BMI.name])
        return values | sides

    def text(self, source: str | None) -> NDArray[np.object_]:
        """Return trimmed text, None where missing."""
        column = np.full(self.table.rows, None, dtype=object)
        cells = self.cells(source)
        if cells is not None:
            texts = (None if cell is None else str(cell).strip() for cell in cells)
            column[:] = [t if t and t.casefold() not in _MISSING else None for t in texts]
        return column

    def numbers(
        self, of: Column, source: str | None, unit: Unit | None
    ) -> tuple[Floats, NDArray[np.int8]]:
        """Return values in the canonical unit and sides, NaN and 0 where missing."""
        cells = self.cells(source)
        if source is None or cells is None:
            return np.full(self.table.rows, np.nan), np.zeros(self.table.rows, np.int8)
        if cells.dtype == np.float64:
            values, sides = cells.copy(), np.zeros(self.table.rows, np.int8)
            endless = np.isinf(values)
            self.report(source, endless, values, "be a finite number", "Leave it empty")
            values[endless] = np.nan
        else:
            values, sides = self.parsed(of, source, cells)
        self.check_limits(of, source, unit, values, sides)
        if of.measures is not None and of.measures.median is not None:
            self.doubt(of, source, unit or of.measures.units[0], values, sides)
        if unit is not None:
            values = values * unit.factor
        return values, sides

    def cells(self, source: str | None) -> NDArray[Any] | None:
        """Return the cells of a column, None where there is none or it was refused."""
        if source in self.table.refused:
            got, remedy = self.table.refused[source], "Write the column as text or numbers"
            self.problems.append(Problem(source, "hold text or numbers", got, remedy))
        return None if source is None else self.table.cells.get(source)

    def parsed(
        self, of: Column, source: str, cells: NDArray[Any]
    ) -> tuple[Floats, NDArray[np.int8]]:
        """Read each distinct cell once."""
        codes, distinct = pd.factorize(cells)
        values = np.full(len(distinct) + 1, np.nan)  # the last is for code -1, None
        sides = np.zeros(len(distinct) + 1, np.int8)
        wrong = np.zeros(len(distinct) + 1, bool)
        remedies: dict[Any, str] = {}
        for i, cell in enumerate(distinct):
            try:
                values[i], sides[i] = _parse(of, cell)
            except ValueError as error:
                wrong[i] = True
                remedies[cell] = str(error).replace(_POINT, _COMMA)
        remedy = ". ".join(dict.fromkeys(remedies.values()))
        self.report(source, wrong[codes], cells, _RULES[of.kind], remedy, remedies.__getitem__)
        return values[codes], sides[codes]

    def check_limits(
        self,
        of: Column,
        source: str,
        unit: Unit | None,
        values: Floats,
        sides: NDArray[np.int8],
    ) -> None:
        """Report and blank what no man's sample shows, in the unit of the source."""
        factor = 1.0 if unit is None else unit.factor
        canonical = values * factor
        empty_limit = (sides != 0) & (values <= 0)
        remedy = "Write the assay's limit"
        self.report(source, empty_limit, values, "be above 0 behind < or >", remedy)
        # An assay may stop below the lowest value that any man's sample shows.
        low_enough = (canonical >= of.low) | (sides < 0)
        outside = ~empty_limit & ~np.isnan(values) & (~low_enough | (canonical > of.high))
        if of.kind == "flag":
            outside = ~np.isnan(values) & (values != 0) & (values != 1)
            self.report(source, outside, values, _RULES["flag"], "Write 1 for yes and 0 for no")
        elif of.name == "followup_days":
            early = values < of.low
            remedy = "Count the days from the baseline sample to the follow-up sample"
            self.report(source, early, values, "lie after baseline, 1 day or more", remedy)
            self.report(source, outside & ~early, values, f"be at most {of.high:g} d", remedy)
        else:
            low, high = of.low / factor, of.high / factor
            first = float(values[outside][0]) if outside.any() else 0.0
            advice = partial(_advice, of, unit)
            rule = f"be {low:.4g} to {high:.4g} {of.unit if unit is None else unit.code}"
            self.report(source, outside, values, rule, advice(first), advice)
        values[outside | empty_limit] = np.nan

    def doubt(
        self, of: Column, source: str, unit: Unit, values: Floats, sides: NDArray[np.int8]
    ) -> None:
        """Name the values inside the limits that read likelier in another unit."""
        assert of.measures is not None
        if all(other.factor == unit.factor for other in of.measures.units):
            return
        exact = ~np.isnan(values) & (sides == 0)
        distinct, codes = np.unique(values[exact], return_inverse=True)
        likelier = [likelier_unit(of.measures, float(value), unit) for value in distinct]
        doubted = np.zeros(len(values), bool)
        doubted[exact] = np.array([other is not None for other in likelier], bool)[codes]
        if not doubted.any():
            return
        value = float(values[doubted][0])
        other = likelier[int(np.searchsorted(distinct, value))]
        assert other is not None
        n = int(doubted.sum())
        got = f"{n} that read{'s' if n == 1 else ''} likelier in another unit:"
        got += f" {value:.4g} {unit.code} reads as {_reread(of, value, other)}"
        rows = _positions(doubted)
        where = f", in row{'s' if n > 1 else ''} {', '.join(map(str, rows[:_ROWS_SHOWN]))}"
        where += f" and {n - _ROWS_SHOWN} more" if n > _ROWS_SHOWN else ""
        remedy = (
            f"Convert them, or, if the unit is right, list {source!r} under units_confirmed"
            " in cohort.toml"
        )
        rule = f"be in {unit.code} throughout"
        few = n <= _SHARE_IN_DOUBT * np.count_nonzero(~np.isnan(values))
        if source in self.confirmed:
            self.notices.append(f"{source}: {got}{where}. Its unit is confirmed in cohort.toml.")
        elif few:
            self.notices.append(f"{source}: {got}{where}. Kept as typed, being so few.")
        else:
            self.problems.append(Problem(source, rule, got, remedy, rows))

    def body_mass_index(self, given: Floats) -> Floats:
        """Fill an absent body mass index from weight and height, and compare the two."""
        weight, height = body_columns()
        there = self.table.cells | self.table.refused
        present = [c.name in there for c in (weight, height)]
        if not all(present):
            if any(present):
                self.half_a_body(weight.name if present[0] else height.name)
            return given
        kg, cm = (self.numbers(c, c.name, None)[0] for c in (weight, height))
        computed, remedy = kg / (cm / 100) ** 2, f"Check {weight.name} and {height.name}"
        outside = (computed < BMI.low) | (computed > BMI.high)
        rule = f"be {BMI.low:g} to {BMI.high:g} {BMI.unit} as {weight.name} and {height.name} give"
        self.report(BMI.name, outside & np.isnan(given), computed, rule, remedy)
        apart = np.abs(given - computed) > _BMI_TOLERANCE
        rule = f"agree with {weight.name} and {height.name} within {_BMI_TOLERANCE:g} {BMI.unit}"
        self.report(BMI.name, apart, given, rule, remedy)
        return np.where(np.isnan(given), computed, given)

    def half_a_body(self, present: str) -> None:
        """Report a weight without its height, or a height without its weight."""
        weight, height = (c.name for c in body_columns())
        absent = height if present == weight else weight
        if BMI.name in self.names.sources:
            self.notices.append(f"{present} is not read: {absent} is absent.")
            return
        got, remedy = f"no {absent}", f"Add {absent}, or give {BMI.name}"
        self.problems.append(Problem(present, f"stand beside {absent}", got, remedy))

    def report(
        self,
        source: str,
        wrong: NDArray[np.bool_],
        cells: NDArray[Any],
        rule: str,
        remedy: str,
        each: Callable[[Any], str] | None = None,  # noqa: ARG002 - for a reader that tells each row
    ) -> None:
        """Add one problem for the rows that are wrong, if any are; ``each`` advises one cell."""
        if not wrong.any():
            return
        first = list(dict.fromkeys(cells[wrong].tolist()))
        got = ", ".join(shown(value) for value in first[:_VALUES_SHOWN])
        more = len(first) - _VALUES_SHOWN
        got += f" and {more} other value{'s' if more > 1 else ''}" if more > 0 else ""
        self.problems.append(Problem(source, rule, got, remedy, _positions(wrong)))


_RULES = {
    "number": "be an exact number",
    "measurement": "be a number",
    "flag": "be 0 or 1",
}


def _parse(of: Column, cell: object) -> tuple[float, int]:
    """Return value and side of a cell, NaN where missing; the remedy as a ValueError."""
    if isinstance(cell, bool):
        if of.kind == "flag":
            return float(cell), 0
        msg = "Write a number, not true or false"
        raise ValueError(msg)
    text = str(cell)
    if text.strip().casefold() in _MISSING:
        return np.nan, 0
    if of.kind == "flag" and text.strip() not in ("0", "1", "0.0", "1.0"):
        msg = "Write 1 for yes and 0 for no"
        raise ValueError(msg)
    value, comparator = parse_measurement(text)
    if comparator and of.kind != "measurement":
        msg = "Write the number alone; only a measurement may stand behind < or >"
        raise ValueError(msg)
    return value, {"<": -1, "": 0, ">": 1}[comparator]


def _advice(of: Column, unit: Unit | None, value: float) -> str:
    """Name the units in which a value outside the limits would lie inside, if any."""
    if of.measures is None:
        return _CHECK
    stated = unit or of.measures.units[0]
    fits = [
        _reread(of, value, other)
        for other in of.measures.units
        if other.factor != stated.factor and of.low <= value * other.factor <= of.high
    ]
    if not fits:
        return _CHECK
    return f"{value:.4g} {stated.code} reads as {' or '.join(fits)}: check the unit"


def _reread(of: Column, value: float, other: Unit) -> str:
    return f"{other.code} ({value * other.factor:.4g} {of.unit})"


def _positions(rows: NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple((np.flatnonzero(rows) + 1).tolist())
