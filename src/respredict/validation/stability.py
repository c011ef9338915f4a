"""How far a man's probability moves when the model is made again from resamples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Stability", "stability"]

Floats = NDArray[np.float64]

_OFTEN = 0.1  # of the resamples: a class that changes more often is told as unstable


@dataclass(frozen=True, eq=False)
class Stability:
    """Per-man instability.

    Parameters
    ----------
    low, high : ndarray of shape (n_patients,)
        Percentiles of his probability over the resamples.
    mape : ndarray of shape (n_patients,)
        Mean absolute difference from the probability served.
    changes : ndarray of shape (n_thresholds, n_patients)
        Share of the resamples whose model puts him on the other side of a threshold.
    """

    low: Floats
    high: Floats
    mape: Floats
    changes: Floats

    def unstable(self) -> Floats:
        """Return the share of men whose class changes in more than a tenth of the resamples.

        Returns
        -------
        ndarray of shape (n_thresholds,)
            Fractions.
        """
        return (self.changes > _OFTEN).mean(axis=1)


def stability(
    p: Floats, resampled: Floats, thresholds: tuple[float, ...], *, level: float = 0.9
) -> Stability:
    """Compare each man's probability with those of the resamples' models.

    Parameters
    ----------
    p : ndarray of shape (n_patients,)
        Served, in [0, 1].
    resampled : ndarray of shape (n_boot, n_patients)
        Of the models made from resamples.
    thresholds : tuple of float
        In (0, 1): a man is treated from there on.
    level : float, default=0.9
        Share of the resamples between the percentiles.

    Returns
    -------
    Stability
        Of each man.

    Notes
    -----
    Source: Riley and Collins, Biom J 65:2200302 (2023).

    Examples
    --------
    >>> found = stability(np.array([0.5]), np.array([[0.4], [0.6], [0.5], [0.5]]), (0.45,))
    >>> round(found.mape.item(), 3), found.changes.item()
    (0.05, 0.25)
    """
    low, high = np.percentile(resampled, [50 * (1 - level), 50 * (1 + level)], axis=0)
    at = np.asarray(thresholds)[:, None]
    own = p >= at
    changes = np.stack([((resampled >= t) != o).mean(axis=0) for t, o in zip(at, own, strict=True)])
    return Stability(low, high, np.abs(resampled - p).mean(axis=0), changes)
