"""Columns, inputs and groups as a clinician reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from respredict.schema.analytes import ANALYTES

__all__ = ["group_of", "named", "unit_of"]

_SORTED_BY = {
    "site": "clinic",
    "age": "age (years)",
    "bmi": "BMI (kg/m2)",
    "azoospermia": "sperm at baseline",
    "co_treatment": "treatment",
}
_COLUMNS = {
    "age_years": ("Age", "years"),
    "bmi_kg_m2": ("BMI", "kg/m2"),
    "sperm_concentration_m_ml": ("Sperm concentration", "million/mL"),
    "semen_volume_ml": ("Semen volume", "mL"),
    "motility_percent": ("Motility", "%"),
    "anastrozole_mg_week": ("Anastrozole", "mg a week"),
    "clomiphene": ("Clomiphene", ""),
    "tamoxifen": ("Tamoxifen", ""),
    "gonadotropin_or_gnrh": ("Gonadotropin or GnRH", ""),
    "prior_testosterone": ("Testosterone before", ""),
    "azoospermia": ("Azoospermia", ""),
    "ln_t_e2": ("T/E2, log", ""),
    "ln_t_lh": ("T/LH, log", ""),
}


def group_of(one: Mapping[str, Any]) -> str:
    """Return the name of a subgroup, with what it was sorted by.

    Parameters
    ----------
    one : mapping
        A subgroup of a report.

    Returns
    -------
    str
        As a reader knows it.

    Examples
    --------
    >>> group_of({"by": "bmi", "group": "under 25"})
    'BMI (kg/m2): under 25'
    """
    return f"{_SORTED_BY.get(one['by'], one['by'])}: {one['group']}"


def named(column: str) -> str:
    """Return a column, input or coefficient as a clinician reads it.

    Parameters
    ----------
    column : str
        Such as ``lh_iu_l``, ``lh`` or ``ln_lh``.

    Returns
    -------
    str
        The name alone.

    Examples
    --------
    >>> named("lh_iu_l"), named("ln_bmi"), named("age")
    ('LH', 'BMI, log', 'Age')
    """
    return _known(column)[0]


def unit_of(column: str) -> str:
    """Return the unit of a column or input, empty where it has none.

    Parameters
    ----------
    column : str
        Such as ``testosterone_ng_dl`` or ``testosterone``.

    Returns
    -------
    str
        As people write it.

    Examples
    --------
    >>> unit_of("lh"), unit_of("testosterone_ng_dl")
    ('IU/L', 'ng/dL')
    """
    return _known(column)[1]


def _known(column: str) -> tuple[str, str]:
    if column in _COLUMNS:
        return _COLUMNS[column]
    if column in ("age", "bmi"):
        return _COLUMNS["age_years" if column == "age" else "bmi_kg_m2"]
    for of in ANALYTES:
        if column in (of.name, of.column):
            told = _COLUMNS.get(of.column)
            label = of.label[:1].upper() + of.label[1:]
            return told or (label, of.unit.replace("[IU]", "IU"))
    if column.startswith("ln_"):
        return f"{_known(column.removeprefix('ln_'))[0]}, log", ""
    return column.replace("_", " "), ""
