"""Tests of the candidates as whole pipelines: names, files, bits, resamples, directions."""

from __future__ import annotations

import numpy as np
import pytest
import skops.io
from sklearn.base import clone

from respredict.model import TRUSTED_TYPES
from respredict.model.candidates import (
    CANDIDATES,
    build_candidate,
    build_pipeline,
    fit_counted,
)
from respredict.model.predictors import PREDICTORS, feature_names, matrix_columns

EVERY = [(name, predictors) for name in CANDIDATES for predictors in PREDICTORS]


@pytest.fixture(scope="module")
def fitted(clinic):
    """Return a function that fits each candidate once, with the men it was fitted to."""
    held: dict[tuple[str, str], tuple] = {}

    def fit(name: str, predictors: str):
        if (name, predictors) not in held:
            X, y = clinic(150, 0)
            X = X[list(matrix_columns(predictors))]
            held[name, predictors] = build_candidate(name, predictors).fit(X, y), X, y
        return held[name, predictors]

    return fit


@pytest.mark.parametrize(("name", "predictors"), EVERY)
def test_each_candidate_fits_and_gives_probabilities(fitted, name, predictors) -> None:
    """They lie inside (0, 1) and are of the classes 0 and 1."""
    pipeline, X, _ = fitted(name, predictors)
    assert list(pipeline.named_steps) == ["imputer", "features", "classifier"]
    p = pipeline.predict_proba(X)
    assert ((p > 0) & (p < 1)).all()
    assert pipeline.classes_.tolist() == [0, 1]


@pytest.mark.parametrize("predictors", PREDICTORS)
def test_features_have_the_clinicians_names(fitted, predictors) -> None:
    """The shrunken logistics take all features, the trees all but T/E2, splines add bends."""
    names = {n: tuple(fitted(n, predictors)[0][:-1].get_feature_names_out()) for n in CANDIDATES}
    every = feature_names(predictors)
    completed = tuple(fitted("splines", predictors)[0][0].get_feature_names_out())
    assert names["published"] == names["zero"] == every
    assert names["boosting"] == tuple(name for name in every if name != "ln_t_e2")
    bent = tuple(f"{name}'" for name in completed if name != "azoospermia")
    assert names["splines"] == completed + bent


def test_saved_candidates_need_exactly_the_trusted_types(fitted) -> None:
    """What loading asks to trust is, over all candidates, TRUSTED_TYPES."""
    asked: set[str] = set()
    for name in CANDIDATES:
        asked |= set(skops.io.get_untrusted_types(data=skops.io.dumps(fitted(name, "hormones")[0])))
    assert tuple(sorted(asked)) == TRUSTED_TYPES


@pytest.mark.parametrize(("name", "predictors"), EVERY)
def test_a_saved_candidate_gives_the_same_bits(fitted, name, predictors) -> None:
    """Probabilities survive the file to the bit."""
    pipeline, X, _ = fitted(name, predictors)
    loaded = skops.io.loads(skops.io.dumps(pipeline), trusted=list(TRUSTED_TYPES))
    assert np.array_equal(loaded.predict_proba(X), pipeline.predict_proba(X))


@pytest.mark.parametrize("predictors", ["hormones", "hormones+semen"])
@pytest.mark.parametrize("name", CANDIDATES)
def test_a_mans_probability_does_not_depend_on_the_batch(clinic, fitted, name, predictors) -> None:
    """Batches of 1, 7 and 2,000 give the same bits through the whole pipeline."""
    pipeline, _, _ = fitted(name, predictors)
    X = clinic(2000, 9)[0][list(matrix_columns(predictors))]
    together = pipeline.predict_proba(X)
    for size, stop in ((1, 40), (7, 350)):
        for i in range(0, stop, size):
            alone = pipeline.predict_proba(X.iloc[i : i + size])
            assert np.array_equal(alone, together[i : i + size])


