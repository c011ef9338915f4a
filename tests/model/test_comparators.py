"""Tests of what stands beside the model."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

from respredict.model.candidates import fit_counted
from respredict.model.comparators import (
    COMPARATORS,
    RuleRates,
    build_comparator,
)
from respredict.model.rules import apply_rule


@pytest.mark.parametrize("name", COMPARATORS)
def test_every_comparator_gives_a_probability(clinic, name: str) -> None:
    """From a matrix that may hold more columns than it needs; clones are alike."""
    X, y = clinic(200, 0)
    model = fit_counted(build_comparator(name), X, y, np.ones(200, dtype=int))
    p = model.predict_proba(X)
    assert p.shape == (200, 2)
    assert ((p > 0) & (p < 1)).all()
    assert np.allclose(p.sum(axis=1), 1.0)
    assert model.classes_.tolist() == [0, 1]
    assert np.array_equal(model.predict(X), (p[:, 1] > 0.5).astype(int))
    assert repr(clone(model)) == repr(build_comparator(name))


@pytest.mark.parametrize("name", COMPARATORS)
def test_a_comparator_counts_a_man_as_often_as_he_was_drawn(clinic, name: str) -> None:
    """Counts equal repeated rows."""
    X, y = clinic(120, 1)
    count = np.bincount(np.random.default_rng(0).integers(0, 120, 120), minlength=120)
    rows = np.repeat(np.arange(120), count)
    counted = fit_counted(build_comparator(name), X, y, count).predict_proba(X)
    repeated = build_comparator(name).fit(X.iloc[rows], y[rows]).predict_proba(X)
    assert np.abs(counted - repeated).max() < 1e-6


def test_prevalence_is_the_share_of_men_who_improved(clinic) -> None:
    """The simplest comparator gives everyone the same probability."""
    X, y = clinic(100, 0)
    p = build_comparator("prevalence").fit(X, y).predict_proba(X)[:, 1]
    assert np.allclose(p, y.mean())


def test_a_rule_gives_the_rates_of_its_groups(clinic) -> None:
    """Yes, no and open each have their own, drawn to the prevalence by two men."""
    X, y = clinic(400, 2)
    said = apply_rule("t_lh_at_least_100", X)
    p = build_comparator("t_lh_at_least_100").fit(X, y).predict_proba(X)[:, 1]
    for group in (said == 1, said == 0, np.isnan(said)):
        expected = (y[group].sum() + 2 * y.mean()) / (group.sum() + 2)
        assert np.allclose(p[group], expected, rtol=1e-12)


def test_a_group_without_men_has_the_prevalence(clinic) -> None:
    """Nothing is learnt of it."""
    X, y = clinic(100, 3, missing=0.0)
    known = ~np.isnan(apply_rule("t_e2_below_10", X))
    model = RuleRates(rule="t_e2_below_10").fit(X[known], y[known])
    assert model.rates_[2] == pytest.approx(y[known].mean())


@pytest.mark.parametrize(
    ("model", "y", "message"),
    [
        (RuleRates(prior_men=0), [0, 1], "prior_men must be positive, got 0"),
        (RuleRates(), [1, 1], "y must hold two classes, got 1"),
    ],
)
def test_rates_that_cannot_be_learnt_are_told(clinic, model, y, message: str) -> None:
    """One outcome, or no men to shrink with."""
    with pytest.raises(ValueError, match=message):
        model.fit(clinic(100, 0)[0][:2], y)


def test_other_comparators_are_refused() -> None:
    """Names not listed are told with those that are."""
    with pytest.raises(ValueError, match=r"must be one of prevalence, .*lh\+fsh, got 'auc'"):
        build_comparator("auc")
