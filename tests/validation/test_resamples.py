"""Resamples and folds: everything can be learnt from each, and a man stays whole."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from respredict.errors import CohortError
from respredict.validation.fitting import Men
from respredict.validation.resamples import draw_folds, draw_resample, random_for


def men_of(y, site) -> Men:
    """Return men with one measurement."""
    X = pd.DataFrame({"age_years": np.full(len(y), 30.0)})
    return Men(X, np.asarray(y, dtype=np.int64), np.asarray(site, dtype=np.int64))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(24, 60), st.integers(2, 6))
def test_folds_leave_enough_of_either_outcome(seed, n, most):
    """Whatever the resample, each part learnt from has two different men of each."""
    men = men_of(np.arange(n) % 2, np.zeros(n))
    random = random_for(seed)
    weight = draw_resample(men, random)
    folds = draw_folds(men, weight, random, most=most, repeats=2)

    assert weight.sum() == n
    assert folds.by == "outcome"
    assert len(folds.deals) == 2
    for fold in folds.deals:
        assert set(np.unique(fold)) == set(range(most))
        for k in range(most):
            kept = (weight > 0) & (fold != k)
            assert np.bincount(men.y[kept], minlength=2).min() >= 2
        sizes = np.bincount(fold[weight > 0], minlength=most)
        assert np.ptp(sizes) <= 1


@pytest.mark.parametrize(("sites", "folds", "deals"), [(3, 3, 1), (5, 5, 1), (12, 5, 2)])
def test_whole_sites_are_left_out_where_there_are_three(sites, folds, deals):
    """A site lies in one fold; as many sites as folds can be dealt in one way only."""
    site = np.repeat(np.arange(sites), 20)
    men = men_of(np.arange(len(site)) % 2, site)
    found = draw_folds(men, np.ones(len(men), dtype=np.int64), random_for(1), repeats=2)

    assert found.by == "site"
    assert len(found.deals) == deals
    for fold in found.deals:
        assert len(np.unique(fold)) == folds
        assert all(len(np.unique(fold[site == s])) == 1 for s in range(sites))


@pytest.mark.parametrize("case", ["two sites", "one outcome elsewhere", "one measured elsewhere"])
def test_sites_that_cannot_be_left_out_are_not(case):
    """The folds are then dealt by outcome."""
    site, y = np.repeat([0, 1, 2], 20), np.arange(60) % 2
    men = men_of(y, np.minimum(site, 1) if case == "two sites" else site)
    if case == "one outcome elsewhere":
        men = dataclasses.replace(men, y=np.where(site == 0, y, 0))
    if case == "one measured elsewhere":
        men = dataclasses.replace(men, X=men.X.where(pd.Series(site == 0), np.nan))
    folds = draw_folds(men, np.ones(60, dtype=np.int64), random_for(1))
    assert folds.by == "outcome"


def test_too_few_men_are_refused():
    """Of four men no resample holds five, and one cannot be left out and learnt from."""
    men = men_of([1] * 4 + [0] * 40, np.zeros(44))
    match = r"leave 5 men of either outcome, .* got 4 who improved of 44 men. Pool sites"
    with pytest.raises(CohortError, match=match):
        draw_resample(men, random_for(1))
    alone = men_of([1] + [0] * 40, np.zeros(41))
    with pytest.raises(CohortError, match="got 1 who improved of 41 men"):
        draw_folds(alone, np.ones(41, dtype=np.int64), random_for(1))


def test_random_numbers_are_of_their_purpose():
    """The same numbers give the same draws, others others."""
    draws = [random_for(*numbers).integers(2**40) for numbers in ((1, 2), (1, 2), (1, 3), (2, 2))]
    assert draws[0] == draws[1]
    assert len(set(draws)) == 3
