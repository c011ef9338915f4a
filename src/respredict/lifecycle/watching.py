"""The served model against what became of the men it scored."""

from __future__ import annotations

import csv
import datetime
from pathlib import Path

from respredict.audit.outcomes import Outcome, outcomes_of
from respredict.bundle import champion, load_bundle
from respredict.errors import InputError, Problem
from respredict.ledger.reading import Reader
from respredict.validation.watch import Watch, watch

__all__ = ["monitor", "monitor_table", "read_outcomes"]

_YES = {"1": True, "yes": True, "true": True, "0": False, "no": False, "false": False}


def monitor(home: Path, *, false_alarms: float = 0.1) -> Watch:
    """Weigh whether the champion's outcomes on record have drifted from what it told.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    false_alarms : float, default=0.1
        Greatest chance of an alarm where nothing changed.

    Returns
    -------
    Watch
        Of all outcomes recorded.

    Raises
    ------
    InputError
        If there are none yet.
    RegistryError
        If there is no champion.
    """
    digest = champion(home)["digest"]
    with Reader(home) as reader:
        told = outcomes_of(reader, digest)
    if not told:
        rule, remedy = "have outcomes on record", "Record them: respredict outcome"
        raise InputError(Problem("a watch", rule, "none of the champion", remedy))
    men = int(load_bundle(home, digest).meta["trained_on"]["men"])
    return watch(
        [int(one.improved) for one in told], [one.probability for one in told],
        [f"{one.on:%Y-%m}" for one in told], men_fitted=men, false_alarms=false_alarms,
    )  # fmt: skip


def monitor_table(file: Path, *, men_fitted: int, false_alarms: float = 0.1) -> Watch:
    """Weigh the outcomes of a table: anybody's predictions.

    Parameters
    ----------
    file : Path
        CSV with ``month`` (YYYY-MM), ``y`` and ``p``.
    men_fitted : int
        To how many men the model was fitted.
    false_alarms : float, default=0.1
        As of :func:`monitor`.

    Returns
    -------
    Watch
        Of all rows.

    Raises
    ------
    InputError
        If the table cannot be read.
    """
    rows = _rows(file, ("month", "y", "p"))
    try:
        y, p = ([float(row[name]) for row in rows] for name in ("y", "p"))
    except ValueError as error:
        raise InputError(Problem("y and p", "be numbers", str(error), "Mend the table")) from error
    months = [row["month"].strip() for row in rows]
    return watch(y, p, months, men_fitted=men_fitted, false_alarms=false_alarms)


def read_outcomes(file: Path) -> list[Outcome]:
    """Read a table of outcomes.

    Parameters
    ----------
    file : Path
        CSV with ``decision``, ``improved`` (yes or no) and ``on`` (YYYY-MM-DD).

    Returns
    -------
    list of Outcome
        One a row.

    Raises
    ------
    InputError
        With every row that cannot be read.
    """
    found: list[Outcome] = []
    problems: list[Problem] = []
    for number, row in enumerate(_rows(file, ("decision", "improved", "on")), 1):
        one = outcome_of(row["decision"], row["improved"], row["on"], number, problems)
        if one is not None:
            found.append(one)
    if problems:
        raise InputError(problems)
    return found


def outcome_of(
    decision: str, improved: str, on: str, row: int, problems: list[Problem]
) -> Outcome | None:
    """Return one outcome as it was typed, None with its problems where it cannot be read."""
    before, rows = len(problems), (row,) if row else ()
    said = _YES.get(improved.strip().casefold())
    if said is None:
        got = repr(improved)
        problems.append(Problem("improved", "be yes or no", got, "Write yes or no", rows))
    try:
        day = datetime.date.fromisoformat(on.strip())
    except ValueError:
        problems.append(Problem("on", "be a date", repr(on), "Write YYYY-MM-DD", rows))
    if said is None or len(problems) > before:
        return None
    return Outcome(decision.strip(), said, day)


def _rows(file: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError) as error:
        got = getattr(error, "strerror", None) or "another encoding"
        raise InputError(Problem(str(file), "be a readable CSV", got, "Name a table")) from error
    absent = [name for name in columns if not rows or rows[0].get(name) is None]
    if absent:
        got = f"no {', '.join(absent)}" if rows else "no row"
        remedy = f"Give it the columns {', '.join(columns)}"
        raise InputError(Problem(file.name, "hold the columns asked for", got, remedy))
    return [{name: row[name] or "" for name in columns} for row in rows]
