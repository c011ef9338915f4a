"""Heavy proof: a Bento is built and served with the network cut, and answers to the bit."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from respredict.audit.replaying import replay
from respredict.bundle import champion
from respredict.ledger.filtering import Filter
from respredict.ledger.reading import Reader
from tests.conftest import ROOT
from tests.serving_process.running import MAN, Running, own_home

pytestmark = pytest.mark.prove

#: What differs from one answer to the next.
OWN = re.compile(rb'"decision_id": ?"[^"]*", ?|, "ledger": \{[^}]*\}')


def cut_off() -> list[str]:
    """Return what runs a command without network, where the system lets us."""
    try:
        subprocess.run(["unshare", "-rn", "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return ["unshare", "-rn"]


def test_a_bento_built_offline_answers_to_the_bit(in_trained, tmp_path):
    """In a home without a champion its own becomes it, on record; decisions replay there."""
    told = champion(in_trained["home"])
    store = {"BENTOML_HOME": str(tmp_path / "bentoml")}
    environment = {**os.environ, "RESPREDICT_HOME": str(in_trained["home"]), **store}
    built = subprocess.run(
        [*cut_off(), sys.executable, "-m", "serving.bento"],
        cwd=ROOT, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    (folder,) = (p for p in (tmp_path / "bentoml/bentos/respredict").iterdir() if p.is_dir())
    names = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert not [n for n in names if re.search(r"ledger\.db|keys\.db|checkpoint\.key|champion", n)]
    packages = (folder / "env/python/requirements.txt").read_text()
    assert not re.search(r"^(mlflow|shap|matplotlib)\b", packages, re.MULTILINE)
    assert "://" not in packages

    with Running(own_home(in_trained["home"], tmp_path)) as service:
        expected = service.ask("POST", "/v1/score", MAN)[1]
    own = folder / "src/serving/bento.py"  # to tell its code from the checkout's
    own.write_text(own.read_text().replace('f"bento {', 'f"own code of {'))
    home = tmp_path / "empty"
    home.mkdir()
    bento = [sys.executable, "-m", "bentoml", "serve", f"respredict:{folder.name}"]
    with Running(home, command=bento, environment=store, folder=tmp_path) as service:
        answer = service.ask("POST", "/v1/score", MAN)[1]
    assert OWN.sub(b"", answer) == OWN.sub(b"", expected)
    assert json.loads(answer)["model"]["digest"] == told["digest"]
    assert champion(home) == told
    with Reader(home) as reader:
        (promoted,) = reader.find(Filter(kind="promotion")).records
        decisions = reader.find(Filter(kind="decision"), payloads=True).records
    assert promoted.actor == f"own code of respredict:{folder.name}"
    assert [r.state for r in replay(home, decisions, actor="test")] == ["identical"]
    print(f"\n{len(names)} files, {sum(map(size, folder.rglob('*'))) / 2**20:.1f} MB")


def size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
