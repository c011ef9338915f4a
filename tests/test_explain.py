"""The explanation: contributions that sum to the number served, exactly, for every man."""

from __future__ import annotations

import dataclasses
import math
import pickle
import warnings
from functools import cache
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import SplineTransformer

from respredict.cohort import read_cohort
from respredict.errors import ExplanationError
from respredict.explain import Explained, Explainer
from respredict.lifecycle.training import outcomes
from respredict.model.candidates import PREDICTORS, build_pipeline, matrix_columns
from respredict.model.joint_normal import conditional_mean
from respredict.model.logistic import ShrunkenLogistic
from respredict.synthetic import write_cohort
from tests.conftest import COHORT

Floats = NDArray[np.float64]

MEN = 1000
EVERY = [(which, to) for which in PREDICTORS for to in ("published", "zero")]
every_model = pytest.mark.parametrize(("which", "to"), EVERY, ids=[f"{w}-{t}" for w, t in EVERY])
#: Assays that stop early, so that a man may have several values on one side of a limit.
STOPS = {"lh": (2.5, -1), "fsh": (15.0, 1), "sperm_concentration": (0.5, -1)}


@pytest.fixture(scope="module")
def men(tmp_path_factory) -> pd.DataFrame:
    """Simulate men, written and read back: complete, missing and censored."""
    path = tmp_path_factory.mktemp("simulated") / "men.csv"
    write_cohort(path, MEN, seed=41)
    X = read_cohort(path).men[list(matrix_columns("hormones+semen"))].astype(float)
    some = np.arange(MEN) % 2 == 0
    for name, (limit, side) in STOPS.items():
        column = X.columns[PREDICTORS["hormones+semen"].index(name)]
        beyond = some & (X[column] * side > limit * side) & (X[column] > 0)
        X.loc[beyond, [column, f"{name}_censor"]] = limit, side
    return X


@pytest.fixture(scope="module")
def fitted():
    """Return the function that fits a predictor set to the shipped cohort, once."""
    cohort = read_cohort(COHORT, need=("outcome",))
    improved = outcomes(cohort, "concentration").improved
    known = ~np.isnan(improved)
    y = improved[known].astype(int)

    @cache
    def fit(which: str = "hormones", to: str = "published") -> Pipeline:
        X = cohort.men.loc[known, list(matrix_columns(which))].astype(float)
        return build_pipeline(which, to).fit(X, y)

    def with_classifier(*steps: Any) -> Pipeline:
        """Put other steps behind the same features."""
        head = fit()[:2]
        X = cohort.men.loc[known, list(matrix_columns())].astype(float)
        tail = Pipeline([(f"step{i}", step) for i, step in enumerate(steps)])
        tail.fit(head.transform(X), y)
        return Pipeline([*head.steps, *tail.steps])

    fit.with_classifier = with_classifier
    return fit


def explained(pipeline: Pipeline, which: str, X: pd.DataFrame) -> Explained:
    """Explain men by a pipeline."""
    return Explainer(pipeline, PREDICTORS[which]).explain(X[list(matrix_columns(which))])


@pytest.fixture(scope="module")
def all_told(fitted, men):
    """Return the function that explains all the men by a model, once."""
    return cache(lambda which, to: explained(fitted(which, to), which, men))


def states(X: pd.DataFrame, which: str) -> NDArray[np.int64]:
    """Return of each man what he has (0), lacks (9) and half-knows (-1, 1), by input."""
    n = len(PREDICTORS[which])
    values = X[list(matrix_columns(which))].to_numpy()[:, :n]
    sides = np.column_stack(
        [X.get(f"{name}_censor", pd.Series(0.0, X.index)) for name in PREDICTORS[which]]
    )
    return np.where(np.isnan(values), 9, sides).astype(np.int64)


