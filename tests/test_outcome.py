"""The semen categories, the movement between samples, and what chance alone moves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.integrate import quad
from scipy.stats import norm

from respredict.chance import ChanceOnly, chance_for, chance_only, parent
from respredict.errors import ConfigError
from respredict.outcome import SCHEMES, categories, movement, scheme, total_motile_count
from respredict.schema.quantities import Quantity

NAN = math.nan
CONCENTRATION = SCHEMES["concentration"]
every_scheme = pytest.mark.parametrize("of", SCHEMES.values(), ids=list(SCHEMES))
readings = st.one_of(st.just(0.0), st.floats(1e-6, 1e3))


@every_scheme
def test_a_scheme_labels_each_of_its_categories_and_says_its_source(of):
    """A scheme has a label for zero, below each cut and above all, and a source."""
    assert len(of.labels) == of.top + 1
    assert list(of.cuts) == sorted(of.cuts)
    assert of.source.endswith(".")


def test_an_unknown_scheme_names_the_nearest():
    """A misspelt scheme is refused with the nearest name."""
    with pytest.raises(ConfigError, match="Did you mean 'concentration'"):
        scheme("concentrations")


@pytest.mark.parametrize(
    ("name", "value", "category"),
    [
        ("concentration", 0.0, 0),
        ("concentration", 0.01, 1),
        ("concentration", 0.99, 1),
        ("concentration", 1.0, 2),
        ("concentration", 5.0, 3),
        ("concentration", 10.0, 4),
        ("concentration", 14.99, 4),
        ("concentration", 15.0, 5),
        ("who", 4.9, 1),
        ("who", 5.0, 2),
        ("who", 16.0, 3),
        ("tmsc", 0.5, 1),
        ("tmsc", 15.0, 4),
    ],
)
def test_a_reading_at_a_cut_belongs_above_it(name, value, category):
    """A reading equal to a cut belongs to the category above it."""
    low, high = categories(scheme(name), value)
    assert low == high == category


@pytest.mark.parametrize(
    ("value", "censor", "expected"),
    [
        (0.1, -1, (0, 1)),
        (1.0, -1, (0, 1)),
        (1.1, -1, (0, 2)),
        (15.0, 1, (5, 5)),
        (14.0, 1, (4, 5)),
        (0.0, 1, (1, 5)),
        (NAN, 0, (NAN, NAN)),
        (NAN, 1, (NAN, NAN)),
    ],
)
def test_a_censored_reading_leaves_a_range(value, censor, expected):
    """A censored reading leaves the categories on its side of the limit."""
    assert_array_equal(categories(CONCENTRATION, value, censor), expected)


@pytest.mark.parametrize("wrong", [-1.0, math.inf])
@pytest.mark.parametrize("function", [categories, chance_only])
def test_an_impossible_reading_is_refused(function, wrong):
    """A negative or an infinite reading is refused with the value."""
    with pytest.raises(ValueError, match=f"from 0 up, got {wrong:g}"):
        function(CONCENTRATION, [1.0, wrong])


@pytest.mark.parametrize(
    ("baseline", "followup", "days", "improved", "worsened", "reason"),
    [
        ("0", "0.02", 91, 1, 0, ""),
        ("0.4", "0.9", 91, 0, 0, ""),
        ("7.8", "3", 60, 0, 1, ""),
        ("7.8", "12", 270, 1, 0, ""),
        ("<0.1", "3", 91, 1, 0, ""),
        ("<0.1", ">15", 91, 1, 0, ""),
        ("7.8", "<5", 91, 0, 1, ""),
        (None, "3", 91, NAN, NAN, "no baseline count"),
        ("3", None, None, NAN, NAN, "no follow-up count"),
        ("3", "7", None, NAN, NAN, "no day of follow-up"),
        ("3", "7", 59, NAN, NAN, "follow-up outside 60 to 270 days"),
        ("3", "7", 271, NAN, NAN, "follow-up outside 60 to 270 days"),
        ("15", "40", 91, NAN, 0, "top category at baseline"),
        (">15", "4", 91, NAN, 1, "top category at baseline"),
        ("<0.1", "0", 91, 0, NAN, "censoring leaves the category open"),
        ("<0.1", "0.05", 91, NAN, 0, "censoring leaves the category open"),
        ("0.4", "<3", 91, NAN, NAN, "censoring leaves the category open"),
        (">14", "4", 91, NAN, 1, "censoring leaves the category open"),
    ],
)
def test_movement_is_known_or_says_why_not(baseline, followup, days, improved, worsened, reason):
    """Movement is up, down or neither where the samples tell, else unknown with the reason."""
    (was, was_side), (now, now_side) = _read(baseline), _read(followup)
    day = NAN if days is None else days
    moved = movement(
        CONCENTRATION, [was], [now], [day], baseline_censor=[was_side], followup_censor=[now_side]
    )
    assert_array_equal(moved.improved, [improved])
    assert_array_equal(moved.worsened, [worsened])
    assert list(moved.reason) == [reason]


def _read(text):
    if text is None:
        return NAN, 0
    side = {"<": -1, ">": 1}.get(text[0], 0)
    return float(text.lstrip("<>")), side


@given(st.lists(st.tuples(readings, readings), min_size=1, max_size=20))
def test_exact_readings_move_one_way_at_most_and_back_when_swapped(pairs):
    """Two exact samples never move both ways, and swapping them swaps the ways."""
    was, now = np.array(pairs).T
    there = movement(CONCENTRATION, was, now, 90.0)
    back = movement(CONCENTRATION, now, was, 90.0)
    assert not np.any((there.improved == 1) & (there.worsened == 1))
    inside = np.isfinite(there.improved) & np.isfinite(back.improved)
    assert_array_equal(there.improved[inside], back.worsened[inside])


@given(readings, readings, st.sampled_from([-1, 1]), st.sampled_from([-1, 1]))
def test_what_censored_readings_settle_holds_for_every_value_they_allow(was, now, one, other):
    """Movement told of censored samples is the one of any values on their sides."""
    told = movement(CONCENTRATION, [was], [now], 90.0, baseline_censor=one, followup_censor=other)
    for a in (was / 2, was / 1.001) if one < 0 else (was * 1.001 + 1e-9, was * 3 + 1):
        for b in (now / 2, now / 1.001) if other < 0 else (now * 1.001 + 1e-9, now * 3 + 1):
            exact = movement(CONCENTRATION, [a], [b], 90.0)
            assert np.isnan(told.improved[0]) or told.improved[0] == exact.improved[0]
            assert np.isnan(told.worsened[0]) or told.worsened[0] == exact.worsened[0]


@pytest.mark.parametrize(
    ("factors", "sides", "expected"),
    [
        ((2.0, 10.0, 50.0), (0, 0, 0), (10.0, 0)),
        ((2.0, 0.1, 50.0), (0, -1, 0), (0.1, -1)),
        ((2.0, 100.0, 50.0), (0, 1, 1), (100.0, 1)),
        ((2.0, 100.0, 5.0), (0, 1, -1), (NAN, 0)),
        ((2.0, NAN, 50.0), (0, 0, 0), (NAN, 0)),
        ((2.0, NAN, 50.0), (0, 1, 0), (NAN, 0)),
        ((2.0, 0.0, NAN), (0, 0, 0), (0.0, 0)),
        ((2.0, 0.0, 5.0), (0, 0, -1), (0.0, 0)),
    ],
)
def test_the_total_motile_count_inherits_its_side(factors, sides, expected):
    """The product carries the side its factors agree on, and no motile sperm is none."""
    names = ("volume_censor", "concentration_censor", "motility_censor")
    count, censor = total_motile_count(*factors, **dict(zip(names, sides, strict=True)))
    assert_array_equal(count, [expected[0]])
    assert_array_equal(censor, [expected[1]])


@every_scheme
@given(value=readings)
def test_chance_only_is_a_probability(of, value):
    """Up and down lie in [0, 1], sum to 1 at most, and vanish at the ends."""
    (up,), (down,) = chance_only(of, [value])
    assert 0 <= up <= 1
    assert 0 <= down <= 1
    assert up + down <= 1 + 1e-12
    category = categories(of, value)[0]
    assert up == 0 if category == of.top else up > 0 or value < 0.5
    assert down == 0 if category == 0 else True


@every_scheme
@given(one=readings, other=readings)
def test_within_a_category_a_higher_reading_moves_up_more_and_down_less(of, one, other):
    """Within one category, up rises and down falls with the reading."""
    pair = sorted([one, other])
    if len(set(categories(of, pair)[0])) == 1:
        up, down = chance_only(of, pair)
        assert up[0] <= up[1]
        assert down[0] >= down[1]


@every_scheme
def test_a_mans_numbers_do_not_depend_on_who_is_reckoned_with_him(of):
    """Batches of 1, 7 and 2,000 give the same bits, also for one man asked alone."""
    rng = np.random.default_rng(3)
    value = np.exp(rng.normal(1.0, 2.0, 2000))
    value[::9] = 0.0
    value[5::11] = NAN
    whole = np.array(chance_only(of, value))
    for size in (1, 7):
        parts = [chance_only(of, value[i : i + size]) for i in range(0, len(value), size)]
        assert np.concatenate(parts, axis=1).tobytes() == whole.tobytes()
    strided = np.repeat(value, 3)[::3]
    assert np.array(chance_only(of, strided)).tobytes() == whole.tobytes()
    alone = chance_for(of, Quantity(float(value[1])))
    assert (alone.up, alone.down) == (whole[0, 1], whole[1, 1])


@every_scheme
def test_after_azoospermia_the_closed_form_is_the_integral(of):
    """The zero-inflated form by Owen's T equals direct integration over the true values."""
    whole = parent(of.measure)
    limit = math.log(whole.detection_limit)

    def integral(power):
        def density(true):
            below = norm.cdf((limit - true) / whole.ln_noise)
            return norm.pdf(true, whole.ln_mean, whole.ln_sd) * below**power

        return quad(density, -20, 20, points=[limit], epsabs=1e-15, limit=400)[0]

    others = 1 - whole.structural
    expected = others * (integral(1) - integral(2)) / (whole.structural + others * integral(1))
    assert chance_only(of, [0.0])[0][0] == pytest.approx(expected, abs=1e-12)


