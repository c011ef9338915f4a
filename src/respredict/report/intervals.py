"""Figures of estimates with their intervals, one a line, and of a man's instability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from respredict.report.amounts import Amount
from respredict.report.sentences import Parts, phrase
from respredict.report.style import COLORS, GREY, Drawing, svg_of
from respredict.report.words import named

__all__ = ["forest_figure", "instability_figure", "shrinkage_figure"]

Told = Mapping[str, Any]

_SERIES = (("prior", "prior", "s"), ("data_only", "men alone", "^"), ("posterior", "served", "o"))
_SPREAD = 0.22  # between the three of a line


def forest_figure(
    name: str, title: str, lines: Sequence[tuple[str, Told]], *, label: str,
    alternative: Parts, reference: float | None = None,
) -> Drawing:  # fmt: skip
    """Draw estimates under each other, each with its interval.

    Parameters
    ----------
    name, title : str
        Of the figure.
    lines : sequence of (str, mapping)
        Label, and ``value``, ``low``, ``high``; a line without a value is left out.
    label : str
        Of the axis.
    alternative : tuple of str or Amount
        In words.
    reference : float or None, default=None
        Where a line is drawn: no difference, or a coin toss.

    Returns
    -------
    Drawing
        Its data are the estimates.
    """
    there = [(text, one) for text, one in lines if one.get("value") is not None]

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        if reference is not None:
            axes.axvline(reference, color=GREY, linestyle=(0, (1, 1.5)))
        for i, (_, one) in enumerate(there):
            if one.get("low") is not None:
                axes.plot([one["low"], one["high"]], [i, i], color=COLORS[0], linewidth=1.6)
            axes.plot(one["value"], i, "o", color=COLORS[0], markersize=6)
        _lines(axes, [text for text, _ in there])
        axes.set_xlabel(label)

    rows = [[text, *(one.get(k) for k in ("value", "low", "high"))] for text, one in there]
    return Drawing(name, title, alternative, svg_of(draw, height=0.9 + 0.34 * len(there)),
                   ("line", "value", "low", "high"), rows)  # fmt: skip


def shrinkage_figure(shrinkage: Sequence[Told]) -> Drawing:
    """Draw prior, men alone and posterior of each coefficient.

    Parameters
    ----------
    shrinkage : sequence of mapping
        Part of a report.

    Returns
    -------
    Drawing
        Its data are the estimates.
    """

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        axes.axvline(0, color=GREY, linestyle=(0, (1, 1.5)))
        for k, (key, label, marker) in enumerate(_SERIES):
            first = True
            for i, row in enumerate(shrinkage):
                one, at = row[key], i + (k - 1) * _SPREAD
                if one["value"] is None:
                    continue
                axes.plot([one["low"], one["high"]], [at, at], color=COLORS[k], linewidth=1.5)
                axes.plot(one["value"], at, marker, color=COLORS[k], markersize=5.5,
                          label=label if first else None)  # fmt: skip
                first = False
        _lines(axes, [named(row["name"]) for row in shrinkage])
        axes.set_xlabel("log-odds of improvement per unit")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3)

    told = phrase(
        "Squares are what was expected before these men, triangles what the men alone say, "
        "circles what is served; the lines are intervals. Where squares and triangles agree the "
        "circle has the shorter line; where they differ it lies between them."
    )
    ends = ("", "_low", "_high")
    columns = ("coefficient", "unit", *(f"{k}{e}" for k, _, _ in _SERIES for e in ends))
    rows = [
        [row["name"], row["unit"],
         *(row[k].get(e) for k, _, _ in _SERIES for e in ("value", "low", "high"))]
        for row in shrinkage
    ]  # fmt: skip
    return Drawing("shrinkage", "What was expected, what the men say, and what is served", told,
                   svg_of(draw, height=1.4 + 0.5 * len(shrinkage)), columns, rows)  # fmt: skip


def instability_figure(stability: Told) -> Drawing:
    """Draw each man's probability against where it goes in other fits.

    Parameters
    ----------
    stability : mapping
        Part of a report.

    Returns
    -------
    Drawing
        Its data are the points.
    """
    points, of = stability["points"], stability["men_a_point"]

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        p, low, high = ([100 * one[k] for one in points] for k in ("p", "low", "high"))
        axes.vlines(p, low, high, color=COLORS[0], alpha=0.35, linewidth=0.9,
                    label="where it goes in other fits")  # fmt: skip
        axes.plot([0, 100], [0, 100], color="#222222", linewidth=1.2, label="as served")
        axes.set(xlabel="probability served (%)", ylabel="probability in other fits (%)",
                 xlim=(0, 100), ylim=(0, 100))  # fmt: skip
        axes.legend(loc="upper left")

    one = "a man" if of == 1 else "men next to each other"
    half = stability["half_width"]
    told = phrase(
        "Each line is {one}; half of the men move by {median} or less to either side, one in ten "
        "by more than {p90}. MAPE is {mape} on average.", one=one,
        median=Amount(half["median"], "points"), p90=Amount(half["p90"], "points"),
        mape=Amount(stability["mape"]["mean"], "points"),
    )  # fmt: skip
    rows = [[one[k] for k in ("p", "low", "high", "mape")] for one in points]
    return Drawing("instability", "Instability of the probabilities", told, svg_of(draw, width=5.6,
                   height=4.6), ("p", "low", "high", "mape"), rows)  # fmt: skip


def _lines(axes: Any, labels: Sequence[str]) -> None:
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
