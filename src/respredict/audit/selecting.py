"""Which records an auditor means, and the record that he read them."""

from __future__ import annotations

import json
import random
import re
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from respredict.errors import InputError, Problem
from respredict.ledger.chain import seal
from respredict.ledger.creation import writing
from respredict.ledger.entry import Entry, Receipt
from respredict.ledger.filtering import Filter
from respredict.ledger.reading import Reader
from respredict.ledger.record import Record

__all__ = ["drawn", "note_reads", "note_replay", "one", "selected", "span"]

#: How records are named.
WHICH = "sequence, id, range as 10-20, or all"
_PAGE = 500
_ABOUT_MEN = ("decision", "batch", "outcome", "amendment")


def one(which: str, *, where: str = "WHICH") -> int | uuid.UUID:
    """Return the sequence or id that a word is.

    Parameters
    ----------
    which : str
        Digits, or a UUID.
    where : str, default="WHICH"
        How whoever asks calls it.

    Returns
    -------
    int or uuid.UUID
        As the ledger's reader takes it.

    Raises
    ------
    InputError
        If it is neither.

    Examples
    --------
    >>> one("1841")
    1841
    """
    found = _parsed(which)
    if found is None:
        many = " here, not several" if re.fullmatch(r"[0-9]+-[0-9]+|all", which) else ""
        remedy = "Name one record as the list of records does"
        raise InputError(Problem(where, f"be a sequence or an id{many}", repr(which), remedy))
    return found


def _parsed(which: str) -> int | uuid.UUID | None:
    try:
        return int(which) if re.fullmatch(r"[0-9]{1,18}", which) else uuid.UUID(which)
    except ValueError:
        return None


def span(reader: Reader, which: str) -> tuple[int, int] | None:
    """Return the first and last sequence that a word names.

    Parameters
    ----------
    reader : Reader
        Of the ledger.
    which : str
        As for :func:`selected`.

    Returns
    -------
    tuple of int, or None
        Both included, the last perhaps behind the end of the chain; None if the word names
        one record.

    Raises
    ------
    InputError
        If it is a range that falls.
    """
    if which == "all":
        return 1, reader.head()[0]
    if (found := re.fullmatch(r"([0-9]{1,18})-([0-9]{1,18})", which)) is None:
        return None
    first, last = int(found[1]), int(found[2])
    if last < first:
        raise InputError(Problem("WHICH", "rise", which, f"Write it as {last}-{first}"))
    return first, last


def selected(
    reader: Reader, which: str, *, kind: str | None = None, payloads: bool = False
) -> Iterator[Sequence[Record]]:
    """Yield the records that a word names, a page at a time.

    Parameters
    ----------
    reader : Reader
        Of the ledger.
    which : str
        A sequence, an id, a range with both ends, or ``all``.
    kind : str or None, default=None
        Only these; who names one record must name such a one.
    payloads : bool, default=False
        Whether to read what they say.

    Yields
    ------
    sequence of Record
        In the order of the chain.

    Raises
    ------
    InputError
        If the word names nothing that could be a record, a range that falls, or one
        record of another kind.
    NoRecordError
        If there is no such record.
    """
    among = span(reader, which)
    if among is None:
        named = _parsed(which)
        if named is None:
            problem = Problem("WHICH", f"be a {WHICH}", repr(which), "See `respredict audit list`")
            raise InputError(problem)
        record = reader.get(named)
        if kind is not None and record.kind != kind:
            problem = Problem("WHICH", f"be a {kind}", f"a record of kind {record.kind}", "Name it")
            raise InputError(problem)
        yield (record,)
        return
    first, last = among
    after: int | None = 0
    while after is not None:
        asked = Filter(kind=kind, first=first, last=last)
        page = reader.find(asked, after=after, limit=_PAGE, payloads=payloads)
        yield page.records
        after = page.after


def drawn(
    reader: Reader, which: str, size: int, *, seed: int, kind: str | None = None
) -> Iterator[Sequence[Record]]:
    """Yield a random sample of the records that a word names, with payloads.

    Parameters
    ----------
    reader : Reader
        Of the ledger.
    which : str
        As for :func:`selected`.
    size : int
        How many; all, if there are no more.
    seed : int
        The same seed draws the same records of the same ledger.
    kind : str or None, default=None
        Only these.

    Yields
    ------
    sequence of Record
        In the order of the chain.
    """
    every = [r.sequence for page in selected(reader, which, kind=kind) for r in page]
    chance = random.Random(seed)  # noqa: S311 - to be drawn again
    kept = sorted(chance.sample(every, min(size, len(every))))
    for i in range(0, len(kept), _PAGE):
        yield [reader.get(sequence) for sequence in kept[i : i + _PAGE]]


def note_reads(home: Path, records: Sequence[Record], *, actor: str, how: str) -> None:
    """Record who reads what men's records say, before he does; an erasure takes it along.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    records : sequence of Record
        Those that are erased or about no man are left out.
    actor : str
        Who reads.
    how : str
        By which command or page.

    Raises
    ------
    LedgerError
        If it cannot be recorded; nothing may be shown then.
    """
    read = _of_men(records)
    if not read:
        return
    answer = json.dumps({"read": how}).encode()
    with writing(home) as appending:
        for record in read:
            entry = Entry(kind="read", actor=actor, about=record.sequence, answer=answer)
            appending.add(seal(entry))


def note_replay(home: Path, records: Sequence[Record], *, actor: str) -> Receipt | None:
    """Record who replays decisions, before he does: one record for all of them.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    records : sequence of Record
        Those that are erased are left out.
    actor : str
        Who replays.

    Returns
    -------
    Receipt or None
        None if all were erased.

    Raises
    ------
    LedgerError
        If it cannot be recorded; nothing may be shown then.
    """
    read = [record.sequence for record in _of_men(records)]
    if not read:
        return None
    answer = json.dumps({"read": "replay", "sequences": read}).encode()
    about = read[0] if len(read) == 1 else 0
    with writing(home) as appending:
        return appending.add(seal(Entry(kind="read", actor=actor, about=about, answer=answer)))


def _of_men(records: Sequence[Record]) -> list[Record]:
    return [r for r in records if r.kind in _ABOUT_MEN and not r.erased]
