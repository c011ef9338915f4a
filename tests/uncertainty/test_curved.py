"""Tests of what curved models say of themselves: refits, files, redraw, explanation."""

from __future__ import annotations

import io
import math
import pickle

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from respredict.errors import BundleError
from respredict.explain import Explainer
from respredict.model.affine import affine
from respredict.model.candidates import PREDICTORS, build_candidate
from respredict.model.compiled import CompiledImputer
from respredict.model.joint_normal import conditional_mean
from respredict.uncertainty.curved import CurvedRefits
from respredict.uncertainty.curved_redraw import CurvedRedraw
from respredict.uncertainty.curves import curves_of
from respredict.uncertainty.kinds import refit
from respredict.uncertainty.redraw import Redraw, blood_noise

WHICH = "hormones+semen"
CURVED = ("splines", "boosting")


@pytest.fixture(scope="module", params=CURVED)
def fitted(clinic, request):
    """Return a curved model, 10 refits, and 150 men with every pattern of what is known."""
    X, y = clinic(200, 1)

    def build():
        return build_candidate(request.param, WHICH)

    pipeline = build().fit(X, y)
    refits = refit(build, X, y, n_refits=10, seed=3, fitted=pipeline)
    return pipeline, refits, clinic(150, 2)[0]


def _known(pipeline, X):
    return pipeline[0].split(X.to_numpy())


def _redraw(pipeline) -> CurvedRedraw:
    imputer = pipeline[0]
    noise = blood_noise(PREDICTORS[WHICH], len(imputer.mean_))
    return CurvedRedraw(imputer.mean_, imputer.covariance_, noise, pipeline[1:].decision_function)


@pytest.mark.parametrize("name", CURVED)
def test_each_refit_scores_as_its_pipeline(clinic, name) -> None:
    """Two models read into arrays give their pipelines' log-odds, whatever a man lacks."""
    models = [build_candidate(name, WHICH).fit(*clinic(200, seed)) for seed in (5, 6)]
    refits = CurvedRefits(
        curves_of(models),
        np.stack([m[0].mean_ for m in models]),
        np.stack([m[0].covariance_ for m in models]),
    )
    men = _known(models[0], clinic(400, 2)[0])
    assert (men[2] != 0).sum(axis=1).max() == 2
    eta = refits.log_odds(*men)
    for b, model in enumerate(models):
        completed = conditional_mean(*men, model[0].mean_, model[0].covariance_)
        expected = model[1:].decision_function(completed)
        assert np.abs(eta[:, b] - expected).max() < 1e-10


def test_models_without_trees_are_read_too(clinic) -> None:
    """Each of them gives the share of men who improved."""
    X, y = clinic(60, 1)
    none = build_candidate("boosting", WHICH).set_params(classifier__max_trees=0).fit(X, y)
    curves = curves_of([none, none])
    assert np.allclose(curves.score([np.zeros((4, 1))] * 8), logit(y.mean()))


def test_bits_do_not_depend_on_the_batch(fitted) -> None:
    """Refits, interval and redraw are the same for one man, seven and all, and for one apart."""
    pipeline, refits, X = fitted
    redraw, imputer = _redraw(pipeline), CompiledImputer(pipeline[0])
    men = _known(pipeline, X)
    whole = (refits.log_odds(*men), *refits.interval(*men), *redraw.interval(*men))
    for size, stop in ((1, 12), (7, 35)):
        for start in range(0, stop, size):
            part = [of[start : start + size] for of in men]
            alone = (refits.log_odds(*part), *refits.interval(*part), *redraw.interval(*part))
            for one, other in zip(alone, whole, strict=True):
                assert one.tobytes() == other[start : start + size].tobytes()
    for row in range(12):
        known = imputer.read_one(X.iloc[row].to_numpy().tolist())
        assert refits.interval_of(known) == (whole[1][row], whole[2][row])
        assert redraw.interval_of(known) == (whole[3][row], whole[4][row])


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_bounds_are_percentiles_of_the_log_odds(fitted, level) -> None:
    """They lie between two refits as numpy's linear percentiles do."""
    pipeline, refits, X = fitted
    men = _known(pipeline, X)
    shares = [100 * (1 - level) / 2, 100 * (1 + level) / 2]
    expected = expit(np.percentile(refits.log_odds(*men), shares, axis=1))
    assert np.abs(np.array(refits.interval(*men, level=level)) - expected).max() < 1e-12


def test_the_interval_mostly_holds_the_model_itself(fitted) -> None:
    """Of ten refits, the middle holds the model for most men."""
    pipeline, refits, X = fitted
    p = pipeline.predict_proba(X)[:, 1]
    low, high = refits.interval(*_known(pipeline, X))
    assert ((low <= p) & (p <= high)).mean() > 0.65


@pytest.mark.parametrize("name", CURVED)
def test_the_same_seed_draws_the_same_refits(clinic, name) -> None:
    """Nothing but the seed decides; everything is chosen again."""
    X, y = clinic(120, 4)

    def build():
        return build_candidate(name, WHICH)

    pipeline = build().fit(X, y)
    first, again, other = (
        refit(build, X, y, n_refits=2, seed=seed, fitted=pipeline) for seed in (8, 8, 9)
    )
    assert first.to_bytes() == again.to_bytes() != other.to_bytes()
    assert (np.ptp(first.mean[:, :6], axis=0) > 0).all()


