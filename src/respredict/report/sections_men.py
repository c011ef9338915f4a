"""The sections on what was asked, of whom, and whether they are enough."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from respredict.outcome import SCHEMES, WINDOW_DAYS
from respredict.report.amounts import Amount
from respredict.report.blocks import Page, paragraph, table
from respredict.report.markup import Html, element, fixed, join, told
from respredict.report.sentences import phrase
from respredict.report.sources import Sources
from respredict.report.verdict import bottom_line, findings
from respredict.report.words import named, unit_of

__all__ = ["add_men", "add_question", "add_size", "add_verdict"]

Told = Mapping[str, Any]

_GROUPS = (("all", "All men"), ("improved", "Improved"), ("not_improved", "Did not improve"))
_CRITERIA = {
    "shrinkage": "expected shrinkage of no more than a tenth",
    "optimism": "optimism in the explained variation of no more than a twentieth",
    "mean_risk": "the prevalence known within a twentieth",
}
_MARKS = {"met": "\N{CHECK MARK}", "not met": "\N{MULTIPLICATION SIGN}", "cannot tell": "?"}


def add_verdict(page: Page, sources: Sources) -> None:
    """Add the verdict: what the numbers say in plain words.

    Parameters
    ----------
    page : Page
        Under way.
    sources : Sources
        What it tells.
    """
    found = findings(sources)
    rows = [
        (f.question, element("span", f"{_MARKS[f.verdict]} {f.verdict}", class_="mark"),
         (*f.parts, " ", element("a", "Where it stands", href=f"#{f.section}",
                                 aria_label=f"Where it stands: {f.question}", class_="screen")))
        for f in found
    ]  # fmt: skip
    level = Amount(sources.report["settings"]["level"], "percent")
    page.add(
        "verdict", "The verdict",
        paragraph(bottom_line(sources, found), class_="lead"),
        table("What was found, question by question", ("Question", "Verdict", "Answer"), rows),
        paragraph("What is in brackets is a ", level, " interval. A question is met where the "
                  "number, or the whole of its interval, lies where the rules of this project ask "
                  "for it; they are ours, and no guideline's."),
        terms=("interval", "spread"),
    )  # fmt: skip


def add_question(page: Page, sources: Sources) -> None:
    """Add what was asked.

    Parameters
    ----------
    page : Page
        Under way.
    sources : Sources
        What it tells.
    """
    report = sources.report
    scheme = SCHEMES[report["settings"]["outcome.scheme"]]
    low, high = (fixed(f"{day:.0f}") for day in WINDOW_DAYS)
    unit = "million/mL" if scheme.measure == "concentration" else "million in the ejaculate"
    page.add(
        "question", "What was asked",
        paragraph("How likely is a subfertile man about to take anastrozole to move up at least "
                  "one category of ", scheme.measure.replace("_", " "), " (", unit, ": ",
                  fixed(", ".join(scheme.labels)), ") in a second semen sample ", low, " to ", high,
                  " days later?"),
        paragraph("There is no control arm: a man who moves up may have done so without the drug, "
                  "because one sample differs from the next. The model tells who moves up, not "
                  "what the drug does."),
        table("What the run was asked for", ("Setting", "Value"), list(_settings(report))),
        terms=("threshold", "resample", "candidate"),
    )  # fmt: skip


def _settings(report: Told) -> Iterator[tuple[Any, Any]]:
    for key, value in report["settings"].items():
        if isinstance(value, str):
            shown: Any = told(value)
        elif isinstance(value, list | tuple):
            shown = join(_listed(value))
        else:
            shown = Amount(value, "natural" if isinstance(value, float) else "count")
        yield element("code", key), shown


def _listed(values: Any) -> Iterator[Any]:
    for i, value in enumerate(values):
        yield ", " if i else ""
        yield value if isinstance(value, str) else Amount(value, "natural")


def add_men(page: Page, sources: Sources) -> None:
    """Add who the men are: Table 1, with what is missing and what is censored.

    Parameters
    ----------
    page : Page
        Under way.
    sources : Sources
        What it tells.
    """
    cohort, origin = sources.report["cohort"], sources.report["provenance"]["cohort"]
    left = [(told(why), Amount(n, "count")) for why, n in cohort["left_out"].items()]
    sites = [(told(one["name"]), Amount(one["n"], "count"), Amount(one["events"], "count"))
             for one in cohort["sites"]]  # fmt: skip
    rows = [_described(row) for row in cohort["table_one"]]
    page.add(
        "men", "The men",
        paragraph("The table has ", Amount(origin["rows"], "count"), " men (",
                  told(origin["kind"]), "); of ", Amount(cohort["men"], "count"),
                  " it is known whether they improved, and ", Amount(cohort["events"], "count"),
                  " did: a prevalence of ", Amount(cohort["prevalence"], "share"), "."),
        paragraph("Source: ", told(origin["source"])),
        table("Men left out, by reason", ("Reason", "Men"), left) if left else None,
        table("Men by clinic", ("Clinic", "Men", "Improved"), sites),
        table("Table one: the men before treatment, by what became of them",
              ("Variable", *(label for _, label in _GROUPS)), rows),
        paragraph("Numbers are median (lower to upper quartile), or the men for whom it is true; a "
                  "quartile that censoring leaves open is not told."),
        terms=("prevalence", "censored", "quartiles"),
    )  # fmt: skip


def _described(row: Told) -> tuple[Any, ...]:
    unit = unit_of(row["variable"])
    label = f"{named(row['variable'])} ({unit})" if unit else named(row["variable"])
    return (label, *(_cell(row[key]) for key, _ in _GROUPS))


def _cell(told_of: Told) -> Html:
    if "yes" in told_of:
        value: Any = phrase("{yes} of {n}", yes=Amount(told_of["yes"], "count"),
                            n=Amount(told_of["n"], "count"))  # fmt: skip
    else:
        q1, median, q3 = (_quartile(told_of[k]) for k in ("q1", "median", "q3"))
        value = phrase("{m} ({a} to {b})", m=median, a=q1, b=q3)
    notes = [
        phrase("{n} " + word, n=Amount(told_of[word], "count"))
        for word in ("missing", "censored")
        if told_of[word]
    ]
    return join((value, *(element("span", note, class_="note") for note in notes)))


def _quartile(value: float | None) -> Any:
    return "open" if value is None else Amount(value, "natural")


def add_size(page: Page, sources: Sources) -> None:
    """Add whether the men are enough, as said before anything was fitted.

    Parameters
    ----------
    page : Page
        Under way.
    sources : Sources
        What it tells.
    """
    size = sources.report["sample_size"]
    rows = [
        (_CRITERIA[name], Amount(men, "count"), Amount(size["achieved"][name], "index"))
        for name, men in size["criteria"].items()
    ]
    page.add(
        "size", "Whether the men are enough",
        paragraph(told(size["verdict"]), class_="lead"),
        paragraph(*phrase(
            "Said before anything was fitted, for {parameters} parameters, an AUC of {auc} that "
            "similar models reached, and a prevalence of {prevalence}.",
            parameters=Amount(size["parameters"], "count"), auc=Amount(size["auc"], "natural"),
            prevalence=Amount(size["prevalence"], "share"))),
        table("Riley's criteria", ("Criterion", "Men it takes", "Reached with these men"), rows),
        paragraph("Source: ", fixed("Riley and others, BMJ 2020;368:m441.")),
        terms=("sample_size", "auc", "optimism", "shrinkage"),
    )  # fmt: skip
