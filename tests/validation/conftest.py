"""Clinics to validate on, drawn once."""

from __future__ import annotations

import numpy as np
import pytest

from respredict.simulate import draw
from respredict.validation.fitting import Men
from tests.drawn_men import matrix


def clinic(men: int, *, seed: int, sites: int = 3) -> Men:
    """Return drawn men with the columns of every predictor set."""
    of = draw(men, seed=seed, sites=sites)
    X = matrix(of)
    X["sperm_concentration_m_ml"] = of.latent["baseline"].to_numpy()
    X["sperm_concentration_censor"] = 0.0
    site = of.men["site"].astype("category").cat.codes.to_numpy().astype(np.int64)
    return Men(X, of.latent["improved"].to_numpy().astype(np.int64), site)


@pytest.fixture(scope="package")
def few() -> Men:
    """Return a clinic of 80 at three sites."""
    return clinic(80, seed=12)


@pytest.fixture(scope="package")
def many() -> Men:
    """Return 240 men at three sites."""
    return clinic(240, seed=13)
