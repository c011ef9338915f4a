"""Logistic regression shrunk to expected effects, by how much is learnt from the men."""

from __future__ import annotations

import warnings
from itertools import product
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from respredict.model.binary import BinaryClassifier
from respredict.model.folds import deal_folds
from respredict.model.posterior import Peak, Sample, climb

__all__ = ["ShrunkenLogistic"]

Floats = NDArray[np.float64]


class ShrunkenLogistic(BinaryClassifier):
    r"""Logistic regression whose coefficients are drawn to what is expected of them.

    Each coefficient has a normal prior of its own, the intercept none. How strongly
    the expected effects are believed (``strengths``), or how wide the priors are
    (``scales``), is chosen among a few values by marginal likelihood or by
    cross-validation.

    Parameters
    ----------
    prior_mean : array-like of shape (n_features,), default=None
        Expected coefficients per unit of the column; None is 0 for each.
    prior_sd : array-like of shape (n_features,), default=None
        Standard deviations of the priors per unit of the column, positive; None
        is 1 per standard deviation of the column in the men fitted.
    strengths : tuple of float, default=(1.0,)
        Multiples of ``prior_mean`` to choose from.
    scales : tuple of float, default=(1.0,)
        Multiples of ``prior_sd`` to choose from, positive.
    select : {"evidence", "cv"}, default="evidence"
        Choose by the Laplace marginal likelihood, or by cross-validated log-loss.
    n_folds : int, default=5
        Most folds of the cross-validation; fewer where a class has fewer men.
    max_iter : int, default=100
        Most Newton steps.
    tol : float, default=1e-12
        Expected gain in log posterior below which no further step is taken.
    random_state : int, RandomState instance or None, default=None
        Draws the folds; used only with ``select="cv"``.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        The classes, sorted; probabilities are of the second.
    coef_ : ndarray of shape (1, n_features)
        Coefficients per unit of the column, log-odds.
    intercept_ : ndarray of shape (1,)
        Log-odds where every column is 0.
    covariance_ : ndarray of shape (n_features + 1, n_features + 1)
        Laplace covariance of the posterior, intercept first.
    strength_, scale_ : float
        As chosen.
    evidence_ : float
        Laplace log marginal likelihood of the choice, the intercept's flat prior
        counted as density 1.
    prior_mean_, prior_sd_ : ndarray of shape (n_features,)
        The priors of the choice, per unit of the column.
    n_iter_ : int
        Newton steps of the final fit.

    Notes
    -----
    The priors are proper, so that columns which determine each other (a log ratio
    beside its two logs) leave the fit well defined: it equals fitting the
    identifiable coefficients :math:`\gamma = A b` with prior covariance
    :math:`A V A'`. Source: MacKay, Neural Comput 4:720-736 (1992), for the evidence
    of a classifier by Laplace's method.

    Examples
    --------
    >>> X = [[-2.0], [-1.0], [0.0], [1.0], [2.0], [0.5]]
    >>> y = [0, 0, 1, 1, 1, 0]
    >>> model = ShrunkenLogistic(prior_mean=[1.0], prior_sd=[0.4], strengths=(0.0, 1.0))
    >>> model.fit(X, y).strength_
    1.0
    >>> model.coef_.round(2)
    array([[1.1]])
    """

    def __init__(
        self, *, prior_mean=None, prior_sd=None, strengths=(1.0,), scales=(1.0,),
        select="evidence", n_folds=5, max_iter=100, tol=1e-12, random_state=None,
    ) -> None:  # fmt: skip
        self.prior_mean = prior_mean
        self.prior_sd = prior_sd
        self.strengths = strengths
        self.scales = scales
        self.select = select
        self.n_folds = n_folds
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None, groups=None) -> Self:
        """Choose strength and scale, then fit.

        Parameters
        ----------
        X : array-like of shape (n_patients, n_features)
            Finite features.
        y : array-like of shape (n_patients,)
            Two classes.
        sample_weight : array-like of shape (n_patients,), default=None
            How often each man counts (a bootstrap resample); 0 leaves him out.
        groups : array-like of shape (n_patients,), default=None
            Who each row is: rows of one man share a fold. None: each row a man.

        Raises
        ------
        ValueError
            If ``y`` does not hold two classes or a parameter is out of its range.
        """
        X, outcome, weight, who = self._men(X, y, sample_weight, groups)
        center = np.average(X, axis=0, weights=weight)
        sd = np.sqrt(np.average(np.square(X - center), axis=0, weights=weight))
        unit = np.where(sd > 1e-12 * np.maximum(1.0, np.abs(center)), sd, 1.0)
        mean, width = self._priors(X.shape[1], unit)
        design = np.column_stack([np.ones(len(X)), (X - center) / unit])
        sample = Sample(design, outcome, weight)
        pairs = [(k, s) for k, s in product(self.strengths, self.scales)]
        priors = [(k * mean * unit, s * width * unit) for k, s in pairs]
        best = self._choose(sample, priors, who)
        peak = climb(sample, *priors[best], max_iter=self.max_iter, tol=self.tol)
        if not peak.converged:
            msg = (f"the fit must settle within {self.tol:g}, got further gains after "
                   f"{peak.n_iter} steps. Raise max_iter or narrow the priors.")  # fmt: skip
            warnings.warn(msg, ConvergenceWarning, stacklevel=2)
        self.strength_, self.scale_ = (float(v) for v in pairs[best])
        self.prior_mean_, self.prior_sd_ = self.strength_ * mean, self.scale_ * width
        self.evidence_, self.n_iter_ = peak.evidence, peak.n_iter
        self._leave_units(peak, center, unit)
        return self

    def decision_function(self, X) -> Floats:
        """Log-odds of the second class.

        Parameters
        ----------
        X : array-like of shape (n_patients, n_features)
            Finite features.

        Returns
        -------
        ndarray of shape (n_patients,)
            The intercept, then each column's term added in order: the same bits
            for a man whoever is with him.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        eta = np.full(len(X), self.intercept_[0])
        for j, b in enumerate(self.coef_[0]):
            eta = eta + b * X[:, j]
        return eta

    def _priors(self, n_features: int, unit: Floats) -> tuple[Floats, Floats]:
        """Means and standard deviations as given, per unit of each column."""
        mean = np.zeros(n_features) if self.prior_mean is None else _vector(self.prior_mean)
        width = 1.0 / unit if self.prior_sd is None else _vector(self.prior_sd)
        for name, value in (("prior_mean", mean), ("prior_sd", width)):
            if value.shape != (n_features,):
                msg = f"{name} must hold {n_features} numbers, got {value.size}. Give one a column."
                raise ValueError(msg)
        for name, value in (("prior_sd", width), ("scales", _vector(self.scales))):
            if not (np.isfinite(value) & (value > 0)).all():
                msg = f"{name} must be positive and finite, got {value.min():g}. Widen it."
                raise ValueError(msg)
        if self.select not in ("evidence", "cv"):
            msg = f"select must be 'evidence' or 'cv', got {self.select!r}. Choose one of them."
            raise ValueError(msg)
        return mean, width

    def _choose(self, sample: Sample, priors: list[tuple[Floats, Floats]], who: NDArray) -> int:
        if len(priors) == 1:
            return 0
        if self.select == "evidence":
            peaks = (climb(sample, m, s, max_iter=self.max_iter, tol=1e-9) for m, s in priors)
            return int(np.argmax([peak.evidence for peak in peaks]))
        fold = deal_folds(who, sample.y, self.n_folds, check_random_state(self.random_state))
        gains = np.zeros(len(priors))
        for k in range(fold.max() + 1):
            train, b = sample.of(fold != k), None
            for i, (m, s) in enumerate(priors):
                b = climb(train, m, s, max_iter=self.max_iter, tol=1e-7, start=b).b
                gains[i] += sample.log_likelihood(b, fold == k)
        return int(np.argmax(gains))

    def _leave_units(self, peak: Peak, center: Floats, unit: Floats) -> None:
        """Take coefficients and covariance back to the columns as given."""
        back = np.diag(np.concatenate([[1.0], 1.0 / unit]))
        back[0, 1:] = -center / unit
        b = back @ peak.b
        self.intercept_, self.coef_ = b[:1].copy(), b[None, 1:].copy()
        self.covariance_ = back @ np.linalg.inv(peak.curvature) @ back.T


def _vector(values) -> Floats:
    return np.asarray(values, dtype=np.float64).reshape(-1)
