"""From a challenger to the champion, back again, and what a crash left half done.

The order is record, alias, file: whoever is cut off between two of them leaves a model in
service, and the next command that changes models finishes what is on record.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from respredict import registry
from respredict.audit.promotions import Promotion, promotions, record_promotion
from respredict.bundle import Bundle, champion, set_champion
from respredict.errors import InputError, Problem, RegistryError
from respredict.ledger.reading import Reader
from respredict.ledger.store import ledger_file
from respredict.lifecycle.changing import ChangePlan
from respredict.lifecycle.gate import Verdict
from respredict.lifecycle.verdicts import judge
from respredict.lifecycle.versions import bundle_of, report_digest

__all__ = ["Proposed", "mend", "promote", "propose", "roll_back"]


Say = Callable[[str], None]


@dataclass(frozen=True)
class Proposed:
    """What became of a proposal.

    Parameters
    ----------
    version : Version
        The challenger.
    promoted : bool
        Whether it is the champion now.
    verdict : Verdict
        Of the gate.
    departures : tuple of str
        Where it departs from the change plan.
    """

    version: registry.Version
    promoted: bool
    verdict: Verdict
    departures: tuple[str, ...] = ()


def promote(
    which: str, *, home: Path, actor: str = "respredict promote", reason: str = "",
    data: str | None = None,
) -> registry.Version:  # fmt: skip
    """Make a registered version the champion, if the gate allows it or a reason is given.

    Parameters
    ----------
    which : str
        A version's number or an alias.
    home : Path
        ``RESPREDICT_HOME``; its ledger is made if there is none.
    actor : str, default="respredict promote"
        Who promotes.
    reason : str, default=""
        Why; it stands in for an answer that allows it.
    data : str or None, default=None
        A table of men to compare on.

    Returns
    -------
    Version
        The champion.

    Raises
    ------
    InputError
        If the gate says no and there is no reason.
    RegistryError
        If there is no such version.
    BundleError
        If its bundle is not what the registry says.
    LedgerError
        If the promotion cannot be recorded; nothing is promoted then.
    """
    found = propose(which, home=home, actor=actor, reason=reason, data=data)
    if not found.promoted:
        got = f"{found.verdict.answer!r}: {' '.join(found.verdict.why)}"
        remedy = "Compare on more men, or give a reason"
        raise InputError(Problem("a promotion", "be allowed by the gate", got, remedy))
    return found.version


def propose(
    which: str, *, home: Path, actor: str = "respredict promote", reason: str = "",
    data: str | None = None, plan: ChangePlan | None = None, say: Say = lambda _: None,
) -> Proposed:  # fmt: skip
    """Ask the gate about a version, and promote it if the answer or a reason allows it.

    Parameters
    ----------
    which : str
        A version's number or an alias.
    home : Path
        ``RESPREDICT_HOME``; its ledger is made if there is none.
    actor : str, default="respredict promote"
        Who promotes.
    reason : str, default=""
        Why. It promotes whatever the answer is, which is recorded beside it; but neither a
        model that is not sound nor one that departs from a plan it cites.
    data : str or None, default=None
        A table of men to compare on.
    plan : ChangePlan or None, default=None
        To keep to, and to cite.
    say : callable, default: silent
        Told what is being done.

    Returns
    -------
    Proposed
        What became of it. All of it is in the ledger where it was promoted.

    Raises
    ------
    RegistryError
        If there is no such version.
    BundleError
        If its bundle is not what the registry says.
    LedgerError
        If the promotion cannot be recorded; nothing is promoted then.
    """
    mend(home, say=say)
    version = registry.find_version(which)
    bundle = bundle_of(version, home)
    verdict = judge(version, bundle, home=home, data=data, say=say)
    departures: tuple[str, ...] = ()
    if plan is not None:
        today = datetime.datetime.now(tz=datetime.UTC).date()
        departures = tuple(plan.departures(bundle.meta, verdict, today))
        allowed = verdict.sound and not departures
    else:
        allowed = verdict.allows or (verdict.sound and bool(reason.strip()))
    if not allowed:
        return Proposed(version, promoted=False, verdict=verdict, departures=departures)
    report = report_digest(version, bundle)
    details: dict[str, Any] = {"gate": verdict.as_dict(), "report_sha256": report}
    if plan is not None:
        details["plan"] = plan.cited()
    _switch(home, version, bundle, actor=actor, reason=reason, details=details)
    return Proposed(version, promoted=True, verdict=verdict)


def roll_back(
    *, home: Path, reason: str, actor: str = "respredict promote", say: Say = lambda _: None
) -> registry.Version:
    """Make the champion before this one the champion again, as the ledger has it.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    reason : str
        Why; it must be given.
    actor : str, default="respredict promote"
        Who goes back.
    say : callable, default: silent
        Told what is being done.

    Returns
    -------
    Version
        The champion. Done again, it goes back one further.

    Raises
    ------
    InputError
        If no reason is given.
    RegistryError
        If there was no champion before.
    LedgerError
        If it cannot be recorded; nothing changes then.
    """
    if not reason.strip():
        raise InputError(Problem("--reason", "be given to go back", "none", "Say why"))
    mend(home, say=say)
    reigned = _standing(_recorded(home))
    if len(reigned) < 2:
        got = f"none before version {reigned[0].version}" if reigned else "no champion on record"
        msg = (
            f"a champion must have one before it to go back to, got {got}: one gone back from "
            "does not count. Promote a version by its number."
        )
        raise RegistryError(msg)
    before = reigned[-2]
    version = registry.find_version(str(before.version))
    if version.digest != before.digest:
        msg = (
            f"version {before.version} must be the {before.digest[:19]} of record "
            f"{before.sequence}, got {version.digest[:19]}. Use the registry it was promoted from."
        )
        raise RegistryError(msg)
    bundle = bundle_of(version, home)
    details = {"rollback_of": reigned[-1].sequence, "report_sha256": report_digest(version, bundle)}
    _switch(home, version, bundle, actor=actor, reason=reason, details=details)
    return version


def mend(home: Path, *, say: Say = lambda _: None) -> None:
    """Finish a promotion that is on record and was cut off before alias or file.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    say : callable, default: silent
        Told what was mended.
    """
    recorded = _recorded(home)
    if not recorded:
        return
    last = recorded[-1]
    told = {"name": last.name, "version": last.version, "digest": last.digest}
    version = _found(str(last.version))
    if version is None or version.digest != last.digest:
        say(f"note: this registry has no version {last.version} as record {last.sequence} has it")
        return
    if _found(registry.CHAMPION) != version:
        registry.set_alias(registry.CHAMPION, version)
        say(f"note: the alias champion now names version {last.version}, as record {last.sequence}")
    try:
        served = champion(home)
    except RegistryError:
        served = {}
    if served != told:
        bundle_of(version, home)
        set_champion(home, told)
        say(f"note: champion.json now names version {last.version}, as record {last.sequence}")


def _switch(
    home: Path, version: registry.Version, bundle: Bundle, *, actor: str, reason: str,
    details: dict[str, Any],
) -> None:  # fmt: skip
    told = {"name": bundle.meta["name"], "version": version.number, "digest": version.digest}
    record_promotion(
        home, **told, run_id=version.run_id, actor=actor, reason=reason, details=details
    )
    registry.set_alias(registry.CHAMPION, version)
    set_champion(home, told)


def _found(which: str) -> registry.Version | None:
    try:
        return registry.find_version(which)
    except RegistryError:
        return None


def _recorded(home: Path) -> list[Promotion]:
    if not ledger_file(home).exists():
        return []
    with Reader(home) as reader:
        return promotions(reader)


def _standing(recorded: list[Promotion]) -> list[Promotion]:
    """Return the promotions that stand, in order: one gone back from does not."""
    standing: list[Promotion] = []
    for promotion in recorded:
        if "rollback_of" in promotion.details:
            while standing and standing[-1].digest != promotion.digest:
                standing.pop()
        if not standing or standing[-1].digest != promotion.digest:
            standing.append(promotion)
    return standing
