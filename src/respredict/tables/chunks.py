"""A file into chunks of cells, in bounded memory: CSV and Parquet of any size.

What keeps the file from being a table is told before the first chunk, or where it is
met; a CSV record with too many or too few cells is set apart and the rest goes on.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from respredict.errors import Problem
from respredict.tables.delimited import (
    PLAIN,
    SEPARATORS,
    Dialect,
    check_header,
    check_separated,
    is_empty,
    not_text,
    ragged_remedy,
    refuse,
)
from respredict.tables.files import TEXT_COLUMNS, Table, arrow_cells, objects, recognised
from respredict.tables.streams import Chunk, TableStream

__all__ = ["Chunk", "TableStream", "stream_table"]

_ENDS = 8
_BUFFER = 1 << 20


def stream_table(path: str | os.PathLike[str], dialect: Dialect = PLAIN) -> TableStream:
    r"""Open a CSV or Parquet file to be read in chunks.

    Parameters
    ----------
    path : path-like
        Ends in ``.csv``, ``.parquet`` or ``.pq``.
    dialect : Dialect, default=PLAIN
        How CSV is written.

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
    if recognised(file, head, tail) == "csv":
        return _Csv(file, dialect)
    return _Parquet(file)


class _Csv(TableStream):
    def __init__(self, file: Path, dialect: Dialect) -> None:
        super().__init__(file)
        self.dialect = dialect
        with file.open("rb") as raw:
            first = next(self._records(raw), [])
        self.header = [cell.strip() for cell in first]
        check_separated(file.name, self.header, dialect.separator)
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
        """Give the records below the header; empty ones at the end are none."""
        waiting: list[int] = []  # cells of empty rows, which are rows if another follows
        # csv gives an empty line no cell; in a table of one column it is one empty cell.
        least = 1 if len(self.header) == 1 else 0
        records = self._records(raw)
        next(records)
        for row in records:
            if is_empty(row):
                waiting.append(len(row))
                continue
            yield from ([""] * max(width, least) for width in waiting)
            waiting.clear()
            yield row
        self.left_out = sum(width > 0 for width in waiting)

    def _records(self, raw: BinaryIO) -> Iterator[list[str]]:
        text = io.TextIOWrapper(raw, encoding=self.dialect.codec, newline="")
        reader = csv.reader(self._lines(text), strict=True, delimiter=self.dialect.separator)
        try:
            yield from reader
        except csv.Error as error:
            remedy = "Close every quotation mark and write it twice inside a cell"
            rows = (reader.line_num - 1,) if reader.line_num > 1 else ()
            rule = f"be {SEPARATORS[self.dialect.separator]}-separated text"
            refuse(self.file.name, rule, f"'{error}'", remedy, rows)
        except UnicodeError:
            not_text(self.file.name, self.dialect.encoding, "another encoding")
        finally:
            text.detach()

    def _lines(self, text: io.TextIOWrapper) -> Iterator[str]:
        for line in text:
            if "\x00" in line:
                not_text(self.file.name, self.dialect.encoding)
            yield line

    def _chunk(self, records: list[list[str]], done: int, wanted: Collection[str]) -> Chunk:
        rows, width = np.arange(done + 1, done + len(records) + 1), len(self.header)
        sound = [len(one) == width for one in records]
        bad = [i for i, fits in enumerate(sound) if not fits]
        rule = f"have {width} cells, as the header has"
        remedy = ragged_remedy(self.dialect.separator)
        apart = tuple(
            Problem("the row", rule, str(len(records[i])), remedy, (done + i + 1,)) for i in bad
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
