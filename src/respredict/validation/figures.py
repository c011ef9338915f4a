"""Points of the figures of a report; of a clinic's men only means of ten neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from respredict.validation.corrected import Corrected
from respredict.validation.measured import Measured
from respredict.validation.stability import Stability
from respredict.validation.subgroups import SMALLEST_CELL

__all__ = ["decision_curve", "risk_histogram", "roc_points", "stability_points"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_DIGITS = 6
_BINS = 20
_NOBODY = "the men treated are the same in every resample, so that it has no band"


def decision_curve(
    thresholds: tuple[float, ...], benefit: tuple[Corrected, ...],
    avoided: tuple[Measured, ...], prevalence: float, comparators: dict[str, Floats],
) -> list[dict[str, Any]]:  # fmt: skip
    """Tell the net benefit at each threshold beside its rivals.

    Parameters
    ----------
    thresholds : tuple of float
        In (0, 1).
    benefit : tuple of Corrected
        Of the model, one a threshold.
    avoided : tuple of Measured
        Treatments avoided among 100 men against treating all, one a threshold.
    prevalence : float
        Of the outcome.
    comparators : dict of str to ndarray of shape (n_thresholds,)
        Net benefit of what stands beside it.

    Returns
    -------
    list of dict
        As ``Report.decision`` documents it.

    Examples
    --------
    >>> one = Corrected(0.2, 0.02, Measured(0.18, 0.1, 0.26))
    >>> told = decision_curve((0.5,), (one,), (Measured(26.0, 21.0, 31.0),), 0.46, {})
    >>> round(told[0]["treat_all"], 2), told[0]["interventions_avoided"]["low"]
    (-0.08, 21.0)
    """
    told = []
    rows = zip(thresholds, benefit, avoided, strict=True)
    for i, (at, found, spared) in enumerate(rows):
        odds = at / (1 - at)
        everyone = prevalence - (1 - prevalence) * odds
        of = found.corrected
        if of.low is not None and of.low == of.high:
            of = Measured(of.value, reason=_NOBODY)
        value, low, high = (
            None if v is None else round(v, _DIGITS)
            for v in (spared.value, spared.low, spared.high)
        )
        whole = Corrected(found.apparent, found.optimism, of)
        told.append({
            "threshold": at,
            "net_benefit": whole.as_dict(),
            "treat_all": everyone,
            "interventions_avoided": Measured(value, low, high, spared.reason).as_dict(),
            "comparators": {name: float(values[i]) for name, values in comparators.items()},
        })  # fmt: skip
    return told


def roc_points(y: Ints, p: Floats, *, coarse: bool) -> list[dict[str, float]]:
    """Tell sensitivity and specificity threshold by threshold.

    Parameters
    ----------
    y : ndarray of int of shape (n_patients,)
        Outcomes, 0 or 1, both there.
    p : ndarray of shape (n_patients,)
        Probabilities of men left out.
    coarse : bool
        Whether each step must hold ten men.

    Returns
    -------
    list of dict
        From nobody treated to everybody.

    Examples
    --------
    >>> roc_points(np.array([0, 1]), np.array([0.2, 0.7]), coarse=False)[1]
    {'threshold': 0.7, 'sensitivity': 1.0, 'specificity': 1.0}
    """
    order = np.argsort(-p, kind="stable")
    at, outcome = p[order], y[order]
    last = np.append(np.flatnonzero(np.diff(at)), len(at) - 1)  # of those with one probability
    if coarse:
        kept, held = [], -1
        for end in last:
            if end - held >= SMALLEST_CELL and len(at) - 1 - end >= SMALLEST_CELL:
                kept.append(end)
                held = end
        last = np.array([*kept, len(at) - 1])
    true, false = outcome.cumsum()[last], (1 - outcome).cumsum()[last]
    threshold = np.round(at[last], 2 if coarse else _DIGITS)
    events, others = int(y.sum()), int((1 - y).sum())
    rows = [{"threshold": 1.0, "sensitivity": 0.0, "specificity": 1.0}]
    for t, yes, no in zip(threshold, true, false, strict=True):
        rows.append({"threshold": float(t), "sensitivity": float(yes / events),
                     "specificity": float(1 - no / others)})  # fmt: skip
    return rows


def risk_histogram(y: Ints, p: Floats, *, coarse: bool) -> dict[str, Any]:
    """Count the men by probability and outcome.

    Parameters
    ----------
    y : ndarray of int of shape (n_patients,)
        Outcomes, 0 or 1.
    p : ndarray of shape (n_patients,)
        Probabilities served.
    coarse : bool
        Whether counts below ten stay untold.

    Returns
    -------
    dict
        ``edges``, ``improved`` and ``not_improved``.

    Examples
    --------
    >>> risk_histogram(np.array([1]), np.array([0.5]), coarse=True)["improved"][10] is None
    True
    """
    edges = np.linspace(0, 1, _BINS + 1)
    told: dict[str, Any] = {"edges": [float(round(e, 2)) for e in edges]}
    for name, value in (("improved", 1), ("not_improved", 0)):
        counts = np.histogram(p[y == value], edges)[0]
        told[name] = [
            None if coarse and 0 < count < SMALLEST_CELL else int(count) for count in counts
        ]
    return told


def stability_points(p: Floats, found: Stability, *, coarse: bool) -> list[dict[str, Any]]:
    """Tell each man's probability and how far it moves.

    Parameters
    ----------
    p : ndarray of shape (n_patients,)
        Probabilities served.
    found : Stability
        Of each man.
    coarse : bool
        Whether a point must be the mean of ten men next to each other in probability.

    Returns
    -------
    list of dict
        Ascending in probability; nothing in them says who a man is.

    Examples
    --------
    >>> one = np.zeros(25)
    >>> found = Stability(one, one, one, np.zeros((1, 25)))
    >>> len(stability_points(np.linspace(0, 1, 25), found, coarse=True))
    2
    """
    order = np.argsort(p, kind="stable")
    whole = np.vstack([p, found.low, found.high, found.mape, found.changes])[:, order]
    if coarse:
        parts = np.array_split(whole, max(whole.shape[1] // SMALLEST_CELL, 1), axis=1)
        whole = np.stack([part.mean(axis=1) for part in parts], axis=1)
    return [
        {"p": a, "low": b, "high": c, "mape": d, "changes": rest}
        for a, b, c, d, *rest in np.round(whole.T, _DIGITS).tolist()
    ]
