"""A file into columns of cells: CSV and Parquet, and nothing guessed about either.

Cells are text as typed, or the numbers of a Parquet column. What they mean is
``columns``' business. Whatever keeps the file from being a table ends here, in one
:class:`CohortError` each.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from respredict.errors import CohortError, Problem
from respredict.schema.quantities import parse_measurement

__all__ = ["Table", "read_table", "shown"]

_PARQUET = b"PAR1"
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # xlsx and ods are zip files; xls is OLE
_WORKBOOK_SUFFIXES = (".xlsx", ".xls", ".xlsm", ".ods")
TEXT_COLUMNS = ("patient_id", "site")  # kept as text where Parquet holds numbers
_WIDEST = 40
_ENDS = 8


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
    """

    cells: dict[str, NDArray[Any]]
    rows: int
    sha256: str
    refused: dict[str, str] = field(default_factory=dict)
    nameless: int = 0


def read_table(path: str | os.PathLike[str]) -> Table:
    r"""Read a CSV or Parquet file into columns of cells.

    Parameters
    ----------
    path : path-like
        Ends in ``.csv``, ``.parquet`` or ``.pq``.

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
        return _csv(file.name, raw)
    return _parquet(file.name, raw)


def shown(value: object) -> str:
    """Return a value for a message, cut where it is long.

    Parameters
    ----------
    value : object
        A cell.

    Returns
    -------
    str
        Short, as a message shows it.

    Examples
    --------
    >>> shown("12 ng/dL")
    "'12 ng/dL'"
    """
    text = f"{value:g}" if isinstance(value, float) else repr(value)
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"


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


def refuse(what: str, rule: str, got: str, remedy: str, rows: Sequence[int] = ()) -> NoReturn:
    """Raise the one error of a file that is no table."""
    raise CohortError(Problem(what, rule, got, remedy, tuple(rows)))


def _csv(name: str, raw: bytes) -> Table:
    header, body = _records(name, _decoded(name, raw))
    width = len(header)
    if width == 1:  # csv gives an empty line no cell; here it is one empty cell
        body = [row or [""] for row in body]
    ragged = [i for i, row in enumerate(body, 1) if len(row) != width]
    if ragged:
        got = f"{len(body[ragged[0] - 1])}"
        remedy = "Write decimals with a point and quote cells that hold a comma"
        refuse(name, f"have {width} cells in every row, as its header has", got, remedy, ragged)
    columns = dict(zip(header, zip(*body, strict=True), strict=True))
    return Table(
        {column: objects(cells) for column, cells in columns.items() if column},
        len(body),
        hashlib.sha256(raw).hexdigest(),
        nameless=header.count(""),
    )


def _decoded(name: str, raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in raw:
        refuse(name, "be text in UTF-8", "NUL bytes or UTF-16", "Save it as CSV UTF-8")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n")
        rows = (line,) if line else ()
        refuse(name, "be text in UTF-8", "another encoding", "Save it as CSV UTF-8", rows)


def _records(name: str, text: str) -> tuple[list[str], list[list[str]]]:
    """Return the header, trimmed and sound, and at least one record."""
    records: list[list[str]] = []
    try:
        records.extend(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        remedy = "Close every quotation mark and write it twice inside a cell"
        rows = (len(records),) if records else ()
        refuse(name, "be comma-separated text", f"'{error}'", remedy, rows)
    while records and not records[-1]:  # blank lines at the end
        records.pop()
    header = [cell.strip() for cell in records[0]] if records else []
    if len(header) == 1 and any(mark in header[0] for mark in ";\t"):
        remedy = "Save it with commas between cells and points in numbers"
        refuse(name, "separate its cells by commas", "semicolons or tabs", remedy)
    check_header(name, header)
    if len(records) == 1:
        refuse(name, "hold at least one man", "a header and no row", "Export the rows as well")
    return header, records[1:]


def check_header(name: str, header: Sequence[str]) -> None:
    """Refuse a header that names no columns, or one twice."""
    if not any(header):
        refuse(name, "name its columns in the first row", "an empty row", "Add a header")
    numbers = sum(_is_number(cell) for cell in header)
    if numbers:  # a table without a header shows a man in its place, so none of it is told
        got = f"{numbers} number{'s' if numbers > 1 else ''} there"
        refuse(name, "name its columns in the first row", got, "Add a header")
    twice = [shown(cell) for cell, times in Counter(header).items() if cell and times > 1]
    if twice:
        rule = "name each column once"
        refuse(name, rule, f"{', '.join(twice)} more than once", "Rename or drop the others")


def _is_number(cell: str) -> bool:
    try:
        parse_measurement(cell)
    except ValueError:
        return False
    return True


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