def test_bytes_bring_back_the_same_bits(fitted) -> None:
    """Written and read, also pickled, refits score alike and are written alike."""
    pipeline, refits, X = fitted
    men = _known(pipeline, X)
    for copy in (CurvedRefits.from_bytes(refits.to_bytes()), pickle.loads(pickle.dumps(refits))):
        assert copy.to_bytes() == refits.to_bytes()
        assert copy.log_odds(*men).tobytes() == refits.log_odds(*men).tobytes()


def _npz(**arrays) -> bytes:
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def _splines(**changed) -> bytes:
    arrays = {
        "intercept": np.zeros(3), "slopes": np.ones((3, 2)), "weights": np.ones((3, 2, 1)),
        "knots": np.tile([0.0, 1.0, 2.0], (3, 2, 1)), "mean": np.zeros((3, 2)),
        "covariance": np.tile(np.eye(2), (3, 1, 1)),
    }  # fmt: skip
    return _npz(**{f"splines_{name}": value for name, value in (arrays | changed).items()})


def _trees(**changed) -> bytes:
    arrays = {
        "intercept": np.zeros(2), "starts": np.array([0, 1]), "feature": np.zeros((3, 3), int),
        "threshold": np.full((3, 3), np.inf), "value": np.zeros((3, 4)),
        "ratios": np.array([[0, 1]]), "mean": np.zeros((2, 2)),
        "covariance": np.tile(np.eye(2), (2, 1, 1)),
    }  # fmt: skip
    return _npz(**{f"trees_{name}": value for name, value in (arrays | changed).items()})


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "must be an .npz file"),
        (b"PK\x03\x04 and no more", "must be an .npz file"),
        (_splines(slopes=np.array([None])), "must be an .npz file"),
        (_npz(forest=np.zeros(3)), "must hold the arrays of splines or trees, got forest"),
        (_splines(mean=np.zeros((3, 1))), "mean of|covariance of"),
        (_splines(slopes=np.full((3, 2), np.nan)), "slopes of the refits must be finite"),
        (_splines(slopes=np.ones((3, 2), int)), "must hold numbers, got int64"),
        (_splines(knots=np.zeros((3, 2, 3))), "knots of the refits must rise"),
        (_splines(knots=np.array(1.0)), "slopes|knots of the refits must be finite"),
        (_splines(intercept=np.array(1.0)), "mean of the refits must be finite"),
        (_trees(value=np.array(1.0)), "of the refits must be finite"),
        (_trees(ratios=np.array(1)), "of the refits must be finite"),
        (_splines(covariance=np.zeros((3, 2, 2))), "positive definite"),
        (_trees(feature=np.full((3, 3), 3)), "must ask about 3 values"),
        (_trees(feature=np.zeros((3, 3))), "must hold numbers, got float64"),
        (_trees(ratios=np.array([[0, 2]])), "must ask about 2 values"),
        (_trees(starts=np.array([0, 0])), "each refit must have its trees"),
        (_trees(starts=np.array([0, 3])), "each refit must have its trees"),
        (_trees(value=np.full((3, 4), np.inf)), "value of the refits must be finite"),
        (_trees(threshold=np.full((3, 3), np.nan)), "threshold of the refits must be finite"),
    ],
)  # fmt: skip
def test_a_file_of_anything_else_is_refused(content, told) -> None:
    """A broken, foreign or misshapen file is told as such."""
    with pytest.raises(BundleError, match=told):
        CurvedRefits.from_bytes(content)


def test_files_made_by_hand_are_read() -> None:
    """The arrays above are whole but for what each case changes."""
    for content in (_splines(), _trees()):
        assert CurvedRefits.from_bytes(content).mean.shape[1] == 2


def test_a_model_without_arrays_has_no_refits(clinic) -> None:
    """It stores nothing and says so."""
    X, y = clinic(150, 4)
    parts = build_candidate("zero", WHICH)
    foreign = make_pipeline(parts[0], parts[1], LogisticRegression(max_iter=10_000)).fit(X, y)
    told: list[str] = []
    assert refit(lambda: None, X, y, seed=1, fitted=foreign, say=told.append) is None
    assert told == ["no refits: this kind of model has no interval yet"]


def test_a_level_or_number_out_of_range_is_told(clinic, fitted) -> None:
    """Messages say what must hold and what was given."""
    pipeline, refits, X = fitted
    men = _known(pipeline, X[:3])
    for of in (refits, _redraw(pipeline)):
        with pytest.raises(ValueError, match=r"level must lie in \(0, 1\), got 90"):
            of.interval(*men, level=90)
    X, y = clinic(150, 4)
    few = np.zeros(150, dtype=int)
    few[:1] = 1
    for wrong, n, message in ((y, 0, "n_refits must be at least 1, got 0"),
                              (few, 1, "5 men of each class, got 1 in one of 150")):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            refit(lambda: None, X, wrong, n_refits=n, seed=1, fitted=pipeline)


