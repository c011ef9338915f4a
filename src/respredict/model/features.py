"""Ratios of hormones, on the log scale."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import (
    _check_feature_names_in,
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from respredict.model.columns import position

__all__ = ["RatioFeatures"]


class RatioFeatures(TransformerMixin, BaseEstimator):
    """Add log ratios behind columns that are logs.

    Parameters
    ----------
    ratios : tuple of (name, numerator, denominator), default=()
        Name of each ratio's column, and its two log columns by name or position.

    Attributes
    ----------
    numerators_, denominators_ : ndarray of shape (n_ratios,)
        Positions of the columns subtracted.

    Examples
    --------
    >>> import pandas as pd
    >>> logs = pd.DataFrame({"ln_t": [6.0, 5.5], "ln_lh": [1.0, 1.5]})
    >>> ratios = RatioFeatures(ratios=(("ln_t_lh", "ln_t", "ln_lh"),))
    >>> ratios.set_output(transform="pandas").fit_transform(logs)
       ln_t  ln_lh  ln_t_lh
    0   6.0    1.0      5.0
    1   5.5    1.5      4.0
    """

    def __init__(self, *, ratios=()) -> None:
        self.ratios = ratios

    def fit(self, X, y=None, sample_weight=None) -> Self:  # noqa: ARG002
        """Find the columns that the ratios name; of the men nothing is learnt.

        Parameters
        ----------
        X : array-like of shape (n_patients, n_features)
            Finite logs.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_patients,), default=None
            How often each man counts.

        Raises
        ------
        ValueError
            If a ratio names a column that is not there.
        """
        X = validate_data(self, X, dtype=np.float64, reset=True)
        _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        names, width = getattr(self, "feature_names_in_", None), self.n_features_in_
        over = [position(r[1], names, width) for r in self.ratios]
        under = [position(r[2], names, width) for r in self.ratios]
        self.numerators_ = np.array(over, dtype=np.int64)
        self.denominators_ = np.array(under, dtype=np.int64)
        return self

    def transform(self, X) -> NDArray[np.float64]:
        """Return the columns, then the log ratios.

        Parameters
        ----------
        X : array-like of shape (n_patients, n_features)
            Finite logs.

        Returns
        -------
        ndarray of shape (n_patients, n_features + n_ratios)
            Differences of logs behind the columns given.

        Raises
        ------
        ValueError
            If a value is not finite or a column is missing.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return np.column_stack([X, X[:, self.numerators_] - X[:, self.denominators_]])

    def get_feature_names_out(self, input_features=None) -> NDArray[np.object_]:
        """Return the names of the columns given, then of the ratios."""
        check_is_fitted(self)
        own = _check_feature_names_in(self, input_features)
        return np.concatenate([own, np.array([r[0] for r in self.ratios], dtype=object)])
