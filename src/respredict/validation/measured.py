"""A number with its interval, or without one and the reason; and what is asked of y and p."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from respredict.errors import InputError, Problem

__all__ = ["Measured", "as_outcomes", "half_width"]

Floats = NDArray[np.float64]

ONE_CLASS = "every man has the same outcome"
NO_MEN = "there is no man"


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric: its value and interval, or why there is none.

    Parameters
    ----------
    value : float or None
        The estimate; None where it cannot be computed.
    low, high : float or None, default=None
        Ends of the interval; None where there is no valid one.
    reason : str, default=""
        Why the value, or its interval, is None.

    Examples
    --------
    >>> Measured(0.7, 0.6, 0.8).as_dict()
    {'value': 0.7, 'low': 0.6, 'high': 0.8}
    >>> Measured(None, reason="every man has the same outcome").as_dict()
    {'value': None, 'reason': 'every man has the same outcome'}
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object: without ends where there is no value, a reason where told."""
        told: dict[str, Any] = {"value": self.value}
        if self.value is not None:
            told |= {"low": self.low, "high": self.high}
        if self.reason:
            told["reason"] = self.reason
        return told


def as_outcomes(
    y: ArrayLike, p: ArrayLike, weight: ArrayLike | None = None
) -> tuple[Floats, Floats, Floats]:
    """Return outcomes, probabilities and weights as floats, or refuse them.

    Parameters
    ----------
    y : array-like of shape (n_patients,)
        Outcomes, 0 or 1.
    p : array-like of shape (n_patients,)
        Predicted probabilities, in [0, 1].
    weight : array-like of shape (n_patients,), default=None
        How often a man counts, whole numbers; once each if None.

    Returns
    -------
    tuple of ndarray
        ``y``, ``p`` and ``weight``; men of weight 0 are left out.

    Raises
    ------
    InputError
        If the lengths differ, or a value is missing or out of its range.

    Examples
    --------
    >>> as_outcomes([1, 0, 1], [0.7, 0.4, 0.1], [2, 1, 0])
    (array([1., 0.]), array([0.7, 0.4]), array([2., 1.]))
    """
    outcomes, chances = np.asarray(y, float), np.asarray(p, float)
    times = np.ones(len(outcomes)) if weight is None else np.asarray(weight, float)
    sizes = f"shapes {outcomes.shape}, {chances.shape} and {times.shape}"
    if not outcomes.shape == chances.shape == times.shape == (outcomes.size,):
        rule, remedy = "be as long as each other", "Give one of each for every man"
        raise InputError(Problem("y, p and weight", rule, sizes, remedy))
    rules = (
        ("y", outcomes, "be 0 or 1", (outcomes == 0) | (outcomes == 1)),
        ("p", chances, "lie in [0, 1]", (chances >= 0) & (chances <= 1)),
        (
            "weight",
            times,
            "be a whole number",
            (times >= 0) & np.isfinite(times) & (times == np.floor(times)),
        ),
    )
    problems = [_problem(name, values, rule, right) for name, values, rule, right in rules]
    found = [one for one in problems if one is not None]
    if found:
        raise InputError(found)
    if weight is not None and not times.all():
        there = times > 0
        return outcomes[there], chances[there], times[there]
    return outcomes, chances, times


def _problem(name: str, values: Floats, rule: str, right: NDArray[np.bool_]) -> Problem | None:
    if right.all():
        return None
    wrong = np.flatnonzero(~right)
    got, rows = f"{values[wrong[0]]:g}", tuple((wrong + 1).tolist())
    return Problem(name, rule, got, "Check the values", rows)


def half_width(level: float) -> float:
    """Return the normal deviate that half an interval is wide.

    Parameters
    ----------
    level : float
        Of the interval, in (0, 1).

    Returns
    -------
    float
        In standard errors.

    Raises
    ------
    InputError
        If the level is out of its range.

    Examples
    --------
    >>> round(half_width(0.9), 3)
    1.645
    """
    if not 0 < level < 1:
        got, remedy = f"{level:g}", "Give a fraction, such as 0.9"
        raise InputError(Problem("level", "lie in (0, 1)", got, remedy))
    return float(ndtri((1 + level) / 2))
