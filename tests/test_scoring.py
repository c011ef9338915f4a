"""The answer: direction, units, order, intervals, and that nothing strange gets a number."""

from __future__ import annotations

import datetime
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from respredict.bundle import Extras, write_bundle
from respredict.errors import RequestError
from respredict.model.candidates import build_candidate
from respredict.schema.analytes import ANALYTES, analyte
from respredict.scoring import Scorer
from respredict.simulate import draw
from respredict.uncertainty.kinds import refit
from tests.conftest import PUBLISHED_MAN
from tests.drawn_men import matrix

TODAY = datetime.date(2026, 11, 21)


def probability(scorer, **change) -> float:
    answer = scorer.score({**PUBLISHED_MAN, **change}, today=TODAY)
    return answer["improvement"]["probability"]


def hormone(value, unit, **more):
    return {"value": value, "unit": unit, **more}


@pytest.mark.parametrize(
    ("field", "values", "direction"),
    [
        ("testosterone", [hormone(v, "ng/dL") for v in (180, 270.6, 400)], 1),
        ("lh", [hormone(v, "IU/L") for v in (2.0, 3.4, 7.0)], -1),
        ("fsh", [hormone(v, "IU/L") for v in (2.5, 4.8, 9.0)], -1),
    ],
)
def test_the_hormones_that_carry_the_signal_move_it_as_published(scorer, field, values, direction):
    """More testosterone raises it, more LH and FSH lower it, as in the index study."""
    found = [direction * probability(scorer, **{field: value}) for value in values]

    assert found == sorted(found)
    assert found[0] < found[-1]


@pytest.mark.parametrize(
    ("field", "low", "high"),
    [
        ("age", 28, 42),
        ("bmi", 24, 34),
        ("estradiol", hormone(22, "pg/mL"), hormone(45, "pg/mL")),
    ],
)
def test_every_other_input_moves_it_the_way_its_contribution_says(scorer, field, low, high):
    """The sign of the change in contribution is that of the change in probability."""

    def both(value):
        answer = scorer.score({**PUBLISHED_MAN, field: value}, today=TODAY)
        told = {c["input"]: c["log_odds"] for c in answer["explanation"]["contributions"]}
        return answer["improvement"]["probability"], told[field]

    (p_low, c_low), (p_high, c_high) = both(low), both(high)

    assert p_low != p_high
    assert (p_high > p_low) == (c_high > c_low)


@pytest.mark.parametrize("name", ["testosterone", "estradiol", "lh", "fsh"])
def test_the_unit_does_not_matter(scorer, name):
    """The same man in another unit gets the same numbers within 1e-9."""
    of = analyte(name)
    stated, other = of.units[0], of.units[1]
    value = PUBLISHED_MAN[name]["value"]
    there = scorer.score(
        {**PUBLISHED_MAN, name: hormone(value / other.factor * stated.factor, other.code)},
        today=TODAY,
    )
    here = scorer.score(PUBLISHED_MAN, today=TODAY)

    for key in ("probability", "interval", "redraw_interval"):
        assert there["improvement"][key] == pytest.approx(here["improvement"][key], abs=1e-9)


def test_the_order_of_the_fields_does_not_matter(scorer):
    """A request turned around gets the same answer."""
    turned = dict(reversed(PUBLISHED_MAN.items()))

    assert scorer.score(turned, today=TODAY) == scorer.score(PUBLISHED_MAN, today=TODAY)


def test_the_intervals_hold_the_probability_and_the_redraw_is_the_wider(scorer):
    """Both are 90 % intervals; most of what is unsure is the next blood sample."""
    told = scorer.score(PUBLISHED_MAN, today=TODAY)["improvement"]
    low, high = told["interval"]
    again_low, again_high = told["redraw_interval"]

    assert 0 < low < told["probability"] < high < 1
    assert again_high - again_low > high - low
    assert told["level"] == 0.9


