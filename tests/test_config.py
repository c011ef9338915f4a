"""The settings: their defaults, what is refused with which advice, and where state is kept."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from pathlib import Path

import pytest

from respredict.config import CANDIDATES, PREDICTOR_SETS, Settings, home, read_settings
from respredict.errors import ConfigError
from respredict.model import candidates
from respredict.model.candidates import build_candidate
from respredict.model.predictors import PREDICTORS

UNKNOWN = "must be a known setting, got an unknown one."
MODEL = "Use model.predictors, model.candidate, model.seed."
SECTIONS = "Use cohort, outcome, model, candidates, validation."
ONES = "Use published, zero, splines, boosting"
SETS = "Use hormones, hormones+semen, lh+fsh, t_lh."
DEFAULT = Path(__file__).resolve().parents[1] / "training" / "default.toml"


def written(folder: Path, text: str) -> Path:
    """Write a settings file."""
    path = folder / "run.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_default_file_states_every_default():
    """The shipped file and the dataclasses name the same keys with the same values."""
    told = json.loads(json.dumps(dataclasses.asdict(Settings())))  # tuples as lists
    assert tomllib.loads(DEFAULT.read_text(encoding="utf-8")) == told
    assert read_settings(DEFAULT) == Settings()


def test_the_file_of_the_full_validation_states_the_default():
    """What it names is what the default run does."""
    assert read_settings(DEFAULT.with_name("validate.toml")) == Settings()


def test_what_a_file_leaves_out_keeps_its_default(tmp_path: Path):
    """One key changes one setting."""
    settings = read_settings(written(tmp_path, '[model]\ncandidate = "zero"\n'))
    expected = dataclasses.replace(Settings().model, candidate="zero")
    assert settings == dataclasses.replace(Settings(), model=expected)
    assert read_settings(written(tmp_path, "")) == Settings()


def test_the_choices_are_what_can_be_built():
    """Each predictor set and candidate that a file may name builds a pipeline."""
    assert set(PREDICTOR_SETS) <= set(PREDICTORS)
    assert candidates.CANDIDATES == CANDIDATES
    for predictors in PREDICTOR_SETS:
        for name in CANDIDATES:
            assert len(build_candidate(name, predictors)) == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[modle]\n", f"modle {UNKNOWN} Did you mean 'model'? {SECTIONS}"),
        ("[model]\ncandidat = 1\n",
         f"model.candidat {UNKNOWN} Did you mean 'model.candidate'? {MODEL}"),
        ("zzz = 1\n", f"zzz {UNKNOWN} {SECTIONS}"),
        ("model = 3\n", "model must be a section, got 3. Write [model] above it."),
        ("[model]\nseed = true\n",
         "model.seed must be a whole number, got True. Write seed = 1."),
        ("[model]\nseed = 1.0\n", "model.seed must be a whole number, got 1.0. Write seed = 1."),
        ("[model]\nseed = -1\n", "model.seed must be 0 to 4294967295, got -1. Choose another."),
        ("[cohort]\npath = 5\n", 'cohort.path must be text, got 5. Write path = "...".'),
        ('[cohort]\npath = ["a"]\n',
         "cohort.path must be text, got ['a']. Write path = \"...\"."),
        ('[model]\npredictors = "hormone"\n',
         f"model.predictors must be a known one, got 'hormone'. Did you mean 'hormones'? {SETS}"),
        ('[model]\ncandidate = "one"\n',
         f"model.candidate must be a known one, got 'one'. {ONES}, select."),
        ("[candidates]\nprior_width = 1\n",
         ("candidates.prior_width must be a number with a decimal point, got 1. "
          "Write prior_width = 1.0.")),
        ("[candidates]\nprior_width = nan\n",
         "candidates.prior_width must be 0.1 to 10.0, got nan. Choose another."),
        ("[candidates]\nknots = 6\n", "candidates.knots must be 3 to 5, got 6. Choose another."),
        ("[validation]\nresamples = 3\n",
         "validation.resamples must be 20 to 10000, got 3. Choose another."),
        ("[validation]\njobs = -1\n", "validation.jobs must be 0 to 1000, got -1. Choose another."),
        ('[validation]\ncandidates = ["spline"]\n',
         ("validation.candidates must be a known one, got 'spline'. Did you mean 'splines'? "
         f"{ONES}.")),
        ("[validation]\ncandidates = []\n",
         ("validation.candidates must be a list of different texts, got []. "
         'Write candidates = ["...", "..."].')),
        ("[validation]\nthresholds = [0.6, 0.3]\n",
         ("validation.thresholds must be an ascending list of numbers in (0, 1), got [0.6, 0.3]. "
         "Write thresholds = [0.3, 0.6].")),
        ("[validation]\nthresholds = [0.3, 1]\n",
         ("validation.thresholds must be an ascending list of numbers in (0, 1), got [0.3, 1]. "
         "Write thresholds = [0.3, 0.6].")),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_refused_with_the_remedy(tmp_path: Path, text: str, expected: str):
    """An unknown name is answered with the nearest, a wrong value with what may stand there."""
    with pytest.raises(ConfigError, match="must") as caught:
        read_settings(written(tmp_path, text))
    assert str(caught.value) == expected


def test_every_wrong_setting_is_told_at_once(tmp_path: Path):
    """Problems of several sections are told together, in the order of the file."""
    text = '[model]\nseed = "x"\nsede = 1\n[cohorts]\n[outcome]\nscheme = 3\n'
    with pytest.raises(ConfigError, match="must") as caught:
        read_settings(written(tmp_path, text))
    told = [problem.field for problem in caught.value.problems]
    assert told == ["model.seed", "model.sede", "cohorts", "outcome.scheme"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    """A path without a file is refused with the path and the reason."""
    with pytest.raises(ConfigError, match=r"readable TOML file, got .*none\.toml: No such file"):
        read_settings(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match=r"readable TOML file, got .*: Is a directory"):
        read_settings(tmp_path)


@pytest.mark.parametrize("content", [b"[model", b"model = \n", b"\xff\xfe[model]", b"a = 1\na = 2"])
def test_a_file_that_is_not_toml_is_named(tmp_path: Path, content: bytes):
    """What TOML's reader refuses is refused with its reason and the example to compare with."""
    path = tmp_path / "run.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"run\.toml must be TOML, .*training/default\.toml"):
        read_settings(path)


