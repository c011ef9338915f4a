"""Which records somebody asks for, as conditions with their values."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from respredict.ledger.record import as_moment

__all__ = ["Filter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which records; everything left out does not matter.

    Parameters
    ----------
    kind : str or None, default=None
        One of ``KINDS``.
    first, last : int or None, default=None
        Sequences, both included.
    since, until : datetime or None, default=None
        From this moment, and before that one; without a zone they are UTC.
    model : str or None, default=None
        Digest.
    actor : str or None, default=None
        Who caused it.
    about : int or None, default=None
        Sequence of the record they are about.
    status : str or None, default=None
        Served status.
    risk_from, risk_to : float or None, default=None
        Served probability, both included.
    pseudonym : str or None, default=None
        Whose records.
    """

    kind: str | None = None
    first: int | None = None
    last: int | None = None
    since: datetime.datetime | None = None
    until: datetime.datetime | None = None
    model: str | None = None
    actor: str | None = None
    about: int | None = None
    status: str | None = None
    risk_from: float | None = None
    risk_to: float | None = None
    pseudonym: str | None = None

    def conditions(self) -> list[tuple[str, Any]]:
        """Return each condition in SQL with its value."""
        asked = (
            ("kind = ?", self.kind),
            ("r.sequence >= ?", self.first),
            ("r.sequence <= ?", self.last),
            ("moment >= ?", as_moment(self.since) if self.since else None),
            ("moment < ?", as_moment(self.until) if self.until else None),
            ("model = ? AND model <> ''", self.model),
            ("actor = ?", self.actor),
            ("about = ? AND about > 0", self.about),
            ("status = ? AND status <> ''", self.status),
            ("risk >= ?", self.risk_from),
            ("risk <= ?", self.risk_to),
            ("pseudonym = ? AND pseudonym <> ''", self.pseudonym),
        )
        return [(condition, value) for condition, value in asked if value is not None]
