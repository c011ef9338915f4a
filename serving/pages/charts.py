"""Where things stand on a drawn scale.

Charts are inline SVG, drawn by the macros of ``templates/charts.html``. Across, places are
shares of the width and down they are pixels, so that a chart fits a telephone, a screen and
a sheet of paper alike and its letters keep their size.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["Scale", "Step", "log_odds", "steps"]

_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)


@dataclass(frozen=True, slots=True)
class Scale:
    """A scale from left to right.

    Parameters
    ----------
    low, high : float
        Values at its ends; what lies beyond is drawn at the end.

    Examples
    --------
    >>> Scale(0, 2).at(0.5), Scale(0, 2).wide(0.5, 1.5)
    ('25%', '50%')
    """

    low: float
    high: float

    def at(self, value: float) -> str:
        """Return where a value stands, as a share of the width."""
        return f"{100 * self._share(value):.4g}%"

    def wide(self, start: float, end: float) -> str:
        """Return how wide it is from one value to another, as a share of the width."""
        return f"{100 * abs(self._share(end) - self._share(start)):.4g}%"

    def ticks(self, most: int = 5) -> list[float]:
        """Return round values that part the scale evenly.

        Parameters
        ----------
        most : int, default=5
            About so many.

        Returns
        -------
        list of float
            In order, all on the scale.

        Examples
        --------
        >>> Scale(0, 9.3).ticks()
        [0.0, 2.0, 4.0, 6.0, 8.0]
        """
        rough = (self.high - self.low) / most
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next((unit * n for n in (1, 2, 5) if unit * n >= rough * 0.999), unit * 10)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(n * step, 12) for n in range(first, last + 1)]

    def chances(self, apart: float = 0.14) -> list[tuple[float, float]]:
        """Return round probabilities on a scale of log-odds.

        Parameters
        ----------
        apart : float, default=0.14
            Share of the width that one keeps from the next.

        Returns
        -------
        list of tuple of float and float
            Probability and its log-odds, in order.
        """
        found: list[tuple[float, float]] = []
        for chance in sorted(_TICKS, key=lambda p: abs(p - 0.5)):
            place = log_odds(chance)
            if not self.low <= place <= self.high:
                continue
            if all(abs(self._share(place) - self._share(other)) >= apart for _, other in found):
                found.append((chance, place))
        return sorted(found)

    def _share(self, value: float) -> float:
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


@dataclass(frozen=True, slots=True)
class Step:
    """One contribution on the way from the average man to the man himself.

    Parameters
    ----------
    name, value : str
        The input and what was measured.
    change, before, after : float
        Log-odds that it added, and those before and after it.
    """

    name: str
    value: str
    change: float
    before: float
    after: float

    @property
    def left(self) -> float:
        """The lower of its two ends."""
        return min(self.before, self.after)


def log_odds(probability: float) -> float:
    """Return the natural logarithm of the odds.

    Parameters
    ----------
    probability : float
        In (0, 1).

    Returns
    -------
    float
        Log-odds.

    Examples
    --------
    >>> log_odds(0.5)
    0.0
    """
    return math.log(probability / (1 - probability))


def steps(base: float, parts: Iterable[tuple[str, str, float]]) -> tuple[list[Step], Scale]:
    """Line contributions up end to end, the greatest first.

    Parameters
    ----------
    base : float
        Log-odds of the average man.
    parts : iterable of (str, str, float)
        Input, value and log-odds of each contribution.

    Returns
    -------
    list of Step
        The last ends at the sum.
    Scale
        That holds them all, with room at both ends.

    Examples
    --------
    >>> [step.after for step in steps(-0.5, [("age", "34 a", 0.25), ("lh", "3 IU/L", 1.0)])[0]]
    [0.5, 0.75]
    """
    made: list[Step] = []
    at = base
    for name, value, change in sorted(parts, key=lambda part: -abs(part[2])):
        made.append(Step(name, value, change, at, at + change))
        at += change
    return made, _around([base, *(step.after for step in made)])


def _around(places: Sequence[float]) -> Scale:
    low, high = min(places), max(places)
    room = max(0.08 * (high - low), 0.05)
    return Scale(low - room, high + room)
