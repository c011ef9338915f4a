"""The settings: their defaults, what is refused with which advice, and where state is kept."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

import pytest

from respredict.config import PREDICTOR_SETS, SHRINK_TO, Settings, home, read_settings
from respredict.errors import ConfigError
from respredict.model.candidates import PREDICTORS, build_pipeline

UNKNOWN = "must be a known setting, got an unknown one."
MODEL = "Use model.predictors, model.shrink_to, model.seed."
SETS = "Use hormones, hormones+semen, lh+fsh, t_lh."
DEFAULT = Path(__file__).resolve().parents[1] / "training" / "default.toml"


def written(folder: Path, text: str) -> Path:
    """Write a settings file."""
    path = folder / "run.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_default_file_states_every_default():
    """The shipped file and the dataclasses name the same keys with the same values."""
    assert tomllib.loads(DEFAULT.read_text(encoding="utf-8")) == dataclasses.asdict(Settings())
    assert read_settings(DEFAULT) == Settings()


def test_what_a_file_leaves_out_keeps_its_default(tmp_path: Path):
    """One key changes one setting."""
    settings = read_settings(written(tmp_path, '[model]\nshrink_to = "zero"\n'))
    expected = dataclasses.replace(Settings().model, shrink_to="zero")
    assert settings == dataclasses.replace(Settings(), model=expected)
    assert read_settings(written(tmp_path, "")) == Settings()


def test_the_choices_are_what_can_be_built():
    """Each predictor set and target of shrinkage that a file may name builds a pipeline."""
    assert set(PREDICTOR_SETS) == set(PREDICTORS)
    for predictors in PREDICTOR_SETS:
        for shrink_to in SHRINK_TO:
            assert len(build_pipeline(predictors, shrink_to)) == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[modle]\n", f"modle {UNKNOWN} Did you mean 'model'? Use cohort, outcome, model."),
        ("[model]\nshrinkto = 1\n",
         f"model.shrinkto {UNKNOWN} Did you mean 'model.shrink_to'? {MODEL}"),
        ("zzz = 1\n", f"zzz {UNKNOWN} Use cohort, outcome, model."),
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
        ('[model]\nshrink_to = "one"\n',
         "model.shrink_to must be a known one, got 'one'. Use published, zero."),
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
        "model.shrink_to": "published",
        "model.seed": 20261121,
    }


def test_another_cohort_leaves_the_other_settings(tmp_path: Path):
    """Only the table's path changes, and the settings it came from stay."""
    settings = Settings()
    other = settings.with_cohort(tmp_path / "clinic.csv")

    assert other.flat() == {**settings.flat(), "cohort.path": str(tmp_path / "clinic.csv")}
    assert settings == Settings()


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
