"""How often somebody may ask: token buckets, in bounded memory."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

__all__ = ["Buckets"]


class Buckets:
    """One token bucket a name; the longest unused one is forgotten first.

    Parameters
    ----------
    rate : float
        Tokens that come back in a second; 0 grants everything.
    burst : float
        Tokens that a full bucket holds.
    most : int, default=10_000
        Buckets kept.
    clock : callable, default=time.monotonic
        Gives seconds.

    Examples
    --------
    >>> buckets = Buckets(rate=2.0, burst=1.0, clock=lambda: 0.0)
    >>> buckets.take("a"), buckets.take("a"), buckets.take("b")
    (0.0, 0.5, 0.0)
    """

    def __init__(
        self,
        rate: float,
        burst: float,
        *,
        most: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rate, self.burst, self.most = rate, burst, most
        self._clock = clock
        self._held: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def take(self, name: str) -> float:
        """Take a token, or say for how long there is none.

        Parameters
        ----------
        name : str
            Of the bucket.

        Returns
        -------
        float
            0 if it was taken, else seconds until there is one.
        """
        if self.rate == 0:
            return 0.0
        now = self._clock()
        tokens, since = self._held.get(name, (self.burst, now))
        tokens = min(self.burst, tokens + (now - since) * self.rate)
        wait = 0.0 if tokens >= 1 else (1 - tokens) / self.rate
        self._held[name] = (tokens - 1 if wait == 0 else tokens, now)
        self._held.move_to_end(name)
        if len(self._held) > self.most:
            self._held.popitem(last=False)
        return wait
