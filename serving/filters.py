"""The query of a list of records, read into the ledger's filter, every problem at once."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from respredict.errors import Problem
from respredict.ledger.entry import KINDS
from respredict.ledger.filtering import Filter
from serving.problems import RefusedError

__all__ = ["ANY", "MOST_LISTED", "STATUSES", "Listed", "read_query"]

STATUSES = ("scored", "caution", "indeterminate")
#: In place of a kind: records of every kind.
ANY = "any"
MOST_LISTED = 200
_USUAL = 50
_DAY = datetime.timedelta(days=1)
_LAST = datetime.datetime(9999, 12, 30, tzinfo=datetime.UTC)


@dataclass(frozen=True, slots=True)
class Listed:
    """Which records are asked for, and which page of them.

    Parameters
    ----------
    asked : Filter
        Which.
    before : int or None
        Sequence below which the page begins.
    limit : int
        Records a page.
    """

    asked: Filter
    before: int | None
    limit: int


def read_query(given: Mapping[str, str]) -> Listed:
    """Read the query of ``GET /v1/decisions``.

    Parameters
    ----------
    given : mapping of str to str
        Known parameters, each once.

    Returns
    -------
    Listed
        Decisions, unless another kind is asked for.

    Raises
    ------
    RefusedError
        ``invalid-request`` with every broken rule.

    Examples
    --------
    >>> read_query({"status": "caution", "limit": "10"}).limit
    10
    """
    reader = _Reader(given)
    kind = reader.one_of("kind", (*KINDS, ANY)) or "decision"
    asked = Filter(
        kind=None if kind == ANY else kind,
        since=reader.moment("from"),
        until=reader.moment("to", closing=True),
        model=reader.matching("model", r"sha256:[0-9a-f]{64}", "sha256: and 64 hexadecimal digits"),
        status=reader.one_of("status", STATUSES),
        risk_from=reader.fraction("risk_min"),
        risk_to=reader.fraction("risk_max"),
        pseudonym=reader.text("pseudonym"),
    )
    before = reader.whole("before", 1, 10**18 - 1)
    limit = reader.whole("limit", 1, MOST_LISTED) or _USUAL
    if reader.problems:
        raise RefusedError("invalid-request", "Mend each entry of errors.", tuple(reader.problems))
    return Listed(asked, before, limit)


class _Reader:
    """Reads one query, collecting what is wrong with it."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self.given = given
        self.problems: list[Problem] = []

    def add(self, name: str, rule: str, remedy: str) -> None:
        # What was sent is not repeated: a pseudonym may stand in the wrong place.
        self.problems.append(Problem(name, rule, "something else", remedy))

    def one_of(self, name: str, known: tuple[str, ...]) -> str | None:
        value = self.given.get(name)
        if value is None or value in known:
            return value
        self.add(name, f"be one of {', '.join(known)}", "Choose one")
        return None

    def matching(self, name: str, pattern: str, rule: str) -> str | None:
        value = self.given.get(name)
        if value is None or re.fullmatch(pattern, value):
            return value
        self.add(name, f"be {rule}", "Copy it from an answer")
        return None

    def text(self, name: str) -> str | None:
        value = self.given.get(name)
        if value is None or 0 < len(value.strip()) <= 100:
            return value and value.strip()
        self.add(name, "be 1 to 100 characters", "Send it as it was sent then")
        return None

    def moment(self, name: str, *, closing: bool = False) -> datetime.datetime | None:
        """Read a moment, or a day: of its end where a span is closed by it."""
        value = self.given.get(name)
        if value is None:
            return None
        try:
            moment = datetime.datetime.fromisoformat(value)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=datetime.UTC)
            moment = moment.astimezone(datetime.UTC)
        except (ValueError, OverflowError):
            self.add(name, "be a day or a moment", "Send 2026-01-31 or 2026-01-31T08:00:00Z")
            return None
        day = closing and re.fullmatch(r"\d{4}-\d\d-\d\d", value)
        return min(moment, _LAST) + _DAY if day else moment

    def fraction(self, name: str) -> float | None:
        value = self.given.get(name)
        if value is None:
            return None
        try:
            number = float(value) if value.isascii() and len(value) <= 40 else math.nan
        except ValueError:
            number = math.nan
        if 0 <= number <= 1:
            return number
        self.add(name, "be a fraction, 0 to 1", "Send a number")
        return None

    def whole(self, name: str, low: int, high: int) -> int | None:
        value = self.given.get(name)
        if value is None:
            return None
        if re.fullmatch(r"[0-9]{1,18}", value) and low <= int(value) <= high:
            return int(value)
        self.add(name, f"be a whole number, {low} to {high}", "Send digits")
        return None
