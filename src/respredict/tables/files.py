"""A file into columns of cells: CSV and Parquet, and nothing guessed about either.

Cells are text as typed, or the numbers of a Parquet column. What they mean is
``columns``' business. Whatever keeps the file from being a table ends here, in one
:class:`CohortError` each.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from respredict.tables.delimited import (
    PLAIN,
    Dialect,
    check_header,
    decoded,
    likely_encoding,
    likely_separator,
    records_of,
    refuse,
    shown,
)

__all__ = ["Table", "dialect_of", "empty_rows", "read_table", "shown"]

_PARQUET = b"PAR1"
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # xlsx and ods are zip files; xls is OLE
_WORKBOOK_SUFFIXES = (".xlsx", ".xls", ".xlsm", ".ods")
TEXT_COLUMNS = ("patient_id", "site")  # kept as text where Parquet holds numbers
_ENDS = 8
_BEGINNING = 1 << 18


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Columns of cells.

    Parameters
    ----------
    cells : dict of str to ndarray of shape (n_patients,)
        float64 where a Parquet column holds numbers, else object: str, bool or None.
    rows : int
        Men.
    sha256 : str
        Hexadecimal digest of the file's bytes.
    refused : dict of str to str
        Parquet columns of a type that is neither text nor number, with the type.
    nameless : int
        Columns without a name; they are not read.
    empty : int
        Rows without anything at the end, left out.
    """

    cells: dict[str, NDArray[Any]]
    rows: int
    sha256: str
    refused: dict[str, str] = field(default_factory=dict)
    nameless: int = 0
    empty: int = 0


def read_table(path: str | os.PathLike[str], dialect: Dialect = PLAIN) -> Table:
    r"""Read a CSV or Parquet file into columns of cells.

    Parameters
    ----------
    path : path-like
        Ends in ``.csv``, ``.parquet`` or ``.pq``.
    dialect : Dialect, default=PLAIN
        How CSV is written.

    Returns
    -------
    Table
        At least one column and one row.

    Raises
    ------
    CohortError
        If the file cannot be read as what its name says.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "men.csv"
    ...     _ = file.write_text("age_years,lh_iu_l\n34,<0.5\n")
    ...     read_table(file).cells["lh_iu_l"]
    array(['<0.5'], dtype=object)
    """
    file = Path(path)
    try:
        raw = file.read_bytes()
    except (OSError, ValueError) as error:
        got = getattr(error, "strerror", None) or "none"
        refuse(str(file), "be a readable file", got, "Check the path")
    if recognised(file, raw[:_ENDS], raw[-_ENDS:]) == "csv":
        return _csv(file.name, raw, dialect)
    return _parquet(file.name, raw)


def dialect_of(path: str | os.PathLike[str]) -> Dialect:
    r"""Return how a file is likely written, by its beginning.

    Parameters
    ----------
    path : path-like
        Of a table.

    Returns
    -------
    Dialect
        Commas where nothing speaks for another mark; the default where it is no CSV.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "men.csv"
    ...     _ = file.write_text("T;LH\n9,4;3,1\n")
    ...     dialect_of(file)
    Dialect(separator=';', encoding='UTF-8')
    """
    file = Path(path)
    if file.suffix.lower() != ".csv" or not file.is_file():
        return PLAIN
    with file.open("rb") as stream:
        beginning = stream.read(_BEGINNING)
        whole = not stream.read(1)
    # Two bytes more, so that half a character of UTF-16 is not cut off.
    lines = beginning if whole else beginning[: (beginning.rfind(b"\n") + 2) & ~1]
    dialect = Dialect(encoding=likely_encoding(lines))
    text = lines.decode(dialect.codec, errors="replace")
    return replace(dialect, separator=likely_separator(text) or dialect.separator)


