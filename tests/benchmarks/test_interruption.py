"""SIGKILL while registering, promoting, updating or going back: what is left, and mended.

After every kill a champion is served, and the next command finishes or starts anew.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from respredict.bundle import champion
from respredict.scoring import load_scorer
from tests.conftest import PUBLISHED_MAN, ROOT
from tests.lifecycle.clinics import clinic

pytestmark = pytest.mark.prove

KILLS, FIRST_KILLS = 20, 6
STEPS = ("register", "promote", "update", "roll_back")
WORKER = """
import sys
from pathlib import Path
from respredict.lifecycle.promoting import promote, roll_back
from respredict.lifecycle.updating import update
from tests.lifecycle.clinics import registered
step, home, tables = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
import mlflow.sklearn, skops.io
print("ready", flush=True)
if step == "register":
    predictors = sys.argv[4] if len(sys.argv) > 4 else "t_lh"
    registered(tables / "ours" / "men.csv", home, predictors=predictors, refits=5)
elif step == "promote":
    promote("challenger", home=home, reason="a proof")
elif step == "update":
    update(str(tables / "fewer" / "men.csv"), home=home)
else:
    roll_back(home=home, reason="a proof")
print("done", flush=True)
"""


class Clinic:
    """A home and a registry in a folder, worked on by processes that may be killed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home, self.seconds = folder, folder / "home", {}
        clinic(folder / "ours", 120, 11)
        clinic(folder / "fewer", 200, 14, gone=0.6)

    def start(self, step: str, *more: str) -> subprocess.Popen:
        """Start a step; return once it is about to begin."""
        store = f"sqlite:///{self.folder}/mlflow.db"
        environment = {**os.environ, "MLFLOW_TRACKING_URI": store, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", WORKER, step, str(self.home), str(self.folder),
             *more],
            cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert process.stdout.readline() == "ready\n", process.stderr.read()
        return process

    def finish(self, step: str, *more: str) -> None:
        """Do a step to its end."""
        started = self.start(step, *more)
        begun = time.monotonic()
        out, error = started.communicate(timeout=300)
        assert (out, started.returncode) == ("done\n", 0), error
        self.seconds[step] = time.monotonic() - begun

    def kill(self, step: str, after: float) -> bool:
        """Kill a step; return whether it was still at it."""
        started = self.start(step)
        time.sleep(after)
        at_it = started.poll() is None
        started.send_signal(signal.SIGKILL)
        started.communicate()
        return at_it


def told(home: Path, folder: Path, monkeypatch) -> list[str]:
    """Return where ledger, alias and file disagree."""
    from respredict import registry
    from respredict.audit.promotions import disagreements

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    alias = registry.find_version("champion")
    return disagreements(home, (alias.number, alias.digest))


def test_a_kill_at_any_moment_leaves_a_champion_and_a_registry_to_go_on_with(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here, chance, counted = Clinic(tmp_path), random.Random(7), Counter()
    here.finish("register", "hormones")
    here.finish("promote")
    for step in ("register", "promote", "roll_back", "update"):
        here.finish(step)
    for number in range(KILLS):
        step = STEPS[number % len(STEPS)]
        if step == "roll_back":  # there must be one to go back to
            here.finish("register")
            here.finish("promote")
        at_it = here.kill(step, chance.uniform(0, here.seconds[step]))
        served = load_scorer(here.home).score(PUBLISHED_MAN)["improvement"]["probability"]
        assert 0 < served < 1
        left = told(here.home, tmp_path, monkeypatch)
        here.finish("register", "hormones")
        assert told(here.home, tmp_path, monkeypatch) == []
        here.finish("promote")
        assert told(here.home, tmp_path, monkeypatch) == []
        counted[step, "killed" if at_it else "done before", f"{len(left)} to mend"] += 1
    for (step, when, what), times in sorted(counted.items()):
        print(f"{step:10s} {when:12s} {what}: {times}")
    assert sum(n for (_, when, _), n in counted.items() if when == "killed") >= KILLS // 2
    assert [p for p in (here.home / "bundles").iterdir() if p.name.startswith(".fetching")] == []


def test_the_first_command_of_all_may_be_killed_too(tmp_path, monkeypatch):
    """While the registry's own tables are made, say."""
    monkeypatch.chdir(tmp_path)
    chance, at_it = random.Random(3), 0
    whole = Clinic(tmp_path / "whole")
    whole.finish("register", "hormones")
    for number in range(FIRST_KILLS):
        here = Clinic(tmp_path / str(number))
        at_it += here.kill("register", chance.uniform(0, whole.seconds["register"]))
        here.finish("register", "hormones")
        here.finish("promote")
        assert champion(here.home)["version"] >= 1
    print(f"{at_it} of {FIRST_KILLS} killed at work")
