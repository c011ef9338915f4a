"""The lock of a home: one process appends at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from respredict.ledger import store
from respredict.ledger.store import refusal, unavailable

__all__ = ["HomeLock", "exclusive"]


class HomeLock:
    """The lock of a home, open for as long as somebody appends again and again.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self._handle: int | None = None

    @contextlib.contextmanager
    def held(self, wait: float | None = None) -> Iterator[None]:
        """Hold the lock, as :func:`exclusive` does."""
        if self._handle is None:
            flags = os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC
            try:
                self._handle = os.open(self.home / "ledger.lock", flags, 0o644)
            except OSError as error:
                raise unavailable(error) from error
        _acquire(self._handle, store.WAIT_SECONDS if wait is None else wait)
        try:
            yield
        finally:
            if self._handle is not None:  # closing releases it as well
                fcntl.flock(self._handle, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the file; the next time opens it anew."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)


def _acquire(handle: int, wait: float) -> None:
    deadline = time.monotonic() + wait
    pause = 0.0001
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                found = f"another process held it for {wait:g} s"
                raise refusal(reason="locked", found=found) from None
            time.sleep(pause)
            pause = min(2 * pause, 0.001)
        else:
            return


@contextlib.contextmanager
def exclusive(home: Path, *, wait: float | None = None) -> Iterator[None]:
    """Hold the lock that lets one process append at a time.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    wait : float, default=None
        Seconds to wait for it; 2 if None.

    Yields
    ------
    None
        While it is held.

    Raises
    ------
    LedgerError
        With reason ``locked`` if another process keeps it longer.
    """
    lock = HomeLock(home)
    try:
        with lock.held(wait):
            yield
    finally:
        lock.close()
