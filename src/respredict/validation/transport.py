"""Does a model travel: each site predicted by a model of the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from respredict.validation.calibration import measured_calibration
from respredict.validation.discrimination import auc_bounds, measured_auc
from respredict.validation.fitting import Candidate, Men, Starts, fit_all, predict_all
from respredict.validation.measured import Measured, half_width
from respredict.validation.pooling import Pooled, pool
from respredict.validation.resamples import random_for
from respredict.validation.selection import choose_in
from respredict.validation.workers import spread

__all__ = ["Transport", "transport"]

Floats = NDArray[np.float64]
Say = Callable[[str], None]

_SITE = 31  # what random numbers are for
_FEWEST = 3  # sites
_FEWEST_OF_EACH = 10  # men of either outcome, in a site that is judged


@dataclass(frozen=True, eq=False)
class Transport:
    """Internal-external validation.

    Parameters
    ----------
    sites : tuple of dict
        Of each site: ``site`` (its code), ``n``, ``events``, and ``auc``,
        ``calibration_intercept`` and ``calibration_slope`` as measured, or a reason.
    pooled : dict of str to Pooled or str
        ``auc`` on the logit scale and ``calibration_intercept``; or why they are not pooled.
    """

    sites: tuple[dict[str, Any], ...]
    pooled: dict[str, Pooled | str]

    def as_dict(self, names: tuple[str, ...]) -> dict[str, Any]:
        """Return the JSON object of a report, with pooled AUCs as AUCs.

        Parameters
        ----------
        names : tuple of str
            Of the clinics.

        Returns
        -------
        dict
            ``sites`` and ``pooled``.
        """
        sites = [
            {name: one.as_dict() if isinstance(one, Measured) else one
             for name, one in site.items()} | {"site": names[site["site"]]}
            for site in self.sites
        ]  # fmt: skip
        return {"sites": sites, "pooled": {k: _told(k, of) for k, of in self.pooled.items()}}


def transport(
    candidates: tuple[Candidate, ...], fixed: int | None, men: Men, *, starts: Starts, seed: int,
    folds: int = 5, level: float = 0.9, jobs: int = 1, say: Say = lambda _: None,
) -> Transport:  # fmt: skip
    """Predict the men of each site by a model of the other sites.

    Parameters
    ----------
    candidates : tuple of Candidate
        The simplest first.
    fixed : int or None
        Position of the candidate that is the model; None to choose again each time.
    men : Men
        The men.
    starts : mapping
        Of the imputers.
    seed : int
        Draws what is drawn.
    folds : int, default=5
        Most folds of the choice.
    level : float, default=0.9
        Of the intervals, in (0, 1).
    jobs : int, default=1
        Processes.
    say : callable, default: silent
        Told how far it is.

    Returns
    -------
    Transport
        Sites with fewer than 10 men of either outcome are not judged, and fewer than
        three judged sites not pooled.

    Notes
    -----
    Source: Steyerberg and Harrell, J Clin Epidemiol 69:245-247 (2016).
    """
    codes = np.unique(men.site)
    if len(codes) < _FEWEST:
        reason = f"internal-external validation takes {_FEWEST} sites, got {len(codes)}"
        return Transport((), {"auc": reason, "calibration_intercept": reason})
    pick = candidates if fixed is None else (candidates[fixed],)
    tasks = [(pick, men, int(code), starts, seed, folds) for code in codes]
    found = spread(_left_out, tasks, jobs=jobs, say=say, what="sites")
    sites = tuple(_judge(men, int(code), p, level) for code, p in zip(codes, found, strict=True))
    return Transport(sites, _pool(sites, found, level))


def _left_out(
    candidates: tuple[Candidate, ...], men: Men, code: int, starts: Starts, seed: int, folds: int
) -> Floats | str:
    """Return the probabilities of a site's men, or why there are none."""
    random, weight = random_for(seed, _SITE, code), (men.site != code).astype(np.int64)
    if not men.known[weight > 0].any(axis=0).all():
        return "the other sites lack a measurement"
    if np.bincount(men.y[weight > 0], minlength=2).min() < _FEWEST_OF_EACH:
        return f"the other sites have fewer than {_FEWEST_OF_EACH} men of an outcome"
    chosen = choose_in(candidates, men, weight, random, starts=starts, most_folds=folds)
    pick = candidates[chosen : chosen + 1]
    fitted, _ = fit_all(pick, men, weight, seed=int(random.integers(2**32)), starts=starts)
    return predict_all(fitted, pick, men.of(men.site == code))[0]


def _judge(men: Men, code: int, p: Floats | str, level: float) -> dict[str, Any]:
    y = men.y[men.site == code]
    told: dict[str, Any] = {"site": code, "n": len(y), "events": int(y.sum())}
    reason = p if isinstance(p, str) else _too_small(y)
    if reason or isinstance(p, str):
        none = Measured(None, reason=reason)
        return told | {"auc": none, "calibration_intercept": none, "calibration_slope": none}
    intercept, slope = measured_calibration(y, p, level=level)
    auc = measured_auc(y, p, level=level)
    return told | {"auc": auc, "calibration_intercept": intercept, "calibration_slope": slope}


def _too_small(y: NDArray[np.int64]) -> str:
    fewest = min(int(y.sum()), int((1 - y).sum()))
    return "" if fewest >= _FEWEST_OF_EACH else f"fewer than {_FEWEST_OF_EACH} men of an outcome"


def _pool(
    sites: tuple[dict[str, Any], ...], found: list[Floats | str], level: float
) -> dict[str, Pooled | str]:
    judged = [
        (site, p) for site, p in zip(sites, found, strict=True) if site["auc"].value is not None
    ]
    if len(judged) < _FEWEST:
        reason = (f"pooling takes {_FEWEST} sites with {_FEWEST_OF_EACH} men of either outcome, "
                  f"got {len(judged)}")  # fmt: skip
        return {"auc": reason, "calibration_intercept": reason}
    told: dict[str, Pooled | str] = {}
    aucs = [site["auc"].value for site, _ in judged]
    if any(a in (0, 1) for a in aucs):
        told["auc"] = "a site has an AUC of 0 or 1, which has no logit"
    else:
        errors = [_logit_error(site, a) for (site, _), a in zip(judged, aucs, strict=True)]
        told["auc"] = pool(logit(aucs), errors, level=level)
    intercepts = [site["calibration_intercept"].value for site, _ in judged]
    spreads = [
        1 / np.sqrt(np.sum(q * (1 - q)))
        for (_, p), a in zip(judged, intercepts, strict=True)
        for q in [expit(logit(p) + a)]
    ]
    told["calibration_intercept"] = pool(intercepts, spreads, level=level)
    return told


def _logit_error(site: dict[str, Any], auc: float) -> float:
    """Return the standard error of a logit AUC, after Hanley and McNeil."""
    one_error = float(2 * half_width(0.9))
    low, high = auc_bounds(auc, site["events"], site["n"] - site["events"], level=0.9)
    return float(logit(high) - logit(low)) / one_error


def _told(name: str, of: Pooled | str) -> dict[str, Any]:
    if isinstance(of, str):
        return {"value": None, "reason": of}

    def on(value: float) -> float:
        return float(expit(value)) if name == "auc" else value

    return {
        "value": on(of.mean),
        "low": on(of.low),
        "high": on(of.high),
        "expected": {"low": on(of.expected_low), "high": on(of.expected_high)},
        "tau2": of.tau2,
        "i2": of.i2,
    }
