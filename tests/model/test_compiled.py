"""The compiled imputer: what the imputer serves, to the bit whoever is with him."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from respredict.model.candidates import build_pipeline, matrix_columns
from respredict.model.censoring import CensoredGaussianImputer
from respredict.model.compiled import CompiledImputer
from respredict.model.joint_normal import conditional_mean
from respredict.model.plans import ABOVE, BELOW, Plan, scaled_tail

WHICH = "hormones+semen"
MEASURED, MISSING = 0, 1


@pytest.fixture(scope="module")
def imputer(clinic) -> CensoredGaussianImputer:
    """Fit the imputer of the widest predictor set."""
    return build_pipeline(WHICH)[0].fit(clinic(500, 0)[0])


def served(compiled: CompiledImputer, X: np.ndarray, at_once: int = 4096) -> np.ndarray:
    """Complete every man, in groups of at most so many."""
    done = np.full((len(X), len(compiled.mean)), np.nan)
    for code, rows, z in compiled.read(X, lambda _: at_once):
        plan = compiled.plan(code)
        for j, value in enumerate(plan.complete(z, plan.away(z))):
            done[rows, j] = value
    return done


def alone(compiled: CompiledImputer, row: np.ndarray) -> np.ndarray:
    """Complete one man, in floats."""
    code, _, z, _ = compiled.read_one(row.tolist())
    plan = compiled.plan(code)
    done = plan.complete(z, plan.away(z))
    assert all(type(value) is float for value in done)
    return np.array(done)


def test_men_are_completed_as_the_imputer_does(imputer, clinic):
    """Complete, missing, azoospermic and up to three times censored, within 1e-12."""
    X = clinic(3000, 1)[0]
    X.loc[(X.index % 5 == 0) & X["testosterone_ng_dl"].notna(), "testosterone_censor"] = 1.0
    censored = np.count_nonzero(imputer.split(X.to_numpy())[2], axis=1)
    expected = imputer.transform(X)
    assert set(censored) >= {0, 1, 2, 3}
    assert np.abs(served(CompiledImputer(imputer), X.to_numpy()) - expected).max() < 1e-12


@pytest.mark.parametrize("at_once", [1, 2, 37])
def test_bits_do_not_depend_on_who_is_with_him(imputer, clinic, at_once):
    """Alone in floats, in small groups and in large ones: the same bits."""
    compiled, X = CompiledImputer(imputer), clinic(600, 2)[0].to_numpy()
    whole = served(compiled, X)
    assert served(compiled, X, at_once).tobytes() == whole.tobytes()
    assert np.array([alone(compiled, row) for row in X[:200]]).tobytes() == whole[:200].tobytes()


def test_chunks_and_layouts_give_the_same_bits(imputer, clinic):
    """Men beyond the first chunk, and rows that lie apart in memory, are read alike."""
    compiled, X = CompiledImputer(imputer), clinic(500, 3)[0].to_numpy()
    whole = served(compiled, X)
    many = np.tile(X, (40, 1))
    apart = np.zeros((len(X), 3 * X.shape[1]))
    apart[:, ::3] = X
    assert served(compiled, many).tobytes() == np.tile(whole, (40, 1)).tobytes()
    for same in (np.asfortranarray(X), apart[:, ::3], np.repeat(X, 2, axis=0)[::2]):
        assert served(compiled, same).tobytes() == whole.tobytes()


def test_one_man_is_split_as_the_imputer_splits_many(imputer, clinic):
    """Values, limits and sides have the same bits, types and shapes."""
    compiled, X = CompiledImputer(imputer), clinic(150, 4)[0].to_numpy()
    for i in range(len(X)):
        for one, whole in zip(
            compiled.split(X[i : i + 1]), imputer.split(X[i : i + 1]), strict=True
        ):
            assert (one.dtype, one.shape) == (whole.dtype, whole.shape)
            assert one.tobytes() == whole.tobytes()
    assert all(map(np.array_equal, compiled.split(X)[1:], imputer.split(X)[1:]))


COLUMNS = matrix_columns(WHICH)
BAD = {
    "a value with no log": {"lh_iu_l": 0.0},
    "a negative value": {"bmi_kg_m2": -1.0},
    "another side": {"estradiol_censor": 2.0},
    "no side": {"fsh_censor": np.nan},
    "a side of nothing": {"testosterone_ng_dl": np.nan, "testosterone_censor": -1.0},
    "no side of nothing": {"testosterone_ng_dl": np.nan, "testosterone_censor": np.nan},
    "a count below 0": {"sperm_concentration_m_ml": -2.0},
    "a count below a limit of 0": {
        "sperm_concentration_m_ml": 0.0, "sperm_concentration_censor": -1.0,
    },
    "two faults": {"lh_censor": 3.0, "bmi_kg_m2": 0.0},
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD.values(), ids=BAD)
@pytest.mark.parametrize("n", [1, 300])
def test_what_the_imputer_refuses_is_refused_in_its_words(imputer, clinic, fault, n):
    """One man or many, the sentence is the imputer's own."""
    X = clinic(300, 5)[0].iloc[-n:].to_numpy(copy=True)
    for name, value in fault.items():
        X[-1, COLUMNS.index(name)] = value
    with pytest.raises(ValueError, match=r"must .*\. ") as expected:
        imputer.split(X)
    compiled = CompiledImputer(imputer)
    with pytest.raises(ValueError, match=r"must .*\. ") as got:
        compiled.read_one(X[0].tolist()) if n == 1 else served(compiled, X)
    assert str(got.value) == str(expected.value)


