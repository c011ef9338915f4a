"""The sections on how good the probabilities are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from respredict.report.amounts import Amount
from respredict.report.blocks import Page, paragraph, table
from respredict.report.curves import (
    calibration_figure,
    decision_figure,
    learning_figure,
    roc_figure,
)
from respredict.report.intervals import instability_figure
from respredict.report.markup import told
from respredict.report.sentences import corrected, estimate, phrase
from respredict.report.sources import Sources
from respredict.report.terms import METRICS
from respredict.report.verdict import worth_at

__all__ = ["add_calibration", "add_decision", "add_learning", "add_performance", "add_stability"]

Told = Mapping[str, Any]


def add_performance(page: Page, sources: Sources) -> None:
    """Add every metric, apparent and corrected, and the ROC curve.

    Parameters
    ----------
    page : Page
        Under way.
    sources : Sources
        What it tells.
    """
    of, resamples = sources.model, sources.report["settings"]["validation.resamples"]
    rows = [
        (label, Amount(of[key]["apparent"], form), Amount(of[key]["optimism"], form),
         corrected(of[key], form), note)
        for key, (label, form, note) in METRICS.items()
    ]  # fmt: skip
    header = ("Metric", "Apparent", "Optimism", "Corrected", "How to read it")
    page.add(
        "performance", "How well it does",
        paragraph("Apparent is on the men it was fitted to; corrected takes off the optimism, "
                  "measured over ", Amount(resamples, "count"), " resamples in each of which "
                  f"{sources.repeated}, the choice of its settings included, was done again."),
        table("Performance, apparent and corrected", header, rows),
        roc_figure(sources.report["roc"], of["auc"]),
        terms=("auc", "brier", "log_loss", "log_odds", "calibration_intercept",
               "calibration_slope", "ici", "sensitivity"),
    )  # fmt: skip


def add_calibration(page: Page, sources: Sources) -> None:
    """Add the calibration curve with the histogram of the probabilities.

    Parameters
    ----------
    page : Page
        Under way.
    sources : Sources
        What it tells.
    """
    report = sources.report
    page.add(
        "calibration", "Whether so many improve as it says",
        calibration_figure(report["calibration"], report["risks"]),
        terms=("calibration",),
    )  # fmt: skip


def add_decision(page: Page, sources: Sources) -> None:
    """Add the decision curve, and what it says at the thresholds asked for.

    Parameters
    ----------
    page : Page
        Under way.
    sources : Sources
        What it tells.
    """
    decision = sources.report["decision"]
    asked = sources.report["settings"]["validation.thresholds"]
    rows = [_at(min(decision, key=lambda row: abs(row["threshold"] - t))) for t in asked]
    header = (
        "Threshold",
        "Net benefit, corrected (of all men)",
        "Treating everybody",
        "Treatments avoided among a hundred men",
        "Better than treating all or none",
    )
    page.add(
        "decision", "Whether treating by it pays",
        table("Net benefit at the thresholds asked for", header, rows),
        paragraph("Treatments are avoided against treating everybody, on the same resamples, so "
                  "that their interval is of the difference; against treating nobody the net "
                  "benefit is the difference. It is better where both intervals lie above zero."),
        decision_figure(decision),
        terms=("net_benefit",),
    )  # fmt: skip


def _at(row: Told) -> tuple[Any, ...]:
    return (
        Amount(row["threshold"], "percent"),
        estimate(row["net_benefit"]["corrected"], "share"),
        Amount(row["treat_all"], "share"),
        estimate(row["interventions_avoided"], "hundred"),
        worth_at(row),
    )


def add_stability(page: Page, sources: Sources) -> None:
    """Add how far probabilities move when the model is fitted to other men.

    Parameters
    ----------
    page : Page
        Under way.
    sources : Sources
        What it tells.
    """
    stability = sources.report["stability"]
    rows = [
        (Amount(one["threshold"], "percent"), Amount(one["changes"], "share"),
         Amount(one["unstable_men"], "share"))
        for one in stability["thresholds"]
    ]  # fmt: skip
    header = ("Threshold", "How often a man changes sides, on average",
              "Men who change sides in more than one fit in ten")  # fmt: skip
    page.add(
        "stability", "How steady it is",
        table("How often other fits decide otherwise", header, rows),
        instability_figure(stability),
        terms=("instability",),
    )  # fmt: skip


def add_learning(page: Page, sources: Sources) -> None:
    """Add the learning curve.

    Parameters
    ----------
    page : Page
        Under way.
    sources : Sources
        What it tells.
    """
    learning = sources.report["learning"]
    if not learning["points"]:
        said = paragraph("There is no learning curve: ", told(learning["reason"]), ".")
        page.add("learning", "What more men would bring", said, terms=("learning",))
        return
    rows = [
        (Amount(one["men"], "count"), estimate(one["log_loss"], "index"),
         estimate(one["auc"], "index"))
        for one in learning["points"]
    ]  # fmt: skip
    note = phrase("Carried on by this form: {how}.", how=learning["extrapolated"])
    page.add(
        "learning", "What more men would bring",
        table("Fitted to part of the men", ("Men fitted", "Log-loss", "AUC"), rows),
        learning_figure(learning),
        paragraph(*note),
        terms=("learning",),
    )  # fmt: skip