def test_settings_are_logged_flat():
    """Each setting has one dotted name, as a run logs it."""
    assert Settings().flat() == {
        "cohort.path": "data/cohorts/synthetic.csv",
        "outcome.scheme": "concentration",
        "model.predictors": "hormones",
        "model.candidate": "published",
        "model.seed": 20261121,
        "candidates.search": "",
        "candidates.prior_width": 1.0,
        "candidates.knots": 3,
        "candidates.learning_rate": 0.1,
        "candidates.leaf_penalty": 1.0,
        "candidates.leaf_information": 5.0,
        "validation.candidates": ("published", "zero", "splines", "boosting"),
        "validation.resamples": 200,
        "validation.folds": 5,
        "validation.repeats": 3,
        "validation.thresholds": (0.3, 0.45, 0.6),
        "validation.more_men": 50,
        "validation.seed": 20261121,
        "validation.jobs": 0,
    }


def test_another_cohort_leaves_the_other_settings(tmp_path: Path):
    """Only the table's path changes, and the settings it came from stay."""
    settings = Settings()
    other = settings.with_cohort(tmp_path / "clinic.csv")

    assert other.flat() == {**settings.flat(), "cohort.path": str(tmp_path / "clinic.csv")}
    assert settings == Settings()


def test_another_number_of_processes_leaves_the_other_settings():
    """Only the jobs change."""
    assert Settings().with_jobs(3).flat() == {**Settings().flat(), "validation.jobs": 3}
    with pytest.raises(ConfigError, match=r"validation\.jobs must be 0 to 1000, got -2"):
        Settings().with_jobs(-2)


def test_settings_are_frozen():
    """Nothing changes a setting once it was read."""
    with pytest.raises(dataclasses.FrozenInstanceError, match="seed"):
        Settings().model.seed = 1


def test_state_is_kept_where_the_environment_says(tmp_path: Path, monkeypatch):
    """``RESPREDICT_HOME`` names the folder; unset or empty it is in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RESPREDICT_HOME", str(tmp_path / "kept"))
    assert home() == tmp_path / "kept"
    monkeypatch.setenv("RESPREDICT_HOME", "beside")
    assert home() == tmp_path / "beside"
    monkeypatch.setenv("RESPREDICT_HOME", "")
    assert home() == tmp_path / ".respredict"
    monkeypatch.delenv("RESPREDICT_HOME")
    assert home() == tmp_path / ".respredict"
    assert not home().exists()
