"""How many men a model takes, against published and simulated figures."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from respredict.validation.sample_size import cox_snell_r2, development_size


@pytest.mark.parametrize(("auc", "n"), [(0.70, 489), (0.75, 382), (0.80, 382)])
def test_the_sizes_are_those_of_pmsampsize(auc, n):
    """R's pmsampsize gives 489, 382 and 382 men for 7 parameters at a prevalence of .46."""
    assert development_size(auc=auc, parameters=7, prevalence=0.46).n == n


def test_worsening_takes_about_two_thousand_men():
    """An outcome of 12 % with an AUC of .65 is out of every clinic's reach."""
    size = development_size(auc=0.65, parameters=7, prevalence=0.12)

    assert 1_900 < size.n < 2_300
    assert size.n == max(size.criteria.values()) == size.criteria["shrinkage"]


def test_the_explained_variation_is_that_of_many_simulated_men():
    """The integral agrees with a logistic fit to men drawn with that AUC."""
    random = np.random.default_rng(3)
    y = np.arange(400_000) < 120_000
    from scipy.special import ndtri

    z = random.standard_normal(len(y)) + np.sqrt(2) * ndtri(0.72) * y
    p = LogisticRegression(C=1e9).fit(z[:, None], y).predict_proba(z[:, None])[:, 1]
    gain = np.where(y, np.log(p), np.log1p(-p)).mean() - (0.3 * np.log(0.3) + 0.7 * np.log(0.7))

    assert cox_snell_r2(0.72, 0.3) == pytest.approx(1 - np.exp(-2 * gain), abs=0.002)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"auc": 0.5}, r"auc must lie in \(0.5, 1\), got 0.5"),
        ({"prevalence": 1.0}, r"prevalence must lie in \(0, 1\), got 1.0"),
        ({"parameters": 0}, "parameters must be at least 1, got 0"),
    ],
)
def test_what_is_out_of_range_is_refused(change, message):
    """A number that no model can have is told with its rule."""
    with pytest.raises(ValueError, match=message):
        development_size(**{"auc": 0.7, "prevalence": 0.3, "parameters": 7, **change})
