"""How a model was made, so that it can be made again: in folds, or on other men."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from respredict.candidate_settings import CandidateSettings
from respredict.model.candidates import build_candidate

__all__ = ["left_out", "measured", "recipe_of"]

Floats = NDArray[np.float64]
Build = Callable[[], Any]

_FOLDS = 5


def recipe_of(meta: Mapping[str, Any]) -> Build:
    """Return what builds the unfitted pipeline of a model.

    Parameters
    ----------
    meta : mapping
        Of its bundle.

    Returns
    -------
    callable
        Gives a new one each time.
    """

    def build() -> Any:
        told = meta["settings"]
        return build_candidate(
            meta["candidate"],
            meta["predictors"],
            random_state=int(told["model.seed"]),
            asked=CandidateSettings.of(told),
        )

    return build


def left_out(build: Build, X: pd.DataFrame, y: NDArray[np.int64], *, seed: int) -> Floats:
    """Return each man's probability from a model fitted without him.

    Parameters
    ----------
    build : callable
        Gives the unfitted pipeline.
    X : DataFrame of shape (n_patients, n_columns)
        As the pipeline takes it.
    y : ndarray of int of shape (n_patients,)
        1 improved, 0 did not.
    seed : int
        Deals the men into five folds.

    Returns
    -------
    ndarray of shape (n_patients,)
        Cross-validated.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    told = cross_val_predict(build(), X, y, cv=folds, method="predict_proba")
    return np.asarray(told[:, 1], dtype=np.float64)


def measured(y: NDArray[np.int64], apparent: Floats, cross_validated: Floats) -> dict[str, float]:
    """Measure on the men fitted (apparent) and with each man left out (cross-validated).

    Parameters
    ----------
    y : ndarray of int of shape (n_patients,)
        1 improved, 0 did not.
    apparent, cross_validated : ndarray of shape (n_patients,)
        Probabilities.

    Returns
    -------
    dict of str to float
        Named as what they are.
    """
    from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

    told: dict[str, float] = {"men": float(len(y)), "events": float(y.sum())}
    for name, p in (("apparent", apparent), ("cross_validated", cross_validated)):
        told[f"{name}_auc"] = float(roc_auc_score(y, p))
        told[f"{name}_log_loss"] = float(log_loss(y, p))
        told[f"{name}_brier"] = float(brier_score_loss(y, p))
    return told
