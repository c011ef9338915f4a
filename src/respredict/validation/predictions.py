"""A table of anybody's predictions into arrays: outcome, probability and, where told, group."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from respredict.errors import CohortError, Problem, nearest
from respredict.tables.files import Table, read_table, shown

__all__ = ["Predictions", "read_predictions"]

_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", ".", "-"})
_VALUES_SHOWN = 3
_PERCENT = 100.0
_MOST = 0.5  # of the values above 1: then all are in percent, not some mistyped

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """Predictions and what happened.

    Parameters
    ----------
    y : ndarray of shape (n_patients,)
        Outcomes, 0 or 1.
    p : ndarray of shape (n_patients,)
        Predicted probabilities, in [0, 1].
    group : ndarray of shape (n_patients,), or None
        Names; None where the table has no groups.
    left_out : int, default=0
        Rows at the end of the table in which no cell is filled in.
    """

    y: Floats
    p: Floats
    group: NDArray[np.str_] | None
    left_out: int = 0


def read_predictions(
    path: str | os.PathLike[str], *, y: str = "y", p: str = "p", group: str | None = None
) -> Predictions:
    r"""Read a CSV or Parquet file of predictions.

    Parameters
    ----------
    path : path-like
        Ends in ``.csv``, ``.parquet`` or ``.pq``.
    y, p : str, default="y" and "p"
        Columns of outcome and probability.
    group : str, default=None
        Column of the group; ``group`` where there is one if None.

    Returns
    -------
    Predictions
        Of every row.

    Raises
    ------
    CohortError
        If the file is no table, a column is absent, or a cell is empty or breaks its rule.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder) / "told.csv"
    ...     _ = file.write_text("y,p\n1,0.7\n0,0.2\n")
    ...     read_predictions(file).p
    array([0.7, 0.2])
    """
    table = read_table(path)
    grouped = group if group is not None or "group" not in _titles(table) else "group"
    wanted = {"--y-column": y, "--p-column": p} | ({"--group-column": grouped} if grouped else {})
    absent = [_absent(table, option, name) for option, name in wanted.items()]
    problems = [problem for problem in absent if problem is not None]
    if problems:
        raise CohortError(problems)
    outcomes = _numbers(table.cells[y], y, problems, rule=_BINARY, remedy=_OUTCOME)
    chances = _numbers(table.cells[p], p, problems)
    _check(y, outcomes, (outcomes == 0) | (outcomes == 1), _BINARY, _OUTCOME, problems)
    right = (chances >= 0) & (chances <= 1)
    _check(p, chances, right, "lie in [0, 1]", _advice(chances), problems)
    names = None if grouped is None else _names(table.cells[grouped], grouped, problems)
    if problems:
        raise CohortError(problems)
    return Predictions(outcomes, chances, names, table.empty)


_BINARY, _OUTCOME = "be 0 or 1", "Write 1 for a man with the outcome and 0 for one without"


def _titles(table: Table) -> list[str]:
    return [*table.cells, *table.refused]


def _absent(table: Table, option: str, name: str) -> Problem | None:
    if name in table.cells:
        return None
    if name in table.refused:
        remedy = "Write the column as text or numbers"
        return Problem(name, "hold text or numbers", table.refused[name], remedy)
    titles = ", ".join(_titles(table)[: _VALUES_SHOWN * 3])
    remedy = f"{nearest(name, _titles(table))}Name the column with {option}"
    return Problem(name, "be a column of the table", f"the columns {titles}", remedy)


def _numbers(
    cells: NDArray[Any], name: str, problems: list[Problem], *, rule: str = "be a number",
    remedy: str = "",
) -> Floats:  # fmt: skip
    """Return the numbers of a column; NaN where it holds none, which is then a problem."""
    if cells.dtype == np.float64:
        empty = np.isnan(cells)
        _missing(name, empty, problems)
        return np.asarray(cells, float)
    texts = ["" if cell is None else str(cell).strip() for cell in cells]
    empty = np.array([text.casefold() in _MISSING for text in texts])
    values = np.array([_number(cell, text) for cell, text in zip(cells, texts, strict=True)])
    wrong = np.isnan(values) & ~empty
    if wrong.any():
        first = texts[int(np.flatnonzero(wrong)[0])]
        percent = "Divide the column by 100 and leave out the percent sign"
        number = percent if first.endswith("%") else "Write a number with a point for decimals"
        got = _first([text for text, bad in zip(texts, wrong, strict=True) if bad])
        problems.append(Problem(name, rule, got, remedy or number, _rows(wrong)))
    _missing(name, empty, problems)
    return values


def _number(cell: object, text: str) -> float:
    """Return a number, NaN for what is none; true and false of a Parquet column are 1 and 0."""
    if isinstance(cell, bool):
        return float(cell)
    try:
        return float(text) if "_" not in text else np.nan
    except ValueError:
        return np.nan


def _missing(name: str, empty: NDArray[np.bool_], problems: list[Problem]) -> None:
    if empty.any():
        got, remedy = "an empty cell", "Fill the cell, or leave the whole row out and say so"
        problems.append(Problem(name, "be filled in", got, remedy, _rows(empty)))


def _check(
    name: str,
    values: Floats,
    right: NDArray[np.bool_],
    rule: str,
    remedy: str,
    problems: list[Problem],
) -> None:
    wrong = ~right & ~np.isnan(values)
    if wrong.any():
        problems.append(Problem(name, rule, _first(values[wrong].tolist()), remedy, _rows(wrong)))


def _advice(chances: Floats) -> str:
    """Say what probabilities outside [0, 1] look like."""
    there = chances[~np.isnan(chances)]
    if not len(there):
        return ""
    if there.min() >= 0 and there.max() <= _PERCENT and np.mean(there > 1) >= _MOST:
        return "The column looks like percent: divide it by 100"
    if there.min() < 0 < there.max():
        return "If these are log-odds x, give 1 / (1 + exp(-x)) instead"
    return "Give probabilities between 0 and 1"


def _names(cells: NDArray[Any], name: str, problems: list[Problem]) -> NDArray[np.str_]:
    numbers = cells.dtype == np.float64
    texts = [
        "" if cell is None else f"{cell:g}" if numbers else str(cell).strip() for cell in cells
    ]
    _missing(name, np.array([text.casefold() in _MISSING for text in texts]), problems)
    return np.array(texts)


def _first(values: Sequence[object]) -> str:
    """Return the first distinct values, for a message."""
    distinct = list(dict.fromkeys(values))
    more = len(distinct) - _VALUES_SHOWN
    tail = f" and {more} other value{'s' if more > 1 else ''}" if more > 0 else ""
    return ", ".join(shown(value) for value in distinct[:_VALUES_SHOWN]) + tail


def _rows(wrong: NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple((np.flatnonzero(wrong) + 1).tolist())
