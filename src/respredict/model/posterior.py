"""The posterior of a logistic regression with normal priors: its peak and its evidence."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

__all__ = ["Peak", "Sample", "climb"]

Floats = NDArray[np.float64]

_NOISE = 1e-12  # rounding of a sum of log-likelihoods, as a fraction of it


@dataclass(frozen=True, slots=True)
class Sample:
    """Men as the fit sees them.

    Parameters
    ----------
    design : ndarray of shape (n_patients, n_features + 1)
        A constant first, then the columns, standardised.
    y : ndarray of shape (n_patients,)
        0 or 1.
    weight : ndarray of shape (n_patients,)
        How often each man counts, positive.

    Examples
    --------
    >>> men = Sample(np.ones((2, 1)), np.array([0.0, 1.0]), np.ones(2))
    >>> round(men.log_likelihood(np.zeros(1)), 4)
    -1.3863
    """

    design: Floats
    y: Floats
    weight: Floats

    def log_likelihood(self, b: Floats, rows=slice(None)) -> float:
        """Return the log-likelihood of coefficients, intercept first, on some rows."""
        eta = self.design[rows] @ b
        return float(self.weight[rows] @ (self.y[rows] * eta - np.logaddexp(0.0, eta)))

    def of(self, rows) -> Sample:
        """Return some of the men."""
        return Sample(self.design[rows], self.y[rows], self.weight[rows])


@dataclass(frozen=True, slots=True)
class Peak:
    """Where the posterior peaks.

    Parameters
    ----------
    b : ndarray of shape (n_features + 1,)
        Coefficients, intercept first.
    curvature : ndarray of shape (n_features + 1, n_features + 1)
        Minus the second derivative of the log posterior there.
    n_iter : int
        Newton steps.
    converged : bool
        Whether no further gain was expected.
    evidence : float
        Laplace log marginal likelihood, the intercept's flat prior of density 1.

    Examples
    --------
    >>> Peak(np.zeros(1), np.eye(1), n_iter=3, converged=True, evidence=-1.4).n_iter
    3
    """

    b: Floats
    curvature: Floats
    n_iter: int
    converged: bool
    evidence: float


def climb(
    sample: Sample, mean: Floats, sd: Floats, *, max_iter: int, tol: float,
    start: Floats | None = None,
) -> Peak:  # fmt: skip
    """Climb to the peak of a logistic posterior by Newton's method.

    Parameters
    ----------
    sample : Sample
        The men.
    mean, sd : ndarray of shape (n_features,)
        Independent normal priors of the coefficients; the intercept's is flat.
    max_iter : int
        Most steps.
    tol : float
        Expected gain in log posterior below which no further step is taken.
    start : ndarray of shape (n_features + 1,), default=None
        Where to start; from the prevalence alone if None.

    Returns
    -------
    Peak
        Steps that overshoot are halved.

    Examples
    --------
    >>> sample = Sample(np.ones((4, 1)), np.array([0.0, 0.0, 0.0, 1.0]), np.ones(4))
    >>> climb(sample, np.zeros(0), np.zeros(0), max_iter=9, tol=1e-12).b.round(4)
    array([-1.0986])
    """
    share = float(np.average(sample.y, weights=sample.weight))
    b = np.concatenate([[math.log(share / (1.0 - share))], np.zeros(len(mean))])
    b = b if start is None else start
    target, precision = np.concatenate([[0.0], mean]), np.concatenate([[0.0], sd**-2.0])

    def height(at: Floats) -> float:
        return sample.log_likelihood(at) - 0.5 * float(precision @ np.square(at - target))

    top, gain, step = height(b), np.inf, 0
    while True:
        p = expit(sample.design @ b)
        slope = sample.design.T @ (sample.weight * (sample.y - p)) - precision * (b - target)
        bent = (sample.design * (sample.weight * p * (1.0 - p))[:, None]).T @ sample.design
        curvature = bent + np.diag(precision)
        if gain < tol or step >= max_iter:
            break
        move = np.linalg.solve(curvature, slope)
        gain, step = 0.5 * float(slope @ move), step + 1
        reached = height(b + move)
        while reached < top - _NOISE * abs(top):
            move = 0.5 * move
            reached = height(b + move)
        b, top = b + move, max(top, reached)
    spread = float(np.log(sd).sum()) + 0.5 * float(np.linalg.slogdet(curvature)[1])
    evidence = height(b) - spread + 0.5 * math.log(2.0 * math.pi)
    return Peak(b, curvature, step, bool(gain < tol), evidence)
