"""Reporting forms filled from a run: each item with its answer, or who must write it.

To add a form, put its items in ``evidence/forms``, and its answers beside
``forms_tripod``; an item without an answer is for a person to write.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from respredict.report.blocks import Page, paragraph, table
from respredict.report.forms_probast import probast_answers
from respredict.report.forms_tripod import tripod_answers
from respredict.report.markup import Html, element, fixed, join
from respredict.report.sentences import Parts, plain
from respredict.report.sources import Sources

__all__ = ["FORMS", "Row", "add_form", "filled", "form_json"]

Told = Mapping[str, Any]

PERSON = "A person must write this."
_UNVERIFIED = "for its wording see the article"
_ANSWERS: dict[str, Callable[[Sources], Mapping[str, tuple[str, Parts, str]]]] = {
    "tripod_ai": tripod_answers,
    "probast_ai": probast_answers,
}
#: Forms by name.
FORMS = tuple(_ANSWERS)


@dataclass(frozen=True, slots=True)
class Row:
    """An item of a form with its answer.

    Parameters
    ----------
    number, topic, applies : str
        As the form has them.
    wording : str or None
        None where it could not be verified, or may not be passed on.
    status : str
        ``from the run``, ``in part``, ``not applicable`` or ``a person``.
    parts : tuple of str or Amount
        The answer.
    section : str
        Of the report on which it rests; empty for none.
    """

    number: str
    topic: str
    applies: str
    wording: str | None
    status: str
    parts: Parts
    section: str

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object; ``rests_on`` is null where there is no figure or table."""
        return {
            "number": self.number, "topic": self.topic, "applies": self.applies,
            "wording": self.wording, "status": self.status, "answer": plain(self.parts),
            "rests_on": f"#{self.section}" if self.section else None,
        }  # fmt: skip


def filled(name: str, sources: Sources) -> tuple[Told, tuple[Row, ...]]:
    """Fill a form.

    Parameters
    ----------
    name : str
        Of ``FORMS``.
    sources : Sources
        Of the report.

    Returns
    -------
    form : mapping
        ``name``, ``title``, ``citation``, ``licence``, ``licence_note``, ``verified``.
    rows : tuple of Row
        Every item of the form.
    """
    file = resources.files("respredict.evidence") / "forms" / f"{name}.toml"
    told = tomllib.loads(file.read_text(encoding="utf-8"))
    answers = _ANSWERS[name](sources)
    rows = []
    for item in told["item"]:
        status, parts, section = answers.get(item["number"], ("a person", (), ""))
        if status in ("a person", "in part"):
            parts = (*parts, " " if parts else "", PERSON)
        rows.append(Row(item["number"], item["topic"], item["applies"], item.get("wording"),
                        status, parts, section))  # fmt: skip
    return told["form"], tuple(rows)


def form_json(name: str, sources: Sources) -> dict[str, Any]:
    """Return a filled form as plain JSON values.

    Parameters
    ----------
    name : str
        Of ``FORMS``.
    sources : Sources
        Of the report.

    Returns
    -------
    dict
        The form's own data, ``missing`` (numbers whose wording is not there) and ``items``.
    """
    form, rows = filled(name, sources)
    missing = [row.number for row in rows if row.wording is None]
    return {**form, "missing": missing, "items": [row.as_dict() for row in rows]}


def add_form(name: str) -> Callable[[Page, Sources], None]:
    """Return what adds a filled form to a report.

    Parameters
    ----------
    name : str
        Of ``FORMS``.

    Returns
    -------
    callable
        Takes the page and the sources.
    """

    def add(page: Page, sources: Sources) -> None:
        form, rows = filled(name, sources)
        key = name.replace("_", "-")
        page.add(
            key, f"{form['name']}, filled from this run",
            paragraph("An item is answered by the run and linked to what it rests on, or is left "
                      "for a person to write. Nothing here is a judgement of a reviewer."),
            table(form["title"], ("Item", "What is asked", "Answer"), [_shown(r) for r in rows]),
            paragraph("Source: ", fixed(form["citation"]), ". Licence: ", fixed(form["licence"]),
                      ". ", fixed(form["licence_note"]), " ", fixed(form["verified"])),
        )  # fmt: skip

    return add


def _shown(row: Row) -> tuple[Html, Html, Html]:
    wording = row.wording or f"{row.topic}, {row.applies} ({_UNVERIFIED})"
    parts: list[Any] = [
        element("span", p, class_="person") if p == PERSON else p for p in row.parts
    ]
    if row.section:
        parts += [" ", element("a", "Rests on", href=f"#{row.section}", class_="screen",
                               aria_label=f"What item {row.number} rests on")]  # fmt: skip
    return fixed(row.number), fixed(wording), join(parts)