@pytest.fixture(scope="module")
def straight(clinic):
    """Return the default model and men, some of whom lack values."""
    X, y = clinic(300, 1)
    return build_candidate("published", WHICH).fit(X, y), clinic(300, 7)[0]


def test_of_a_straight_model_the_redraw_is_the_exact_one(straight) -> None:
    """Where nothing is censored the draws are within .01 of the normal's interval."""
    pipeline, X = straight
    men = _known(pipeline, X)
    plain = (men[2] == 0).all(axis=1)
    men = tuple(of[plain] for of in men)
    drawn = _redraw(pipeline)
    exact = Redraw(drawn.mean, drawn.covariance, drawn.noise, *affine(pipeline))
    assert np.isnan(men[0]).any()
    difference = np.abs(np.array(drawn.interval(*men)) - np.array(exact.interval(*men)))
    assert difference.max() < 0.01


def _second_samples(mean, covariance, noise, first, random):
    """Draw second samples of two values given first ones, by conditioning one normal."""
    signal = covariance - np.diag(noise**2)
    keep = signal @ np.linalg.inv(covariance)
    spread = covariance - keep @ signal
    size, turn = np.linalg.eigh(spread)
    root = turn * np.sqrt(np.maximum(size, 0.0))
    return mean + (first - mean) @ keep.T + random.standard_normal(first.shape) @ root.T


@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize("censored", [(1,), (0, 1)])
def test_censored_first_samples_are_spread_over_their_side(side: int, censored) -> None:
    """Thirty thousand pairs, kept of 200,000 by the first's sides, agree within .025."""
    random = np.random.default_rng(0)
    mean, noise = np.array([0.3, -0.2]), np.array([0.3, 0.5])
    covariance = np.array([[1.0, 0.4], [0.4, 1.2]])
    limits, sides = np.zeros((1, 2)), np.zeros((1, 2), dtype=int)
    limits[0, censored], sides[0, censored] = 0.4 * side, side
    Z = np.array([[0.9, 0.1]])
    Z[0, censored] = np.nan

    def log_odds(values):
        return values[:, 0] - np.abs(values[:, 1]) ** 1.5

    if censored == (1,):
        slope = covariance[0, 1] / covariance[0, 0]
        sd = math.sqrt(covariance[1, 1] - slope * covariance[0, 1])
        other = mean[1] + slope * (Z[0, 0] - mean[0]) + sd * random.standard_normal(200_000)
        first = np.column_stack([np.full(200_000, Z[0, 0]), other])
    else:
        first = mean + random.standard_normal((200_000, 2)) @ np.linalg.cholesky(covariance).T
    first = first[((first - limits[0]) * sides[0] >= 0).all(axis=1)][:30_000]
    second = _second_samples(mean, covariance, noise, first, random)
    beyond = ((second - limits[0]) * sides[0] > 0) & (sides[0] != 0)
    served = conditional_mean(
        np.where(beyond, np.nan, second), np.where(beyond, limits[0], 0.0),
        np.where(beyond, sides[0], 0), mean, covariance,
    )  # fmt: skip
    expected = expit(np.percentile(log_odds(served), [5, 95]))
    redraw = CurvedRedraw(mean, covariance, noise, log_odds)
    got = np.ravel(redraw.interval(Z, limits, sides))
    assert np.abs(got - expected).max() < 0.025


def test_where_a_second_sample_changes_nothing_the_bounds_meet(straight) -> None:
    """Without noise the second sample is the first."""
    pipeline, X = straight
    men = tuple(of[:40] for of in _known(pipeline, X))
    plain = (men[2] == 0).all(axis=1)
    men = tuple(of[plain] for of in men)
    drawn = _redraw(pipeline)
    fixed = CurvedRedraw(drawn.mean, drawn.covariance, 0.0 * drawn.noise, drawn.log_odds)
    low, high = fixed.interval(*men)
    completed = conditional_mean(*men, drawn.mean, drawn.covariance)
    assert np.abs(logit(low) - drawn.log_odds(completed)).max() < 1e-6
    assert np.abs(logit(high) - logit(low)).max() < 1e-6


def test_contributions_sum_to_the_served_log_odds(fitted) -> None:
    """Whatever a man lacks, within 1e-9; and the log-odds are the pipeline's."""
    pipeline, _, X = fitted
    explainer = Explainer(pipeline, PREDICTORS[WHICH])
    told = explainer.explain(X[:60])
    assert told.check() < 1e-9
    assert np.abs(told.probability - pipeline.predict_proba(X[:60])[:, 1]).max() < 1e-12
    total = told.base + told.contributions.sum(axis=1)
    assert np.abs(total - told.log_odds).max() < 1e-9
    Z, _, sides = _known(pipeline, X[:60])
    lacks = (np.isnan(Z) & (sides == 0))[:, : len(PREDICTORS[WHICH])]
    assert lacks.any()
    assert not told.contributions[lacks].any()
