"""The packaged tables of published facts, and the functions that read them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType

from respredict.errors import InputError, Problem, nearest
from respredict.evidence.reading import read_citations, read_table
from respredict.evidence.records import Citation, Fact

__all__ = ["TABLES", "citation", "fact", "load", "working_correlations"]

#: Every table of facts, by the name that ``load`` takes.
TABLES: tuple[str, ...] = (
    "baseline",
    "before_after",
    "candidates",
    "conversions",
    "correlations",
    "monitoring",
    "patient_groups",
    "prior_effects",
    "protocols",
    "ranges",
    "rates",
    "responders",
    "safety",
    "statements",
    "within_man",
)


@cache
def load(table: str) -> tuple[Fact, ...]:
    """Read one packaged table.

    Parameters
    ----------
    table : str
        One of ``TABLES``.

    Returns
    -------
    tuple of Fact
        In the order of the file; read once.

    Raises
    ------
    KeyError
        If there is no such table.
    InputError
        If a row has no source or an unknown status; every such row is told.

    Examples
    --------
    >>> [row["when"] for row in load("monitoring")][0]
    'every 4 to 8 weeks, then every 3 to 6 months'
    """
    if table not in TABLES:
        msg = f"table must be one of the evidence tables, got {table!r}. {nearest(table, TABLES)}"
        raise KeyError(msg.rstrip())
    return read_table(_packaged(table), _citations())


def fact(id: str) -> Fact:  # noqa: A002 -- the column of the tables has this name
    """Return one row by its id.

    Parameters
    ----------
    id : str
        Of the row.

    Returns
    -------
    Fact
        The row.

    Raises
    ------
    KeyError
        If no table has it.

    Examples
    --------
    >>> fact("within_man_lh")["value"]
    0.28
    """
    rows = _index()
    if id not in rows:
        msg = f"id must be that of a row of evidence, got {id!r}. {nearest(id, rows)}"
        raise KeyError(msg.rstrip())
    return rows[id]


def citation(key: str) -> Citation:
    """Return one source by its key.

    Parameters
    ----------
    key : str
        As in ``citations.toml``.

    Returns
    -------
    Citation
        The source.

    Raises
    ------
    KeyError
        If it is not in ``citations.toml``.

    Examples
    --------
    >>> citation("clinic_page").text
    'clinic web page, not a guideline'
    """
    known = _citations()
    if key not in known:
        msg = f"key must be that of a citation, got {key!r}. {nearest(key, known)}"
        raise KeyError(msg.rstrip())
    return known[key]


def working_correlations() -> tuple[tuple[str, ...], tuple[tuple[float, ...], ...]]:
    """Return the correlation matrix, log scale, of the synthetic recipe.

    Returns
    -------
    names : tuple of str
        In the order of the matrix.
    matrix : tuple of tuple of float
        Symmetric, of ones on the diagonal; a pair without a row is 0.

    Examples
    --------
    >>> names, matrix = working_correlations()
    >>> matrix[names.index("lh")][names.index("fsh")]
    0.41
    """
    working = {frozenset(r["pair"]): r["value"] for r in load("correlations") if r.get("working")}
    names = tuple(sorted({name for pair in working for name in pair}))
    matrix = tuple(
        tuple(1.0 if a == b else float(working.get(frozenset((a, b)), 0.0)) for b in names)
        for a in names
    )
    return names, matrix


def _packaged(table: str) -> Traversable:
    return files("respredict.evidence") / "tables" / f"{table}.toml"


@cache
def _citations() -> Mapping[str, Citation]:
    return read_citations(_packaged("citations"))


@cache
def _index() -> Mapping[str, Fact]:
    """Every row by its id; an id may stand in one table only."""
    rows: dict[str, Fact] = {}
    for row in (row for table in TABLES for row in load(table)):
        if row.id in rows:
            where = f"{rows[row.id].table} and {row.table}"
            raise InputError(
                Problem(f"row {row.id!r}", "stand in one table only", where, "Rename one of them")
            )
        rows[row.id] = row
    return MappingProxyType(rows)
