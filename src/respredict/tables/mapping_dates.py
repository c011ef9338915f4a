"""Days between two columns of dates, as a mapping names them."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping
from typing import Any

from numpy.typing import NDArray

from respredict.errors import Problem
from respredict.tables.files import Table, objects
from respredict.tables.mapping_checks import MAPPING

__all__ = ["days_between"]


def days_between(
    entry: Mapping[str, Any], table: Table, missing: Collection[str], problems: list[Problem]
) -> NDArray[Any]:
    """Return the days from one column of dates to another, as text.

    Parameters
    ----------
    entry : mapping
        ``from``, ``to`` and ``dates``, the form of both (``%Y-%m-%d`` if absent).
    table : Table
        As read.
    missing : collection of str
        Cells that say nothing, in lower case.
    problems : list of Problem
        Taken further by what is no such date.

    Returns
    -------
    ndarray of shape (n_patients,)
        An empty cell where one of both is missing.

    Examples
    --------
    >>> cells = {"Visit": objects(["01.03.2025"]), "Control": objects(["31.03.2025"])}
    >>> entry = {"from": "Visit", "to": "Control", "dates": "%d.%m.%Y"}
    >>> days_between(entry, Table(cells, 1, ""), (), [])
    array(['30'], dtype=object)
    """
    written = entry.get("dates", "%Y-%m-%d")
    both = [_dates(entry[key], table, written, missing, problems) for key in ("from", "to")]
    return objects([
        "" if a is None or b is None else str((b - a).days) for a, b in zip(*both, strict=True)
    ])  # fmt: skip


def _dates(
    column: str, table: Table, written: str, missing: Collection[str], problems: list[Problem]
) -> list[datetime.date | None]:
    found: list[datetime.date | None] = [None] * table.rows
    if column in table.refused:
        remedy = "Write the dates as text"
        problems.append(Problem(column, "hold text", table.refused[column], remedy))
        return found
    wrong: list[int] = []
    for row, cell in enumerate(table.cells[column]):
        text = "" if cell is None else str(cell).strip()
        if not text or text.casefold() in missing:
            continue
        try:
            found[row] = datetime.datetime.strptime(text, written).date()
        except ValueError:
            wrong.append(row + 1)
    if wrong:
        rule, remedy = f"be dates as {written}", f"Mend them, or dates in {MAPPING}"
        problems.append(Problem(column, rule, "others", remedy, tuple(wrong)))
    return found
