"""Published rules on a model matrix: T/LH >= 100 and T/E2 < 10."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from respredict.schema.analytes import analyte

__all__ = ["RULES", "apply_rule", "ratio_reaches"]

#: Numerator, denominator, threshold in (ng/dL)/(IU/L) and (ng/dL)/(pg/mL), and whether the
#: rule asks for at least the threshold.
RULES: dict[str, tuple[str, str, float, bool]] = {
    "t_lh_at_least_100": ("testosterone", "lh", 100.0, True),
    "t_e2_below_10": ("testosterone", "estradiol", 10.0, False),
}


def ratio_reaches(
    numerator: ArrayLike, denominator: ArrayLike, threshold: float, *,
    numerator_censor: ArrayLike = 0, denominator_censor: ArrayLike = 0,
) -> NDArray[np.float64]:  # fmt: skip
    """Say whether ratios reach a threshold, where missing and censored values let it be said.

    Parameters
    ----------
    numerator, denominator : array-like of shape (n_patients,)
        In the units of the threshold; NaN where missing, the limit where censored.
    threshold : float
        Positive.
    numerator_censor, denominator_censor : array-like of shape (n_patients,), default=0
        -1 below the number given, 1 above it, 0 the number itself.

    Returns
    -------
    ndarray of shape (n_patients,)
        1 it does, 0 it does not, NaN it cannot be said.

    Examples
    --------
    A testosterone of 300 over an LH below 4 is above 75, which leaves 100 open:

    >>> ratio_reaches([300.0, 300.0], [4.0, 3.0], 100.0, denominator_censor=[-1, 0])
    array([nan,  1.])
    """
    over, under = np.asarray(numerator, dtype=float), np.asarray(denominator, dtype=float)
    up, down = np.asarray(numerator_censor), np.asarray(denominator_censor)
    up, down = np.broadcast_to(up, over.shape), np.broadcast_to(down, over.shape)
    side = np.sign(up - down)
    known = ~np.isnan(over) & ~np.isnan(under) & (under != 0) & ((up == 0) | (up != down))
    ratio = over / np.where(known, under, np.nan)
    reached = (ratio >= threshold).astype(float)
    open_ = ((side < 0) & (ratio > threshold)) | ((side > 0) & (ratio < threshold))
    reached = np.where((side < 0) & (ratio == threshold), 0.0, reached)
    return np.where(known & ~open_, reached, np.nan)


def apply_rule(name: str, X) -> NDArray[np.float64]:
    """Apply a published rule to a model matrix with the columns of ``hormones``.

    Parameters
    ----------
    name : {"t_lh_at_least_100", "t_e2_below_10"}
        Of ``RULES``.
    X : DataFrame of shape (n_patients, n_columns)
        As ``matrix_columns`` names them.

    Returns
    -------
    ndarray of shape (n_patients,)
        1 the rule holds, 0 it does not, NaN it cannot be said.

    Raises
    ------
    KeyError
        If there is no such rule, or no such column.

    Examples
    --------
    >>> import pandas as pd
    >>> X = pd.DataFrame({"testosterone_ng_dl": [300.0], "testosterone_censor": [0],
    ...                   "lh_iu_l": [2.5], "lh_censor": [0]})
    >>> apply_rule("t_lh_at_least_100", X)
    array([1.])
    """
    over, under, threshold, at_least = RULES[name]
    top, bottom = analyte(over), analyte(under)
    reached = ratio_reaches(
        X[top.column],
        X[bottom.column],
        threshold,
        numerator_censor=X[top.censor_column],
        denominator_censor=X[bottom.censor_column],
    )
    return reached if at_least else 1.0 - reached
