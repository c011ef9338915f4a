"""A registry with a clinic's champion and challengers, made once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from respredict import registry
from respredict.lifecycle.promoting import promote
from tests.lifecycle.clinics import clinic, registered


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Register a champion and challengers of three clinics; return tables and versions."""
    folder = tmp_path_factory.mktemp("clinics")
    store, home = f"sqlite:///{folder}/mlflow.db", folder / "home"
    before, working = os.environ.get("MLFLOW_TRACKING_URI"), Path.cwd()
    os.environ["MLFLOW_TRACKING_URI"] = store
    os.chdir(folder)
    try:
        tables = {
            "ours": clinic(folder / "ours", 200, 11),
            "theirs": clinic(folder / "theirs", 200, 12),
            "new": clinic(folder / "new", 500, 13),
            "fewer": clinic(folder / "fewer", 400, 14, gone=0.6),
        }
        versions = {
            "champion": registered(tables["ours"], home),
            "semen": registered(tables["theirs"], home, predictors="hormones+semen", refits=0),
            "t_lh": registered(tables["theirs"], home, predictors="t_lh", refits=0),
        }
        first = str(versions["champion"][0].number)
        promote(first, home=folder / "template", actor="Ada", reason="first")
    finally:
        os.chdir(working)
        if before is None:
            del os.environ["MLFLOW_TRACKING_URI"]
        else:
            os.environ["MLFLOW_TRACKING_URI"] = before
    return {"folder": folder, "store": store, "home": home, "tables": tables} | versions


@pytest.fixture
def clinics(made, monkeypatch, tmp_path):
    """Work in the registry, with a home whose champion is the clinic's first model."""
    monkeypatch.chdir(made["folder"])
    monkeypatch.setenv("MLFLOW_TRACKING_URI", made["store"])
    home = tmp_path / "home"
    shutil.copytree(made["folder"] / "template", home, ignore=shutil.ignore_patterns("bundles"))
    (home / "bundles").symlink_to(made["home"] / "bundles")
    registry.set_alias("champion", made["champion"][0])
    return made | {"home": home}
