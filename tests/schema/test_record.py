"""The record: canonical columns, their accepted alternatives and the data dictionary."""

from __future__ import annotations

import math

import pytest

from respredict.schema.analytes import ANALYTES
from respredict.schema.record import (
    AGE,
    BMI,
    COLUMNS,
    FOLLOWUP_COLUMNS,
    SEMEN,
    alternatives,
    body_columns,
    column,
    dictionary,
)

NAMES = [c.name for c in COLUMNS]
MEASUREMENTS = [c for c in COLUMNS if c.kind == "measurement"]


def test_columns_are_unique():
    """No two columns share a name, nor two measurements the column of their side."""
    assert len(set(NAMES)) == len(NAMES)
    sides = [c.censor_column for c in MEASUREMENTS]
    assert len({*sides, *NAMES}) == len(sides) + len(NAMES)


@pytest.mark.parametrize("of", COLUMNS, ids=lambda of: of.name)
def test_is_complete(of):
    """Every column has a meaning; numbers and measurements have limits and a unit."""
    assert column(of.name) is of
    assert of.meaning.endswith(".")
    if of.kind in ("number", "measurement"):
        assert math.isfinite(of.low)
        assert of.low < of.high < math.inf
        assert of.unit
    assert (of.measures is not None) == (of.kind == "measurement")


def test_every_analyte_has_its_column():
    """Each analyte is a column under its canonical name, unit and limits."""
    for of in ANALYTES:
        found = column(of.column)
        assert (found.measures, found.unit, found.low, found.high) == (of, of.unit, of.low, of.high)


def test_follow_up_repeats_the_semen_analysis():
    """The outcome side is the day and the same three readings, last in the table."""
    assert NAMES[-len(FOLLOWUP_COLUMNS) :] == [c.name for c in FOLLOWUP_COLUMNS]
    measured = [c.measures.name for c in FOLLOWUP_COLUMNS if c.measures is not None]
    assert measured == list(SEMEN)
    assert column("followup_semen_volume_ml").censor_column == "followup_semen_volume_censor"
    assert column("followup_semen_volume_ml").meaning == "Semen volume at follow-up."


def test_alternatives_are_no_canonical_columns():
    """Every other unit of an analyte is accepted, under a name of its own."""
    found = alternatives()
    assert len(found) == sum(len(of.units) - 1 for of in ANALYTES)
    assert not set(found) & set(NAMES)
    canonical, unit = found["testosterone_nmol_l"]
    assert (canonical.name, unit.factor) == ("testosterone_ng_dl", 28.842)


def test_body_columns_span_the_index():
    """Weight and height are accepted together, in kg and cm, within human limits."""
    weight, height = body_columns()
    assert (weight.name, height.name) == ("weight_kg", "height_cm")
    assert not {weight.name, height.name} & set(NAMES)
    assert weight.low / (height.high / 100) ** 2 < BMI.low
    assert weight.high / (height.low / 100) ** 2 > BMI.high


def test_unknown_column():
    """There is no column of another name."""
    with pytest.raises(KeyError, match="name"):
        column("name")


def test_a_number_has_no_side():
    """Only measurements may be censored."""
    with pytest.raises(AssertionError):
        _ = AGE.censor_column


class TestDictionary:
    """The data dictionary."""

    def test_has_a_line_for_every_column(self):
        """Each column stands in it once, in order, in a table of five columns."""
        lines = dictionary().splitlines()
        assert [line.split("`")[1] for line in lines[2:]] == NAMES
        assert {line.count("|") for line in lines} == {6}
        assert dictionary().endswith("\n")

    @pytest.mark.parametrize(
        "line",
        [
            "| `bmi_kg_m2` | kg/m2 | 12 to 80 | `weight_kg` + `height_cm` |",
            "| ng/dL | 10 to 3000, may be censored | `testosterone_nmol_l` (x 28.842) |",
            "| `lh_iu_l` | [IU]/L | 0.05 to 100, may be censored | `lh_miu_ml` (1:1) |",
            "| `clomiphene` |  | 0 or 1 |  |",
            "| `site` |  |  |  |",
        ],
    )
    def test_tells_unit_limits_and_alternatives(self, line: str):
        """A line says the unit, the limits and what is accepted instead."""
        assert line in dictionary()
