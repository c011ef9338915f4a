"""What stands beside the model: prevalence, published rules, LH with FSH alone.

Each learns from the men a model learns from and gives a probability, so that all are
judged alike. A rule is T/LH >= 100 or T/E2 < 10.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.utils.validation import check_is_fitted

from respredict.model.candidates import build_candidate, fit_counted
from respredict.model.predictors import matrix_columns
from respredict.model.rules import RULES, apply_rule

__all__ = ["COMPARATORS", "RuleRates", "build_comparator"]

Floats = NDArray[np.float64]

#: All of them give a probability.
COMPARATORS = ("prevalence", "t_lh_at_least_100", "t_e2_below_10", "lh+fsh")


def build_comparator(name: str) -> Any:
    """Build an unfitted comparator.

    Parameters
    ----------
    name : {"prevalence", "t_lh_at_least_100", "t_e2_below_10", "lh+fsh"}
        Of ``COMPARATORS``.

    Returns
    -------
    estimator
        Its ``fit`` takes a frame that holds the columns of ``hormones``, two classes
        and ``sample_weight``; its ``predict_proba`` such a frame.

    Raises
    ------
    ValueError
        If there is no such comparator.

    Examples
    --------
    >>> build_comparator("prevalence"), build_comparator("t_e2_below_10")
    (DummyClassifier(), RuleRates(rule='t_e2_below_10'))
    """
    if name == "prevalence":
        return DummyClassifier(strategy="prior")
    if name in RULES:
        return RuleRates(rule=name)
    if name == "lh+fsh":
        return _OnColumns(columns=matrix_columns(name), model=build_candidate("published", name))
    msg = f"a comparator must be one of {', '.join(COMPARATORS)}, got {name!r}. Choose one."
    raise ValueError(msg)


class RuleRates(ClassifierMixin, BaseEstimator):
    """How often men improved whom a rule holds for, does not, or leaves open.

    Parameters
    ----------
    rule : {"t_lh_at_least_100", "t_e2_below_10"}
        Of ``RULES``.
    prior_men : float, default=2.0
        Men with the prevalence of all who are added to each group, positive: no group
        is then surely right, however small.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        The classes, sorted.
    rates_ : ndarray of shape (3,)
        Of the second class, where the rule does not hold, holds, or is open.

    Notes
    -----
    Source: Cestnik, Proc ECAI 147-149 (1990), for the estimate.

    Examples
    --------
    >>> import pandas as pd
    >>> X = pd.DataFrame({"testosterone_ng_dl": [300.0, 300.0, 400.0, 200.0],
    ...                   "testosterone_censor": 0, "lh_iu_l": [2.0, 6.0, 3.0, 8.0],
    ...                   "lh_censor": 0})
    >>> RuleRates(rule="t_lh_at_least_100").fit(X, [1, 0, 1, 0]).rates_
    array([0.25, 0.75, 0.5 ])
    """

    def __init__(self, *, rule="t_lh_at_least_100", prior_men=2.0) -> None:
        self.rule = rule
        self.prior_men = prior_men

    def fit(self, X, y, sample_weight=None) -> Self:
        """Learn the rates.

        Parameters
        ----------
        X : DataFrame of shape (n_patients, n_columns)
            As ``apply_rule`` takes it.
        y : array-like of shape (n_patients,)
            Two classes.
        sample_weight : array-like of shape (n_patients,), default=None
            How often each man counts.

        Raises
        ------
        ValueError
            If ``y`` does not hold two classes, or ``prior_men`` is not positive.
        """
        if not self.prior_men > 0:
            msg = f"prior_men must be positive, got {self.prior_men!r}. Use 2."
            raise ValueError(msg)
        weight = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, float)
        self.classes_, outcome = np.unique(np.asarray(y), return_inverse=True)
        if len(self.classes_) != 2:
            msg = f"y must hold two classes, got {len(self.classes_)}. Fit on men with either."
            raise ValueError(msg)
        group = self._group(X)
        men = np.bincount(group, weights=weight, minlength=3)
        events = np.bincount(group, weights=weight * outcome, minlength=3)
        prevalence = events.sum() / men.sum()
        self.rates_ = (events + self.prior_men * prevalence) / (men + self.prior_men)
        return self

    def predict_proba(self, X) -> Floats:
        """Probabilities of the two classes.

        Parameters
        ----------
        X : DataFrame of shape (n_patients, n_columns)
            As ``apply_rule`` takes it.

        Returns
        -------
        ndarray of shape (n_patients, 2)
            Fractions in (0, 1).
        """
        check_is_fitted(self)
        rate = self.rates_[self._group(X)]
        return np.column_stack([1.0 - rate, rate])

    def predict(self, X) -> NDArray[Any]:
        """Return the likelier class, the first where they tie."""
        return self.classes_[(self.predict_proba(X)[:, 1] > 0.5).astype(int)]

    def _group(self, X) -> NDArray[np.int64]:
        said = apply_rule(self.rule, X)
        return np.where(np.isnan(said), 2, said).astype(np.int64)


class _OnColumns(ClassifierMixin, BaseEstimator):
    """A pipeline given some columns of a frame that may hold more."""

    def __init__(self, *, columns, model) -> None:
        self.columns = columns
        self.model = model

    def fit(self, X, y, sample_weight=None) -> Self:
        counts = np.ones(len(X)) if sample_weight is None else sample_weight
        self.model_ = fit_counted(clone(self.model), X[list(self.columns)], y, counts)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, X) -> Floats:
        check_is_fitted(self)
        return self.model_.predict_proba(X[list(self.columns)])

    def predict(self, X) -> NDArray[Any]:
        check_is_fitted(self)
        return self.model_.predict(X[list(self.columns)])
