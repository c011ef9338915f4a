"""The gate, the plan, the way back, and what a crash left half done."""

import dataclasses
import datetime
import hashlib
import json

import pandas as pd
import pytest

from respredict import registry
from respredict.audit.promotions import disagreements, promotions
from respredict.bundle import champion, set_champion
from respredict.errors import ConfigError, InputError, RegistryError
from respredict.ledger.reading import Reader
from respredict.lifecycle.changing import read_plan
from respredict.lifecycle.promoting import mend, promote, propose, roll_back
from respredict.synthetic import write_cohort


def number(made, name):
    return str(made[name][0].number)


def recorded(home):
    with Reader(home) as reader:
        return promotions(reader)


def test_the_same_model_is_not_worse_and_needs_no_men(clinics):
    found = propose(number(clinics, "champion"), home=clinics["home"])
    assert (found.promoted, found.verdict.answer) == (True, "not worse")


def test_without_men_a_clinical_challenger_needs_a_reason(clinics):
    home = clinics["home"]
    found = propose(number(clinics, "t_lh"), home=home)
    assert (found.promoted, found.verdict.answer) == (False, "cannot tell")
    assert "350 men" in " ".join(found.verdict.why)
    assert champion(home)["version"] == clinics["champion"][0].number
    with pytest.raises(InputError, match="must be allowed by the gate, got 'cannot tell'"):
        promote(number(clinics, "t_lh"), home=home)

    assert propose(number(clinics, "t_lh"), home=home, actor="Bo", reason="agreed").promoted
    last = recorded(home)[-1]
    assert (last.actor, last.reason) == ("Bo", "agreed")
    assert last.details["gate"]["answer"] == "cannot tell"


def test_what_knows_baseline_semen_is_better_on_new_men(clinics):
    found = propose(number(clinics, "semen"), home=clinics["home"],
                    data=str(clinics["tables"]["new"]))  # fmt: skip
    assert (found.promoted, found.verdict.answer) == (True, "better")
    told = recorded(clinics["home"])[-1].details["gate"]
    assert told["men"]["compared"] == told["men"]["known_outcome"]
    assert told["comparison"]["log_loss"]["high"] < 0
    assert any(g["measure"] == "log-loss in azoospermia: azoospermia"
               for g in told["comparison"]["guards"])  # fmt: skip


def test_the_way_round_it_is_worse_and_refused(clinics):
    home = clinics["home"]
    promote(number(clinics, "semen"), home=home, reason="for the test")
    found = propose(number(clinics, "champion"), home=home, data=str(clinics["tables"]["new"]))
    assert (found.promoted, found.verdict.answer) == (False, "worse")
    assert champion(home)["version"] == clinics["semen"][0].number


def test_men_whom_a_model_was_fitted_to_are_left_out(clinics, tmp_path):
    """Of both tables joined only the new men are compared on."""
    ours, new = (clinics["tables"][name].read_text() for name in ("ours", "new"))
    both = tmp_path / "men.csv"
    both.write_text(ours + new.split("\n", 1)[1])
    found = propose(number(clinics, "t_lh"), home=clinics["home"], data=str(both))
    men = found.verdict.men
    assert men["in_table"] == 700
    assert men["fitted"] == clinics["champion"][1].meta["trained_on"]["men"]
    assert men["fitted"] + men["compared"] == men["known_outcome"]


def test_on_its_own_table_a_challenger_is_judged_by_fits_without_each_man(clinics):
    """Else it would be judged on men it has learnt by heart."""
    found = propose(number(clinics, "t_lh"), home=clinics["home"],
                    data=str(clinics["tables"]["theirs"]))  # fmt: skip
    assert found.verdict.men["fitted"] == 0
    assert "its recipe was judged, each man by a fit without him" in " ".join(found.verdict.why)


def test_a_challenger_that_departs_from_its_pack_is_promoted_for_no_reason(clinics, monkeypatch):
    version, bundle = clinics["t_lh"]
    pack = bundle.document("conformance.json")
    case = next(c for c in pack["cases"] if "improvement" in c["expected"])
    case["expected"]["improvement"]["probability"] = 0.5
    monkeypatch.setattr(type(bundle), "document", lambda self, name: pack)
    found = propose(str(version.number), home=clinics["home"], reason="whatever")
    assert not found.promoted
    assert not found.verdict.sound
    assert "departs from its conformance pack in" in found.verdict.why[0]


