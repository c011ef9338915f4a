"""Measurements: reading them, dividing them, and what a rule can say of a censored one."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respredict.schema.quantities import (
    Quantity,
    comparator_of,
    parse_measurement,
    rule_at_least,
    rule_below,
)

POSITIVE = st.floats(1e-3, 1e3)
READINGS = st.builds(Quantity, POSITIVE, st.just(""), st.sampled_from(["", "<", ">"]))
FRACTIONS = st.floats(0.01, 0.99)


def possible(reading: Quantity, fraction: float) -> float:
    """Return one of the values that a reading may stand for."""
    if reading.comparator == "<":
        return reading.value * fraction
    return reading.value / fraction if reading.comparator == ">" else reading.value


@pytest.mark.parametrize(
    ("text", "value", "comparator"),
    [
        ("7.8", 7.8, ""), (" 7.8 ", 7.8, ""), ("=7.8", 7.8, ""), ("+7", 7.0, ""), (".5", 0.5, ""),
        ("5.", 5.0, ""), ("-3", -3.0, ""), ("1e-2", 0.01, ""), ("1E2", 100.0, ""), ("0", 0.0, ""),
        ("<20", 20.0, "<"), ("< 20", 20.0, "<"), ("≤20", 20.0, "<"), ("<=20", 20.0, "<"),
        (">100", 100.0, ">"), ("≥ 100", 100.0, ">"), (">=100", 100.0, ">"),
    ],
)  # fmt: skip
def test_reads(text: str, value: float, comparator: str):
    """A number is read with the side that stands before it."""
    assert parse_measurement(text) == (value, comparator)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("270,6", "Write decimals with a point"),
        ("<0,5", "Write decimals with a point"),
        ("12 ng/dL", "Write the number alone; the unit stands in the column's name"),
        ("<20 pg/mL", "Write the number alone"),
        ("31%", "Write the number alone"),
        ("", "Write a number, a number behind < or >, or leave the cell empty"),
        ("high", "Write a number, a number behind"),
        ("nan", "Write a number, a number behind"),
        ("inf", "Write a number, a number behind"),
        ("1e999", "Write a number, a number behind"),
        ("20-30", "Write a number, a number behind"),
        ("20<", "Write a number, a number behind"),
        ("<<20", "Write a number, a number behind"),
        ("1 2", "Write a number, a number behind"),
    ],
)
def test_refuses(text: str, remedy: str):
    """What is no number is refused with the remedy, never read in part."""
    with pytest.raises(ValueError, match=remedy.replace("(", r"\(")):
        parse_measurement(text)


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["", "<", ">"]))
def test_reads_back_what_is_written(value: float, comparator: str):
    """Every finite number comes back to the last bit, its side kept."""
    assert parse_measurement(f"{comparator}{value!r}") == (value, comparator)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("", ""), ("=", ""), ("<", "<"), ("≤", "<"), (">=", ">"), ("~", None), ("<>", None)],
)
def test_comparators(written: str, meant: str | None):
    """A comparator of ours has a side; any other has none."""
    assert comparator_of(written) == meant


@pytest.mark.parametrize(
    ("reading", "text", "censor", "interval", "json"),
    [
        (Quantity(3.4, "[IU]/L"), "3.4 [IU]/L", 0, (3.4, 3.4), {"value": 3.4, "unit": "[IU]/L"}),
        (
            Quantity(20.0, "pg/mL", "<"),
            "<20 pg/mL",
            -1,
            (0.0, 20.0),
            {"value": 20.0, "unit": "pg/mL", "comparator": "<"},
        ),
        (
            Quantity(13.53, "", ">"),
            ">13.53",
            1,
            (13.53, math.inf),
            {"value": 13.53, "comparator": ">"},
        ),
    ],
)
def test_tells(reading: Quantity, text: str, censor: int, interval: tuple, json: dict):
    """A quantity tells its text, its side, its interval and its JSON."""
    assert str(reading) == text
    assert reading.censor == censor
    assert reading.interval == interval
    assert reading.as_dict() == json


def test_converts_with_its_side():
    """A conversion multiplies the limit and keeps the side."""
    assert Quantity(2.0, "nmol/L", "<").times(10.0, "x") == Quantity(20.0, "x", "<")


@pytest.mark.parametrize(
    ("above", "below", "ratio"),
    [
        ("", "", ""), ("", "<", ">"), ("", ">", "<"), ("<", "", "<"), (">", "", ">"),
        ("<", ">", "<"), (">", "<", ">"), ("<", "<", None), (">", ">", None),
    ],
)  # fmt: skip
def test_ratio_inherits_a_side(above: str, below: str, ratio: str | None):
    """A ratio has the side its parts agree on, and is none where they do not."""
    found = Quantity(270.6, "ng/dL", above).divided_by(Quantity(20.0, "pg/mL", below))
    assert (None if found is None else found.comparator) == ratio


def test_nothing_is_divided_by_zero():
    """A ratio to zero is none."""
    assert Quantity(1.0).divided_by(Quantity(0.0)) is None


@given(READINGS, READINGS, FRACTIONS, FRACTIONS)
def test_ratio_holds_for_every_possible_value(
    above: Quantity, below: Quantity, first: float, second: float
):
    """Whatever the censored values are, their ratio lies where the ratio says."""
    ratio = above.divided_by(below)
    if ratio is None:
        return
    true = possible(above, first) / possible(below, second)
    low, high = ratio.interval
    assert low * (1 - 1e-12) <= true <= high * (1 + 1e-12)


@given(READINGS, POSITIVE, FRACTIONS)
def test_rule_holds_for_every_possible_value(reading: Quantity, threshold: float, fraction: float):
    """A rule that is decided is decided for every value the reading may stand for."""
    reached, below = rule_at_least(reading, threshold), rule_below(reading, threshold)
    if reached is None:
        assert below is None
        assert reading.comparator
        return
    assert below is (not reached)
    assert (possible(reading, fraction) >= threshold) is reached


@pytest.mark.parametrize(
    ("reading", "reached"),
    [
        (None, None),
        (Quantity(10.0), True),
        (Quantity(9.9), False),
        (Quantity(10.0, "", "<"), False),
        (Quantity(10.1, "", "<"), None),
        (Quantity(10.0, "", ">"), True),
        (Quantity(9.9, "", ">"), None),
    ],
)
def test_rules_at_their_threshold(reading: Quantity | None, reached: bool | None):
    """At least ten includes ten; a limit decides only on its own side."""
    assert rule_at_least(reading, 10.0) is reached
    assert rule_below(reading, 10.0) is (None if reached is None else not reached)
