"""Which model was champion on a day, also where the clock was set back in between."""

from __future__ import annotations

import datetime

import pytest

from respredict.audit.promotions import Promotion, live_on, record_promotion, reigns
from tests.audited import clock

UTC = datetime.UTC


def promotion(sequence, *moment):
    """Return the promotion of a version by its record's number."""
    time = datetime.datetime(2026, *moment, tzinfo=UTC)
    return Promotion(sequence, time, "m", sequence, "sha256:0", "run", None, "Ada", "")


BACK = [promotion(1, 11, 30, 12), promotion(2, 11, 20, 12), promotion(3, 12, 5, 12)]


@pytest.mark.parametrize(
    ("month", "day", "versions"),
    [(11, 19, []), (11, 20, []), (11, 29, []), (11, 30, [1, 2]), (12, 1, [2]), (12, 5, [2, 3])],
)
def test_nobody_reigns_before_the_first_promotion_though_the_clock_went_back(month, day, versions):
    """The order is that of the records: the second follows the first, whatever its clock says."""
    found = reigns(BACK, datetime.date(2026, month, day))
    assert [one.promotion.version for one in found] == versions
    assert all(one.until is None or one.until >= one.since for one in found)


def test_a_reign_says_since_when_it_counts_and_what_its_clock_said():
    """The second begins with the latest moment recorded before it."""
    first, second = reigns(BACK, datetime.date(2026, 11, 30))
    assert first.until == second.since == first.since == BACK[0].time
    told = second.as_dict()
    assert (told["since"], told["time"]) == (
        "2026-11-30T12:00:00+00:00", "2026-11-20T12:00:00+00:00",
    )  # fmt: skip


def test_a_reign_that_ended_at_midnight_is_of_the_day_it_began():
    """It began at that very midnight, and the clock was set back then."""
    every = [promotion(1, 11, 30, 0), promotion(2, 11, 20, 12)]
    found = reigns(every, datetime.date(2026, 11, 30))
    assert [one.promotion.version for one in found] == [1, 2]
    assert reigns(every, datetime.date(2026, 11, 29)) == []


def test_the_champion_of_a_day_is_read_from_the_ledger(tmp_path):
    """Promoted, and promoted again while the clock stood ten days earlier."""
    for version, day in ((1, 30), (2, 20)):
        moment = datetime.datetime(2026, 11, day, tzinfo=UTC)
        with clock(moment, moment + datetime.timedelta(hours=1), 100):
            record_promotion(
                tmp_path, name="m", version=version, digest="sha256:0", run_id="r", actor="Ada"
            )
    named = {
        day: [one.promotion.version for one in live_on(tmp_path, datetime.date(2026, 11, day))]
        for day in (20, 29, 30)
    }
    assert named == {20: [], 29: [], 30: [1, 2]}
    assert [one.promotion.version for one in live_on(tmp_path, datetime.date(2026, 12, 1))] == [2]
