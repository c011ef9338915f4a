"""Figures of how good the probabilities are: calibration, ROC, decision and learning curve."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from respredict.report.amounts import Amount
from respredict.report.sentences import estimate, phrase
from respredict.report.style import COLORS, GREY, Drawing, svg_of
from respredict.report.terms import MODELS

__all__ = ["calibration_figure", "decision_figure", "learning_figure", "roc_figure"]

Told = Mapping[str, Any]

_SHARE = "probability of improvement (%)"
_SHORT = {"prevalence": "prevalence", "t_lh_at_least_100": "T/LH rule", "t_e2_below_10":
          "T/E2 rule", "lh+fsh": "LH and FSH only"}  # fmt: skip
_LINES = ((0, (4, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)), (0, (3, 1, 1, 1, 1, 1)))


def calibration_figure(calibration: Told, risks: Told) -> Drawing:
    """Draw the calibration curve above the histogram of the probabilities.

    Parameters
    ----------
    calibration, risks : mapping
        Parts of a report.

    Returns
    -------
    Drawing
        Its data are the points of the curve.
    """
    points = calibration["points"]

    def draw(figure: Any) -> None:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        p, seen, low, high = (_percent(points, k) for k in ("p", "observed", "low", "high"))
        above.plot([0, 100], [0, 100], color=GREY, linestyle=_LINES[1], label="perfect")
        above.fill_between(p, low, high, color=COLORS[0], alpha=0.18, linewidth=0)
        above.plot(p, seen, color=COLORS[0], label="observed, with its band")
        above.set(ylabel="men who improved (%)", xlim=(0, 100), ylim=(0, 100))
        above.legend(loc="upper left")
        _histogram(below, risks)
        below.set(xlabel=_SHARE, ylabel="men")

    told = phrase(
        "Of {on}: the curve shows how many improved among men given each probability; on the "
        "dotted line as many improve as were told. ", on=calibration["on"],
    )  # fmt: skip
    if points:
        middle = points[len(points) // 2]
        seen_there = estimate({**middle, "value": middle["observed"]}, "share")
        told += phrase("Of men given about {p}, an estimated {seen} improved. ",
                       p=Amount(middle["p"], "share"), seen=seen_there)  # fmt: skip
    told += phrase("Below, the number of men by probability, those who improved upwards and the "
                   "others downwards.")  # fmt: skip
    rows = [[one[k] for k in ("p", "observed", "low", "high")] for one in points]
    return Drawing("calibration", "Calibration curve and histogram of the probabilities", told,
                   svg_of(draw, height=5.2), ("p", "observed", "low", "high"), rows)  # fmt: skip


def roc_figure(roc: Sequence[Told], auc: Told) -> Drawing:
    """Draw the ROC curve.

    Parameters
    ----------
    roc : sequence of mapping
        Part of a report.
    auc : mapping
        The corrected AUC of the model.

    Returns
    -------
    Drawing
        Its data are the points of the curve.
    """

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        found = [100 * one["sensitivity"] for one in roc]
        wrong = [100 - 100 * one["specificity"] for one in roc]
        axes.plot([0, 100], [0, 100], color=GREY, linestyle=_LINES[1], label="coin toss")
        axes.step(wrong, found, where="post", color=COLORS[0], label="men left out of the fit")
        axes.set(xlabel="men who did not improve, wrongly found (%)", aspect="equal",
                 ylabel="men who improved, found (%)", xlim=(0, 100), ylim=(0, 100))  # fmt: skip
        axes.legend(loc="lower right")

    told = phrase(
        "Each point is a threshold: the further the curve bends to the upper left, the better "
        "the two kinds of men are told apart. Corrected AUC {auc}.",
        auc=estimate(auc["corrected"], "index"),
    )
    rows = [[one[k] for k in ("threshold", "sensitivity", "specificity")] for one in roc]
    return Drawing("roc", "ROC curve of men left out of the fit", told, svg_of(draw, width=5.0,
                   height=4.8), ("threshold", "sensitivity", "specificity"), rows)  # fmt: skip


def decision_figure(decision: Sequence[Told]) -> Drawing:
    """Draw the decision curve with the band of the model.

    Parameters
    ----------
    decision : sequence of mapping
        Part of a report.

    Returns
    -------
    Drawing
        Its data are the net benefits by threshold.
    """
    names = list(decision[0]["comparators"])
    at = [100 * one["threshold"] for one in decision]
    of_model = [one["net_benefit"]["corrected"] for one in decision]
    whole = [one["treat_all"] for one in decision]

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        banded = [(t, one) for t, one in zip(at, of_model, strict=True) if one["low"] is not None]
        axes.fill_between([t for t, _ in banded], [one["low"] for _, one in banded],
                          [one["high"] for _, one in banded], color=COLORS[0], alpha=0.18,
                          linewidth=0)  # fmt: skip
        axes.axhline(0, color="#222222", linewidth=1, label="treat nobody")
        axes.plot(at, whole, color=GREY, linestyle=_LINES[1], label="treat everybody")
        for i, name in enumerate(n for n in names if n != "prevalence"):
            values = [one["comparators"][name] for one in decision]
            axes.plot(at, values, color=COLORS[i + 1], linestyle=_LINES[i], linewidth=1.3,
                      label=_SHORT.get(name, name))  # fmt: skip
        axes.plot(at, [one["value"] for one in of_model], color=COLORS[0], label="model, band")
        top = max(one["value"] for one in of_model)
        axes.set(xlabel="threshold (%)", ylabel="net benefit (share of men)", xlim=(0, 100),
                 ylim=(-0.25 * top, 1.1 * top))  # fmt: skip
        axes.legend(loc="upper right")

    told = phrase(
        "The model is worth using where its line lies above those of treating everybody, of "
        "treating nobody and of its comparators; corrected for optimism."
    )
    columns = ("threshold", "model", "low", "high", "treat_all", *names)
    rows = [
        [one["threshold"], of["value"], of["low"], of["high"], one["treat_all"],
         *(one["comparators"][n] for n in names)]
        for one, of in zip(decision, of_model, strict=True)
    ]  # fmt: skip
    return Drawing("decision", "Decision curve", told, svg_of(draw), columns, rows)


def learning_figure(learning: Told) -> Drawing:
    """Draw how log-loss falls with the men fitted.

    Parameters
    ----------
    learning : mapping
        Part of a report, with points.

    Returns
    -------
    Drawing
        Its data are the points of the curve.
    """
    points, more = learning["points"], learning["more"]

    def draw(figure: Any) -> None:
        sides = figure.subplots(1, 2)
        for axes, key, label in zip(sides, ("log_loss", "auc"), ("log-loss", "AUC"), strict=True):
            men = [one["men"] for one in points]
            value, low, high = ([one[key][k] for one in points] for k in ("value", "low", "high"))
            axes.fill_between(men, low, high, color=COLORS[0], alpha=0.18, linewidth=0)
            axes.plot(men, value, color=COLORS[0], marker="o")
            axes.set(xlabel="men fitted", ylabel=label, xlim=(0, None))

    told = phrase(
        "{men} more men would change the log-loss by {loss} and the AUC by {auc}, if the curve "
        "went on as it runs.", men=Amount(more["men"], "count"),
        loss=estimate(more["log_loss"], "signed"), auc=estimate(more["auc"], "signed"),
    )  # fmt: skip
    columns = ("men", *(f"{k}{e}" for k in ("log_loss", "auc") for e in ("", "_low", "_high")))
    rows = [
        [one["men"], *(one[k][e] for k in ("log_loss", "auc") for e in ("value", "low", "high"))]
        for one in points
    ]
    return Drawing("learning", "Learning curve", told, svg_of(draw, height=3.2), columns, rows)


def _percent(points: Sequence[Told], key: str) -> list[float]:
    return [100 * one[key] for one in points]


def _histogram(axes: Any, risks: Told) -> None:
    """Draw counts up and down; a count too small to tell is left blank."""
    edges = [100 * edge for edge in risks["edges"]]
    widths = [b - a for a, b in itertools.pairwise(edges)]
    for key, sign, color, hatch in (("improved", 1, COLORS[0], None),
                                    ("not_improved", -1, "#BBBBBB", "///")):  # fmt: skip
        counts = [sign * (count or 0) for count in risks[key]]
        axes.bar(edges[:-1], counts, widths, align="edge", color=color, edgecolor="white",
                 linewidth=0.5, hatch=hatch)  # fmt: skip
    axes.axhline(0, color="#222222", linewidth=0.8)
    axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):.0f}")


assert set(_SHORT) <= set(MODELS)
