"""Rows that come in chunks: a chunk, and the table that gives them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from respredict.errors import Problem
from respredict.tables.delimited import refuse
from respredict.tables.files import TEXT_COLUMNS, Table, arrow_cells, objects

if TYPE_CHECKING:
    from respredict.tables.mapping import ColumnMapping

__all__ = ["Chunk", "TableStream"]


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Some rows that follow each other, cheap to hand to another process.

    Parameters
    ----------
    columns : dict of str to list or pyarrow.Array
        Their cells, as read.
    rows : ndarray of int, shape (n_patients,)
        Their positions in the file, from 1 below the header.
    first : bool
        Whether the file begins with it.
    apart : tuple of Problem
        Rows that do not have the header's cells, one each; they are in no column.
    """

    columns: dict[str, Any]
    rows: NDArray[np.int64]
    first: bool
    apart: tuple[Problem, ...] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        # Lists of text are slow to hand over, text in one piece is not.
        packed = {n: pa.array(c) if isinstance(c, list) else c for n, c in self.columns.items()}
        return Chunk, (packed, self.rows, self.first, self.apart)

    @property
    def table(self) -> Table:
        """The rows as a table."""
        cells: dict[str, Any] = {
            name: objects(of)
            if isinstance(of, list)
            else arrow_cells(pa.chunked_array([of]), as_text=name in TEXT_COLUMNS)
            for name, of in self.columns.items()
        }
        return Table(cells, len(self.rows), "")


class TableStream:
    """A table whose header is known and whose rows are still to come.

    Parameters
    ----------
    file : Path
        CSV or Parquet.

    Attributes
    ----------
    empty : Table
        Its columns without any row.
    fraction : float
        How much has been read, in [0, 1].
    left_out : int
        Rows without anything at the end, known once they were met.
    mapping : ColumnMapping or None
        Through which it is read.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.empty = Table({}, 0, "")
        self.fraction = 0.0
        self.left_out = 0
        self.mapping: ColumnMapping | None = None

    def chunks(self, size: int, wanted: Collection[str]) -> Iterator[Chunk]:
        """Read the rows, at most ``size`` at once.

        Parameters
        ----------
        size : int
            Rows, at least 1.
        wanted : collection of str
            Columns to read; the others are passed over.

        Yields
        ------
        Chunk
            In the order of the file.

        Raises
        ------
        CohortError
            If the file turns out not to be a table, or to hold no man.
        """
        raise NotImplementedError

    def _no_man(self, got: str) -> NoReturn:
        refuse(self.file.name, "hold at least one man", got, "Export the rows as well")