def of_every_pattern(X: pd.DataFrame, which: str, n: int) -> pd.DataFrame:
    """Choose men so that each pattern is met before any is met again, n or one of each."""
    _, which_pattern = np.unique(states(X, which), axis=0, return_inverse=True)
    again = pd.Series(which_pattern.ravel()).groupby(which_pattern.ravel()).cumcount()
    order = np.argsort(again.to_numpy(), kind="stable")
    return X.iloc[order[: max(n, which_pattern.max() + 1)]]


class Game:
    """Coalitions scored through the pipeline, by nothing but its own public steps.

    Whoever is absent takes the reference man's value: exp of the mean log in the raw
    row. The azoospermic share of the reference man is no raw value, so with semen the
    same is done to the imputer's split row.
    """

    def __init__(self, pipeline: Pipeline, which: str) -> None:
        self.pipeline, self.inputs = pipeline, PREDICTORS[which]
        self.columns = list(matrix_columns(which))
        self.semen = "sperm_concentration" in self.inputs
        imputer = pipeline[0]
        logged = imputer.logged_
        natural = imputer.mean_[: len(logged)].copy()
        natural[logged] = np.exp(natural[logged])
        self.reference = natural

    def log_odds(self, rows: Floats, absent: NDArray[np.bool_]) -> Floats:
        """Log-odds of raw rows, each with some inputs at the reference man's values."""
        if self.semen:
            return self._log_odds_split(rows, absent)
        rows = rows.copy()
        for j, name in enumerate(self.inputs):
            rows[absent[:, j], j] = self.reference[j]
            if f"{name}_censor" in self.columns:
                rows[absent[:, j], self.columns.index(f"{name}_censor")] = 0.0
        p = self.pipeline.predict_proba(pd.DataFrame(rows, columns=self.columns))
        return logit(p[:, 1])

    def _log_odds_split(self, rows: Floats, absent: NDArray[np.bool_]) -> Floats:
        imputer = self.pipeline[0]
        Z, limits, censor = imputer.split(rows)
        gone = np.column_stack([absent, absent[:, self.inputs.index("sperm_concentration")]])
        Z, censor = np.where(gone, imputer.mean_, Z), np.where(gone, 0, censor)
        served = conditional_mean(Z, limits, censor, imputer.mean_, imputer.covariance_)
        return logit(self.pipeline[1:].predict_proba(served)[:, 1])

    def players(self, row: Floats) -> NDArray[np.int64]:
        """Return the inputs that a man has, as a value or as a side."""
        return np.flatnonzero(~np.isnan(row[: len(self.inputs)]))

    def values(self, X: pd.DataFrame) -> tuple[Floats, Floats]:
        """Return base and contributions of each man, by the definition.

        An input's contribution is what it adds when it becomes known, averaged over
        every order in which the man's inputs can become known.
        """
        rows = X[self.columns].to_numpy()
        base, phi = np.zeros(len(rows)), np.zeros((len(rows), len(self.inputs)))
        players = [self.players(row) for row in rows]
        for k in {len(p) for p in players}:
            at = np.array([i for i, p in enumerate(players) if len(p) == k])
            who = np.array([players[i] for i in at])
            present = (np.arange(1 << k)[:, None] >> np.arange(k) & 1).astype(bool)
            absent = np.zeros((len(at), 1 << k, len(self.inputs)), dtype=bool)
            for m, them in enumerate(who):
                absent[m][:, them] = ~present
            flat = self.log_odds(
                np.repeat(rows[at], 1 << k, axis=0), absent.reshape(-1, len(self.inputs))
            )
            worth = flat.reshape(len(at), 1 << k)
            base[at] = worth[:, 0]
            phi[at[:, None], who] = worth @ over_all_orders(k)
        return base, phi


@cache
def over_all_orders(k: int) -> Floats:
    """Return how much the worth of each coalition counts for each of k players."""
    count = np.zeros((1 << k, k))
    for order in permutations(range(k)):
        known = 0
        for i in order:
            count[known, i] -= 1.0
            known |= 1 << i
            count[known, i] += 1.0
    return count / math.factorial(k)