def test_an_answer_is_the_same_on_its_own_and_among_others(scorer):
    """A whole answer, intervals and all, does not depend on the batch."""
    others = [
        {**PUBLISHED_MAN, "age": age, "fsh": None if age % 3 else PUBLISHED_MAN["fsh"]}
        for age in range(20, 60)
    ]
    together = scorer.score_many(others, today=TODAY)

    assert together == [scorer.score(man, today=TODAY) for man in others]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"sampled_on": "2026-01-01"}, "stale_labs"),
        ({"semen_sampled_on": "2026-01-01"}, "stale_semen"),
        ({"sampled_on": "2027-01-01"}, "date_in_future"),
        ({"fsh": None}, "value_imputed"),
        ({"lh": hormone(60, "IU/L"), "fsh": hormone(1.0, "IU/L")}, "outside_support"),
        (
            {"sampled_on": "2026-11-01",
             "treatment": {"testosterone": "past", "stopped_on": "2026-10-01"}},
            "recent_testosterone",
        ),
        ({"sperm_concentration": hormone(0, "10*6/mL")}, "azoospermia_not_in_model"),
        ({"treatment": {"clomiphene": True}}, "cotreatment"),
        (
            {"lh": hormone(14, "IU/L"), "fsh": hormone(20, "IU/L")},
            "primary_testicular_failure",
        ),
    ],
)  # fmt: skip
def test_what_to_mind_is_a_caution(scorer, change, code):
    """A man to be careful with is given his number, and what to mind."""
    answer = scorer.score({**PUBLISHED_MAN, **change}, today=TODAY)

    assert answer["status"] == "caution"
    assert code in [caution["code"] for caution in answer["cautions"]]
    assert "improvement" in answer


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"lh": None}, "lh_missing"),
        ({"testosterone": None}, "testosterone_missing"),
        ({"testosterone": hormone(14, "ng/dL")}, "unit_in_doubt"),
        ({"sperm_concentration": hormone(15, "10*6/mL")}, "top_category"),
        ({"treatment": {"testosterone": "current"}}, "on_testosterone"),
        (
            {"sampled_on": "2026-11-01", "treatment": {"anastrozole_since": "2026-09-01"}},
            "on_treatment",
        ),
    ],
)
def test_where_it_cannot_be_said_it_is_not(scorer, change, code):
    """An indeterminate man has reasons with remedies, and no probability."""
    answer = scorer.score({**PUBLISHED_MAN, **change}, today=TODAY)

    assert answer["status"] == "indeterminate"
    (reason,) = [reason for reason in answer["reasons"] if reason["code"] == code]
    assert reason["text"]
    assert reason["remedy"]
    assert not {"improvement", "worsening", "explanation"} & set(answer)


def test_an_estradiol_pressed_below_the_range_on_the_drug_is_a_caution(scorer):
    """On anastrozole an estradiol of 4 pg/mL reads as over-suppression, and is no baseline."""
    answer = scorer.score(
        {
            **PUBLISHED_MAN,
            "estradiol": hormone(4, "pg/mL"),
            "sampled_on": "2026-11-01",
            "treatment": {"anastrozole_since": "2026-09-01", "anastrozole_mg_week": 7},
        },
        today=TODAY,
    )

    assert "on_treatment" in [reason["code"] for reason in answer["reasons"]]
    assert "over_suppression" in [caution["code"] for caution in answer["cautions"]]


def quantities():
    """Draw quantities of every analyte, in any of its units, from all over the limits."""

    def one(of):
        unit = st.sampled_from(of.units)
        value = st.floats(math.log(max(of.low, 1e-3)), math.log(of.high)).map(math.exp)
        side = st.sampled_from([None, None, "<", ">", "<="])
        return st.builds(
            lambda u, v, s: {
                "value": min(max(v, of.low), of.high) / u.factor, "unit": u.code, "comparator": s,
            },
            unit, value, side,
        )  # fmt: skip

    return st.fixed_dictionaries(
        {"age": st.integers(18, 70)},
        optional={"bmi": st.floats(12, 80), **{a.name: one(a) for a in ANALYTES}},
    )


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(quantities())
def test_no_request_gets_a_number_that_is_none(scorer, body):
    """Whatever is measured: a probability inside (0, 1), finite, and a sum that holds."""
    try:
        answer = scorer.score(body, today=TODAY)
    except RequestError:
        return  # a limit met by rounding of a conversion
    if answer["status"] == "indeterminate":
        assert answer["reasons"]
        return
    told = answer["improvement"]
    explanation = answer["explanation"]
    total = explanation["base"] + sum(c["log_odds"] for c in explanation["contributions"])

    assert 0 < told["probability"] < 1
    for bounds in (told["interval"], told["redraw_interval"]):
        assert 0 <= bounds[0] <= bounds[1] <= 1
    assert total == pytest.approx(
        math.log(told["probability"] / (1 - told["probability"])), abs=1e-9
    )
    assert explanation["max_error"] <= 1e-9


@pytest.mark.parametrize("candidate", ["splines", "boosting"])
def test_a_curved_model_answers_with_both_intervals(candidate, scorer, tmp_path):
    """Alone and among others, the probability lies within what other men, or blood, would give."""
    drawn = draw(250, seed=11)
    X, y = matrix(drawn), drawn.latent["improved"].to_numpy().astype(int)

    def build():
        return build_candidate(candidate, random_state=1)

    fitted = build().fit(X, y)
    extras = Extras(refit(build, X, y, seed=1, fitted=fitted, n_refits=20))
    curved = Scorer(write_bundle(tmp_path, fitted, scorer.bundle.meta, extras))
    (alone, among) = curved.score(PUBLISHED_MAN), curved.score_many([PUBLISHED_MAN] * 3)[1]
    told = alone["improvement"]
    for name in ("interval", "redraw_interval"):
        low, high = told[name]
        assert 0 < low < high < 1, name
    low, high = told["redraw_interval"]
    assert low < told["probability"] < high
    assert among["improvement"]["probability"] == told["probability"]
