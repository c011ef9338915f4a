"""``promote`` and ``update``: what may be served, and the least change of it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from respredict.cli.common import NO, Add, add_actor, add_mapping, print_told, read_mapped, say
from respredict.config import home
from respredict.errors import InputError, Problem

if TYPE_CHECKING:
    from respredict.lifecycle.promoting import Proposed

__all__ = ["add_lifecycle", "proposed_text", "proposed_told"]


def add_lifecycle(add: Add) -> None:
    """Add ``promote`` and ``update``.

    Parameters
    ----------
    add : callable
        Of :func:`respredict.cli.common.adder`.
    """
    promote = add("promote", _promote, "make a registered version the champion, if the gate allows")
    promote.add_argument("version", nargs="?", default="challenger", help="number or alias")
    promote.add_argument("--data", help="table of men to compare it and the champion on")
    add_mapping(promote, "that table")
    promote.add_argument("--reason", default="", help="why; promotes whatever the gate answers")
    promote.add_argument("--plan", help="a change plan (TOML) to keep to and to cite")
    promote.add_argument("--rollback", action="store_true", help="go back to the champion before")
    add_actor(promote)

    update = add("update", _update, "register the least change of the champion new men justify")
    update.add_argument("--data", required=True, help="table of new men, with their follow-up")
    add_mapping(update)
    update.add_argument("--level", type=float, default=0.05, help="of each test (default: 0.05)")
    update.add_argument(
        "--resamples", type=int, default=200, help="by which a refit is judged (default: 200)"
    )
    update.add_argument("--jobs", type=int, default=1, help="processes for that (default: 1)")


def _promote(given: argparse.Namespace) -> int:
    from respredict.lifecycle.changing import read_plan
    from respredict.lifecycle.promoting import propose, roll_back

    if given.rollback:
        _alone(given)
        version = roll_back(home=home(), reason=given.reason, actor=given.actor, say=say)
        told = {"version": version.number, "digest": version.digest, "run_id": version.run_id}
        text = f"Back to version {version.number}, the champion again ({version.digest[:19]})."
        return print_told(given, {**told, "rollback": True}, text)
    plan = read_plan(Path(given.plan)) if given.plan else None
    with read_mapped(given, given.data, instead="--data"):
        found = propose(
            given.version, home=home(), actor=given.actor, reason=given.reason, data=given.data,
            plan=plan, say=say,
        )  # fmt: skip
    code = print_told(given, proposed_told(found), proposed_text(found))
    return code if found.promoted else NO


def proposed_told(found: Proposed) -> dict[str, Any]:
    """Return what became of a proposal, for programs.

    Parameters
    ----------
    found : Proposed
        As the gate left it.

    Returns
    -------
    dict
        Plain JSON values.
    """
    return {
        "version": found.version.number,
        "digest": found.version.digest,
        "run_id": found.version.run_id,
        "promoted": found.promoted,
        "gate": found.verdict.as_dict(),
        "departures": list(found.departures),
    }


def proposed_text(found: Proposed) -> str:
    """Return what became of a proposal, for people.

    Parameters
    ----------
    found : Proposed
        As the gate left it.

    Returns
    -------
    str
        A line each.
    """
    number, digest = found.version.number, found.version.digest[:19]
    lines = [f"The gate: {found.verdict.answer}.", *(f"  {line}" for line in found.verdict.why)]
    lines += [f"  {line}" for line in found.departures]
    if found.promoted:
        return "\n".join([*lines, f"Version {number} is the champion ({digest})."])
    lines.append(f"Version {number} was not promoted.")
    if found.departures:
        lines.append("Keep to the plan, or promote without it and give --reason.")
    elif found.verdict.sound:
        lines.append("Compare on more men (--data), or say why it shall be (--reason).")
    else:
        lines.append("Register it again.")
    return "\n".join(lines)


def _alone(given: argparse.Namespace) -> None:
    """Refuse what means nothing beside ``--rollback``."""
    beside = {
        "version": given.version != "challenger", "--data": bool(given.data),
        "--plan": bool(given.plan), "--mapping": given.mapping is not None,
    }  # fmt: skip
    problems = [
        Problem(name, "be left out with --rollback", "it", "The ledger says where to go back to")
        for name, there in beside.items()
        if there
    ]
    if problems:
        raise InputError(problems)


def _update(given: argparse.Namespace) -> int:
    from respredict.lifecycle.updating import update

    with read_mapped(given, given.data):
        found = update(
            given.data, home=home(), level=given.level, resamples=given.resamples, jobs=given.jobs,
            say=say,
        )  # fmt: skip
    version = found.version
    told = {
        "step": found.step,
        "why": list(found.why),
        "test": found.test.as_dict(),
        "men": found.men,
        "version": None if version is None else version.number,
        "digest": None if version is None else version.digest,
    }
    lines = [f"{found.men['used']} new men: {found.step}.", *(f"  {line}" for line in found.why)]
    if version is None:
        lines.append("Nothing was registered.")
    else:
        lines.append(f"Version {version.number} ({version.digest[:19]}), now the challenger.")
        lines.append(f"Next: respredict promote {version.number} --data OTHER_MEN.csv")
    return print_told(given, told, "\n".join(lines))