def test_the_men_are_of_every_kind(men: pd.DataFrame):
    """Among them are complete, missing, azoospermic, and once, twice and more often censored."""
    state = states(men, "hormones+semen")
    lacks, sides = (state == 9).any(axis=1), np.count_nonzero(np.abs(state) == 1, axis=1)
    assert len(men) == MEN
    assert np.count_nonzero(~lacks & (sides == 0)) > 100
    assert np.count_nonzero(lacks & (sides == 0)) > 100
    assert np.count_nonzero(sides == 1) > 100
    assert np.count_nonzero(~lacks & (sides == 2)) > 10
    assert np.count_nonzero(lacks & (sides > 1)) > 5
    assert np.count_nonzero(men["sperm_concentration_m_ml"] == 0) > 50


@every_model
def test_contributions_sum_to_the_log_odds_served(fitted, men, all_told, which, to):
    """Base and contributions of 1,000 men sum to logit(predict_proba) within 1e-9."""
    pipeline = fitted(which, to)
    told = all_told(which, to)
    p = pipeline.predict_proba(men[list(matrix_columns(which))])[:, 1]

    total = told.base + told.contributions.sum(axis=1)
    assert np.abs(total - logit(p)).max() < 1e-9
    assert np.abs(told.probability - p).max() < 1e-12
    assert np.abs(told.log_odds - logit(p)).max() < 1e-9
    assert told.check() < 1e-9
    assert told.contributions.shape == (MEN, len(PREDICTORS[which]))


@every_model
def test_contributions_are_shapleys_through_the_pipeline(fitted, men, which, to):
    """Men of every pattern get the average over all orders, scored by the fitted pipeline."""
    pipeline = fitted(which, to)
    some = of_every_pattern(men, which, 100)
    base, phi = Game(pipeline, which).values(some)
    told = explained(pipeline, which, some)

    assert np.abs(told.contributions - phi).max() < 1e-9
    assert np.abs(told.base - base).max() < 1e-9


def test_contributions_are_those_of_shaps_exact_explainer(fitted, men):
    """``shap.explainers.Exact`` on the coalitions of 15 men of as many patterns agrees."""
    with warnings.catch_warnings():
        # Its plots use what matplotlib is about to drop.
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        import shap

    def in_or_out(mask, ones):
        return ((mask * ones)[None, :],)

    some = of_every_pattern(men, "hormones", 15).iloc[:15]
    told = explained(fitted(), "hormones", some)
    game = Game(fitted(), "hormones")
    for man, row in enumerate(some[game.columns].to_numpy()):
        players = game.players(row)

        def score(present, row=row, players=players):
            absent = np.zeros((len(present), len(game.inputs)), dtype=bool)
            absent[:, players] = present < 0.5
            return game.log_odds(np.tile(row, (len(present), 1)), absent)

        found = shap.explainers.Exact(score, in_or_out)(np.ones((1, len(players))))
        expected = np.zeros(len(game.inputs))
        expected[players] = found.values[0]
        assert np.abs(told.contributions[man] - expected).max() < 1e-9
        assert told.base == pytest.approx(float(np.ravel(found.base_values)[0]), abs=1e-9)


@pytest.mark.parametrize("which", ["hormones", "hormones+semen"])
def test_a_mans_explanation_does_not_depend_on_who_is_with_him(fitted, men, which):
    """Batches of 1, 7 and 2,000 give the same bits."""
    explainer = Explainer(fitted(which), PREDICTORS[which])
    X = np.tile(men[list(matrix_columns(which))].to_numpy(), (2, 1))
    X = X[np.random.default_rng(5).permutation(len(X))]
    assert len(X) == 2000
    whole = explainer.explain(X)
    for size, until in ((1, 35), (7, 105)):
        for start in range(0, until, size):
            rows = slice(start, start + size)
            part = explainer.explain(X[rows])
            for name in ("log_odds", "probability", "contributions", "completed"):
                together = np.ascontiguousarray(getattr(whole, name)[rows])
                assert getattr(part, name).tobytes() == together.tobytes(), (size, start, name)
            assert part.base == whole.base


