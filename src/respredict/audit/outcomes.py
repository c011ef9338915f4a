"""What became of a man who was scored: outcomes on record, each about a decision."""

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
from respredict.ledger.entry import Entry, Receipt
from respredict.ledger.filtering import Filter
from respredict.ledger.reading import Reader
from respredict.ledger.record import Record

__all__ = ["Outcome", "Told", "outcomes_of", "record_outcomes"]


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


def record_outcomes(home: Path, outcomes: Sequence[Outcome], *, actor: str) -> list[Receipt]:
    """Record outcomes, all of them or none.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    outcomes : sequence of Outcome
        Each of a decision that gave a probability. One recorded again replaces the last
        in what is counted; both stay on record.
    actor : str
        Who tells.

    Returns
    -------
    list of Receipt
        Of the durable records.

    Raises
    ------
    InputError
        With every outcome that cannot be recorded; none is then.
    LedgerError
        If they cannot be written.
    """
    problems: list[Problem] = []
    entries = []
    with writing(home) as appending:
        with Reader(home) as reader:  # nobody erases a man meanwhile
            for row, one in enumerate(outcomes, 1):
                about = _decision(reader, one, row, problems)
                if about is None:
                    continue
                told = {"decision": one.decision, "improved": one.improved,
                        "on": one.on.isoformat()}  # fmt: skip
                answer = json.dumps(told).encode()
                entries.append(Entry(kind="outcome", actor=actor, model=about.model,
                                     about=about.sequence, answer=answer))  # fmt: skip
        if problems:
            raise InputError(problems)
        return [appending.add(seal(entry)) for entry in entries]


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
        refuse("have its outcome by today", one.on.isoformat(), "Check the date")
    else:
        return found
    return None


def _every(reader: Reader, asked: Filter, *, payloads: bool = False) -> Iterator[Record]:
    after: int | None = 0
    while after is not None:
        page = reader.find(asked, after=after, limit=1000, payloads=payloads)
        yield from page.records
        after = page.after
