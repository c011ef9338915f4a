"""The whole report as one page that needs no network and no script."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from typing import Any

from respredict.report.blocks import Page, paragraph
from respredict.report.markup import Html, element, join, told
from respredict.report.sections_limits import add_limits, add_reproduction
from respredict.report.sections_men import add_men, add_question, add_size, add_verdict
from respredict.report.sections_models import (
    add_contributions,
    add_models,
    add_sites,
    add_subgroups,
    add_worsening,
)
from respredict.report.sections_performance import (
    add_calibration,
    add_decision,
    add_learning,
    add_performance,
    add_stability,
)
from respredict.report.sections_why import add_equation, add_explanation, add_shrinkage
from respredict.report.sentences import plain
from respredict.report.sources import Sources

__all__ = ["BANNER", "document", "report_page"]

#: On every page of what was learnt from synthetic men.
BANNER = "Demonstration: learnt from synthetic men, not for anybody's care"
_STAMP = "demonstration"
_ORDER = (
    add_verdict, add_question, add_men, add_size, add_performance, add_calibration, add_decision,
    add_stability, add_learning, add_models, add_contributions, add_subgroups, add_sites,
    add_worsening, add_shrinkage, add_explanation, add_equation, add_limits, add_reproduction,
)  # fmt: skip
_PAPER = """@page {{ size: A4; margin: 20mm 16mm 16mm;
  @top-center {{ content: "{top}"; font: 600 8.5pt "DejaVu Sans", sans-serif; color: {color}; }}
  @bottom-right {{ content: counter(page) " / " counter(pages);
    font: 8pt "DejaVu Sans", sans-serif; }} }}"""


def report_page(sources: Sources, *annex: Any) -> str:
    """Return the report of a validation.

    Parameters
    ----------
    sources : Sources
        What it tells.
    *annex : callable
        Each takes the page and the sources, and adds to its end.

    Returns
    -------
    str
        HTML: the same bytes for the same sources.
    """
    page = Page(_STAMP if sources.demonstration else "")
    for add in (*_ORDER, *annex):
        add(page, sources)
    title = f"respredict: validation of {plain(sources.name)}"
    links = [element("li", element("a", heading, href=f"#{key}"))
             for key, heading, _ in page.sections]  # fmt: skip
    head = element(
        "header",
        element("h1", "Validation of ", sources.name),
        paragraph("How likely a subfertile man is to improve on anastrozole: what the model is "
                  "worth, in whom, and what it cannot say."),
        paragraph("Model ", element("code", told(sources.report["provenance"]["digest"])),
                  class_="long"),
    )  # fmt: skip
    contents = element("nav", element("ol", links), aria_label="Contents")
    main = element("main", *(section for _, _, section in page.sections))
    return document(title, (head, contents, main), demonstration=sources.demonstration)


def document(title: str, body: Sequence[Html], *, demonstration: bool) -> str:
    """Return a page of ours around what it holds.

    Parameters
    ----------
    title : str
        Of the window.
    body : sequence of Html
        What it holds.
    demonstration : bool
        Whether every page says so.

    Returns
    -------
    str
        HTML.
    """
    css = (resources.files("respredict.report") / "report.css").read_text(encoding="utf-8")
    top = BANNER if demonstration else title
    paper = _PAPER.format(top=top, color="#7a2e00" if demonstration else "#4d4d4d")
    notice = element("div", BANNER, class_="banner", role="region", aria_label="Notice")
    head = element(
        "head", element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title), element("style", Html(f"{css}{paper}")),
    )  # fmt: skip
    whole = element(
        "html", head, element("body", notice if demonstration else None, join(body)), lang="en"
    )
    return f"<!DOCTYPE html>\n{whole}\n"
