"""What is told of many decisions: periods, models that decided, cautions of a sample."""

from __future__ import annotations

import datetime
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from respredict.ledger.record import Record

__all__ = ["Period", "Used", "count_cautions"]

#: Of a probability: one percent each.
BINS = 100


@dataclass(frozen=True, slots=True)
class Period:
    """Decisions of one period.

    Parameters
    ----------
    start : date
        First day, in UTC.
    days : int
        1, 7 or 28.
    statuses : mapping of str to int
        Decisions by status; ``erased`` are those of whom nothing is said any more.
    risks : tuple of int of length 100
        Decisions by served probability, in steps of one percent.
    """

    start: datetime.date
    days: int
    statuses: dict[str, int]
    risks: tuple[int, ...]

    @property
    def decisions(self) -> int:
        """How many there are."""
        return sum(self.statuses.values())

    def quantile(self, share: float) -> float | None:
        """Return the probability below which a share of the scores lies, to about 1 %.

        Parameters
        ----------
        share : float
            In [0, 1].

        Returns
        -------
        float or None
            None without scores.

        Examples
        --------
        >>> day = datetime.date(2026, 1, 1)
        >>> Period(day, 1, {"scored": 2}, (0,) * 40 + (2,) + (0,) * 59).quantile(0.5)
        0.405
        """
        total = sum(self.risks)
        if not total:
            return None
        below, wanted = 0, share * total
        for number, count in enumerate(self.risks):
            if count and below + count >= wanted:
                return (number + (wanted - below) / count) / BINS
            below += count
        return 1.0


@dataclass(frozen=True, slots=True)
class Used:
    """A model that decided.

    Parameters
    ----------
    digest : str
        Of its bundle.
    decisions : int
        On record, erased ones among them.
    first, last : datetime
        Of its decisions, in UTC.
    """

    digest: str
    decisions: int
    first: datetime.datetime
    last: datetime.datetime


def count_cautions(records: Iterable[Record]) -> tuple[Counter[str], int]:
    """Count the decisions that carry each caution.

    Parameters
    ----------
    records : iterable of Record
        Decisions with payloads; those erased or unreadable are left out.

    Returns
    -------
    tuple of Counter and int
        Decisions by code of the caution, each once a decision; and decisions read.
    """
    found: Counter[str] = Counter()
    read = 0
    for record in records:
        told = _answer(record)
        if told is not None:
            read += 1
            found.update({str(caution["code"]) for caution in told.get("cautions", ())})
    return found, read


def _answer(record: Record) -> dict[str, Any] | None:
    if record.payload is None:
        return None
    try:
        told = json.loads(record.payload.answer)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None
