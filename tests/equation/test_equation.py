"""An equation: the model's probability, a formula's value, and its file."""

from __future__ import annotations

import ast
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from respredict.equation import Equation, Term, equation_of, read_equation
from respredict.errors import InputError
from respredict.lifecycle.external import judge_equation
from respredict.model.candidates import build_candidate, matrix_columns
from tests.conftest import COHORT

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "report"
SEMEN = Equation(
    "with semen", "concentration", "up a category", -2.25,
    (
        Term("linear", "age", "a", -0.0125),
        Term("ln_ratio", "testosterone", "nmol/L", 0.83, "lh", "[IU]/L"),
        Term("ratio", "testosterone", "ng/dL", 0.0031, "estradiol", "pg/mL"),
        Term("ln", "sperm_concentration", "10*6/mL", 0.41),
        Term("is_zero", "sperm_concentration", "10*6/mL", -1.7),
    ),
    "made for this test",
)  # fmt: skip


def spreadsheet(formula, cells):
    """Reckon a formula as a spreadsheet does: a tree of plus, times, LN, EXP and IF."""
    text = formula.removeprefix("=").replace("IF(", "IF_(").replace("=", "==")
    functions = {"EXP": math.exp, "LN": math.log}

    def value(node):
        match node:
            case ast.Expression(body):
                return value(body)
            case ast.Constant(number):
                return number
            case ast.Name(name):
                return cells[name]
            case ast.UnaryOp(ast.USub(), of):
                return -value(of)
            case ast.Compare(left, [ast.Eq()], [right]):
                return value(left) == value(right)
            case ast.BinOp(left, ast.Add(), right):
                return value(left) + value(right)
            case ast.BinOp(left, ast.Sub(), right):
                return value(left) - value(right)
            case ast.BinOp(left, ast.Mult(), right):
                return value(left) * value(right)
            case ast.BinOp(left, ast.Div(), right):
                return value(left) / value(right)
            case ast.Call(ast.Name("IF_"), [test, yes, no]):
                return value(yes if value(test) else no)
            case ast.Call(ast.Name(name), [of]):
                return functions[name](value(of))
        raise AssertionError(ast.dump(node))

    return value(ast.parse(text, mode="eval"))


@pytest.fixture(scope="module")
def men():
    from respredict.cohort import read_cohort
    from respredict.lifecycle.subjects import outcomes

    cohort = read_cohort(COHORT, need=("outcome",), scheme="concentration")
    return cohort.men, outcomes(cohort, "concentration").improved


@pytest.mark.parametrize("predictors", ["hormones", "hormones+semen", "lh+fsh", "t_lh"])
def test_a_formula_gives_the_probability_of_the_model(men, predictors):
    table, improved = men
    known = ~np.isnan(improved)
    X = table.loc[known, list(matrix_columns(predictors))].astype(float).reset_index(drop=True)
    model = build_candidate("published", predictors, random_state=0).fit(X, improved[known])
    meta = {"predictors": predictors, "scheme": "concentration", "name": "respredict",
            "trained_on": {"men": len(X), "kind": "synthetic", "source": "as shipped"}}  # fmt: skip
    equation = equation_of(model, meta)
    p, served = equation.probability(X), model.predict_proba(X)[:, 1]
    complete = ~np.isnan(p)
    assert complete.sum() > 200
    assert np.abs(p - served)[complete].max() < 1e-12
    for i in np.flatnonzero(complete)[:50]:
        assert spreadsheet(equation.formula(), X.iloc[i]) == pytest.approx(served[i], abs=1e-9)


def test_formulas_have_the_values_of_an_outside_implementation():
    told = json.loads((GOLDEN / "formulas.json").read_text(encoding="utf-8"))["equations"]
    equations = (read_equation(GOLDEN / "equation.json"), SEMEN)
    for golden, equation in zip(told, equations, strict=True):
        assert equation.formula() == golden["formula"]
        for row in golden["rows"]:
            assert spreadsheet(golden["formula"], row) == pytest.approx(row["p"], abs=1e-12)


def test_a_curved_model_has_no_equation(men):
    table, improved = men
    known = ~np.isnan(improved)
    X = table.loc[known, list(matrix_columns("t_lh"))].astype(float)
    model = build_candidate("splines", "t_lh", random_state=0).fit(X, improved[known])
    assert equation_of(model, {"predictors": "t_lh"}) is None


@given(t=st.floats(50, 1500), lh=st.floats(0.2, 60), count=st.sampled_from([0.0, 0.5, 7.8]))
def test_an_equation_takes_each_value_in_its_own_unit(t, lh, count):
    man = {"age_years": 34.0, "testosterone_ng_dl": t, "lh_iu_l": lh, "estradiol_pg_ml": 30.0,
           "sperm_concentration_m_ml": count}  # fmt: skip
    seen = math.log(count) if count else 0.0
    total = (-2.25 - 0.0125 * 34 + 0.83 * math.log(t / 28.842 / lh) + 0.0031 * t / 30
             + 0.41 * seen - 1.7 * (count == 0))  # fmt: skip
    assert SEMEN.probability(pd.DataFrame([man]))[0] == pytest.approx(
        1 / (1 + math.exp(-total)), abs=1e-12
    )


