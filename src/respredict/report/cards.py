"""The model card as one page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from respredict.report.amounts import Amount
from respredict.report.blocks import bullets, paragraph
from respredict.report.markup import Html, element, fixed, told
from respredict.report.page import document
from respredict.report.sentences import Parts, corrected, estimate, phrase, plain
from respredict.report.terms import METRICS
from respredict.report.words import group_of

__all__ = ["card_page"]

Told = Mapping[str, Any]

_TO_FILL = "to be filled in by the owner"


def card_page(card: Told, name: Parts) -> str:
    """Return a card as HTML that prints on one page.

    Parameters
    ----------
    card : mapping
        As ``respredict.card.card_json`` gives it.
    name : tuple of str or Amount
        What the model is called.

    Returns
    -------
    str
        HTML: the same bytes for the same card.
    """
    parts = (
        ("Intended use", (paragraph(card["intended_use"]),)),
        ("Users", (bullets(card["users"]),)),
        ("Not for", (bullets(card["not_for"]),)),
        ("Data", tuple(_data(card["data"]))),
        ("Outcome", tuple(_outcome(card["outcome"]))),
        ("Performance", tuple(_performance(card["performance"]))),
        ("Uncertainty", tuple(_uncertainty(card["uncertainty"]))),
        ("Groups of men", tuple(_subgroups(card["subgroups"]))),
        ("Monitoring", tuple(_monitoring(card["monitoring"]))),
        ("Owner", (bullets([f"{name}: {value or _TO_FILL}"
                            for name, value in card["owner"].items()]),)),
    )  # fmt: skip
    title = f"respredict: model card of {plain(name)}"
    head = element("header", element("h1", "Model card of ", name),
                   paragraph(*_model(card["model"]), class_="long"))  # fmt: skip
    sections = (element("section", element("h2", name), *body) for name, body in parts)
    main = element("main", *sections, class_="card")
    return document(title, (head, main), demonstration=card["use"] == "demonstration")


def _model(of: Told) -> Iterator[Any]:
    yield f"{of['candidate']} on {of['predictors']}"
    if "digest" in of:
        yield from (", ", element("code", told(of["digest"])))
    if "search" in of:
        yield from (". ", told(of["search"]))


def _data(data: Told) -> Iterator[Html]:
    yield paragraph(*phrase("{men} {kind} men, {events} of whom improved ({share}).",
                            men=Amount(data["men"], "count"), kind=data["kind"],
                            events=Amount(data["events"], "count"),
                            share=Amount(data["prevalence"], "share")))  # fmt: skip
    yield paragraph(told(data["source"]))
    date = (" of ", told(data["date"])) if data["date"] else (", its date not stated",)
    yield paragraph("Table ", element("code", told(data["sha256"])), *date, class_="long")


def _outcome(of: Told) -> Iterator[Html]:
    low, high = (fixed(f"{day:.0f}") for day in of["window_days"])
    yield paragraph(of["what"][:1].upper() + of["what"][1:], " between two samples ", low, " to ",
                    high, " days apart: ", fixed(", ".join(of["categories"])), ".")  # fmt: skip
    yield paragraph("There is no control arm.")


def _performance(of: Told) -> Iterator[Html]:
    if "reason" in of:
        yield paragraph(of["reason"], ".")
        return
    yield bullets([
        (f"{METRICS[name][0]}: ", *corrected(of[name], METRICS[name][1]), f"; {METRICS[name][2]}")
        for name in METRICS if name in of
    ])  # fmt: skip
    level = Amount(of["level"], "percent")
    yield paragraph("Corrected for optimism; in brackets ", level, " intervals. ",
                    told(of["sample_size"]))  # fmt: skip


def _uncertainty(of: Told) -> Iterator[Html]:
    if "reason" in of:
        yield paragraph(of["reason"], ".")
        return
    half: Told = of["half_width"]
    parts: list[Parts] = [
        phrase("Fitted to other men, half of the probabilities move by {a} or less, one in ten by "
               "more than {b}.", a=Amount(half["median"], "points"),
               b=Amount(half["p90"], "points")),
        phrase("Men who got worse: {rate}.", rate=estimate(of["worsening"], "share")),
    ]  # fmt: skip
    if of["another_clinic"]:
        low, high = (Amount(of["another_clinic"][k], "index") for k in ("low", "high"))
        parts.append(phrase("In another clinic an AUC of {a} to {b} is to be expected.", a=low,
                            b=high))  # fmt: skip
    yield bullets(parts)


def _subgroups(groups: list[Told]) -> Iterator[Html]:
    if not groups:
        yield paragraph("Not told.")
        return
    yield bullets([
        (told(group_of(one)), ": ",
         *(("AUC ", *estimate(one["auc"], "index")) if "auc" in one else (told(one["reason"]),)))
        for one in groups
    ])  # fmt: skip


def _monitoring(of: Told) -> Iterator[Html]:
    yield bullets([*of["model"]])
    rows = [fixed(f"{row['what']}: {row['when']} ({row['source']})") for row in of["patients"]]
    yield paragraph("Of the men, as published:")
    yield bullets(rows)