@pytest.mark.parametrize("column", ["age_years", "lh_iu_l"])
@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize("n", [1, 300])
def test_an_infinite_value_is_refused(imputer, clinic, column, value, n):
    """As the pipeline refuses it."""
    X = clinic(300, 6)[0].iloc[-n:].to_numpy(copy=True)
    X[-1, COLUMNS.index(column)] = value
    compiled = CompiledImputer(imputer)
    with pytest.raises(ValueError, match=r"must be (finite|above 0)"):
        compiled.read_one(X[0].tolist()) if n == 1 else served(compiled, X)


def test_nobody_is_no_reason_to_refuse(imputer):
    """A matrix without rows gives no groups."""
    assert served(CompiledImputer(imputer), np.empty((0, len(COLUMNS)))).shape == (0, 8)


@pytest.mark.parametrize("width", [8, 9, 32])
def test_wide_matrices_are_sorted_too(width):
    """Patterns of up to 32 measurements have codes of their own."""
    random = np.random.default_rng(width)
    X = random.standard_normal((400, width)) + random.standard_normal((400, 1))
    X[random.random(X.shape) < 0.05] = np.nan
    X[0], X[1, :-1] = np.nan, np.nan
    imputer = CensoredGaussianImputer(max_iter=5, tol=1.0).fit(X)
    compiled = CompiledImputer(imputer)
    assert np.abs(served(compiled, X) - imputer.transform(X)).max() < 1e-10
    assert np.array_equal(alone(compiled, X[1]), served(compiled, X)[1])


def test_matrices_too_wide_are_refused():
    """A 33rd measurement has no bits left."""
    imputer = CensoredGaussianImputer(max_iter=1, tol=np.inf)
    imputer.fit(np.random.default_rng(0).standard_normal((50, 33)))
    with pytest.raises(ValueError, match=r"must be at most 32, got 33\. Leave some out\."):
        CompiledImputer(imputer)


def test_it_goes_to_another_process(imputer, clinic):
    """A copy by pickle serves the same bits."""
    compiled, X = CompiledImputer(imputer), clinic(50, 7)[0].to_numpy()
    copy = pickle.loads(pickle.dumps(compiled))
    assert served(copy, X).tobytes() == served(compiled, X).tobytes()


@st.composite
def games(draw):
    """Draw a joint normal, what some men have of it, and their values."""
    n = draw(st.integers(1, 4))
    kind = tuple(
        draw(st.lists(st.sampled_from((MEASURED, MISSING, BELOW, ABOVE)), min_size=n, max_size=n))
    )
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    root = random.standard_normal((n, n + 2))
    mean, S = random.standard_normal(n), root @ root.T + 0.05 * np.eye(n)
    spread = draw(st.sampled_from((0.1, 1.0, 5.0)))
    return kind, mean, S, mean + spread * random.standard_normal((5, n))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(games())
def test_any_pattern_is_completed_by_its_conditional_mean(drawn):
    """Whatever is measured, missing, below and above: the mean, and one man's bits."""
    kind, mean, S, values = drawn
    state = np.array(kind)
    plan = Plan(kind, mean, S)
    z = [np.ascontiguousarray(values[:, j]) for j in range(len(kind))]
    done = plan.complete(z, plan.away(z))
    sides = np.broadcast_to(np.select([state == BELOW, state == ABOVE], [-1, 1]), values.shape)
    Z = np.where(state == MEASURED, values, np.nan)
    expected = conditional_mean(Z, values, sides, mean, S)

    together = np.column_stack(np.broadcast_arrays(*done, z[0]))[:, :-1]
    assert np.allclose(together, expected, rtol=1e-10, atol=1e-10)
    for i, row in enumerate(values.tolist()):
        assert np.array(plan.complete(row, plan.away(row))).tobytes() == together[i].tobytes()


def test_the_scaled_tail_is_the_same_for_one_and_for_many():
    """A float gives a float of the same bits, however far out."""
    x = np.concatenate([np.linspace(-40, 40, 401), [-1e6, 1e6]])
    many = scaled_tail(x)
    assert [scaled_tail(value) for value in x.tolist()] == many.tolist()
