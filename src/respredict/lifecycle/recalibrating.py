"""A fitted model moved by a step of the closed test, and its refits with it.

The pipeline stays of its kind: only coefficients change. Each refit is moved by what a
resample of the new men says of it, so that an interval holds both what the champion did
not know and what the new men cannot tell.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from respredict.errors import InputError, Problem
from respredict.model.affine import affine
from respredict.model.features import RatioFeatures
from respredict.model.logistic import ShrunkenLogistic
from respredict.uncertainty.curved import CurvedRefits
from respredict.uncertainty.curves import SplineCurves
from respredict.uncertainty.refits import Refits
from respredict.uncertainty.resampling import resamples
from respredict.validation.closed_test import ClosedTest, fit_most_likely

__all__ = ["RECALIBRATIONS", "champion_coefficients", "design", "moved", "moved_refits", "retaken"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Steps that only move and stretch the log-odds.
RECALIBRATIONS = ("intercept", "intercept and slope")


def champion_coefficients(pipeline: Any) -> tuple[Floats, Floats]:
    """Return what a model is, and how sure of it, in values that can be told apart.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        Imputer, features and a shrunken logistic regression, fitted.

    Returns
    -------
    coefficients : ndarray of shape (n_values + 1,)
        Intercept and slopes in the columns of :func:`design`.
    covariance : ndarray of shape (n_values + 1, n_values + 1)
        Of the same.

    Raises
    ------
    InputError
        If the model is no logistic regression.

    Notes
    -----
    A log ratio counts with the two logs it is made of: with M the matrix that adds its
    coefficient to the numerator's and takes it from the denominator's, the covariance is
    M C M'.

    Examples
    --------
    >>> from respredict.model.candidates import build_pipeline, matrix_columns
    >>> men = pd.DataFrame(
    ...     [[300, 4.0, 0, 0], [450, 3.0, 0, 0], [250, 9.0, 0, 0], [280, 7.0, 0, 0]],
    ...     columns=matrix_columns("t_lh"), dtype=float)
    >>> b, V = champion_coefficients(build_pipeline("t_lh").fit(men, [0, 1, 0, 1]))
    >>> b[1:].round(2), V.shape
    (array([ 1.13, -1.11]), (3, 3))
    """
    classifier = pipeline[-1]
    if not isinstance(classifier, ShrunkenLogistic):
        rule = "be a logistic regression, whose covariance is known"
        remedy = "Train anew on all men: respredict train"
        got = type(classifier).__name__
        raise InputError(Problem("a champion to be updated", rule, got, remedy))
    M = _collapse(pipeline)
    b = np.concatenate([classifier.intercept_, classifier.coef_[0]])
    V = M @ classifier.covariance_ @ M.T
    return M @ b, (V + V.T) / 2


def design(pipeline: Any, X: pd.DataFrame) -> Floats:
    """Return the columns that :func:`champion_coefficients` are of.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        Fitted.
    X : DataFrame of shape (n_patients, n_columns)
        As it takes them.

    Returns
    -------
    ndarray of shape (n_patients, n_values)
        Completed values, with the bends of splines behind them.
    """
    completed = pipeline[0].transform(X)
    if isinstance(pipeline[1], RatioFeatures):
        return np.asarray(completed, dtype=np.float64)
    return np.asarray(pipeline[1].transform(completed), dtype=np.float64)


def moved(pipeline: Any, found: ClosedTest) -> Any:
    """Return a model after a step of the closed test.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        The champion's.
    found : ClosedTest
        Of the new men.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Of the same kind, with its own coefficients and their covariance.
    """
    new = copy.deepcopy(pipeline)
    classifier, M = new[-1], _collapse(pipeline)
    before = M @ np.concatenate([classifier.intercept_, classifier.coef_[0]])
    if found.step in RECALIBRATIONS:
        classifier.intercept_ = found.slope * classifier.intercept_ + found.shift
        classifier.coef_ = found.slope * classifier.coef_
    else:
        change = found.coefficients - before
        classifier.intercept_ = classifier.intercept_ + change[0]
        classifier.coef_ = classifier.coef_.copy()
        classifier.coef_[0, : len(change) - 1] += change[1:]
    width = len(found.coefficients)
    covariance = np.zeros_like(classifier.covariance_)
    covariance[:width, :width] = found.covariance
    classifier.covariance_ = covariance
    return new


def moved_refits(
    refits: Refits | CurvedRefits | None, pipeline: Any, X: pd.DataFrame, y: Ints,
    found: ClosedTest, *, seed: int,
) -> Refits | CurvedRefits | None:  # fmt: skip
    """Return the refits after the same step, each by a resample of the new men.

    Parameters
    ----------
    refits : Refits, CurvedRefits or None
        The champion's.
    pipeline : sklearn.pipeline.Pipeline
        The champion's.
    X : DataFrame of shape (n_patients, n_columns)
        The new men, as it takes them.
    y : ndarray of int of shape (n_patients,)
        1 improved, 0 did not.
    found : ClosedTest
        The step; it is not chosen again in a resample.
    seed : int
        Draws the resamples.

    Returns
    -------
    Refits, CurvedRefits or None
        As many, of the same kind; None where the champion has none.
    """
    if refits is None:
        return None
    split = pipeline[0].split(X.to_numpy(dtype=np.float64))
    known = ~np.isnan(split[0][:, : len(pipeline[0].columns_)])
    eta = refits.log_odds(*split)
    drawn = list(resamples(y, known, seed=seed, n_resamples=eta.shape[1]))
    if found.step not in RECALIBRATIONS:
        assert isinstance(refits, Refits)
        return _revised(refits, pipeline, X, y, found, drawn)
    slope = found.step == "intercept and slope"
    told = [_recalibration(eta[:, k], y, drawn[k], slope=slope) for k in range(len(drawn))]
    shifts, slopes = (np.array(part) for part in zip(*told, strict=True))
    if isinstance(refits, Refits):
        return replace(
            refits, intercept=slopes * refits.intercept + shifts,
            slopes=slopes[:, None] * refits.slopes,
        )  # fmt: skip
    curves = refits.curves
    assert isinstance(curves, SplineCurves)
    stretched = replace(
        curves, intercept=slopes * curves.intercept + shifts,
        slopes=slopes[:, None] * curves.slopes, weights=slopes[:, None, None] * curves.weights,
    )  # fmt: skip
    return replace(refits, curves=stretched)


def retaken(pipeline: Any, X: pd.DataFrame, y: Ints, found: ClosedTest) -> ClosedTest:
    """Return the same step taken on other men.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        The champion's.
    X : DataFrame of shape (n_patients, n_columns)
        The men, as it takes them.
    y : ndarray of int of shape (n_patients,)
        1 improved, 0 did not.
    found : ClosedTest
        The step.

    Returns
    -------
    ClosedTest
        With what these men say in place of shift, slope and coefficients.
    """
    own, Z = champion_coefficients(pipeline)[0], design(pipeline, X)
    if found.step in RECALIBRATIONS:
        eta, every = own[0] + Z @ own[1:], np.ones(len(y), dtype=np.int64)
        shift, slope = _recalibration(eta, y, every, slope=found.step == "intercept and slope")
        return replace(found, shift=shift, slope=slope)
    revised = _revise(Z, y.astype(float), own, _precision(pipeline, found))
    return replace(found, coefficients=revised)


def _collapse(pipeline: Any) -> Floats:
    """Return the matrix that counts each ratio with the two logs it is made of."""
    features, size = pipeline[1], pipeline[-1].coef_.shape[1]
    if not isinstance(features, RatioFeatures):
        return np.eye(size + 1)
    ratios = len(features.numerators_)
    width = size - ratios
    M = np.zeros((width + 1, size + 1))
    M[: width + 1, : width + 1] = np.eye(width + 1)
    for k in range(ratios):
        M[1 + features.numerators_[k], 1 + width + k] += 1
        M[1 + features.denominators_[k], 1 + width + k] -= 1
    return M


def _recalibration(eta: Floats, y: Ints, counts: Ints, *, slope: bool) -> tuple[float, float]:
    rows = np.repeat(np.arange(len(y)), counts)
    told, outcome = eta[rows], y[rows].astype(float)
    ones = np.ones_like(told)
    if slope:
        b, _ = fit_most_likely(np.column_stack([ones, told]), outcome)
        return float(b[0]), float(b[1])
    b, _ = fit_most_likely(ones[:, None], outcome, offset=told)
    return float(b[0]), 1.0


def _revised(
    refits: Refits, pipeline: Any, X: pd.DataFrame, y: Ints, found: ClosedTest, drawn: list[Ints]
) -> Refits:
    """Revise each refit on its resample, towards its own recalibration."""
    assert affine(pipeline) is not None
    precision = _precision(pipeline, found)
    imputer, revised = copy.deepcopy(pipeline[0]), []
    for k, counts in enumerate(drawn):
        imputer.mean_, imputer.covariance_ = refits.mean[k], refits.covariance[k]
        rows = np.repeat(np.arange(len(y)), counts)
        Z = np.asarray(imputer.transform(X), dtype=np.float64)[rows]
        own = np.concatenate([[refits.intercept[k]], refits.slopes[k]])
        revised.append(_revise(Z, y[rows].astype(float), own, precision))
    b = np.stack(revised)
    return replace(refits, intercept=b[:, 0].copy(), slopes=b[:, 1:].copy())


def _precision(pipeline: Any, found: ClosedTest) -> Floats:
    assert found.width is not None
    precision = np.linalg.inv(found.width * champion_coefficients(pipeline)[1])
    return np.asarray(precision, dtype=np.float64)


def _revise(Z: Floats, y: Floats, own: Floats, precision: Floats) -> Floats:
    """Revise coefficients, drawn to their own recalibration."""
    A = np.column_stack([np.ones(len(Z)), Z])
    (shift, slope), _ = fit_most_likely(np.column_stack([A[:, 0], A @ own]), y)
    center = slope * own
    center[0] += shift
    return fit_most_likely(A, y, mean=center, precision=precision)[0]
