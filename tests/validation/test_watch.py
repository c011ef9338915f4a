"""The watch: evidence that may be looked at after every man."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from respredict.errors import InputError
from respredict.validation.watch import SHIFTS, evidence, watch


def by_hand(eta, y, month, sigma):
    """Return the evidence after the last man, written out as it is defined."""

    def likelihood(shift, rows):
        p = expit(eta[rows] + shift)
        return np.prod(np.where(y[rows] == 1, p, 1 - p))

    everyone = np.ones(len(y), dtype=bool)
    plain, months = likelihood(0.0, everyone), month[-1] + 1
    total = plain / (months + 1)
    for j in range(months):
        since = month >= j
        parts = [likelihood(g, since) * likelihood(0.0, ~since) for g in SHIFTS]
        total += np.mean(parts) / ((j + 1) * (j + 2))
    grid = np.linspace(-8, 8, 4001)
    weight = np.exp(-(grid**2) / 2)
    null = np.average([likelihood(sigma * g, everyone) for g in grid], weights=weight)
    return total / null


def test_it_is_the_ratio_that_is_defined():
    random = np.random.default_rng(1)
    eta, month = random.normal(0, 1, 24), np.repeat([0, 1, 2], 8)
    y = (random.random(24) < 0.3).astype(float)
    found = evidence(eta[None], y[None], month, 0.2)[0, -1]
    assert np.exp(found) == pytest.approx(by_hand(eta, y, month, 0.2), rel=1e-6)


@given(st.lists(st.booleans(), min_size=1, max_size=6), st.floats(-2, 2))
def test_its_mean_is_one_where_the_model_is_right(first, eta):
    """Of every continuation: the mean over all outcomes of a few men, the model exact."""
    n = len(first)
    every = np.array(np.meshgrid(*[[0.0, 1.0]] * n)).reshape(n, -1).T
    told = np.full(every.shape, eta)
    found = np.exp(evidence(told, every, np.arange(n), 1e-9)[:, -1])
    p = expit(eta)
    weight = p ** every.sum(axis=1) * (1 - p) ** (n - every.sum(axis=1))
    assert found @ weight == pytest.approx(1.0, rel=1e-9)


def simulated(shift, *, men=600, streams=300, months=12, each=20, seed=0):
    random = np.random.default_rng(seed)
    size, sigma = (streams, months * each), np.sqrt(1 / (men * 0.25))
    eta = random.normal(-0.1, 0.8, size)
    true = eta + sigma * random.standard_normal((streams, 1)) + shift
    y = (random.random(size) < expit(true)).astype(float)
    month = np.repeat(np.arange(months), each)
    hit = evidence(eta, y, month, sigma) >= np.log(10)
    return np.where(hit.any(axis=1), hit.argmax(axis=1) // each + 1, 99)


def test_it_rarely_alarms_for_nothing_and_finds_a_large_change_soon():
    assert (simulated(0.0) < 99).mean() <= 0.10
    assert np.median(simulated(-0.95, streams=100)) <= 4


def test_the_order_of_rows_does_not_matter_but_that_of_months_does():
    random = np.random.default_rng(3)
    p = random.uniform(0.2, 0.8, 12)
    y = (random.random(12) < p).astype(int)
    months = [f"2026-{1 + i // 4:02d}" for i in range(12)]
    found = watch(y, p, months, men_fitted=300)
    mixed = np.concatenate([np.arange(8, 12), np.arange(8)])
    again = watch(y[mixed], p[mixed], [months[i] for i in mixed], men_fitted=300)
    assert again.evidence == pytest.approx(found.evidence)
    assert [m["month"] for m in again.months] == ["2026-01", "2026-02", "2026-03"]
    assert sum(m["men"] for m in found.months) == 12
    assert found.months[-1]["evidence"] == found.evidence


def test_it_says_what_could_be_found_and_a_smaller_champion_less():
    p = np.tile([0.3, 0.4, 0.5, 0.6], 10)
    y = np.tile([0, 1, 0, 1, 0, 0, 1, 0], 5)
    months = [f"2026-{1 + i // 20:02d}" for i in range(40)]
    sure, unsure = (watch(y, p, months, men_fitted=men).detections for men in (600, 90))
    assert [d.points for d in sure] == [-0.2, -0.1, 0.1]
    assert sure[0].median_month <= 4
    assert sure[1].within_year > unsure[1].within_year
    assert unsure[1].within_year < 0.5


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"month": ["2026-13"] * 4}, "month must be YYYY-MM, got '2026-13'"),
        ({"month": ["2026-01"]}, "a watch must have a month for each of 4 men"),
        ({"men_fitted": 0}, "0 men fitted"),
        ({"false_alarms": 1.0}, "a chance of 1"),
    ],
)
def test_what_cannot_be_watched_is_refused(change, match):
    asked = {"month": ["2026-01"] * 4, "men_fitted": 90} | change
    with pytest.raises(InputError, match=match):
        watch([0, 1, 0, 1], [0.2, 0.4, 0.6, 0.8], **asked)
