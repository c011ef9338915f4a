"""A search for parameters: the measure of a choice, shared, continued, and told for what it is."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import optuna
import pytest

from respredict.bundle import load_bundle
from respredict.candidate_settings import CandidateSettings, search_notice
from respredict.card import card_json
from respredict.cli import main
from respredict.config import CANDIDATES, Settings, ValidationSettings, read_settings
from respredict.errors import InputError
from respredict.lifecycle.recipes import recipe_of
from respredict.lifecycle.subjects import read_subjects
from respredict.lifecycle.tuned import settings_toml
from respredict.lifecycle.tuning import SPACE, tune
from respredict.model.candidates import build_candidate
from respredict.report.cards import card_page
from respredict.synthetic import write_cohort
from respredict.validation.running import candidates_of, compared
from respredict.validation.selection import losses
from respredict.validation.subjects import matrix_of
from tests.benchmarks.test_postgresql import store  # noqa: F401 - a fixture


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Write 150 simulated men."""
    file = tmp_path_factory.mktemp("tuned") / "men.csv"
    write_cohort(file, 150, seed=8)
    return file


def settings_of(table: Path, *candidates: str, **asked) -> Settings:
    """Return settings in which the last candidate is the model's."""
    validation = ValidationSettings(candidates=candidates, repeats=1, resamples=20, jobs=1)
    model = dataclasses.replace(Settings().model, candidate=candidates[-1])
    return dataclasses.replace(
        Settings().with_cohort(table), model=model, validation=validation,
        candidates=CandidateSettings(**asked),
    )  # fmt: skip


def searched(folder: Path, settings: Settings, trials: int, study: str = "s"):
    """Search in a SQLite file of a folder."""
    uri, out = f"sqlite:///{folder}/study.db", folder / "tuned.toml"
    return tune(settings, storage=uri, study=study, trials=trials, out=out)


def trials_of(folder: Path, study: str = "s") -> list[optuna.trial.FrozenTrial]:
    """Read the trials of a study, and let go of the file."""
    kept = optuna.storages.RDBStorage(f"sqlite:///{folder}/study.db")
    found = kept.get_all_trials(kept.get_study_id_from_name(study))
    kept.remove_session()
    kept.engine.dispose()
    return found


def test_a_trial_costs_what_a_choice_among_candidates_goes_by(table, tmp_path):
    """To the bit, whatever else is compared; and what has no parameters is fitted once."""
    settings = settings_of(table, "published", "zero")
    men = matrix_of(read_subjects(settings)[1], "hormones")
    every = candidates_of(settings)
    loss = losses(men.y, compared(every, men, settings).p).mean(axis=0)
    found = searched(tmp_path, settings_of(table, "zero"), 3)

    assert [c.name for c in every] == ["published", "zero"]
    assert {trial.value for trial in trials_of(tmp_path)} == {float(loss[1].mean())}
    assert (found.loss, found.gain, found.better) == (found.untuned_loss, 0.0, False)
    assert found.settings == settings_of(table, "zero")
    assert read_settings(found.file) == found.settings


def test_the_gain_is_paired_and_the_settings_stay_unless_it_exceeds_its_error(table, tmp_path):
    """Of several searches some keep the default; each by its own figures."""
    men = matrix_of(read_subjects(settings_of(table, "published"))[1], "hormones")
    kept = []
    for width in (0.25, 1.0, 9.0):
        settings = settings_of(table, "published", prior_width=width)
        found = searched(tmp_path, settings, 4, study=f"from {width}")
        kept.append(not found.better)
        asked = CandidateSettings(prior_width=found.parameters["prior_width"])
        both = [
            compared(candidates_of(dataclasses.replace(settings, candidates=c)), men, settings).p
            for c in (settings.candidates, asked)
        ]
        before, after = (losses(men.y, p).mean(axis=(0, 1)) for p in both)
        error = (before - after).std(ddof=1) / np.sqrt(len(men))
        assert found.gain == pytest.approx(np.mean(before - after), abs=1e-12)
        assert found.standard_error == pytest.approx(error, abs=1e-12)
        assert found.better == (found.gain > found.standard_error)
        told = read_settings(found.file)
        assert told.candidates.search == (f"study 'from {width}', 4 trials" * found.better)
        assert told.candidates.prior_width == (asked.prior_width if found.better else width)
    assert set(kept) == {True, False}


