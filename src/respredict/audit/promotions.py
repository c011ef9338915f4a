"""Promotions: recorded first, then done; and which model was champion on a day, and why."""

from __future__ import annotations

import datetime
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from respredict.audit.environment import environment_text
from respredict.bundle import champion
from respredict.errors import LedgerDamageError, RegistryError
from respredict.ledger.chain import seal
from respredict.ledger.creation import create_ledger, writing
from respredict.ledger.entry import Entry, Receipt
from respredict.ledger.filtering import Filter
from respredict.ledger.reading import Reader
from respredict.ledger.record import Record

__all__ = [
    "Promotion",
    "Reign",
    "disagreements",
    "history",
    "live_on",
    "promotions",
    "record_promotion",
    "reigns",
]


@dataclass(frozen=True, slots=True)
class Promotion:
    """What a record of kind ``promotion`` says.

    Parameters
    ----------
    sequence : int
        Of the record.
    time : datetime
        When, in UTC.
    name : str
        Of the model.
    version : int
        Its number in the registry.
    digest, run_id : str
        Of its bundle, and of the run that made it.
    previous : str or None
        Digest of the champion before.
    actor, reason : str
        Who and why.
    environment : dict
        Packages and platform that promoted it.
    details : dict
        What it rests on: the gate's answer, the change plan it cites, the digest of the
        validation, or which promotion it goes back from.
    """

    sequence: int
    time: datetime.datetime
    name: str
    version: int
    digest: str
    run_id: str
    previous: str | None
    actor: str
    reason: str
    environment: dict[str, str] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {**asdict(self), "time": self.time.isoformat()}


@dataclass(frozen=True, slots=True)
class Reign:
    """A champion and how long it was one.

    Parameters
    ----------
    promotion : Promotion
        By which it began.
    since : datetime
        When it began: the latest time of a promotion so far, which is later than its own
        where the machine's clock had been set back.
    until : datetime or None
        When the next one began; None if it is still champion.
    """

    promotion: Promotion
    since: datetime.datetime
    until: datetime.datetime | None

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        ended = None if self.until is None else self.until.isoformat()
        return {**self.promotion.as_dict(), "since": self.since.isoformat(), "until": ended}


def record_promotion(
    home: Path, *, name: str, version: int, digest: str, run_id: str, actor: str, reason: str = "",
    details: Mapping[str, Any] | None = None,
) -> Receipt:  # fmt: skip
    """Record that a model becomes the champion; the ledger is made if there is none.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    name : str
        Of the model.
    version : int
        Its number in the registry.
    digest : str
        Of its bundle.
    run_id : str
        Of the run that made it.
    actor : str
        Who promotes.
    reason : str, default=""
        Why.
    details : mapping or None, default=None
        What it rests on, as plain JSON values.

    Returns
    -------
    Receipt
        Of the durable record.

    Raises
    ------
    LedgerError
        If it cannot be written.
    """
    create_ledger(home)
    told: dict[str, Any] = {
        "name": name,
        "version": version,
        "digest": digest,
        "run_id": run_id,
        "actor": actor,
        "reason": reason,
    }
    if details:
        told["details"] = dict(details)
    with writing(home) as appending:
        with Reader(home) as reader:  # nobody else promotes meanwhile
            before = promotions(reader)
        told["previous"] = before[-1].digest if before else _unrecorded(home)
        answer = json.dumps(told, ensure_ascii=False).encode()
        entry = Entry(
            kind="promotion", actor=actor, model=digest, answer=answer,
            environment=environment_text(),
        )  # fmt: skip
        return appending.add(seal(entry))


def _unrecorded(home: Path) -> str | None:
    """Return the champion of a home that is older than its ledger."""
    try:
        return str(champion(home)["digest"])
    except (RegistryError, KeyError):
        return None


