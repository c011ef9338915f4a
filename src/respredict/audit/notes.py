"""Notes on decisions: who disagrees, because of what. An erasure of the man takes them along."""

from __future__ import annotations

import datetime
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from respredict.errors import InputError, Problem
from respredict.ledger.chain import seal
from respredict.ledger.creation import writing
from respredict.ledger.entry import Entry, Receipt
from respredict.ledger.filtering import Filter
from respredict.ledger.reading import Reader

__all__ = ["LONGEST", "Note", "notes_about", "record_note"]

#: Characters of a note at most.
LONGEST = 2_000
_MOST = 1_000


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody wrote about a decision.

    Parameters
    ----------
    sequence : int
        Of the note's own record.
    time : datetime
        When, in UTC.
    actor : str
        Who.
    text : str
        What; empty if it was erased.
    """

    sequence: int
    time: datetime.datetime
    actor: str
    text: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {**asdict(self), "time": self.time.isoformat()}


def record_note(home: Path, *, about: int, text: str, actor: str) -> Receipt:
    """Record a note on a decision.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    about : int
        Sequence of the decision.
    text : str
        1 to 2,000 characters besides the space around them.
    actor : str
        Who writes.

    Returns
    -------
    Receipt
        Of the durable record.

    Raises
    ------
    InputError
        If the text is empty or too long, or the record is no decision or was erased.
    NoRecordError
        If there is no such record.
    LedgerError
        If it cannot be recorded.
    """
    written = text.strip()
    if not 0 < len(written) <= LONGEST:
        rule = f"have 1 to {LONGEST} characters"
        raise InputError(Problem("text", rule, f"{len(written)}", "Say it in fewer words"))
    answer = json.dumps({"note": written}, ensure_ascii=False).encode()
    entry = Entry(kind="amendment", actor=actor, about=about, answer=answer)
    with writing(home) as appending:
        with Reader(home) as reader:  # nobody erases him meanwhile
            found = reader.get(about)
        if found.kind != "decision" or found.erased:
            got = "an erased one" if found.erased else f"a record of kind {found.kind}"
            raise InputError(Problem("about", "be a decision on record", got, "Name a decision"))
        return appending.add(seal(entry))


def notes_about(reader: Reader, sequence: int) -> list[Note]:
    """Return the notes on a decision, the first one first.

    Parameters
    ----------
    reader : Reader
        Of the ledger.
    sequence : int
        Of the decision.

    Returns
    -------
    list of Note
        The first thousand.
    """
    asked = Filter(kind="amendment", about=sequence)
    records = reader.find(asked, limit=_MOST, payloads=True).records
    return [
        Note(
            record.sequence,
            record.time,
            record.actor,
            json.loads(record.payload.answer)["note"] if record.payload else "",
        )
        for record in records
    ]
