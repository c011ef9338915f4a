"""How a step, or a whole refit, would do on men it has not seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from respredict.candidate_settings import CandidateSettings
from respredict.lifecycle.recalibrating import moved, retaken
from respredict.validation.closed_test import ClosedTest
from respredict.validation.corrected import correct
from respredict.validation.fitting import Candidate, fit_all
from respredict.validation.metrics import METRICS
from respredict.validation.optimism import Plan, resample
from respredict.validation.performance import measure
from respredict.validation.subjects import Subjects, matrix_of
from respredict.validation.workers import finish

__all__ = ["corrected_slope", "retaken_apart"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Say = Callable[[str], None]

_FOLDS = 5
_SLOPE = "calibration_slope"


def corrected_slope(
    subjects: Subjects, candidate: str, predictors: str, *, seed: int, resamples: int = 200,
    jobs: int = 1, say: Say = lambda _: None, asked: CandidateSettings | None = None,
) -> float | None:  # fmt: skip
    """Return the calibration slope of a recipe on other men of the same kind.

    Parameters
    ----------
    subjects : Subjects
        To fit it to.
    candidate, predictors : str
        The recipe.
    seed : int
        Draws the resamples.
    resamples : int, default=200
        At least 1.
    jobs : int, default=1
        Processes.
    say : callable, default: silent
        Told how far it is.
    asked : CandidateSettings or None, default=None
        What the candidate is held to; its defaults if None.

    Returns
    -------
    float or None
        Apparent slope less its optimism; None where it is not defined.

    Notes
    -----
    Source: Harrell, Lee and Mark, Stat Med 15:361-387 (1996).
    """
    men = matrix_of(subjects, predictors)
    one = (Candidate(candidate, predictors, asked or CandidateSettings()),)
    everyone = np.ones(len(men), dtype=np.int64)
    fitted, starts = fit_all(one, men, everyone, seed=seed)
    plan = Plan(one, (), 0, (0.5,), _FOLDS, seed)
    try:
        found = resample(plan, men, resamples, starts=starts, jobs=jobs, say=say)
    finally:
        finish()
    at = list(METRICS).index(_SLOPE)
    p = fitted[0].predict_proba(men.X[one[0].columns])[:, 1]
    events = int(men.y.sum())
    told = correct(
        _SLOPE, float(measure(men.y, p)[at]), found.inside[:, 0, at], found.outside[:, 0, at],
        events=events, others=len(men) - events,
    )  # fmt: skip
    return told.corrected.value


def retaken_apart(pipeline: Any, test: ClosedTest, X: pd.DataFrame, y: Ints) -> Floats:
    """Return each man's probability after the same step made without him.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        The champion's.
    test : ClosedTest
        The step.
    X : DataFrame of shape (n_patients, n_columns)
        The new men, as it takes them.
    y : ndarray of int of shape (n_patients,)
        1 improved, 0 did not.

    Returns
    -------
    ndarray of shape (n_patients,)
        Cross-validated in five folds, or fewer where there are fewer men of a class.
    """
    from sklearn.model_selection import StratifiedKFold

    p = np.empty(len(y))
    folds = min(_FOLDS, int(min(y.sum(), len(y) - y.sum())))
    if folds < 2:
        return np.asarray(pipeline.predict_proba(X)[:, 1])  # nobody to learn the step from
    for others, one in StratifiedKFold(folds, shuffle=True, random_state=0).split(X, y):
        again = retaken(pipeline, X.iloc[others], y[others], test)
        p[one] = moved(pipeline, again).predict_proba(X.iloc[one])[:, 1]
    return p
