"""What was not measured is told before anything is fitted, and so is who is left out."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest

from respredict.cli import main
from respredict.cohort import read_cohort
from respredict.config import PREDICTOR_SETS
from respredict.errors import CohortError
from respredict.lifecycle.measurable import check_measured, unmeasured, unmeasured_in
from respredict.lifecycle.subjects import read_known
from tests.lifecycle.clinics import clinic


@pytest.fixture(scope="module")
def men(tmp_path_factory) -> pd.DataFrame:
    """Draw a clinic's table."""
    return pd.read_csv(clinic(tmp_path_factory.mktemp("measured"), 120, 21), dtype=str)


@pytest.fixture
def table(men, tmp_path, monkeypatch):
    """Return what writes the table with some columns changed, or left out."""
    monkeypatch.setenv("RESPREDICT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.chdir(tmp_path)

    def write(**columns):
        told = 'file = "men.csv"\nkind = "clinical"\nsource = "A"\n'
        confirmed = 'units_confirmed = ["testosterone_ng_dl", "estradiol_pg_ml"]\n'
        (tmp_path / "cohort.toml").write_text(told + confirmed)
        absent = [name for name, value in columns.items() if value is None]
        kept = {name: value for name, value in columns.items() if value is not None}
        men.drop(columns=absent).assign(**kept).to_csv(tmp_path / "men.csv", index=False)
        return tmp_path / "men.csv"

    return write


def few(men: pd.DataFrame, name: str, count: int) -> pd.Series:
    """Keep so many values of a column, of men with a follow-up."""
    column = men[name].where(men["followup_days"].astype(float).between(60, 270))
    kept = column[column.notna() & ~column.str.startswith(("<", ">"), na=True)].index[:count]
    return men[name].where(men.index.isin(kept))


@pytest.mark.parametrize(
    ("changed", "lacking", "sets"),
    [
        ({"lh_iu_l": None}, {"lh_iu_l": (0, "empty")}, ()),
        ({"lh_iu_l": "<0.5"}, {"lh_iu_l": (0, "censored")}, ()),
        ({"estradiol_pg_ml": ""}, {"estradiol_pg_ml": (0, "empty")}, ("lh+fsh", "t_lh")),
        ({"fsh_iu_l": ">60"}, {"fsh_iu_l": (0, "censored")}, ("t_lh",)),
        ({"bmi_kg_m2": None}, {"bmi_kg_m2": (0, "empty")}, ("lh+fsh", "t_lh")),
        ({"testosterone_ng_dl": "", "estradiol_pg_ml": None},
         {"testosterone_ng_dl": (0, "empty"), "estradiol_pg_ml": (0, "empty")}, ("lh+fsh",)),
    ],
    ids=["no-lh", "lh-below", "e2-empty", "fsh-above", "no-bmi", "two"],
)  # fmt: skip
def test_train_refuses_what_was_not_measured(table, tmp_path, capsys, changed, lacking, sets):
    """One error for each predictor, exit 2, and neither a model nor a run."""
    assert main(["train", str(table(**changed)), "--json"]) == 2
    told = capsys.readouterr()
    errors = json.loads(told.out)["errors"]
    assert [e["field"] for e in errors] == list(lacking)
    for error in errors:
        measured, how = lacking[error["field"]]
        assert error["rule"] == "must have at least 10 measured values to be fitted"
        assert error["got"].startswith(f"{measured} measured, ")
        of = re.search(r"([1-9]\d*) (\w+).* in (\d+) men with a known outcome", error["got"])
        assert (of[1], of[2]) == (of[3], how)
        named = re.findall(r'"(.*?)"', error["remedy"])
        assert named == list(sets)
        assert ("no predictor set can be fitted" in error["remedy"]) == (not sets)
    assert "fitting" not in told.err
    assert not (tmp_path / "home").exists()
    assert not (tmp_path / "mlflow.db").exists()


def test_a_validation_compares_all_sets_and_is_refused_before_anything_is_fitted(
    table, tmp_path, capsys
):
    """Without it the model is trained on what was measured."""
    asked = tmp_path / "t_lh.toml"
    asked.write_text('[model]\npredictors = "t_lh"\n')
    words = ["train", str(table(estradiol_pg_ml="")), "--config", str(asked)]
    assert main([*words, "--validate"]) == 2
    told = capsys.readouterr().err
    assert "estradiol_pg_ml must have at least 10" in told
    assert "do not validate: a validation compares all sets of predictors" in told
    assert "fitting" not in told
    assert main(words) == 0


@pytest.mark.parametrize(("count", "refused"), [(9, True), (10, False)])
def test_ten_measured_values_are_enough(table, men, count, refused):
    """With fewer, one fold of five might hold them all."""
    file = table(fsh_iu_l=few(men, "fsh_iu_l", count))
    _, subjects = read_known(file, "concentration")
    assert bool(unmeasured(subjects.men, "hormones")) == refused
    if refused:
        said = r"fsh_iu_l must have at least 10 .* got 9 measured, .* outcome\. Add measurements"
        with pytest.raises(CohortError, match=rf"{said}, or set \[model\]"):
            check_measured(subjects.men, "hormones")
        with pytest.raises(CohortError, match=rf"{said}\."):
            check_measured(subjects.men, "hormones", remedy="Add measurements")


def test_a_set_that_is_named_as_a_remedy_is_measured(table):
    """And what is told of a cohort is what is told of the men to be fitted."""
    file = table(estradiol_pg_ml="")
    cohort, subjects = read_known(file, "concentration")
    would_do = [name for name in PREDICTOR_SETS if not unmeasured(subjects.men, name)]
    assert would_do == ["lh+fsh", "t_lh"]
    assert unmeasured_in(cohort, "concentration") == unmeasured(subjects.men, "hormones")
    assert unmeasured_in(read_cohort(file, need=("outcome",)), "concentration", "t_lh") == []


def test_train_says_who_is_left_out_and_why(table, capsys):
    """In a line, and for programs; the numbers are those of the table."""
    assert main(["train", str(table()), "--json"]) == 0
    told = capsys.readouterr()
    trained_on = json.loads(told.out)["trained_on"]
    (line,) = [line for line in told.err.splitlines() if "left out" in line]
    reasons = ", ".join(f"{why} ({count})" for why, count in trained_on["left_out"].items())
    out = sum(trained_on["left_out"].values())
    assert line == f"respredict: {out} of 120 men are left out: {reasons}"
    assert out == 120 - trained_on["men"] > 0