PLAN = """name = "yearly"
valid_until = {until}
predictors = ["hormones+semen"]
minimum_men = {men}
"""


@pytest.mark.parametrize(
    ("until", "men", "said"),
    [
        ("2030-01-01", 100, None),
        ("2030-01-01", 5000, "The plan asks for 5000 men compared, got"),
        ("2020-01-01", 100, "The plan is valid until 2020-01-01"),
    ],
)
def test_a_promotion_that_cites_a_plan_keeps_to_it(clinics, tmp_path, until, men, said):
    file = tmp_path / "plan.toml"
    file.write_text(PLAN.format(until=until, men=men))
    data, why = str(clinics["tables"]["new"]), "a reason changes nothing"
    found = propose(number(clinics, "semen"), home=clinics["home"], plan=read_plan(file),
                    data=data, reason=why)  # fmt: skip
    assert found.promoted == (said is None)
    if said:
        assert said in found.departures[0]
    else:
        cited = recorded(clinics["home"])[-1].details["plan"]
        assert cited["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('name = "x"\nvalid_untill = 2030-01-01\n', "Did you mean 'valid_until'"),
        ("minimum_men = 3\n", "plan name must be given"),
        ('name = "x"\nvalid_until = 2030-01-01\nanswers = ["worse"]\n', "must hold known ones"),
        ('name = "x"\nvalid_until = "soon"\n', "plan valid_until must be a date, got 'soon'"),
        ('name = "x"\nvalid_until = 2030-01-01\ncandidates = ["publised"]\n', "'published'"),
        ('name = "x"\nvalid_until = 2030-01-01\n[subgroups]\nage = 0\n', "a number above 0"),
        ("name = \n", "--plan must be TOML"),
    ],
)
def test_a_plan_with_a_mistake_is_refused(tmp_path, text, match):
    (tmp_path / "plan.toml").write_text(text)
    with pytest.raises(ConfigError, match=match):
        read_plan(tmp_path / "plan.toml")


def test_the_shipped_plan_is_sound():
    from tests.conftest import ROOT

    assert read_plan(ROOT / "training" / "plan.toml").valid_until > datetime.date(2026, 1, 1)


def test_the_way_back_is_one_step_each_time(clinics):
    """A, B, C: back to B, then to A, then there is none."""
    home = clinics["home"]
    for name in ("semen", "t_lh"):
        promote(number(clinics, name), home=home, reason="for the test")
    for name in ("semen", "champion"):
        back = roll_back(home=home, reason="complaints", actor="Cy")
        assert back.number == clinics[name][0].number == champion(home)["version"]
        assert registry.find_version("champion").number == back.number
    last = recorded(home)[-1]
    assert (last.actor, last.reason, "rollback_of" in last.details) == ("Cy", "complaints", True)
    none = f"to go back to, got none before version {number(clinics, 'champion')}: one gone back"
    with pytest.raises(RegistryError, match=none):
        roll_back(home=home, reason="again")
    with pytest.raises(InputError, match="--reason must be given to go back"):
        roll_back(home=home, reason=" ")


@pytest.mark.parametrize("kept", ["nothing", "the alias"])
def test_a_promotion_cut_off_after_its_record_is_finished(clinics, kept, monkeypatch):
    """The record says what shall be; alias and file follow at the next command."""
    home, before = clinics["home"], champion(clinics["home"])
    promote(number(clinics, "semen"), home=home, reason="for the test")
    set_champion(home, before)
    if kept == "nothing":
        registry.set_alias("champion", clinics["champion"][0])
    said: list[str] = []
    mend(home, say=said.append)
    assert champion(home)["version"] == clinics["semen"][0].number
    alias = registry.find_version("champion")
    assert disagreements(home, (alias.number, alias.digest)) == []
    assert len(said) == (2 if kept == "nothing" else 1)


