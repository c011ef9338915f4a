"""Drawn men as a model matrix: a first or a second blood sample, reported by one laboratory."""

from __future__ import annotations

import numpy as np
import pandas as pd

from respredict.model.candidates import matrix_columns
from respredict.schema.analytes import analyte
from respredict.simulate import Simulated

BELOW = {"estradiol": 20.0}
DECIMALS = {"testosterone": 0, "estradiol": 1, "lh": 1, "fsh": 1}


def matrix(drawn: Simulated, sample: str = "measured", below: dict | None = None) -> pd.DataFrame:
    """Return the matrix of ``hormones``: the same men lack the same values in either sample.

    A value under its number in ``below`` is reported as that side.
    """
    limits = BELOW if below is None else below
    X = pd.DataFrame(0.0, index=drawn.men.index, columns=list(matrix_columns("hormones")))
    X["age_years"], X["bmi_kg_m2"] = drawn.men["age_years"], drawn.men["bmi_kg_m2"]
    for name, decimals in DECIMALS.items():
        value = np.round(np.exp(drawn.latent[f"{sample}_{name}"].to_numpy()), decimals)
        value = np.clip(value, max(analyte(name).low, 10.0**-decimals), analyte(name).high)
        under = value < limits.get(name, 0.0)
        X[analyte(name).column] = np.where(under, limits.get(name, 0.0), value)
        X[f"{name}_censor"] = np.where(under, -1.0, 0.0)
        missing = drawn.men[analyte(name).column].isna()
        X.loc[missing, analyte(name).column] = np.nan
        X.loc[missing, f"{name}_censor"] = 0.0
    return X


def groups(Z: np.ndarray, censor: np.ndarray) -> dict[str, np.ndarray]:
    """Return which men are complete, have a censored value, or lack one."""
    censored = (censor != 0).any(axis=1)
    missing = (np.isnan(Z) & (censor == 0)).any(axis=1)
    return {
        "all": np.ones(len(Z), dtype=bool),
        "complete": ~censored & ~missing,
        "censored": censored,
        "missing": missing,
    }


def mistyped(X: pd.DataFrame, name: str, *, stated: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Return men whose analyte was given in a unit but typed in the other, and who passes.

    ``stated`` counts the units of the analyte; the values typed are those of the
    other. Who has none, or is stopped by the hard limits, does not pass.
    """
    of = analyte(name)
    factor = of.units[stated].factor / of.units[1 - stated].factor
    typed = X[of.column] * factor
    passes = typed.between(of.low, of.high).to_numpy()
    return X.assign(**{of.column: typed}), passes
