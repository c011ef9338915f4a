"""What an auditor looks for: the search form read, and put into an address.

A pseudonym never stands in an address: a search for one is sent in the body of a form and
answered there. Every other search is an address that can be kept and sent on.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from respredict.errors import Problem
from serving.filters import Listed, read_query
from serving.problems import RefusedError

__all__ = ["ASKED", "Search", "read_search"]

#: What an address may ask for.
ASKED = ("from", "to", "model", "status", "risk_min", "risk_max", "before")
_PERCENT = ("risk_min", "risk_max")
_ENTERED = (*ASKED, "pseudonym")


@dataclass(frozen=True, slots=True)
class Search:
    """A search.

    Parameters
    ----------
    entered : mapping of str to str
        As it was entered: risks in percent, nothing empty.
    listed : Listed or None
        What it asks of the ledger; None if it breaks a rule.
    problems : mapping of str to list of Problem
        By field.
    """

    entered: Mapping[str, str]
    listed: Listed | None
    problems: Mapping[str, list[Problem]] = field(default_factory=dict)

    @property
    def private(self) -> bool:
        """Whether it must not become an address."""
        return "pseudonym" in self.entered

    def address(self, path: str, **more: object) -> str:
        """Return it as an address.

        Parameters
        ----------
        path : str
            Of the page.
        **more
            Other parameters; None takes one away.

        Returns
        -------
        str
            Path and query.

        Examples
        --------
        >>> read_search({"from": "2026-01-31", "before": "7"}).address("/audit", before=None)
        '/audit?from=2026-01-31'
        """
        asked = {k: v for k, v in {**self.entered, **more}.items() if k != "pseudonym"}
        query = urlencode({name: str(told) for name, told in asked.items() if told is not None})
        return f"{path}?{query}" if query else path


def read_search(given: Mapping[str, str]) -> Search:
    """Read a search, from an address or a form.

    Parameters
    ----------
    given : mapping of str to str
        Empty ones are not asked for.

    Returns
    -------
    Search
        With every broken rule.

    Examples
    --------
    >>> read_search({"risk_min": "29", "status": ""}).listed.asked.risk_from
    0.29
    """
    entered = {n: given[n].strip() for n in _ENTERED if given.get(n, "").strip()}
    problems: list[Problem] = []
    asked = dict(entered)
    for name in _PERCENT:
        if name in asked:
            share = _share(asked.pop(name))
            if share is None:
                rule = "be a percentage, 0 to 100"
                problems.append(Problem(name, rule, "something else", "Enter a number"))
            else:
                asked[name] = repr(share)
    listed = None
    try:
        listed = read_query(asked)
    except RefusedError as refusal:
        problems += refusal.errors
    if listed is not None:
        problems += _order(listed)
    by_field: dict[str, list[Problem]] = {}
    for problem in problems:
        by_field.setdefault(problem.field, []).append(problem)
    return Search(entered, None if problems else listed, by_field)


def _share(text: str) -> float | None:
    try:
        number = float(text.rstrip(" %"))
    except ValueError:
        return None
    return number / 100 if math.isfinite(number) and 0 <= number <= 100 else None


def _order(listed: Listed) -> list[Problem]:
    """Return what is wrong with a span that ends before it begins."""
    asked, found = listed.asked, []
    if asked.since and asked.until and asked.until <= asked.since:
        last = (asked.until - datetime.timedelta(days=1)).date().isoformat()
        found.append(Problem("to", "not be before the first day", last, "Enter a later day"))
    if (
        asked.risk_from is not None
        and asked.risk_to is not None
        and asked.risk_to < asked.risk_from
    ):
        got = f"{100 * asked.risk_to:g}"
        found.append(Problem("risk_max", "not be below the lowest", got, "Enter a higher number"))
    return found
