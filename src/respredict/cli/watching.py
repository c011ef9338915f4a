"""``outcome`` and ``monitor``: what became of the men, and whether the model still fits them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from respredict.cli.common import NO, Add, add_actor, print_told, say
from respredict.config import home
from respredict.errors import InputError, Problem

if TYPE_CHECKING:
    from respredict.audit.outcomes import Recorded

__all__ = ["add_watching"]

_SHOWN = 20


def add_watching(add: Add) -> None:
    """Add ``outcome`` and ``monitor``.

    Parameters
    ----------
    add : callable
        Of :func:`respredict.cli.common.adder`.
    """
    outcome = add("outcome", _outcome, "record whether men who were scored improved")
    outcome.add_argument("table", nargs="?", help="CSV with decision, improved and on")
    outcome.add_argument("--decision", help="id of one decision")
    outcome.add_argument("--improved", help="yes or no")
    outcome.add_argument("--on", help="day of the follow-up sample, YYYY-MM-DD")
    add_actor(outcome)

    monitor = add("monitor", _monitor, "say whether outcomes have drifted from what was told")
    monitor.add_argument("table", nargs="?", help="CSV with month, y and p (default: the ledger)")
    monitor.add_argument("--men-fitted", type=int, help="of a table's model; the more, the surer")
    monitor.add_argument(
        "--false-alarms", type=float, default=0.1,
        help="greatest chance of an alarm where nothing changed (default: 0.1)",
    )  # fmt: skip


def _outcome(given: argparse.Namespace) -> int:
    from respredict.audit.outcomes import record_outcomes
    from respredict.lifecycle.watching import outcome_of, read_outcomes

    one = (given.decision, given.improved, given.on)
    if (given.table is None) == (None in one):
        rule = "be a table, or --decision, --improved and --on"
        raise InputError(Problem("outcome", rule, "both or neither", "Give one of the two"))
    if given.table is not None:
        outcomes = read_outcomes(Path(given.table))
    else:
        problems: list[Problem] = []
        read = outcome_of(*one, 0, problems)
        if read is None:
            raise InputError(problems)
        outcomes = [read]
    kept = record_outcomes(home(), outcomes, actor=given.actor)
    for of in kept:
        if of.note:
            say(f"note: record {of.sequence}: {of.note}")
    return print_told(given, {"recorded": [of.as_dict() for of in kept]}, _recorded(kept))


def _recorded(kept: list[Recorded]) -> str:
    """Say what was recorded, and what counts no more because of it."""
    lines = [f"{len(kept)} recorded, the last as record {kept[-1].sequence}."]
    replacing = [one for one in kept if one.replaces is not None]
    lines += [
        f"Record {one.sequence} replaces record {one.replaces}, which counts no more."
        for one in replacing[:_SHOWN]
    ]
    if len(replacing) > _SHOWN:
        lines.append(f"And {len(replacing) - _SHOWN} more replace others; --json tells all.")
    return "\n".join(lines)


def _monitor(given: argparse.Namespace) -> int:
    from respredict.lifecycle.watching import monitor, monitor_table

    if given.table is None:
        found = monitor(home(), false_alarms=given.false_alarms)
    elif given.men_fitted is None:
        rule, remedy = "be given with a table", "Say to how many men its model was fitted"
        raise InputError(Problem("--men-fitted", rule, "none", remedy))
    else:
        found = monitor_table(
            Path(given.table), men_fitted=given.men_fitted, false_alarms=given.false_alarms
        )
    code = print_told(given, found.as_dict(), _text(found.as_dict()))
    return NO if found.alarm else code


def _text(told: dict[str, Any]) -> str:
    lines = [
        f"{told['improved']} of {told['men']} men improved; {told['expected']:.1f} were expected.",
        f"Evidence of a change: {told['evidence']:.2g}; an alarm is given at {told['line']:g}.",
        f"ALARM: the outcomes have drifted, seen since {told['since']}. Update the model with them."
        if told["alarm"]
        else "No alarm: what is seen may be chance.",
    ]
    for found in told["detections"]:
        month = found["median_month"]
        when = "not within two years" if month is None else f"by month {month} in half the cases"
        points, share = 100 * found["points"], 100 * found["within_year"]
        lines.append(
            f"A change of {points:+.0f} points from the start would be found {when}, "
            f"in {share:.0f} % within a year."
        )
    return "\n".join(lines)
