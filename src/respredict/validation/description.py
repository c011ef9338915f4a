"""Table 1: who the men are, what is missing and what is known only to one side."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from respredict.schema.analytes import ANALYTES

__all__ = ["Grouping", "describe_men", "groupings"]

Grouping = tuple[str, tuple[str, ...], NDArray[np.int64]]

_AGES = (30.0, 35.0, 40.0)
_BMIS = (25.0, 30.0)
_CO_TREATMENTS = ("clomiphene", "tamoxifen", "gonadotropin_or_gnrh")
_YES_OR_NO = (*_CO_TREATMENTS, "prior_testosterone")
_UNKNOWN = -1


def describe_men(
    men: pd.DataFrame, y: NDArray[np.int64], columns: Sequence[str]
) -> list[dict[str, Any]]:
    """Describe each column, of all men and by outcome.

    Parameters
    ----------
    men : DataFrame of shape (n_patients, n_columns)
        As a cohort holds them.
    y : ndarray of int of shape (n_patients,)
        1 improved, 0 did not.
    columns : sequence of str
        Columns to describe: measurements, or 0 and 1.

    Returns
    -------
    list of dict
        ``variable``, and for ``all``, ``improved`` and ``not_improved`` each: ``n``,
        ``missing``, ``censored``, and ``median``, ``q1`` and ``q3`` (or ``yes`` of a column
        of 0 and 1). A quartile that censoring leaves open is None.

    Examples
    --------
    >>> table = pd.DataFrame({"lh_iu_l": [2.0, 4.0, 8.0, np.nan]})
    >>> rows = describe_men(table, np.array([1, 1, 0, 0]), ["lh_iu_l"])
    >>> rows[0]["all"]["median"], rows[0]["not_improved"]["missing"]
    (4.0, 1)
    """
    groups = {"all": np.ones(len(y), dtype=bool), "improved": y == 1, "not_improved": y == 0}
    told = []
    for name in columns:
        value = men[name].to_numpy(dtype=float)
        side = _side(men, name)
        sums = _share if name in _YES_OR_NO else _quantiles
        parts = {of: sums(value[rows], side[rows]) for of, rows in groups.items()}
        told.append({"variable": name, **parts})
    return told


def groupings(
    men: pd.DataFrame, site: NDArray[np.int64], sites: tuple[str, ...]
) -> tuple[Grouping, ...]:
    """Sort men into the subgroups that are reported.

    Parameters
    ----------
    men : DataFrame of shape (n_patients, n_columns)
        As a cohort holds them.
    site : ndarray of int of shape (n_patients,)
        Position in ``sites``.
    sites : tuple of str
        Names of the clinics.

    Returns
    -------
    tuple of (str, tuple of str, ndarray of int)
        What they are sorted by, the names of its groups, and each man's; -1 where unknown.

    Examples
    --------
    >>> table = pd.DataFrame({"age_years": [28.0, 41.0], "bmi_kg_m2": [24.0, np.nan],
    ...                       "sperm_concentration_m_ml": [0.0, 3.0]})
    >>> for by, names, which in groupings(table, np.array([0, 0]), ("all",)):
    ...     print(by, [names[k] if k >= 0 else "unknown" for k in which])
    site ['all', 'all']
    age ['under 30', '40 and over']
    bmi ['under 25', 'unknown']
    azoospermia ['azoospermia', 'sperm seen']
    """
    count = men["sperm_concentration_m_ml"].to_numpy(dtype=float)
    seen = _side(men, "sperm_concentration_m_ml")
    state = np.where(np.isnan(count), _UNKNOWN, ((count > 0) | (seen != 0)).astype(int))
    found: list[Grouping] = [
        ("site", sites, site),
        ("age", _names(_AGES), _classes(men["age_years"], _AGES)),
        ("bmi", _names(_BMIS), _classes(men["bmi_kg_m2"], _BMIS)),
        ("azoospermia", ("azoospermia", "sperm seen"), state),
    ]
    given = [c for c in _CO_TREATMENTS if c in men]
    if given:
        told = men[given].to_numpy(dtype=float)
        unknown = np.isnan(told).any(axis=1) & ~(told == 1).any(axis=1)
        co_treated = np.where(unknown, _UNKNOWN, (told == 1).any(axis=1).astype(int))
        found.append(("co_treatment", ("anastrozole alone", "with another"), co_treated))
    return tuple(found)


def _side(men: pd.DataFrame, name: str) -> NDArray[np.int64]:
    side = {a.column: a.censor_column for a in ANALYTES}.get(name, "")
    return men[side].to_numpy(dtype=np.int64) if side in men else np.zeros(len(men), dtype=np.int64)


def _counts(value: NDArray[np.float64], side: NDArray[np.int64]) -> dict[str, Any]:
    there = ~np.isnan(value)
    return {
        "n": int(there.sum()),
        "missing": int((~there).sum()),
        "censored": int((side[there] != 0).sum()),
    }


def _share(value: NDArray[np.float64], side: NDArray[np.int64]) -> dict[str, Any]:
    return _counts(value, side) | {"yes": int((value == 1).sum())}


def _quantiles(value: NDArray[np.float64], side: NDArray[np.int64]) -> dict[str, Any]:
    there = ~np.isnan(value)
    low, high = (_quartiles(value[there], side[there], way) for way in (-1, 1))
    agreed = [a if a == b else None for a, b in zip(low, high, strict=True)]
    return _counts(value, side) | dict(zip(("q1", "median", "q3"), agreed, strict=True))


def _quartiles(value: NDArray[np.float64], side: NDArray[np.int64], way: int) -> list[float | None]:
    """Return quartiles with the values censored one way pushed out of sight."""
    if not len(value):
        return [None, None, None]
    pushed = np.where(side == way, way * np.inf, value)
    found = np.quantile(pushed, (0.25, 0.5, 0.75), method="inverted_cdf")
    return [float(q) if np.isfinite(q) else None for q in found]


def _classes(values: pd.Series, cuts: tuple[float, ...]) -> NDArray[np.int64]:
    of = values.to_numpy(dtype=float)
    return np.where(np.isnan(of), _UNKNOWN, np.searchsorted(cuts, of, side="right"))


def _names(cuts: tuple[float, ...]) -> tuple[str, ...]:
    middle = [f"{a:g} to under {b:g}" for a, b in itertools.pairwise(cuts)]
    return (f"under {cuts[0]:g}", *middle, f"{cuts[-1]:g} and over")
