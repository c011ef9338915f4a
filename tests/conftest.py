"""What several tests share: the shipped cohort's path, and one trained and promoted home."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
COHORT = ROOT / "data" / "cohorts" / "synthetic.csv"
PUBLISHED_MAN = json.loads((ROOT / "data" / "published_man.json").read_text(encoding="utf-8"))

# Before any framework is imported.
os.environ["BENTOML_DO_NOT_TRACK"] = "True"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Train on the shipped cohort and promote, once; return home, store and what was trained."""
    from respredict.config import Settings
    from respredict.lifecycle.training import promote, train

    folder = tmp_path_factory.mktemp("trained")
    before = {name: os.environ.get(name) for name in ("MLFLOW_TRACKING_URI", "RESPREDICT_HOME")}
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
    os.environ["RESPREDICT_HOME"] = str(folder / "home")
    working = Path.cwd()
    os.chdir(folder)  # MLflow keeps artifacts beside its store, in the working directory
    try:
        made = train(Settings().with_cohort(COHORT), home=folder / "home")
        promote(str(made.version.number), home=folder / "home")
        yield {"home": folder / "home", "folder": folder, "trained": made}
    finally:
        os.chdir(working)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


@pytest.fixture
def in_trained(trained, monkeypatch):
    """Work in the trained folder, with its home and its store."""
    monkeypatch.chdir(trained["folder"])
    monkeypatch.setenv("RESPREDICT_HOME", str(trained["home"]))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{trained['folder']}/mlflow.db")
    return trained


@pytest.fixture(scope="session")
def scorer(trained):
    """Return the champion's Scorer."""
    from respredict.scoring import load_scorer

    return load_scorer(trained["home"])


@pytest.fixture(scope="session")
def keys(trained):
    """Make an API key of each role, by role."""
    from respredict.access.identity import ROLES
    from respredict.access.keys import create_key

    return {role: create_key(trained["home"], role)[1] for role in ROLES}


@pytest.fixture(scope="session")
def client(trained, keys):
    """Serve the champion in this process, once, asked by a clinician."""
    from starlette.testclient import TestClient

    from respredict.ledger.creation import create_ledger
    from serving.service import ResponseService

    create_ledger(trained["home"])
    with TestClient(ResponseService.to_asgi(), headers={"X-API-Key": keys["clinician"]}) as client:
        yield client


@pytest.fixture
def auditor(keys):
    """Return the header by which an auditor asks."""
    return {"X-API-Key": keys["auditor"]}
