"""A table of anybody's predictions into numbers, by group too, and what is refused."""

from __future__ import annotations

import argparse
import json

import numpy as np
import pandas as pd
import pytest

from respredict.cli.common import adder
from respredict.cli.evaluate import add_evaluate
from respredict.errors import InputError
from respredict.validation.evaluation import SmallCells, evaluate, evaluate_groups
from respredict.validation.metrics import METRICS
from respredict.validation.predictions import read_predictions
from respredict.validation.sample_size import achieved, development_size, verdict
from respredict.validation.validation_size import validation_size


def run(capsys, *words):
    """Run one of the two commands and return what it printed."""
    parser = argparse.ArgumentParser()
    add_evaluate(adder(parser.add_subparsers()))
    given = parser.parse_args([str(word) for word in words])
    assert given.run(given) == 0
    return capsys.readouterr().out


@pytest.fixture(scope="module")
def men() -> pd.DataFrame:
    random = np.random.default_rng(3)
    p = random.uniform(0.05, 0.95, 120).round(3)
    y = (random.random(120) < p).astype(int)
    return pd.DataFrame({"y": y, "p": p, "group": np.repeat(["a", "b", "c"], [60, 40, 20])})


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_answer_has_every_key(tmp_path, capsys, men, ending):
    """The same from CSV and Parquet, and the same again."""
    file = tmp_path / f"told.{ending}"
    men.to_csv(file, index=False) if ending == "csv" else men.to_parquet(file)
    words = ("evaluate", file, "--json", "--thresholds", "0.3,0.5", "--seed", "4")
    told = json.loads(run(capsys, *words))

    assert (told["n"], told["events"]) == (120, men["y"].sum())
    assert list(told) == [
        "n", "events", *METRICS, "net_benefit", "calibration_curve", "groups", "level", "seed",
        "notices",
    ]  # fmt: skip
    for name in METRICS:
        assert set(told[name]) == {"value", "low", "high"}
    for one, threshold in zip(told["net_benefit"], (0.3, 0.5), strict=True):
        assert one["threshold"] == threshold
        assert one["low"] < one["value"] < one["high"]
        assert set(one) == {
            "threshold", "value", "low", "high", "treat_all", "net_interventions_avoided",
        }  # fmt: skip
    whole = evaluate(men["y"], men["p"], thresholds=(0.3, 0.5), seed=4).as_dict()
    assert whole == {name: told[name] for name in whole}
    part = men[men["group"] == "b"]
    assert (
        told["groups"]["b"]
        == evaluate(part["y"], part["p"], thresholds=(0.3, 0.5), seed=4).as_dict()
    )


def test_columns_level_and_groups_are_named(tmp_path, capsys, men):
    """Another table's names, another level; for people it prints a line a metric."""
    file = tmp_path / "told.csv"
    men.rename(columns={"y": "died", "p": "risk", "group": "site"}).to_csv(file, index=False)
    columns = ("--y-column", "died", "--p-column", "risk", "--group-column", "site")
    out = run(capsys, "evaluate", file, *columns, "--level", "0.5")

    assert out.startswith("120 men,")
    assert "50% intervals" in out
    assert out.count("calibration_slope") == 4
    assert "net benefit at 0.3" in out
    assert json.loads(run(capsys, "evaluate", file, *columns[:4], "--json"))["groups"] == {}


def test_empty_rows_at_the_end_are_left_out_and_told(tmp_path, capsys, men):
    """A spreadsheet's export often ends with them."""
    file = tmp_path / "told.csv"
    file.write_text(men.to_csv(index=False) + ",,\n,,\n")
    note = "Left out: 2 rows at the end in which no cell is filled in."
    assert f"note: {note}" in run(capsys, "evaluate", file)
    told = json.loads(run(capsys, "evaluate", file, "--json"))
    assert (told["n"], told["notices"]) == (120, [note])


