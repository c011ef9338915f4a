"""Pooling of sites, against R's metafor."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import stdtrit

from respredict.validation.pooling import pool

# R 4.2.2, metafor 3.8-1: m <- rma(y, sei = s, method = "REML", test = "adhoc", level = 90,
#   control = list(threshold = 1e-12, maxiter = 10000)); p <- predict(m, level = 90)
#   c(m$b, m$ci.lb, m$ci.ub, m$tau2, m$I2 / 100, p$pi.lb, p$pi.ub)
# Its prediction interval has k - 1 degrees of freedom, ours k - 2.
METAFOR = [
    ([1.0986, 0.8473, 1.3863, 0.4055, 0.9445], [0.25, 0.31, 0.42, 0.28, 0.35],
     [0.8954398287, 0.5546405715, 1.2362390859, 0.0307229688, 0.2403128779, 0.3896997941,
      1.4011798633]),
    ([0.2, -0.9, 0.6, 0.1], [0.15, 0.2, 0.25, 0.3],
     [-0.0085970399, -0.7705335655, 0.7533394856, 0.3670457144, 0.8893521358, -1.6251871829,
      1.6079931030]),
    ([1.0, 1.1, 0.9], [0.2, 0.2, 0.2],
     [1.0, 0.6628291078, 1.3371708922, 0.0, 0.0, 0.6628291078, 1.3371708922]),
]  # fmt: skip


@pytest.mark.parametrize(("y", "errors", "expected"), METAFOR)
def test_it_pools_as_metafor_does(y, errors, expected):
    """Mean, interval, tau2, I2, and the prediction interval at its degrees of freedom."""
    found, k = pool(y, errors), len(y)
    told = [found.mean, found.low, found.high, found.tau2, found.i2]
    np.testing.assert_allclose(told, expected[:5], atol=1e-8)
    wider = stdtrit(k - 2, 0.95) / stdtrit(k - 1, 0.95)
    reach = wider * (expected[6] - expected[0])
    assert math.isclose(found.expected_high, expected[0] + reach, abs_tol=1e-8)
    assert math.isclose(found.expected_low, expected[0] - reach, abs_tol=1e-8)


def test_two_sites_are_too_few():
    """Nothing is said of how sites differ."""
    with pytest.raises(ValueError, match="a pooled estimate must rest on 3 sites, got 2"):
        pool([1.0, 2.0], [0.1, 0.1])