@pytest.mark.parametrize("name", CANDIDATES)
def test_a_man_drawn_twice_counts_as_two_rows_of_his(clinic, name) -> None:
    """Counts at every step equal repeated rows that share a fold."""
    X, y = clinic(150, 3)
    X = X[list(matrix_columns())]
    count = np.bincount(np.random.default_rng(0).integers(0, 150, 150), minlength=150)
    rows = np.repeat(np.arange(150), count)
    counted = fit_counted(build_candidate(name), X, y, count)
    repeated = build_candidate(name)
    groups = {"classifier__groups": rows} if name != "published" else {}
    repeated.fit(X.iloc[rows], y[rows], **groups)
    assert np.abs(counted.predict_proba(X) - repeated.predict_proba(X)).max() < 1e-6


@pytest.mark.parametrize("name", CANDIDATES)
def test_a_resample_may_start_from_the_model_of_all_men(clinic, name) -> None:
    """The imputer then settles in fewer steps, in the same place."""
    X, y = clinic(150, 3)
    X = X[list(matrix_columns())]
    count = np.bincount(np.random.default_rng(1).integers(0, 150, 150), minlength=150)
    whole = fit_counted(build_candidate(name), X, y, np.ones(150, dtype=int))
    cold = fit_counted(build_candidate(name), X, y, count)
    warm = fit_counted(build_candidate(name), X, y, count, start=whole)
    assert warm[0].n_iter_ < cold[0].n_iter_
    assert np.abs(warm[0].mean_ - cold[0].mean_).max() < 1e-3


@pytest.mark.parametrize("name", ["splines", "boosting"])
def test_the_same_random_state_gives_the_same_bits(clinic, name) -> None:
    """Nothing but the random state decides, also not numpy's global one."""
    X, y = clinic(150, 5)
    X = X[list(matrix_columns())]
    first = build_candidate(name, random_state=4).fit(X, y).predict_proba(X)
    np.random.seed(1)  # noqa: NPY002 - the global state is the point
    assert np.array_equal(build_candidate(name, random_state=4).fit(X, y).predict_proba(X), first)


@pytest.mark.parametrize("name", ["published", "boosting"])
def test_more_testosterone_over_lh_is_never_a_lower_risk(fitted, clinic, name) -> None:
    """Of men who lack nothing: up with T, down with LH."""
    pipeline, _, _ = fitted(name, "hormones")
    X = clinic(200, 1, missing=0.0)[0][list(matrix_columns())]
    X = X[(X.filter(like="_censor") == 0).all(axis=1)]
    p = pipeline.predict_proba(X)[:, 1]
    raised = X.assign(testosterone_ng_dl=X.testosterone_ng_dl * 1.5, lh_iu_l=X.lh_iu_l / 1.5)
    assert (pipeline.predict_proba(raised)[:, 1] >= p).all()
    assert pipeline.predict_proba(raised)[:, 1].mean() > p.mean()


def test_the_default_believes_the_literature_where_the_men_do(clinic) -> None:
    """Men simulated with the published effect choose strength above 0."""
    X, y = clinic(600, 2)
    classifier = build_candidate().fit(X[list(matrix_columns())], y).named_steps["classifier"]
    assert classifier.strength_ > 0
    gamma = classifier.coef_[0][4] - classifier.coef_[0][7]
    assert -1.8 < gamma < -0.6


@pytest.mark.parametrize("name", CANDIDATES)
def test_a_candidate_is_cloned_as_it_was_built(name) -> None:
    """Parameters are plain values, so that an unfitted copy is the same."""
    assert repr(clone(build_candidate(name))) == repr(build_candidate(name))


def test_the_logistics_are_also_named_by_what_they_shrink_to() -> None:
    """``build_pipeline`` gives the first two candidates."""
    for name in ("published", "zero"):
        assert repr(build_pipeline("t_lh", name)) == repr(build_candidate(name, "t_lh"))


@pytest.mark.parametrize(
    ("build", "arguments", "message"),
    [
        (build_candidate, ("forest",), "must be one of published, .*boosting, got 'forest'"),
        (build_candidate, ("zero", "hormone"), "predictors must be one of hormones, .*'hormone'"),
        (build_pipeline, ("hormone",), "predictors must be one of hormones, .*, got 'hormone'"),
        (build_pipeline, ("hormones", "nothing"), "must be 'published' or 'zero', got 'nothing'"),
    ],
)
def test_unknown_candidates_are_refused(build, arguments: tuple, message: str) -> None:
    """A set or a target that does not exist is named with those that do."""
    with pytest.raises(ValueError, match=message):
        build(*arguments)
