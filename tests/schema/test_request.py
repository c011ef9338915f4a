"""The request: what is read, what is refused, and that a refusal says what to do."""

from __future__ import annotations

import datetime
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respredict.errors import Problem, RequestError
from respredict.schema.analytes import ANALYTES, analyte
from respredict.schema.quantities import Quantity
from respredict.schema.request import (
    REQUEST_FIELDS,
    TESTOSTERONE_USE,
    Request,
    Treatment,
    read_request,
)

EXAMPLE = {
    "age": 34, "bmi": 28.7,
    "testosterone": {"value": 270.6, "unit": "ng/dL"},
    "estradiol": {"value": 20, "unit": "pg/mL", "comparator": "<"},
    "lh": {"value": 3.4, "unit": "[IU]/L"}, "fsh": {"value": 4.8, "unit": "[IU]/L"},
    "sampled_on": "2026-10-02",
    "sperm_concentration": {"value": 7.8, "unit": "10*6/mL"},
    "semen_volume": {"value": 2.6, "unit": "mL"}, "motility": {"value": 31, "unit": "%"},
    "semen_sampled_on": "2026-10-02",
    "treatment": {"testosterone": "never", "stopped_on": None, "anastrozole_mg_week": 7,
                  "clomiphene": False, "tamoxifen": False, "gonadotropin_or_gnrh": False},
    "reference": "a local pseudonym",
}  # fmt: skip
LONGEST = 8_000  # characters of a refusal, whatever was sent


def refused(body: object) -> RequestError:
    """Return the refusal of a body."""
    with pytest.raises(RequestError, match="must") as caught:
        read_request(body)
    return caught.value


def reading(value: object, unit: object, **more: object) -> dict[str, object]:
    """Return a quantity as a request carries it."""
    return {"value": value, "unit": unit, **more}


class TestReading:
    """A sound request."""

    def test_the_documented_example_is_read(self):
        """Every field of the documented body arrives, in canonical units."""
        request = read_request(EXAMPLE)
        day = datetime.date(2026, 10, 2)
        expected = {
            "testosterone": Quantity(270.6, "ng/dL"),
            "estradiol": Quantity(20.0, "pg/mL", "<"),
            "lh": Quantity(3.4, "[IU]/L"),
            "fsh": Quantity(4.8, "[IU]/L"),
            "sperm_concentration": Quantity(7.8, "10*6/mL"),
            "semen_volume": Quantity(2.6, "mL"),
            "motility": Quantity(31.0, "%"),
        }

        assert request == Request(
            age=34.0,
            bmi=28.7,
            quantities=expected,
            received=expected,
            sampled_on=day,
            semen_sampled_on=day,
            treatment=Treatment(
                testosterone="never",
                anastrozole_mg_week=7.0,
                clomiphene=False,
                tamoxifen=False,
                gonadotropin_or_gnrh=False,
            ),
            reference="a local pseudonym",
        )

    def test_only_age_is_required(self):
        """A request with nothing but an age is sound, and what is absent stays unknown."""
        assert read_request({"age": 34}) == Request(age=34.0)
        assert read_request({"age": 34, "treatment": {}}) == Request(age=34.0)

    def test_null_is_absent(self):
        """A null says no more than a field left out."""
        body = {name: None for name in REQUEST_FIELDS if name != "age"}
        flags = dict.fromkeys(Treatment.__dataclass_fields__)
        assert read_request({"age": 34, **body}) == Request(age=34.0)
        assert read_request({"age": 34, "treatment": flags}) == Request(age=34.0)

    @pytest.mark.parametrize(
        ("of", "unit"), [(of, unit) for of in ANALYTES for unit in of.units],
        ids=lambda it: getattr(it, "code", None) or it.name,
    )  # fmt: skip
    def test_every_unit_and_alias_is_read_and_what_came_is_kept(self, of, unit):
        """A reading arrives in the canonical unit, and stays beside it as it was sent."""
        value = (of.median or of.high / 10) / unit.factor
        for written in (unit.code, *unit.aliases):
            request = read_request({"age": 34, of.name: reading(value, written, comparator=">")})
            assert request.received == {of.name: Quantity(value, written, ">")}
            assert request.quantities[of.name] == Quantity(value * unit.factor, of.unit, ">")

    @pytest.mark.parametrize(
        ("written", "side"),
        [("<", "<"), ("<=", "<"), ("≤", "<"), (">", ">"), (">=", ">"), ("≥", ">"), ("", ""),
         ("=", ""), (None, "")],
    )  # fmt: skip
    def test_comparators_are_read_as_people_write_them(self, written, side):
        """At most is below, at least is above, equals and nothing are exact."""
        body = {"age": 34, "estradiol": reading(20, "pg/mL", comparator=written)}
        assert read_request(body).quantities["estradiol"] == Quantity(20.0, "pg/mL", side)

    @pytest.mark.parametrize(
        ("written", "read"),
        [(w, use) for use, words in TESTOSTERONE_USE.items() for w in (use, *words)],
    )
    def test_words_for_testosterone_use(self, written, read):
        """Use of testosterone is read from the words people write for it."""
        body = {"age": 34, "treatment": {"testosterone": written, "stopped_on": "2026-01-31"}}
        treatment = read_request(body).treatment
        assert treatment == Treatment(read, datetime.date(2026, 1, 31))

    def test_days_of_treatment(self):
        """The days on which he stopped testosterone and began anastrozole are read as days."""
        days = {"stopped_on": "2025-12-24", "anastrozole_since": "2026-02-28"}
        expected = {name: datetime.date.fromisoformat(day) for name, day in days.items()}
        assert read_request({"age": 34, "treatment": days}).treatment == Treatment(**expected)

    @pytest.mark.parametrize("of", ANALYTES, ids=lambda of: of.name)
    def test_limits_are_included(self, of):
        """A reading at a hard limit is read; the next number beyond it is not."""
        for limit, away in ((of.low, -math.inf), (of.high, math.inf)):
            body = {"age": 34, of.name: reading(limit, of.unit)}
            assert read_request(body).quantities[of.name].value == limit
            body[of.name] = reading(math.nextafter(limit, away), of.unit)
            assert refused(body).problems[0].field == f"{of.name}.value"

    def test_an_assay_may_stop_below_the_lowest_value(self):
        """A limit of detection below the hard limit is a limit, not an impossible value."""
        body = {"age": 34, "lh": reading(0.01, "IU/L", comparator="<")}
        assert read_request(body).quantities["lh"] == Quantity(0.01, "[IU]/L", "<")


