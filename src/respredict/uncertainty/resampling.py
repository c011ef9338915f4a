"""Resamples of men from which a model can be fitted again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["percentile_bounds", "resamples"]

Floats = NDArray[np.float64]

_FEWEST, _DRAWS = 5, 1000  # different men of each class in a resample; tries to draw one


def resamples(
    outcome: NDArray[np.int64], known: NDArray[np.bool_], *, seed: int, n_resamples: int
) -> Iterator[NDArray[np.int64]]:
    """Draw how often each man counts, until everything can be learnt from those drawn.

    Parameters
    ----------
    outcome : ndarray of int of shape (n_patients,)
        0 or 1.
    known : ndarray of bool of shape (n_patients, n_measurements)
        Which values were measured.
    seed : int
        The same seed draws the same resamples.
    n_resamples : int
        At least 1.

    Yields
    ------
    ndarray of int of shape (n_patients,)
        Counts that sum to the number of men; at least 5 different men of each class and
        a measured value in each column are among them.

    Raises
    ------
    ValueError
        If ``n_resamples`` is below 1, or a class has too few men to be resampled.

    Examples
    --------
    >>> drawn = resamples(np.arange(20) % 2, np.ones((20, 1), bool), seed=1, n_resamples=3)
    >>> [int(counts.sum()) for counts in drawn]
    [20, 20, 20]
    """
    if n_resamples < 1:
        msg = f"n_refits must be at least 1, got {n_resamples}. Use 200."
        raise ValueError(msg)
    random, n = np.random.default_rng(seed), len(outcome)
    share = np.full(n, 1.0 / n)
    for _ in range(n_resamples):
        for _ in range(_DRAWS):
            counts = random.multinomial(n, share)
            drawn = counts > 0
            of_each = np.bincount(outcome[drawn], minlength=2)
            if of_each.min() >= _FEWEST and known[drawn].any(axis=0).all():
                break
        else:
            msg = (f"y must hold {_FEWEST} men of each class, got {outcome.sum()} in one of {n}. "
                   "Pool sites.")  # fmt: skip
            raise ValueError(msg)
        yield counts


def percentile_bounds(
    drawn: Floats, level: float, weight: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """Bound the middle of each row.

    Parameters
    ----------
    drawn : ndarray of shape (n_patients, n_draws)
        Sorted in place where nothing is weighed.
    level : float
        Share of the draws between the bounds, in (0, 1).
    weight : array-like of shape (n_patients, n_draws), default=None
        Of each draw, not negative; alike if None.

    Returns
    -------
    low, high : ndarray of shape (n_patients,)
        Linear between two draws; with weights, between the middles of their shares.

    Raises
    ------
    ValueError
        If ``level`` is out of range.

    Examples
    --------
    >>> [end.tolist() for end in percentile_bounds(np.arange(9.0)[None], 0.5)]
    [[2.0], [6.0]]
    """
    if not 0 < level < 1:
        msg = f"level must lie in (0, 1), got {level!r}. Use 0.9 for nine in ten."
        raise ValueError(msg)
    shares = ((1 - level) / 2, (1 + level) / 2)
    if weight is None:
        drawn.sort(axis=1)
        last = drawn.shape[1] - 1
        at = [int(share * last) for share in shares]
        ends = [
            drawn[:, k] + (share * last - k) * (drawn[:, min(k + 1, last)] - drawn[:, k])
            for k, share in zip(at, shares, strict=True)
        ]
        return ends[0], ends[1]
    order = np.argsort(drawn, axis=1, kind="stable")
    ordered = np.take_along_axis(drawn, order, axis=1)
    mass = np.take_along_axis(np.asarray(weight, dtype=np.float64), order, axis=1)
    reached = np.cumsum(mass, axis=1)
    middle = (reached - 0.5 * mass) / reached[:, -1:]
    both = [np.interp(shares, m, o) for m, o in zip(middle, ordered, strict=True)]
    low, high = np.array(both).reshape(-1, 2).T
    return low, high