def test_the_validation_is_named_in_the_record_and_fetched(clinics, tmp_path):
    version, _ = clinics["t_lh"]
    registry.attach(version, {}, {"report.json": json.dumps({"a": 1})})
    promote(str(version.number), home=tmp_path / "elsewhere")
    told = recorded(tmp_path / "elsewhere")[-1].details["report_sha256"]
    assert told == hashlib.sha256(b'{"a": 1}').hexdigest()
    file = tmp_path / "elsewhere" / "bundles" / f"{version.digest[7:]}.report.json"
    assert file.read_text() == '{"a": 1}'


def test_the_command_answers_with_its_exit_code(clinics, capsys, monkeypatch):
    from respredict.cli.main import main

    monkeypatch.setenv("RESPREDICT_HOME", str(clinics["home"]))
    assert main(["promote", number(clinics, "t_lh"), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["gate"]["answer"] == "cannot tell"
    assert main(["promote", number(clinics, "t_lh"), "--reason", "agreed"]) == 0
    assert "is the champion" in capsys.readouterr().out
    assert main(["promote", "--rollback", "--reason", "no", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rollback"]
    assert main(["promote", "--rollback"]) == 2
    assert main(["promote", "--rollback", "--reason", "no", "--data", "x.csv"]) == 2


def of_kind(bundle, kind):
    told = {**bundle.meta["trained_on"], "kind": kind}
    return dataclasses.replace(bundle, meta={**bundle.meta, "trained_on": told}, digest=kind)


@pytest.mark.parametrize(
    ("champion_kind", "challenger_kind", "data", "exempt"),
    [
        ("synthetic", "clinical", None, True),
        ("synthetic", "clinical", "men", True),
        ("synthetic", "synthetic", None, True),
        ("synthetic", "synthetic", "men", False),
        ("clinical", "clinical", None, False),
        ("clinical", "synthetic", None, False),
    ],
)
def test_a_demonstration_bars_nobody(
    clinics, monkeypatch, champion_kind, challenger_kind, data, exempt
):
    """Neither a clinic's own model nor, where nothing is compared, another demonstration."""
    from respredict.lifecycle import verdicts

    version, bundle = clinics["champion"]
    served = version, of_kind(bundle, champion_kind)
    monkeypatch.setattr(verdicts, "champion_of", lambda home: served)
    other = dataclasses.replace(of_kind(clinics["t_lh"][1], challenger_kind), digest="another")
    table = str(clinics["tables"]["new"]) if data else None
    found = verdicts.judge(clinics["t_lh"][0], other, home=clinics["home"], data=table)
    assert found.exempt == exempt
    assert (found.comparison is not None) == bool(data)
    assert found.allows == (exempt or found.answer in ("better", "not worse"))


def test_synthetic_men_judge_no_clinical_model(clinics, tmp_path):
    write_cohort(tmp_path / "men.csv", 60, seed=1)
    with pytest.raises(InputError, match="--data must be clinical to judge a clinical model"):
        propose(number(clinics, "t_lh"), home=clinics["home"], data=str(tmp_path / "men.csv"))


def test_a_table_with_other_names_and_units_is_scored_and_judged_alike(
    clinics, tmp_path, monkeypatch, capsys
):
    """Through its mapping: the same men, the same scores, the same answer of the gate."""
    from respredict.cli.main import main

    monkeypatch.setenv("RESPREDICT_HOME", str(clinics["home"]))
    men = pd.read_csv(clinics["tables"]["new"], dtype=str)
    names = {"lh_iu_l": "LH mIU/mL", "fsh_iu_l": "FSH mIU/mL", "age_years": "Age"}
    men.rename(columns=names).to_csv(tmp_path / "men.csv", index=False)
    assert main(["check", str(tmp_path / "men.csv"), "--suggest-mapping"]) == 0
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(mapping.read_text().replace("confirmed = false", "confirmed = true"))
    scores, answers = [], []
    for table in (clinics["tables"]["new"], tmp_path / "men.csv"):
        out = tmp_path / f"{len(scores)}.csv"
        assert main(["score", str(table), "--out", str(out)]) == 0
        scores.append(out.read_text())
        found = propose(number(clinics, "t_lh"), home=clinics["home"], data=str(table))
        answers.append(found.verdict)
    assert scores[0] == scores[1]
    assert scores[0].count("\n") == 501
    assert answers[0].comparison == answers[1].comparison
    assert answers[0].comparison is not None
