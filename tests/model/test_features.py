"""Tests of the log ratios."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from respredict.model.features import RatioFeatures


@parametrize_with_checks([RatioFeatures(), RatioFeatures(ratios=(("ratio", 0, 0),))])
def test_the_ratios_keep_scikit_learns_conventions(estimator, check) -> None:
    """Every check of scikit-learn passes."""
    check(estimator)


def test_a_ratio_is_the_difference_of_its_logs() -> None:
    """Columns come first as they are, then the ratios, named."""
    X = np.log([[300.0, 20.0, 4.0], [420.0, 31.0, 6.0]])
    ratios = RatioFeatures(ratios=(("ln_t_e2", 0, 1), ("ln_t_lh", 0, 2))).fit(X)
    served = ratios.transform(X)
    assert np.array_equal(served[:, :3], X)
    assert np.exp(served[0, 3:]) == pytest.approx([15.0, 75.0])
    assert ratios.get_feature_names_out(["t", "e2", "lh"]).tolist()[3:] == ["ln_t_e2", "ln_t_lh"]


def test_a_ratio_of_no_column_is_named() -> None:
    """A position beyond the columns is refused."""
    with pytest.raises(ValueError, match="position must lie below 1, got 3"):
        RatioFeatures(ratios=(("r", 0, 3),)).fit([[1.0], [2.0]])
