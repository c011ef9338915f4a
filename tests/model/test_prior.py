"""Tests of the predictor sets and of what is published of each feature."""

from __future__ import annotations

import numpy as np
import pytest

from respredict.model.predictors import PREDICTORS, feature_names, log_ratios, matrix_columns
from respredict.model.prior import DIRECTIONS, PRIOR, published_prior


def test_the_default_matrix_has_these_columns() -> None:
    """The order of the columns is part of the contract."""
    assert matrix_columns() == (
        "age_years", "bmi_kg_m2", "testosterone_ng_dl", "estradiol_pg_ml", "lh_iu_l", "fsh_iu_l",
        "testosterone_censor", "estradiol_censor", "lh_censor", "fsh_censor",
    )  # fmt: skip
    assert matrix_columns("hormones+semen")[6] == "sperm_concentration_m_ml"


def test_the_default_prior_is_the_published_one() -> None:
    """T/LH carries the effect; age and BMI are 0.15 per standard deviation."""
    prior = dict(zip(feature_names(), published_prior(), strict=True))
    assert (prior["ln_t_lh"].mean, prior["ln_t_lh"].sd) == (1.1, 0.4)
    assert (prior["ln_fsh"].mean, prior["ln_fsh"].sd) == (-0.15, 0.25)
    assert prior["age_years"].sd * 6 == pytest.approx(0.15)
    assert prior["ln_bmi"].sd * 0.15 == pytest.approx(0.15)
    assert all(effect.source for effect in PRIOR.values())


def test_a_ratio_that_cannot_be_formed_moves_to_the_hormone_left() -> None:
    """Without estradiol, T/E2's width is testosterone's; without T, LH acts as in T/LH."""
    testosterone, lh, ratio = published_prior("t_lh")
    assert testosterone.sd == pytest.approx(np.hypot(0.3, 0.2))
    assert (lh.mean, ratio.mean) == (0.0, 1.1)
    assert published_prior("lh+fsh")[0].mean == -1.1


@pytest.mark.parametrize("predictors", PREDICTORS)
def test_no_expected_effect_points_against_its_direction(predictors: str) -> None:
    """Where a direction is held, the prior's mean has its sign or none."""
    for name, effect in zip(feature_names(predictors), published_prior(predictors), strict=True):
        assert effect.mean * DIRECTIONS.get(name, 0) >= 0


@pytest.mark.parametrize("predictors", PREDICTORS)
def test_a_ratio_is_held_to_the_way_of_its_hormones(predictors: str) -> None:
    """Held up, its numerator is held up and its denominator down: so is the risk in each."""
    for ratio, over, under in log_ratios(predictors):
        if ratio in DIRECTIONS:
            assert DIRECTIONS[over] == DIRECTIONS[ratio] == -DIRECTIONS[under]