def promotions(reader: Reader) -> list[Promotion]:
    """Return every promotion, in the order of the chain.

    Parameters
    ----------
    reader : Reader
        Of the ledger.

    Returns
    -------
    list of Promotion
        Empty if nothing was promoted.

    Raises
    ------
    LedgerDamageError
        If a record is not what :func:`record_promotion` writes.
    """
    return [_promotion(record) for record in _records(reader)]


def _records(reader: Reader) -> Iterator[Record]:
    after: int | None = 0
    while after is not None:
        page = reader.find(Filter(kind="promotion"), after=after, limit=1000, payloads=True)
        yield from page.records
        after = page.after


def _promotion(record: Record) -> Promotion:
    try:
        assert record.payload is not None
        told = json.loads(record.payload.answer)
        computed = json.loads(record.payload.environment or b"{}")
        return Promotion(record.sequence, record.time, **told, environment=computed)
    except (AssertionError, ValueError, TypeError) as error:
        msg = (
            f"record {record.sequence} must say what was promoted, got {error}. Verify the ledger."
        )
        raise LedgerDamageError(msg) from error


def live_on(home: Path, day: datetime.date) -> list[Reign]:
    """Return who was champion on a day of UTC.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    day : date
        From midnight to midnight in UTC.

    Returns
    -------
    list of Reign
        In order; more than one if there was a promotion on that day, none before the first.

    Raises
    ------
    LedgerError
        If there is no ledger.
    """
    with Reader(home) as reader:
        return reigns(promotions(reader), day)


def reigns(every: Sequence[Promotion], day: datetime.date) -> list[Reign]:
    """Return which of the promoted were champion on a day of UTC.

    Parameters
    ----------
    every : sequence of Promotion
        All of them, in order.
    day : date
        From midnight to midnight in UTC.

    Returns
    -------
    list of Reign
        In order.
    """
    start = datetime.datetime.combine(day, datetime.time(), tzinfo=datetime.UTC)
    end = start + datetime.timedelta(days=1)
    return [
        reign
        for reign in history(every)
        if reign.since < end
        and (reign.until is None or reign.until > start or reign.since >= start)
    ]


def history(every: Sequence[Promotion]) -> list[Reign]:
    """Return every reign, in order.

    Parameters
    ----------
    every : sequence of Promotion
        All of them, in order.

    Returns
    -------
    list of Reign
        One each.

    Notes
    -----
    The order is that of the records. A clock that was set back does not let a champion
    begin before the one that it follows: what counts is the latest time so far.
    """
    begins = list(itertools.accumulate((promotion.time for promotion in every), max))
    ends = [*begins[1:], None][: len(every)]
    return [Reign(*of) for of in zip(every, begins, ends, strict=True)]


def disagreements(home: Path, alias: tuple[int, str] | None = None) -> list[str]:
    """Return where the served champion is not the one that the ledger names.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    alias : tuple of int and str, default=None
        Version and digest at the registry's alias; (0, "") if it points at nothing, None
        if nobody looked.

    Returns
    -------
    list of str
        A sentence each, with the remedy; empty if all agree.
    """
    with Reader(home) as reader:
        every = promotions(reader)
    try:
        file = champion(home)
        served = (file.get("version"), file.get("digest"))
    except RegistryError:
        served = (None, None)
    if not every:
        told = "no promotion is recorded. Promote it again."
        return [] if served == (None, None) else [f"champion.json names a model, but {told}"]
    last = every[-1]
    found: list[tuple[str, tuple[Any, Any]]] = [("champion.json", served)]
    if alias is not None:
        found.append(("the alias champion", alias))
    return [
        f"{where} must name version {last.version} ({last.digest[:19]}) as record "
        f"{last.sequence} does, got {_named(which)}. Run: respredict promote {last.version}."
        for where, which in found
        if which != (last.version, last.digest)
    ]


def _named(which: tuple[Any, Any]) -> str:
    return f"version {which[0]} ({str(which[1])[:19]})" if which[1] else "none"
