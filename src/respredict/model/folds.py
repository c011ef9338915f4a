"""Folds of a cross-validation inside a fit: men are dealt, not rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["deal_folds"]


def deal_folds(
    who: NDArray[Any], y: NDArray[np.float64], most: int, random: np.random.RandomState
) -> NDArray[np.int64]:
    """Deal men into folds, each class in turn.

    Parameters
    ----------
    who : ndarray of shape (n_rows,)
        Who each row is.
    y : ndarray of shape (n_rows,)
        0 or 1, the same in all rows of a man.
    most : int
        Most folds; fewer where a class has fewer men.
    random : RandomState
        Shuffles the men of each class.

    Returns
    -------
    ndarray of int of shape (n_rows,)
        Fold of each row, counted from 0; the rows of a man share one.

    Raises
    ------
    ValueError
        If a class has fewer than two men.

    Examples
    --------
    >>> who, y = np.array([0, 0, 1, 2, 3]), np.array([1.0, 1.0, 0.0, 1.0, 0.0])
    >>> fold = deal_folds(who, y, 5, np.random.RandomState(0))
    >>> bool(fold[0] == fold[1]), sorted(fold[1:].tolist())
    (True, [0, 0, 1, 1])
    """
    _, first, man = np.unique(who, return_index=True, return_inverse=True)
    outcome = y[first]
    fewest = int(min((outcome == 1).sum(), (outcome == 0).sum()))
    if fewest < 2:
        msg = ("y must hold two men of each class to choose by cross-validation, "
               f"got {fewest}. Pool sites.")  # fmt: skip
        raise ValueError(msg)
    n_folds, fold, dealt = min(most, fewest), np.empty(len(first), dtype=np.int64), 0
    for value in (0.0, 1.0):
        men = random.permutation(np.flatnonzero(outcome == value))
        fold[men] = (dealt + np.arange(len(men))) % n_folds
        dealt += len(men)
    return fold[man]