def test_a_search_that_is_continued_is_the_same_as_one_that_was_not(table, tmp_path):
    """To the byte of the file it leaves; done already, it adds nothing."""
    settings = settings_of(table, "published", "boosting", learning_rate=1.0, leaf_penalty=0.01)
    (tmp_path / "once").mkdir()
    (tmp_path / "twice").mkdir()
    once = searched(tmp_path / "once", settings, 14)
    assert searched(tmp_path / "twice", settings, 12).here == 12
    twice = searched(tmp_path / "twice", settings, 14)
    again = searched(tmp_path / "twice", settings, 14)

    assert (once.here, twice.here, again.here) == (14, 2, 0)
    one, two = (
        [(trial.params, trial.value) for trial in trials_of(tmp_path / name)]
        for name in ("once", "twice")
    )
    assert one == two
    assert len({json.dumps(params) for params, _ in one}) > 7
    assert once.file.read_bytes() == twice.file.read_bytes()


def test_every_parameter_stays_in_its_space_and_can_be_written(table, tmp_path):
    settings = settings_of(table, "published", "splines", "boosting")
    searched(tmp_path, settings, 12)
    drawn = [trial.params for trial in trials_of(tmp_path)]

    assert {params["candidate"] for params in drawn} == {"published", "splines", "boosting"}
    for params in drawn:
        assert set(params) - {"candidate"} == set(SPACE[params["candidate"]])
        for key, value in params.items():
            if key != "candidate":
                least, most, _ = SPACE[params["candidate"]][key]
                assert least <= value <= most


def typed(folder: Path, table: Path, trials: int) -> list[str]:
    (folder / "run.toml").write_text(settings_toml(settings_of(table, "published", "boosting")))
    return [
        sys.executable, "-m", "respredict", "tune", "--config", "run.toml", "--study", "s",
        "--storage", "sqlite:///study.db", "--trials", str(trials), "--json",
    ]  # fmt: skip


@pytest.mark.prove
def test_processes_share_a_study(table, tmp_path):
    """Two of them reach the number together, and neither repeats what the other drew."""
    words = typed(tmp_path, table, 10)
    both = [subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE) for _ in range(2)]
    told = [json.loads(one.communicate()[0]) for one in both]
    trials = trials_of(tmp_path)

    assert [one.returncode for one in both] == [0, 0]
    assert 10 <= len(trials) <= 11
    assert sum(one["here"] for one in told) == len(trials)
    points = [json.dumps(trial.params) for trial in trials]
    assert len(set(points)) == len(points)
    assert read_settings(tmp_path / "tuned.toml").cohort.path == str(table)


