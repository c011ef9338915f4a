"""What a clinic's column may be mapped to, and in which units: names without their units."""

from __future__ import annotations

from respredict.schema.analytes import ANALYTES, analyte
from respredict.schema.record import COLUMNS, SEMEN

__all__ = ["TARGETS", "outputs", "targets_table"]

#: By name: accepted unit to column of ours and factor; "" where there is no unit.
TARGETS: dict[str, dict[str, tuple[str, float]]] = {
    **{c.name: {"": (c.name, 1.0)} for c in COLUMNS if c.kind in ("text", "flag")},
    "age": {"": ("age_years", 1.0), "years": ("age_years", 1.0)},
    "bmi": {"": ("bmi_kg_m2", 1.0), "kg/m2": ("bmi_kg_m2", 1.0)},
    "weight": {"kg": ("weight_kg", 1.0), "lb": ("weight_kg", 0.45359237)},
    "height": {"cm": ("height_cm", 1.0), "m": ("height_cm", 100.0), "in": ("height_cm", 2.54)},
    "anastrozole": {
        "mg/wk": ("anastrozole_mg_week", 1.0),
        "mg/d": ("anastrozole_mg_week", 7.0),
    },
    "followup_days": {
        "": ("followup_days", 1.0), "d": ("followup_days", 1.0), "wk": ("followup_days", 7.0),
    },
    **{
        of.name: {
            code: (of.column_in(unit), 1.0)
            for unit in of.units
            for code in (unit.code, *unit.aliases)
        }
        for of in ANALYTES
    },
    **{
        f"followup_{name}": {
            code: (f"followup_{analyte(name).column}", 1.0)
            for code in (analyte(name).unit, *analyte(name).units[0].aliases)
        }
        for name in SEMEN
    },
}  # fmt: skip


def outputs(name: str, unit: str) -> tuple[str, float]:
    """Return the column of ours that a name and a unit mean, and the factor to its unit.

    Parameters
    ----------
    name : str
        Of ``TARGETS``.
    unit : str
        Of its units.

    Returns
    -------
    column : str
        As the reader knows it.
    factor : float
        By which numbers are multiplied; the reader converts hormones by itself.

    Examples
    --------
    >>> outputs("testosterone", "nmol/L"), outputs("height", "m")
    (('testosterone_nmol_l', 1.0), ('height_cm', 100.0))
    """
    units = TARGETS[name]
    return units[unit] if unit in units else next(iter(units.values()))


def targets_table() -> str:
    """Return what columns may be mapped to, as a Markdown table, one line each.

    Returns
    -------
    str
        Markdown, with the accepted units.

    Examples
    --------
    >>> print(targets_table().splitlines()[3])
    | `site` |  |
    """
    lines = ["| section | unit |", "|---|---|"]
    for name, units in TARGETS.items():
        told = ", ".join(f"`{unit}`" for unit in units if unit)
        lines.append(f"| `{name}` | {told}{' or none' if told and '' in units else ''} |")
    return "\n".join(lines) + "\n"
