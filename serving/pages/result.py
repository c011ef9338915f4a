"""What the page of an answer draws: rows on one scale, steps to the probability."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from respredict.explain import TOLERANCE
from respredict.words.phrases import clinical, label, level_of, men_of, opening, percent, span
from serving.pages.charts import Scale, Step, steps

__all__ = ["Row", "figures"]

Interval = tuple[float, float]

_TICKS = tuple((share / 100, f"{share} %") for share in (0, 25, 50, 75, 100))


@dataclass(frozen=True, slots=True)
class Row:
    """One probability on the scale.

    Parameters
    ----------
    words, told : str
        What it is, and the number in words.
    kind : str
        Of the marker: ``dot``, ``diamond`` or ``bar``.
    value : float or None
        None where it is not known.
    thick, thin : tuple of float or None, default=None
        Intervals drawn broad and narrow.
    """

    words: str
    told: str
    kind: str
    value: float | None
    thick: Interval | None = None
    thin: Interval | None = None


def figures(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the template draws of an answer.

    Parameters
    ----------
    answer : mapping
        As it was recorded.

    Returns
    -------
    dict
        ``rows``, ``ticks`` and ``scale`` of the probabilities, ``in_words`` their text;
        ``steps`` and ``ladder``, the contributions and their scale; ``tolerance`` of their
        sum.
    """
    rows = _rows(answer)
    explained = answer.get("explanation")
    made: list[Step] = []
    ladder = Scale(0.0, 1.0)
    if explained is not None:
        parts = [
            (opening(label(c["input"])), clinical(c["value"]), c["log_odds"])
            for c in explained["contributions"]
        ]
        made, ladder = steps(explained["base"], parts)
    return {
        "rows": rows,
        "ticks": _TICKS,
        "scale": Scale(0.0, 1.0),
        "in_words": _in_words(answer, rows),
        "steps": made,
        "ladder": ladder,
        "tolerance": TOLERANCE,
    }


def _rows(answer: Mapping[str, Any]) -> list[Row]:
    rows: list[Row] = []
    improvement = answer.get("improvement")
    if improvement is not None:
        thick, thin = improvement.get("interval"), improvement.get("redraw_interval")
        chance = improvement["probability"]
        rows.append(Row("This man, on anastrozole", percent(chance), "dot", chance, thick, thin))
    chance_only = answer.get("chance_only") or {}
    up = chance_only.get("up")
    told = percent(up) if up is not None else f"not known: {chance_only.get('reason', '')}"
    rows.append(Row("Chance alone, without any drug", told, "diamond", up))
    usual = answer["comparators"].get("prevalence")
    if usual is not None:
        rows.append(Row(f"All {men_of(answer['model'])}, treated", percent(usual), "bar", usual))
    return rows


def _in_words(answer: Mapping[str, Any], rows: list[Row]) -> str:
    told = [f"{row.words}: {row.told}" for row in rows]
    improvement = answer.get("improvement")
    if improvement is not None:
        level = level_of(improvement)
        for key, words in (
            ("interval", "refitted on other men"),
            ("redraw_interval", "with his blood drawn again"),
        ):
            if improvement.get(key):
                told.insert(1, f"{words} {span(improvement[key])} ({level} interval)")
    return "; ".join(told) + "."
