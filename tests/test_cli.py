"""The command line: what it prints, its exit codes, and one clear answer to bad input."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest

from respredict.cli import main
from tests.conftest import COHORT, PUBLISHED_MAN, ROOT

GOOD = (
    "patient_id,testosterone_ng_dl,lh_iu_l,sperm_concentration_m_ml,"
    "followup_days,followup_sperm_concentration_m_ml\n"
    "A,300,4,2,90,7\nB,280,6,3,95,2\n"
)


def run(capsys, *words) -> tuple[int, str, str]:
    code = main([str(w) for w in words])
    told = capsys.readouterr()
    return code, told.out, told.err


@pytest.mark.parametrize(
    ("text", "field", "rule", "remedy"),
    [
        (
            GOOD.replace("testosterone_ng_dl", "testosterone_ng_dl,testosterone_nmol_l", 1)
            .replace("A,300", "A,300,10").replace("B,280", "B,280,9"),
            "testosterone", "one unit|one column|once", "",
        ),
        (GOOD.replace("A,300", "A,12 ng/dL"), "testosterone_ng_dl", "number", "column"),
        (GOOD.replace("A,300", "A,12"), "testosterone_ng_dl", "ng/dL", "nmol/L|units_confirmed"),
        (GOOD.replace("A,300", "A,high"), "testosterone_ng_dl", "number", "empty"),
        (GOOD.replace("B,", "A,"), "patient_id", "once|unique|one row", ""),
        (
            "\n".join(",".join(line.split(",")[:4]) for line in GOOD.splitlines()) + "\n",
            "followup", "in the table", "exactly these names",
        ),
        ("", "", "empty|row", ""),
        (GOOD.replace("A,300,4,2,90", "A,300,4,2,-10"), "followup_days", "after baseline", ""),
    ],
    ids=["two-units", "unit-in-cell", "12-ng-dl", "text", "duplicate", "no-follow-up", "empty",
         "before-baseline"],
)  # fmt: skip
def test_a_bad_table_gets_one_clear_answer(tmp_path, capsys, text, field, rule, remedy):
    """Each kind of bad table is told with field, rule, value and remedy, and exits with 2."""
    import re

    table = tmp_path / "clinic.csv"
    table.write_text(text, encoding="utf-8")
    before = sorted(tmp_path.iterdir())
    code, out, err = run(capsys, "check", table, "--outcome", "--json")
    errors = json.loads(out)["errors"]
    told = [e for e in errors if field in e["field"]]

    assert code == 2
    assert told, errors
    assert re.search(rule, told[0]["rule"] + told[0]["got"])
    assert re.search(remedy, told[0]["remedy"])
    assert told[0]["got"]
    assert told[0]["remedy"]
    assert "respredict: " in err
    assert sorted(tmp_path.iterdir()) == before


def test_check_says_what_is_in_a_table(capsys):
    """A good table is described: how many present, missing, censored."""
    code, out, _ = run(capsys, "check", COHORT, "--outcome", "--json")
    told = json.loads(out)

    assert code == 0
    assert told["rows"] == 600
    assert told["kind"] == "synthetic"
    assert told["measurements"]["estradiol_pg_ml"]["below"] > 100
    assert run(capsys, "check", COHORT)[1].startswith("600 men, synthetic")


def test_simulate_writes_the_shipped_cohort_to_the_byte(tmp_path, capsys):
    """One command reproduces the table and the sidecar that ship."""
    code, out, _ = run(capsys, "simulate", tmp_path / "synthetic.csv", "--json")

    assert code == 0
    assert json.loads(out)["men"] == 600
    for name in ("synthetic.csv", "cohort.toml"):
        assert (tmp_path / name).read_bytes() == (COHORT.parent / name).read_bytes()


@pytest.mark.parametrize("men", ["0", "-3"])
def test_simulate_refuses_no_men(tmp_path, capsys, men):
    """A cohort of nobody is an error, and nothing is written."""
    code, _, err = run(capsys, "simulate", tmp_path / "x.csv", "--men", men)

    assert code == 2
    assert "--men must be at least 1" in err
    assert not list(tmp_path.iterdir())


def test_score_prints_an_answer_a_clinician_can_read(in_trained, capsys):
    """The published man gets percentages, his own values and the demonstration notice."""
    code, out, _ = run(capsys, "score", ROOT / "data" / "published_man.json")

    assert code == 0
    assert "%" in out
    assert "3.4" in out
    assert "demonstration" in out.lower()
    assert max(map(len, out.splitlines())) <= 100


def test_score_gives_the_object_of_the_service(in_trained, scorer, capsys):
    """``--json`` prints what the Scorer gives, and the endpoint with it."""
    code, out, _ = run(capsys, "score", ROOT / "data" / "published_man.json", "--json")

    assert code == 0
    answer = json.loads(out)
    assert {"decision_id", "ledger"} <= set(answer)
    told = {k: v for k, v in answer.items() if k not in ("decision_id", "ledger")}
    assert told == json.loads(json.dumps(scorer.score(PUBLISHED_MAN)))


def test_a_table_without_lh_is_scored_indeterminate_with_the_reason(in_trained, capsys, tmp_path):
    """Real tables lack LH: every man gets his line, with the reason and no probability."""
    men = pd.read_csv(COHORT, dtype=str).drop(columns=["lh_iu_l"])
    shutil.copy(COHORT.parent / "cohort.toml", tmp_path / "unused.toml")
    men["patient_id"] = [f"M{i}" for i in range(len(men))]
    men.to_csv(tmp_path / "clinic.csv", index=False)
    out_file = tmp_path / "scores.csv"
    code, out, _ = run(capsys, "score", tmp_path / "clinic.csv", "--out", out_file, "--json")
    scores = pd.read_csv(out_file)

    assert code == 0
    assert json.loads(out)["counts"] == {"indeterminate": 600}
    assert scores["reasons"].str.contains("lh_missing").all()
    assert scores["probability"].isna().all()


def test_a_table_with_a_bad_row_is_scored_and_says_where_it_went(in_trained, capsys, tmp_path):
    """The row is set apart in a second file, named on the last line and in the JSON."""
    table = tmp_path / "clinic.csv"
    table.write_text(GOOD.replace("A,300", "A,high"), encoding="utf-8")
    out_file = tmp_path / "scores.parquet"
    code, out, err = run(capsys, "score", table, "--out", out_file, "--explain")
    told = json.loads(run(capsys, "score", table, "--out", out_file, "--json")[1])
    apart = pd.read_csv(tmp_path / "scores.rejected.csv")

    assert code == 0
    assert "1 set apart, with the reasons in" in out
    assert "1 of 2 men scored, 1 set apart" in err
    assert (told["rows"], told["rejected"]) == (2, 1)
    assert told["rejected_file"] == str(tmp_path / "scores.rejected.csv")
    assert apart["field"].tolist() == ["testosterone_ng_dl"]
    assert pd.read_parquet(out_file)["patient_id"].tolist() == ["B"]


@pytest.mark.parametrize("words", [("--out", "x.csv"), ("--explain",), ("--jobs", "2")])
def test_the_options_of_a_table_are_refused_for_one_man(in_trained, capsys, words):
    """What would be ignored is refused instead."""
    code, out, err = run(capsys, "score", ROOT / "data" / "published_man.json", *words)

    assert code == 2
    assert f"{words[0]} must be given for a table, got a request" in err
    assert out == ""


def test_a_table_scores_as_its_men_do_alone(in_trained, scorer, capsys, tmp_path):
    """A man's line in a file holds the probability of his own request, to the last bit."""
    out_file = tmp_path / "scores.jsonl"
    code, _, err = run(capsys, "score", COHORT, "--out", out_file)
    answers = [json.loads(line) for line in out_file.read_text().splitlines()]
    men = pd.read_csv(COHORT, dtype=str)
    row = men[men["estradiol_pg_ml"].eq("<20") & men["lh_iu_l"].notna()].index[0]
    man = men.loc[row]
    request = {"age": float(man["age_years"])}
    if isinstance(man["bmi_kg_m2"], str):
        request["bmi"] = float(man["bmi_kg_m2"])
    for name, column, unit in (
        ("testosterone", "testosterone_ng_dl", "ng/dL"), ("lh", "lh_iu_l", "[IU]/L"),
        ("fsh", "fsh_iu_l", "[IU]/L"),
    ):  # fmt: skip
        if isinstance(man[column], str):
            request[name] = {"value": float(man[column]), "unit": unit}
    request["estradiol"] = {"value": 20, "unit": "pg/mL", "comparator": "<"}
    alone = scorer.score(request)

    assert code == 0
    assert len(answers) == 600
    assert "600 of 600" in err
    assert answers[row]["improvement"]["probability"] == alone["improvement"]["probability"]


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "must be JSON"), ('{"age": 34, "lh": 3}', "lh must be an object with value and unit")],
)
def test_a_bad_request_file_exits_with_2(in_trained, tmp_path, capsys, text, message):
    """A request that cannot be read is told as the service would."""
    (tmp_path / "man.json").write_text(text)
    code, out, err = run(capsys, "score", tmp_path / "man.json")

    assert code == 2
    assert message in err
    assert out == ""


def test_without_a_champion_the_remedy_is_named(tmp_path, capsys, monkeypatch):
    """Scoring and serving before any promotion say what to run."""
    monkeypatch.setenv("RESPREDICT_HOME", str(tmp_path / "home"))
    for words in (("score", ROOT / "data" / "published_man.json"), ("serve",)):
        code, _, err = run(capsys, *words)
        assert code == 2
        assert "respredict promote" in err


@pytest.mark.parametrize("text", ["[model]\nshrink = 'zero'\n", "[modell]\n"])
def test_train_refuses_an_unknown_setting_before_it_does_anything(tmp_path, capsys, text):
    """A misspelt key is told with the nearest one, and nothing is trained."""
    config = tmp_path / "run.toml"
    config.write_text(text)
    code, _, err = run(capsys, "train", "--config", config)

    assert code == 2
    assert "Did you mean" in err
    assert [f.name for f in tmp_path.iterdir()] == ["run.toml"]