@pytest.mark.parametrize(
    ("column", "value"),
    [("lh_iu_l", math.nan), ("lh_censor", -1.0), ("estradiol_pg_ml", 0.0), ("age_years", math.nan)],
)
def test_a_man_without_a_value_has_no_probability(column, value):
    man = {"age_years": 34.0, "testosterone_ng_dl": 300.0, "lh_iu_l": 4.0, "lh_censor": 0.0,
           "estradiol_pg_ml": 30.0, "sperm_concentration_m_ml": 2.0}  # fmt: skip
    assert np.isnan(SEMEN.probability(pd.DataFrame([man | {column: value}]))[0])


def test_a_logarithm_of_none_is_unknown_where_no_term_says_zero():
    alone = Equation("one", "who", "up", 0.0, SEMEN.terms[3:4], "made for this test")
    assert np.isnan(alone.probability(pd.DataFrame({"sperm_concentration_m_ml": [0.0]}))[0])


def test_what_is_written_is_read_back(tmp_path):
    file = tmp_path / "one.json"
    file.write_text(json.dumps(SEMEN.as_dict()), encoding="utf-8")
    assert read_equation(file) == SEMEN
    assert SEMEN.inputs()[1] == ("testosterone", "nmol/L")


def changed(**parts):
    return SEMEN.as_dict() | parts


def with_term(**parts):
    told = SEMEN.as_dict()
    told["terms"][1].update(parts)
    return told


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ([], r"format must be respredict-equation/1, got 'list'"),
        (changed(format="x"), r"format must be respredict-equation/1, got 'x'"),
        (changed(citation=" "), r"citation must be text, got ' '"),
        (changed(intercept="a"), r"intercept must be a number, got 'a'"),
        (changed(intercept=math.inf), r"intercept must be a number, got inf"),
        (changed(terms=[]), r"terms must be a list of at least one, got \[\]"),
        (changed(terms=[1]), r"terms\[0\] must be an object, got 1"),
        (changed(extra=1), r"an equation must hold .*, got extra missing or unknown"),
        (changed(outcome=None), r"outcome must hold scheme and definition, got None"),
        (changed(outcome={"scheme": "wh", "definition": ""}),
         r"outcome\.scheme must be one of concentration, who, tmsc, got 'wh'\. Did you mean 'who'"),
        (with_term(transform="log"), r"terms\[1\]\.transform must be one of .*, got 'log'"),
        (with_term(input="testosteron"),
         r"terms\[1\]\.input must be one of .*, got 'testosteron'\. Did you mean 'testosterone'"),
        (with_term(unit="pg/mL"), r"terms\[1\]\.unit must be a unit of testosterone \(ng/dL"),
        (with_term(over_unit="ng/dL"), r"terms\[1\]\.over_unit must be a unit of lh"),
        (with_term(coefficient=True), r"terms\[1\]\.coefficient must be a number, got True"),
        (with_term(transform="ln"), r"terms\[1\] must hold .*, got over, over_unit missing"),
    ],
)  # fmt: skip
def test_an_equation_that_breaks_a_rule_is_refused(tmp_path, told, message):
    file = tmp_path / "one.json"
    file.write_text(json.dumps(told), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_equation(file)


@pytest.mark.parametrize(("text", "message"), [(None, "No such file"), ("{", "Expecting")])
def test_a_file_that_is_no_json_is_refused(tmp_path, text, message):
    file = tmp_path / "one.json"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=f"equation one.json must be a readable JSON.*{message}"):
        read_equation(file)


def test_a_published_equation_is_judged_on_the_men_who_have_its_values(men, tmp_path):
    from respredict.validation.discrimination import measured_auc

    file = tmp_path / "one.json"
    file.write_text(json.dumps(SEMEN.as_dict()), encoding="utf-8")
    told = judge_equation(file, COHORT, thresholds=(0.4,))
    table, improved = men
    p = SEMEN.probability(table)
    kept = ~np.isnan(p) & ~np.isnan(improved)
    assert told["n"] == kept.sum()
    assert told["n"] + sum(told["left_out"].values()) == len(table)
    assert told["auc"] == measured_auc(improved[kept].astype(int), p[kept], level=0.9).as_dict()
    assert set(told["groups"]) == {"site-a", "site-b", "site-c"}
    assert told["equation"]["citation"] == "made for this test"
    assert told["cohort"]["kind"] == "synthetic"
