"""Every metric of a set of predictions as a plain number, for those who resample."""

from __future__ import annotations

from numpy.typing import ArrayLike

from respredict.validation.accuracy import brier, log_loss, scaled_brier
from respredict.validation.calibration import calibration_intercept, calibration_slope
from respredict.validation.discrimination import auc
from respredict.validation.flexible import calibration_errors
from respredict.validation.measured import as_outcomes

__all__ = ["METRICS", "point_metrics"]

#: In the order in which they are told.
METRICS = (
    "auc",
    "brier",
    "scaled_brier",
    "log_loss",
    "calibration_intercept",
    "calibration_slope",
    "ici",
    "e50",
    "e90",
    "emax",
)

_ONE_BY_ONE = {
    "auc": auc,
    "brier": brier,
    "scaled_brier": scaled_brier,
    "log_loss": log_loss,
    "calibration_intercept": calibration_intercept,
    "calibration_slope": calibration_slope,
}


def point_metrics(y: ArrayLike, p: ArrayLike, weight: ArrayLike | None = None) -> dict[str, float]:
    """Return every metric as a number, without intervals.

    Parameters
    ----------
    y : array-like of shape (n_patients,)
        Outcomes, 0 or 1.
    p : array-like of shape (n_patients,)
        Predicted probabilities, in [0, 1].
    weight : array-like of shape (n_patients,), default=None
        How often a man counts, whole numbers; once each if None.

    Returns
    -------
    dict of str to float
        The metrics of ``METRICS``, in this order. NaN where one cannot be computed; the
        log-loss is infinite where a probability of exactly 0 or 1 was contradicted.

    Raises
    ------
    InputError
        If y, p or weight breaks its rule.

    Examples
    --------
    >>> numbers = point_metrics([0, 0, 1, 1], [0.1, 0.4, 0.4, 0.8])
    >>> round(numbers["auc"], 3), round(numbers["brier"], 3)
    (0.875, 0.143)
    """
    men = as_outcomes(y, p, weight)
    return {name: of(*men) for name, of in _ONE_BY_ONE.items()} | calibration_errors(*men)