T = "testosterone"
NUMBER = ("be a number", "Send a JSON number, without quotes")
FINITE = ("be a finite number", "Send a measured value or leave it out")
NAKED = "be an object with value and unit"
SIDE = ("be one of <, <=, >, >=", "Leave it out for an exact value")
DATE = "be a date, YYYY-MM-DD"
TEXT = "be printable text of at most 100 characters"
UNKNOWN = ("be a known field", "an unknown one")

# (body without its age, field, rule, got, a piece of the remedy)
BAD: list[tuple[dict[str, Any], str, str, str, str]] = [
    # a bare number, or what is no quantity at all
    ({"lh": 3.4}, "lh", NAKED, "3.4 without a unit", 'Send {"value": 3.4, "unit": "[IU]/L"}'),
    ({"estradiol": 20}, "estradiol", NAKED, "20 without a unit", "units: pg/mL or pmol/L"),
    ({"lh": -1}, "lh", NAKED, "-1 without a unit", 'Send {"value": 4.5, "unit": "[IU]/L"}'),
    ({T: "12 ng/dL"}, T, NAKED, "'12 ng/dL'", 'Send {"value": 429, "unit": "ng/dL"}'),
    ({T: True}, T, NAKED, "true", "Send {"),
    ({T: [300, "ng/dL"]}, T, NAKED, "an array", "units: ng/dL or nmol/L"),
    ({"lh": 10**5000}, "lh", NAKED, "an integer too great without a unit", "Send {"),
    ({"shbg": math.nan}, "shbg", NAKED, "nan without a unit", 'Send {"value": 40'),
    # units
    ({"lh": reading(3.4, "pg/mL")}, "lh.unit", "be [IU]/L or m[IU]/mL", "'pg/mL'", "report"),
    ({"lh": reading(3.4, "iu/l")}, "lh.unit", "be [IU]/L or m[IU]/mL", "'iu/l'", "report"),
    ({T: reading(9, "pg/mL")}, f"{T}.unit", "be ng/dL or nmol/L", "'pg/mL'", "report"),
    ({"prolactin": reading(200, "mIU/L")}, "prolactin.unit", "be ng/mL", "'mIU/L'", "report"),
    ({T: {"value": 300}}, f"{T}.unit", "be ng/dL or nmol/L", "nothing", "laboratory's report"),
    ({T: reading(300, 5)}, f"{T}.unit", "be ng/dL or nmol/L", "5", "laboratory's report"),
    ({T: reading(300, "u" * 99)}, f"{T}.unit", "be ng/dL or nmol/L", f"'{'u' * 38}…", "report"),
    # numbers
    ({T: {"unit": "ng/dL"}}, f"{T}.value", "be given", "nothing", "Send the measured value"),
    ({T: reading(None, "ng/dL")}, f"{T}.value", "be given", "nothing", "Send the measured value"),
    ({T: reading("300", "ng/dL")}, f"{T}.value", NUMBER[0], "'300'", NUMBER[1]),
    ({T: reading("<20", "ng/dL")}, f"{T}.value", NUMBER[0], "'<20'", NUMBER[1]),
    ({T: reading(True, "ng/dL")}, f"{T}.value", NUMBER[0], "true", NUMBER[1]),
    ({T: reading([300], "ng/dL")}, f"{T}.value", NUMBER[0], "an array", NUMBER[1]),
    ({T: reading({"a": 1}, "ng/dL")}, f"{T}.value", NUMBER[0], "an object", NUMBER[1]),
    ({T: reading(math.nan, "ng/dL")}, f"{T}.value", FINITE[0], "nan", FINITE[1]),
    ({T: reading(-math.inf, "ng/dL")}, f"{T}.value", FINITE[0], "-inf", FINITE[1]),
    ({T: reading(10**400, "ng/dL")}, f"{T}.value", FINITE[0], "an integer too great", FINITE[1]),
    # limits
    ({"lh": reading(-3, "IU/L")}, "lh.value", "be 0.05 to 100 IU/L", "-3 IU/L", "and its unit"),
    ({"semen_volume": reading(-1, "mL")}, "semen_volume.value", "be 0 to 20 mL", "-1 mL", "Check"),
    ({T: reading(3000.4, "ng/dL")}, f"{T}.value", "be 10 to 3000 ng/dL", "3000.4 ng/dL", "Check"),
    ({T: reading(9, "ng/dL")}, f"{T}.value", "be 10 to 3000 ng/dL", "9 ng/dL",
     "It reads as nmol/L (259.6 ng/dL): check the unit"),
    ({T: reading(350, "nmol/L")}, f"{T}.value", "be 0.3467 to 104 nmol/L", "350 nmol/L",
     "It reads as ng/dL (350 ng/dL): check the unit"),
    ({"estradiol": reading(400, "ng/L", comparator=">")}, "estradiol.value", "be 1 to 150 ng/L",
     ">400 ng/L", "It reads as pmol/L (109 pg/mL): check the unit"),
    # comparators
    ({"lh": reading(1, "IU/L", comparator="~")}, "lh.comparator", SIDE[0], "'~'", SIDE[1]),
    ({"lh": reading(1, "IU/L", comparator="< ")}, "lh.comparator", SIDE[0], "'< '", SIDE[1]),
    ({"lh": reading(1, "IU/L", comparator="ad")}, "lh.comparator", SIDE[0], "'ad'", SIDE[1]),
    ({"lh": reading(1, "IU/L", comparator=-1)}, "lh.comparator", SIDE[0], "-1", SIDE[1]),
    ({"lh": reading(1, "IU/L", comparator=["<"])}, "lh.comparator", SIDE[0], "an array", SIDE[1]),
    ({"sperm_concentration": reading(0, "10*6/mL", comparator="<")}, "sperm_concentration.value",
     "be above 0 behind a comparator", "<0 10*6/mL", "Send the assay's limit"),
    ({"lh": reading(-2, "IU/L", comparator=">")}, "lh.value", "be above 0 behind a comparator",
     ">-2 IU/L", "Send the assay's limit"),
    # unknown fields
    ({"estradoil": 20}, "estradoil", *UNKNOWN, "Did you mean 'estradiol'? Send only: age, bmi"),
    ({T: reading(300, "ng/dL", valeu=1)}, f"{T}.valeu", *UNKNOWN,
     "Did you mean 'value'? Send only: value, unit, comparator"),
    ({"treatment": {"clomifene": True}}, "treatment.clomifene", *UNKNOWN,
     "Did you mean 'clomiphene'? Send only: testosterone, stopped_on"),
    ({"qqq": {"deep": [1]}}, "qqq", *UNKNOWN, "Send only: age, bmi"),
    ({"free_testosterone": reading(9, "pg/mL")}, "free_testosterone", *UNKNOWN,
     "Only total testosterone is read: send it as testosterone, or leave it out"),
    ({"bioavailableTestosterone": 9}, "bioavailableTestosterone", *UNKNOWN, "Only total"),
    ({"": 1}, "''", *UNKNOWN, "Send only"),
    ({"a\nb\ud800": 1}, r"'a\nb\ud800'", *UNKNOWN, "Send only"),
    ({"k" * 999: 1}, "k" * 40, *UNKNOWN, "Send only"),
    # the body of the man
    ({"age": None}, "age", "be given", "nothing", "Send the man's age in years"),
    ({"age": "34"}, "age", NUMBER[0], "'34'", NUMBER[1]),
    ({"age": False}, "age", NUMBER[0], "false", NUMBER[1]),
    ({"age": 17}, "age", "be 18 to 70 years", "17", "Check the value"),
    ({"age": 70.0000001}, "age", "be 18 to 70 years", "70.0000001", "Check the value"),
    ({"age": math.inf}, "age", FINITE[0], "inf", FINITE[1]),
    ({"bmi": reading(28, "kg/m2")}, "bmi", NUMBER[0], "an object", NUMBER[1]),
    ({"bmi": 287}, "bmi", "be 12 to 80 kg/m2", "287", "Check the value"),
    # dates and text
    ({"sampled_on": "02.10.2026"}, "sampled_on", DATE, "'02.10.2026'", "as in 2026-01-31"),
    ({"sampled_on": "2026-02-30"}, "sampled_on", DATE, "'2026-02-30'", "Send the day"),
    ({"sampled_on": "20261002"}, "sampled_on", DATE, "'20261002'", "Send the day"),
    ({"sampled_on": "2026-W01-1"}, "sampled_on", DATE, "'2026-W01-1'", "Send the day"),
    ({"semen_sampled_on": 20261002}, "semen_sampled_on", DATE, "20261002", "Send the day"),
    ({"reference": "x" * 101}, "reference", TEXT, "other text", "never a name"),
    ({"reference": "a\x00b"}, "reference", TEXT, "other text", "Send a local pseudonym"),
    ({"reference": 7731}, "reference", TEXT, "7731", "Send a local pseudonym"),
    # treatment
    ({"treatment": True}, "treatment", "be an object", "true", 'Send {"clomiphene": false'),
    ({"treatment": {"testosterone": "yes"}}, "treatment.testosterone", "be never, past, current",
     "'yes'", "Leave it out where it is not known"),
    ({"treatment": {"testosterone": False}}, "treatment.testosterone", "be never, past, current",
     "false", "Leave it out"),
    ({"treatment": {"stopped_on": "May"}}, "treatment.stopped_on", DATE, "'May'", "Send the day"),
    ({"treatment": {"anastrozole_since": "2026"}}, "treatment.anastrozole_since", DATE, "'2026'",
     "Send the day"),
    ({"treatment": {"anastrozole_mg_week": 71}}, "treatment.anastrozole_mg_week",
     "be 0 to 70 mg/wk", "71", "Check the value"),
    ({"treatment": {"anastrozole_mg_week": "7"}}, "treatment.anastrozole_mg_week", NUMBER[0],
     "'7'", NUMBER[1]),
    ({"treatment": {"tamoxifen": 0}}, "treatment.tamoxifen", "be true or false", "0", "Leave it"),
]  # fmt: skip


