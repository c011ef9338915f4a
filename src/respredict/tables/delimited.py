"""The bytes of a CSV file into a header and records: its encoding, and what parts its cells.

Nothing is guessed when a table is read: it is UTF-8 with commas between cells unless
``mapping.toml`` says otherwise. What it likely is instead is told in the refusal, and to who
writes a mapping.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NoReturn

from respredict.errors import CohortError, Problem
from respredict.schema.quantities import parse_measurement

__all__ = [
    "COMMA", "ENCODINGS", "PLAIN", "SEPARATORS", "UTF_8", "Dialect", "check_header",
    "check_separated", "decoded", "is_empty", "likely_encoding", "likely_separator", "not_text",
    "records_of", "refuse", "shown",
]  # fmt: skip

COMMA = ","
#: What may separate cells, with its name in a message.
SEPARATORS = {COMMA: "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
#: What a table is encoded in where nobody said otherwise.
UTF_8 = "UTF-8"
#: Encodings that spreadsheets write, with the codec that reads each.
ENCODINGS = {UTF_8: "utf-8-sig", "windows-1252": "cp1252", "UTF-16": "utf-16"}
_LOOKED_AT = 1000
_WIDEST = 40
_BOMS_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a CSV file is written.

    Parameters
    ----------
    separator : str, default=","
        What stands between the cells, of ``SEPARATORS``.
    encoding : str, default="UTF-8"
        Of ``ENCODINGS``.
    """

    separator: str = COMMA
    encoding: str = UTF_8

    @property
    def codec(self) -> str:
        """Its encoding as Python names it."""
        return ENCODINGS[self.encoding]

    @property
    def told(self) -> list[str]:
        """What is unlike comma-separated UTF-8, in words."""
        found = [f"text in {self.encoding}"] if self.encoding != UTF_8 else []
        if self.separator != COMMA:
            found.append(f"{SEPARATORS[self.separator]}s between cells")
        return found


#: What a table is read as where nobody said otherwise.
PLAIN = Dialect()


def decoded(name: str, raw: bytes, encoding: str = UTF_8) -> str:
    """Return the text of a file, or refuse it.

    Parameters
    ----------
    name : str
        Of the file.
    raw : bytes
        Of all of it.
    encoding : str, default="UTF-8"
        Of ``ENCODINGS``.

    Returns
    -------
    str
        Without a byte order mark.

    Raises
    ------
    CohortError
        If it is not in that encoding.
    """
    if encoding == UTF_8 and raw.startswith(_BOMS_16):
        not_text(name, encoding)
    try:
        text = raw.decode(ENCODINGS[encoding])
    except UnicodeError as error:
        line = raw[: getattr(error, "start", 0)].count(b"\n")
        not_text(name, encoding, "another encoding", (line,) if line else ())
    if "\x00" in text:
        not_text(name, encoding)
    return text


def not_text(
    name: str, encoding: str, got: str = "NUL bytes or UTF-16", rows: Sequence[int] = ()
) -> NoReturn:
    """Refuse a file that is not in its encoding.

    Parameters
    ----------
    name : str
        Of the file.
    encoding : str
        That it was to be in.
    got : str, default="NUL bytes or UTF-16"
        What was found.
    rows : sequence of int, default=()
        Where.

    Raises
    ------
    CohortError
        Always.
    """
    likely = "UTF-16" if got.endswith("UTF-16") else "windows-1252"
    said = f'encoding = "{likely}"' if encoding == UTF_8 else "its encoding"
    remedy = f"Save it as CSV UTF-8, or write {said} in mapping.toml (respredict check TABLE"
    remedy += " --suggest-mapping does)"
    refuse(name, f"be text in {encoding}", got, remedy, rows)


def likely_encoding(raw: bytes) -> str:
    r"""Return what the beginning of a file is likely encoded in.

    Parameters
    ----------
    raw : bytes
        Whole lines.

    Returns
    -------
    str
        Of ``ENCODINGS``.

    Examples
    --------
    >>> likely_encoding(b"Gr\xf6\xdfe;LH\n"), likely_encoding("Größe;LH\n".encode())
    ('windows-1252', 'UTF-8')
    """
    if raw.startswith(_BOMS_16):
        return "UTF-16"
    for encoding in (UTF_8, "windows-1252"):
        try:
            raw.decode(ENCODINGS[encoding])
        except UnicodeDecodeError:
            continue
        return encoding
    return UTF_8


