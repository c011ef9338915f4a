"""An answer as the service gives it."""

from __future__ import annotations

import datetime
import uuid

import pytest

from respredict.interop.evaluation import read_evaluation
from tests.interop.resources import LH, bundle, entry

DECISION = str(uuid.UUID("01a22a68-adc8-7d85-8d6d-753e6eea5295"))


@pytest.fixture
def answered(scorer):
    """Return a function that scores a Bundle: its answer, and what was asked."""

    def answer(of=None):
        today = datetime.date(2026, 10, 20)
        evaluation = read_evaluation(bundle() if of is None else of, today=today)
        told = scorer.score(evaluation.body, today=today)
        ledger = {"sequence": 1841, "hash": "ab" * 32}
        return {**told, "decision_id": DECISION, "ledger": ledger}, evaluation

    return answer


@pytest.fixture
def without_lh():
    """Return a Bundle without LH: no probability is given."""
    of = bundle()
    entry(of, LH)["status"] = "preliminary"
    return of
