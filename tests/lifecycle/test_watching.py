"""Outcomes of decisions on record, and the watch over them."""

import json

import pytest

from respredict.audit.outcomes import outcomes_of
from respredict.cli.main import main
from respredict.ledger.erasure import erase
from respredict.ledger.reading import Reader
from tests.conftest import PUBLISHED_MAN


@pytest.fixture
def scored(clinics, monkeypatch, capsys, tmp_path):
    """Score six men; return home and the ids of the decisions."""
    monkeypatch.setenv("RESPREDICT_HOME", str(clinics["home"]))
    ids = []
    for i in range(6):
        lh = {"value": 3.4 + i, "unit": "IU/L"}
        file = tmp_path / f"man{i}.json"
        file.write_text(json.dumps({**PUBLISHED_MAN, "lh": lh, "reference": f"man {i}"}))
        assert main(["score", str(file), "--json"]) == 0
        ids.append(json.loads(capsys.readouterr().out)["decision_id"])
    return clinics["home"], clinics["champion"][1].digest, ids


def run(capsys, *words):
    code = main([*words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_outcomes_are_recorded_about_decisions_and_watched(scored, capsys, tmp_path):
    home, digest, ids = scored
    code, told = run(capsys, "outcome", "--decision", ids[0], "--improved", "yes",
                     "--on", "2026-03-01")  # fmt: skip
    assert (code, len(told["recorded"])) == (0, 1)
    rows = [f"{one},{'no' if i else 'yes'},2026-0{1 + i}-10" for i, one in enumerate(ids[1:], 1)]
    table = tmp_path / "outcomes.csv"
    table.write_text("\n".join(["decision,improved,on", *rows]) + "\n")
    assert run(capsys, "outcome", str(table))[0] == 0
    with Reader(home) as reader:
        found = outcomes_of(reader, digest)
    assert [one.improved for one in found] == [False, True, False, False, False, False]
    assert [f"{one.on}" for one in found][:2] == ["2026-02-10", "2026-03-01"]
    assert len({one.probability for one in found}) == 6

    code, watched = run(capsys, "monitor")
    assert (code, watched["alarm"], watched["men"], watched["improved"]) == (0, False, 6, 1)
    assert watched["expected"] == pytest.approx(sum(one.probability for one in found))


def test_an_outcome_recorded_again_counts_once_and_an_erased_one_not(scored, capsys):
    home, digest, ids = scored
    for said in ("yes", "no"):
        main(["outcome", "--decision", ids[0], "--improved", said, "--on", "2026-03-01"])
    with Reader(home) as reader:
        (told,) = outcomes_of(reader, digest)
    assert told.improved is False
    erase(home, pseudonym="man 0", reason="asked for", actor="Ada")
    with Reader(home) as reader:
        assert outcomes_of(reader, digest) == []


def test_one_wrong_row_and_none_is_recorded(scored, capsys, tmp_path):
    home, digest, ids = scored
    table = tmp_path / "outcomes.csv"
    table.write_text(
        f"decision,improved,on\n{ids[0]},yes,2026-03-01\n{ids[0][:-1]}0,no,2026-03-02\n"
    )
    assert main(["outcome", str(table)]) == 2
    assert "decision must be on record, got no" in capsys.readouterr().err
    with Reader(home) as reader:
        assert outcomes_of(reader, digest) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["outcome"], "must be a table, or --decision, --improved and --on"),
        (
            ["outcome", "--decision", "x", "--improved", "perhaps", "--on", "2026-03-01"],
            "yes or no",
        ),
        (["outcome", "--decision", "x", "--improved", "no", "--on", "March"], "on must be a date"),
        (["outcome", "--decision", "x", "--improved", "no", "--on", "2026-03-01"], "id of a dec"),
        (["monitor"], "must have outcomes on record"),
        (["monitor", "table.csv"], "--men-fitted must be given"),
        (["monitor", "table.csv", "--men-fitted", "90"], "must be a readable CSV"),
    ],
)
def test_what_is_asked_wrongly_is_refused(scored, capsys, words, said):
    assert main(words) == 2
    assert said in capsys.readouterr().err


def test_a_drift_in_anybodys_table_is_an_alarm(tmp_path, capsys):
    rows = [f"2026-{1 + i // 20:02d},0,0.6" for i in range(60)]
    file = tmp_path / "told.csv"
    file.write_text("\n".join(["month,y,p", *rows]) + "\n")
    assert main(["monitor", str(file), "--men-fitted", "600"]) == 1
    assert "ALARM: the outcomes have drifted, seen since 2026-01" in capsys.readouterr().out
