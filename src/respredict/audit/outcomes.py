"""What became of a man who was scored: outcomes on record, each about a decision.

A follow-up is counted from the start: the latest of the days on which his samples were
drawn and his anastrozole began, as the request says; where it says none, the day of the
decision. A man scored in retrospect therefore needs ``sampled_on`` in his request.
"""

from __future__ import annotations

import datetime
import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from respredict.errors import InputError, NoRecordError, Problem
from respredict.ledger.chain import seal
from respredict.ledger.creation import writing
from respredict.ledger.entry import Entry
from respredict.ledger.filtering import Filter
from respredict.ledger.reading import Reader
from respredict.ledger.record import Record
from respredict.outcome import WINDOW_DAYS
from respredict.schema.request import read_request

__all__ = ["Outcome", "Recorded", "Told", "outcomes_of", "record_outcomes"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a man who was scored improved.

    Parameters
    ----------
    decision : str
        Id of the decision.
    improved : bool
        As the model defines it.
    on : date
        Of the follow-up sample.
    """

    decision: str
    improved: bool
    on: datetime.date


@dataclass(frozen=True, slots=True)
class Recorded:
    """An outcome that is durable.

    Parameters
    ----------
    sequence : int
        Of its record.
    hash : str
        Of its record.
    day : int
        Of the follow-up sample, counted from the start.
    replaces : int or None, default=None
        Sequence of the outcome of the same decision that counted until now.

    Examples
    --------
    >>> print(Recorded(190, "", day=300).note)
    day 300 of the follow-up lies outside 60 to 270, for which improvement is defined
    """

    sequence: int
    hash: str
    day: int
    replaces: int | None = None

    @property
    def note(self) -> str:
        """What whoever told it should know, empty where that is nothing."""
        low, high = WINDOW_DAYS
        if low <= self.day <= high:
            return ""
        window = f"{low:.0f} to {high:.0f}, for which improvement is defined"
        return f"day {self.day} of the follow-up lies outside {window}"

    def as_dict(self) -> dict[str, object]:
        """Return the JSON object."""
        told = {"sequence": self.sequence, "hash": self.hash, "day": self.day}
        return told | {"replaces": self.replaces, "note": self.note or None}


@dataclass(frozen=True, slots=True)
class Told:
    """A probability that was told, and what became of the man.

    Parameters
    ----------
    sequence : int
        Of the outcome.
    probability : float
        As served.
    improved : bool
        As recorded last.
    on : date
        Of the follow-up sample.
    """

    sequence: int
    probability: float
    improved: bool
    on: datetime.date


def record_outcomes(home: Path, outcomes: Sequence[Outcome], *, actor: str) -> list[Recorded]:
    """Record outcomes, all of them or none.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    outcomes : sequence of Outcome
        Each of another decision, which gave a probability, and later than its start. One
        recorded again another time replaces the last in what is counted; both stay on record.
    actor : str
        Who tells.

    Returns
    -------
    list of Recorded
        In their order.

    Raises
    ------
    InputError
        With every outcome that cannot be recorded; none is then.
    LedgerError
        If they cannot be written.
    """
    problems: list[Problem] = []
    found: list[tuple[Outcome, Record, int]] = []
    rows: dict[int, list[int]] = {}
    with writing(home) as appending:
        with Reader(home) as reader:  # nobody erases a man meanwhile
            for row, one in enumerate(outcomes, 1):
                about = _decision(reader, one, row, problems)
                day = None if about is None else _day(about, one, row, problems)
                if about is not None and day is not None:
                    found.append((one, about, day))
                    rows.setdefault(about.sequence, []).append(row)
            problems += [
                Problem("decision", "be told of in one row", "the same", "Keep the true one", of)
                for of in map(tuple, rows.values())
                if len(of) > 1
            ]
            if problems:
                raise InputError(problems)
            last = [_last(reader, about) for _, about, _ in found]
        kept = []
        for (one, about, day), before in zip(found, last, strict=True):
            told = {"decision": one.decision, "improved": one.improved, "on": one.on.isoformat()}
            entry = Entry(kind="outcome", actor=actor, model=about.model, about=about.sequence,
                          answer=json.dumps(told).encode())  # fmt: skip
            receipt = appending.add(seal(entry))
            kept.append(Recorded(receipt.sequence, receipt.hash, day, before))
        return kept


def outcomes_of(reader: Reader, model: str) -> list[Told]:
    """Return the outcomes of whom a model told a probability, in the order of their dates.

    Parameters
    ----------
    reader : Reader
        Of the ledger.
    model : str
        Digest.

    Returns
    -------
    list of Told
        One a decision; erased ones are gone.
    """
    risks = {
        record.sequence: record.risk
        for record in _every(reader, Filter(kind="decision", model=model))
        if record.risk is not None
    }
    found: dict[int, Told] = {}
    for record in _every(reader, Filter(kind="outcome", model=model), payloads=True):
        risk = risks.get(record.about)
        if risk is None or record.payload is None:
            continue
        told = json.loads(record.payload.answer)
        on = datetime.date.fromisoformat(told["on"])
        found[record.about] = Told(record.sequence, risk, bool(told["improved"]), on)
    return sorted(found.values(), key=lambda told: (told.on, told.sequence))


def _decision(reader: Reader, one: Outcome, row: int, problems: list[Problem]) -> Record | None:
    def refuse(rule: str, got: str, remedy: str) -> None:
        problems.append(Problem("decision", rule, got, remedy, (row,)))

    try:
        found = reader.get(uuid.UUID(one.decision))
    except ValueError:
        refuse("be the id of a decision", repr(one.decision[:40]), "Copy decision_id of the answer")
        return None
    except NoRecordError:
        refuse("be on record", f"no {one.decision}", "Copy decision_id of the answer")
        return None
    today = datetime.datetime.now(tz=datetime.UTC).date()
    if found.kind != "decision" or found.erased:
        got = "an erased one" if found.erased else f"a record of kind {found.kind}"
        refuse("be a decision on record", got, "Name a decision")
    elif found.risk is None:
        refuse("have given a probability", "one without", "Leave it out")
    elif one.on > today:
        got = one.on.isoformat()
        problems.append(Problem("on", f"be {today} or earlier", got, "Check the date", (row,)))
    else:
        return found
    return None


def _day(about: Record, one: Outcome, row: int, problems: list[Problem]) -> int | None:
    """Return the day of the follow-up, None with the problem where it is none."""
    assert about.payload is not None
    asked = read_request(json.loads(about.payload.request))
    told = (asked.sampled_on, asked.semen_sampled_on, asked.treatment.anastrozole_since)
    known = [day for day in told if day is not None]
    start = max(known, default=about.time.date())
    if one.on > start:
        return (one.on - start).days
    what = "on which he was sampled or anastrozole began" if known else "of the decision"
    remedy = "Check the date" if known else (
        "Check the date; a man scored in retrospect needs sampled_on in his request: score him "
        "again with it"
    )  # fmt: skip
    problems.append(Problem("on", f"be later than {start}, the day {what}", str(one.on), remedy,
                            (row,)))  # fmt: skip
    return None


def _last(reader: Reader, about: Record) -> int | None:
    """Return the sequence of the outcome of a decision that counts so far."""
    asked = Filter(kind="outcome", about=about.sequence)
    page = reader.find(asked, newest_first=True, limit=1)
    return page.records[0].sequence if page.records else None


def _every(reader: Reader, asked: Filter, *, payloads: bool = False) -> Iterator[Record]:
    after: int | None = 0
    while after is not None:
        page = reader.find(asked, after=after, limit=1000, payloads=payloads)
        yield from page.records
        after = page.after
