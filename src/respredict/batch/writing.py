"""Scores onto disk: a file takes its name only once it is whole."""

from __future__ import annotations

import csv
import io
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from respredict.errors import Problem

__all__ = ["REJECTED", "Sink", "csv_lines", "rejected_lines"]

#: Columns of the file of rows set apart.
REJECTED = ("row", "patient_id", "field", "rule", "got", "remedy")
_NEEDS_QUOTES = '[",\r\n]'


class Sink:
    """A file being written under another name beside its own.

    Parameters
    ----------
    target : Path
        The name it takes at the end; a file of that name stays until then.
    schema : pyarrow.Schema or None, default=None
        Of a Parquet file; None for text.
    """

    def __init__(self, target: Path, schema: pa.Schema | None = None) -> None:
        self.target = target
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        self._name = Path(name)
        self._stream = os.fdopen(handle, "wb")
        self._parquet: Any = None
        if schema is not None:
            import pyarrow.parquet as pq

            # Without our own schema, words that repeat are read back as plain text.
            self._parquet = pq.ParquetWriter(self._stream, schema, store_schema=False)

    def write(self, content: bytes | pa.RecordBatch) -> None:
        """Add text, or rows of a Parquet file.

        Parameters
        ----------
        content : bytes or RecordBatch
            What follows.
        """
        if self._parquet is None:
            self._stream.write(content)
        else:
            self._parquet.write_batch(content)

    def commit(self) -> None:
        """Finish the file, on disk to the last byte, and let it take its name."""
        if self._parquet is not None:
            self._parquet.close()
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()
        self._name.chmod(0o644)
        self._name.replace(self.target)

    def discard(self) -> None:
        """Leave nothing behind; after :meth:`commit` there is nothing to do."""
        if self._parquet is not None and self._parquet.is_open:
            self._parquet.close()
        self._stream.close()
        self._name.unlink(missing_ok=True)


def csv_lines(table: pa.RecordBatch) -> bytes:
    """Return rows as CSV, every number with the digits that give it back to the last bit.

    Parameters
    ----------
    table : RecordBatch
        Numbers, text, and words that repeat.

    Returns
    -------
    bytes
        UTF-8, one line a row, no header.

    Examples
    --------
    >>> rows = {"row": [1, 2], "patient_id": ["A", "B, b"], "probability": [0.1 + 0.2, None]}
    >>> print(csv_lines(pa.RecordBatch.from_pydict(rows)).decode().rstrip())
    1,A,0.30000000000000004
    2,"B, b",
    """
    if not table.num_rows:
        return b""
    cells = [_text(column) for column in table.columns]
    lines = pc.binary_join_element_wise(
        *cells, ",", null_handling="replace", null_replacement=""
    )  # fmt: skip
    ended = pc.binary_join_element_wise(lines, "", "\n").cast(pa.large_string())
    return bytes(ended.buffers()[2])


def _text(column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        words = _quoted(column.dictionary)
        return words.take(column.indices)
    return _quoted(column) if pa.types.is_string(column.type) else column.cast(pa.string())


def _quoted(words: pa.Array) -> pa.Array:
    needs = pc.match_substring_regex(words, _NEEDS_QUOTES)
    if not pc.any(needs).as_py():
        return words
    doubled = pc.replace_substring(words, '"', '""')
    return pc.if_else(needs, pc.binary_join_element_wise('"', doubled, '"', ""), words)


def rejected_lines(apart: Iterable[tuple[str | None, Problem]]) -> bytes:
    r"""Return rows that were set apart as CSV, one line a problem.

    Parameters
    ----------
    apart : iterable of (str or None, Problem)
        Pseudonym and problem of one row.

    Returns
    -------
    bytes
        UTF-8, in the order of ``REJECTED``, no header.

    Examples
    --------
    >>> problem = Problem("lh_iu_l", "be a number", "'high'", "Write a number", (4,))
    >>> rejected_lines([("A-7", problem)])
    b"4,A-7,lh_iu_l,must be a number,'high',Write a number\n"
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for patient, one in apart:
        writer.writerow(
            (one.rows[0], patient or "", one.field, f"must {one.rule}", one.got, one.remedy)
        )
    return text.getvalue().encode()
