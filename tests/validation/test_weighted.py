"""Metrics under many weights equal those told one by one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from respredict.validation.discrimination import auc
from respredict.validation.weighted import auc_many, mean_many

MEN = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5), st.integers(0, 3)), min_size=2)


@given(MEN)
def test_they_are_those_told_one_by_one(men):
    """With ties, men who count 0 times, and a class that is empty."""
    y, p, weight = (np.array(column) for column in zip(*men, strict=True))
    weights = np.stack([weight, np.ones_like(weight)])
    many = auc_many(y, p / 5, weights)

    np.testing.assert_allclose(many, [auc(y, p / 5, of) for of in weights], atol=1e-12)
    if weight.any():
        means = mean_many(np.stack([p, y]).astype(float), weights)
        assert means.shape == (2, 2)
        np.testing.assert_allclose(means[0], [np.average(p, weights=of) for of in weights])