class TestRefusing:
    """A request that breaks a rule."""

    @pytest.mark.parametrize(("body", "field", "rule", "got", "remedy"), BAD)
    def test_names_field_rule_value_and_remedy(self, body, field, rule, got, remedy):
        """One broken rule is told once: what, the rule, what came and what to do."""
        error = refused({"age": 34, **body})
        (problem,) = [p for p in error.problems if p.field == field]

        assert (problem.rule, problem.got) == (rule, got)
        assert remedy in problem.remedy
        assert f"{field} must {rule}, got {got}. " in str(error)
        assert all(line.isprintable() for line in str(error).splitlines())

    @pytest.mark.parametrize(
        ("body", "got"),
        [([], "an array"), (None, "None"), (3, "3"), ("{}", "'{}'"), (True, "true")],
    )
    def test_a_body_that_is_no_object(self, body, got):
        """What is not a JSON object is refused as a whole, with an example."""
        (problem,) = refused(body).problems
        assert (problem.field, problem.rule, problem.got) == ("request", "be a JSON object", got)
        assert problem.remedy == 'Send {"age": 34, ...}'

    def test_an_empty_body_asks_for_the_age(self):
        """Nothing but the age is asked of an empty body."""
        assert [p.field for p in refused({}).problems] == ["age"]

    def test_every_problem_is_told_in_the_order_of_the_fields(self):
        """Several broken rules are told at once: unknown fields, then the record's order."""
        body = {
            "reference": 5,
            "treatment": {"clomiphene": "no", "dose": 3},
            "sampled_on": "today",
            "fsh": 4.8,
            "testosterone": {"value": "300", "unit": "mg", "comparator": "?", "assay": "x"},
            "bmi": 2,
            "age": 12,
            "weight": 90,
        }
        expected = [
            "weight", "age", "bmi", "testosterone.assay", "testosterone.value",
            "testosterone.unit", "testosterone.comparator", "fsh", "sampled_on",
            "treatment.dose", "treatment.clomiphene", "reference",
        ]  # fmt: skip
        error = refused(body)

        assert [p.field for p in error.problems] == expected
        assert len(str(error).splitlines()) == len(expected)

    def test_one_bad_reading_takes_no_other_with_it(self):
        """A wrong unit beside a sound reading is told alone."""
        body = {**EXAMPLE, "lh": reading(3.4, "mg")}
        assert [p.field for p in refused(body).problems] == ["lh.unit"]

    def test_a_thousand_unknown_fields_are_counted(self):
        """Beyond ten unknown fields the rest is a number, so that the refusal stays short."""
        error = refused({"age": 34, "lh": {f"x{i}": 0 for i in range(1000)}})
        (rest,) = [p for p in error.problems if "hold" in p.rule]

        assert (rest.field, rest.got) == ("lh", "990 more unknown ones")
        assert len(error.problems) == 13
        assert len(str(error)) < LONGEST

    @pytest.mark.parametrize(
        ("sent", "kept"), [(" P 17 ", "P 17"), ("P-17", "P-17"), ("  ", None), ("", None)]
    )
    def test_spaces_around_a_reference_are_none_of_it(self, sent, kept):
        """Who is found, and erased, by his pseudonym is so however it was typed."""
        assert read_request({"age": 34, "reference": sent}).reference == kept

    def test_a_reference_is_never_repeated(self):
        """A refusal does not carry the reference, which may be a name."""
        assert "Smith" not in str(refused({"age": 34, "reference": "John Smith\n" * 20}))


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**300, 10**400)
    | st.floats()
    | st.text(max_size=20)
    | st.text(st.characters(), min_size=100, max_size=120)
)
names = st.text(max_size=12) | st.sampled_from(
    [*REQUEST_FIELDS, *Treatment.__dataclass_fields__, "value", "unit", "comparator"]
)
words = st.sampled_from(["ng/dL", "pmol/L", "IU/L", "<", "≥", "never", "2026-01-31", 34, 20.5])
anything = st.recursive(
    scalars | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=6),
    max_leaves=12,
)