FIELDS = ("log_odds", "probability", "contributions", "completed")


def same_bits(one: Explained, other: Explained) -> bool:
    """Return whether two explanations agree to the last bit."""
    pairs = [(getattr(one, name), getattr(other, name)) for name in FIELDS]
    return all(np.ascontiguousarray(a).tobytes() == np.ascontiguousarray(b).tobytes()
               for a, b in pairs)  # fmt: skip


def test_chunks_layouts_and_types_give_the_same_bits(fitted, men):
    """Men of later chunks, rows apart in memory, frames and single precision are read alike."""
    explainer = Explainer(fitted(), PREDICTORS["hormones"])
    frame = men[list(matrix_columns())]
    X = frame.to_numpy(dtype=np.float64)
    whole = explainer.explain(X)
    again = explainer.explain(np.tile(X, (40, 1)))
    for name in FIELDS:
        repeated = np.concatenate([getattr(whole, name)] * 40)
        assert np.array_equal(getattr(again, name), repeated)
    apart = np.zeros((len(X), 2 * X.shape[1]))
    apart[:, ::2] = X
    for same in (frame, np.asfortranarray(X), apart[:, ::2], np.repeat(X, 3, axis=0)[::3]):
        assert same_bits(explainer.explain(same), whole)
    single = X.astype(np.float32)
    assert same_bits(explainer.explain(single), explainer.explain(single.astype(np.float64)))
    for i in range(20):
        assert same_bits(explainer.explain(frame.iloc[i : i + 1]), whole.take(i))
        assert same_bits(explainer.explain(apart[i : i + 1, ::2]), whole.take(i))


@every_model
def test_the_probability_alone_has_the_bits_of_the_explained_one(fitted, men, which, to):
    """It equals predict_proba within 1e-12 too, for one man and for all."""
    pipeline = fitted(which, to)
    explainer = Explainer(pipeline, PREDICTORS[which])
    X = men[list(matrix_columns(which))]
    p = explainer.probability(X)
    assert p.tobytes() == explainer.explain(X).probability.tobytes()
    assert np.abs(p - pipeline.predict_proba(X)[:, 1]).max() < 1e-12
    for i in range(50):
        assert explainer.probability(X.iloc[i : i + 1]).tobytes() == p[i : i + 1].tobytes()


def test_nobody_is_explained_and_nobody_is_missed(fitted):
    """A matrix without rows gives an explanation without rows."""
    explainer = Explainer(fitted(), PREDICTORS["hormones"])
    nobody = np.empty((0, len(matrix_columns())))
    told = explainer.explain(nobody)
    assert told.contributions.shape == (0, 6)
    assert told.completed.shape == (0, 6)
    assert explainer.probability(nobody).shape == (0,)
    assert told.check() == 0.0


@pytest.mark.parametrize("n", [1, 50])
@pytest.mark.parametrize("method", ["explain", "probability", "split"])
def test_what_the_imputer_refuses_is_refused(fitted, men, n, method):
    """A value without a log is refused in the imputer's words, whoever is with him."""
    X = men[list(matrix_columns())].to_numpy(copy=True)[:n]
    X[n - 1, PREDICTORS["hormones"].index("lh")] = 0.0
    explainer = Explainer(fitted(), PREDICTORS["hormones"])
    with pytest.raises(ValueError, match=r"lh_iu_l must be above 0, got 0\. Leave a value"):
        getattr(explainer, method)(X)


