"""Chunks of a table into men, each bad row told by itself.

A cohort is refused whole; a table to be scored is not: who cannot be read is set apart
with every reason, and the others go on. A value likelier in another unit is no reason
to set a man apart here: he is told to be in doubt.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from respredict.errors import Problem
from respredict.schema.analytes import Analyte, Unit, likelier_unit
from respredict.schema.record import COLUMNS, FOLLOWUP_COLUMNS, Column, body_columns
from respredict.tables.chunks import Chunk
from respredict.tables.columns import ColumnReader
from respredict.tables.files import Table, shown
from respredict.tables.naming import Names

__all__ = ["Men", "RowReader", "in_doubt", "read_men", "wanted"]

Floats = NDArray[np.float64]
Masks = NDArray[np.bool_]

#: What a score is made of: neither the site nor the outcome.
_OUTCOME = frozenset(c.name for c in FOLLOWUP_COLUMNS)
SCORED = tuple(c for c in COLUMNS if c.name != "site" and c.name not in _OUTCOME)


@dataclass(frozen=True, slots=True, eq=False)
class Men:
    """Men of a chunk who can be scored.

    Parameters
    ----------
    rows : ndarray of int, shape (n_patients,)
        Positions in the file, from 1.
    columns : dict of str to ndarray of shape (n_patients,)
        Canonical columns, NaN or None where missing, and the side of each measurement.
    received : dict of str to (ndarray, Unit)
        By analyte: the readings as typed and their unit, where other units are accepted.
    doubted : dict of str to ndarray of bool
        By analyte: who has a reading that is likelier in another unit; confirmed
        columns are in no doubt.
    confirmed : frozenset of str
        Analytes whose unit the clinic has confirmed.
    """

    rows: NDArray[np.int64]
    columns: dict[str, NDArray[Any]]
    received: dict[str, tuple[Floats, Unit]]
    doubted: dict[str, Masks]
    confirmed: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, keep: Any) -> Men:
        """Return some of the men: a mask, a slice or positions."""
        return Men(
            self.rows[keep],
            {name: of[keep] for name, of in self.columns.items()},
            {name: (values[keep], unit) for name, (values, unit) in self.received.items()},
            {name: mask[keep] for name, mask in self.doubted.items()},
            self.confirmed,
        )


class RowReader(ColumnReader):
    """Reads the columns of one chunk and tells each bad row by itself.

    Parameters
    ----------
    table : Table
        Columns of cells.
    names : Names
        What each of its columns is.
    confirmed : frozenset of str
        Columns whose unit the clinic has confirmed.
    """

    columns = SCORED

    def __init__(self, table: Table, names: Names, confirmed: frozenset[str]) -> None:
        super().__init__(table, names, confirmed)
        self.wrong: list[tuple[int, Problem]] = []
        self.received: dict[str, tuple[Floats, Unit]] = {}
        self.doubted: dict[str, Masks] = {}
        self.sure: set[str] = set()

    def report(
        self,
        source: str,
        wrong: Masks,
        cells: NDArray[Any],
        rule: str,
        remedy: str,
        each: Callable[[Any], str] | None = None,
    ) -> None:
        """Add one problem for each row that is wrong."""
        for i in np.flatnonzero(wrong):
            cell = cells[i]
            advice = each(cell) if each else remedy
            self.wrong.append((int(i), Problem(source, rule, shown(cell), advice)))

    def doubt(
        self, of: Column, source: str, unit: Unit, values: Floats, sides: NDArray[np.int8]
    ) -> None:
        """Keep the readings as typed, and who may mean another unit."""
        assert of.measures is not None
        self.received[of.measures.name] = (values, unit)
        if source in self.confirmed:
            self.sure.add(of.measures.name)
        else:
            doubted = in_doubt(of.measures, np.where(sides == 0, values, np.nan), unit)
            if doubted.any():
                self.doubted[of.measures.name] = doubted


def wanted(names: Names) -> frozenset[str]:
    """Return the columns of a table that a score is made of.

    Parameters
    ----------
    names : Names
        What each of its columns is.

    Returns
    -------
    frozenset of str
        As they stand in the table.

    Examples
    --------
    >>> from respredict.tables.naming import read_names
    >>> "site" in wanted(read_names(["lh_miu_ml", "site"]))
    False
    """
    known = (names.sources[c.name][0] for c in SCORED if c.name in names.sources)
    return frozenset(known) | {c.name for c in body_columns()}


def in_doubt(of: Analyte, values: Floats, unit: Unit) -> Masks:
    """Say which readings are likelier in another accepted unit.

    Parameters
    ----------
    of : Analyte
        What was measured.
    values : ndarray of shape (n_patients,)
        As typed; NaN is in no doubt.
    unit : Unit
        As stated.

    Returns
    -------
    ndarray of bool, shape (n_patients,)
        Where :func:`respredict.schema.analytes.likelier_unit` names one.

    Examples
    --------
    >>> from respredict.schema.analytes import analyte
    >>> testosterone = analyte("testosterone")
    >>> in_doubt(testosterone, np.array([12.0, 270.6, np.nan]), testosterone.units[0])
    array([ True, False, False])
    """
    doubted = np.zeros(len(values), bool)
    if of.median is None:
        return doubted
    # Densities fall with the distance from the median: only who is nearer to it in
    # another unit can be likelier there. Few are, and they are asked one by one.
    away = np.log(np.where(values > 0, values, np.nan)) - np.log(of.median)
    stated = np.abs(away + np.log(unit.factor))
    nearer = np.zeros(len(values), bool)
    for other in of.units:
        if other.factor != unit.factor:
            nearer |= np.abs(away + np.log(other.factor)) < stated
    distinct, codes = np.unique(values[nearer], return_inverse=True)
    likelier = [likelier_unit(of, float(value), unit) is not None for value in distinct]
    doubted[nearer] = np.array(likelier, bool)[codes]
    return doubted


def read_men(
    chunk: Chunk, names: Names, confirmed: frozenset[str]
) -> tuple[Men, list[tuple[str | None, Problem]]]:
    """Read the men of a chunk, and what is wrong with the others.

    Parameters
    ----------
    chunk : Chunk
        Of a table whose names are sound.
    names : Names
        What each of its columns is.
    confirmed : frozenset of str
        Columns whose unit the clinic has confirmed.

    Returns
    -------
    men : Men
        Who can be scored.
    apart : list of (str or None, Problem)
        Pseudonym, where it can be read, and problem with its row, in the order of rows.
    """
    reader = RowReader(chunk.table, names, confirmed)
    columns = reader.read()
    men = Men(chunk.rows, columns, reader.received, reader.doubted, frozenset(reader.sure))
    apart: list[tuple[str | None, Problem]] = [(None, problem) for problem in chunk.apart]
    if reader.wrong:
        sound = np.ones(len(chunk.rows), bool)
        for i, told in reader.wrong:
            sound[i] = False
            row = (int(chunk.rows[i]),)
            problem = Problem(told.field, told.rule, told.got, told.remedy, row)
            apart.append((columns["patient_id"][i], problem))
        men = men.take(sound)
    apart.sort(key=lambda one: one[1].rows[0])
    return men, apart