@pytest.mark.prove
def test_a_process_that_is_killed_is_continued(table, tmp_path):
    """Its last trial is nobody's, and is not counted."""
    with subprocess.Popen(
        typed(tmp_path, table, 5000), cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as process:
        for line in process.stderr:
            if line.startswith("respredict: trial 3 of"):
                time.sleep(0.05)
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "tuned.toml").exists()
    done = sum(trial.state.name == "COMPLETE" for trial in trials_of(tmp_path))
    found = searched(tmp_path, settings_of(table, "published", "boosting"), done + 2)

    assert (found.trials, found.here) == (done + 2, 2)
    assert found.file.exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--trials", "0"], "--trials must be at least 1, got 0. Use 40."),
        (["--storage", "nonsense"], "--storage must be a database that answers, got nonsense: "),
        (["--storage", "sqlite:////no/such/folder/s.db"], "unable to open database file"),
        (["--storage", "postgresql+psycopg://ada:secret@127.0.0.1:1/s"],
         "got postgresql+psycopg://127.0.0.1:1/s: "),
        (["--storage", "postgresql+nodriver://ada:secret@127.0.0.1:1/s"],
         "--storage must be a database that answers"),
    ],
)  # fmt: skip
def test_a_storage_that_does_not_answer_is_told(
    table, tmp_path, monkeypatch, capsys, words, message
):
    """Without the password of its URI, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    assert main(["tune", str(table), "--trials", "1", *words]) == 2
    told = capsys.readouterr().err

    assert message in told
    assert "secret" not in told
    assert not list(tmp_path.glob("*.toml"))


def test_a_study_of_other_men_or_settings_is_refused(table, tmp_path):
    """Trials that were not measured alike are not compared."""
    settings = settings_of(table, "zero")
    searched(tmp_path, settings, 1)
    write_cohort(tmp_path / "others.csv", 150, seed=9)
    (tmp_path / "cohort.toml").write_text(
        (tmp_path / "cohort.toml").read_text().replace("men.csv", "others.csv")
    )
    seeded = dataclasses.replace(settings.validation, seed=5, folds=4)
    for other, what in (
        (settings.with_cohort(tmp_path / "others.csv"), "men"),
        (dataclasses.replace(settings, validation=seeded), "folds, seed"),
        (settings_of(table, "published"), "candidates"),
    ):
        with pytest.raises(InputError, match=f"study s must be of these .* other {what}. Name an"):
            searched(tmp_path, other, 2)
    assert len(trials_of(tmp_path)) == 1


def test_without_optuna_the_extra_is_named(table, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.chdir(tmp_path)
    assert main(["tune", str(table)]) == 2
    assert (
        "tune must have optuna, got no such package. Run: pip install 'respredict[tune]'."
        in capsys.readouterr().err
    )
    assert not list(tmp_path.iterdir())


def test_the_defaults_are_the_candidates_own():
    """Asked for nothing, a candidate is what it was; asked for something, that and no more."""
    for name in CANDIDATES:
        plain = build_candidate(name)
        assert repr(build_candidate(name, asked=CandidateSettings())) == repr(plain)
        other = CandidateSettings(
            prior_width=2.0, knots=5, learning_rate=0.05, leaf_penalty=3.0, leaf_information=8.0
        )
        moved = build_candidate(name, asked=other).get_params()
        changed = {k for k, v in plain.get_params().items() if repr(moved[k]) != repr(v)}
        named = set(other.parameters(name))
        assert {k for k in changed if "__" in k} == named
        assert bool(named) == (name in SPACE)


def test_settings_are_written_as_they_are_read(tmp_path):
    settings = settings_of(
        Path('a "table" of Zürich\\x.csv'), "zero", search="study 'é\n', 1 trial"
    )
    (tmp_path / "run.toml").write_text(settings_toml(settings), encoding="utf-8")
    assert read_settings(tmp_path / "run.toml") == settings


@pytest.mark.prove
def test_a_searched_model_says_in_card_and_report_that_nothing_repeated_the_search(
    table, tmp_path, monkeypatch, capsys
):
    """And is fitted with what was found, now and where its recipe is followed again."""
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "home"
    monkeypatch.setenv("RESPREDICT_HOME", str(home))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    asked = CandidateSettings(search="study 'spring', 40 trials", prior_width=0.5, knots=4)
    settings = dataclasses.replace(settings_of(table, "published"), candidates=asked)
    Path("tuned.toml").write_text(settings_toml(settings))
    assert main(["train", "--config", "tuned.toml", "--validate", "--json"]) == 0
    digest = json.loads(capsys.readouterr().out)["digest"]
    files = ("--out", "r.html", "--card", "c.json", "--forms", "f.json")
    assert main(["report", "challenger", *files]) == 0
    bundle, notice = load_bundle(home, digest), search_notice(settings.flat())
    card, page = json.loads(Path("c.json").read_text()), Path("r.html").read_text()

    assert "study 'spring', 40 trials" in notice
    assert bundle.pipeline["classifier"].scales == (0.5,)
    assert recipe_of(bundle.meta)()["classifier"].scales == (0.5,)
    assert card["model"]["search"] == notice
    assert "the search was not repeated" in card_page(card, ("a model",))
    assert page.count("the search was not repeated") == 1
    assert "everything but one search for parameters, the choice" in page
    forms = json.loads(Path("f.json").read_text())
    assert "everything but one search for parameters" in json.dumps(forms["probast_ai"])
    assert "Other parameters were searched for once" in json.dumps(forms["tripod_ai"])
    plain = {**bundle.meta, "settings": {"model.seed": 1}}
    assert "search" not in card_json(None, plain)["model"]
    assert recipe_of(plain)()["classifier"].scales == (1.0,)


@pytest.mark.prove
def test_a_study_on_postgresql(table, tmp_path, monkeypatch, request):
    """By its URI alone, with psycopg."""
    monkeypatch.chdir(tmp_path)
    uri = request.getfixturevalue("store").replace("postgresql://", "postgresql+psycopg://")
    found = [
        tune(settings_of(table, "published", "boosting"), storage=uri, study="s", trials=trials,
             out=tmp_path / "tuned.toml")
        for trials in (3, 5)
    ]  # fmt: skip
    print(f"trials {[one.trials for one in found]}, run here {[one.here for one in found]}")
    assert [(one.trials, one.here) for one in found] == [(3, 3), (5, 2)]
