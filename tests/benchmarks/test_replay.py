"""Heavy proof: ten thousand decisions are replayed by the command."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
import time

import pytest

from respredict.bundle import champion, load_bundle
from respredict.schema.request import read_request
from respredict.scoring import Scorer
from tests.audited import bodies, decide
from tests.serving_process.running import own_home

pytestmark = pytest.mark.prove

DECISIONS = 10_000
ASKED_SECONDS = 15


def test_ten_thousand_decisions_replay_identically(trained, tmp_path):
    """Loading, reading, rescoring and comparing cost less than six times the scoring."""
    home = own_home(trained["home"], tmp_path)
    men = bodies(DECISIONS, seed=21)
    current = champion(home)
    scorer = Scorer(load_bundle(home, current["digest"]), current["version"])
    decide(home, scorer, men)

    today, start = datetime.datetime.now(datetime.UTC).date(), time.perf_counter()
    for man in men:
        scorer.told(read_request(man), decision_id="", today=today)
    scoring = time.perf_counter() - start

    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "respredict", "audit", "replay", "all", "--json"],
        env={**os.environ, "RESPREDICT_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    replaying = time.perf_counter() - start

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    print(
        f"\n{DECISIONS:,} decisions replayed in {replaying:.1f} s (asked: {ASKED_SECONDS});"
        f" scored alone in {scoring:.1f} s"
    )
    assert (told["asked"], told["identical"]) == (DECISIONS, DECISIONS)
    assert replaying < 6 * scoring
