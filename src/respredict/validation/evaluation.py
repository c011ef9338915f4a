"""Everything that a table of predictions can be told about, whole and by group.

A group is suppressed where its numbers would tell of single men, and so is another where the
first could be worked out as the whole less the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from respredict.validation.accuracy import measured_accuracy
from respredict.validation.calibration import measured_calibration
from respredict.validation.curves import CurvePoint, measured_curve, measured_errors
from respredict.validation.discrimination import measured_auc
from respredict.validation.measured import Measured, as_outcomes
from respredict.validation.metrics import METRICS
from respredict.validation.usefulness import Usefulness, measured_usefulness

__all__ = ["THRESHOLDS", "Evaluation", "SmallCells", "evaluate", "evaluate_groups"]

#: Where net benefit is told unless others are asked for.
THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)

_SMALL = "suppressed: fewer than {men} men, or fewer than {events} with or without the outcome"
_COMPLEMENT = "suppressed: with it, a smaller group could be worked out from the whole"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a set of predictions is worth.

    Parameters
    ----------
    n, events : int or None
        Men, and those with the outcome; None where suppressed.
    metrics : dict of str to Measured
        By the names of ``respredict.validation.metrics.METRICS``.
    usefulness : tuple of Usefulness
        One a threshold.
    curve : tuple of CurvePoint
        Flexible calibration curve; empty where there is none.
    suppressed : str, default=""
        Why nothing is told of a group.
    """

    n: int | None
    events: int | None
    metrics: dict[str, Measured]
    usefulness: tuple[Usefulness, ...]
    curve: tuple[CurvePoint, ...]
    suppressed: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object; a suppressed group has the same keys and ``suppressed``."""
        told: dict[str, Any] = {"n": self.n, "events": self.events}
        told |= {name: one.as_dict() for name, one in self.metrics.items()}
        told["net_benefit"] = [one.as_dict() for one in self.usefulness]
        told["calibration_curve"] = [
            {"p": one.p, "observed": one.observed, "low": one.low, "high": one.high}
            for one in self.curve
        ]
        return told | ({"suppressed": self.suppressed} if self.suppressed else {})


@dataclass(frozen=True, slots=True)
class SmallCells:
    """From which size on a group's numbers may be told.

    Parameters
    ----------
    men : int, default=10
        Fewer are suppressed.
    events : int, default=5
        Fewer with the outcome, or without, are suppressed.
    """

    men: int = 10
    events: int = 5

    def hide(self, n: int, events: int) -> bool:
        """Return whether a group of such a size is suppressed."""
        return n < self.men or min(events, n - events) < self.events


def evaluate(
    y: ArrayLike,
    p: ArrayLike,
    *,
    level: float = 0.9,
    thresholds: Sequence[float] = THRESHOLDS,
    seed: int = 0,
) -> Evaluation:
    """Return every metric of a set of predictions with its interval.

    Parameters
    ----------
    y : array-like of shape (n_patients,)
        Outcomes, 0 or 1.
    p : array-like of shape (n_patients,)
        Predicted probabilities, in [0, 1].
    level : float, default=0.9
        Of the intervals, in (0, 1).
    thresholds : sequence of float
        Where net benefit is told, in (0, 1).
    seed : int, default=0
        Of the draws behind the intervals of ICI, E50, E90 and Emax.

    Returns
    -------
    Evaluation
        The same for the same seed.

    Raises
    ------
    InputError
        If y, p, a threshold or the level breaks its rule.

    Examples
    --------
    >>> told = evaluate([0, 0, 1, 1], [0.1, 0.4, 0.4, 0.8], thresholds=[0.3])
    >>> told.n, told.events, told.metrics["auc"].value
    (4, 2, 0.875)
    """
    outcomes, chances, _ = as_outcomes(y, p)
    accuracy = measured_accuracy(outcomes, chances, level=level)
    calibration = measured_calibration(outcomes, chances, level=level)
    errors = measured_errors(outcomes, chances, level=level, seed=seed)
    one_by_one = (measured_auc(outcomes, chances, level=level), *accuracy, *calibration)
    return Evaluation(
        len(outcomes),
        int(outcomes.sum()),
        dict(zip(METRICS, (*one_by_one, *errors.values()), strict=True)),
        tuple(measured_usefulness(outcomes, chances, t, level=level) for t in thresholds),
        measured_curve(outcomes, chances, level=level),
    )


def evaluate_groups(
    y: ArrayLike,
    p: ArrayLike,
    group: ArrayLike,
    *,
    level: float = 0.9,
    thresholds: Sequence[float] = THRESHOLDS,
    seed: int = 0,
    small: SmallCells | None = None,
    say: Callable[[str], None] | None = None,
) -> dict[str, Evaluation]:
    """Return every metric of each group, but of small groups nothing.

    Parameters
    ----------
    y : array-like of shape (n_patients,)
        Outcomes, 0 or 1.
    p : array-like of shape (n_patients,)
        Predicted probabilities, in [0, 1].
    group : array-like of shape (n_patients,)
        Names.
    level : float, default=0.9
        Of the intervals, in (0, 1).
    thresholds : sequence of float
        Where net benefit is told, in (0, 1).
    seed : int, default=0
        Of the draws behind some intervals.
    small : SmallCells, default=None
        What is suppressed; ``SmallCells()`` if None.
    say : callable, default=None
        Told how far it is.

    Returns
    -------
    dict of str to Evaluation
        By name, in the order of the names.

    Raises
    ------
    InputError
        If y, p, a threshold or the level breaks its rule.

    Examples
    --------
    >>> told = evaluate_groups([0, 1, 1], [0.1, 0.4, 0.8], ["a", "a", "b"], thresholds=[])
    >>> told["b"].n, told["b"].suppressed[:34]
    (None, 'suppressed: fewer than 10 men, or ')
    """
    outcomes, chances, _ = as_outcomes(y, p)
    names, where = np.unique(np.asarray(group, str), return_inverse=True)
    hidden = _hidden(np.bincount(where), np.bincount(where, outcomes), small or SmallCells())
    told: dict[str, Evaluation] = {}
    for i, name in enumerate(names.tolist()):
        if say is not None:
            say(f"group {i + 1} of {len(names)}")
        if i in hidden:
            told[name] = _nothing(hidden[i], thresholds)
            continue
        rows = where == i
        told[name] = evaluate(
            outcomes[rows], chances[rows], level=level, thresholds=thresholds, seed=seed
        )
    return told


def _hidden(men: NDArray[Any], events: NDArray[Any], small: SmallCells) -> dict[int, str]:
    """Return which groups are suppressed, and why."""
    reason = _SMALL.format(men=small.men, events=small.events)
    hidden = {i: reason for i in range(len(men)) if small.hide(int(men[i]), int(events[i]))}
    shown = [i for i in np.argsort(men, kind="stable").tolist() if i not in hidden]
    while hidden and shown:
        rows = list(hidden)
        if len(rows) > 1 and not small.hide(int(men[rows].sum()), int(events[rows].sum())):
            break
        hidden[shown.pop(0)] = _COMPLEMENT
    return hidden


def _nothing(reason: str, thresholds: Sequence[float]) -> Evaluation:
    none = Measured(None, reason=reason)
    worth = tuple(Usefulness(t, none, None, none) for t in thresholds)
    return Evaluation(None, None, dict.fromkeys(METRICS, none), worth, (), reason)
