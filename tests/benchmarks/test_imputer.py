"""Heavy proof: the imputer recovers means and covariances, half the limit does not.

Over 100 cohorts the average error of a mean has itself a standard error of 0.1 SE. A
bias is therefore measured against what the same men, every value known, would have
given: that difference has the same expectation and less of the noise.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import pytest

from respredict.model.censoring import CensoredGaussianImputer

MEAN = np.array([35.5, *np.log([26.9, 303.0, 26.0, 6.1, 5.0])])
SD = np.array([6.0, 0.15, 0.40, 0.45, 0.70, 0.87])
CORRELATIONS = {(0, 2): -0.08, (0, 4): 0.08, (0, 5): 0.12, (1, 2): -0.27, (1, 3): 0.13,
                (2, 3): 0.25, (4, 5): 0.41}  # fmt: skip
E2, LIMIT = 3, 20.0


@dataclass(frozen=True)
class _Errors:
    """Errors over cohorts, in standard errors (the spread of one cohort's estimate)."""

    within_two: float
    mean_error: np.ndarray
    mean_bias: np.ndarray
    covariance_bias: np.ndarray
    half_limit: float
    seconds: float
    censored: float


def _covariance() -> np.ndarray:
    R = np.eye(6)
    for (i, j), r in CORRELATIONS.items():
        R[i, j] = R[j, i] = r
    return R * np.outer(SD, SD)


def _matrix(Z: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Age and five measurements in their units, then the side of estradiol."""
    X = np.column_stack([Z[:, 0], np.exp(Z[:, 1:]), np.zeros(len(Z))])
    below = X[:, E2] < LIMIT
    X[below, E2], X[below, 6] = LIMIT, -1
    gone = random.random((len(Z), 6)) < 0.15
    gone[:, 0] = False
    X[:, :6][gone] = np.nan
    X[gone[:, E2], 6] = 0
    return X


def _recover(cohorts: int, men: int, seed: int) -> _Errors:
    random, S = np.random.default_rng(seed), _covariance()
    root, upper = np.linalg.cholesky(S), np.triu_indices(6)
    means, whole, covariances, halves, shares, seconds = [], [], [], [], [], 0.0
    for _ in range(cohorts):
        Z = MEAN + random.standard_normal((men, 6)) @ root.T
        X = _matrix(Z, random)
        start = time.perf_counter()
        fitted = CensoredGaussianImputer(log=(1, 2, 3, 4, 5), censor=((E2, 6),)).fit(X)
        seconds += time.perf_counter() - start
        means.append(fitted.mean_)
        whole.append(Z.mean(axis=0))
        covariances.append(fitted.covariance_[upper])
        known = ~np.isnan(X[:, E2])
        shares.append((X[known, 6] == -1).mean())
        halves.append(np.log(np.where(X[known, 6] == -1, LIMIT / 2, X[known, E2])).mean())
    m, c = np.array(means), np.array(covariances)
    z_mean, z_cov = (m - MEAN) / m.std(axis=0), (c - S[upper]) / c.std(axis=0)
    return _Errors(
        within_two=float(np.mean(np.abs(np.column_stack([z_mean, z_cov])) < 2)),
        mean_error=z_mean.mean(axis=0),
        mean_bias=(m - np.array(whole)).mean(axis=0) / m.std(axis=0),
        covariance_bias=z_cov.mean(axis=0),
        half_limit=float((np.mean(halves) - MEAN[E2]) / m[:, E2].std()),
        seconds=seconds / cohorts,
        censored=float(np.mean(shares)),
    )


def _show(errors: _Errors, cohorts: int, men: int) -> None:
    names = ("age", "ln BMI", "ln T", "ln E2", "ln LH", "ln FSH")
    print(f"\n{cohorts} cohorts of {men}: {errors.censored:.1%} of E2 censored, 15% missing,")
    print(f"{1e3 * errors.seconds:.1f} ms a fit; errors of 27 parameters within 2 SE: "
          f"{errors.within_two:.1%}")  # fmt: skip
    print("each mean, in standard errors of one cohort: average error, bias:")
    for name, error, bias in zip(names, errors.mean_error, errors.mean_bias, strict=True):
        print(f"  {name:7} {error:+.2f} {bias:+.2f}")
    print(f"  ln E2 by half the limit {errors.half_limit:+.2f}")
    print(f"largest bias of a covariance: {np.abs(errors.covariance_bias).max():.2f} SE")


@pytest.mark.prove
def test_a_hundred_cohorts_of_six_hundred_are_recovered() -> None:
    """93% of errors lie within 2 SE, no mean is off by 0.2 SE, half the limit by more than 4."""
    errors = _recover(100, 600, 20)
    _show(errors, 100, 600)
    assert errors.within_two >= 0.93
    assert np.abs(errors.mean_bias).max() <= 0.2
    assert abs(errors.half_limit) > 4


def test_a_few_cohorts_are_recovered() -> None:
    """The same on 25 cohorts of 200, with the room that few cohorts need."""
    errors = _recover(25, 200, 1)
    assert errors.within_two >= 0.90
    assert np.abs(errors.mean_bias).max() <= 0.7
    assert abs(errors.half_limit) > 2
