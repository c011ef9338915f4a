"""The sections on why it says what it says: coefficients, explanations, the equation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from respredict.report.amounts import Amount
from respredict.report.blocks import Page, paragraph, table
from respredict.report.intervals import shrinkage_figure
from respredict.report.markup import element, told
from respredict.report.nomogram import nomogram_figure
from respredict.report.sentences import estimate
from respredict.report.sources import Sources
from respredict.report.swarms import beeswarm_figure, dependence_figure
from respredict.report.words import named, unit_of

__all__ = ["add_equation", "add_explanation", "add_shrinkage"]

Told = Mapping[str, Any]

_NOT_STORED = "The explanations of the men fitted were not stored with this model. Train it again."
_TRANSFORMS = {
    "linear": "as it is",
    "ln": "natural logarithm",
    "is_zero": "one where it is zero",
    "ratio": "ratio",
    "ln_ratio": "natural logarithm of the ratio",
}


def add_shrinkage(page: Page, sources: Sources) -> None:
    """Add prior, men alone and posterior of each coefficient, side by side.

    Parameters
    ----------
    page : Page
        Under way.
    sources : Sources
        What it tells.
    """
    shrinkage = sources.report["shrinkage"]
    title = "What was expected, and what the men say"
    if not shrinkage:
        none = "A model of this kind has no coefficient to set beside a published one."
        page.add("shrinkage", title, paragraph(none))
        return
    rows = [
        (named(row["name"]), row["unit"],
         *(estimate(row[key], "effect") for key in ("prior", "data_only", "posterior")))
        for row in shrinkage
    ]  # fmt: skip
    header = ("Coefficient", "Unit", "Expected (prior)", "The men alone", "Served (posterior)")
    page.add(
        "shrinkage", title,
        paragraph("What was published about these hormones is expected beforehand, and the men "
                  "correct it by as much as they know. A coefficient of a logarithm says what a "
                  "value higher by the base of the natural logarithm brings; a ratio stands beside "
                  "the two values it is made of."),
        table("Coefficients, with intervals", header, rows),
        shrinkage_figure(shrinkage),
        terms=("shrinkage", "log_odds"),
    )  # fmt: skip


def add_explanation(page: Page, sources: Sources) -> None:
    """Add how far each input moves men, and how it does so in clinical units.

    Parameters
    ----------
    page : Page
        Under way.
    sources : Sources
        What it tells.
    """
    title, explanation = "What moves the probability", sources.explanation
    if explanation is None:
        page.add("explanation", title, paragraph(_NOT_STORED), terms=("contribution",))
        return
    page.add(
        "explanation", title,
        beeswarm_figure(explanation), dependence_figure(explanation),
        terms=("contribution", "log_odds"),
    )  # fmt: skip


def add_equation(page: Page, sources: Sources) -> None:
    """Add the equation: coefficients with units, the nomogram, the spreadsheet formula.

    Parameters
    ----------
    page : Page
        Under way.
    sources : Sources
        What it tells.
    """
    equation, title = sources.equation, "The equation"
    if equation is None:
        page.add("equation", title, paragraph(
            "The model is no weighted sum of its values and so has no equation to print; it is "
            "asked through the service, or loaded by its digest."))  # fmt: skip
        return
    rows = [("Intercept", "", "", Amount(equation.intercept, "exact"))]
    for term in equation.terms:
        over = f" over {named(term.over)}" if term.over else ""
        rows.append((f"{named(term.input)}{over}", _TRANSFORMS[term.transform],
                     unit_of(term.input), Amount(term.coefficient, "exact")))  # fmt: skip
    page.add(
        "equation", title,
        paragraph("The log-odds are the intercept and, for each line, the coefficient times the "
                  "value; the probability is one over one plus the exponential of their "
                  "negative. It holds for men who have every value measured; the service also "
                  "answers for others."),
        table("Coefficients of the equation, in log-odds",
              ("Value", "Taken as", "Unit", "Coefficient"), rows),
        nomogram_figure(equation, sources.report["cohort"]["table_one"]),
        paragraph("The same as one cell of a spreadsheet, whose named cells hold the values in "
                  "the units above:"),
        element("pre", element("code", equation.formula()), tabindex="0", role="region",
                aria_label="Spreadsheet formula"),
        paragraph("Outcome: ", told(equation.definition), "."),
        terms=("nomogram",),
    )  # fmt: skip
