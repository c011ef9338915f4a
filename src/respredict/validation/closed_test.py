"""The least change of a logistic model that new men justify: a closed test.

From nothing over the intercept, intercept and slope, a shrunken revision of each
coefficient to a refit, the first step is taken against which the new men do not speak.
The champion was itself estimated from few men, so each test weighs its covariance too;
without that, a champion that is merely uncertain looks wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2

from respredict.errors import InputError, Problem

__all__ = ["STEPS", "ClosedTest", "Rejection", "closed_test", "fit_most_likely"]

Floats = NDArray[np.float64]
Step = Literal["none", "intercept", "intercept and slope", "revision", "refit"]

STEPS: tuple[Step, ...] = ("none", "intercept", "intercept and slope", "revision", "refit")

#: How much wider than the champion's own covariance a revision may reach, by evidence.
_WIDTHS = (1.0, 4.0, 16.0)
_ROUNDS, _LONGEST, _CLOSE = 50, 3.0, 1e-10
_RIDGE = 1e-8  # keeps separated men from running away; far below what any data say


@dataclass(frozen=True, slots=True)
class Rejection:
    """One step, and whether the new men speak against stopping there.

    Parameters
    ----------
    step : str
        One of ``STEPS``.
    statistic : float
        Wald statistic of what the step leaves unexplained.
    df : int
        Its degrees of freedom.
    p_value : float
        Small where the new men speak against the step.
    """

    step: Step
    statistic: float
    df: int
    p_value: float


@dataclass(frozen=True)
class ClosedTest:
    """What the closed test chose.

    Parameters
    ----------
    step : str
        The first step that was not rejected.
    coefficients : ndarray of shape (n_values + 1,)
        Intercept and slopes after that step; of a refit, of the shrunken revision, since a
        refit is made by the recipe and not here.
    covariance : ndarray of shape (n_values + 1, n_values + 1)
        Theirs.
    shift, slope : float
        What was added to the log-odds, and what they were multiplied with before: 0 and 1
        where nothing of the kind was done.
    tests : tuple of Rejection
        Every test, in order.
    width : float or None
        How much wider than the champion's covariance the revision was allowed to reach.
    """

    step: Step
    coefficients: Floats
    covariance: Floats
    shift: float
    slope: float
    tests: tuple[Rejection, ...]
    width: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {
            "step": self.step,
            "coefficients": [float(b) for b in self.coefficients],
            "shift": self.shift,
            "slope": self.slope,
            "tests": [
                {"step": t.step, "statistic": t.statistic, "df": t.df, "p_value": t.p_value}
                for t in self.tests
            ],
            "width": self.width,
        }


def closed_test(
    Z: ArrayLike,
    y: ArrayLike,
    *,
    coefficients: ArrayLike,
    covariance: ArrayLike,
    level: float = 0.05,
) -> ClosedTest:
    """Choose the least change of a logistic model that new men justify.

    Parameters
    ----------
    Z : array-like of shape (n_patients, n_values)
        Completed values of the new men, as the champion takes them.
    y : array-like of shape (n_patients,)
        Outcomes, 0 or 1.
    coefficients : array-like of shape (n_values + 1,)
        Intercept and slopes of the champion.
    covariance : array-like of shape (n_values + 1, n_values + 1)
        How uncertain the champion is of them.
    level : float, default=0.05
        Of each test; in (0, 1). Stopping at the first step that is not rejected keeps the
        level of the whole.

    Returns
    -------
    ClosedTest
        The step, and the model after it.

    Raises
    ------
    InputError
        If the new men hold one outcome only, or are no more than the coefficients.

    Notes
    -----
    With b the most likely coefficients of the new men (covariance V), b0 the champion's
    (covariance V0) and d = b - b0, a step that may move b0 within the columns of A leaves
    min over c of (d - A c)' (V + V0)^-1 (d - A c), chi-squared with as many degrees of
    freedom as coefficients remain.

    Source: the closed test is of Vergouwe et al., Stat Med 36:4529-4539 (2017),
    doi:10.1002/sim.7179; the champion's covariance in it is an addition.

    Examples
    --------
    >>> random = np.random.default_rng(1)
    >>> Z = random.standard_normal((400, 2))
    >>> y = random.random(400) < 1 / (1 + np.exp(-(Z[:, 0] - 1.2)))
    >>> closed_test(Z, y, coefficients=[0, 1, 0], covariance=np.eye(3) * 0.01).step
    'intercept'
    """
    X, outcome = _design(Z, y)
    b0, V0 = np.asarray(coefficients, dtype=float), np.asarray(covariance, dtype=float)
    b, curvature = fit_most_likely(X, outcome)
    weight = np.linalg.inv(np.linalg.inv(curvature) + V0)
    d, one = b - b0, np.eye(len(b0))[:, :1]
    moves: dict[Step, Floats] = {
        "none": np.zeros((len(b0), 0)),
        "intercept": one,
        "intercept and slope": np.column_stack([one, b0]),
    }
    tests: list[Rejection] = []
    for step, A in moves.items():
        tests.append(_left(step, d, A, weight))
        if tests[-1].p_value >= level:
            shift, slope = (
                _recalibrated(X, outcome, b0, slope=step == "intercept and slope")
                if (step != "none")
                else (0.0, 1.0)
            )
            return ClosedTest(step, slope * b0 + shift * one[:, 0], V0, shift, slope, tuple(tests))
    return _revision(X, outcome, b, curvature, b0, V0, tests, level)


def fit_most_likely(
    X: Floats, y: Floats, *, mean: Floats | None = None, precision: Floats | None = None,
    offset: Floats | None = None,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Return the most likely coefficients of a logistic regression, and the curvature there.

    Parameters
    ----------
    X : ndarray of shape (n_patients, n_coefficients)
        With its column of ones, if there shall be an intercept.
    y : ndarray of shape (n_patients,)
        0 or 1.
    mean, precision : ndarray, default=None
        Of a normal prior; almost flat if None.
    offset : ndarray of shape (n_patients,), default=None
        Added to each man's log-odds; 0 if None.

    Returns
    -------
    tuple of (ndarray, ndarray)
        Of shape (n_coefficients,) and (n_coefficients, n_coefficients).
    """
    k = X.shape[1]
    center = np.zeros(k) if mean is None else mean
    prior = np.eye(k) * _RIDGE if precision is None else precision
    start = np.zeros(len(y)) if offset is None else offset
    b = center.copy()
    for _ in range(_ROUNDS):
        p = 1 / (1 + np.exp(-(X @ b + start)))
        curvature = (X.T * (p * (1 - p))) @ X + prior
        step = np.linalg.solve(curvature, X.T @ (y - p) - prior @ (b - center))
        b = b + step * min(1.0, _LONGEST / max(float(np.abs(step).max()), 1e-300))
        if np.abs(step).max() < _CLOSE:
            break
    p = 1 / (1 + np.exp(-(X @ b + start)))
    return b, (X.T * (p * (1 - p))) @ X + prior


