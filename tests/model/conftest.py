"""Men drawn from a joint normal of logs, with holes and limits, for the model's tests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from respredict.model.candidates import matrix_columns

MEAN = np.array([35.5, *np.log([26.9, 303.0, 26.0, 6.1, 5.0, 3.7])])
SD = np.array([6.0, 0.15, 0.40, 0.45, 0.70, 0.87, 2.0])
CORRELATIONS = {
    (1, 2): -0.27,
    (1, 3): 0.13,
    (2, 3): 0.25,
    (4, 5): 0.41,
    (5, 6): -0.4,
    (4, 6): -0.18,
}
LIMITS = {"estradiol": ("estradiol_pg_ml", 20.0, -1), "lh": ("lh_iu_l", 2.5, -1),
          "fsh": ("fsh_iu_l", 15.0, 1)}  # fmt: skip


def covariance() -> np.ndarray:
    """Return the covariance of age and the six logs."""
    R = np.eye(7)
    for (i, j), r in CORRELATIONS.items():
        R[i, j] = R[j, i] = r
    return R * np.outer(SD, SD)


def draw(n: int, seed: int, *, missing: float = 0.15) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw a matrix with the columns of ``hormones+semen`` and an outcome."""
    random = np.random.default_rng(seed)
    Z = MEAN + random.standard_normal((n, 7)) @ np.linalg.cholesky(covariance()).T
    eta = -0.2 + 1.2 * ((Z[:, 2] - MEAN[2]) - (Z[:, 4] - MEAN[4]))
    y = (random.random(n) < 1 / (1 + np.exp(-eta))).astype(int)
    columns = matrix_columns("hormones+semen")
    X = pd.DataFrame(
        np.column_stack([Z[:, :1], np.exp(Z[:, 1:]), np.zeros((n, 5))]), columns=columns
    )
    X.loc[random.random(n) < 0.15, "sperm_concentration_m_ml"] = 0.0
    for name, (column, limit, side) in LIMITS.items():
        beyond = X[column] * side > limit * side
        X.loc[beyond, column] = limit
        X.loc[beyond, f"{name}_censor"] = side
    for column in columns[1:7]:
        gone = random.random(n) < missing
        X.loc[gone, column] = np.nan
        stem = {c: s for s, (c, _, _) in LIMITS.items()}.get(column)
        if stem is not None:
            X.loc[gone, f"{stem}_censor"] = 0
    return X, y


@pytest.fixture(scope="session")
def clinic() -> Callable[..., tuple[pd.DataFrame, np.ndarray]]:
    """Return the function that draws a clinic's men."""
    return draw
