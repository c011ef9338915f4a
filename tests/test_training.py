"""Training: what a run leaves in MLflow, promotion, and the MLproject entry points."""

from __future__ import annotations

import dataclasses
import json
import os
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from respredict import registry
from respredict.bundle import champion
from respredict.cli import main
from respredict.cohort import outcome_columns, read_cohort
from respredict.config import Settings, ValidationSettings
from respredict.errors import BundleError, CohortError, RegistryError
from respredict.lifecycle.training import outcomes, promote, train
from respredict.lifecycle.validating import validate_trained
from respredict.validation.report import Report
from tests.conftest import COHORT, ROOT


def test_a_run_logs_all_that_made_the_model(in_trained):
    """Settings, cohort digest, code version, metrics, signature, example, explanation, bundle."""
    import mlflow

    trained = in_trained["trained"]
    client = mlflow.MlflowClient()
    run = client.get_run(trained.version.run_id)
    artifacts = {a.path for a in client.list_artifacts(run.info.run_id)}
    explanation = {a.path for a in client.list_artifacts(run.info.run_id, "explanation")}
    info = mlflow.models.get_model_info("models:/respredict@champion")

    assert run.data.params["model.predictors"] == "hormones"
    assert run.data.tags["cohort_sha256"] == read_cohort(COHORT).provenance.sha256
    assert run.data.tags["cohort_kind"] == "synthetic"
    assert run.data.tags["use"] == "demonstration"
    assert run.data.tags["code_version"]
    assert run.data.metrics["cross_validated_auc"] < run.data.metrics["apparent_auc"]
    assert {"bundle", "explanation", "conformance.json", "fitted_men.json"} <= artifacts
    assert (trained.bundle.folder / "conformance.json").exists()
    assert not (trained.bundle.folder / "fitted_men.json").exists()
    drawn = {"explanation/importance.csv", "explanation/beeswarm.png"}
    assert drawn <= explanation
    assert "float" in str(info.signature.outputs) or "double" in str(info.signature.outputs)
    assert len(info.signature.inputs.inputs) == 10
    assert info.saved_input_example_info is not None


def test_the_beeswarm_is_a_picture_and_the_table_agrees_with_the_bundle(in_trained, tmp_path):
    """The global summary is logged as a drawing and as numbers."""
    import mlflow

    trained = in_trained["trained"]
    folder = mlflow.artifacts.download_artifacts(
        run_id=trained.version.run_id, artifact_path="explanation", dst_path=str(tmp_path)
    )
    table = pd.read_csv(f"{folder}/importance.csv")
    picture = (Path(folder) / "beeswarm.png").read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")

    assert table["input"].iloc[0] == "lh"
    assert table["mean_absolute_log_odds"].is_monotonic_decreasing
    importance = trained.bundle.meta["importance"]
    for name, value in zip(table["input"], table["mean_absolute_log_odds"], strict=True):
        assert value == pytest.approx(importance[name])


def test_the_same_run_again_is_the_same_bundle_and_a_new_version(in_trained):
    """Training is reproducible to the byte: one digest, another number, the alias moved."""
    first = in_trained["trained"]
    again = train(Settings().with_cohort(COHORT), home=in_trained["home"])

    assert again.bundle.digest == first.bundle.digest
    assert again.version.number > first.version.number
    assert registry.find_version("challenger").number == again.version.number


def test_promote_sets_alias_and_file_and_fetches_a_bundle_that_is_not_here(
    in_trained, tmp_path, monkeypatch
):
    """A second machine with the same registry promotes without ever having trained."""
    version = promote("1", home=tmp_path / "elsewhere")

    assert champion(tmp_path / "elsewhere")["digest"] == version.digest
    assert registry.find_version("champion").number == 1
    fetched = tmp_path / "elsewhere" / "bundles"
    assert [f.name for f in fetched.iterdir()] == [version.digest.removeprefix("sha256:")]


def test_promote_refuses_what_is_not_there_or_was_changed(in_trained, tmp_path):
    """No such version, and a bundle with a changed byte, leave the champion as it was."""
    home = tmp_path / "home"
    with pytest.raises(RegistryError, match=r"got no 'nobody' of respredict .* respredict train"):
        promote("nobody", home=home)
    promote("1", home=home)
    before = champion(home)
    meta = home / "bundles" / before["digest"].removeprefix("sha256:") / "meta.json"
    meta.write_text(meta.read_text().replace("demonstration", "Demonstration"))
    with pytest.raises(BundleError, match="a file was changed"):
        promote("1", home=home)
    assert champion(home) == before


def test_outcomes_are_counted_as_the_scheme_says():
    """Under each scheme the shipped men move as the readings of their two samples do."""
    cohort = read_cohort(COHORT, need=("outcome",))
    shares = {
        name: np.nanmean(outcomes(cohort, name).improved) for name in ("concentration", "who")
    }

    assert shares["concentration"] == pytest.approx(0.46, abs=0.06)
    assert shares["who"] < shares["concentration"]
    tmsc = outcomes(cohort, "tmsc")
    assert 0.2 < np.nanmean(tmsc.improved) < 0.6


