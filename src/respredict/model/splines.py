"""Restricted cubic splines: effects that bend between their tails and are straight there."""

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

__all__ = ["RestrictedSplines", "bends"]

Floats = NDArray[np.float64]


class RestrictedSplines(TransformerMixin, BaseEstimator):
    r"""Add the bends of restricted cubic splines behind columns.

    A column keeps its place and gets ``n_knots - 2`` bends behind all columns: cubic
    between its knots, together with it straight outside the first and the last. A
    column with fewer different knots (an indicator) gets none.

    Parameters
    ----------
    quantiles : tuple of float, default=(0.1, 0.5, 0.9)
        Where the knots stand, increasing, in [0, 1], at least three.

    Attributes
    ----------
    knots_ : ndarray of shape (n_features, n_knots)
        In the units of the column; NaN where it has no bends.

    Notes
    -----
    With knots :math:`t_1 < \dots < t_k`, bend :math:`j` of :math:`k - 2` is

    .. math:: \frac{(x-t_j)_+^3 - (x-t_{k-1})_+^3 \frac{t_k-t_j}{t_k-t_{k-1}}
              + (x-t_k)_+^3 \frac{t_{k-1}-t_j}{t_k-t_{k-1}}}{(t_k - t_1)^2}.

    Source: Harrell, Regression Modeling Strategies, 2nd edition (2015), section 2.4.5;
    three knots at the quantiles .1, .5 and .9 are his for small samples. A quantile is
    an observed value here (``inverted_cdf``), so that a man who counts twice is two men.

    Examples
    --------
    >>> X = np.arange(11.0)[:, None]
    >>> RestrictedSplines().fit(X).transform([[0.0], [5.0], [9.0]]).round(3)
    array([[0., 0.],
           [5., 1.],
           [9., 6.]])
    """

    def __init__(self, *, quantiles=(0.1, 0.5, 0.9)) -> None:
        self.quantiles = quantiles

    def fit(self, X, y=None, sample_weight=None) -> Self:  # noqa: ARG002
        """Place the knots.

        Parameters
        ----------
        X : array-like of shape (n_patients, n_features)
            Finite features.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_patients,), default=None
            How often each man counts; 0 leaves him out.

        Raises
        ------
        ValueError
            If the quantiles are too few, out of order or out of range.
        """
        X = validate_data(self, X, dtype=np.float64, reset=True)
        at = np.asarray(self.quantiles, dtype=np.float64)
        if len(at) < 3 or not (np.diff(at) > 0).all() or at[0] < 0 or at[-1] > 1:
            msg = (f"quantiles must be at least three rising numbers in [0, 1], got "
                   f"{self.quantiles!r}. Use (0.1, 0.5, 0.9).")  # fmt: skip
            raise ValueError(msg)
        weight = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        X, weight = X[weight > 0], weight[weight > 0]
        knots = np.quantile(X, at, axis=0, weights=weight, method="inverted_cdf").T
        knots[(np.diff(knots, axis=1) <= 0).any(axis=1)] = np.nan
        self.knots_ = knots
        return self

    def transform(self, X) -> Floats:
        """Return the columns, then the bends of each.

        Parameters
        ----------
        X : array-like of shape (n_patients, n_features)
            Finite features.

        Returns
        -------
        ndarray of shape (n_patients, n_features + n_bends)
            The same bits for a man whoever is with him.

        Raises
        ------
        ValueError
            If a value is not finite or a column is missing.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        curved = self._curved()
        added = [bend for j in curved for bend in bends(X[:, j], self.knots_[j])]
        return np.column_stack([X, *added])

    def get_feature_names_out(self, input_features=None) -> NDArray[np.object_]:
        """Return the names of the columns given, then of the bends, primed."""
        check_is_fitted(self)
        own = _check_feature_names_in(self, input_features)
        primes = range(1, self.knots_.shape[1] - 1)
        added = [own[j] + "'" * k for j in self._curved() for k in primes]
        return np.concatenate([own, np.array(added, dtype=object)])

    def _curved(self) -> NDArray[np.int64]:
        return np.flatnonzero(~np.isnan(self.knots_[:, 0]))


def bends(x: Floats, knots: Floats) -> list[Floats]:
    """Return the bends of one column.

    Parameters
    ----------
    x : ndarray
        Values.
    knots : ndarray of shape (n_knots, ...)
        Increasing; what follows the first axis is broadcast against ``x``.

    Returns
    -------
    list of ndarray
        ``n_knots - 2``, in the units of ``x``.

    Examples
    --------
    >>> bends(np.array([3.0]), np.array([0.0, 1.0, 2.0]))
    [array([3.])]
    """
    last, before = knots[-1], knots[-2]
    size, step = np.square(last - knots[0]), last - before
    tail, end = _cube(x - before), _cube(x - last)
    return [
        (_cube(x - t) - tail * ((last - t) / step) + end * ((before - t) / step)) / size
        for t in knots[:-2]
    ]


def _cube(x: Floats) -> Floats:
    above = np.maximum(x, 0.0)
    return above * above * above
