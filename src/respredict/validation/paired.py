"""Two models on the same men: which is better, or that the men are too few to tell.

The answer rests on the interval of a difference, never on two point estimates. It is
read in a fixed order, so that every interval has one answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from respredict.errors import InputError, Problem
from respredict.validation.measured import as_outcomes

__all__ = ["Comparison", "Difference", "compare", "read_answer"]

Floats = NDArray[np.float64]
Answer = Literal["better", "not worse", "worse", "cannot tell"]

#: How much more log-loss a challenger may have and still be called not worse.
MARGIN = 0.02
#: What the guards allow: in risk, in net benefit, and in log-loss within a subgroup.
CALIBRATION_MARGIN, BENEFIT_MARGIN, SUBGROUP_MARGIN = 0.05, 0.02, 0.08
THRESHOLDS = (0.3, 0.45, 0.6)
_FEWEST_IN_GROUP = 20
_DRAWS = 2000
_LEVEL = 0.9
_LEAST, _MOST = 1e-12, 1 - 1e-12
_Z = 1.6448536269514722


@dataclass(frozen=True, slots=True)
class Difference:
    """Challenger minus champion in one measure, where less is better.

    Parameters
    ----------
    measure : str
        What is compared.
    value, low, high : float
        The difference and the ends of its interval.
    margin : float
        So much more is still not worse.
    answer : str
        ``better``, ``not worse``, ``worse`` or ``cannot tell``.
    men : int
        On how many.
    """

    measure: str
    value: float
    low: float
    high: float
    margin: float
    answer: Answer
    men: int

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Comparison:
    """What can be said of a challenger against a champion on the same men.

    Parameters
    ----------
    answer : str
        Of log-loss; ``worse`` too where a guard is clearly worse.
    log_loss : Difference
        The measure that decides.
    guards : tuple of Difference
        Calibration, net benefit at each threshold and log-loss in each subgroup. Their
        interval is widened for their number (Bonferroni).
    men_needed : int or None
        About how many men would settle it, if the difference is as it was seen; None
        where it is settled.
    """

    answer: Answer
    log_loss: Difference
    guards: tuple[Difference, ...] = field(default=())
    men_needed: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {
            "answer": self.answer,
            "log_loss": self.log_loss.as_dict(),
            "guards": [guard.as_dict() for guard in self.guards],
            "men_needed": self.men_needed,
        }


def read_answer(low: float, high: float, margin: float) -> Answer:
    """Return what an interval of a difference says; less is better.

    Parameters
    ----------
    low, high : float
        Ends of the interval.
    margin : float
        So much more is still not worse; above 0.

    Returns
    -------
    str
        ``better`` if all of it lies below 0, ``not worse`` if below the margin, ``worse``
        if above 0, else ``cannot tell``; in this order.

    Examples
    --------
    >>> read_answer(-0.01, 0.01, 0.02), read_answer(-0.01, 0.05, 0.02)
    ('not worse', 'cannot tell')
    """
    if high < 0:
        return "better"
    if high < margin:
        return "not worse"
    return "worse" if low > 0 else "cannot tell"


def compare(
    y: ArrayLike,
    champion: ArrayLike,
    challenger: ArrayLike,
    *,
    seed: int,
    groups: Mapping[str, ArrayLike] | None = None,
    margin: float = MARGIN,
) -> Comparison:
    """Compare two models on men whom neither was fitted to, by a paired bootstrap.

    Parameters
    ----------
    y : array-like of shape (n_patients,)
        Outcomes, 0 or 1.
    champion, challenger : array-like of shape (n_patients,)
        Predicted probabilities in [0, 1], of the same men.
    seed : int
        Draws the resamples.
    groups : mapping of str to array-like of shape (n_patients,), default=None
        Subgroup to who belongs to it; those below 20 men are left out.
    margin : float, default=0.02
        In log-loss.

    Returns
    -------
    Comparison
        Its answer is that of log-loss, unless a guard lies clearly beyond its margin.

    Raises
    ------
    InputError
        If lengths differ, values are out of range, or there are fewer than 2 men.

    Notes
    -----
    A difference of 0 for each man is ``not worse`` at any number of men. Probabilities of
    0 and 1 count as 1e-12 and 1 - 1e-12 in the log-loss.

    Examples
    --------
    >>> compare([0, 1, 1, 0], [.2, .8, .7, .3], [.2, .8, .7, .3], seed=1).answer
    'not worse'
    """
    outcome, p0, _ = as_outcomes(y, champion)
    _, p1, _ = as_outcomes(y, challenger)
    n = len(outcome)
    if n < 2:
        raise InputError(Problem("a comparison", "have 2 men or more", str(n), "Add men"))
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=_DRAWS) / n
    loss = _loss(outcome, p1) - _loss(outcome, p0)
    tail = (1 - _LEVEL) / 2
    decisive = _mean_difference("log-loss", loss, drawn, margin, tail)
    members = _members(groups or {}, n)
    tail /= 1 + len(THRESHOLDS) + len(members)
    guards = [_calibration(outcome, p0, p1, drawn, tail)]
    for t in THRESHOLDS:
        worse = _benefit(outcome, p0, t) - _benefit(outcome, p1, t)
        guards.append(_mean_difference(f"net benefit at {t:g}", worse, drawn, BENEFIT_MARGIN, tail))
    guards += [_group(name, loss, member, drawn, tail) for name, member in members.items()]
    clearly = any(guard.low > guard.margin for guard in guards)
    answer: Answer = "worse" if clearly else decisive.answer
    settled = clearly or decisive.answer != "cannot tell"
    return Comparison(answer, decisive, tuple(guards), None if settled else _needed(loss, margin))


def _loss(y: Floats, p: Floats) -> Floats:
    inside = np.clip(p, _LEAST, _MOST)
    return -(y * np.log(inside) + (1 - y) * np.log1p(-inside))


def _benefit(y: Floats, p: Floats, threshold: float) -> Floats:
    """Return each man's share of the net benefit.

    Source: Vickers and Elkin, Med Decis Making 26:565-574 (2006).
    """
    return np.where(p >= threshold, y - (1 - y) * threshold / (1 - threshold), 0.0)


def _mean_difference(
    measure: str, each: Floats, drawn: Floats, margin: float, tail: float
) -> Difference:
    return _told(measure, float(each.mean()), drawn @ each, margin, tail, len(each))


def _calibration(y: Floats, p0: Floats, p1: Floats, drawn: Floats, tail: float) -> Difference:
    """Compare how far the mean risk is from the share that improved."""
    value = abs((y - p1).mean()) - abs((y - p0).mean())
    draws = np.abs(drawn @ (y - p1)) - np.abs(drawn @ (y - p0))
    return _told("calibration", float(value), draws, CALIBRATION_MARGIN, tail, len(y))


def _group(
    name: str, loss: Floats, member: NDArray[np.bool_], drawn: Floats, tail: float
) -> Difference:
    weight = drawn[:, member]
    some = weight.sum(axis=1) > 0
    draws = (weight[some] @ loss[member]) / weight[some].sum(axis=1)
    of = f"log-loss in {name}"
    return _told(of, float(loss[member].mean()), draws, SUBGROUP_MARGIN, tail, int(member.sum()))


def _told(
    measure: str, value: float, draws: Floats, margin: float, tail: float, men: int
) -> Difference:
    low, high = (float(q) for q in np.quantile(draws, [tail, 1 - tail]))
    return Difference(measure, value, low, high, margin, read_answer(low, high, margin), men)


def _members(groups: Mapping[str, ArrayLike], n: int) -> dict[str, NDArray[np.bool_]]:
    members = {name: np.asarray(member, dtype=bool) for name, member in groups.items()}
    for name, member in members.items():
        if member.shape != (n,):
            raise InputError(
                Problem(name, f"say of each of the {n} men", str(member.shape), "Give one a man")
            )
    return {name: m for name, m in members.items() if m.sum() >= _FEWEST_IN_GROUP}


def _needed(loss: Floats, margin: float) -> int | None:
    """Return how many men would settle it, were the difference and its spread as seen."""
    d, spread = float(loss.mean()), float(loss.std(ddof=1))
    gaps = [margin - d] if d < margin else []
    gaps += [abs(d)] if d else []
    return math.ceil((_Z * spread / max(gaps)) ** 2) if gaps else None