def records_of(
    name: str, text: str, separator: str = COMMA
) -> tuple[list[str], list[list[str]], int]:
    r"""Return the header, trimmed and sound, and at least one record of its width.

    Parameters
    ----------
    name : str
        Of the file.
    text : str
        All of it.
    separator : str, default=","
        Of ``SEPARATORS``.

    Returns
    -------
    header : list of str
        Names of the columns.
    records : list of list of str
        Cells of each row.
    empty : int
        Rows left out at the end, since none of their cells holds anything.

    Raises
    ------
    CohortError
        If it is no table.

    Examples
    --------
    >>> records_of("men.csv", "age_years;lh_iu_l\n34;3,4\n;\n", ";")
    (['age_years', 'lh_iu_l'], [['34', '3,4']], 1)
    """
    records: list[list[str]] = []
    try:
        records.extend(csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=separator))
    except csv.Error as error:
        remedy = "Close every quotation mark and write it twice inside a cell"
        rows = (len(records),) if records else ()
        refuse(name, f"be {SEPARATORS[separator]}-separated text", f"'{error}'", remedy, rows)
    empty = 0
    while records and is_empty(records[-1]):
        empty += bool(records.pop()) and bool(records)
    header = [cell.strip() for cell in records[0]] if records else []
    check_separated(name, header, separator)
    check_header(name, header)
    body, width = records[1:], len(header)
    if not body:
        refuse(name, "hold at least one man", "a header and no row", "Export the rows as well")
    if width == 1:  # csv gives an empty line no cell; here it is one empty cell
        body = [row or [""] for row in body]
    ragged = [i for i, row in enumerate(body, 1) if len(row) != width]
    if ragged:
        if (likely := likely_separator(text)) not in (None, separator):
            _refuse_separator(name, str(likely), separator)
        rule = f"have {width} cells in every row, as its header has"
        refuse(name, rule, str(len(body[ragged[0] - 1])), ragged_remedy(separator), ragged)
    return header, body, empty


def ragged_remedy(separator: str) -> str:
    """Return what to do about a row with too many or too few cells."""
    if separator == COMMA:
        return (
            "Write decimals with a point and quote cells that hold a comma, or say with separator"
            " and decimal in mapping.toml how it is written"
        )
    return f"Quote cells that hold a {SEPARATORS[separator]}"


def is_empty(record: Iterable[str]) -> bool:
    """Say whether no cell of a row holds anything.

    Parameters
    ----------
    record : iterable of str
        Its cells.

    Returns
    -------
    bool
        True of a blank line too.

    Examples
    --------
    >>> is_empty(["", " "]), is_empty(["", "3"])
    (True, False)
    """
    return not any(cell.strip() for cell in record)


def likely_separator(text: str) -> str | None:
    r"""Return what likely separates the cells of a text, None where nothing does.

    Parameters
    ----------
    text : str
        Of a table, or its beginning.

    Returns
    -------
    str or None
        Of ``SEPARATORS``: the one that gives every row the same cells, and most of them.

    Examples
    --------
    >>> likely_separator("T;LH\n9,4;3,1\n12;3\n")
    ';'
    """
    found: dict[str, int] = {}
    for mark in SEPARATORS:
        lines = islice(io.StringIO(text, newline=""), _LOOKED_AT)
        try:
            widths = {len(row) for row in csv.reader(lines, delimiter=mark) if row}
        except csv.Error:
            continue  # a quotation mark that never ends: this mark parts nothing
        if len(widths) == 1 and (width := widths.pop()) > 1:
            found[mark] = width
    return max(found, key=lambda mark: found[mark]) if found else None


def check_separated(name: str, header: Sequence[str], separator: str) -> None:
    """Refuse a header of one column that other marks would part.

    Parameters
    ----------
    name : str
        Of the file.
    header : sequence of str
        As it was parted.
    separator : str
        By which.

    Raises
    ------
    CohortError
        If it holds another mark of ``SEPARATORS``.
    """
    if len(header) == 1:
        for mark in SEPARATORS:
            if mark != separator and mark in header[0]:
                _refuse_separator(name, mark, separator)


def _refuse_separator(name: str, found: str, separator: str) -> NoReturn:
    rule = f"separate its cells by {SEPARATORS[separator]}s"
    said = f"separator = {json.dumps(found)}"
    remedy = (
        f"Write {said}, and decimal if it is a comma, in mapping.toml (respredict check TABLE"
        " --suggest-mapping does), or save it with commas between cells and points in numbers"
        if separator == COMMA
        else f"Write {said} in mapping.toml"
    )
    refuse(name, rule, f"{SEPARATORS[found]}s", remedy)


def check_header(name: str, header: Sequence[str]) -> None:
    """Refuse a header that names no columns, or one twice.

    Parameters
    ----------
    name : str
        Of the file.
    header : sequence of str
        Trimmed.

    Raises
    ------
    CohortError
        If it does.
    """
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


def refuse(what: str, rule: str, got: str, remedy: str, rows: Sequence[int] = ()) -> NoReturn:
    """Raise the one error of a file that is no table.

    Parameters
    ----------
    what, rule, got, remedy : str
        As of :class:`respredict.errors.Problem`.
    rows : sequence of int, default=()
        Positions, from 1 below the header.

    Raises
    ------
    CohortError
        Always.
    """
    raise CohortError(Problem(what, rule, got, remedy, tuple(rows)))
