"""A home with a store, a clock that is set by hand, and a worker's access."""

from __future__ import annotations

import pytest

from respredict.access import Access, create_access


class Clock:
    """Seconds since 1970, moved on by hand."""

    def __init__(self, at: float) -> None:
        self.at = at

    def __call__(self) -> float:
        """Return what it shows."""
        return self.at


@pytest.fixture
def clock():
    """Return a clock that stands at a full minute."""
    return Clock(1_800_000_000.0)


@pytest.fixture
def home(tmp_path):
    """Return a home with an empty store."""
    create_access(tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def access(home, clock):
    """Return the access of one worker."""
    with Access(home, now=clock) as access:
        yield access


def stored(home) -> bytes:
    """Return every byte of the store and of the log beside it."""
    files = (home / "keys.db", home / "keys.db-wal")
    return b"".join(file.read_bytes() for file in files if file.exists())