@pytest.mark.parametrize(
    ("sizes", "events", "hidden"),
    [
        ({"a": 40, "b": 30, "c": 20}, {}, ""),
        ({"a": 40, "b": 30, "c": 9}, {}, "bc"),
        ({"a": 40, "b": 5, "c": 9}, {}, "bc"),
        ({"a": 40, "b": 30, "c": 3, "d": 4}, {"c": 1, "d": 2}, "bcd"),
        ({"a": 40, "b": 30, "c": 20}, {"c": 4}, "bc"),
        ({"a": 40, "b": 30, "c": 20}, {"b": 28}, "bc"),
        ({"a": 40, "b": 9}, {}, "ab"),
    ],
)  # fmt: skip
def test_small_groups_are_suppressed_and_cannot_be_worked_out(sizes, events, hidden):
    """A group alone in being hidden would be the whole less the others."""
    group = np.repeat(list(sizes), list(sizes.values()))
    y = np.concatenate([np.arange(n) < events.get(name, n // 2) for name, n in sizes.items()])
    p = np.linspace(0.1, 0.9, len(y))
    told = evaluate_groups(y, p, group, thresholds=[0.4])

    assert "".join(name for name, one in told.items() if one.suppressed) == hidden
    for name in hidden:
        as_told = told[name].as_dict()
        assert as_told["n"] is as_told["events"] is None
        assert as_told["suppressed"].startswith("suppressed: ")
        assert all(as_told[metric]["value"] is None for metric in METRICS)
        assert as_told["net_benefit"][0]["value"] is None
    everything = evaluate_groups(y, p, group, thresholds=[], small=SmallCells(0, 0))
    assert not any(one.suppressed for one in everything.values())


GOOD = "y,p\n1,0.7\n0,0.2\n1,0.9\n0,0.1\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("1,0.7", "yes,0.7"), "y must be 0 or 1, got 'yes' in row 1. Write 1 for"),
        ("y,p\nyes,0.7\nno,0.2\n", "got 'yes', 'no' in rows 1, 2. Write 1 for a man with the ou"),
        (GOOD.replace("0.2", "high"), "p must be a number, got 'high' in row 2. Write a number w"),
        (GOOD.replace("1,0.7", "2,0.7"), "y must be 0 or 1, got 2 in row 1. Write 1 for"),
        ("y,p\n1,70\n0,20\n1,90\n", r"p must lie in \[0, 1\], got 70, 20, 90 in rows 1, 2, 3."),
        ("y,p\n1,70\n0,20\n1,90\n", "The column looks like percent: divide it by 100"),
        ("y,p\n1,70%\n0,20%\n", "p must be a number, got '70%', '20%' in rows 1, 2. Divide the"),
        (GOOD.replace("0.2", "-1.2"), "If these are log-odds x, give"),
        (GOOD.replace("0.2", "1.2"), "got 1.2 in row 2. Give probabilities between 0 and 1"),
        (GOOD.replace("0.2", "inf"), r"p must lie in \[0, 1\], got inf in row 2"),
        (GOOD.replace("0.2", ""), "p must be filled in, got an empty cell in row 2"),
        (GOOD.replace("0,0.2", "NA,0.2"), "y must be filled in, got an empty cell in row 2"),
        (GOOD.replace("0.2", "1_0"), "p must be a number, got '1_0' in row 2"),
        ("y,p,p\n1,0.7,0.7\n", "name each column once"),
        ("y,p\n", "hold at least one man"),
        ("y,prob\n1,0.7\n", "p must be a column of the table, got the columns y, prob. "),
        ("y,p,group\n1,0.7,a\n0,0.2,\n", "group must be filled in, got an empty cell in row 2"),
    ],
)  # fmt: skip
def test_a_bad_table_gets_one_clear_answer(tmp_path, text, message):
    """Column, rule, value, rows and remedy."""
    file = tmp_path / "told.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_predictions(file)


def test_every_problem_is_told_at_once(tmp_path):
    """Not the first alone."""
    file = tmp_path / "told.csv"
    file.write_text("y,p\n3,0.7\n0,\n1,7\n", encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_predictions(file)
    assert [problem.field for problem in error.value.problems] == ["p", "y", "p"]


def test_parquet_may_hold_flags_and_numbered_groups(tmp_path):
    """True is 1; group 2.0 is named 2; a list is refused by its type."""
    file = tmp_path / "told.parquet"
    table = pd.DataFrame({"y": [True, False], "p": [0.5, 0.5], "group": [1, 2]})
    table.to_parquet(file)
    found = read_predictions(file)
    assert (found.y.tolist(), found.group.tolist()) == ([1.0, 0.0], ["1", "2"])

    table.assign(p=[[0.1], [0.2]]).to_parquet(file)
    with pytest.raises(InputError, match="p must hold text or numbers, got list"):
        read_predictions(file)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--thresholds", "0.3,2"], r"--thresholds must be numbers in \(0, 1\), got '0.3,2'"),
        (["--thresholds", "a"], "--thresholds must be numbers"),
        (["--min-cell", "-1"], "--min-cell must be 0 or more, got -1"),
        (["--level", "90"], r"level must lie in \(0, 1\), got 90"),
        (["--group-column", "site"], "site must be a column of the table"),
    ],
)
def test_a_bad_option_gets_one_clear_answer(tmp_path, capsys, words, message):
    """Options are checked as tables are."""
    file = tmp_path / "told.csv"
    file.write_text(GOOD, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        run(capsys, "evaluate", file, *words)


SIZE = ("sample-size", "--auc", ".75", "--prevalence", ".46")


def test_sample_size_says_what_a_model_takes_and_what_some_men_are(capsys):
    """As numbers and in words."""
    told = json.loads(run(capsys, *SIZE, "--params", 7, "--men", 90, "--json"))

    assert (told["n"], told["events"]) == (382, 176)
    assert told["criteria"] == {"shrinkage": 306, "optimism": 166, "mean_risk": 382}
    assert told["verdict"].startswith("Your 90 men are 24 % of the 382 that developing a model")
    assert told["expected"]["shrinkage"] < 0.8
    out = run(capsys, *SIZE, "--params", 7, "--men", 320)
    assert "Met: shrinkage, optimism. Not met: mean risk (382)." in out
    assert "are enough" in run(capsys, *SIZE, "--params", 7, "--men", 400)


def test_sample_size_for_validation_and_from_r2(capsys):
    """A threshold adds net benefit; an R2 stands for the AUC."""
    told = json.loads(run(capsys, *SIZE, "--validation", "--threshold", ".4", "--json"))
    expected = validation_size(auc=0.75, prevalence=0.46, threshold=0.4)
    assert told == {"n": expected.n, "events": expected.events, "criteria": expected.criteria}

    words = ("sample-size", "--r2", ".1", "--prevalence", ".46", "--params", 7, "--json")
    assert json.loads(run(capsys, *words))["n"] == 595


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (SIZE, "--params must be given for development"),
        ((*SIZE, "--params", 7, "--threshold", ".4"), "--threshold must stand with --validation"),
        ((*SIZE, "--params", 7, "--validation"), "--params must be left out with --validation"),
        ((*SIZE, "--params", 7, "--men", 0), "men must be at least 1, got 0"),
        (("sample-size", "--r2", ".9", "--prevalence", ".46", "--params", 7), "r2 must lie in"),
    ],
)  # fmt: skip
def test_options_of_sample_size_that_do_not_fit_are_refused(capsys, words, message):
    """Each says what to leave out or to add."""
    with pytest.raises(InputError, match=message):
        run(capsys, *words)


