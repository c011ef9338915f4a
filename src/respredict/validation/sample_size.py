"""How many men the development of a model takes, before anything is fitted."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import log_expit, logit, ndtri

__all__ = ["SampleSize", "cox_snell_r2", "development_size"]

#: Least shrinkage, greatest optimism in explained variation, and margin of the mean risk.
_SHRINKAGE = 0.9
_OPTIMISM = 0.05
_MARGIN = 0.05
_Z = 1.959963984540054
_NODES = 200
_SPREAD = 12.0


@dataclass(frozen=True, slots=True)
class SampleSize:
    """Men that a model needs, criterion by criterion.

    Parameters
    ----------
    n : int
        The largest of the criteria.
    events : int
        Of them, with the outcome.
    criteria : dict of str to int
        ``shrinkage``, ``optimism`` and ``mean_risk``.
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
    ValueError
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
    if not 0.5 < auc < 1:
        msg = f"auc must lie in (0.5, 1), got {auc!r}. Give what similar models reached."
        raise ValueError(msg)
    if not 0 < prevalence < 1:
        msg = f"prevalence must lie in (0, 1), got {prevalence!r}. Give a fraction."
        raise ValueError(msg)
    apart = math.sqrt(2) * float(ndtri(auc))
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    z = _SPREAD * nodes
    density = _SPREAD * weights * np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    intercept = float(logit(prevalence)) - 0.5 * apart**2
    with_it = float(np.dot(density, log_expit(intercept + apart * (z + apart))))
    without = float(np.dot(density, log_expit(-(intercept + apart * z))))
    model = prevalence * with_it + (1 - prevalence) * without
    null = prevalence * math.log(prevalence) + (1 - prevalence) * math.log(1 - prevalence)
    return 1 - math.exp(-2 * (model - null))


def development_size(*, auc: float, parameters: int, prevalence: float) -> SampleSize:
    """Return how many men the development of a model takes.

    Parameters
    ----------
    auc : float
        Expected, in (0.5, 1).
    parameters : int
        Candidate parameters, at least 1.
    prevalence : float
        Of the outcome, in (0, 1).

    Returns
    -------
    SampleSize
        Men, events, and what each criterion asks.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Notes
    -----
    Shrinkage of at least 0.9, optimism in Nagelkerke's R2 of at most 0.05, and the mean
    risk within 0.05. Source: Riley et al., BMJ 368:m441 (2020).

    Examples
    --------
    >>> development_size(auc=0.75, parameters=7, prevalence=0.46).n
    382
    """
    if parameters < 1:
        msg = f"parameters must be at least 1, got {parameters!r}. Count what may be fitted."
        raise ValueError(msg)
    r2 = cox_snell_r2(auc, prevalence)
    null = prevalence * math.log(prevalence) + (1 - prevalence) * math.log(1 - prevalence)
    most = 1 - math.exp(2 * null)
    enough = r2 / (r2 + _OPTIMISM * most)

    def for_shrinkage(shrinkage: float) -> int:
        return math.ceil(parameters / ((shrinkage - 1) * math.log(1 - r2 / shrinkage)))

    criteria = {
        "shrinkage": for_shrinkage(_SHRINKAGE),
        "optimism": for_shrinkage(enough),
        "mean_risk": math.ceil((_Z / _MARGIN) ** 2 * prevalence * (1 - prevalence)),
    }
    n = max(criteria.values())
    return SampleSize(n, math.ceil(n * prevalence), criteria)
