"""Fitting: what is fitted here is the pipeline that would be served."""

from __future__ import annotations

import numpy as np
import pytest

from respredict.model.candidates import CANDIDATES, build_candidate
from respredict.model.comparators import COMPARATORS, build_comparator
from respredict.model.predictors import matrix_columns
from respredict.validation.fitting import Candidate, fit_all, predict_all

EVERYONE = (*CANDIDATES, *COMPARATORS)


def test_each_is_the_pipeline_fitted_by_itself(few):
    """Sharing an imputer changes no bit of a candidate; comparators are their own."""
    every = tuple(Candidate(name) for name in EVERYONE)
    fitted, _ = fit_all(every, few, np.ones(len(few), dtype=np.int64), seed=5)
    p = predict_all(fitted, every, few)
    X = few.X[list(matrix_columns("hormones"))]
    for i, name in enumerate(EVERYONE):
        build = build_comparator if name in COMPARATORS else _candidate
        alone = build(name).fit(X, few.y)
        np.testing.assert_allclose(p[i], alone.predict_proba(X)[:, 1], atol=1e-12, err_msg=name)
    assert fitted[0][0] is fitted[3][0]


def _candidate(name: str):
    return build_candidate(name, "hormones", random_state=5)


def test_a_man_counted_twice_is_two_men(few):
    """A weight says what a repeated row would."""
    weight = np.arange(len(few)) % 3
    pick = (Candidate("published"),)
    counted, _ = fit_all(pick, few, weight, seed=1)
    rows = np.repeat(np.arange(len(few)), weight)
    again, _ = fit_all(pick, few.of(rows), np.ones(len(rows), dtype=np.int64), seed=1)

    np.testing.assert_allclose(
        predict_all(counted, pick, few), predict_all(again, pick, few), atol=1e-6
    )


def test_an_imputer_that_starts_elsewhere_ends_where_it_did(few):
    """A warm start saves steps and moves no probability by a ten-thousandth."""
    pick, everyone = (Candidate("published"),), np.ones(len(few), dtype=np.int64)
    cold, starts = fit_all(pick, few, everyone, seed=1)
    warm, _ = fit_all(pick, few, everyone, seed=1, starts=starts)

    assert warm[0][0].n_iter_ < cold[0][0].n_iter_
    np.testing.assert_allclose(
        predict_all(cold, pick, few), predict_all(warm, pick, few), atol=1e-4
    )


def test_known_says_what_was_measured(few):
    """A value known to one side was not."""
    estradiol = [c for c in few.X.columns if not c.endswith("_censor")].index("estradiol_pg_ml")
    censored = few.X["estradiol_censor"].to_numpy() != 0
    missing = few.X["estradiol_pg_ml"].isna().to_numpy()

    assert censored.any()
    np.testing.assert_array_equal(few.known[:, estradiol], ~censored & ~missing)


def test_an_unknown_candidate_is_refused():
    """With the names there are."""
    with pytest.raises(ValueError, match=r"a comparator must be one of .*, got 'nobody'"):
        Candidate("nobody").build(seed=1)
