"""The parts that every section is built of: headings, terms, tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from respredict.report.markup import Html, element, join
from respredict.report.style import Drawing, figure_of
from respredict.report.terms import TERMS

__all__ = ["Page", "bullets", "paragraph", "table"]

Child = Any

_SHORT = 12  # rows that are kept on one page


class Page:
    """Sections in their order; a term is explained in the first that uses it.

    Parameters
    ----------
    banner : str
        Repeated beside each heading; empty for none.
    """

    def __init__(self, banner: str) -> None:
        self._banner = banner
        self._told: set[str] = set()
        self.sections: list[tuple[str, str, Html]] = []

    def add(self, key: str, title: str, *children: Child, terms: Sequence[str] = ()) -> None:
        """Add a section.

        Parameters
        ----------
        key : str
            Its identity on the page.
        title : str
            Its heading.
        *children : Html or Drawing
            What it holds; None is left out.
        terms : sequence of str
            Keys of the terms that it uses.
        """
        new = [term for term in terms if term not in self._told]
        self._told.update(new)
        banner = element("span", self._banner, class_="stamp") if self._banner else None
        heading = element("h2", title, banner)
        body = [figure_of(c) if isinstance(c, Drawing) else c for c in children]
        words = _words(new) if new else None
        section = element("section", heading, words, *body, id=key)
        self.sections.append((key, title, section))


def paragraph(*children: Child, class_: str | None = None) -> Html:
    """Return a paragraph.

    Parameters
    ----------
    *children : Html, str, Amount, or tuples of them
        Its text.
    class_ : str or None, default=None
        How it looks.

    Returns
    -------
    Html
        One element.
    """
    return element("p", *children, class_=class_)


def bullets(items: Sequence[Child]) -> Html:
    """Return a list.

    Parameters
    ----------
    items : sequence of Html, str, or tuples of parts
        One each.

    Returns
    -------
    Html
        One element.
    """
    return element("ul", [element("li", item) for item in items])


def table(caption: str, header: Sequence[str], rows: Sequence[Sequence[Child]]) -> Html:
    """Return a table whose rows stand under each other where the screen is narrow.

    Parameters
    ----------
    caption : str
        What it tells.
    header : sequence of str
        One a column.
    rows : sequence of sequence
        The first cell names its row.

    Returns
    -------
    Html
        One element.
    """
    head = element("thead", element("tr", [element("th", h, scope="col") for h in header]))
    body = element("tbody", [_row(row, header) for row in rows])
    whole = element("table", element("caption", caption), head, body)
    kind = "scroll short" if len(rows) <= _SHORT else "scroll"
    return element("div", whole, class_=kind, tabindex="0", role="region", aria_label=caption)


def _row(cells: Sequence[Child], header: Sequence[str]) -> Html:
    first, *rest = cells
    named = zip(rest, header[1:], strict=True)
    data = [element("td", cell, data_label=label) for cell, label in named]
    return element("tr", element("th", first, scope="row"), data)


def _words(terms: Sequence[str]) -> Html:
    rows = [join((element("dt", element("dfn", TERMS[t][0])), element("dd", TERMS[t][1])))
            for t in terms]  # fmt: skip
    return element("dl", *rows, class_="terms")
