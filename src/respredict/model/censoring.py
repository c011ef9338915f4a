"""The imputer: missing and censored measurements completed on the log scale."""

from __future__ import annotations

import warnings
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import (
    _check_feature_names_in,
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from respredict.model.columns import position
from respredict.model.joint_normal import conditional_mean, fit_joint_normal

__all__ = ["CensoredGaussianImputer"]

Floats = NDArray[np.float64]


class CensoredGaussianImputer(TransformerMixin, BaseEstimator):
    """Complete missing and censored measurements by their conditional means.

    A joint normal of the columns, those named in their logs, is fitted to what is
    known: measured values, values below or above a limit, and nothing of the
    missing ones. A man's missing or censored values are served as their means given
    everything else about him; a complete man is served as measured.

    Parameters
    ----------
    log : tuple of str or int, default=()
        Columns, by name or position, whose natural log is taken.
    censor : tuple of (column, column), default=()
        Measurements and the columns that hold their side: -1 below the number
        reported, 1 above it, 0 the number itself. Those columns are consumed.
    zero_state : tuple of str or int, default=()
        Logged columns in which 0 is a state of its own (azoospermia) and no small
        number: the log is then served as 0, and an indicator of the state is added
        as a last column. A censored value is read as not in the state.
    names : tuple of str or None, default=None
        Names of the columns served; None keeps the columns' own, ``ln_`` before
        those logged and ``_is_zero`` behind the indicators.
    mean_init : array-like of shape (n_values,), default=None
        Means to start the fit from, on the scale served; both or neither.
    covariance_init : array-like of shape (n_values, n_values), default=None
        Covariance to start the fit from.
    ridge : float, default=1e-8
        Fraction by which each variance is raised, in [0, 1).
    tol : float, default=1e-7
        Largest last change, in standard deviations of the columns.
    max_iter : int, default=1000
        Most steps of the fit.

    Attributes
    ----------
    mean_ : ndarray of shape (n_values,)
        Means, on the scale served.
    covariance_ : ndarray of shape (n_values, n_values)
        Covariance, on the scale served.
    columns_ : ndarray of shape (n_measurements,)
        Positions in ``X`` of the measurements, in the order served.
    sides_ : ndarray of shape (n_measurements,)
        Positions in ``X`` of their side columns, -1 where there is none.
    logged_, zero_state_ : ndarray of bool of shape (n_measurements,)
        Which are logged, and in which 0 is a state.
    n_iter_ : int
        Steps of the fit.

    Notes
    -----
    Maximum likelihood by expectation maximisation. Source: Dempster, Laird and
    Rubin, J R Stat Soc B 39:1-38 (1977).

    Examples
    --------
    An estradiol below 20 pg/mL is served below 20, lower for the man whose
    testosterone is lower:

    >>> import pandas as pd
    >>> men = pd.DataFrame({
    ...     "t": [300.0, 420.0, 250.0, 510.0, 200.0, 400.0],
    ...     "e2": [22.0, 31.0, 20.0, 40.0, 20.0, 20.0],
    ...     "side": [0, 0, -1, 0, -1, -1]})
    >>> imputer = CensoredGaussianImputer(log=("t", "e2"), censor=(("e2", "side"),))
    >>> served = imputer.set_output(transform="pandas").fit_transform(men)
    >>> np.exp(served["ln_e2"]).round(1).tolist()
    [22.0, 31.0, 14.1, 40.0, 11.0, 17.9]
    """

    def __init__(
        self, *, log=(), censor=(), zero_state=(), names=None, mean_init=None,
        covariance_init=None, ridge=1e-8, tol=1e-7, max_iter=1000,
    ) -> None:  # fmt: skip
        self.log = log
        self.censor = censor
        self.zero_state = zero_state
        self.names = names
        self.mean_init = mean_init
        self.covariance_init = covariance_init
        self.ridge = ridge
        self.tol = tol
        self.max_iter = max_iter

    def fit(self, X, y=None, sample_weight=None) -> Self:  # noqa: ARG002
        """Fit the joint normal to everything that is known.

        Parameters
        ----------
        X : array-like of shape (n_patients, n_columns)
            Measurements in their units, NaN where missing, and side columns.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_patients,), default=None
            How often each man counts; 0 leaves him out.

        Raises
        ------
        ValueError
            If a column has no measured value, a logged one a value that has no
            log, a side column another number than -1, 0 and 1, or a parameter is
            out of its range.
        """
        X = self._validate(X, reset=True)
        self._settle()
        weight = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        X, weight = X[weight > 0], weight[weight > 0]
        Z, limits, sides = self.split(X)
        self._check_known(Z)
        start = None if self.mean_init is None else (self.mean_init, self.covariance_init)
        fitted = fit_joint_normal(Z, limits, sides, weight=weight, start=start, ridge=self.ridge,
                                  tol=self.tol, max_iter=self.max_iter)  # fmt: skip
        if not fitted.converged:
            msg = (f"the imputer's fit must settle within {self.tol:g}, got further changes after "
                   f"{fitted.n_iter} steps. Raise max_iter or tol.")  # fmt: skip
            warnings.warn(msg, ConvergenceWarning, stacklevel=2)
        self.mean_, self.covariance_ = fitted.mean, fitted.covariance
        self.n_iter_ = fitted.n_iter
        return self

    def transform(self, X) -> Floats:
        """Return the completed columns, logs where logs are taken.

        Parameters
        ----------
        X : array-like of shape (n_patients, n_columns)
            As in the fit.

        Returns
        -------
        ndarray of shape (n_patients, n_values)
            The same bits for a man whoever is with him.

        Raises
        ------
        ValueError
            As the fit does, but for columns without a measured value.
        """
        check_is_fitted(self)
        Z, limits, sides = self.split(self._validate(X, reset=False))
        return conditional_mean(Z, limits, sides, self.mean_, self.covariance_)

    def get_feature_names_out(self, input_features=None) -> NDArray[np.object_]:
        """Return the names of the columns served."""
        check_is_fitted(self)
        own = _check_feature_names_in(self, input_features)[self.columns_]
        if self.names is not None:
            return np.asarray(self.names, dtype=object)
        logged = [f"ln_{n}" if log else n for n, log in zip(own, self.logged_, strict=True)]
        added = [f"{n}_is_zero" for n in own[self.zero_state_]]
        return np.asarray(logged + added, dtype=object)

    def _validate(self, X, *, reset: bool) -> Floats:
        return validate_data(
            self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=reset,
            ensure_min_samples=2 if reset else 1,
        )  # fmt: skip

    def _settle(self) -> None:
        """Check the parameters and find the columns they name."""
        if not 0 <= self.ridge < 1:
            msg = f"ridge must lie in [0, 1), got {self.ridge!r}. Leave it at 1e-8."
            raise ValueError(msg)
        if (self.mean_init is None) != (self.covariance_init is None):
            msg = "mean_init and covariance_init must be given together, got one. Give both."
            raise ValueError(msg)
        names, width = getattr(self, "feature_names_in_", None), self.n_features_in_
        sides = {position(m, names, width): position(s, names, width) for m, s in self.censor}
        kept = [j for j in range(width) if j not in sides.values()]
        logged = {position(c, names, width) for c in self.log}
        states = {position(c, names, width) for c in self.zero_state}
        self.columns_ = np.array(kept, dtype=np.int64)
        self.sides_ = np.array([sides.get(j, -1) for j in kept], dtype=np.int64)
        self.logged_ = np.array([j in logged for j in kept], dtype=bool)
        self.zero_state_ = np.array([j in states for j in kept], dtype=bool)
        if self.names is not None and len(self.names) != len(kept) + len(states):
            msg = (f"names must hold {len(kept) + len(states)} names, got {len(self.names)}. "
                   "Name each column served.")  # fmt: skip
            raise ValueError(msg)

    def split(self, X: Floats) -> tuple[Floats, Floats, NDArray[np.int64]]:
        """Split a matrix into values, limits and sides on the scale served.

        Parameters
        ----------
        X : ndarray of shape (n_patients, n_columns)
            As in the fit.

        Returns
        -------
        Z, limits : ndarray of shape (n_patients, n_values)
            Values, NaN where missing or censored; and limits, 0 where there is none.
        sides : ndarray of int of shape (n_patients, n_values)
            -1, 0 or 1.

        Raises
        ------
        ValueError
            If a logged value has no log or a side is another number.
        """
        value, at = X.take(self.columns_, axis=1), self.sides_
        side = np.where(at >= 0, X.take(at, axis=1, mode="wrap"), 0.0)
        zero = self.zero_state_ & (value == 0) & (side == 0)
        self._check_values(value, side, zero)
        unknown = np.isnan(value[:, self.zero_state_])
        added = np.where(unknown, np.nan, zero[:, self.zero_state_])
        value[zero] = 1.0
        value[:, self.logged_] = np.log(value[:, self.logged_])
        censored = side != 0
        Z = np.hstack([np.where(censored, np.nan, value), added])
        limits, sides = np.zeros(Z.shape), np.zeros(Z.shape, dtype=np.int64)
        np.copyto(limits[:, : len(at)], value, where=censored)
        sides[:, : len(at)] = side
        return Z, limits, sides

    def _check_values(self, value: Floats, side: Floats, zero: NDArray[np.bool_]) -> None:
        """Look at all columns at once, and only for a fault at each."""
        unreadable = ~((side == 0) | (np.abs(side) == 1))
        nothing = np.isnan(value) & (side != 0)
        no_log = self.logged_ & (value <= 0) & ~zero
        if not (unreadable | nothing | no_log).any():
            return
        j = int(np.flatnonzero((unreadable | nothing | no_log).any(axis=0))[0])
        if unreadable[:, j].any():
            msg = f"the side of {self._name(j)} must be -1, 0 or 1, got another. Write 0 for none."
        elif nothing[:, j].any():
            msg = f"{self._name(j)} must hold the limit where it has a side, got none. Give it."
        else:
            got = value[no_log[:, j], j][0]
            msg = (f"{self._name(j)} must be above 0, got {got:g}. Leave a value "
                   "unknown empty, or give the assay's limit with its side.")  # fmt: skip
        raise ValueError(msg)

    def _check_known(self, Z: Floats) -> None:
        for j in np.flatnonzero(np.isnan(Z[:, : len(self.columns_)]).all(axis=0)):
            msg = (f"{self._name(int(j))} must have a measured value, got only missing or censored "
                   "ones. Leave the column out of the predictors.")  # fmt: skip
            raise ValueError(msg)

    def _name(self, j: int) -> str:
        names = getattr(self, "feature_names_in_", None)
        source = int(self.columns_[j])
        return f"column {source}" if names is None else str(names[source])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