def _design(Z: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
    values, outcome = np.asarray(Z, dtype=float), np.asarray(y, dtype=float)
    X = np.column_stack([np.ones(len(values)), values])
    improved, others = int(outcome.sum()), int(len(outcome) - outcome.sum())
    if min(improved, others) < 1 or len(outcome) <= X.shape[1]:
        raise InputError(
            Problem(
                "an update",
                f"have men of both outcomes and more than {X.shape[1]} of them",
                f"{improved} who improved and {others} who did not",
                "Wait for more follow-up",
            )
        )
    return X, outcome


def _left(step: Step, d: Floats, A: Floats, weight: Floats) -> Rejection:
    """Test what of a difference a step cannot explain."""
    rest = d
    if A.shape[1]:
        rest = d - A @ np.linalg.solve(A.T @ weight @ A, A.T @ weight @ d)
    statistic, df = float(rest @ weight @ rest), len(d) - A.shape[1]
    return Rejection(step, statistic, df, float(chi2.sf(statistic, df)))


def _recalibrated(X: Floats, y: Floats, b0: Floats, *, slope: bool) -> tuple[float, float]:
    """Return the most likely shift, and slope, of the champion's log-odds."""
    told = X @ b0
    if not slope:
        found, _ = fit_most_likely(X[:, :1], y, offset=told)
        return float(found[0]), 1.0
    found, _ = fit_most_likely(np.column_stack([X[:, 0], told]), y)
    return float(found[0]), float(found[1])


def _revision(
    X: Floats, y: Floats, b: Floats, curvature: Floats, b0: Floats, V0: Floats,
    tests: list[Rejection], level: float,
) -> ClosedTest:  # fmt: skip
    """Revise each coefficient, shrunken towards the recalibrated champion."""
    shift, slope = _recalibrated(X, y, b0, slope=True)
    center = slope * b0
    center[0] += shift
    fits = []
    for width in _WIDTHS:
        precision: Floats = np.asarray(np.linalg.inv(width * V0), dtype=np.float64)
        found, bend = fit_most_likely(X, y, mean=center, precision=precision)
        fits.append((_evidence(X, y, found, bend, center, precision), width, found, bend))
    _, width, revised, bend = max(fits, key=lambda fit: fit[0])
    weight: Floats = np.asarray(
        np.linalg.inv(np.linalg.inv(curvature) + width * V0), dtype=np.float64
    )
    tests.append(_left("revision", b - center, np.zeros((len(b), 0)), weight))
    step: Step = "revision" if tests[-1].p_value >= level else "refit"
    spread: Floats = np.asarray(np.linalg.inv(bend), dtype=np.float64)
    return ClosedTest(step, revised, spread, shift, slope, tuple(tests), width)


def _evidence(
    X: Floats, y: Floats, b: Floats, bend: Floats, mean: Floats, precision: Floats
) -> float:
    """Return the log marginal likelihood in Laplace's approximation, up to a constant."""
    eta = X @ b
    likelihood = float((y * eta - np.logaddexp(0, eta)).sum())
    gap = b - mean
    spread = np.linalg.slogdet(precision)[1] - np.linalg.slogdet(bend)[1]
    return likelihood - 0.5 * float(gap @ precision @ gap) + 0.5 * float(spread)
