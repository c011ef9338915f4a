"""Men of a cohort as a validation takes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from respredict.model.predictors import matrix_columns
from respredict.validation.fitting import Men

__all__ = ["Subjects", "matrix_of"]


@dataclass(frozen=True, eq=False)
class Subjects:
    """Men of a cohort whose improvement is known.

    Parameters
    ----------
    men : DataFrame of shape (n_patients, n_columns)
        As the cohort holds them.
    improved : ndarray of int of shape (n_patients,)
        1 or 0.
    worsened : ndarray of shape (n_patients,)
        1, 0, or NaN where unknown.
    left_out : dict of str to int
        Men of the cohort who are not among them, by reason.
    """

    men: pd.DataFrame
    improved: NDArray[np.int64]
    worsened: NDArray[np.float64]
    left_out: dict[str, int]

    def sites(self) -> tuple[tuple[str, ...], NDArray[np.int64]]:
        """Return the names of the clinics, and which is each man's."""
        names, which = np.unique(self.men["site"].astype(str).to_numpy(), return_inverse=True)
        return tuple(str(name) for name in names), which.astype(np.int64)


def matrix_of(subjects: Subjects, predictors: str) -> Men:
    """Return the men as what is validated takes them.

    Parameters
    ----------
    subjects : Subjects
        Of a cohort.
    predictors : str
        The set of the model.

    Returns
    -------
    Men
        With the columns of every set compared.
    """
    columns = dict.fromkeys((*matrix_columns(predictors), *matrix_columns("hormones+semen")))
    X = subjects.men[list(columns)].astype(float).reset_index(drop=True)
    return Men(X, subjects.improved, subjects.sites()[1])