def test_the_explainer_goes_to_another_process(fitted, men):
    """A copy by pickle, after use, explains with the same bits."""
    explainer = Explainer(fitted(), PREDICTORS["hormones"])
    X = men[list(matrix_columns())].head(40)
    whole = explainer.explain(X)
    assert same_bits(pickle.loads(pickle.dumps(explainer)).explain(X), whole)


def test_the_explainer_splits_as_the_imputer_does(fitted, men):
    """What the intervals take has the imputer's bits, one man or many."""
    explainer = Explainer(fitted("hormones+semen"), PREDICTORS["hormones+semen"])
    X = men[list(matrix_columns("hormones+semen"))].to_numpy()[:60]
    imputer = fitted("hormones+semen")[0]
    for rows in (slice(0, 60), *(slice(i, i + 1) for i in range(60))):
        for part, expected in zip(explainer.split(X[rows]), imputer.split(X[rows]), strict=True):
            assert part.tobytes() == expected.tobytes()


#: How a value may be known, and in what range: hormones as laboratories report them.
KNOWN = st.sampled_from(("measured", "missing", "below", "above"))
RANGES = {
    "age": (18.0, 80.0), "bmi": (15.0, 60.0), "testosterone": (20.0, 1500.0),
    "estradiol": (3.0, 150.0), "lh": (0.1, 50.0), "fsh": (0.1, 70.0),
    "sperm_concentration": (0.0, 300.0),
}  # fmt: skip


@st.composite
def anybody(draw, which: str) -> Floats:
    """Draw a man with any values, each measured, missing or on a side of a limit."""
    columns, row = matrix_columns(which), np.zeros(len(matrix_columns(which)))
    for j, name in enumerate(PREDICTORS[which]):
        low, high = RANGES[name]
        row[j], known = draw(st.floats(low, high)), draw(KNOWN)
        side = columns.index(f"{name}_censor") if f"{name}_censor" in columns else None
        if known == "missing":
            row[j] = np.nan
        elif side is not None and known in ("below", "above") and row[j] > 0:
            row[side] = -1.0 if known == "below" else 1.0
    return row


def check_anybody(pipeline: Pipeline, which: str, rows: Floats) -> None:
    """Sum, probability, definition and bits of drawn men."""
    explainer = Explainer(pipeline, PREDICTORS[which])
    told = explainer.explain(rows)
    p = pipeline.predict_proba(pd.DataFrame(rows, columns=matrix_columns(which)))[:, 1]
    base, phi = Game(pipeline, which).values(pd.DataFrame(rows, columns=matrix_columns(which)))
    assert told.check() < 1e-9
    assert np.abs(told.probability - p).max() < 1e-12
    assert np.abs(told.contributions - phi).max() < 1e-9
    assert np.abs(told.base - base).max() < 1e-9
    for i in range(len(rows)):
        assert same_bits(explainer.explain(rows[i : i + 1]), told.take(i))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(anybody("hormones"), min_size=2, max_size=4))
def test_anybody_is_explained_exactly(fitted, rows):
    """Any value, any pattern: the pipeline's probability, Shapley's values, his own bits."""
    check_anybody(fitted(), "hormones", np.array(rows))


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(anybody("hormones+semen"), min_size=2, max_size=3))
def test_anybody_is_explained_exactly_with_semen(fitted, rows):
    """The state of zero beside a count makes no difference to that."""
    check_anybody(fitted("hormones+semen"), "hormones+semen", np.array(rows))


@every_model
def test_the_base_is_the_reference_mans_log_odds(fitted, all_told, which, to):
    """The base is the served log-odds of the imputer's means, for every man of the model."""
    pipeline = fitted(which, to)
    explainer = Explainer(pipeline, PREDICTORS[which])
    p = pipeline[1:].predict_proba(pipeline[0].mean_[None, :])[0, 1]

    assert explainer.base == pytest.approx(logit(p), abs=1e-12)
    assert all_told(which, to).base == explainer.base


