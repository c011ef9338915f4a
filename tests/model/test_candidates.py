"""Tests of the predictor sets, the published prior and the whole pipeline."""

from __future__ import annotations

import numpy as np
import pytest
import skops.io

from respredict.model import TRUSTED_TYPES
from respredict.model.candidates import (
    PREDICTORS,
    PRIOR,
    build_pipeline,
    feature_names,
    matrix_columns,
    published_prior,
)

EVERY = [(s, to) for s in PREDICTORS for to in ("published", "zero")]


def _fitted(clinic, predictors: str, shrink_to: str, seed: int = 0):
    X, y = clinic(150, seed)
    X = X[list(matrix_columns(predictors))]
    return build_pipeline(predictors, shrink_to).fit(X, y), X, y


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
    """Without estradiol, T/E2's width is testosterone's."""
    testosterone, lh, ratio = published_prior("t_lh")
    assert testosterone.sd == pytest.approx(np.hypot(0.3, 0.2))
    assert (lh.mean, ratio.mean) == (0.0, 1.1)


@pytest.mark.parametrize(("predictors", "shrink_to"), EVERY)
def test_each_pipeline_fits_and_names_its_features(clinic, predictors, shrink_to) -> None:
    """Features come out in the clinician's names, probabilities inside (0, 1)."""
    pipeline, X, _ = _fitted(clinic, predictors, shrink_to)
    assert tuple(pipeline[:-1].get_feature_names_out()) == feature_names(predictors)
    p = pipeline.predict_proba(X)
    assert ((p > 0) & (p < 1)).all()
    assert pipeline.classes_.tolist() == [0, 1]


@pytest.mark.parametrize(("predictors", "shrink_to"), EVERY)
def test_a_saved_pipeline_needs_these_types_and_gives_the_same_bits(
    clinic, predictors, shrink_to
) -> None:
    """Loading asks to trust exactly TRUSTED_TYPES, and probabilities survive to the bit."""
    pipeline, X, _ = _fitted(clinic, predictors, shrink_to)
    saved = skops.io.dumps(pipeline)
    assert tuple(sorted(skops.io.get_untrusted_types(data=saved))) == TRUSTED_TYPES
    loaded = skops.io.loads(saved, trusted=list(TRUSTED_TYPES))
    assert np.array_equal(loaded.predict_proba(X), pipeline.predict_proba(X))


@pytest.mark.parametrize("predictors", ["hormones", "hormones+semen"])
def test_a_mans_probability_does_not_depend_on_the_batch(clinic, predictors) -> None:
    """Batches of 1, 7 and 2,000 give the same bits through the whole pipeline."""
    pipeline, _, _ = _fitted(clinic, predictors, "published")
    X = clinic(2000, 9)[0][list(matrix_columns(predictors))]
    together = pipeline.predict_proba(X)
    for size, stop in ((1, 60), (7, 700)):
        for i in range(0, stop, size):
            assert np.array_equal(
                pipeline.predict_proba(X.iloc[i : i + size]), together[i : i + size]
            )


def test_more_testosterone_over_lh_is_never_a_lower_risk(clinic) -> None:
    """Fitted to men who follow the literature, the probability rises with T and falls with LH."""
    pipeline, _, _ = _fitted(clinic, "hormones", "published")
    X = clinic(200, 1, missing=0.0)[0][list(matrix_columns())]
    p = pipeline.predict_proba(X)[:, 1]
    raised = X.assign(testosterone_ng_dl=X.testosterone_ng_dl * 1.5, lh_iu_l=X.lh_iu_l / 1.5)
    assert (pipeline.predict_proba(raised)[:, 1] > p).all()


def test_the_default_believes_the_literature_where_the_men_do(clinic) -> None:
    """Men simulated with the published effect choose strength above 0."""
    X, y = clinic(600, 2)
    classifier = build_pipeline().fit(X[list(matrix_columns())], y).named_steps["classifier"]
    assert classifier.strength_ > 0
    gamma = classifier.coef_[0][4] - classifier.coef_[0][7]
    assert -1.8 < gamma < -0.6


def test_groups_and_counts_reach_the_steps(clinic) -> None:
    """A resample is fitted by counts for the imputer and the classifier."""
    X, y = clinic(150, 3)
    X = X[list(matrix_columns())]
    count = np.bincount(np.random.default_rng(0).integers(0, 150, 150), minlength=150)
    rows = np.repeat(np.arange(150), count)
    counted = build_pipeline(shrink_to="zero").fit(
        X, y, imputer__sample_weight=count, classifier__sample_weight=count
    )
    repeated = build_pipeline(shrink_to="zero").fit(X.iloc[rows], y[rows], classifier__groups=rows)
    assert np.abs(counted.predict_proba(X) - repeated.predict_proba(X)).max() < 1e-6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("hormone",), "predictors must be one of hormones, .*, got 'hormone'"),
        (("hormones", "nothing"), "shrink_to must be 'published' or 'zero', got 'nothing'"),
    ],
)
def test_unknown_candidates_are_refused(arguments: tuple, message: str) -> None:
    """A set or a target that does not exist is named with those that do."""
    with pytest.raises(ValueError, match=message):
        build_pipeline(*arguments)
