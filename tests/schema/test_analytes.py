"""The analytes: their units, limits and variability, and a value typed in another unit."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respredict.schema.analytes import ANALYTES, Analyte, Unit, analyte, likelier_unit
from respredict.schema.quantities import Quantity

EVERY = pytest.mark.parametrize("of", ANALYTES, ids=lambda of: of.name)
T, E2, LH = analyte("testosterone"), analyte("estradiol"), analyte("lh")
IN_TWO_UNITS = pytest.mark.parametrize("of", [T, E2], ids=lambda of: of.name)


def test_names_are_unique():
    """No two analytes share a name, and no two columns either."""
    assert len({of.name for of in ANALYTES}) == len(ANALYTES)
    columns = [of.column_in(unit) for of in ANALYTES for unit in of.units]
    assert len(set(columns)) == len(columns)


@EVERY
def test_is_complete(of: Analyte):
    """The canonical unit comes first at factor 1, and limits, LOINC and meaning are stated."""
    assert of.units[0].factor == 1.0
    assert 0 <= of.low < of.high
    assert of.loinc[-2] == "-"
    assert of.meaning.endswith(".")
    assert (of.within_man_cv is None) == (of.cv_source == "")
    assert (of.median is None) == (of.log_sd is None) == (of.spread_source == "")


@EVERY
def test_finds_its_units(of: Analyte):
    """A unit is found by its code and by every alias, and nothing else is."""
    for unit in of.units:
        assert all(of.find_unit(written) is unit for written in (unit.code, *unit.aliases))
    assert of.find_unit("furlong") is None
    assert of.find_unit("") is None


@pytest.mark.parametrize(
    ("name", "written", "value", "canonical"),
    [
        # Molar masses: testosterone 288.42 g/mol, estradiol 272.38 g/mol.
        ("testosterone", "nmol/L", 10.0, 288.42),
        ("estradiol", "pmol/L", 100.0, 27.238),
        ("lh", "mIU/mL", 3.4, 3.4),
        ("fsh", "U/L", 4.8, 4.8),
        ("sperm_concentration", "million/mL", 7.8, 7.8),
    ],
)
def test_converts(name: str, written: str, value: float, canonical: float):
    """A reading in another unit is the same reading in the canonical one, its side kept."""
    of = analyte(name)
    unit = of.find_unit(written)
    assert unit is not None
    found = of.canonical(value, unit, "<")
    assert found == Quantity(pytest.approx(canonical, rel=1e-12), of.unit, "<")


def test_names_its_columns():
    """Columns carry the unit; the side has a column of its own."""
    assert T.column == "testosterone_ng_dl"
    assert [T.column_in(unit) for unit in T.units][1] == "testosterone_nmol_l"
    assert T.censor_column == "testosterone_censor"


@EVERY
def test_noise_is_the_log_normal_of_its_cv(of: Analyte):
    """The standard deviation of a log reading gives back the coefficient of variation."""
    cv = of.within_man_cv or 0.0
    assert math.sqrt(math.expm1(of.log_noise**2)) == pytest.approx(cv, abs=1e-12)


def test_unknown_name():
    """There is no analyte of another name."""
    with pytest.raises(KeyError, match="cortisol"):
        analyte("cortisol")


@pytest.mark.parametrize(
    ("of", "value", "stated", "likelier"),
    [
        (T, 12.0, 0, "nmol/L"),
        (T, 9.4, 0, "nmol/L"),  # outside the limits as stated
        (T, 60.0, 0, None),
        (T, 270.6, 0, None),
        (T, 3000.0, 0, None),
        (T, 11.0, 1, None),
        (T, 350.0, 1, "ng/dL"),
        (E2, 26.0, 0, None),
        (E2, 140.0, 0, "pmol/L"),
        (E2, 400.0, 0, "pmol/L"),  # outside the limits as stated
        (E2, 95.0, 1, None),
        (E2, 5.0, 1, "pg/mL"),
        (LH, 60.0, 0, None),  # its units are the same number
        (T, 0.0, 0, None),
        (T, -3.0, 0, None),
        (analyte("prolactin"), 2000.0, 0, None),
    ],
)
def test_likelier_unit(of: Analyte, value: float, stated: int, likelier: str | None):
    """A value is doubted only where another accepted unit explains it far better."""
    found = likelier_unit(of, value, of.units[stated])
    assert (found and found.code) == likelier


@IN_TWO_UNITS
@given(z=st.floats(-1.5, 1.5))
def test_a_usual_value_is_never_doubted(of: Analyte, z: float):
    """A reading within 1.5 SD of the median is believed in the unit it stands in."""
    assert of.median is not None
    assert of.log_sd is not None
    canonical = of.median * math.exp(z * of.log_sd)
    for unit in of.units:
        assert likelier_unit(of, canonical / unit.factor, unit) is None


@IN_TWO_UNITS
@given(z=st.floats(-1.0, 1.0))
def test_a_usual_value_under_the_other_unit_is_named(of: Analyte, z: float):
    """A usual reading under the wrong unit is named, in either direction."""
    assert of.median is not None
    assert of.log_sd is not None
    canonical = of.median * math.exp(z * of.log_sd)
    right: Unit
    for right, wrong in (of.units[:2], of.units[1::-1]):
        typed = canonical / right.factor
        found = likelier_unit(of, typed, wrong)
        assert of is E2 or found is right  # its units are only 3.7-fold apart
        assert found in (None, right)
