"""Tests of the climb to a posterior's peak."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from respredict.model.posterior import Sample, climb


def _sample(seed: int) -> Sample:
    random = np.random.default_rng(seed)
    design = np.column_stack([np.ones(30), random.standard_normal((30, 2))])
    return Sample(design, (random.random(30) < 0.4).astype(float), random.integers(1, 4, 30) * 1.0)


def test_the_peak_is_where_a_general_optimiser_finds_it() -> None:
    """Newton's method and BFGS agree to 1e-5."""
    sample, mean, sd = _sample(0), np.array([1.0, -0.5]), np.array([0.4, 0.3])

    def depth(b: np.ndarray) -> float:
        return -sample.log_likelihood(b) + 0.5 * (((b[1:] - mean) / sd) ** 2).sum()

    best = minimize(depth, np.zeros(3), tol=1e-9)
    peak = climb(sample, mean, sd, max_iter=50, tol=1e-12)
    assert peak.converged
    assert np.abs(peak.b - best.x).max() < 1e-5


def test_a_start_far_off_is_climbed_from() -> None:
    """Halved steps bring even a saturated start to the same peak."""
    sample, mean, sd = _sample(1), np.zeros(2), np.ones(2)
    near = climb(sample, mean, sd, max_iter=50, tol=1e-12)
    far = climb(sample, mean, sd, max_iter=200, tol=1e-12, start=np.array([3.0, 8.0, -8.0]))
    assert far.b == pytest.approx(near.b, abs=1e-6)
    assert far.evidence == pytest.approx(near.evidence, abs=1e-9)
