"""Whether outcomes have drifted from what a model told, looked at whenever one comes in.

A sum that is looked at again and again crosses any fixed line in the end. The evidence
kept here may be read after every man: if nothing changed, the chance that it ever reaches
1 / a is at most a.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from respredict.errors import InputError, Problem
from respredict.validation.measured import as_outcomes

__all__ = ["SHIFTS", "Detection", "Watch", "evidence", "watch"]

Floats = NDArray[np.float64]

#: Changes of all log-odds that the evidence is a mixture over.
SHIFTS = (-1.6, -1.2, -0.8, -0.5, -0.3, 0.3, 0.5, 0.8, 1.2, 1.6)
_NODES = 15
_LEAST, _MOST = 1e-9, 1 - 1e-9
_DRIFTS = (-0.2, -0.1, 0.1)
_REPEATS, _HORIZON = 100, 24


@dataclass(frozen=True, slots=True)
class Detection:
    """When a change would be found, from the month it sets in.

    Parameters
    ----------
    points : float
        Change of the share who improve, a fraction.
    median_month : int or None
        In which half of such changes are found; None where not within two years.
    within_year : float
        Share found within twelve months.
    """

    points: float
    median_month: int | None
    within_year: float

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True)
class Watch:
    """What the outcomes say of a model by now.

    Parameters
    ----------
    alarm : bool
        Whether the evidence ever reached its line.
    since : str or None
        The month in which it first did.
    evidence : float
        By now: how many times likelier the outcomes are if something changed.
    line : float
        At which an alarm is given.
    men, improved : int
        Outcomes, and how many improved.
    expected : float
        How many should have, as told.
    months : tuple of dict
        ``month``, ``men``, ``improved``, ``expected`` and ``evidence`` at its end.
    detections : tuple of Detection
        What could be found with as many men a month, and by when.
    """

    alarm: bool
    since: str | None
    evidence: float
    line: float
    men: int
    improved: int
    expected: float
    months: tuple[dict[str, Any], ...]
    detections: tuple[Detection, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        told = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return told | {
            "months": list(self.months),
            "detections": [found.as_dict() for found in self.detections],
        }


def evidence(eta: Floats, y: Floats, month: NDArray[np.int64], sigma: float) -> Floats:
    """Return the logarithm of the evidence for a change after each man.

    Parameters
    ----------
    eta : ndarray of shape (n_streams, n_patients)
        Log-odds told, in the order of the outcomes.
    y : ndarray of shape (n_streams, n_patients)
        Outcomes, 0 or 1.
    month : ndarray of int of shape (n_patients,)
        Counted from 0, not falling.
    sigma : float
        Standard deviation of the model's own error in its mean log-odds.

    Returns
    -------
    ndarray of shape (n_streams, n_patients)
        Log of the likelihood under a change, mixed over shifts and over months in which
        it set in, to the likelihood without one.

    Notes
    -----
    A change in month j counts 1 / ((j + 1)(j + 2)); a change that has not set in yet
    counts as none, so the weights sum to 1 and the ratio has mean 1 where nothing changed.
    Without a change the log-odds are off by N(0, sigma^2), for the model was itself
    estimated.

    Examples
    --------
    >>> told = evidence(np.zeros((1, 40)), np.zeros((1, 40)), np.arange(40) // 20, 0.1)
    >>> bool(np.exp(told[0, -1]) > 100)
    True
    """
    grid = np.array(SHIFTS)
    # Likelihood ratio of each shift, summed over the men so far: (shift, stream, man).
    ratio = _ratios(eta, y, grid).cumsum(axis=2)
    before = np.concatenate([np.zeros((*ratio.shape[:2], 1)), ratio], axis=2)
    last = int(month[-1])
    total = np.full(eta.shape, -np.inf)
    for j in range(last + 1):
        first = int(np.searchsorted(month, j))
        since = _mean_exp(ratio - before[:, :, first : first + 1], np.full(len(grid), 1.0))
        since[:, :first] = 0.0
        total = np.logaddexp(total, since - math.log((j + 1) * (j + 2)))
    total = np.logaddexp(total, -math.log(last + 2))  # not yet: the rest of the weights
    nodes, weights = hermegauss(_NODES)
    null = _mean_exp(_ratios(eta, y, sigma * nodes).cumsum(axis=2), weights)
    return np.asarray(total - null, dtype=np.float64)


def watch(
    y: ArrayLike, p: ArrayLike, month: Sequence[str], *, men_fitted: int, seed: int = 20261121,
    false_alarms: float = 0.1,
) -> Watch:  # fmt: skip
    """Weigh whether outcomes have drifted from what was told.

    Parameters
    ----------
    y : array-like of shape (n_patients,)
        Outcomes, 0 or 1.
    p : array-like of shape (n_patients,)
        Probabilities told, in [0, 1].
    month : sequence of str of length n_patients
        ``YYYY-MM`` of each outcome.
    men_fitted : int
        To how many men the model was fitted: its own error.
    seed : int, default=20261121
        Draws the simulation of what could be found.
    false_alarms : float, default=0.1
        Greatest chance of an alarm, ever, where nothing changed; in (0, 1).

    Returns
    -------
    Watch
        With the evidence month by month.

    Raises
    ------
    InputError
        If lengths differ or values are out of range.

    Notes
    -----
    The model's own error has variance 1 / (n p (1 - p)), with n men fitted and the mean
    risk p.

    Examples
    --------
    >>> found = watch([0] * 40, [.5] * 40, ["2026-01"] * 20 + ["2026-02"] * 20, men_fitted=600)
    >>> found.alarm, found.since
    (True, '2026-01')
    """
    outcome, told, _ = as_outcomes(y, p)
    if len(month) != len(outcome) or not 0 < false_alarms < 1 or men_fitted < 1:
        got = f"{len(month)} months, {men_fitted} men fitted and a chance of {false_alarms:g}"
        rule = f"have a month for each of {len(outcome)} men, men fitted and a chance in (0, 1)"
        raise InputError(Problem("a watch", rule, got, "Mend the table"))
    order = np.argsort(np.asarray(month), kind="stable")
    outcome, told = outcome[order], np.clip(told[order], _LEAST, _MOST)
    counted = [_counted(month[i]) for i in order]
    at = np.array(counted, dtype=np.int64) - counted[0]
    mean = float(told.mean())
    sigma = math.sqrt(1 / (men_fitted * mean * (1 - mean)))
    found = evidence(logit(told)[None], outcome[None], at, sigma)[0]
    line = math.log(1 / false_alarms)
    crossed = np.flatnonzero(found >= line)
    names = [month[i] for i in order]
    each = round(len(outcome) / (int(at[-1]) + 1))
    return Watch(
        alarm=bool(len(crossed)),
        since=names[int(crossed[0])] if len(crossed) else None,
        evidence=math.exp(min(float(found[-1]), 700.0)),
        line=1 / false_alarms,
        men=len(outcome),
        improved=int(outcome.sum()),
        expected=float(told.sum()),
        months=tuple(_months(names, outcome, told, found)),
        detections=tuple(_detections(logit(told), max(each, 1), sigma, line, seed)),
    )


def _ratios(eta: Floats, y: Floats, shifts: Floats) -> Floats:
    """Return the log-likelihood ratio of each shift to none, (shift, stream, man)."""
    plain = np.logaddexp(0, eta)
    return np.stack([y * g - (np.logaddexp(0, eta + g) - plain) for g in shifts])


def _mean_exp(log: Floats, weights: Floats) -> Floats:
    """Return the log of the weighted mean of exponentials over the first axis."""
    top = log.max(axis=0)
    share = (weights / weights.sum())[:, None, None]
    return np.asarray(top + np.log((share * np.exp(log - top)).sum(axis=0)), dtype=np.float64)


def _counted(month: str) -> int:
    try:
        year, number = (int(part) for part in month.split("-"))
    except ValueError:
        year, number = 0, 0
    if not 1 <= number <= 12:
        raise InputError(Problem("month", "be YYYY-MM", repr(month), "Write 2026-03"))
    return 12 * year + number


def _months(names: list[str], y: Floats, p: Floats, found: Floats) -> list[dict[str, Any]]:
    of = np.asarray(names)
    rows = []
    for name in dict.fromkeys(names):
        here = np.flatnonzero(of == name)
        by_then = math.exp(min(float(found[here[-1]]), 700.0))
        rows.append({"month": name, "men": len(here), "improved": int(y[here].sum()),
                     "expected": float(p[here].sum()), "evidence": by_then})  # fmt: skip
    return rows


def _detections(eta: Floats, each: int, sigma: float, line: float, seed: int) -> list[Detection]:
    """Simulate changes from a first month on, with the risks that were told."""
    random, size = np.random.default_rng(seed), (_REPEATS, each * _HORIZON)
    month, found = np.repeat(np.arange(_HORIZON), each), []
    for points in _DRIFTS:
        told = eta[random.integers(0, len(eta), size)]
        true = told + sigma * random.standard_normal((_REPEATS, 1)) + _shift(eta, points)
        y = (random.random(size) < expit(true)).astype(float)
        hit = evidence(told, y, month, sigma) >= line
        when = np.where(hit.any(axis=1), hit.argmax(axis=1) // each + 1, _HORIZON + 1)
        middle = int(np.median(when))
        within = float((when <= 12).mean())
        found.append(Detection(points, middle if middle <= _HORIZON else None, within))
    return found


def _shift(eta: Floats, points: float) -> float:
    """Return the shift of all log-odds that changes the mean risk by so much."""
    low, high = -8.0, 8.0
    wanted = min(max(float(expit(eta).mean()) + points, 0.01), 0.99)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if expit(eta + middle).mean() < wanted else (low, middle)
    return (low + high) / 2
