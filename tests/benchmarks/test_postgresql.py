"""MLflow on PostgreSQL, by its URI alone: train, promote, update and go back."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from respredict import registry
from respredict.audit.promotions import disagreements
from respredict.bundle import champion
from respredict.lifecycle.promoting import promote, roll_back
from respredict.lifecycle.updating import update
from tests.lifecycle.clinics import clinic, registered

pytestmark = pytest.mark.prove

_DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@pytest.fixture
def store(tmp_path_factory):
    """Start a PostgreSQL server of its own; return the URI of its database."""
    programs = _DEBIAN[-1] if _DEBIAN else None
    if programs is None and shutil.which("initdb") is None:
        pytest.skip("needs initdb, as Debian's postgresql-15 has it")
    pytest.importorskip("psycopg", reason="needs the driver: pip install psycopg[binary]")
    as_postgres = os.geteuid() == 0  # initdb refuses root
    if as_postgres and subprocess.run(["id", "postgres"], capture_output=True).returncode:
        pytest.skip("needs a user postgres, for initdb refuses root")
    folder = Path(f"/tmp/respredict-pg-{os.getpid()}")
    folder.mkdir()
    if as_postgres:
        shutil.chown(folder, "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def run(command: str) -> None:
        where = f"{programs}/" if programs else ""
        words = ["su", "postgres", "-c", where + command]
        subprocess.run(words if as_postgres else ["sh", "-c", where + command], check=True,
                       cwd=folder, stdout=subprocess.DEVNULL)  # fmt: skip

    run(f"initdb -A trust -U postgres -D {folder}/data")
    options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder}"
    run(f"pg_ctl -w -D {folder}/data -l {folder}/log -o '{options}' start")
    try:
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        run(f"pg_ctl -w -D {folder}/data -m immediate stop")
        shutil.rmtree(folder)


def test_the_registry_works_on_postgresql(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    home = tmp_path / "home"
    first, _ = registered(clinic(tmp_path / "ours", 150, 11), home)
    promote("challenger", home=home, reason="first")
    second, _ = registered(clinic(tmp_path / "theirs", 150, 12), home, predictors="t_lh")
    promote(str(second.number), home=home, reason="second")
    assert champion(home)["version"] == second.number
    assert roll_back(home=home, reason="back").number == first.number
    found = update(str(clinic(tmp_path / "fewer", 300, 14, gone=0.6)), home=home)
    assert registry.find_version("challenger") == found.version
    alias = registry.find_version("champion")
    assert disagreements(home, (alias.number, alias.digest)) == []
    print(f"versions 1 to {found.version.number} on PostgreSQL; the update's step: {found.step}")
    assert not (tmp_path / "mlflow.db").exists()
