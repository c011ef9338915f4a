"""The sum of every explanation reckoned again from the recorded bytes.

Base and contributions must give the served log-odds; each answer was checked before it
left, and here it is checked anew, in a process of low priority where there are many.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from respredict.errors import LedgerDamageError, LedgerError
from respredict.ledger.filtering import Filter
from respredict.ledger.reading import Reader
from respredict.ledger.record import Record

__all__ = ["SumCheck", "check_sums", "check_sums_apart", "scored_answer", "sum_error"]

#: Beyond these log-odds a probability has not digits enough to tell its own.
_LOG_ODDS_TOLD = 15.0
_PAGE = 250
#: From so many decisions on, a process of its own is worth its start.
_APART = 1_000
_NICE = 10


@dataclass(frozen=True, slots=True)
class SumCheck:
    """How far sums were reckoned again, over every decision of a model.

    Parameters
    ----------
    decisions : int, default=0
        With a probability, reckoned so far.
    greatest : float, default=0.0
        Greatest error, log-odds.
    at : int or None, default=None
        Sequence of the decision that has it.
    unreadable : tuple of int, default=()
        Decisions whose bytes cannot be read.
    reached : int, default=0
        Last sequence that was looked at.
    """

    decisions: int = 0
    greatest: float = 0.0
    at: int | None = None
    unreadable: tuple[int, ...] = ()
    reached: int = 0


def sum_error(answer: Mapping[str, Any]) -> float:
    """Reckon again how far base and contributions are from the served probability.

    Parameters
    ----------
    answer : mapping
        As it was recorded, with ``improvement`` and ``explanation``.

    Returns
    -------
    float
        Distance in log-odds, not negative.

    Examples
    --------
    >>> explained = {"base": 0.5, "total": 0.0, "contributions": [{"log_odds": -0.5}]}
    >>> sum_error({"improvement": {"probability": 0.5}, "explanation": explained})
    0.0
    """
    explained, p = answer["explanation"], float(answer["improvement"]["probability"])
    total = float(explained["base"])
    for part in explained["contributions"]:
        total += part["log_odds"]
    served = float(explained["total"])
    if abs(served) < _LOG_ODDS_TOLD and 0 < p < 1:
        served = math.log(p) - math.log1p(-p)
    return abs(total - served)


def scored_answer(record: Record) -> dict[str, Any] | None:
    """Return what was answered with a probability.

    Parameters
    ----------
    record : Record
        A decision with its payload.

    Returns
    -------
    dict or None
        None without a probability, and where the bytes are damaged, which verifying tells.
    """
    if record.payload is None:
        return None
    try:
        told = json.loads(record.payload.answer)
    except ValueError:
        return None
    scored = isinstance(told, dict) and "explanation" in told and "improvement" in told
    return told if scored else None


def check_sums(
    reader: Reader,
    model: str,
    before: SumCheck | None = None,
    *,
    tell: Callable[[int], None] = lambda _: None,
) -> SumCheck:
    """Reckon the sum of every decision of a model again.

    Parameters
    ----------
    reader : Reader
        Of the ledger.
    model : str
        Digest.
    before : SumCheck or None, default=None
        From where to go on; from the beginning if None.
    tell : callable, default: silent
        Told now and then up to which record all is read.

    Returns
    -------
    SumCheck
        Up to the last decision on record.
    """
    told, asked = before or SumCheck(), Filter(kind="decision", model=model)
    after: int | None = told.reached
    while after is not None:
        page = reader.find(asked, after=after, limit=_PAGE)
        for record, answer in _answers(reader, page.records):
            if answer is None:
                told = replace(told, unreadable=(*told.unreadable, record.sequence))
            elif answer:
                error = sum_error(answer)
                # An error that is no number is the greatest of all.
                if told.at is None or not error <= told.greatest:
                    told = replace(told, greatest=error, at=record.sequence)
                told = replace(told, decisions=told.decisions + 1)
        if page.records:
            told = replace(told, reached=page.records[-1].sequence)
        after = page.after
        tell(told.reached)
    return told


def _answers(
    reader: Reader, records: Iterable[Record]
) -> Iterator[tuple[Record, dict[str, Any] | None]]:
    """Yield scored answers; None where one cannot be read, nothing in it if there is no score."""
    for record in records:
        if record.erased or record.risk is None:
            yield record, {}
            continue
        try:
            answer = scored_answer(reader.get(record.sequence))
        except LedgerDamageError:
            answer = None
        yield record, answer


def check_sums_apart(
    home: Path,
    model: str,
    before: SumCheck | None = None,
    *,
    tell: Callable[[int], None] = lambda _: None,
) -> SumCheck:
    """Do as :func:`check_sums`, and leave many decisions to a process of low priority.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    model : str
        Digest.
    before : SumCheck or None, default=None
        From where to go on; from the beginning if None.
    tell : callable, default: silent
        Told now and then up to which record all is read.

    Returns
    -------
    SumCheck
        Up to the last decision on record.

    Raises
    ------
    LedgerError
        If the ledger cannot be read, or the process ended before it was done.
    """
    told = before or SumCheck()
    with Reader(home) as reader:
        asked = Filter(kind="decision", model=model)
        few = reader.find(asked, after=told.reached, limit=_APART).after is None
        if few or not sys.executable:
            return check_sums(reader, model, told, tell=tell)
    command = [sys.executable, "-m", __name__, str(home), model, json.dumps(asdict(told))]
    with subprocess.Popen(  # noqa: S603 - ourselves
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        for line in process.stdout or ():
            said = json.loads(line)
            if isinstance(said, dict):
                return SumCheck(**{**said, "unreadable": tuple(said["unreadable"])})
            tell(said)
    msg = "sums must be reckoned to the end, got a process that ended before. Ask again."
    raise LedgerError(msg, "failed")


def main(told: list[str]) -> None:
    """Reckon sums, and print how far it is and what was found, a JSON text a line."""
    home, model, before = told
    os.nice(_NICE)
    given = json.loads(before)
    start = SumCheck(**{**given, "unreadable": tuple(given["unreadable"])})
    with Reader(Path(home)) as reader:
        found = check_sums(reader, model, start, tell=lambda at: print(at, flush=True))
    print(json.dumps(asdict(found)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
