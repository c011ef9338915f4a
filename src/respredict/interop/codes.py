"""Which LOINC codes are read as what, in which UCUM units: nothing else is taken.

To read another code, add a row here. A code says whether mass or substance is measured, so
each has its own units. Codes of free testosterone are known, so that it is never taken for
total; what else a resource holds is passed over.

Source of the codes: LOINC (http://loinc.org), as their laboratories' catalogues show them.
"""

from __future__ import annotations

from dataclasses import dataclass

from respredict.schema.analytes import ANALYTES

__all__ = ["CODES", "FREE", "LOINC", "UCUM", "Code", "find_alias", "find_unit"]

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"


@dataclass(frozen=True, slots=True)
class Code:
    """One LOINC code.

    Parameters
    ----------
    code : str
        Of LOINC.
    field : str
        Of a request; ``weight`` and ``height`` make a BMI.
    units : tuple of str
        UCUM codes that are taken.
    """

    code: str
    field: str
    units: tuple[str, ...]


_MASS_T = ("ng/dL", "ng/mL", "ug/L", "ug/dL")
_MASS_E2 = ("pg/mL", "ng/L", "ng/dL")
_MOLES_E2 = ("pmol/L", "nmol/L")
_ARBITRARY = ("m[IU]/mL", "[IU]/L")

CODES: dict[str, Code] = {
    row.code: row
    for row in (
        Code("2986-8", "testosterone", _MASS_T),
        Code("83116-4", "testosterone", _MASS_T),  # immunoassay
        Code("49041-7", "testosterone", _MASS_T),  # limit of 1 ng/dL or less
        Code("14913-8", "testosterone", ("nmol/L",)),
        Code("2243-4", "estradiol", _MASS_E2),
        Code("83096-8", "estradiol", _MASS_E2),  # immunoassay
        Code("14715-7", "estradiol", _MOLES_E2),
        Code("72873-3", "estradiol", _MOLES_E2),  # high sensitivity
        Code("10501-5", "lh", _ARBITRARY),
        Code("15067-2", "fsh", _ARBITRARY),
        Code("83098-4", "fsh", _ARBITRARY),  # immunoassay
        Code("2842-3", "prolactin", ("ng/mL", "ug/L")),
        Code("13967-5", "shbg", ("nmol/L",)),
        Code("34319-4", "inhibin_b", ("pg/mL", "ng/L")),
        Code("9780-8", "sperm_concentration", ("10*6/mL",)),
        Code("3160-9", "semen_volume", ("mL",)),
        Code("6800-7", "motility", ("%",)),
        Code("39156-5", "bmi", ("kg/m2",)),
        Code("29463-7", "weight", ("kg", "g", "[lb_av]")),
        Code("8302-2", "height", ("cm", "m", "[in_i]")),
        Code("30525-0", "age", ("a",)),
    )
}

#: Free testosterone.
FREE = frozenset({"2991-8", "14914-6"})

#: UCUM units that a request does not take: the unit it takes, and how many of it one of these is.
_CONVERTED: dict[str, dict[str, tuple[str, float]]] = {
    "testosterone": {"ng/mL": ("ng/dL", 100.0), "ug/L": ("ng/dL", 100.0), "ug/dL": ("ng/dL", 1e3)},
    "estradiol": {"ng/dL": ("pg/mL", 10.0), "nmol/L": ("pmol/L", 1e3)},
    "weight": {"kg": ("kg", 1.0), "g": ("kg", 1e-3), "[lb_av]": ("kg", 0.45359237)},
    "height": {"cm": ("cm", 1.0), "m": ("cm", 100.0), "[in_i]": ("cm", 2.54)},
    "bmi": {"kg/m2": ("kg/m2", 1.0)},
    "age": {"a": ("a", 1.0)},
}
_ANALYTES = {of.name: of for of in ANALYTES}


def find_unit(code: Code, written: object) -> tuple[str, float] | None:
    """Return the unit of a request that a UCUM code becomes, and the factor.

    Parameters
    ----------
    code : Code
        Of the measurement.
    written : object
        As JSON has it.

    Returns
    -------
    tuple of str and float, or None
        None if it is not one of this code's.

    Examples
    --------
    >>> find_unit(CODES["2986-8"], "ng/mL"), find_unit(CODES["10501-5"], "m[IU]/mL")
    (('ng/dL', 100.0), ('m[IU]/mL', 1.0))
    >>> find_unit(CODES["2986-8"], "nmol/L") is None, find_unit(CODES["10501-5"], "mIU/mL") is None
    (True, True)
    """
    return find_alias(code, written) if written in code.units else None


def find_alias(code: Code, written: object) -> tuple[str, float] | None:
    """Return the unit of a request that written words become, and the factor.

    Parameters
    ----------
    code : Code
        Of the measurement.
    written : object
        As JSON has it: UCUM, or an alias that a request takes.

    Returns
    -------
    tuple of str and float, or None
        None if it is not one of this code's.

    Examples
    --------
    >>> find_alias(CODES["10501-5"], "mIU/mL"), find_alias(CODES["10501-5"], "mIU/L")
    (('m[IU]/mL', 1.0), None)
    """
    if not isinstance(written, str):
        return None
    if written in code.units and written in _CONVERTED.get(code.field, {}):
        return _CONVERTED[code.field][written]
    unit = _ANALYTES[code.field].find_unit(written) if code.field in _ANALYTES else None
    return (unit.code, 1.0) if unit is not None and unit.code in code.units else None
