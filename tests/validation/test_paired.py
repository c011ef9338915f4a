"""Two models on the same men."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from respredict.errors import InputError
from respredict.validation.paired import compare, read_answer


@pytest.mark.parametrize(
    ("low", "high", "answer"),
    [
        (-0.05, -0.01, "better"),
        (-0.01, 0.01, "not worse"),
        (0.001, 0.019, "not worse"),
        (0.001, 0.03, "worse"),
        (-0.01, 0.03, "cannot tell"),
        (-0.03, 0.0, "not worse"),
        (0.0, 0.02, "cannot tell"),
    ],
)
def test_every_interval_has_one_answer(low, high, answer):
    assert read_answer(low, high, 0.02) == answer


def drawn(n, seed, *, slope=1.5):
    random = np.random.default_rng(seed)
    z = slope * random.standard_normal(n)
    p = 1 / (1 + np.exp(-z))
    return (random.random(n) < p).astype(float), p, z


@settings(max_examples=20, deadline=None)
@given(n=st.integers(2, 200), seed=st.integers(0, 999))
def test_a_model_is_never_worse_than_itself(n, seed):
    y, p, _ = drawn(n, seed)
    found = compare(y, p, p, seed=seed, groups={"all": np.ones(n, dtype=bool)})
    assert found.answer == "not worse"
    assert found.men_needed is None


def test_the_difference_is_the_mean_of_the_differences_in_log_loss():
    from sklearn.metrics import log_loss

    y, p, _ = drawn(300, 1)
    q = np.full(300, y.mean())
    found = compare(y, p, q, seed=1)
    assert found.log_loss.value == pytest.approx(log_loss(y, q) - log_loss(y, p), abs=1e-12)


def test_a_challenger_that_knows_nothing_is_worse_and_the_other_way_round_better():
    y, p, _ = drawn(400, 2)
    q = np.full(400, y.mean())
    assert compare(y, p, q, seed=1).answer == "worse"
    assert compare(y, q, p, seed=1).answer == "better"


def test_few_men_cannot_tell_and_the_number_that_would_is_named():
    y, p, z = drawn(60, 3)
    found = compare(y, p, 1 / (1 + np.exp(-0.6 * z)), seed=1)
    assert found.answer == "cannot tell"
    assert found.men_needed is not None
    assert found.men_needed > 60


def test_a_subgroup_that_is_clearly_worse_makes_it_worse():
    y, p, z = drawn(2000, 4)
    few = np.arange(2000) < 150
    q = np.where(few, 1 / (1 + np.exp(z)), p)
    better = np.where(few, q, np.where(y > 0, np.maximum(p, 0.9), np.minimum(p, 0.1)))
    found = compare(y, p, better, seed=1, groups={"few": few, "rest": ~few, "tiny": z > 9})
    assert found.log_loss.answer == "better"
    assert found.answer == "worse"
    assert [g.measure for g in found.guards if g.low > g.margin] == ["log-loss in few"]
    assert "log-loss in tiny" not in [g.measure for g in found.guards]


def test_a_shift_of_all_risks_is_seen_by_calibration():
    y, p, z = drawn(2000, 5)
    found = compare(y, p, 1 / (1 + np.exp(-z - 0.9)), seed=1)
    calibration = next(g for g in found.guards if g.measure == "calibration")
    assert calibration.low > calibration.margin
    assert found.answer == "worse"


def test_the_same_seed_gives_the_same_numbers_and_plain_json():
    y, p, z = drawn(100, 6)
    q = 1 / (1 + np.exp(-0.9 * z))
    assert compare(y, p, q, seed=7) == compare(y, p, q, seed=7)
    assert json.loads(json.dumps(compare(y, p, q, seed=7).as_dict()))["answer"]


@pytest.mark.parametrize(
    ("y", "p", "groups", "message"),
    [
        ([1], [0.5], None, "a comparison must have 2 men or more, got 1"),
        ([1, 0], [0.5, 0.2], {"g": [True]}, "g must say of each of the 2 men"),
    ],
)
def test_what_cannot_be_compared_is_refused(y, p, groups, message):
    with pytest.raises(InputError, match=message):
        compare(y, p, p, seed=1, groups=groups)
