"""Men to validate on, what may be fitted to them, and one way to fit it.

Whatever is fitted here is the pipeline that would be served: nothing stands in for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from respredict.candidate_settings import CandidateSettings
from respredict.model.candidates import CANDIDATES, build_candidate
from respredict.model.comparators import build_comparator
from respredict.model.predictors import PREDICTORS, matrix_columns
from respredict.schema.analytes import ANALYTES

__all__ = ["Candidate", "Men", "fit_all", "predict_all"]

Floats = NDArray[np.float64]
Starts = Mapping[str, tuple[Floats, Floats]]

#: Of the imputer where it starts from one fitted before, in standard deviations.
_TOLERANCE = 1e-5


@dataclass(frozen=True, eq=False)
class Men:
    """Men with a known outcome, one row each.

    Parameters
    ----------
    X : DataFrame of shape (n_patients, n_columns)
        Columns of every predictor set to be tried.
    y : ndarray of int of shape (n_patients,)
        1 improved, 0 did not.
    site : ndarray of int of shape (n_patients,)
        Which clinic, counted from 0.

    Examples
    --------
    >>> men = Men(pd.DataFrame({"lh_iu_l": [3.4, 9.0]}), np.array([1, 0]), np.zeros(2, int))
    >>> len(men), len(men.of(np.array([0])))
    (2, 1)
    """

    X: pd.DataFrame
    y: NDArray[np.int64]
    site: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.y)

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """Which values were measured, of shape (n_patients, n_measurements)."""
        measured = {a.column: a.censor_column for a in ANALYTES}
        kept = [c for c in self.X.columns if not c.endswith("_censor")]
        known = self.X[kept].notna().to_numpy(copy=True)
        for j, name in enumerate(kept):
            if measured.get(name) in self.X.columns:
                known[:, j] &= self.X[measured[name]].to_numpy() == 0
        return known

    def of(self, rows: NDArray[Any]) -> Men:
        """Return some of the men.

        Parameters
        ----------
        rows : ndarray of int or bool
            Which.

        Returns
        -------
        Men
            In their order.
        """
        return Men(self.X.iloc[np.flatnonzero(rows) if rows.dtype == bool else rows],
                   self.y[rows], self.site[rows])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that can be fitted and gives a probability.

    Parameters
    ----------
    name : str
        Of a candidate or comparator.
    predictors : str, default="hormones"
        The predictor set; a comparator brings its own.
    asked : CandidateSettings
        What a candidate is held to.

    Examples
    --------
    >>> list(Candidate("published").build(seed=0).named_steps)
    ['imputer', 'features', 'classifier']
    """

    name: str
    predictors: str = "hormones"
    asked: CandidateSettings = field(default_factory=CandidateSettings)

    def build(self, *, seed: int) -> Any:
        """Return the unfitted estimator.

        Parameters
        ----------
        seed : int
            Draws what its fit draws.

        Returns
        -------
        estimator
            With ``fit`` and ``predict_proba``.
        """
        if self.name in CANDIDATES:
            return build_candidate(self.name, self.predictors, random_state=seed, asked=self.asked)
        if self.name in PREDICTORS:  # a comparator that is the default on fewer predictors
            return build_candidate(predictors=self.name)
        return build_comparator(self.name)

    @property
    def columns(self) -> list[str]:
        """Columns of the matrix that it takes."""
        if self.name in CANDIDATES:
            return list(matrix_columns(self.predictors))
        return list(matrix_columns(self.name if self.name in PREDICTORS else "hormones"))


def fit_all(
    candidates: tuple[Candidate, ...], men: Men, weight: NDArray[np.int64], *, seed: int,
    starts: Starts | None = None,
) -> tuple[tuple[Any, ...], dict[str, tuple[Floats, Floats]]]:  # fmt: skip
    """Fit candidates to the same men, the imputer they share only once.

    Parameters
    ----------
    candidates : tuple of Candidate
        What to fit.
    men : Men
        The men.
    weight : ndarray of int of shape (n_patients,)
        How often each man counts; 0 leaves him out.
    seed : int
        Draws what the fits draw.
    starts : mapping, default=None
        Means and covariance that each imputer starts from, as an earlier fit returned
        them; the fit is then less exact.

    Returns
    -------
    fitted : tuple of estimators
        With ``predict_proba``, in the order of the candidates.
    learnt : dict
        Means and covariance of each imputer, for ``starts``.

    Examples
    --------
    >>> from respredict.model.candidates import matrix_columns
    >>> X = pd.DataFrame([[200.0 + 10 * i, 2.0 + i % 7, 0, 0] for i in range(40)],
    ...                  columns=matrix_columns("t_lh"))
    >>> y = (X["lh_iu_l"] < 5).to_numpy().astype(int)
    >>> men = Men(X, y, np.zeros(40, int))
    >>> (model,), _ = fit_all((Candidate("published", "t_lh"),), men, np.ones(40, int), seed=0)
    >>> model.predict_proba(X).shape
    (40, 2)
    """
    there = men if weight.all() else men.of(weight > 0)
    count = weight[weight > 0]
    imputers: dict[str, Any] = {}
    completed: dict[str, Floats] = {}
    fitted = []
    for candidate in candidates:
        model = candidate.build(seed=seed)
        X = there.X[candidate.columns]
        if not isinstance(model, Pipeline):
            fitted.append(model.fit(X, there.y, sample_weight=count))
            continue
        (name, imputer), *rest = model.steps
        key = _key(candidate.columns, imputer)
        if key not in imputers:
            if starts and key in starts:
                mean, covariance = starts[key]
                imputer.set_params(mean_init=mean, covariance_init=covariance, tol=_TOLERANCE)
            imputers[key] = imputer.fit(X, sample_weight=count)
            completed[key] = imputer.transform(X)
        learner = Pipeline(rest)
        learner.fit(completed[key], there.y, **_weights(rest, count))
        fitted.append(Pipeline([(name, imputers[key]), *learner.steps]))
    return tuple(fitted), {key: (i.mean_, i.covariance_) for key, i in imputers.items()}


def predict_all(fitted: tuple[Any, ...], candidates: tuple[Candidate, ...], men: Men) -> Floats:
    """Return the probabilities of improvement of several fits, completing values once.

    Parameters
    ----------
    fitted : tuple of estimators
        As ``fit_all`` returns them.
    candidates : tuple of Candidate
        In their order.
    men : Men
        To predict.

    Returns
    -------
    ndarray of shape (n_candidates, n_patients)
        Fractions in [0, 1].
    """
    completed: dict[int, Floats] = {}
    told = np.empty((len(fitted), len(men)))
    for i, (model, candidate) in enumerate(zip(fitted, candidates, strict=True)):
        X = men.X[candidate.columns]
        if isinstance(model, Pipeline):
            at = id(model[0])
            if at not in completed:
                completed[at] = model[0].transform(X)
            told[i] = model[1:].predict_proba(completed[at])[:, 1]
        else:
            told[i] = model.predict_proba(X)[:, 1]
    return told


def _key(columns: list[str], imputer: Any) -> str:
    """Name an imputer by what it would learn from."""
    return f"{columns} {sorted(imputer.get_params(deep=False).items())}"


def _weights(steps: list[tuple[str, Any]], count: NDArray[np.int64]) -> dict[str, Any]:
    """Give each step that can weigh men how often they count."""
    return {
        f"{name}__sample_weight": count
        for name, step in steps
        if has_fit_parameter(step, "sample_weight")
    }
