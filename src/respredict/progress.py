"""How far a long reading is, told now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

__all__ = ["Progress"]

_TERMINAL_SECONDS, _LOG_SECONDS = 1.0, 10.0


class Progress:
    """Tells men, men a second and the time left.

    Parameters
    ----------
    say : callable
        Told each line.
    every : float or None, default=None
        Seconds between two lines, at least; by default 1 at a terminal, else 10.
    of : str, default="men"
        What is counted.
    """

    def __init__(
        self, say: Callable[[str], None], every: float | None = None, *, of: str = "men"
    ) -> None:
        self.say, self.of = say, of
        at_terminal = sys.stderr.isatty()
        self.every = (
            (_TERMINAL_SECONDS if at_terminal else _LOG_SECONDS) if every is None else every
        )
        self._start = self._last = time.monotonic()

    @property
    def seconds(self) -> float:
        """Time since the start."""
        return time.monotonic() - self._start

    def tell(self, rows: int, fraction: float) -> None:
        """Say how far it is, if it is time to.

        Parameters
        ----------
        rows : int
            Done.
        fraction : float
            Of all, in [0, 1].
        """
        now = time.monotonic()
        if now - self._last < self.every:
            return
        self._last = now
        gone = now - self._start
        left = f", {_lasting(gone / fraction - gone)} left" if 0 < fraction < 1 else ""
        self.say(f"{rows:,} {self.of}, {rows / gone:,.0f} {self.of}/s{left}")


def _lasting(seconds: float) -> str:
    """Return a time in words.

    Examples
    --------
    >>> _lasting(7.2), _lasting(200), _lasting(9000)
    ('8 s', '4 min', '2.5 h')
    """
    if seconds < 100:
        return f"{int(seconds) + 1} s"
    return f"{int(seconds / 60) + 1} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
