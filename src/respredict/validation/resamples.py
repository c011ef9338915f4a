"""Resamples of men, and folds: drawn so that everything can be learnt from each.

A man has one row. Drawn twice he counts twice, and all of him lies in one fold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from respredict.errors import CohortError, Problem
from respredict.validation.fitting import Men

__all__ = ["Folds", "draw_folds", "draw_resample", "random_for"]

Ints = NDArray[np.int64]

_FEWEST = 5  # different men of either outcome in a resample, and without a site
_FEWEST_DEALT = 2  # without a fold dealt by outcome
_FEWEST_MEASURED = 2  # men, in a resample, with a value of each kind
_SITES = 3  # from so many on, folds are sites
_DRAWS = 1000


@dataclass(frozen=True, eq=False)
class Folds:
    """Which fold each man lies in, once for each deal.

    Parameters
    ----------
    deals : tuple of ndarray of int of shape (n_patients,)
        Folds, from 0.
    by : {"site", "outcome"}
        What was dealt: whole sites, or the men of each outcome in turn.
    """

    deals: tuple[Ints, ...]
    by: str


def random_for(*numbers: int) -> np.random.Generator:
    """Return a generator of its own for one purpose, whatever was drawn before.

    Parameters
    ----------
    *numbers : int
        The seed, then what the numbers are for; each at least 0.

    Returns
    -------
    Generator
        The same for the same numbers.

    Examples
    --------
    >>> int(random_for(1, 2).integers(1000)) == int(random_for(1, 2).integers(1000))
    True
    """
    return np.random.default_rng(np.random.SeedSequence(list(numbers)))


def draw_resample(men: Men, random: np.random.Generator) -> Ints:
    """Draw as many men with replacement as there are.

    Parameters
    ----------
    men : Men
        The men.
    random : Generator
        Draws.

    Returns
    -------
    ndarray of int of shape (n_patients,)
        How often each was drawn: at least 5 different men of either outcome, and two
        with a measured value of each column.

    Raises
    ------
    CohortError
        If there are too few men for that.

    Examples
    --------
    >>> import pandas as pd
    >>> men = Men(pd.DataFrame({"lh_iu_l": np.ones(40)}), np.arange(40) % 2, np.zeros(40, int))
    >>> int(draw_resample(men, random_for(1)).sum())
    40
    """
    known, n = men.known, len(men)
    for _ in range(_DRAWS):
        weight = random.multinomial(n, np.full(n, 1.0 / n))
        if _enough(men.y, known, weight > 0, _FEWEST, _FEWEST_MEASURED):
            return weight
    raise _too_few(men)


def draw_folds(
    men: Men, weight: Ints, random: np.random.Generator, *, most: int = 5, repeats: int = 1
) -> Folds:
    """Deal men into folds: whole sites where there are three, else by outcome.

    Parameters
    ----------
    men : Men
        The men.
    weight : ndarray of int of shape (n_patients,)
        How often each counts; who counts 0 times is dealt in as well, and left out of
        what is learnt.
    random : Generator
        Draws.
    most : int, default=5
        Folds, at least 2; fewer where there are fewer sites.
    repeats : int, default=1
        Deals, at least 1; sites no more numerous than folds can be dealt in one way.

    Returns
    -------
    Folds
        Of each deal, from 0.

    Raises
    ------
    CohortError
        If there are too few men to learn from without a fold.

    Notes
    -----
    Where leaving out a site leaves a column without a measured value, or fewer than 5
    men of either outcome, folds are dealt by outcome after all; these leave at least 2.

    Examples
    --------
    >>> import pandas as pd
    >>> men = Men(pd.DataFrame({"lh_iu_l": np.ones(40)}), np.arange(40) % 2, np.arange(40) % 3)
    >>> folds = draw_folds(men, np.ones(40, int), random_for(1))
    >>> folds.by, len(np.unique(folds.deals[0]))
    ('site', 3)
    """
    there = weight > 0
    sites = np.unique(men.site[there])
    if len(sites) >= _SITES:
        only_one = len(sites) <= most
        dealt = [_by_site(men, weight, random, most) for _ in range(1 if only_one else repeats)]
        if all(_learnable(men, there, fold, _FEWEST) for fold in dealt):
            return Folds(tuple(dealt), by="site")
    dealt = []
    for _ in range(_DRAWS):
        fold = _by_outcome(men.y, there, random, most)
        if _learnable(men, there, fold, _FEWEST_DEALT):
            dealt.append(fold)
        if len(dealt) == repeats:
            return Folds(tuple(dealt), by="outcome")
    raise _too_few(men)


def _by_site(men: Men, weight: Ints, random: np.random.Generator, most: int) -> Ints:
    """Deal sites, the largest first, each into the fold with fewest men so far."""
    counts = np.bincount(men.site, weight)
    order = random.permutation(len(counts))
    order = order[np.argsort(-counts[order], kind="stable")]
    fold_of = np.zeros(len(counts), dtype=np.int64)
    held = np.zeros(min(most, int((counts > 0).sum())))
    for site in order:
        fold_of[site] = int(np.argmin(held))
        held[fold_of[site]] += counts[site]
    return fold_of[men.site]


def _by_outcome(y: Ints, there: NDArray[np.bool_], random: np.random.Generator, most: int) -> Ints:
    """Deal the men of each outcome in turn, those who count first."""
    fold, dealt = np.empty(len(y), dtype=np.int64), 0
    for counts in (True, False):
        for outcome in (0, 1):
            men = random.permutation(np.flatnonzero((y == outcome) & (there == counts)))
            fold[men] = (dealt + np.arange(len(men))) % most
            dealt += len(men)
    return fold


def _enough(
    y: Ints, known: NDArray[np.bool_], rows: NDArray[np.bool_], fewest: int, measured: int
) -> bool:
    of_each = np.bincount(y[rows], minlength=2)
    return bool(of_each.min() >= fewest and known[rows].sum(axis=0).min() >= measured)


def _learnable(men: Men, there: NDArray[np.bool_], fold: Ints, fewest: int) -> bool:
    """Say whether everything can be learnt without any one fold."""
    folds = np.unique(fold[there])
    return all(_enough(men.y, men.known, there & (fold != k), fewest, 1) for k in folds)


def _too_few(men: Men) -> CohortError:
    improved = int(men.y.sum())
    rule = f"leave {_FEWEST} men of either outcome, and a measured value of each, in every part"
    got = f"{improved} who improved of {len(men)} men"
    return CohortError(Problem("a validation", rule, got, "Pool sites, or leave a column out"))
