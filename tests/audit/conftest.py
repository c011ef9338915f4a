"""A home with decisions of several weeks by two versions, made once."""

from __future__ import annotations

import datetime
import shutil

import pytest

from respredict.bundle import load_bundle
from respredict.ledger.creation import create_ledger
from respredict.scoring import Scorer
from tests.audited import bodies, clock, decide, other_model, promoted

DAY = datetime.datetime(2026, 5, 4, tzinfo=datetime.UTC)  # a Monday
WEEK = datetime.timedelta(days=7)


@pytest.fixture(scope="session")
def audited(trained, scorer, tmp_path_factory):
    """Let version 1 decide on 60 men in two weeks, then version 2 on 30 in the week after next."""
    home = tmp_path_factory.mktemp("audited") / "home"
    shutil.copytree(
        trained["home"], home, ignore=shutil.ignore_patterns("ledger.*", "checkpoint*", "keys.db*")
    )
    men = bodies(90)
    with clock(DAY, DAY + WEEK, 400):
        create_ledger(home)
        first = promoted(home, scorer.bundle, 1, "the first")
        decide(home, first, men[:30])
    with clock(DAY + WEEK, DAY + 2 * WEEK, 200):
        decide(home, first, men[30:60])
    with clock(DAY + 3 * WEEK, DAY + 4 * WEEK, 200):
        bundle = other_model(home, load_bundle(home, first.bundle.digest))
        second = promoted(home, bundle, 2, "stretched")
        decide(home, second, men[60:])
    return {"home": home, "first": first, "second": Scorer(bundle, 2), "men": men}
