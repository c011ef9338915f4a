"""How many men the development of a model takes, before anything is fitted."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import log_expit, logit, ndtri

from respredict.errors import InputError, Problem

__all__ = ["SampleSize", "achieved", "cox_snell_r2", "development_size", "verdict"]

#: Least shrinkage, greatest optimism in explained variation, and margin of the mean risk.
SHRINKAGE = 0.9
OPTIMISM = 0.05
MARGIN = 0.05
_Z = 1.959963984540054
_NODES = 200
_SPREAD = 12.0


@dataclass(frozen=True, slots=True)
class SampleSize:
    """Men that a model, or its validation, needs, criterion by criterion.

    Parameters
    ----------
    n : int
        The largest of the criteria.
    events : int
        Of them, with the outcome.
    criteria : dict of str to int
        ``shrinkage``, ``optimism`` and ``mean_risk`` for development; ``observed_expected``,
        ``calibration_slope``, ``auc`` and, with a threshold, ``net_benefit`` for validation.
    """

    n: int
    events: int
    criteria: dict[str, int]


def cox_snell_r2(auc: float, prevalence: float) -> float:
    """Return the explained variation that an AUC stands for.

    Parameters
    ----------
    auc : float
        In (0.5, 1).
    prevalence : float
        Of the outcome, in (0, 1).

    Returns
    -------
    float
        Cox and Snell's R2 of a model whose linear predictor is normal in both classes.

    Raises
    ------
    InputError
        If a number is out of its range.

    Notes
    -----
    With unit variance in both classes the means lie ``sqrt(2) * Phi^-1(AUC)`` apart, and
    the logistic model in the linear predictor is exact; its expected log-likelihood is
    integrated. Source: Riley, Van Calster and Collins, Stat Med 40:859-864 (2021), who
    simulate the same.

    Examples
    --------
    >>> round(cox_snell_r2(0.75, 0.46), 3)
    0.184
    """
    check_range("auc", auc, 0.5, 1, "Give what similar models reached")
    check_range("prevalence", prevalence, 0, 1, "Give a fraction")
    apart = math.sqrt(2) * float(ndtri(auc))
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    z = _SPREAD * nodes
    density = _SPREAD * weights * np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    intercept = float(logit(prevalence)) - 0.5 * apart**2
    with_it = float(np.dot(density, log_expit(intercept + apart * (z + apart))))
    without = float(np.dot(density, log_expit(-(intercept + apart * z))))
    model = prevalence * with_it + (1 - prevalence) * without
    return 1 - math.exp(-2 * (model - _null(prevalence)))


def development_size(
    *, parameters: int, prevalence: float, auc: float | None = None, r2: float | None = None
) -> SampleSize:
    """Return how many men the development of a model takes.

    Parameters
    ----------
    parameters : int
        Candidate parameters, at least 1.
    prevalence : float
        Of the outcome, in (0, 1).
    auc : float, default=None
        Expected, in (0.5, 1); needed where ``r2`` is None.
    r2 : float, default=None
        Cox and Snell's, expected; it takes the place of the AUC.

    Returns
    -------
    SampleSize
        Men, events, and what each criterion asks.

    Raises
    ------
    InputError
        If a number is out of its range, or neither AUC nor R2 is given, or both.

    Notes
    -----
    Shrinkage of at least 0.9, optimism in Nagelkerke's R2 of at most 0.05, and the mean
    risk within 0.05. Source: Riley et al., BMJ 368:m441 (2020).

    Examples
    --------
    >>> development_size(auc=0.75, parameters=7, prevalence=0.46).n
    382
    >>> development_size(r2=0.1, parameters=7, prevalence=0.46).criteria
    {'shrinkage': 595, 'optimism': 174, 'mean_risk': 382}
    """
    explained, most = _explained(parameters, prevalence, auc, r2)
    criteria = {
        "shrinkage": math.ceil(_men(SHRINKAGE, explained, parameters)),
        "optimism": math.ceil(_men(_shrunk(explained, most), explained, parameters)),
        "mean_risk": math.ceil((_Z / MARGIN) ** 2 * prevalence * (1 - prevalence)),
    }
    n = max(criteria.values())
    return SampleSize(n, math.ceil(n * prevalence), criteria)


def achieved(
    men: int,
    *,
    parameters: int,
    prevalence: float,
    auc: float | None = None,
    r2: float | None = None,
) -> dict[str, float]:
    """Return what some men are enough for, in the terms of the criteria.

    Parameters
    ----------
    men : int
        At hand, at least 1.
    parameters : int
        Candidate parameters, at least 1.
    prevalence : float
        Of the outcome, in (0, 1).
    auc, r2 : float, default=None
        Expected; one of the two.

    Returns
    -------
    dict of str to float
        ``shrinkage`` to expect (0.9 or more is asked), ``optimism`` in Nagelkerke's R2 (at
        most 0.05) and the half-width ``mean_risk`` (at most 0.05).

    Raises
    ------
    InputError
        If a number is out of its range, or neither AUC nor R2 is given, or both.

    Examples
    --------
    >>> told = achieved(90, auc=0.75, parameters=7, prevalence=0.46)
    >>> {name: round(value, 2) for name, value in told.items()}
    {'shrinkage': 0.73, 'optimism': 0.09, 'mean_risk': 0.1}
    """
    if men < 1:
        raise InputError(Problem("men", "be at least 1", str(men), "Give a number of men"))
    explained, most = _explained(parameters, prevalence, auc, r2)
    low, high = explained * (1 + 1e-12), 1 - 1e-9
    shrinkage = explained  # the limit for no man at all
    if _men(low, explained, parameters) < men:
        shrinkage = brentq(lambda s: _men(s, explained, parameters) - men, low, high)
    return {
        "shrinkage": float(shrinkage),
        "optimism": float(explained * (1 / shrinkage - 1) / most),
        "mean_risk": _Z * math.sqrt(prevalence * (1 - prevalence) / men),
    }


def verdict(size: SampleSize, men: int, *, what: str = "developing a model") -> str:
    """Say in plain words what some men are enough for.

    Parameters
    ----------
    size : SampleSize
        What is asked.
    men : int
        At hand, at least 1.
    what : str, default="developing a model"
        What the size is for.

    Returns
    -------
    str
        One or two sentences.

    Raises
    ------
    InputError
        If there is no man.

    Examples
    --------
    >>> print(verdict(development_size(auc=0.75, parameters=7, prevalence=0.46), 90))
    Your 90 men are 24 % of the 382 that developing a model takes. None of the criteria is met.
    """
    if men < 1:
        raise InputError(Problem("men", "be at least 1", str(men), "Give a number of men"))
    if men >= size.n:
        return f"Your {men} men are enough: {what} takes {size.n}. Every criterion is met."
    share = min(round(100 * men / size.n), 99)
    told = f"Your {men} men are {share} % of the {size.n} that {what} takes."
    met = [name.replace("_", " ") for name, asked in size.criteria.items() if men >= asked]
    if not met:
        return f"{told} None of the criteria is met."
    missed = [
        f"{name.replace('_', ' ')} ({asked})"
        for name, asked in size.criteria.items()
        if men < asked
    ]
    return f"{told} Met: {', '.join(met)}. Not met: {', '.join(missed)}."


def check_range(name: str, value: float, low: float, high: float, remedy: str) -> None:
    """Refuse a number outside an open interval."""
    if not low < value < high:
        rule = f"lie in ({low:g}, {high:.3g})"
        raise InputError(Problem(name, rule, f"{value!r}", remedy))


def _explained(
    parameters: int, prevalence: float, auc: float | None, r2: float | None
) -> tuple[float, float]:
    """Return Cox and Snell's R2 and the most it can be."""
    if parameters < 1:
        got, remedy = repr(parameters), "Count what may be fitted"
        raise InputError(Problem("parameters", "be at least 1", got, remedy))
    check_range("prevalence", prevalence, 0, 1, "Give a fraction")
    most = 1 - math.exp(2 * _null(prevalence))
    if (auc is None) == (r2 is None):
        got = "neither" if auc is None else "both"
        raise InputError(Problem("auc or r2", "be given, one of them", got, "Give one"))
    if r2 is None:
        assert auc is not None
        return cox_snell_r2(auc, prevalence), most
    remedy = "Give what similar models reached; at this prevalence it cannot be more"
    check_range("r2", r2, 0, most, remedy)
    return r2, most


def _null(prevalence: float) -> float:
    """Return the mean log-likelihood of a model that knows the prevalence alone."""
    return prevalence * math.log(prevalence) + (1 - prevalence) * math.log1p(-prevalence)


def _shrunk(explained: float, most: float) -> float:
    """Return the shrinkage at which the optimism is what is allowed."""
    return explained / (explained + OPTIMISM * most)


def _men(shrinkage: float, explained: float, parameters: int) -> float:
    """Return the men whose model shrinks so much."""
    return parameters / ((shrinkage - 1) * math.log1p(-explained / shrinkage))
