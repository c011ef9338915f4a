"""A file into chunks of cells, in bounded memory: CSV and Parquet of any size.

What keeps the file from being a table is told before the first chunk, or where it is
met; a CSV record with too many or too few cells is set apart and the rest goes on.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from respredict.errors import Problem
from respredict.tables.files import (
    TEXT_COLUMNS,
    Table,
    arrow_cells,
    check_header,
    objects,
    recognised,
    refuse,
)

__all__ = ["Chunk", "TableStream", "stream_table"]

_ENDS = 8
_BUFFER = 1 << 20
_RAGGED = "Write decimals with a point and quote cells that hold a comma"


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
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.empty = Table({}, 0, "")
        self.fraction = 0.0

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


def stream_table(path: str | os.PathLike[str]) -> TableStream:
    r"""Open a CSV or Parquet file to be read in chunks.

    Parameters
    ----------
    path : path-like
        Ends in ``.csv``, ``.parquet`` or ``.pq``.

    Returns
    -------
    TableStream
        Its header read and sound.

    Raises
    ------
    CohortError
        If the file is not what its name says, or its header is no header.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "men.csv"
    ...     _ = file.write_text("age_years,lh_iu_l\n34,<0.5\n41,3\n29,4,1\n")
    ...     [chunk] = stream_table(file).chunks(10, ["lh_iu_l"])
    >>> chunk.table.cells["lh_iu_l"], chunk.rows
    (array(['<0.5', '3'], dtype=object), array([1, 2]))
    >>> chunk.apart[0].rule, chunk.apart[0].got, chunk.apart[0].rows
    ('have 2 cells, as the header has', '3', (3,))
    """
    file = Path(path)
    try:
        with file.open("rb") as stream:
            head = stream.read(_ENDS)
            stream.seek(-min(_ENDS, stream.seek(0, os.SEEK_END)), os.SEEK_END)
            tail = stream.read()
    except (OSError, ValueError) as error:
        got = getattr(error, "strerror", None) or "none"
        refuse(str(file), "be a readable file", got, "Check the path")
    return _Csv(file) if recognised(file, head, tail) == "csv" else _Parquet(file)


class _Csv(TableStream):
    def __init__(self, file: Path) -> None:
        super().__init__(file)
        with file.open("rb") as raw:
            first = next(self._records(raw), [])
        self.header = [cell.strip() for cell in first]
        if len(self.header) == 1 and any(mark in self.header[0] for mark in ";\t"):
            remedy = "Save it with commas between cells and points in numbers"
            refuse(file.name, "separate its cells by commas", "semicolons or tabs", remedy)
        check_header(file.name, self.header)
        cells = {name: objects([]) for name in self.header if name}
        self.empty = Table(cells, 0, "", nameless=self.header.count(""))

    def chunks(self, size: int, wanted: Collection[str]) -> Iterator[Chunk]:
        done = 0
        gathered: list[list[str]] = []
        with self.file.open("rb") as raw:
            for row in self._body(raw):
                gathered.append(row)
                if len(gathered) == size:
                    self.fraction = raw.tell() / self.file.stat().st_size
                    yield self._chunk(gathered, done, wanted)
                    done, gathered = done + size, []
        self.fraction = 1.0
        if gathered:
            yield self._chunk(gathered, done, wanted)
        elif not done:
            self._no_man("a header and no row")

    def _body(self, raw: BinaryIO) -> Iterator[list[str]]:
        """Give the records below the header; blank lines at the end are none."""
        blank = 0
        # csv gives an empty line no cell; in a table of one column it is one empty cell.
        nothing = [""] if len(self.header) == 1 else []
        records = self._records(raw)
        next(records)
        for row in records:
            if not row:
                blank += 1
                continue
            yield from [nothing] * blank
            blank = 0
            yield row

    def _records(self, raw: BinaryIO) -> Iterator[list[str]]:
        text = io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")
        reader = csv.reader(self._lines(text), strict=True)
        try:
            yield from reader
        except csv.Error as error:
            remedy = "Close every quotation mark and write it twice inside a cell"
            rows = (reader.line_num - 1,) if reader.line_num > 1 else ()
            refuse(self.file.name, "be comma-separated text", f"'{error}'", remedy, rows)
        except UnicodeDecodeError:
            self._not_text("another encoding")
        finally:
            text.detach()

    def _lines(self, text: io.TextIOWrapper) -> Iterator[str]:
        for line in text:
            if "\x00" in line:
                self._not_text("NUL bytes or UTF-16")
            yield line

    def _not_text(self, got: str) -> NoReturn:
        refuse(self.file.name, "be text in UTF-8", got, "Save it as CSV UTF-8")

    def _chunk(self, records: list[list[str]], done: int, wanted: Collection[str]) -> Chunk:
        rows, width = np.arange(done + 1, done + len(records) + 1), len(self.header)
        sound = [len(one) == width for one in records]
        bad = [i for i, fits in enumerate(sound) if not fits]
        rule = f"have {width} cells, as the header has"
        apart = tuple(
            Problem("the row", rule, str(len(records[i])), _RAGGED, (done + i + 1,)) for i in bad
        )
        if apart:
            records, rows = [r for r in records if len(r) == width], rows[sound]
        columns = {
            name: [record[j] for record in records]
            for j, name in enumerate(self.header)
            if name and name in wanted
        }
        return Chunk(columns, rows, done == 0, apart)


class _Parquet(TableStream):
    def __init__(self, file: Path) -> None:
        super().__init__(file)
        with self._opened() as found:
            schema, self.men = found.schema_arrow, found.metadata.num_rows
        # Row labels that pandas writes along are no column.
        fields = [one for one in schema if not one.name.startswith("__index_level_")]
        titles = [one.name.strip() for one in fields]
        check_header(file.name, titles)
        self.names = {title: one.name for title, one in zip(titles, fields, strict=True)}
        if self.men == 0:
            self._no_man("columns and no row")
        cells: dict[str, NDArray[Any]] = {}
        refused: dict[str, str] = {}
        for name, one in zip(titles, fields, strict=True):
            none = pa.chunked_array([], type=one.type)
            read = arrow_cells(none, as_text=name in TEXT_COLUMNS)
            if name and read is None:
                refused[name] = str(one.type)
            elif name and read is not None:
                cells[name] = read
        self.empty = Table(cells, 0, "", refused, titles.count(""))

    def chunks(self, size: int, wanted: Collection[str]) -> Iterator[Chunk]:
        done = 0
        columns = {name: raw for name, raw in self.names.items() if name in wanted}
        with self._opened() as found:
            batches = found.iter_batches(size, columns=[*columns.values()], use_threads=False)
            while (batch := self._next(batches)) is not None:
                cells = {name: batch[raw] for name, raw in columns.items()}
                rows = np.arange(done + 1, done + batch.num_rows + 1)
                self.fraction = (done + batch.num_rows) / self.men
                yield Chunk(cells, rows, done == 0)
                done += batch.num_rows

    def _next(self, batches: Iterator[Any]) -> Any:
        try:
            return next(batches, None)
        except (pa.ArrowException, OSError):
            self._damaged()

    def _opened(self) -> Any:
        try:
            return pq.ParquetFile(self.file, pre_buffer=False, buffer_size=_BUFFER)
        except (pa.ArrowException, OSError):
            self._damaged()

    def _damaged(self) -> NoReturn:
        refuse(self.file.name, "be a sound Parquet file", "a damaged one", "Write it again")
