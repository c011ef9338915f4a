"""Estimates of several sites pooled, and how much they differ: random effects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import stdtrit

__all__ = ["Pooled", "pool"]

_FEWEST = 3


@dataclass(frozen=True, slots=True)
class Pooled:
    """A random-effects mean and what is expected of another site.

    Parameters
    ----------
    mean, low, high : float
        With its interval, by Hartung and Knapp, never narrower than the normal one's error.
    tau2 : float
        Variance between sites, by restricted maximum likelihood.
    i2 : float
        Share of the variance that is between sites, in [0, 1).
    expected_low, expected_high : float
        Prediction interval of another site.
    """

    mean: float
    low: float
    high: float
    tau2: float
    i2: float
    expected_low: float
    expected_high: float


def pool(estimates: ArrayLike, errors: ArrayLike, *, level: float = 0.9) -> Pooled:
    """Pool one estimate a site.

    Parameters
    ----------
    estimates : array-like of shape (n_sites,)
        At least three, on a scale where they are about normal.
    errors : array-like of shape (n_sites,)
        Their standard errors, positive.
    level : float, default=0.9
        Of the intervals, in (0, 1).

    Returns
    -------
    Pooled
        Mean, heterogeneity and prediction interval.

    Raises
    ------
    ValueError
        If there are fewer than three sites.

    Notes
    -----
    Source: Higgins and Thompson, Stat Med 21:1539-1558 (2002), for I2, with the typical
    variance within sites; Higgins, Thompson and Spiegelhalter, J R Stat Soc A 172:137-159
    (2009), for the prediction interval, on k - 2 degrees of freedom; Hartung and Knapp,
    Stat Med 20:3875-3889 (2001), for the mean.

    Examples
    --------
    >>> found = pool([1.0, 1.1, 0.9], [0.2, 0.2, 0.2])
    >>> round(found.mean, 3), round(found.tau2, 3)
    (1.0, 0.0)
    """
    y, v = np.asarray(estimates, dtype=float), np.square(np.asarray(errors, dtype=float))
    k = len(y)
    if k < _FEWEST:
        msg = f"a pooled estimate must rest on {_FEWEST} sites, got {k}. Wait for another."
        raise ValueError(msg)
    tau2 = _between(y, v)
    w = 1.0 / (v + tau2)
    mean = float(w @ y / w.sum())
    wider = max(1.0, float(w @ np.square(y - mean)) / (k - 1))
    error = float(np.sqrt(wider / w.sum()))
    half = float(stdtrit(k - 1, (1 + level) / 2)) * error
    reach = float(stdtrit(k - 2, (1 + level) / 2)) * float(np.sqrt(tau2 + error**2))
    u = 1.0 / v
    typical = (k - 1) * u.sum() / (u.sum() ** 2 - (u**2).sum())
    i2 = tau2 / (tau2 + typical)
    return Pooled(mean, mean - half, mean + half, tau2, float(i2), mean - reach, mean + reach)


def _between(y: np.ndarray, v: np.ndarray) -> float:
    """Return the variance between sites at which the restricted likelihood peaks."""

    def slope(tau2: float) -> float:
        w = 1.0 / (v + tau2)
        mean = w @ y / w.sum()
        return float(np.square(w) @ np.square(y - mean) - w.sum() + np.square(w).sum() / w.sum())

    if slope(0.0) <= 0:
        return 0.0
    top = float(np.ptp(y)) ** 2 + float(v.max())
    while slope(top) > 0:
        top *= 2
    return float(brentq(slope, 0.0, top, xtol=1e-12))
