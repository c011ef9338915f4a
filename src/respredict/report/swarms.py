"""Figures of the explanations: how far each input moves men, and how it does so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from respredict.report.amounts import Amount
from respredict.report.sentences import phrase
from respredict.report.style import COLORS, GREY, Drawing, svg_of
from respredict.report.words import named, unit_of

__all__ = ["beeswarm_figure", "dependence_figure"]

Told = Mapping[str, Any]
Floats = NDArray[np.float64]

_ROW_HALF = 0.38
_BINS = 60


def beeswarm_figure(explanation: Told) -> Drawing:
    """Draw every man's contributions, input by input, the most moving first.

    Parameters
    ----------
    explanation : mapping
        As ``explanation_points`` gives it.

    Returns
    -------
    Drawing
        Its data are value and contribution, without saying whose.
    """
    inputs = _ordered(explanation)

    def draw(figure: Any) -> None:
        from matplotlib import colormaps

        axes, shades = figure.subplots(), colormaps["cividis"]
        axes.axvline(0, color=GREY, linewidth=1)
        for i, one in enumerate(inputs):
            value, moved = _columns(one)
            rank = np.argsort(np.argsort(value, kind="stable"), kind="stable") / max(len(value), 1)
            axes.scatter(moved, i + _spread(moved), color=shades(rank), s=7, linewidths=0)
        axes.set_yticks(range(len(inputs)), [named(one["input"]) for one in inputs])
        axes.set_ylim(len(inputs) - 0.5, -0.5)
        axes.set_xlabel("contribution to the log-odds of improvement")
        for shade, label in ((0.0, "low value"), (0.5, "middle"), (1.0, "high value")):
            axes.scatter([], [], s=24, color=shades(shade), label=label)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3)

    first = inputs[0]
    told = phrase(
        "A point is {one}; to the right it raises the probability, to the left it lowers it, and "
        "the brighter it is the higher the value. {name} moves men most: by {most} log-odds on "
        "average.", one=_each(explanation), name=named(first["input"]),
        most=Amount(first["mean_absolute"], "effect"),
    )  # fmt: skip
    rows = [[one["input"], unit_of(one["input"]), p["value"], p["log_odds"]]
            for one in inputs for p in one["points"]]  # fmt: skip
    return Drawing("beeswarm", "What moves the probability, and for how many men", told,
                   svg_of(draw, height=1.2 + 0.62 * len(inputs)),
                   ("input", "unit", "value", "log_odds"), rows)  # fmt: skip


def dependence_figure(explanation: Told) -> Drawing:
    """Draw each input's contribution against its value in clinical units.

    Parameters
    ----------
    explanation : mapping
        As ``explanation_points`` gives it.

    Returns
    -------
    Drawing
        Its data are the mean absolute contributions; the points are those of the beeswarm.
    """
    inputs = _ordered(explanation)

    def draw(figure: Any) -> None:
        down = -(-len(inputs) // 2)
        cells = figure.subplots(down, 2, squeeze=False, sharey=True).ravel()
        for axes, one in zip(cells, inputs, strict=False):
            value, moved = _columns(one)
            axes.axhline(0, color=GREY, linewidth=1)
            axes.scatter(value, moved, s=7, color=COLORS[0], linewidths=0, alpha=0.5)
            unit = unit_of(one["input"])
            axes.set_xlabel(f"{named(one['input'])} ({unit})" if unit else named(one["input"]))
        for axes in cells[len(inputs) :]:
            axes.set_visible(False)
        for axes in cells[::2]:
            axes.set_ylabel("log-odds")

    told = phrase("How the contribution changes with the value, in the unit it is measured in; "
                  "above the line it raises the probability. A point is {one}.",
                  one=_each(explanation))  # fmt: skip
    rows = [[one["input"], unit_of(one["input"]), one["mean_absolute"]] for one in inputs]
    return Drawing("dependence", "How each value moves the probability", told,
                   svg_of(draw, height=0.4 + 2.0 * -(-len(inputs) // 2)),
                   ("input", "unit", "mean_absolute_log_odds"), rows)  # fmt: skip


def _ordered(explanation: Told) -> list[Told]:
    return sorted(explanation["inputs"], key=lambda one: -one["mean_absolute"])


def _each(explanation: Told) -> str:
    one = explanation["men_a_point"] == 1
    return "one man" if one else "the mean of men next to each other in the value"


def _columns(one: Told) -> tuple[Floats, Floats]:
    return (np.array([p["value"] for p in one["points"]]),
            np.array([p["log_odds"] for p in one["points"]]))  # fmt: skip


def _spread(moved: Floats) -> Floats:
    """Return how far each point is set off its row, so that they lie beside each other."""
    if not len(moved):
        return moved
    counts, edges = np.histogram(moved, bins=_BINS)
    place = np.clip(np.digitize(moved, edges[1:-1]), 0, _BINS - 1)
    off, seen = np.zeros(len(moved)), np.zeros(_BINS, dtype=int)
    for i, k in enumerate(place.tolist()):
        seen[k] += 1
        side = 1 if seen[k] % 2 else -1
        off[i] = side * (seen[k] // 2) / max(counts.max() / 2, 6) * _ROW_HALF
    return np.asarray(np.clip(off, -_ROW_HALF, _ROW_HALF))
