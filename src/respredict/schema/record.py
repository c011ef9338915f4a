"""The record: every column of a cohort table, one row per man.

``COLUMNS`` is the only list of them. The reader's checks, the data dictionary in
``data/README.md`` and the simulator follow from it; the analytes' columns follow
from ``ANALYTES``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from respredict.schema.analytes import ANALYTES, Analyte, Unit, analyte

__all__ = [
    "AGE",
    "BMI",
    "COLUMNS",
    "FOLLOWUP_COLUMNS",
    "SEMEN",
    "Column",
    "alternatives",
    "column",
    "dictionary",
]

Kind = Literal["text", "number", "measurement", "flag"]

SEMEN = ("sperm_concentration", "semen_volume", "motility")


@dataclass(frozen=True, slots=True)
class Column:
    """One canonical column.

    Parameters
    ----------
    name : str
        With its unit.
    kind : {"text", "number", "measurement", "flag"}
        A measurement may be censored; a flag is 0 or 1.
    meaning : str
        As a clinician reads it.
    unit : str
        UCUM code, empty for text and flags.
    low, high : float
        Hard limits, both included.
    measures : Analyte or None
        What a measurement measures.
    """

    name: str
    kind: Kind
    meaning: str
    unit: str = ""
    low: float = float("-inf")
    high: float = float("inf")
    measures: Analyte | None = None

    @property
    def censor_column(self) -> str:
        """Column of a cohort's frame that holds this measurement's side."""
        assert self.measures is not None
        followup = "followup_" if self.name.startswith("followup_") else ""
        return followup + self.measures.censor_column


AGE = Column("age_years", "number", "Age at the blood sample.", "a", 18, 70)
BMI = Column(
    "bmi_kg_m2",
    "number",
    "Body mass index. 3,646 men of NHANES 2013-2016 span 14.1 to 74.1.",
    "kg/m2",
    12,
    80,
)
_WEIGHT = Column("weight_kg", "number", "Body weight.", "kg", 30, 350)
_HEIGHT = Column("height_cm", "number", "Standing height.", "cm", 120, 230)


def _measurement(of: Analyte, *, followup: bool = False) -> Column:
    name = f"followup_{of.column}" if followup else of.column
    meaning = f"{of.label[0].upper()}{of.label[1:]} at follow-up." if followup else of.meaning
    return Column(name, "measurement", meaning, of.unit, of.low, of.high, of)


FOLLOWUP_COLUMNS: tuple[Column, ...] = (
    Column("followup_days", "number", "Days from baseline to the follow-up sample.", "d", 1, 3650),
    *(_measurement(analyte(name), followup=True) for name in SEMEN),
)

COLUMNS: tuple[Column, ...] = (
    Column("patient_id", "text", "Pseudonym, one row each. Never a name or a record number."),
    Column("site", "text", "Where he was treated; groups cross-validation."),
    AGE,
    BMI,
    *(_measurement(a) for a in ANALYTES),
    Column("anastrozole_mg_week", "number", "Prescribed dose.", "mg/wk", 0, 70),
    Column("clomiphene", "flag", "Taken with it."),
    Column("tamoxifen", "flag", "Taken with it."),
    Column("gonadotropin_or_gnrh", "flag", "hCG, FSH or gonadorelin taken with it."),
    Column("prior_testosterone", "flag", "Testosterone or anabolic steroids before."),
    *FOLLOWUP_COLUMNS,
)

_BY_NAME = {c.name: c for c in COLUMNS}


def column(name: str) -> Column:
    """Return one canonical column by its name.

    Parameters
    ----------
    name : str
        With its unit.

    Returns
    -------
    Column
        The one of that name.

    Raises
    ------
    KeyError
        If there is none of that name.

    Examples
    --------
    >>> column("followup_motility_percent").censor_column
    'followup_motility_censor'
    """
    return _BY_NAME[name]


def alternatives() -> dict[str, tuple[Column, Unit]]:
    """Return the accepted columns in another unit, with the canonical one each stands for.

    Returns
    -------
    dict of str to (Column, Unit)
        By the accepted column's name.

    Examples
    --------
    >>> canonical, unit = alternatives()["estradiol_pmol_l"]
    >>> canonical.name, unit.factor
    ('estradiol_pg_ml', 0.27238)
    """
    return {a.column_in(unit): (_BY_NAME[a.column], unit) for a in ANALYTES for unit in a.units[1:]}


def body_columns() -> tuple[Column, Column]:
    """Return weight and height, accepted together in place of the body mass index."""
    return _WEIGHT, _HEIGHT


def dictionary() -> str:
    """Return the data dictionary as a Markdown table, one line a column.

    Returns
    -------
    str
        Markdown, one line a column.

    Examples
    --------
    >>> print(dictionary().splitlines()[0])
    | column | unit | limits | accepted instead | meaning |
    """
    instead: dict[str, list[str]] = {BMI.name: [f"`{_WEIGHT.name}` + `{_HEIGHT.name}`"]}
    for name, (canonical, unit) in alternatives().items():
        one = "1:1" if unit.factor == 1 else f"x {unit.factor:g}"
        instead.setdefault(canonical.name, []).append(f"`{name}` ({one})")
    lines = ["| column | unit | limits | accepted instead | meaning |", "|---|---|---|---|---|"]
    for c in COLUMNS:
        limits = "0 or 1" if c.kind == "flag" else "" if c.kind == "text" else _limits(c)
        lines.append(
            f"| `{c.name}` | {c.unit} | {limits} | {'; '.join(instead.get(c.name, []))} "
            f"| {c.meaning} |"
        )
    return "\n".join(lines) + "\n"


def _limits(c: Column) -> str:
    censored = ", may be censored" if c.kind == "measurement" else ""
    return f"{c.low:g} to {c.high:g}{censored}"
