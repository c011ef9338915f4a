"""The learning curve, and what more men would buy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from respredict.validation.fitting import Candidate, Men, Starts, fit_all, predict_all
from respredict.validation.measured import Measured
from respredict.validation.resamples import random_for
from respredict.validation.selection import losses
from respredict.validation.weighted import auc_many, mean_many
from respredict.validation.workers import spread

__all__ = ["Learning", "learning_curve"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Say = Callable[[str], None]

_DEAL, _DRAWS = 51, 52  # what random numbers are for
_SHARES = (0.25, 0.35, 0.5, 0.65, 0.8)  # of the men, fitted; a fifth is judged
_FOLDS = 5
_FEWEST = 5  # of either outcome, fitted
_N_DRAWS = 500
_DEALS = 100
_FORM = "a + b / n, carried on beyond the men there are"


@dataclass(frozen=True, eq=False)
class Learning:
    """How much the model learns from how many men.

    Parameters
    ----------
    men : tuple of int
        Men fitted.
    log_loss, auc : tuple of Measured
        Of men left out, with that many fitted.
    more : int
        Men more than there are.
    log_loss_gain, auc_gain : Measured
        What they would change, by the curve carried on.
    reason : str, default=""
        Why there is no curve.
    """

    men: tuple[int, ...]
    log_loss: tuple[Measured, ...]
    auc: tuple[Measured, ...]
    more: int
    log_loss_gain: Measured
    auc_gain: Measured
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object of a report."""
        if self.reason:
            return {"points": [], "reason": self.reason}
        points = zip(self.men, self.log_loss, self.auc, strict=True)
        return {
            "points": [
                {"men": n, "log_loss": loss.as_dict(), "auc": auc.as_dict()}
                for n, loss, auc in points
            ],
            "more": {
                "men": self.more,
                "log_loss": self.log_loss_gain.as_dict(),
                "auc": self.auc_gain.as_dict(),
            },
            "extrapolated": _FORM,
        }


def learning_curve(
    candidate: Candidate, men: Men, *, more: int, repeats: int, seed: int, starts: Starts,
    level: float = 0.9, jobs: int = 1, say: Say = lambda _: None,
) -> Learning:  # fmt: skip
    """Fit to fewer men, judge on men left out, and carry the curve on.

    Parameters
    ----------
    candidate : Candidate
        What is fitted.
    men : Men
        The men.
    more : int
        How many more are asked about, at least 1.
    repeats : int
        Deals into five fifths, each judged in turn.
    seed : int
        Draws the deals.
    starts : mapping
        Of the imputers.
    level : float, default=0.9
        Of the intervals, in (0, 1).
    jobs : int, default=1
        Processes.
    say : callable, default: silent
        Told how far it is.

    Returns
    -------
    Learning
        The curve.

    Notes
    -----
    The curve is ``a + b / n``, as a likelihood's excess loss falls to first order, with
    ``b`` not pointing the wrong way. What lies beyond the men there are is extrapolated. The
    intervals are percentiles of a bootstrap over the men judged.
    """
    n = len(men)
    sizes = tuple(int(share * n) for share in _SHARES)
    found = _fit(candidate, men, sizes, repeats, seed, starts, jobs, say)
    if isinstance(found, str):
        none = Measured(None, reason=found)
        return Learning((), (), (), more, none, none, found)
    draws = random_for(seed, _DRAWS).multinomial(n, np.full(n, 1.0 / n), size=_N_DRAWS)
    weights = np.concatenate([np.ones((1, n), dtype=np.int64), draws])
    loss = mean_many(losses(men.y, found).mean(axis=0), weights)
    area = np.mean([[auc_many(men.y, q, weights) for q in of] for of in found], axis=0)
    step = 1.0 / n - 1.0 / (n + more)
    falls, rises = (sign * _slopes(sizes, sign * of) for sign, of in ((1.0, loss), (-1.0, area)))
    return Learning(
        sizes,
        tuple(_with_ends(of, level) for of in loss),
        tuple(_with_ends(of, level) for of in area),
        more,
        _with_ends(-step * falls, level),
        _with_ends(-step * rises, level),
    )


def _fit(
    candidate: Candidate, men: Men, sizes: tuple[int, ...], repeats: int, seed: int,
    starts: Starts, jobs: int, say: Say,
) -> Floats | str:  # fmt: skip
    """Return probabilities of shape (n_repeats, n_sizes, n_patients), or why there are none."""
    tasks = []
    for r in range(repeats):
        dealt = _deal(men, sizes[0], seed, r)
        if dealt is None:
            return "the smallest part has too few men of an outcome, or lacks a measurement"
        fold, order = dealt
        tasks += [(candidate, men, fold, order, k, sizes, seed, starts) for k in range(_FOLDS)]
    found = spread(_one, tasks, jobs=jobs, say=say, what="learning curve")
    p = np.empty((repeats, len(sizes), len(men)))
    for i, (_, _, fold, _, k, *_) in enumerate(tasks):
        p[i // _FOLDS][:, fold == k] = found[i]
    return p


def _deal(men: Men, least: int, seed: int, repeat: int) -> tuple[Ints, Ints] | None:
    """Deal fifths by outcome, and an order in which every beginning holds both outcomes."""
    n, random = len(men), random_for(seed, _DEAL, repeat)
    for _ in range(_DEALS):
        fold, place = np.empty(n, dtype=np.int64), np.empty(n)
        for outcome in (0, 1):
            of = random.permutation(np.flatnonzero(men.y == outcome))
            fold[of] = np.arange(len(of)) % _FOLDS
            place[of] = (np.arange(len(of)) + random.random()) / len(of)
        order = np.argsort(place, kind="stable")
        if all(_learnable(men, order[fold[order] != k][:least]) for k in range(_FOLDS)):
            return fold, order
    return None


def _learnable(men: Men, rows: Ints) -> bool:
    of_each = np.bincount(men.y[rows], minlength=2)
    return bool(of_each.min() >= _FEWEST and men.known[rows].any(axis=0).all())


def _one(
    candidate: Candidate, men: Men, fold: Ints, order: Ints, k: int, sizes: tuple[int, ...],
    seed: int, starts: Starts,
) -> Floats:  # fmt: skip
    """Return the probabilities of a fifth, from fits to more and more of the others."""
    others, judged = order[fold[order] != k], men.of(fold == k)
    told = np.empty((len(sizes), len(judged)))
    for i, size in enumerate(sizes):
        weight = np.zeros(len(men), dtype=np.int64)
        weight[others[:size]] = 1
        fitted, _ = fit_all((candidate,), men, weight, seed=seed, starts=starts)
        told[i] = predict_all(fitted, (candidate,), judged)[0]
    return told


def _slopes(sizes: tuple[int, ...], values: Floats) -> Floats:
    """Return b of a + b / n, at least 0, of shape (n_draws,), for values (n_sizes, n_draws)."""
    x = 1.0 / np.asarray(sizes, dtype=float)
    away = x - x.mean()
    b = (away[:, None] * values).sum(axis=0) / np.square(away).sum()
    return np.maximum(b, 0.0)


def _with_ends(drawn: Floats, level: float) -> Measured:
    ends = np.nanpercentile(drawn[1:], [50 * (1 - level), 50 * (1 + level)])
    return Measured(float(drawn[0]), float(ends[0]), float(ends[1]))
