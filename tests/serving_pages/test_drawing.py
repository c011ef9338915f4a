"""Scales, steps and words of the charts."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.pages.charts import Scale, log_odds, steps
from serving.pages.result import figures

PLACES = st.floats(-6, 6)


@given(PLACES, PLACES)
def test_a_place_is_on_the_scale_and_in_order(one, other):
    """What lies beyond stands at the end."""
    scale = Scale(-2.0, 3.0)
    left, right = (float(scale.at(v)[:-1]) for v in sorted((one, other)))

    assert 0 <= left <= right <= 100
    assert float(scale.wide(one, other)[:-1]) == pytest.approx(right - left, abs=0.02)


@given(PLACES, st.lists(st.floats(-2, 2), max_size=8))
def test_steps_end_at_the_sum(base, changes):
    """Each begins where the last one ended, the greatest first, all on the scale."""
    made, scale = steps(base, [("x", "1", change) for change in changes])
    ends = [base, *(step.after for step in made)]

    assert [step.before for step in made] == ends[:-1]
    assert ends[-1] == pytest.approx(base + math.fsum(changes), abs=1e-9)
    assert [abs(s.change) for s in made] == sorted((abs(c) for c in changes), reverse=True)
    assert all(scale.low < place < scale.high for place in ends)


@pytest.mark.parametrize(("low", "high"), [(-1.2, 0.4), (-0.1, 0.1), (-6.0, 6.0)])
def test_chances_stand_apart_at_their_log_odds(low, high):
    """Their words do not run into each other."""
    told = Scale(low, high).chances(apart=0.2)

    assert all(place == log_odds(chance) for chance, place in told)
    places = [place for _, place in told]
    assert all(b - a >= 0.2 * (high - low) for a, b in pairwise(places))


def test_one_scale_holds_everything_he_is_compared_with(scorer):
    """His probability with both intervals, chance alone and the rate of all."""
    from tests.conftest import PUBLISHED_MAN

    answer = scorer.score(PUBLISHED_MAN)
    told = figures(answer)
    man, chance, everybody = told["rows"]

    assert man.value == answer["improvement"]["probability"]
    assert man.thick == answer["improvement"]["interval"]
    assert man.thin == answer["improvement"]["redraw_interval"]
    assert chance.value == answer["chance_only"]["up"]
    assert everybody.value == answer["comparators"]["prevalence"]
    for row in told["rows"]:
        assert row.told in told["in_words"]
    assert told["steps"][-1].after == pytest.approx(answer["explanation"]["total"], abs=1e-9)