@given(anything | st.dictionaries(names, anything, max_size=12))
def test_any_json_gives_a_request_or_a_refusal(body):
    """Whatever was sent is read or refused in a bounded, encodable message."""
    request, problems = answer(body)
    told = json.dumps([p.as_dict() for p in problems], ensure_ascii=False).encode()

    assert (request is None) == bool(problems)
    assert len(told) < 2 * LONGEST
    assert request is None or request.quantities.keys() == request.received.keys()


def answer(body: object) -> tuple[Request | None, tuple[Problem, ...]]:
    """Return the request, or the problems of the refusal."""
    try:
        return read_request(body), ()
    except RequestError as error:
        return None, error.problems


@given(st.sampled_from(["testosterone", "estradiol"]), st.floats(0, 1), st.sampled_from("< >"))
def test_a_reading_is_the_same_in_either_unit(name, where, side):
    """A reading and its conversion give the same quantity to 1e-12, side included."""
    of = analyte(name)
    first, second = of.units
    value = min(max(of.low * (of.high / of.low) ** where, of.low * 1.001), of.high * 0.999)
    one, other = (
        read_request(
            {"age": 34, name: reading(value / u.factor, u.code, comparator=side.strip())}
        ).quantities[name]
        for u in (first, second)
    )

    assert other.value == pytest.approx(one.value, rel=1e-12)
    assert (other.unit, other.comparator) == (one.unit, one.comparator) == (of.unit, side.strip())
