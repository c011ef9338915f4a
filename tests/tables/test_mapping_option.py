"""``--mapping``: one kept elsewhere is read as the one beside the table, by every command."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from pathlib import Path

import pandas as pd
import pytest

from respredict.cli import main
from respredict.equation import equation_of
from respredict.errors import CohortError
from respredict.ledger.entry import Entry, Text
from respredict.ledger.reading import Reader
from respredict.ledger.writer import open_ledger
from respredict.lifecycle.promoting import promote
from respredict.tables.mapping import read_mapping
from respredict.tables.mapping_named import named_for, read_through
from tests.conftest import ROOT
from tests.lifecycle.clinics import clinic, registered

OURS = {"testosterone_ng_dl": "Total T", "lh_iu_l": "LH", "fsh_iu_l": "Follitropin"}
MAPPING = """file = "men.csv"
[testosterone]
column = "Total T"
unit = "ng/dL"
[lh]
column = "LH"
unit = "IU/L"
[fsh]
column = "Follitropin"
unit = "IU/L"
"""
#: What differs between two runs whatever the mapping is.
VARIES = {"version", "run_id", "ledger", "seconds", "out", "rejected_file", "file", "sequence",
          "proposed", "input_file", "output_file", "mapping_file", "cohort.path"}  # fmt: skip

#: What is typed; words in capitals stand for files.
COMMANDS = {
    "check": "check TABLE --outcome",
    "train": "train TABLE",
    "promote": "promote 2 --data TABLE --plan PLAN",
    "update": "update --data TABLE --level 0.3 --resamples 20",
    "score": "score TABLE --out OUT",
    "evaluate": "evaluate TABLE --equation EQUATION",
    "tune": "tune TABLE --storage sqlite:///OUT.db --trials 1 --out OUT.toml",
}


@pytest.fixture(scope="module")
def hospital(tmp_path_factory):
    """Register and promote a clinic's model; write another clinic's table in its own words."""
    folder = tmp_path_factory.mktemp("hospital")
    before = {name: os.environ.get(name) for name in ("MLFLOW_TRACKING_URI", "RESPREDICT_HOME")}
    working, home = Path.cwd(), folder / "home"
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
    os.environ["RESPREDICT_HOME"] = str(home)
    os.chdir(folder)
    try:
        table = clinic(folder / "own", 120, 21)
        first, bundle = registered(table, home)
        registered(clinic(folder / "third", 120, 22), home, predictors="t_lh", refits=0)
        promote(str(first.number), home=home, actor="Ada", reason="first")
        equation = equation_of(bundle.pipeline, bundle.meta)
        assert equation is not None
        (folder / "equation.json").write_text(json.dumps(equation.as_dict()))
        men = pd.read_csv(clinic(folder / "bare", 150, 23, gone=0.5), dtype=str)
        men.rename(columns=OURS).to_csv(folder / "bare" / "men.csv", index=False)
        shutil.copytree(folder / "bare", folder / "mapped")
        (folder / "mapped" / "mapping.toml").write_text(MAPPING)
        (folder / "kept").mkdir()
        plan = 'name = "none"\nvalid_until = 2099-12-31\nminimum_men = 5000\n'
        (folder / "plan.toml").write_text(plan)  # so that no promotion changes the champion
        (folder / "kept" / "of men.toml").write_text(MAPPING)
        yield folder
    finally:
        os.chdir(working)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


def told(capsys, folder: Path, command: str, table: str, *words: str) -> tuple[int, dict, str]:
    """Run a command on a table; return its code, its JSON without what varies, and its scores."""
    out = folder / f"{table}.scores.csv"
    stands = {"TABLE": str(folder / table / "men.csv"), "OUT": str(out),
              "EQUATION": str(folder / "equation.json"),
              "PLAN": str(folder / "plan.toml")}  # fmt: skip
    typed = [word.replace("OUT", str(out)) if "OUT" in word else stands.get(word, word)
             for word in shlex.split(command)]  # fmt: skip
    code = main([*typed, *words, "--json"])
    found = json.loads(capsys.readouterr().out)
    scores = out.read_text() if out.exists() else ""
    return code, without(found), scores


def without(found):
    if isinstance(found, dict):
        return {key: without(value) for key, value in found.items() if key not in VARIES}
    return [without(one) for one in found] if isinstance(found, list) else found


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.prove] * (name in ("train", "update")))
        for name in COMMANDS
    ],
)
def test_a_mapping_elsewhere_is_read_as_one_beside_the_table(hospital, capsys, name):
    """And without either the table is refused."""
    command, elsewhere = COMMANDS[name], ("--mapping", str(hospital / "kept" / "of men.toml"))
    unread = told(capsys, hospital, command, "bare")
    beside = told(capsys, hospital, command, "mapped")
    named = told(capsys, hospital, command, "bare", *elsewhere)

    assert beside[0] in (0, 1)
    assert named == beside
    assert (unread[0], unread[1]["errors"][0]["field"]) == (2, "LH")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_mapping_that_is_not_there_is_told_by_each_command(hospital, capsys, name):
    code, found, _ = told(capsys, hospital, COMMANDS[name], "bare", "--mapping", "none.toml")

    assert code == 2
    assert found["errors"][0] == {
        "field": "none.toml", "rule": "must be readable TOML in UTF-8", "got": "none",
        "remedy": "Mend or remove it",
    }  # fmt: skip


def scored(hospital, capsys, *words: str) -> str:
    """Score the bare table; return the sequence of its record."""
    table, out = str(hospital / "bare" / "men.csv"), str(hospital / "again.csv")
    assert main(["score", table, "--out", out, *words, "--json"]) == 0
    return str(json.loads(capsys.readouterr().out)["ledger"]["sequence"])


def test_a_table_scored_through_a_mapping_elsewhere_is_replayed_through_it(hospital, capsys):
    """The record holds where it lies and its digest: nobody names it again."""
    mapping = str(hospital / "kept" / "of men.toml")
    record = scored(hospital, capsys, "--mapping", mapping, "--jobs", "2")

    for words in ([], ["--mapping", mapping], ["--rows", "20"]):
        assert main(["audit", "replay", record, *words]) == 0
        assert "identical" in capsys.readouterr().out


def test_a_replay_refuses_a_mapping_of_another_digest(hospital, capsys):
    """Another that is named, and the recorded one where it was changed or removed."""
    mapping = hospital / "kept" / "to change.toml"
    mapping.write_text(MAPPING)
    record = scored(hospital, capsys, "--mapping", str(mapping))
    other = hospital / "kept" / "other.toml"
    other.write_text(MAPPING + "# of another digest\n")
    said = f"the mapping must be the one recorded, {mapping}, sha256:"

    assert main(["audit", "replay", record, "--mapping", str(other)]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert f"got {other}, sha256:" in told
    mapping.write_text(MAPPING + "# changed\n")
    assert main(["audit", "replay", record]) == 2
    assert f"got {mapping}, sha256:" in capsys.readouterr().err
    mapping.unlink()
    assert main(["audit", "replay", record]) == 2
    assert "got none. Give the one of that digest with --mapping." in capsys.readouterr().err


def test_a_table_scored_without_a_mapping_is_replayed_without_one(hospital, capsys, tmp_path):
    table = tmp_path / "men.csv"
    shutil.copy(hospital / "own" / "men.csv", table)
    assert main(["score", str(table), "--json"]) == 0
    record = str(json.loads(capsys.readouterr().out)["ledger"]["sequence"])
    assert main(["audit", "replay", record]) == 0
    (tmp_path / "mapping.toml").write_text('file = "men.csv"\nmissing = ["ND"]\n')
    assert main(["audit", "replay", record]) == 2
    assert "the mapping must be none, as is recorded, got " in capsys.readouterr().err


def test_a_record_of_before_the_mapping_was_kept_is_replayed_as_ever(hospital, capsys):
    """The auditor names it again; without it the table is refused."""
    mapping, home = str(hospital / "kept" / "of men.toml"), hospital / "home"
    with Reader(home) as reader:
        kept = reader.get(int(scored(hospital, capsys, "--mapping", mapping)))
    answer = json.loads(kept.payload.answer)
    older = {name: of for name, of in answer.items() if not name.startswith("mapping")}
    assert len(older) == len(answer) - 2
    made = Entry(kind="batch", actor="Ada", model=kept.model, answer=json.dumps(older).encode(),
                 environment=Text.of(kept.payload.environment))  # fmt: skip
    with open_ledger(home) as ledger:
        record = str(ledger.append(made).sequence)

    assert main(["audit", "replay", record, "--mapping", mapping]) == 0
    assert "identical" in capsys.readouterr().out
    assert main(["audit", "replay", record]) == 2
    assert "LH must be named with its unit" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("promote 1 --mapping m.toml",
         "--mapping must be given with a table, got none. Leave it out, or give --data."),
        ("promote --rollback --mapping m.toml", "--mapping must be left out with --rollback"),
        ("evaluate p.csv --mapping m.toml",
         "--mapping must be given with a table, got none. Leave it out, or give --equation."),
        ("score MAN --mapping m.toml",
         "--mapping must be given for a table, got a request. Leave it out."),
        ("audit replay all --mapping m.toml",
         "--mapping must be given for the record of a table, got all."),
    ],
)  # fmt: skip
def test_a_mapping_that_would_be_ignored_is_refused(hospital, capsys, typed, message):
    man = str(ROOT / "data" / "published_man.json")
    assert main([man if word == "MAN" else word for word in shlex.split(typed)]) == 2
    assert message in capsys.readouterr().err


def test_only_the_table_that_was_named_is_read_through_it_and_only_meanwhile(hospital):
    bare, mapping = hospital / "bare" / "men.csv", hospital / "kept" / "of men.toml"
    with read_through(bare, mapping):
        assert named_for(hospital / "bare" / ".." / "bare" / "men.csv") == mapping
        assert read_mapping(bare) == read_mapping(bare, mapping)
        assert read_mapping(hospital / "own" / "men.csv") is None
        with read_through(bare, None), read_through(bare, hospital / "none.toml"):
            with pytest.raises(CohortError, match=r"none\.toml must be readable TOML"):
                read_mapping(bare)
            assert read_mapping(bare, mapping) is not None
        assert named_for(bare) == mapping
    assert read_mapping(bare) is None