def test_too_few_men_of_one_outcome_are_refused(tmp_path):
    """A fit of nine who improved is not even tried, and nothing is written."""
    columns = ["testosterone_ng_dl", "lh_iu_l", *outcome_columns("concentration")]
    rows = [",".join(["patient_id", *columns])]
    rows += [f"M{i},{300 + i},{3 + i / 10:.1f},2,90,{7 if i < 9 else 2}" for i in range(40)]
    (tmp_path / "few.csv").write_text("\n".join(rows) + "\n")
    with pytest.raises(CohortError, match=r"at least 10 men who improved .* got 9 and 31"):
        train(Settings().with_cohort(tmp_path / "few.csv"), home=tmp_path / "home")
    assert not (tmp_path / "home").exists()


def test_a_clinics_table_trains_a_model_that_is_no_demonstration(in_trained, tmp_path):
    """A table without the columns of the model's lesser inputs names what it lacks."""
    rng = np.random.default_rng(5)
    men = pd.read_csv(COHORT, dtype=str).iloc[:200].copy()
    men["patient_id"] = [f"C{i}" for i in range(200)]
    men["testosterone_nmol_l"] = (men.pop("testosterone_ng_dl").astype(float) / 28.842).round(3)
    men = men.sample(frac=1, random_state=int(rng.integers(100)))
    men.to_csv(tmp_path / "clinic.csv", index=False)
    (tmp_path / "cohort.toml").write_text(
        'file = "clinic.csv"\nkind = "clinical"\nsource = "Clinic A"\n'
        'units_confirmed = ["testosterone_nmol_l", "estradiol_pg_ml"]\n'
    )
    made = train(Settings().with_cohort(tmp_path / "clinic.csv"), home=tmp_path / "home")

    assert made.bundle.meta["use"] == "local evaluation"
    assert made.bundle.meta["trained_on"]["source"] == "Clinic A"


@pytest.mark.prove
def test_mlflow_run_trains_and_registers(tmp_path):
    """``mlflow run . --env-manager local`` works from a copy of the project, as documented."""
    project = tmp_path / "project"
    project.mkdir()
    for name in ("MLproject", "python_env.yaml", "training", "data", "pyproject.toml", "src"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, project / name)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_TRACKING")}
    environment |= {"MLFLOW_DISABLE_TELEMETRY": "true", "PATH": _path()}
    environment.pop("RESPREDICT_HOME", None)
    told = subprocess.run(
        [sys.executable, "-m", "mlflow", "run", ".", "--env-manager", "local",
         "-P", "config=training/default.toml"],
        cwd=project, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert told.returncode == 0, told.stderr
    assert "now the challenger" in told.stdout + told.stderr
    bundles = list((project / ".respredict" / "bundles").iterdir())
    meta = json.loads((bundles[0] / "meta.json").read_text())
    assert meta["trained_on"]["kind"] == "synthetic"


#: What each entry point is given here, and what its script prints.
ENTRY_POINTS = {
    "simulate": (["men=60", "seed=3", "out=small.csv"], "Wrote 60 synthetic men"),
    "check": ([f"data={COHORT}"], "600 men, synthetic"),
    "tune": (
        [f"config={ROOT}/training/default.toml", f"data={COHORT}", "trials=1"],
        "1 trials in study 'respredict'",
    ),
    "promote": (["version=1"], "Version 1 is the champion"),
    "score": ([f"data={COHORT}", "out=s.csv"], "600 men"),
    "monitor": (["data=told.csv", "men_fitted=600"], "No alarm"),
}


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_the_quick_entry_points_run_with_what_is_declared(
    in_trained, name, monkeypatch, capsys, tmp_path
):
    """The command that MLflow computes is run in this process."""
    given, said = ENTRY_POINTS[name]
    monkeypatch.chdir(tmp_path)
    Path("told.csv").write_text("month,y,p\n2026-01,0,0.4\n2026-01,1,0.5\n")
    assert ran(name, given, tmp_path, monkeypatch) == 0
    assert said in capsys.readouterr().out


def ran(name: str, given: list[str], folder: Path, monkeypatch) -> int:
    """Run an entry point with what MLflow makes of ``-P``; return its exit code."""
    from mlflow.projects import _project_spec

    point = _project_spec.load_project(str(ROOT)).get_entry_point(name)
    command = point.compute_command(dict(one.split("=", 1) for one in given), str(folder))
    _, _, module, *words = shlex.split(command)
    monkeypatch.setattr(sys, "argv", [module, *words])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(module, run_name="__main__")
    return int(ended.value.code)


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("main", "config"),
        ("validate", "config"),
        ("tune", "config, data, storage, study, trials, out, mapping"),
        ("simulate", "out, men, seed"),
        ("check", "data, mapping"),
        ("promote", "version, data, reason, plan, mapping"),
        ("update", "data, level, mapping"),
        ("score", "data, out, mapping"),
        ("monitor", "data, men_fitted"),
    ],
)
def test_a_parameter_that_is_not_declared_is_refused_by_every_entry_point(
    name, names, monkeypatch, capsys, tmp_path
):
    """MLflow hands it on; before, the shipped cohort was checked in place of the clinic's."""
    monkeypatch.chdir(ROOT)  # where the paths are that MLproject gives by default
    given = ["cohort=export.csv", *([f"data={COHORT}"] if name == "update" else [])]
    assert ran(name, given, tmp_path, monkeypatch) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert (
        f"the parameters must be {names}, got '--cohort export.csv' as well. "
        f"Name each so, as in -P {names.split(',')[0]}=…." in told.err
    )


