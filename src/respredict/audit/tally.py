"""Every decision counted: held in arrays, 23 bytes each, and kept up with.

Day, model, status and risk are read once; what is new is read when somebody asks.
"""

from __future__ import annotations

import contextlib
import datetime
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from respredict.audit.summaries import BINS, Period, Used
from respredict.ledger.filtering import Filter
from respredict.ledger.record import as_moment, as_time
from respredict.ledger.store import read_only, unavailable

__all__ = ["Tally"]

_DAY = 86_400_000_000
_STEPS = (1, 7, 28)
_ROWS = 5_000
#: Of an erased decision nothing is on record but its place.
_STATUSES = ("erased", "scored", "caution", "indeterminate")
_SINCE = (
    "SELECT r.sequence, moment, model, coalesce(status, ''), risk FROM record r "
    "LEFT JOIN filter f USING (sequence) "
    "WHERE kind = 'decision' AND r.sequence > ? ORDER BY r.sequence"
)
_COLUMNS: tuple[tuple[str, type[np.generic]], ...] = (
    ("sequence", np.int64), ("moment", np.int64), ("model", np.int16), ("status", np.int8),
    ("risk", np.float32),
)  # fmt: skip


class Tally:
    """Every decision's day, model, status and risk; threads may share it.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self._lock = threading.Lock()
        self._forget()

    @property
    def loaded(self) -> bool:
        """Whether it was read once."""
        return self._loaded

    def refresh(self, tell: Callable[[int], None] = lambda _: None) -> None:
        """Read what is new; all of it again if somebody was erased or the file replaced.

        Parameters
        ----------
        tell : callable, default: silent
            Told now and then up to which record all is read.

        Raises
        ------
        LedgerError
            If there is no ledger.
        """
        try:
            with self._lock, contextlib.closing(read_only(self.home)) as connection:
                connection.execute("BEGIN")
                if self._state(connection) != (self._erased, self._hash):
                    self._forget()
                self._read(connection, tell)
                self._loaded = True
        except sqlite3.Error as error:
            raise unavailable(error) from error

    def over_time(self, asked: Filter, *, most: int = 60) -> list[Period]:
        """Count decisions by period, without gaps.

        Parameters
        ----------
        asked : Filter
            Days, in UTC, and model.
        most : int, default=60
            Periods at most: days, else weeks, else four weeks.

        Returns
        -------
        list of Period
            In order; empty without decisions. Weeks begin on Monday.
        """
        at = self._asked(asked)
        days = self._columns["moment"][at] // _DAY
        if not len(days):
            return []
        low, high = int(days.min()), int(days.max())
        step = next((d for d in _STEPS if (high - low) / d < most), _STEPS[-1])
        first = (low + 3) // step
        number = (days + 3) // step - first
        n = int(number.max()) + 1
        status = np.zeros((n, len(_STATUSES)), dtype=np.int64)
        np.add.at(status, (number, self._columns["status"][at]), 1)
        risk = self._columns["risk"][at]
        has = np.isfinite(risk)
        share = np.minimum((risk[has] * BINS).astype(np.int64), BINS - 1)
        risks = np.bincount(number[has] * BINS + share, minlength=n * BINS).reshape(n, BINS)
        epoch = datetime.date(1970, 1, 1)
        return [
            Period(
                epoch + datetime.timedelta(days=(first + k) * step - 3),
                step,
                {name: int(c) for name, c in zip(_STATUSES, status[k], strict=True) if c},
                tuple(risks[k].tolist()),
            )
            for k in range(n)
        ]

    def used(self) -> list[Used]:
        """Return every model that decided, by its first decision."""
        found = []
        for code, digest in enumerate(self._models):
            moments = self._columns["moment"][self._columns["model"] == code]
            if len(moments):
                first, last = as_time(int(moments.min())), as_time(int(moments.max()))
                found.append(Used(digest, len(moments), first, last))
        return sorted(found, key=lambda one: one.first)

    def spread(self, asked: Filter, most: int, *, scored: bool = True) -> tuple[list[int], int]:
        """Return some decisions, spread evenly over all that are asked for.

        Parameters
        ----------
        asked : Filter
            Days and model.
        most : int
            How many at most, at least 1.
        scored : bool, default=True
            Only those with a probability; erased ones are never among them.

        Returns
        -------
        tuple of list of int and int
            Sequences in order, the last decision among them, and of how many they are.
        """
        at = self._asked(asked) & (self._columns["status"] != 0)
        if scored:
            at &= np.isfinite(self._columns["risk"])
        every = self._columns["sequence"][at]
        n = len(every)
        if n > most:
            every = every[(np.arange(1, most + 1) * n) // most - 1]
        return every.tolist(), n

    def _asked(self, asked: Filter) -> NDArray[np.bool_]:
        at = np.ones(len(self._columns["sequence"]), dtype=bool)
        if asked.since is not None:
            at &= self._columns["moment"] >= as_moment(asked.since)
        if asked.until is not None:
            at &= self._columns["moment"] < as_moment(asked.until)
        if asked.model is not None:
            at &= self._columns["model"] == self._models.get(asked.model, -1)
        return at

    def _forget(self) -> None:
        self._models: dict[str, int] = {}
        self._columns = {name: np.zeros(0, dtype=kind) for name, kind in _COLUMNS}
        self._erased, self._hash, self._loaded = 0, b"", False

    def _state(self, connection: sqlite3.Connection) -> tuple[int, bytes]:
        """Return what changes when what was read is not so any more."""
        found = connection.execute(
            "SELECT max(sequence) FROM record WHERE kind = 'erasure'"
        ).fetchone()[0]
        last = int(self._columns["sequence"][-1]) if len(self._columns["sequence"]) else 0
        row = connection.execute("SELECT hash FROM record WHERE sequence = ?", (last,)).fetchone()
        return found or 0, row[0] if row else b""

    def _read(self, connection: sqlite3.Connection, tell: Callable[[int], None]) -> None:
        known = self._columns["sequence"]
        cursor = connection.execute(_SINCE, (int(known[-1]) if len(known) else 0,))
        parts: dict[str, list[NDArray[Any]]] = {name: [self._columns[name]] for name, _ in _COLUMNS}
        codes = {name: code for code, name in enumerate(_STATUSES)}
        while rows := cursor.fetchmany(_ROWS):
            sequence, moment, model, status, risk = zip(*rows, strict=True)
            for digest in dict.fromkeys(model):
                self._models.setdefault(digest, len(self._models))
            told = (
                sequence, moment, [self._models[digest] for digest in model],
                [codes.get(name, 0) for name in status],
                [np.nan if p is None else p for p in risk],
            )  # fmt: skip
            for (name, kind), values in zip(_COLUMNS, told, strict=True):
                parts[name].append(np.array(values, dtype=kind))
            tell(sequence[-1])
        self._columns = {name: np.concatenate(each) for name, each in parts.items()}
        self._erased, self._hash = self._state(connection)
