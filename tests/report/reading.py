"""A page read as a reader without eyes for it would: text by text, with what surrounds it."""

from __future__ import annotations

from html.parser import HTMLParser

_VOID = {"meta", "col", "br", "hr"}


class Reader(HTMLParser):
    """Collects each text with the elements around it, and each element's attributes.

    Attributes
    ----------
    texts : list of (tuple of (str, dict), str)
        Elements around a text, outermost first, and the text.
    elements : list of (str, dict)
        Every element.
    """

    def __init__(self, page):
        super().__init__()
        self.texts, self.elements, self._open = [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        """Open an element."""
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append((tag, dict(attrs)))

    def handle_startendtag(self, tag, attrs):
        """Note one without content."""
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        """Close the element opened last."""
        assert self._open[-1][0] == tag
        self._open.pop()

    def handle_data(self, data):
        """Keep a text."""
        self.texts.append((tuple(self._open), data))


def numbers_in(told):
    """Return every number of JSON values."""
    if isinstance(told, bool) or told is None or isinstance(told, str):
        return set()
    if isinstance(told, int | float):
        return {repr(told)}
    parts = told.values() if isinstance(told, dict) else told
    return set().union(*(numbers_in(part) for part in parts), set())


def words_in(told):
    """Return every string of JSON values."""
    if isinstance(told, str):
        return {told}
    if isinstance(told, dict):
        return set(told) | set().union(*(words_in(v) for v in told.values()), set())
    if isinstance(told, list | tuple):
        return set().union(*(words_in(v) for v in told), set())
    return set()
