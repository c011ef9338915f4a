"""Choose among candidates by what they predict of men left out.

The mean log-loss decides; the simplest candidate within one standard error of the best
is taken. The standard error is that of the difference, man by man: two candidates err on
the same men, so that the spread of either alone says little about which errs less.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlog1py, xlogy

from respredict.validation.fitting import Candidate, Men, Starts, fit_all, predict_all
from respredict.validation.resamples import Folds, draw_folds, random_for
from respredict.validation.workers import spread

__all__ = ["Selection", "choose", "cross_validate", "losses", "select"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Say = Callable[[str], None]

_OUTER, _INNER = 11, 12  # what random numbers are for


@dataclass(frozen=True, eq=False)
class Selection:
    """Candidates compared on men left out.

    Parameters
    ----------
    candidates : tuple of Candidate
        The simplest first.
    folds : Folds
        Of each repetition.
    p : ndarray of shape (n_repeats, n_candidates, n_patients)
        Probability of each man, from fits to the other folds.
    chosen : int
        Position of the candidate chosen from all men.
    chosen_without : ndarray of int of shape (n_repeats, n_folds)
        The candidate chosen again from the men of the other folds; empty if not asked.
    """

    candidates: tuple[Candidate, ...]
    folds: Folds
    p: Floats
    chosen: int
    chosen_without: Ints

    def of_choice(self) -> Floats:
        """Return the probability of each man with the choice made without his fold.

        Returns
        -------
        ndarray of shape (n_repeats, n_patients)
            Out-of-fold probabilities of the whole procedure.
        """
        told = np.empty((len(self.folds.deals), self.p.shape[2]))
        for r, fold in enumerate(self.folds.deals):
            told[r] = self.p[r, self.chosen_without[r, fold], np.arange(len(fold))]
        return told


def losses(y: Ints, p: Floats) -> Floats:
    """Return each man's log-loss.

    Parameters
    ----------
    y : ndarray of shape (n_patients,)
        Outcomes, 0 or 1.
    p : ndarray of shape (..., n_patients)
        Probabilities in [0, 1].

    Returns
    -------
    ndarray of shape (..., n_patients)
        Nats.

    Examples
    --------
    >>> losses(np.array([1, 0]), np.array([0.5, 0.5])).round(4)
    array([0.6931, 0.6931])
    """
    return -(xlogy(y, p) + xlog1py(1 - y, -p))


def choose(loss: Floats, weight: Ints) -> int:
    """Choose the simplest candidate within one standard error of the best.

    Parameters
    ----------
    loss : ndarray of shape (n_candidates, n_patients)
        Of men left out; the simplest candidate first.
    weight : ndarray of int of shape (n_patients,)
        How often each man counts.

    Returns
    -------
    int
        Its position.

    Notes
    -----
    Source: Breiman et al., Classification and Regression Trees (1984), chapter 3, for the
    rule; the standard error is here that of the paired difference.

    Examples
    --------
    >>> choose(np.array([[0.7, 0.6, 0.5], [0.6, 0.7, 0.4]]), np.ones(3, int))
    0
    """
    there = weight > 0
    loss, count = loss[:, there], weight[there].astype(float)
    men = count.sum()
    best = int(np.argmin((loss * count).sum(axis=1)))
    for i in range(best):
        apart = loss[i] - loss[best]
        mean = (apart * count).sum() / men
        spread_ = (count * np.square(apart - mean)).sum() / (men - 1)
        if mean <= np.sqrt(spread_ / men):
            return i
    return best


def cross_validate(
    candidates: tuple[Candidate, ...], men: Men, weight: Ints, fold: Ints, *, seed: int,
    starts: Starts,
) -> Floats:  # fmt: skip
    """Predict each man from fits to the other folds.

    Parameters
    ----------
    candidates : tuple of Candidate
        What to fit.
    men : Men
        The men.
    weight : ndarray of int of shape (n_patients,)
        How often each counts.
    fold : ndarray of int of shape (n_patients,)
        Which fold each lies in.
    seed : int
        Draws what the fits draw.
    starts : mapping
        Of the imputers.

    Returns
    -------
    ndarray of shape (n_candidates, n_patients)
        Probabilities; NaN for who does not count.
    """
    p = np.full((len(candidates), len(men)), np.nan)
    for k in np.unique(fold[weight > 0]):
        test = (fold == k) & (weight > 0)
        kept = np.where(fold == k, 0, weight)
        fitted, _ = fit_all(candidates, men, kept, seed=seed, starts=starts)
        p[:, test] = predict_all(fitted, candidates, men.of(test))
    return p


def select(
    candidates: tuple[Candidate, ...], men: Men, *, seed: int, starts: Starts, repeats: int = 1,
    most_folds: int = 5, nested: bool = False, jobs: int = 1, say: Say = lambda _: None,
) -> Selection:  # fmt: skip
    """Choose a candidate for all men, and where asked again without each fold.

    Parameters
    ----------
    candidates : tuple of Candidate
        The simplest first.
    men : Men
        The men.
    seed : int
        Draws folds and what the fits draw.
    starts : mapping
        Of the imputers.
    repeats : int, default=1
        Deals of the folds.
    most_folds : int, default=5
        Folds of a deal.
    nested : bool, default=False
        Whether to choose again from the men of the other folds, by folds of their own.
    jobs : int, default=1
        Processes.
    say : callable, default: silent
        Told how far it is.

    Returns
    -------
    Selection
        The choice and what it rests on.

    Raises
    ------
    CohortError
        If there are too few men.
    """
    everyone = np.ones(len(men), dtype=np.int64)
    random = random_for(seed, _OUTER)
    folds = draw_folds(men, everyone, random, most=most_folds, repeats=repeats)
    parts = [(r, k) for r, fold in enumerate(folds.deals) for k in range(int(fold.max()) + 1)]
    inner = most_folds if nested else 0
    tasks = [
        (candidates, men, folds.deals[r], k, random_for(seed, _INNER, r, k), starts, inner)
        for r, k in parts
    ]
    found = spread(_left_out, tasks, jobs=jobs, say=say, what="cross-validation")
    p = np.empty((len(folds.deals), len(candidates), len(men)))
    again = np.zeros((len(folds.deals), max(k for _, k in parts) + 1), dtype=np.int64)
    for (r, k), (told, chosen) in zip(parts, found, strict=True):
        p[r][:, folds.deals[r] == k] = told
        again[r, k] = chosen
    mean_loss = losses(men.y, p).mean(axis=0)
    return Selection(candidates, folds, p, choose(mean_loss, everyone),
                     again if nested else again[:, :0])  # fmt: skip


def choose_in(
    candidates: tuple[Candidate, ...], men: Men, weight: Ints, random: np.random.Generator, *,
    starts: Starts, most_folds: int,
) -> int:  # fmt: skip
    """Choose a candidate from some men, by one cross-validation."""
    if len(candidates) == 1:
        return 0
    fold, seed = (
        draw_folds(men, weight, random, most=most_folds).deals[0],
        int(random.integers(2**32)),
    )
    p = cross_validate(candidates, men, weight, fold, seed=seed, starts=starts)
    return choose(losses(men.y, p), weight)


def _left_out(
    candidates: tuple[Candidate, ...], men: Men, fold: Ints, k: int, random: np.random.Generator,
    starts: Starts, inner_folds: int,
) -> tuple[Floats, int]:  # fmt: skip
    """Fit without a fold and predict it; say also what would be chosen without it."""
    weight, seed = (fold != k).astype(np.int64), int(random.integers(2**32))
    fitted, learnt = fit_all(candidates, men, weight, seed=seed, starts=starts)
    p = predict_all(fitted, candidates, men.of(fold == k))
    if not inner_folds:
        return p, 0
    return p, choose_in(candidates, men, weight, random, starts=learnt, most_folds=inner_folds)
