"""The form's fields, and the request that is made of it."""

from __future__ import annotations

import json
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respredict.schema.analytes import ANALYTES, likelier_unit
from respredict.schema.request import REQUEST_FIELDS, read_request
from serving.pages.doubts import doubts
from serving.pages.fields import sections
from serving.pages.form import as_entered, read_form, read_posted
from serving.problems import RefusedError
from tests.conftest import PUBLISHED_MAN
from tests.serving_pages.conftest import MAN

MISTAKABLE = [(a, unit) for a in ANALYTES for unit in a.units if doubts(a, unit)]
EVERYTHING = {
    **PUBLISHED_MAN,
    "estradiol": {"value": 20, "unit": "pg/mL", "comparator": "<"},
    "sampled_on": "2026-10-02",
    "treatment": {
        "testosterone": "past", "stopped_on": "2025-01-02", "anastrozole_mg_week": 3.5,
        "clomiphene": True, "tamoxifen": False,
    },
    "reference": "münch-7",
}  # fmt: skip


def test_the_form_asks_for_every_field_of_a_request_once():
    """Nothing that is read is left out, and nothing is asked twice."""
    asked = [f.name for s in sections(()) for f in (*s.fields, *s.optional)]
    heads = [name.split(".")[0] for name in asked]

    assert set(heads) == set(REQUEST_FIELDS)
    assert len(asked) == len(set(asked))


def test_what_may_be_mistaken_starts_without_a_unit():
    """One unit is taken where the others are the same; else it is chosen."""
    units = {f.name: len(f.units) for s in sections(()) for f in s.fields if f.units}

    assert units["testosterone"] == units["estradiol"] == 2
    assert units["lh"] == units["fsh"] == 1


@given(st.sampled_from(MISTAKABLE), st.floats(-2.0, 5.0))
def test_the_doubted_ranges_are_those_of_the_rule(pair, exponent):
    """What the script looks up is what the service decides, to the last value."""
    of, unit = pair
    value = 10.0**exponent
    if not any(u.factor and of.low <= value * u.factor <= of.high for u in of.units):
        return
    likelier = likelier_unit(of, value, unit)
    found = [d.code for d in doubts(of, unit) if d.low <= value <= d.high]

    assert found == ([likelier.code] if likelier else [])


def test_each_edge_of_a_doubted_range_is_where_the_rule_turns():
    """Just inside it doubts, just outside it does not."""
    for of, unit in MISTAKABLE:
        for doubt in doubts(of, unit):
            assert likelier_unit(of, math.sqrt(doubt.low * doubt.high), unit) is not None
            for edge, outside in ((doubt.low, 0.999), (doubt.high, 1.001)):
                value = edge * outside
                if any(of.low <= value * u.factor <= of.high for u in of.units):
                    assert likelier_unit(of, value, unit) is None


@pytest.mark.parametrize("man", [PUBLISHED_MAN, EVERYTHING, {"age": 34}])
def test_a_request_goes_through_the_form_unchanged(man):
    """Filled in again it is the same request."""
    asked = read_form(as_entered(json.dumps(man).encode()))

    assert asked.problems == {}
    assert asked.request == read_request(man)
    assert read_request(json.loads(asked.body)) == asked.request


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"age": ""}, "age", r"age must be given, got nothing\."),
        ({"age": "thirty"}, "age", r"age must be a number, got 'thirty'\."),
        ({"age": "<34"}, "age", r"must be a number, got '<34'\. Leave the sign out\."),
        ({"bmi": "28,7"}, "bmi", r"got '28,7'\. Write decimals with a point\."),
        ({"testosterone.unit": ""}, "testosterone", r"unit must be chosen, got none\."),
        ({"testosterone": "5"}, "testosterone", r"must be 10 to 3000 ng/dL, got 5 ng/dL"),
        ({"testosterone.unit": "g/L"}, "testosterone", r"must be ng/dL or nmol/L, got 'g/L'"),
        (
            {"estradiol": "<20", "estradiol.comparator": ">"},
            "estradiol",
            r"must be on one side, got > and <",
        ),
        ({"lh": "high"}, "lh", r"lh must be a number, got 'high'\."),
        ({"sampled_on": "2 Oct"}, "sampled_on", r"must be a date, YYYY-MM-DD, got '2 Oct'"),
        ({"treatment.clomiphene": "maybe"}, "treatment.clomiphene", r"must be true or false"),
        ({"treatment.anastrozole_mg_week": "99"}, "treatment.anastrozole_mg_week", r"0 to 70"),
        ({"reference": "x" * 101}, "reference", r"at most 100 characters"),
        ({"surname": "Smith"}, "form", r"must hold its own fields only"),
    ],
)
def test_a_broken_rule_stands_beside_its_field(fields, field, message):
    """One problem, at its field, with what was got and the remedy."""
    asked = read_form({**MAN, **fields})

    assert asked.request is None
    assert list(asked.problems) == [field]
    (problem,) = asked.problems[field]
    assert re.search(message, str(problem)), str(problem)


def test_every_problem_is_told_at_once_in_the_order_of_the_form():
    """Nobody mends one to be told of the next."""
    asked = read_form({"lh": "x", "age": "x", "testosterone": "5", "testosterone.unit": "ng/dL"})

    assert list(asked.problems) == ["age", "testosterone", "lh"]


@pytest.mark.parametrize("typed", ["<20", "≤ 20", "<=20"])
def test_a_limit_may_be_typed_or_chosen(typed):
    """Both are the same request."""
    unit = {"estradiol.unit": "pg/mL"}
    chosen = read_form({**MAN, **unit, "estradiol": "20", "estradiol.comparator": "<"})

    assert read_form({**MAN, **unit, "estradiol": typed}).request == chosen.request


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"age=1&age=2", "each field of the form once"),
        (b"\xff=1", "the form"),
        (b"age", "the form"),
    ],
)
def test_what_is_no_form_is_refused(body, message):
    """It goes no further."""
    with pytest.raises(RefusedError) as refused:
        read_posted(body)

    assert refused.value.code == "invalid-request"
    assert message in refused.value.detail
