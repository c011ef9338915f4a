"""Decisions counted by period, status, score and model."""

from __future__ import annotations

import datetime
import json
import shutil
from collections import Counter
from itertools import pairwise

import pytest

from respredict.audit.summaries import count_cautions
from respredict.audit.tally import Tally
from respredict.errors import LedgerError
from respredict.ledger.erasure import erase
from respredict.ledger.filtering import Filter
from respredict.ledger.reading import Reader
from tests.audit.conftest import DAY, WEEK
from tests.audited import clock, decide


@pytest.fixture
def home(audited, tmp_path):
    return shutil.copytree(audited["home"], tmp_path / "home")


def tallied(home):
    tally = Tally(home)
    tally.refresh()
    return tally


def records(home):
    with Reader(home) as reader:
        return reader.find(Filter(kind="decision"), limit=1000).records


def test_counts_are_those_of_the_records(audited):
    """By day, each status; days without decisions are there too."""
    tally, every = tallied(audited["home"]), records(audited["home"])
    periods = tally.over_time(Filter())
    expected = Counter((record.time.date(), record.status) for record in every)
    told = Counter({(p.start, s): n for p in periods for s, n in p.statuses.items()})
    assert told == expected
    assert [p.days for p in periods] == [1] * len(periods)
    span = every[-1].time.date() - every[0].time.date()
    assert len(periods) == span.days + 1
    assert sum(map(sum, (p.risks for p in periods))) == sum(r.risk is not None for r in every)


def test_long_spans_are_counted_by_weeks_from_monday(audited):
    """And by four weeks where weeks are too many."""
    tally = tallied(audited["home"])
    weeks = tally.over_time(Filter(), most=10)
    assert {p.days for p in weeks} == {7}
    assert weeks[0].start == DAY.date()
    assert [p.decisions for p in weeks] == [30, 30, 0, 30]
    assert [p.days for p in tally.over_time(Filter(), most=2)] == [28]


def test_days_and_model_are_asked_for(audited):
    """From a day on, before another, of one version."""
    tally, first = tallied(audited["home"]), audited["first"].bundle.digest
    week = Filter(since=DAY, until=DAY + WEEK)
    assert sum(p.decisions for p in tally.over_time(week)) == 30
    assert sum(p.decisions for p in tally.over_time(Filter(model=first))) == 60
    assert tally.over_time(Filter(model="sha256:none")) == []
    assert [(u.digest, u.decisions) for u in tally.used()] == [
        (first, 60), (audited["second"].bundle.digest, 30),
    ]  # fmt: skip
    assert tally.used()[0].first == records(audited["home"])[0].time


def test_a_quantile_is_that_of_the_scores_to_a_percent(audited):
    """Read off counts in steps of one percent."""
    every = records(audited["home"])
    (whole,) = tallied(audited["home"]).over_time(Filter(), most=1)[:1]
    scores = sorted(
        r.risk for r in every
        if r.risk is not None and r.time.date() < whole.start + datetime.timedelta(days=28)
    )  # fmt: skip
    for share in (0.1, 0.5, 0.9):
        exact = scores[round(share * (len(scores) - 1))]
        assert whole.quantile(share) == pytest.approx(exact, abs=0.03)


def test_a_sample_is_spread_evenly_and_ends_with_the_last(audited):
    """All where there are few; never one without a probability unless asked for."""
    tally = tallied(audited["home"])
    every = [r.sequence for r in records(audited["home"])]
    scored = [r.sequence for r in records(audited["home"]) if r.risk is not None]
    assert tally.spread(Filter(), 1000) == (scored, len(scored))
    some, of = tally.spread(Filter(), 9, scored=False)
    assert of == len(every)
    assert some[-1] == every[-1]
    places = [every.index(s) for s in some]
    assert {b - a for a, b in pairwise(places)} == {10}


def test_what_is_new_is_counted_and_who_was_erased_is_said_nothing_of(home, audited):
    """Kept up with; an erased decision keeps its day and its model only."""
    tally = tallied(home)
    with clock(DAY + 4 * WEEK, DAY + 5 * WEEK, 100):
        decide(home, audited["second"], audited["men"][:5])
        tally.refresh()
        assert sum(p.decisions for p in tally.over_time(Filter())) == 95
        erase(home, pseudonym="man-1", actor="ops", reason="asked for")
    tally.refresh()
    assert sum(p.statuses.get("erased", 0) for p in tally.over_time(Filter())) == 2
    assert sum(p.decisions for p in tally.over_time(Filter())) == 95
    assert tally.spread(Filter(), 1000, scored=False)[1] == 93


def test_another_ledger_in_its_place_is_read_anew(home, audited):
    """A backup put back may hold less."""
    tally = tallied(home)
    kept = shutil.copy(home / "ledger.db", home / "copy")
    decide(home, audited["second"], audited["men"][:5])
    tally.refresh()
    for name in ("ledger.db-wal", "ledger.db-shm"):
        (home / name).unlink(missing_ok=True)
    shutil.move(kept, home / "ledger.db")
    tally.refresh()
    assert sum(u.decisions for u in tally.used()) == 90


def test_without_a_ledger_it_says_so(tmp_path):
    """With the reason that a service tells."""
    with pytest.raises(LedgerError, match="the ledger must be there, got missing"):
        tallied(tmp_path)


def test_cautions_are_counted_once_a_decision(audited):
    """As recounted from the recorded answers."""
    with Reader(audited["home"]) as reader:
        every = reader.find(Filter(kind="decision"), limit=1000, payloads=True).records
    found, read = count_cautions(every)
    answers = [json.loads(record.payload.answer) for record in every]
    assert read == len(every)
    for code, count in found.items():
        assert count == sum(any(c["code"] == code for c in a["cautions"]) for a in answers)
    assert found
