"""A table in chunks, read through its mapping."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from respredict.tables.chunks import Chunk, TableStream, stream_table
from respredict.tables.files import Table
from respredict.tables.mapping import ColumnMapping, read_mapping

__all__ = ["stream_mapped"]


@dataclass(frozen=True, slots=True, eq=False)
class _MappedChunk(Chunk):
    """A chunk whose table is read through a mapping."""

    mapping: ColumnMapping | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        _, (columns, rows, first, apart) = Chunk.__reduce__(self)
        return _MappedChunk, (columns, rows, first, apart, self.mapping)

    @property
    def table(self) -> Table:
        """The rows as a table, under our names."""
        assert self.mapping is not None
        read = Chunk(self.columns, self.rows, self.first, self.apart).table
        return self.mapping.of_columns(self.columns).apply(read)


class _MappedStream(TableStream):
    """A stream of mapped chunks."""

    def __init__(self, stream: TableStream, mapping: ColumnMapping) -> None:
        super().__init__(stream.file)
        self._stream, self.mapping = stream, mapping
        self.empty = mapping.apply(stream.empty)

    def chunks(self, size: int, wanted: Collection[str]) -> Iterator[Chunk]:
        assert self.mapping is not None
        for chunk in self._stream.chunks(size, self.mapping.sources(wanted)):
            self.fraction = self._stream.fraction
            yield _MappedChunk(chunk.columns, chunk.rows, chunk.first, chunk.apart, self.mapping)
        self.left_out = self._stream.left_out


def stream_mapped(path: Path, file: Path | None = None) -> TableStream:
    """Open a table to be read in chunks, through its mapping where it has one.

    Parameters
    ----------
    path : Path
        Of the table.
    file : Path or None, default=None
        As of :func:`read_mapping`.

    Returns
    -------
    TableStream
        Its header read and sound.

    Raises
    ------
    CohortError
        If the table or its mapping is not sound.
    """
    mapping = read_mapping(path, file)
    if mapping is None:
        return stream_table(path)
    return _MappedStream(stream_table(path, mapping.dialect), mapping)
