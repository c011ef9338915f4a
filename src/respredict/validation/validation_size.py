"""How many men the external validation of a model takes, for intervals of a given width."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import expit, logit, ndtr, ndtri

from respredict.validation.sample_size import SampleSize, check_range

__all__ = ["WIDTHS", "validation_size"]

#: Widest 95 % intervals: of observed over expected, calibration slope, AUC, and net benefit as
#: a share of the prevalence. Source: the defaults of pmvalsampsize.
WIDTHS = {
    "observed_expected": 0.2,
    "calibration_slope": 0.2,
    "auc": 0.1,
    "net_benefit": 0.2,
}
_Z = 1.959963984540054
_NODES = 200
_SPREAD = 12.0


def validation_size(
    *,
    auc: float,
    prevalence: float,
    threshold: float | None = None,
    widths: dict[str, float] | None = None,
) -> SampleSize:
    """Return how many men the external validation of a model takes.

    Parameters
    ----------
    auc : float
        Expected, in (0.5, 1).
    prevalence : float
        Of the outcome, in (0, 1).
    threshold : float, default=None
        Of net benefit, in (0, 1); net benefit is left out if None.
    widths : dict of str to float, default=None
        Some other widths of 95 % intervals, by the names of ``WIDTHS``, above 0.

    Returns
    -------
    SampleSize
        Men, events, and what each criterion asks.

    Raises
    ------
    InputError
        If a number is out of its range.

    Notes
    -----
    The model is taken to be calibrated and its linear predictor to be normal, with the same
    variance, in men with the outcome and without; what others simulate is integrated.
    Source: Riley et al., Stat Med 40:4230-4251 (2021).

    Examples
    --------
    >>> validation_size(auc=0.75, prevalence=0.46).criteria
    {'observed_expected': 453, 'calibration_slope': 2500, 'auc': 366}
    """
    check_range("auc", auc, 0.5, 1, "Give what the model reached")
    check_range("prevalence", prevalence, 0, 1, "Give a fraction")
    asked = WIDTHS | (widths or {})
    for name, width in asked.items():
        check_range(f"width of {name}", width, 0, math.inf, "Give the width of a 95 % interval")
    errors = {name: width / (2 * _Z) for name, width in asked.items()}
    sizes = {
        "observed_expected": _for_observed(prevalence, asked["observed_expected"]),
        "calibration_slope": _for_slope(auc, prevalence, errors["calibration_slope"]),
        "auc": _for_auc(auc, prevalence, errors["auc"]),
    }
    if threshold is not None:
        check_range("threshold", threshold, 0, 1, "Give a probability")
        error = errors["net_benefit"]
        sizes["net_benefit"] = _for_net_benefit(auc, prevalence, threshold, error)
    criteria = {name: math.ceil(size) for name, size in sizes.items()}
    n = max(criteria.values())
    return SampleSize(n, math.ceil(n * prevalence), criteria)


def _for_observed(prevalence: float, width: float) -> float:
    """Solve for the interval of observed over expected at 1, symmetric on the log scale."""
    error = math.asinh(width / 2) / _Z
    return (1 - prevalence) / (prevalence * error**2)


def _for_slope(auc: float, prevalence: float, error: float) -> float:
    """Solve for the calibration slope, by Fisher's information at intercept 0 and slope 1."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    z = _SPREAD * nodes
    density = _SPREAD * weights * np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    apart = math.sqrt(2) * float(ndtri(auc))
    lowest = float(logit(prevalence)) - 0.5 * apart**2
    moments = np.zeros(3)
    for share, mean in ((prevalence, lowest + apart**2), (1 - prevalence, lowest)):
        score = mean + apart * z
        information = share * density * expit(score) * expit(-score)
        moments += [float(information @ score**power) for power in range(3)]
    return float(moments[0] / (error**2 * (moments[0] * moments[2] - moments[1] ** 2)))


def _for_auc(auc: float, prevalence: float, error: float) -> float:
    """Solve for Newcombe's standard error of the AUC, quadratic in the men."""
    share = (1 - auc) / (2 - auc) + auc / (1 + auc)
    square = error**2 * prevalence * (1 - prevalence) / (auc * (1 - auc))
    root = math.sqrt(share**2 / 4 + 4 * square * (1 - share))
    return (share / 2 + root) / (2 * square)


def _for_net_benefit(auc: float, prevalence: float, threshold: float, error: float) -> float:
    """Solve for net benefit as a share of the prevalence, at one threshold."""
    apart = math.sqrt(2) * float(ndtri(auc))
    lowest = float(logit(prevalence)) - 0.5 * apart**2
    cut = (float(logit(threshold)) - lowest) / apart
    sensitivity, specificity = float(ndtr(apart - cut)), float(ndtr(cut))
    odds = (1 - prevalence) / prevalence * threshold / (1 - threshold)
    variance = sensitivity * (1 - sensitivity) / prevalence
    variance += odds**2 * specificity * (1 - specificity) / (1 - prevalence)
    variance += odds**2 * (1 - specificity) ** 2 / (prevalence * (1 - prevalence))
    return variance / error**2