def test_a_script_that_is_called_with_too_little_says_so(monkeypatch, capsys):
    """By hand, as MLflow gives every parameter its default."""
    monkeypatch.setattr(sys, "argv", ["training.check", "men.csv"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("training.check", run_name="__main__")
    assert ended.value.code == 2
    assert "the parameters must be data, mapping, got 1 of them" in capsys.readouterr().err


def test_every_entry_point_is_there_typed_and_with_a_default():
    """But for the men of an update, whom nobody can guess."""
    from mlflow.projects import _project_spec

    points = _project_spec.load_project(str(ROOT))._entry_points
    names = {
        "main",
        "validate",
        "tune",
        "simulate",
        "check",
        "promote",
        "update",
        "score",
        "monitor",
    }
    assert set(points) == names
    for name, point in points.items():
        for parameter in point.parameters.values():
            assert parameter.type in ("path", "float", "string")
            assert parameter.default is not None or (name, parameter.name) == ("update", "data")


def test_a_validation_is_logged_to_the_run_of_its_version(in_trained, tmp_path, capsys):
    """``train --validate`` leaves report.json and every number of it beside the model."""
    import mlflow

    made, page = in_trained["trained"], tmp_path / "report.html"
    assert main(["report", "champion", "--out", str(page)]) == 2
    assert "Run: respredict train --validate" in capsys.readouterr().err
    assert not page.exists()
    small = ValidationSettings(candidates=("published",), resamples=20, jobs=1)
    settings = dataclasses.replace(Settings().with_cohort(COHORT), validation=small)
    said: list[str] = []
    report = validate_trained(made, settings, say=said.append)
    run = mlflow.MlflowClient().get_run(made.version.run_id)
    text = mlflow.artifacts.load_text(f"runs:/{made.version.run_id}/report.json")

    assert Report.from_dict(json.loads(text)) == report
    assert made.bundle.document("report.json") == json.loads(text)
    for name, value in report.metrics().items():
        assert run.data.metrics[name] == value
    assert report.provenance["digest"] == made.bundle.digest
    assert report.provenance["cohort"]["sha256"] == read_cohort(COHORT).provenance.sha256
    told = made.bundle.meta["performance"]
    apparent = report.performance["published"]["auc"]["apparent"]
    assert apparent == pytest.approx(told["apparent_auc"], abs=1e-12)
    assert report.sample_size["men"] == made.bundle.meta["trained_on"]["men"]
    assert "20 resamples" in "\n".join(said)


def test_the_sample_size_is_told_before_anything_is_fitted(in_trained, tmp_path):
    """And the candidate that settings name is the one in the bundle."""
    said: list[str] = []
    model = dataclasses.replace(Settings().model, candidate="zero", predictors="t_lh")
    settings = dataclasses.replace(Settings().with_cohort(COHORT), model=model)
    made = train(settings, home=tmp_path / "home", say=said.append)

    sizes = next(i for i, line in enumerate(said) if "developing a model takes" in line)
    assert sizes < next(i for i, line in enumerate(said) if line.startswith("fitting"))
    assert made.bundle.meta["candidate"] == "zero"
    assert "validation.resamples" not in made.bundle.meta["settings"]


def _path() -> str:
    """Put this interpreter's folder first, where ``mlflow run`` looks for ``python``."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


@pytest.mark.prove
def test_worsening_is_modelled_where_there_are_men_enough(in_trained, tmp_path):
    """With 3,500 simulated men the answer's worsening is his own; with 600 the base rate."""
    from respredict.scoring import Scorer
    from respredict.synthetic import write_cohort
    from tests.conftest import PUBLISHED_MAN

    write_cohort(tmp_path / "many.csv", 3500, seed=4)
    made = train(Settings().with_cohort(tmp_path / "many.csv"), home=tmp_path / "home")
    many = Scorer(made.bundle)
    high = {**PUBLISHED_MAN, "lh": {"value": 12, "unit": "IU/L"}}
    told, other = (many.score(man)["worsening"] for man in (PUBLISHED_MAN, high))
    few = Scorer(in_trained["trained"].bundle).score(PUBLISHED_MAN)["worsening"]

    assert told["basis"] == other["basis"] == "model"
    assert 0 < told["interval"][0] < told["probability"] < told["interval"][1] < 0.5
    assert told["probability"] < other["probability"]
    assert few["basis"] == "base rate"
    assert few["events"] == 52