def test_the_size_asked_for_achieves_what_was_asked():
    """At n men the expected shrinkage, optimism and margin meet the criteria, below it not."""
    how = {"auc": 0.7, "parameters": 12, "prevalence": 0.3}
    size = development_size(**how)
    for name, limit, sign in (("shrinkage", 0.9, 1), ("optimism", 0.05, -1),
                              ("mean_risk", 0.05, -1)):  # fmt: skip
        enough, fewer = (achieved(size.criteria[name] - less, **how)[name] for less in (0, 1))
        assert sign * (enough - limit) >= 0 > sign * (fewer - limit)
    assert achieved(1, **how)["shrinkage"] < 0.2
    assert "Every criterion is met" in verdict(size, size.n)
    assert "99 %" in verdict(size, size.n - 1)


def test_one_of_auc_and_r2_is_given():
    """Neither and both are refused."""
    for strength in ({}, {"auc": 0.7, "r2": 0.1}):
        with pytest.raises(InputError, match="auc or r2 must be given, one of them"):
            development_size(parameters=7, prevalence=0.4, **strength)


def test_a_wider_interval_takes_fewer_men():
    """Half the precision, about a quarter of the men."""
    wide = validation_size(auc=0.75, prevalence=0.4, widths={"auc": 0.2}).criteria["auc"]
    narrow = validation_size(auc=0.75, prevalence=0.4).criteria["auc"]
    assert wide == pytest.approx(narrow / 4, rel=0.05)
    with pytest.raises(InputError, match="width of auc must lie in"):
        validation_size(auc=0.75, prevalence=0.4, widths={"auc": 0})
