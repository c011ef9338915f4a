"""Harrell's optimism correction: everything is chosen and fitted again in every resample.

A model looks better on the men it was fitted to than on others. How much better is
learnt by doing all of it again on resamples: each model so made is judged on its resample
and on the men themselves, and the mean difference is taken off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from respredict.validation.fitting import Candidate, Men, Starts, fit_all, predict_all
from respredict.validation.metrics import METRICS
from respredict.validation.performance import measure, net_benefits
from respredict.validation.resamples import draw_resample, random_for
from respredict.validation.selection import choose_in
from respredict.validation.workers import spread

__all__ = ["Plan", "Resampled", "resample"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Say = Callable[[str], None]

_RESAMPLE = 21  # what random numbers are for


@dataclass(frozen=True, eq=False)
class Plan:
    """What is done in every resample.

    Parameters
    ----------
    candidates : tuple of Candidate
        To choose among, the simplest first.
    beside : tuple of Candidate
        Fitted too, never chosen.
    fixed : int or None
        Position of the candidate that the model is whatever the men say; None to choose.
    thresholds : tuple of float
        Of the net benefit.
    folds : int
        Most folds of the choice.
    seed : int
        Draws everything.
    """

    candidates: tuple[Candidate, ...]
    beside: tuple[Candidate, ...]
    fixed: int | None
    thresholds: tuple[float, ...]
    folds: int
    seed: int

    @property
    def every(self) -> tuple[Candidate, ...]:
        """Candidates, then what stands beside them."""
        return self.candidates + self.beside


@dataclass(frozen=True, eq=False)
class Resampled:
    """What every resample gave.

    Parameters
    ----------
    chosen : ndarray of int of shape (n_boot,)
        The candidate chosen in each.
    p : ndarray of shape (n_boot, n_patients)
        Probability of every man from the model of each: the choice, or the fixed one.
    inside, outside : ndarray of shape (n_boot, n_models, n_metrics)
        Metrics of each model on its resample and on the men; the last model is the choice.
    benefit_inside, benefit_outside : ndarray of shape (n_boot, n_models, n_thresholds)
        Net benefit of the same.
    prevalence : ndarray of shape (n_boot,)
        Of the outcome in each resample: what treating everybody is worth in it.
    """

    chosen: Ints
    p: Floats
    inside: Floats
    outside: Floats
    benefit_inside: Floats
    benefit_outside: Floats
    prevalence: Floats


def resample(
    plan: Plan, men: Men, n_boot: int, *, starts: Starts, jobs: int = 1,
    say: Say = lambda _: None,
) -> Resampled:  # fmt: skip
    """Do everything again on resamples of the men.

    Parameters
    ----------
    plan : Plan
        What is done.
    men : Men
        The men.
    n_boot : int
        Resamples, at least 1.
    starts : mapping
        Of the imputers.
    jobs : int, default=1
        Processes.
    say : callable, default: silent
        Told how far it is.

    Returns
    -------
    Resampled
        The same bits for any number of processes.

    Raises
    ------
    CohortError
        If there are too few men to be resampled.
    """
    tasks = [(plan, men, b, starts) for b in range(n_boot)]
    found = spread(once, tasks, jobs=jobs, say=say, what="resamples")
    return Resampled(*(np.stack(part) for part in zip(*found, strict=True)))


def once(plan: Plan, men: Men, number: int, starts: Starts) -> tuple[Any, ...]:
    """Do everything on one resample: as :class:`Resampled` holds it."""
    random = random_for(plan.seed, _RESAMPLE, number)
    weight, seed = draw_resample(men, random), int(random.integers(2**32))
    fitted, learnt = fit_all(plan.every, men, weight, seed=seed, starts=starts)
    chosen = choose_in(plan.candidates, men, weight, random, starts=learnt, most_folds=plan.folds)
    p = predict_all(fitted, plan.every, men)
    return (chosen, p[chosen if plan.fixed is None else plan.fixed],
            *judged(men.y, p, weight, chosen, plan.thresholds),
            np.average(men.y, weights=weight))  # fmt: skip


def judged(
    y: Ints, p: Floats, weight: Ints, chosen: int, thresholds: tuple[float, ...]
) -> tuple[Floats, Floats, Floats, Floats]:
    """Judge every model on a resample and on the men; the choice is told again, last."""
    inside, outside = np.empty((2, len(p) + 1, len(METRICS)))
    benefit_inside, benefit_outside = np.empty((2, len(p) + 1, len(thresholds)))
    for i, of in enumerate(p):
        inside[i], outside[i] = measure(y, of, weight), measure(y, of)
        benefit_inside[i] = net_benefits(y, of, thresholds, weight)
        benefit_outside[i] = net_benefits(y, of, thresholds)
    for whole in (inside, outside, benefit_inside, benefit_outside):
        whole[-1] = whole[chosen]
    return inside, outside, benefit_inside, benefit_outside
