"""Outcomes of decisions on record, and the watch over them."""

import datetime
import json

import pytest

from respredict.audit.outcomes import outcomes_of
from respredict.cli.main import main
from respredict.ledger.erasure import erase
from respredict.ledger.reading import Reader
from tests.conftest import PUBLISHED_MAN


@pytest.fixture
def score(clinics, monkeypatch, capsys, tmp_path):
    """Return what scores the published man, changed, and gives the id of the decision."""
    monkeypatch.setenv("RESPREDICT_HOME", str(clinics["home"]))

    def score(**changed):
        file = tmp_path / "man.json"
        file.write_text(json.dumps({**PUBLISHED_MAN, **changed}))
        assert main(["score", str(file), "--json"]) == 0
        return json.loads(capsys.readouterr().out)["decision_id"]

    return score


@pytest.fixture
def scored(clinics, score):
    """Score six men sampled on 2025-12-01; return home, model and the ids of the decisions."""
    ids = [
        score(lh={"value": 3.4 + i, "unit": "IU/L"}, reference=f"man {i}", sampled_on="2025-12-01")
        for i in range(6)
    ]
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


TODAY = datetime.datetime.now(tz=datetime.UTC).date()
BLOOD, SEMEN = {"sampled_on": "2025-12-01"}, {"semen_sampled_on": "2025-12-20"}


@pytest.mark.parametrize(
    ("asked", "on", "start"),
    [
        (BLOOD, "2025-11-30", "2025-12-01, the day on which he was sampled"),
        (BLOOD, "2025-12-01", "2025-12-01, the day on which he was sampled"),
        (BLOOD | SEMEN, "2025-12-20", "2025-12-20, the day on which he was sampled"),
        (
            BLOOD | {"treatment": {"anastrozole_since": "2026-01-05"}}, "2026-01-05",
            "2026-01-05, the day on which he was sampled or anastrozole began",
        ),
        ({}, str(TODAY), f"{TODAY}, the day of the decision"),
        ({}, "2026-01-05", f"{TODAY}, the day of the decision"),
    ],
)  # fmt: skip
def test_no_outcome_is_from_before_the_start(score, capsys, asked, on, start):
    decision = score(**asked)
    assert main(["outcome", "--decision", decision, "--improved", "yes", "--on", on]) == 2
    told = capsys.readouterr()
    assert f"on must be later than {start}" in told.err
    assert f", got {on} in row 1." in told.err
    assert ("needs sampled_on in his request" in told.err) == (not asked)
    assert main(["monitor"]) == 2


@pytest.mark.parametrize(
    ("on", "day", "inside"),
    [
        ("2025-12-02", 1, False),
        ("2026-01-29", 59, False),
        ("2026-01-30", 60, True),
        ("2026-08-28", 270, True),
        ("2026-08-29", 271, False),
    ],
)
def test_a_follow_up_outside_the_window_is_recorded_with_a_note(scored, capsys, on, day, inside):
    assert main(["outcome", "--decision", scored[2][0], "--improved", "no", "--on", on,
                 "--json"]) == 0  # fmt: skip
    told = capsys.readouterr()
    (recorded,) = json.loads(told.out)["recorded"]
    assert recorded["day"] == day
    note = f"day {day} of the follow-up lies outside 60 to 270, for which improvement is defined"
    assert recorded["note"] == (None if inside else note)
    assert (f"note: record {recorded['sequence']}: {note}" in told.err) == (not inside)


def test_the_window_counts_from_the_start_of_anastrozole(score, capsys):
    decision = score(**BLOOD, treatment={"anastrozole_since": "2026-01-05"})
    _, told = run(capsys, "outcome", "--decision", decision, "--improved", "no",
                  "--on", "2026-03-06")  # fmt: skip
    assert told["recorded"][0]["day"] == 60


def test_what_replaces_an_earlier_outcome_says_so(scored, capsys, tmp_path):
    """Once, again, and in a table; only the last counts."""
    home, digest, ids = scored
    sequences = []
    for said in ("yes", "yes", "no"):
        words = ["outcome", "--decision", ids[0], "--improved", said, "--on", "2026-03-01"]
        (told,) = run(capsys, *words)[1]["recorded"]
        assert told["replaces"] == (sequences[-1] if sequences else None)
        sequences.append(told["sequence"])
    table = tmp_path / "outcomes.csv"
    table.write_text(f"decision,improved,on\n{ids[1]},no,2026-03-01\n{ids[0]},yes,2026-03-02\n")
    assert main(["outcome", str(table)]) == 0
    last = sequences[-1]
    assert capsys.readouterr().out == (
        f"2 recorded, the last as record {last + 2}.\n"
        f"Record {last + 2} replaces record {last}, which counts no more.\n"
    )
    with Reader(home) as reader:
        assert [(one.sequence, one.improved) for one in outcomes_of(reader, digest)] == [
            (last + 1, False), (last + 2, True)
        ]  # fmt: skip


def test_a_table_tells_of_a_decision_once(scored, capsys, tmp_path):
    home, digest, ids = scored
    rows = [f"{ids[0]},yes", f"{ids[1]},no", f"{ids[0].upper()},no"]
    table = tmp_path / "outcomes.csv"
    told = ["decision,improved,on", *(f"{row},2026-03-01" for row in rows)]
    table.write_text("\n".join(told) + "\n")
    assert main(["outcome", str(table)]) == 2
    said = "decision must be told of in one row, got the same in rows 1, 3. Keep the true one."
    assert said in capsys.readouterr().err
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
