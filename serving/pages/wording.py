"""Filters of the templates: numbers, dates and problems as a reader has them."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from respredict.errors import Problem
from respredict.words.phrases import (
    clinical,
    label,
    men_of,
    number,
    opening,
    percent,
    quantity,
    sentence,
    span,
)
from serving.pages.fields import sections

if TYPE_CHECKING:
    from respredict.audit.promotions import Promotion

__all__ = ["FILTERS"]

_DIGEST = len("sha256:") + 12
_SEND = re.compile(r"\b([Ss])end\b")


def _day(told: datetime.datetime) -> str:
    return f"{told:%Y-%m-%d}"


def _moment(told: datetime.datetime) -> str:
    return f"{told:%Y-%m-%d %H:%M:%S} UTC"


def _digest(told: str) -> str:
    """Return as much of a digest as tells one model from another."""
    return told[:_DIGEST]


def _chance(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))


def _signed(value: float, digits: int = 2) -> str:
    """Return a number with its sign, as print has it.

    Examples
    --------
    >>> _signed(-0.1232), _signed(0.6748), _signed(-0.0004)
    ('−0.12', '+0.67', '0.00')
    """
    text = f"{abs(value):.{digits}f}"
    if not float(text):
        return text
    return f"{'−' if value < 0 else '+'}{text}"


def _rows_of(rows: Iterable[Mapping[str, Any]], *names: str) -> list[list[Any]]:
    """Return rows as lists, the first text of each with a capital."""
    return [[opening(row[names[0]]), *(row[name] for name in names[1:])] for row in rows]


def _entered(text: str) -> str:
    """Return a remedy for who fills a form in, where it is worded for who sends a request.

    Examples
    --------
    >>> _entered("Send LH.")
    'Enter LH.'
    """
    return _SEND.sub(lambda found: "Enter" if found[1] == "S" else "enter", text)


def _worded(problem: Problem, name: str) -> str:
    """Return a problem as it is told beside its field.

    Examples
    --------
    >>> _worded(Problem("age", "be given", "nothing", "Send the man's age in years"), "age")
    "Age must be given, got nothing. Enter the man's age in years."
    """
    words = _words().get(name, opening(label(name)))
    if problem.field == f"{name}.unit":
        words = f"{words}: its unit"
    told = f"{words} must {problem.rule}, got {problem.got}. {_entered(problem.remedy)}."
    return clinical(told)


def _ticks_in_percent(chances: Iterable[tuple[float, float]]) -> list[tuple[float, str]]:
    """Return where round probabilities stand, with their words."""
    return [(place, percent(chance)) for chance, place in chances]


def _promoted_rows(every: Iterable[Promotion]) -> list[list[str]]:
    return [[_moment(p.time), str(p.version), p.actor, p.reason or "–"] for p in every]


def _report_rows(measures: Iterable[tuple[str, Mapping[str, Any]]]) -> list[list[str]]:
    return [
        [_measure(name), _estimate(told["apparent"]), _estimate(told["corrected"]),
         _interval(told["corrected"])]
        for name, told in measures
    ]  # fmt: skip


def _measure(name: str) -> str:
    """Return what a measure is called: an abbreviation in capitals."""
    return name.upper() if len(name) <= 3 else opening(name)


def _estimate(told: Any) -> str:
    value = told.get("value") if isinstance(told, Mapping) else told
    return "–" if value is None else f"{value:.3f}"


def _interval(told: Any) -> str:
    if not isinstance(told, Mapping) or told.get("low") is None:
        return "–"
    return f"{told['low']:.3f} to {told['high']:.3f}"


@cache
def _words() -> dict[str, str]:
    found = {"text": "The note"}
    for section in sections(()):
        found |= {field.name: field.words for field in (*section.fields, *section.optional)}
    return found


FILTERS: dict[str, Callable[..., Any]] = {
    "chance": _chance,
    "clinical": clinical,
    "day": _day,
    "digest": _digest,
    "entered_not_sent": _entered,
    "label": label,
    "men_of": men_of,
    "moment": _moment,
    "number": number,
    "opening": opening,
    "percent": percent,
    "promoted_rows": _promoted_rows,
    "quantity": quantity,
    "report_rows": _report_rows,
    "rows_of": _rows_of,
    "sentence": sentence,
    "signed": _signed,
    "span": span,
    "ticks_in_percent": _ticks_in_percent,
    "worded": _worded,
}
