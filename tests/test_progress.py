"""Progress of long work: now and then a line."""

from __future__ import annotations

from respredict.progress import Progress


def test_tells_speed_and_time_left():
    """Each line has men, men a second and how long it still takes."""
    told: list[str] = []
    progress = Progress(told.append, every=0.0)
    progress.tell(50_000, 0.25)
    progress.tell(200_000, 1.0)
    assert told[0].startswith("50,000 men, ")
    assert "men/s" in told[0]
    assert told[0].endswith(" left")
    assert told[1].endswith("men/s")


def test_is_silent_in_between():
    """No more than a line in a while."""
    told: list[str] = []
    Progress(told.append, every=60.0).tell(50_000, 0.25)
    assert told == []


def test_counts_what_it_is_told_to_count():
    """Without a share of all there is no time left to tell."""
    told: list[str] = []
    Progress(told.append, every=0.0, of="records").tell(2_000, 0.0)
    assert told[0].startswith("2,000 records, ")
    assert told[0].endswith(" records/s")