@every_model
def test_an_input_he_lacks_contributes_nothing(fitted, men, all_told, which, to):
    """What a man lacks gets exactly 0, and a man who lacks everything is the reference man."""
    lacks = states(men, which) == 9
    assert np.all(all_told(which, to).contributions[lacks] == 0.0)

    nobody = men.iloc[:1].assign(**dict.fromkeys(matrix_columns(which), 0.0))
    nobody[list(matrix_columns(which)[: len(PREDICTORS[which])])] = np.nan
    nothing = explained(fitted(which, to), which, nobody)
    assert np.all(nothing.contributions == 0.0)
    assert nothing.log_odds[0] == pytest.approx(nothing.base, abs=1e-12)


@pytest.mark.parametrize("name", PREDICTORS["hormones"])
def test_a_reference_value_contributes_nothing_to_a_complete_man(fitted, men, name):
    """A complete man whose value is the reference man's gets 0 for it."""
    j = PREDICTORS["hormones"].index(name)
    complete = men[(states(men, "hormones") == 0).all(axis=1)].head(20).copy()
    mean = fitted()[0].mean_[j]
    complete[matrix_columns()[j]] = mean if name == "age" else math.exp(mean)
    assert np.abs(explained(fitted(), "hormones", complete).contributions[:, j]).max() < 1e-12


@pytest.mark.parametrize(
    "steps",
    [
        (SplineTransformer(n_knots=4, degree=2), ShrunkenLogistic(scales=(0.3,))),
        (HistGradientBoostingClassifier(max_iter=10, random_state=0),),
    ],
    ids=["spline", "boosting"],
)
def test_a_curved_model_is_enumerated(fitted, men, steps):
    """A model without a closed form gets the same exact values, which sum to what it serves."""
    pipeline = fitted.with_classifier(*steps)
    some = of_every_pattern(men, "hormones", 0)[::3]
    told = explained(pipeline, "hormones", some)
    base, phi = Game(pipeline, "hormones").values(some)
    p = pipeline.predict_proba(some[list(matrix_columns())])[:, 1]

    assert told.check() < 1e-9
    assert np.abs(told.contributions - phi).max() < 1e-9
    assert np.abs(told.base - base).max() < 1e-9
    assert np.abs(told.probability - p).max() < 1e-12
    explainer = Explainer(pipeline, PREDICTORS["hormones"])
    X = some[list(matrix_columns())]
    assert explainer.probability(X).tobytes() == told.probability.tobytes()
    for i in range(0, len(X), 5):
        assert same_bits(explainer.explain(X.iloc[i : i + 1]), told.take(i))
        assert same_bits(explainer.explain(X.iloc[i : i + 7]).take(0), told.take(i))


@pytest.mark.parametrize("wrong", [1e-8, -3.0, np.nan])
def test_contributions_that_miss_the_served_number_are_refused(fitted, men, wrong):
    """One contribution out of place stops the answer, and the message says by how much."""
    told = explained(fitted(), "hormones", men.head(50))
    contributions = told.contributions.copy()
    contributions[17, 2] += wrong
    tampered = dataclasses.replace(told, contributions=contributions)
    with pytest.raises(ExplanationError, match=r"within 1e-09, got an error of .* Do not serve"):
        tampered.check()


def test_a_served_number_that_is_not_the_models_is_refused(fitted, men):
    """A probability changed after the explanation stops the answer too."""
    told = explained(fitted(), "hormones", men.head(5))
    tampered = dataclasses.replace(told, probability=told.probability * 0.999)
    with pytest.raises(ExplanationError, match="must sum to the served log-odds"):
        tampered.check()


def test_no_men_have_no_error(fitted, men):
    """Nobody to explain is no reason to refuse."""
    told = explained(fitted(), "hormones", men.head(1))
    nobody = dataclasses.replace(
        told, log_odds=told.log_odds[:0], probability=told.probability[:0],
        contributions=told.contributions[:0],
    )  # fmt: skip
    assert nobody.check() == 0.0
