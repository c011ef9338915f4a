"""Every metric of a set of predictions at once, as the resamples need it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from respredict.validation.metrics import point_metrics

__all__ = ["measure", "net_benefits"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def measure(y: Ints, p: Floats, weight: Ints | None = None) -> Floats:
    """Return every metric.

    Parameters
    ----------
    y : ndarray of shape (n_patients,)
        Outcomes, 0 or 1.
    p : ndarray of shape (n_patients,)
        Probabilities in [0, 1].
    weight : ndarray of int of shape (n_patients,), default=None
        How often each man counts; once each if None.

    Returns
    -------
    ndarray of shape (n_metrics,)
        In the order of ``respredict.validation.metrics.METRICS``; NaN where one is not defined.

    Examples
    --------
    >>> float(measure(np.array([0, 1, 0, 1]), np.array([0.2, 0.7, 0.6, 0.4]))[0])
    0.75
    """
    return np.array(list(point_metrics(y, p, weight).values()), dtype=np.float64)


def net_benefits(
    y: Ints, p: Floats, thresholds: tuple[float, ...], weight: Ints | None = None
) -> Floats:
    """Return the net benefit of treating whoever reaches a threshold, for many thresholds.

    Parameters
    ----------
    y : ndarray of shape (n_patients,)
        Outcomes, 0 or 1.
    p : ndarray of shape (n_patients,)
        Probabilities in [0, 1].
    thresholds : tuple of float
        In (0, 1), ascending.
    weight : ndarray of int of shape (n_patients,), default=None
        How often each man counts; once each if None.

    Returns
    -------
    ndarray of shape (n_thresholds,)
        Net true positives a man, as ``respredict.validation.usefulness.net_benefit`` tells
        them one by one.

    Examples
    --------
    >>> net_benefits(np.array([1, 1, 0, 0]), np.array([0.9, 0.6, 0.4, 0.1]), (0.2, 0.5))
    array([0.4375, 0.5   ])
    """
    at, times = np.asarray(thresholds), np.ones(len(y)) if weight is None else weight
    reached = np.searchsorted(at, p, side="right")  # thresholds that a man reaches
    size = len(at) + 1
    true = np.bincount(reached, times * y, size)[::-1].cumsum()[::-1][1:]
    false = np.bincount(reached, times * (1 - y), size)[::-1].cumsum()[::-1][1:]
    return (true - false * at / (1 - at)) / math.fsum(times)
