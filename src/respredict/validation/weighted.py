"""Metrics of the same predictions under many weights at once, for a bootstrap over men."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["auc_many", "mean_many"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def auc_many(y: Ints, p: Floats, weights: NDArray[np.generic]) -> Floats:
    """Return the AUC under each weighting of the men.

    Parameters
    ----------
    y : ndarray of shape (n_patients,)
        Outcomes, 0 or 1.
    p : ndarray of shape (n_patients,)
        Probabilities.
    weights : ndarray of shape (n_boot, n_patients)
        How often each man counts.

    Returns
    -------
    ndarray of shape (n_boot,)
        As ``respredict.validation.discrimination.auc`` gives them one by one; NaN where a
        class is empty.

    Examples
    --------
    >>> auc_many(np.array([0, 0, 1]), np.array([0.1, 0.5, 0.5]), np.array([[1, 1, 1], [1, 0, 2]]))
    array([0.75, 1.  ])
    """
    order = np.argsort(p, kind="stable")
    _, first = np.unique(p[order], return_index=True)
    counted = weights[:, order].astype(np.float64)
    with_it = np.add.reduceat(counted * y[order], first, axis=1)
    without = np.add.reduceat(counted * (1 - y[order]), first, axis=1)
    below = without.cumsum(axis=1) - without / 2
    pairs = with_it.sum(axis=1) * without.sum(axis=1)
    with np.errstate(invalid="ignore"):  # no pair: NaN, as told
        return (with_it * below).sum(axis=1) / pairs


def mean_many(values: Floats, weights: NDArray[np.generic]) -> Floats:
    """Return the weighted means of values under each weighting of the men.

    Parameters
    ----------
    values : ndarray of shape (..., n_patients)
        One a man.
    weights : ndarray of shape (n_boot, n_patients)
        How often each man counts.

    Returns
    -------
    ndarray of shape (..., n_boot)
        Means.

    Examples
    --------
    >>> mean_many(np.array([1.0, 2.0]), np.array([[1, 1], [3, 1]]))
    array([1.5 , 1.25])
    """
    counted = weights.astype(np.float64)
    return values @ counted.T / counted.sum(axis=1)