@every_scheme
def test_chance_only_is_what_two_samples_of_one_man_do(of):
    """The closed form is within .01 of 400,000 simulated pairs of samples, in each category."""
    rng = np.random.default_rng(8)
    whole, n = parent(of.measure), 400_000
    true = whole.ln_mean + whole.ln_sd * rng.standard_normal(n)
    true[rng.random(n) < whole.structural] = -np.inf
    first, second = (np.exp(true + whole.ln_noise * rng.standard_normal(n)) for _ in range(2))
    first, second = (np.where(v < whole.detection_limit, 0.0, v) for v in (first, second))
    was, now = categories(of, first)[0], categories(of, second)[0]
    up, down = chance_only(of, first)
    for category in range(of.top + 1):
        men = was == category
        assert up[men].mean() == pytest.approx((now > was)[men].mean(), abs=0.01)
        assert down[men].mean() == pytest.approx((now < was)[men].mean(), abs=0.01)


def test_at_7_8_million_chance_alone_moves_a_third_up():
    """At 7.8 million/mL, Shah et al. 2021's mean, 34 to 36 % move up and 27 to 29 % down."""
    (up,), (down,) = chance_only(CONCENTRATION, [7.8])
    assert 0.335 < up < 0.36
    assert 0.27 < down < 0.29


@pytest.mark.parametrize(
    ("baseline", "reason"),
    [
        (None, "no baseline count"),
        (Quantity(NAN, "10*6/mL"), "no baseline count"),
        (Quantity(0.1, "10*6/mL", "<"), "one side of a limit"),
        (Quantity(15.0, "10*6/mL", ">"), "one side of a limit"),
    ],
)
def test_an_absent_or_censored_count_gives_no_chance_and_the_reason(baseline, reason):
    """Without an exact baseline count, chance-only is null and says why."""
    told = chance_for(CONCENTRATION, baseline)
    assert told.up is None
    assert told.down is None
    assert reason in told.reason


def test_unknown_readings_stay_unknown():
    """A missing reading has no chance-only probability, its neighbours keep theirs."""
    up, down = chance_only(CONCENTRATION, [NAN, 7.8])
    assert np.isnan(up[0])
    assert np.isnan(down[0])
    assert chance_for(CONCENTRATION, Quantity(7.8)) == ChanceOnly(up[1], down[1])
