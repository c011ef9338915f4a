"""Where the desk's charts put things: swarms, clouds, columns of counts, spans of time.

Across, places are shares of the width as in :mod:`serving.pages.charts`; down, pixels.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from respredict.audit.summaries import Period
from serving.pages.charts import Scale

__all__ = ["Dot", "cloud", "spans", "stacks", "swarm"]

_COLUMNS = 90
_LEVELS = 5
#: Round numbers in a power of ten, the closest first.
_STEPS = ((1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8), (1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,))


class Dot(NamedTuple):
    """A decision in a chart: across in percent, down in pixels, and its level from 0 to 4."""

    x: str
    y: float
    level: int


@dataclass(frozen=True, slots=True)
class Cloud:
    """Contributions against values.

    Parameters
    ----------
    dots : list of Dot
        One a decision.
    across : list of (str, str)
        Ticks: place and words.
    down : list of (float, str)
        Ticks: pixels and words.
    zero : float
        Pixels at which the contribution is none.
    height : int
        Of the drawing.
    """

    dots: list[Dot]
    across: list[tuple[str, str]]
    down: list[tuple[float, str]]
    zero: float
    height: int


@dataclass(frozen=True, slots=True)
class Stack:
    """One period as a column.

    Parameters
    ----------
    x, wide : str
        Where it begins and how wide it is.
    parts : list of (str, float, float)
        Status, and top and height in pixels.
    box, whisker : tuple of float and float or None
        Of its scores: quarters, and tenths, in pixels from the top.
    median : float or None
        In pixels.
    """

    x: str
    wide: str
    parts: list[tuple[str, float, float]] = field(default_factory=list)
    box: tuple[float, float] | None = None
    whisker: tuple[float, float] | None = None
    median: float | None = None


def swarm(
    contributions: Sequence[float], values: Sequence[float], scale: Scale, height: int
) -> list[Dot]:
    """Lay points side by side where they would hide each other.

    Parameters
    ----------
    contributions : sequence of float
        Log-odds, across.
    values : sequence of float
        By which each gets its level.
    scale : Scale
        Of the contributions.
    height : int
        Of the drawing, pixels.

    Returns
    -------
    list of Dot
        The levels are fifths of the values.

    Examples
    --------
    >>> swarm([0.0, 0.0], [1.0, 2.0], Scale(-1, 1), 40)
    [Dot(x='50%', y=20.0, level=0), Dot(x='50%', y=23.2, level=2)]
    """
    levels = _levels(values)
    columns: dict[int, int] = {}
    dots = []
    for k in sorted(range(len(contributions)), key=lambda i: contributions[i]):
        place = scale.at(contributions[k])
        column = round(float(place[:-1]) * _COLUMNS / 100)
        number = columns.get(column, 0)
        columns[column] = number + 1
        step = (number + 1) // 2 * (3.2 if number % 2 else -3.2)
        room = height / 2 - 4
        dots.append(Dot(place, round(height / 2 + max(-room, min(room, step)), 1), levels[k]))
    return dots


def _levels(values: Sequence[float]) -> list[int]:
    """Return the fifth of each value, equal ones in the same."""
    order = sorted(values)
    first: dict[float, int] = {}
    for rank, value in enumerate(order):
        first.setdefault(value, rank)
    return [first[value] * _LEVELS // len(order) for value in values]


def cloud(
    values: Sequence[float], contributions: Sequence[float], *, log: bool, reach: float
) -> Cloud:
    """Place contributions against values.

    Parameters
    ----------
    values : sequence of float
        In clinical units, across; positive if ``log``.
    contributions : sequence of float
        Log-odds, down.
    log : bool
        Whether values stand on a logarithmic scale, as the model sees them.
    reach : float
        Log-odds at the top and, negative, at the bottom.

    Returns
    -------
    Cloud
        To be drawn.
    """
    height, turn = 200, math.log if log else float
    places = [turn(v) for v in values]
    low, high = min(places), max(places)
    room = max(0.04 * (high - low), 1e-3)
    scale = Scale(low - room, high + room)

    def down(contribution: float) -> float:
        return round((1 - contribution / reach) * height / 2, 1)

    dots = [Dot(scale.at(p), down(c), 2) for p, c in zip(places, contributions, strict=True)]
    across = [(scale.at(turn(v)), f"{v:g}") for v in _round_values(values, log=log)]
    ticks = [t for t in Scale(-reach, reach).ticks(4) if abs(t) < reach * 0.98]
    return Cloud(dots, across, [(down(t), _signed(t)) for t in ticks], down(0), height)


def _round_values(values: Sequence[float], *, log: bool) -> list[float]:
    low, high = min(values), max(values)
    if low == high:
        return [low]
    if not log:
        return Scale(low, high).ticks(4)
    tens = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in _STEPS:
        found = [step * 10.0**ten for ten in tens for step in steps]
        found = [value for value in found if low <= value <= high]
        if len(found) <= 5:
            return found or [float(f"{math.sqrt(low * high):.2g}")]
    return found[:: len(found) // 4]


def _signed(value: float) -> str:
    return "0" if not value else f"{'−' if value < 0 else '+'}{abs(value):g}"


def stacks(
    periods: Sequence[Period], statuses: Sequence[str], height: int
) -> tuple[list[Stack], list[tuple[str, str]], int]:
    """Place periods side by side, decisions of each status one upon the other.

    Parameters
    ----------
    periods : sequence of Period
        In order, at least one.
    statuses : sequence of str
        From the bottom up.
    height : int
        Of the drawing, pixels: the greatest count, and the whole scale of probability.

    Returns
    -------
    tuple of list of Stack, list of (str, str) and int
        One a period; ticks of time as place and words; and the greatest count.
    """
    most = max(period.decisions for period in periods) or 1
    step = 100 / len(periods)
    made = []
    for k, period in enumerate(periods):
        stack = Stack(f"{k * step + step * 0.1:.4g}%", f"{step * 0.8:.4g}%")
        at = float(height)
        for status in statuses:
            tall = period.statuses.get(status, 0) / most * height
            if tall:
                at -= tall
                stack.parts.append((status, round(at, 1), round(tall, 1)))
        made.append(_with_scores(stack, period, height))
    return made, _dates(periods), most


def _with_scores(stack: Stack, period: Period, height: int) -> Stack:
    shares = [period.quantile(q) for q in (0.1, 0.25, 0.5, 0.75, 0.9)]
    if any(share is None for share in shares):
        return stack
    lowest, low, middle, high, highest = [
        round((1 - share) * height, 1) for share in shares if share is not None
    ]
    return Stack(stack.x, stack.wide, stack.parts, (high, low), (highest, lowest), middle)


def _dates(periods: Sequence[Period]) -> list[tuple[str, str]]:
    """Return about three days to write under the columns."""
    every = max(1, math.ceil(len(periods) / 3))
    chosen = range(0, len(periods), every)
    step = 100 / len(periods)
    return [(f"{k * step + step * 0.1:.4g}%", f"{periods[k].start:%Y-%m-%d}") for k in chosen]


def spans(
    moments: Sequence[datetime.datetime], end: datetime.datetime
) -> tuple[list[tuple[str, str]], Scale]:
    """Return where each span between moments begins and how wide it is.

    Parameters
    ----------
    moments : sequence of datetime
        At which each begins, at least one.
    end : datetime
        Of the last.

    Returns
    -------
    tuple of list of (str, str) and Scale
        Shares of the width, and the scale of time in seconds.
    """
    low = min(moments).timestamp()
    scale = Scale(low, max(end.timestamp(), low + 1))
    ends = [*moments[1:], end]
    places = [m.timestamp() for m in moments], [m.timestamp() for m in ends]
    # A clock may have been put back: the order is that of the chain.
    return [(scale.at(a), scale.wide(a, max(a, b))) for a, b in zip(*places, strict=True)], scale
