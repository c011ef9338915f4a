"""Selection: the simplest within one standard error, on men left out."""

from __future__ import annotations

import numpy as np
import pytest

from respredict.validation.fitting import Candidate, fit_all, predict_all
from respredict.validation.selection import choose, cross_validate, losses, select

TWO = (Candidate("published", "t_lh"), Candidate("zero", "t_lh"))


@pytest.mark.parametrize(
    ("loss", "weight", "chosen"),
    [
        ([[0.5, 0.5, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5]], [1, 1, 1, 1], 0),
        ([[0.9, 0.8, 0.9, 0.8], [0.5, 0.4, 0.5, 0.4]], [1, 1, 1, 1], 1),
        ([[0.9, 0.1, 0.9, 0.1], [0.5, 0.4, 0.5, 0.4]], [1, 1, 1, 1], 0),
        ([[0.9, 0.1, 0.9, 0.1], [0.5, 0.4, 0.5, 0.4]], [3, 0, 2, 0], 1),
        ([[0.9, 0.8, 0.9, 0.8], [0.55, 0.4, 0.5, 0.4], [0.5, 0.4, 0.51, 0.4]], [1, 1, 1, 1], 1),
        ([[0.6, np.nan], [0.5, np.nan]], [4, 0], 1),
    ],
)
def test_the_simplest_within_one_standard_error_is_chosen(loss, weight, chosen):
    """Of the paired difference; a man who counts 0 times says nothing."""
    assert choose(np.array(loss), np.array(weight)) == chosen


def test_a_man_is_predicted_without_his_fold(few):
    """Out of his fold the probability is that of a model of the others."""
    everyone = np.ones(len(few), dtype=np.int64)
    fold = np.arange(len(few)) % 4
    starts = fit_all(TWO, few, everyone, seed=1)[1]
    p = cross_validate(TWO, few, everyone, fold, seed=9, starts=starts)
    without, _ = fit_all(TWO, few, (fold != 2).astype(np.int64), seed=9, starts=starts)

    np.testing.assert_array_equal(p[:, fold == 2], predict_all(without, TWO, few)[:, fold == 2])
    weight = np.where(fold == 0, 0, 1)
    assert np.isnan(cross_validate(TWO, few, weight, fold, seed=9, starts=starts)[:, 0]).all()


def test_the_choice_is_made_again_without_each_fold(few):
    """The procedure's own probabilities are those of the choices made without the man."""
    starts = fit_all(TWO, few, np.ones(len(few), dtype=np.int64), seed=1)[1]
    found = select(TWO, few, seed=4, starts=starts, nested=True)
    whole = found.of_choice()

    assert found.folds.by == "site"
    assert found.chosen_without.shape == (1, 3)
    for man in range(len(few)):
        of = found.chosen_without[0, found.folds.deals[0][man]]
        assert whole[0, man] == found.p[0, of, man]
    assert found.chosen == choose(losses(few.y, found.p).mean(axis=0), np.ones(len(few), dtype=int))
    plain = select(TWO, few, seed=4, starts=starts)
    np.testing.assert_array_equal(plain.p, found.p)
    assert plain.chosen_without.size == 0
