"""What a group of predictors adds: the same model with it and without, on men left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from respredict.model.predictors import PREDICTORS
from respredict.validation.fitting import Candidate, Men, Starts
from respredict.validation.measured import Measured
from respredict.validation.resamples import Folds, random_for
from respredict.validation.selection import cross_validate, losses
from respredict.validation.weighted import auc_many, mean_many
from respredict.validation.workers import spread

__all__ = ["QUESTIONS", "Contribution", "contributions"]

Floats = NDArray[np.float64]
Say = Callable[[str], None]

_DRAWS = 41  # what random numbers are for
_N_DRAWS = 2000

#: What a comparison of ``hormones`` with another predictor set answers.
QUESTIONS: dict[str, str] = {
    "hormones-estradiol": "What does E2 (and so T/E2) add?",
    "hormones-bmi": "What does BMI add?",
    "hormones+semen": "What does baseline semen add?",
    "lh+fsh": "What do age, BMI, T and E2 add to LH and FSH?",
    "t_lh": "What do age, BMI, E2 and FSH add to T and LH?",
}


@dataclass(frozen=True, slots=True)
class Contribution:
    """A predictor set compared with ``hormones``.

    Parameters
    ----------
    predictors : str
        The set.
    question : str
        What the comparison answers.
    log_loss, auc : float
        Of men left out, with this set.
    log_loss_difference, auc_difference : Measured
        Of the larger set minus the smaller: below 0 log-loss falls with what is added.
    answer : {"adds", "takes away", "cannot tell"}
        By the interval of the difference in log-loss.
    """

    predictors: str
    question: str
    log_loss: float
    auc: float
    log_loss_difference: Measured
    auc_difference: Measured
    answer: str

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object of a report."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        return {k: v.as_dict() if isinstance(v, Measured) else v for k, v in told.items()}


def contributions(
    candidate: Candidate, men: Men, folds: Folds, *, seed: int, starts: Starts,
    level: float = 0.9, jobs: int = 1, say: Say = lambda _: None,
) -> tuple[float, float, tuple[Contribution, ...]]:  # fmt: skip
    """Compare predictor sets on the same folds.

    Parameters
    ----------
    candidate : Candidate
        What is fitted, with the set ``hormones``.
    men : Men
        With the columns of every set.
    folds : Folds
        Deals of the folds.
    seed : int
        Draws what is drawn.
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
    log_loss, auc : float
        Of men left out, with ``hormones``.
    compared : tuple of Contribution
        One a predictor set that has a question.

    Notes
    -----
    The intervals are percentiles of a bootstrap over men of the differences of their
    out-of-fold predictions. They cover which men are judged, not that other men would have
    been fitted; with as few men as here that makes them somewhat short.
    """
    names = ("hormones", *(name for name in QUESTIONS if name in PREDICTORS))
    tasks = [
        ((replace(candidate, predictors=name),), men, fold, seed + r, starts)
        for name in names
        for r, fold in enumerate(folds.deals)
    ]
    found = spread(_left_out, tasks, jobs=jobs, say=say, what="predictor sets")
    p = np.stack(found).reshape(len(names), len(folds.deals), len(men))
    random = random_for(seed, _DRAWS)
    n = len(men)
    weights = random.multinomial(n, np.full(n, 1.0 / n), size=_N_DRAWS).astype(np.int32)
    weights = np.concatenate([np.ones((1, n), dtype=np.int32), weights])
    loss = mean_many(losses(men.y, p).mean(axis=1), weights)
    area = np.stack([np.mean([auc_many(men.y, q, weights) for q in of], axis=0) for of in p])
    compared = tuple(
        _compare(name, loss[0], loss[i], area[0], area[i], level)
        for i, name in enumerate(names)
        if i
    )
    return float(loss[0, 0]), float(area[0, 0]), compared


def _left_out(
    candidates: tuple[Candidate, ...], men: Men, fold: NDArray[np.int64], seed: int, starts: Starts
) -> Floats:
    everyone = np.ones(len(men), dtype=np.int64)
    return cross_validate(candidates, men, everyone, fold, seed=seed % 2**32, starts=starts)[0]


def _compare(
    name: str, loss: Floats, other_loss: Floats, area: Floats, other_area: Floats, level: float
) -> Contribution:
    """Set a set against the whole; the first of each row is of the men themselves."""
    sign = -1.0 if name == "hormones+semen" else 1.0
    fall, rise = sign * (loss - other_loss), sign * (area - other_area)
    differs, gains = (_with_ends(of, level) for of in (fall, rise))
    assert differs.low is not None
    assert differs.high is not None
    answer = "adds" if differs.high < 0 else "takes away" if differs.low > 0 else "cannot tell"
    return Contribution(name, QUESTIONS[name], float(other_loss[0]), float(other_area[0]),
                        differs, gains, answer)  # fmt: skip


def _with_ends(drawn: Floats, level: float) -> Measured:
    ends = np.nanpercentile(drawn[1:], [50 * (1 - level), 50 * (1 + level)])
    return Measured(float(drawn[0]), float(ends[0]), float(ends[1]))
