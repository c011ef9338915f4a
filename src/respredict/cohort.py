"""A clinic's table into a cohort, or every problem of the table at once.

To read::

    cohort = read_cohort("clinic.csv", need=("outcome",))

Canonical columns are those of :data:`respredict.schema.record.COLUMNS`. A table may
carry other accepted units, censored values (``<20``) and empty cells; it may not carry
anything whose meaning would have to be guessed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from respredict.errors import CohortError, Problem
from respredict.outcome import scheme as named_scheme
from respredict.schema.analytes import analyte
from respredict.schema.quantities import Comparator, Quantity
from respredict.schema.record import COLUMNS, SEMEN, Column, column
from respredict.tables.columns import ColumnReader
from respredict.tables.files import empty_rows, read_table
from respredict.tables.mapping import read_mapping
from respredict.tables.mapping_checks import MAPPING
from respredict.tables.naming import Names, advice, read_names
from respredict.tables.sidecar import SIDECAR, Provenance, Sidecar, read_sidecar

__all__ = [
    "Cohort",
    "Provenance",
    "describe",
    "outcome_columns",
    "read_cohort",
]

_SYNTHETIC_ID = "SYN-"
_ONE_SITE = "all"


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """Men with their measurements, one row each.

    Parameters
    ----------
    men : DataFrame
        Every canonical column in its order, float64 but for ``patient_id`` and
        ``site``, NaN where missing; then one int8 column of {-1, 0, 1} for each
        measurement: below the value, the value itself, above it.
    provenance : Provenance
        Where the table is from.
    notices : tuple of str, default=()
        What was read in a way its owner should know of.

    Examples
    --------
    >>> men = pd.DataFrame({"lh_iu_l": [3.4]})
    >>> len(Cohort(men, Provenance("clinical", "", "", 1, "")).men)
    1
    """

    men: pd.DataFrame
    provenance: Provenance
    notices: tuple[str, ...] = ()


def read_cohort(
    path: str | os.PathLike[str], *, need: Iterable[str] = (), scheme: str | None = None,
    mapping: Path | None = None,
) -> Cohort:  # fmt: skip
    r"""Read a table of men, CSV or Parquet, with its sidecar if it has one.

    Parameters
    ----------
    path : path-like
        Ends in ``.csv``, ``.parquet`` or ``.pq``; ``cohort.toml`` beside it is its
        sidecar if its ``file`` names this table.
    need : iterable of str, default=()
        Canonical columns that must be there; ``"outcome"`` stands for those of
        :func:`outcome_columns`.
    scheme : str or None, default=None
        Semen categories that ``"outcome"`` counts in; the sidecar's if None.
    mapping : Path or None, default=None
        What a clinic's own columns are; ``mapping.toml`` beside the table if None, where
        its ``file`` names this table.

    Returns
    -------
    Cohort
        In canonical units.

    Raises
    ------
    CohortError
        With every problem of the table and its sidecar, or of its mapping alone where that is
        not sound; rows count from 1 below the header. No message carries a pseudonym.
    ConfigError
        If there is no such scheme.

    Examples
    --------
    >>> import tempfile
    >>> text = "patient_id,testosterone_nmol_l,estradiol_pg_ml\nA-1,10,<20\n"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "clinic.csv"
    ...     _ = file.write_text(text)
    ...     cohort = read_cohort(file)
    >>> cohort.men[["testosterone_ng_dl", "estradiol_pg_ml", "estradiol_censor"]]
       testosterone_ng_dl  estradiol_pg_ml  estradiol_censor
    0              288.42             20.0                -1
    """
    file = Path(path)
    mapped = read_mapping(file, mapping)
    table = read_table(file, mapped.dialect) if mapped else read_table(file)
    table, broken = mapped.read(table) if mapped else (table, [])
    sidecar = read_sidecar(file, table)
    names = read_names(table.cells | table.refused, table.nameless)
    reader = ColumnReader(table, names, sidecar.confirmed)
    columns = reader.read()
    provenance = sidecar.provenance(file, table)
    missing = _missing(need, scheme or provenance.scheme, names, mapped=mapped is not None)
    identity = _identity(columns, names) + _one_kind(columns["patient_id"], sidecar)
    problems = [*sidecar.problems, *broken, *names.problems, *missing, *identity, *reader.problems]
    if problems:
        raise CohortError(problems)
    notices = [mapped.notice] if mapped else []
    notices += [*sidecar.notices, *names.notices, *reader.notices]
    notices += [empty_rows(table.empty)] if table.empty else []
    if "patient_id" not in names.sources:
        columns["patient_id"] = np.array(
            [f"row-{i}" for i in range(1, table.rows + 1)], dtype=object
        )
        notices.append("No patient_id: men are named by their row, row-1 onwards.")
    if pd.isna(columns["site"]).all():
        columns["site"] = np.full(table.rows, _ONE_SITE, dtype=object)
    men = pd.DataFrame({name: pd.Series(of, dtype=of.dtype) for name, of in columns.items()})
    return Cohort(men, provenance, tuple(notices))


def outcome_columns(scheme: str) -> tuple[str, ...]:
    """Return the canonical columns that a category scheme needs before and after.

    Parameters
    ----------
    scheme : str
        Name of the scheme.

    Returns
    -------
    tuple of str
        Baseline first, then follow-up.

    Raises
    ------
    ConfigError
        If there is no such scheme.

    Examples
    --------
    >>> outcome_columns("who")
    ('sperm_concentration_m_ml', 'followup_days', 'followup_sperm_concentration_m_ml')
    """
    measured = SEMEN[:1] if named_scheme(scheme).measure == "concentration" else SEMEN
    baseline = [analyte(name).column for name in measured]
    return (*baseline, "followup_days", *(f"followup_{name}" for name in baseline))


def _missing(need: Iterable[str], scheme: str, names: Names, *, mapped: bool) -> list[Problem]:
    wanted: list[str] = []
    for name in need:
        wanted += outcome_columns(scheme) if name == "outcome" else (column(name).name,)
    absent = [name for name in dict.fromkeys(wanted) if name not in names.sources]
    if not absent:
        return []
    near = [f"{meant!r} for {name}" for name in absent if (meant := advice(name, names.unread))]
    closest = f"The nearest names are {', '.join(near)}. " if near else ""
    remedy = f"{closest}Add what is absent, under exactly these names"
    if mapped:
        remedy = f"{closest}Name the columns that hold them in {MAPPING}, or add them"
    elif names.unread:
        remedy += ", or say which columns they are: respredict check TABLE --suggest-mapping"
    beside = ", ".join(name for name in dict.fromkeys(wanted) if name not in absent)
    rule = f"be in the table, beside {beside}" if beside else "be in the table"
    return [Problem(", ".join(absent), rule, "no such column", remedy)]


def _identity(columns: Mapping[str, NDArray[Any]], names: Names) -> list[Problem]:
    """Return what is wrong with pseudonyms and sites; rows are told, pseudonyms never."""
    problems = []
    ids, sites = (pd.Series(columns[name], dtype=object) for name in ("patient_id", "site"))
    if "patient_id" in names.sources:
        empty = _positions(ids.isna())
        if empty:
            remedy = "Give every man a pseudonym; delete rows that hold no man"
            problems.append(Problem("patient_id", "be given in every row", "none", remedy, empty))
        twice = _positions(ids.notna() & ids.duplicated(keep=False))
        if twice:
            remedy = "Keep one row a man, his baseline with its follow-up"
            problems.append(Problem("patient_id", "name one row each", "repeats", remedy, twice))
    empty = _positions(sites.isna())
    if empty and len(empty) < len(sites):
        remedy = "Fill it in, or leave out the column"
        problems.append(Problem("site", "be given for every man", "none", remedy, empty))
    return problems


def _one_kind(ids: NDArray[np.object_], sidecar: Sidecar) -> list[Problem]:
    """Return why a table with men of the synthetic cohort is refused, if it is."""
    made = pd.Series([str(one).upper().startswith(_SYNTHETIC_ID) for one in ids])
    if not made.any():
        return []
    rule, rows = "be all synthetic or all clinical", _positions(made)
    if not made.all():
        remedy = "Remove the synthetic men; the two kinds are never mixed"
        return [Problem("patient_id", rule, f"some that begin with {_SYNTHETIC_ID}", remedy, rows)]
    if sidecar.told.get("kind") == "synthetic" or sidecar.problems:
        return []
    got = f"only men whose pseudonyms begin with {_SYNTHETIC_ID} under kind clinical"
    remedy = "Set kind to synthetic"
    if not sidecar.told:
        got = f"the synthetic cohort without its {SIDECAR}"
        remedy = f"Keep {SIDECAR} beside the table, with the table's name as its file"
    return [Problem("the table", "say that it is synthetic", got, remedy)]


def _positions(rows: pd.Series) -> tuple[int, ...]:
    return tuple((np.flatnonzero(rows.to_numpy(bool)) + 1).tolist())


def describe(cohort: Cohort) -> dict[str, Any]:
    """Count what a cohort holds, as JSON can carry it.

    Parameters
    ----------
    cohort : Cohort
        As read.

    Returns
    -------
    dict
        Provenance, ``sites`` with their men, ``notices``, and for each column of
        ``measurements`` how many are present, missing, below and above a limit, and
        their median with its comparator, None where there is none.

    Examples
    --------
    >>> men = pd.DataFrame({"site": "A", "lh_iu_l": [0.5, 3.0, 4.0], "lh_censor": [-1, 0, 0]})
    >>> told = describe(Cohort(men, Provenance("clinical", "", "", 3, "")))
    >>> told["measurements"]["lh_iu_l"]["median"]
    {'value': 3.0, 'unit': '[IU]/L'}
    """
    men, origin = cohort.men, cohort.provenance
    told = [c for c in COLUMNS if c.kind in ("number", "measurement") and c.name in men]
    return {
        "file": origin.file,
        "kind": origin.kind,
        "source": origin.source,
        "sha256": origin.sha256,
        "date": origin.date,
        "scheme": origin.scheme,
        "rows": len(men),
        "sites": {str(site): int(n) for site, n in men["site"].value_counts(sort=False).items()},
        "measurements": {c.name: _described(c, men) for c in told},
        "notices": list(cohort.notices),
    }


def _described(of: Column, men: pd.DataFrame) -> dict[str, Any]:
    values = men[of.name].to_numpy(float)
    known = ~np.isnan(values)
    sides = men[of.censor_column].to_numpy() if of.measures else np.zeros(len(men))
    middle = _median(values[known], sides[known])
    return {
        "present": int(known.sum()),
        "missing": int((~known).sum()),
        "below": int((sides < 0).sum()),
        "above": int((sides > 0).sum()),
        "median": None if middle is None else Quantity(middle[0], of.unit, middle[1]).as_dict(),
    }


def _median(values: NDArray[Any], sides: NDArray[Any]) -> tuple[float, Comparator] | None:
    """Return the median and its side, None where there is none or censoring leaves it open."""
    if not values.size:
        return None
    middle = float(np.median(values))
    lower = np.median(np.where(sides < 0, 0.0, values)) < middle
    higher = np.median(np.where(sides > 0, np.inf, values)) > middle
    if lower and higher:
        return None
    return middle, "<" if lower else ">" if higher else ""