def empty_rows(count: int) -> str:
    """Return the note that rows without anything were left out at the end.

    Parameters
    ----------
    count : int
        How many.

    Returns
    -------
    str
        A sentence.

    Examples
    --------
    >>> empty_rows(2)
    'Left out: 2 rows at the end in which no cell is filled in.'
    """
    rows = "row" if count == 1 else "rows"
    return f"Left out: {count} {rows} at the end in which no cell is filled in."


def recognised(file: Path, head: bytes, tail: bytes) -> str:
    """Say whether a file is CSV or Parquet, by its name and its ends.

    Parameters
    ----------
    file : Path
        Its name counts.
    head, tail : bytes
        Its first and last four bytes or more.

    Returns
    -------
    {"csv", "parquet"}
        What to read it as.

    Raises
    ------
    CohortError
        If it is empty, a workbook, of another ending or not what its name says.
    """
    suffix = file.suffix.lower()
    if not head:
        refuse(file.name, "hold a table", "an empty file", "Export the table again")
    if suffix in _WORKBOOK_SUFFIXES or head.startswith(_WORKBOOKS):
        refuse(file.name, "be CSV or Parquet", "a workbook", "Save it as CSV or Parquet")
    if suffix not in (".csv", ".parquet", ".pq"):
        got = f"the ending {shown(suffix)}" if suffix else "no ending"
        refuse(file.name, "end in .csv or .parquet", got, "Save it as CSV or Parquet")
    parquet = head.startswith(_PARQUET) and tail.endswith(_PARQUET)
    if suffix == ".csv":
        if parquet:
            refuse(file.name, "be CSV as its name says", "Parquet", "Name it .parquet")
        return "csv"
    if not parquet:
        remedy = "Write it again; a text table is named .csv"
        refuse(file.name, "be Parquet as its name says", "another or a cut file", remedy)
    return "parquet"


def _csv(name: str, raw: bytes, dialect: Dialect) -> Table:
    text = decoded(name, raw, dialect.encoding)
    header, body, empty = records_of(name, text, dialect.separator)
    columns = dict(zip(header, zip(*body, strict=True), strict=True))
    return Table(
        {column: objects(cells) for column, cells in columns.items() if column},
        len(body),
        hashlib.sha256(raw).hexdigest(),
        nameless=header.count(""),
        empty=empty,
    )


def objects(cells: Sequence[object]) -> NDArray[np.object_]:
    """Return cells as an array of objects."""
    column = np.empty(len(cells), dtype=object)
    column[:] = cells
    return column


def _parquet(name: str, raw: bytes) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        found = pq.ParquetFile(pa.BufferReader(raw)).read()
    except (pa.ArrowException, OSError):
        refuse(name, "be a sound Parquet file", "a damaged one", "Write it again")
    labels = [one for one in found.column_names if one.startswith("__index_level_")]
    found = found.drop_columns(labels)  # the row labels that pandas writes along
    names = [column.strip() for column in found.column_names]
    check_header(name, names)
    if found.num_rows == 0:
        refuse(name, "hold at least one man", "columns and no row", "Export the rows as well")
    cells: dict[str, NDArray[Any]] = {}
    refused: dict[str, str] = {}
    for column, values in zip(names, found.columns, strict=True):
        if not column:
            continue
        read = arrow_cells(values, as_text=column in TEXT_COLUMNS)
        if read is None:
            refused[column] = str(values.type)
        else:
            cells[column] = read
    digest = hashlib.sha256(raw).hexdigest()
    return Table(cells, found.num_rows, digest, refused, names.count(""))


def arrow_cells(values: Any, *, as_text: bool) -> NDArray[Any] | None:
    """Return the cells of a Parquet column, None where its type is not ours to read."""
    import pyarrow as pa

    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    kind = values.type
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    text = any(
        is_text(kind)
        for is_text in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    )
    if text or (number and as_text):
        return objects(values.cast(pa.string()).to_pylist())
    if number:
        return values.cast(pa.float64(), safe=False).to_numpy()
    if pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return objects(values.to_pylist())
    return None
