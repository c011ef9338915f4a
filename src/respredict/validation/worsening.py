"""Worsening: modelled and validated where there are men enough, else told as a rate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from respredict.config import Settings
from respredict.model.candidates import PREDICTORS
from respredict.validation.corrected import correct
from respredict.validation.fitting import Candidate, Men, fit_all, predict_all
from respredict.validation.metrics import METRICS
from respredict.validation.optimism import Plan, resample
from respredict.validation.performance import measure
from respredict.validation.sample_size import development_size

__all__ = ["men_needed", "worsening_section"]

Floats = NDArray[np.float64]
Say = Callable[[str], None]

_AUC = 0.65  # no predictor of worsening has been found
_Z = 1.6448536269514722


def men_needed(worsened: Floats, predictors: str) -> int | None:
    """Return how many men a model of worsening takes by Riley's criteria.

    Parameters
    ----------
    worsened : ndarray of shape (n_patients,)
        1, 0, or NaN where unknown.
    predictors : str
        The predictor set.

    Returns
    -------
    int or None
        None where none or all worsened.

    Examples
    --------
    >>> 1900 < men_needed(np.repeat([0.0, 1.0], [88, 12]), "hormones") < 2300
    True
    """
    known = worsened[~np.isnan(worsened)]
    if not len(known) or known.min() == known.max():
        return None
    parameters = len(PREDICTORS[predictors]) + 1
    return development_size(auc=_AUC, parameters=parameters, prevalence=float(known.mean())).n


def worsening_section(
    worsened: Floats, men: Men, settings: Settings, *, level: float = 0.9, jobs: int = 1,
    say: Say = lambda _: None,
) -> dict[str, Any]:  # fmt: skip
    """Tell the rate of worsening, and how well its model does where there is one.

    Parameters
    ----------
    worsened : ndarray of shape (n_patients,)
        1, 0, or NaN where unknown.
    men : Men
        The men.
    settings : Settings
        Of the run.
    level : float, default=0.9
        Of the intervals, in (0, 1).
    jobs : int, default=1
        Processes.
    say : callable, default: silent
        Told how far it is.

    Returns
    -------
    dict
        As ``Report.worsening`` documents it.
    """
    known, needed = ~np.isnan(worsened), men_needed(worsened, settings.model.predictors)
    told: dict[str, Any] = {
        "basis": "base rate",
        "men": int(known.sum()),
        "events": int(np.nansum(worsened)),
        "rate": _rate(int(np.nansum(worsened)), int(known.sum())),
        "needed": needed,
    }
    if needed is None or known.sum() < needed:
        return told
    say("validating the model of worsening")
    of = men.of(known)
    those = Men(of.X, worsened[known].astype(np.int64), of.site)
    pick = (Candidate("zero", settings.model.predictors),)
    everyone = np.ones(len(those), dtype=np.int64)
    fitted, starts = fit_all(pick, those, everyone, seed=settings.model.seed)
    p = predict_all(fitted, pick, those)[0]
    asked = settings.validation
    plan = Plan(pick, (), 0, asked.thresholds, asked.folds, asked.seed)
    again = resample(plan, those, asked.resamples, starts=starts, jobs=jobs, say=say)
    events, apparent = int(those.y.sum()), measure(those.y, p)
    performance = {
        name: correct(name, apparent[j], again.inside[:, 0, j], again.outside[:, 0, j],
                      events=events, others=len(those) - events, level=level).as_dict()
        for j, name in enumerate(METRICS)
    }  # fmt: skip
    return told | {"basis": "model", "performance": performance}


def _rate(events: int, n: int) -> dict[str, Any]:
    """Return a share with its interval. Source: Wilson, J Am Stat Assoc 22:209-212 (1927)."""
    if not n:
        return {"value": None, "reason": "no man's worsening is known"}
    share, z2 = events / n, _Z**2
    center = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z / (1 + z2 / n) * (share * (1 - share) / n + z2 / (4 * n * n)) ** 0.5
    return {"value": share, "low": center - half, "high": center + half}
