"""Elements of a page: text is escaped, numbers carry the value they stand for."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any

from respredict.report.amounts import Amount, shown

__all__ = ["Html", "element", "fixed", "join", "told"]

_VOID = ("meta", "col", "br", "hr")


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


Child = Any


def element(name: str, /, *children: Child, **attributes: str | None) -> Html:
    """Return an element.

    Parameters
    ----------
    name : str
        Of the element.
    *children : Html, str, Amount, or a tuple of them
        What it holds; a plain string is escaped, None left out.
    **attributes : str or None
        ``class_`` is class, ``aria_label`` is aria-label; None leaves one out.

    Returns
    -------
    Html
        Safe to put into another.

    Examples
    --------
    >>> element("p", "T < 300, ", Amount(0.478, "share"), class_="note")
    '<p class="note">T &lt; 300, <data value="0.478" class="share">47.8 %</data></p>'
    """
    told_attributes = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    start = f"<{name}{told_attributes}>"
    return Html(start if name in _VOID else f"{start}{join(children)}</{name}>")


def join(children: Iterable[Child]) -> Html:
    """Return children one after the other.

    Parameters
    ----------
    children : iterable of Html, str, Amount, None, or of tuples of them
        What is joined.

    Returns
    -------
    Html
        Plain strings escaped.
    """
    return Html("".join(_child(child) for child in children))


def told(text: str) -> Html:
    """Return text that is a string of the report, so that its digits are the report's.

    Parameters
    ----------
    text : str
        As the report holds it.

    Returns
    -------
    Html
        Marked so.
    """
    return element("span", text, class_="told")


def fixed(text: str) -> Html:
    """Return text whose digits belong to a name: an item, a year, a rule, a citation.

    Parameters
    ----------
    text : str
        Not a result.

    Returns
    -------
    Html
        Marked so.
    """
    return element("span", text, class_="fixed")


def _child(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return child
    if isinstance(child, Amount):
        return element("data", shown(child), value=repr(child.value), class_=child.form)
    if isinstance(child, tuple | list):
        return join(child)
    return html.escape(child, quote=False)
