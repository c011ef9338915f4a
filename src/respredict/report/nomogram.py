"""The nomogram of an equation: a drawing to reckon a probability with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from respredict.equation import Equation, Term
from respredict.model.predictors import PREDICTORS
from respredict.report.sentences import phrase
from respredict.report.style import COLORS, Drawing, svg_of
from respredict.report.words import named, unit_of

__all__ = ["nomogram_figure"]

Told = Mapping[str, Any]

_WIDEST = 2.2  # standard deviations on either side of the median
_QUARTILES = 1.349  # standard deviations between them
_TICKS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)
_LEAST_APART = 4.5  # points between two labels
_CHANCES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
_INK = "#222222"
_INPUTS = PREDICTORS["hormones+semen"]


@dataclass(frozen=True, slots=True)
class _Scale:
    """The axis of one term: its values, and what each adds to the log-odds."""

    label: str
    values: tuple[float, ...]
    log_odds: tuple[float, ...]


def nomogram_figure(equation: Equation, table_one: Sequence[Told]) -> Drawing | None:
    """Draw the nomogram.

    Parameters
    ----------
    equation : Equation
        Of the model.
    table_one : sequence of mapping
        Of the report: between which values each axis runs.

    Returns
    -------
    Drawing or None
        None where the equation has a ratio, or Table 1 does not tell where the values lie.
    """
    scales = [_scale(term, table_one) for term in equation.terms]
    if any(scale is None for scale in scales):
        return None
    there = [scale for scale in scales if scale is not None]
    unit = max(max(s.log_odds) - min(s.log_odds) for s in there) / 100
    least = equation.intercept + sum(min(s.log_odds) for s in there)
    total = sum(max(s.log_odds) - min(s.log_odds) for s in there) / unit

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        axes.axis("off")
        rows = len(there) + 3
        axes.set(xlim=(-34, 104), ylim=(rows - 0.3, -0.7))
        _axis(axes, 0, "Points", [(v, f"{v:g}") for v in range(0, 101, 10)])
        for i, scale in enumerate(there):
            base = min(scale.log_odds)
            marks = [((x - base) / unit, f"{v:g}")
                     for v, x in zip(scale.values, scale.log_odds, strict=True)]  # fmt: skip
            _axis(axes, i + 1, scale.label, marks)
        step = 20 if total <= 250 else 50
        marks = [(100 * v / total, f"{v:g}") for v in range(0, math.floor(total) + 1, step)]
        _axis(axes, rows - 2, "Total points", marks)
        chances = [(100 * (math.log(p / (1 - p)) - least) / unit / total, f"{100 * p:g}")
                   for p in _CHANCES]  # fmt: skip
        _axis(axes, rows - 1, "Improvement (%)", [m for m in chances if 0 <= m[0] <= 100])

    told = phrase("Read straight up from each value to the points, add them up, find the sum "
                  "among the total points, and read the probability straight below. What is not "
                  "measured cannot be reckoned with.")  # fmt: skip
    rows = [[s.label, v, x] for s in there for v, x in zip(s.values, s.log_odds, strict=True)]
    return Drawing("nomogram", "Nomogram", told, svg_of(draw, height=0.62 * (len(there) + 3)),
                   ("input", "value", "log_odds"), rows)  # fmt: skip


def _axis(axes: Any, row: int, label: str, marks: Sequence[tuple[float, str]]) -> None:
    where = [at for at, _ in marks]
    axes.plot([min(where), max(where)], [row, row], color=COLORS[0], linewidth=1.4)
    axes.text(-4, row, label, ha="right", va="center", color=_INK, fontsize=9)
    last, ordered = -math.inf, sorted(marks)
    if where and max(where) - min(where) < 2 * _LEAST_APART:
        text = f"{ordered[0][1]} to {ordered[-1][1]}"
        axes.text(max(where) + 2, row, text, ha="left", va="center", color=_INK, fontsize=7.5)
        last = math.inf
    for at, text in ordered:
        axes.plot([at, at], [row, row + 0.12], color=COLORS[0], linewidth=1)
        if at - last >= _LEAST_APART:
            axes.text(at, row + 0.18, text, ha="center", va="top", color=_INK, fontsize=7.5)
            last = at


def _scale(term: Term, table_one: Sequence[Told]) -> _Scale | None:
    if term.over:
        return None
    if term.transform == "is_zero":
        return _Scale(f"{named(term.input)} none", (0.0, 1.0), (0.0, term.coefficient))
    row = next((r for r in table_one if _stem(r["variable"]) == term.input), None)
    quartiles = None if row is None else _quartiles(row["all"], log=term.transform == "ln")
    if quartiles is None:
        return None
    values = _between(*quartiles, log=term.transform == "ln")
    took = [math.log(v) if term.transform == "ln" else v for v in values]
    unit = unit_of(term.input)
    label = f"{named(term.input)} ({unit})" if unit else named(term.input)
    return _Scale(label, tuple(values), tuple(term.coefficient * v for v in took))


def _stem(column: str) -> str:
    return next((name for name in _INPUTS if column.startswith(f"{name}_")), "")


def _quartiles(told: Told, *, log: bool) -> tuple[float, float] | None:
    """Return both quartiles; one that censoring leaves open mirrors the other."""
    low, middle, high = (told.get(k) for k in ("q1", "median", "q3"))
    if low is None and middle and high:
        low = middle * middle / high if log else 2 * middle - high
    if high is None and middle and low:
        high = middle * middle / low if log else 2 * middle - low
    return None if low is None or high is None else (low, high)


def _between(q1: float, q3: float, *, log: bool) -> list[float]:
    """Return round values from far below the lower to far above the upper quartile."""
    if not log:
        half = _WIDEST * (q3 - q1) / _QUARTILES
        middle, step = (q1 + q3) / 2, 5
        first = step * math.ceil((middle - half) / step)
        return [float(v) for v in range(first, math.floor(middle + half) + 1, step)]
    q1 = max(q1, q3 / 50)
    half = _WIDEST * math.log(q3 / q1) / _QUARTILES
    low, high = (math.exp(math.log(q1 * q3) / 2 + side * half) for side in (-1, 1))
    round_ones = (t * 10.0**k for k in range(-3, 5) for t in _TICKS)
    found = [float(f"{v:.3g}") for v in round_ones if low <= v <= high]
    return found if len(found) > 1 else [float(f"{v:.2g}") for v in (low, high)]
