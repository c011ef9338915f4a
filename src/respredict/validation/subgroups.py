"""The model in groups of men, small groups untold."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from respredict.validation.accuracy import measured_accuracy
from respredict.validation.calibration import measured_calibration
from respredict.validation.description import Grouping
from respredict.validation.discrimination import measured_auc

__all__ = ["SMALLEST_CELL", "hidden", "subgroups"]

Floats = NDArray[np.float64]

#: Of fewer men nothing is told.
SMALLEST_CELL = 10


def subgroups(
    y: NDArray[np.int64], p: Floats, groupings: tuple[Grouping, ...], *, level: float = 0.9
) -> list[dict[str, Any]]:
    """Judge predictions in each group of each grouping.

    Parameters
    ----------
    y : ndarray of int of shape (n_patients,)
        Outcomes, 0 or 1.
    p : ndarray of shape (n_patients,)
        Probabilities of men left out.
    groupings : tuple of (str, tuple of str, ndarray of int)
        What men are sorted by, the names of its groups, and each man's; -1 where unknown.
    level : float, default=0.9
        Of the intervals, in (0, 1).

    Returns
    -------
    list of dict
        ``by``, ``group``, ``n``, ``events``, and ``auc``, ``brier``,
        ``calibration_intercept`` and ``calibration_slope`` with intervals; of a small group,
        and of one that would give a small one away, a ``reason`` instead.

    Examples
    --------
    >>> y, p = np.arange(30) % 2, np.linspace(0.2, 0.8, 30)
    >>> which = np.repeat([0, 1, 2], [4, 12, 14])
    >>> told = subgroups(y, p, (("age", ("a", "b", "c"), which),))
    >>> [(row["group"], row["n"]) for row in told]
    [('a', None), ('b', None), ('c', 14)]
    """
    told = []
    for by, names, which in groupings:
        counts = np.bincount(which[which >= 0], minlength=len(names))
        untold = hidden(counts)
        for k, name in enumerate(names):
            row: dict[str, Any] = {"by": by, "group": name}
            if not counts[k]:
                continue
            if untold[k]:
                reason = f"fewer than {SMALLEST_CELL} men, or it would give such a group away"
                told.append(row | {"n": None, "events": None, "reason": reason})
                continue
            told.append(row | _judge(y[which == k], p[which == k], level))
    return told


def hidden(counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say which cells of a row must stay untold.

    Parameters
    ----------
    counts : ndarray of int of shape (n_cells,)
        Men in each.

    Returns
    -------
    ndarray of bool of shape (n_cells,)
        The small ones; where that is a single one, the next smallest too, as it could be
        had by subtraction.

    Examples
    --------
    >>> hidden(np.array([3, 40, 20, 0])).tolist()
    [True, False, True, False]
    """
    small = (counts > 0) & (counts < SMALLEST_CELL)
    if small.sum() == 1:
        others = np.where(small | (counts == 0), np.iinfo(np.int64).max, counts)
        if others.min() < np.iinfo(np.int64).max:
            small[int(np.argmin(others))] = True
    return small


def _judge(y: NDArray[np.int64], p: Floats, level: float) -> dict[str, Any]:
    intercept, slope = measured_calibration(y, p, level=level)
    return {
        "n": len(y),
        "events": int(y.sum()),
        "auc": measured_auc(y, p, level=level).as_dict(),
        "brier": measured_accuracy(y, p, level=level)[0].as_dict(),
        "calibration_intercept": intercept.as_dict(),
        "calibration_slope": slope.as_dict(),
    }
