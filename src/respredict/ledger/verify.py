"""Verifying: every record in order, the first bad one, and what nobody can know."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from respredict.errors import LedgerError
from respredict.ledger.keys import read_public_key
from respredict.ledger.record import as_time
from respredict.ledger.repeating import now
from respredict.ledger.segments import walk_in_parts
from respredict.ledger.store import read_only
from respredict.ledger.stray import foreign
from respredict.ledger.trust import Damage, Trust, check_outside
from respredict.ledger.walk import Walk

__all__ = ["Follower", "Verdict", "verify"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What verifying found.

    Parameters
    ----------
    ok : bool
        Whether everything holds that can be checked.
    records : int
        How many were read and found good.
    first_bad : int or None
        Sequence of the first bad record.
    kind : str or None
        What happened to it.
    detail : str
        In a sentence.
    signed_to : int
        Last record that a believed checkpoint in the chain vouches for.
    checkpoints : int
        How many were read.
    erased : int
        Records whose payload was erased, as the chain says.
    head : str
        Hash of the last good record.
    cannot_know : tuple of str
        What this reading cannot exclude.
    """

    ok: bool
    records: int
    first_bad: int | None
    kind: str | None
    detail: str
    signed_to: int
    checkpoints: int
    erased: int
    head: str
    cannot_know: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict as the JSON object that ``--json`` prints."""
        return {**asdict(self), "cannot_know": list(self.cannot_know)}


def verify(
    home: Path,
    *,
    against: Path | None = None,
    public_key: Path | None = None,
    apart: bool = False,
    tell: Callable[[int], None] = lambda _: None,
) -> Verdict:
    """Read the whole ledger and judge it.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``, or the file of a backup.
    against : Path or None, default=None
        ``checkpoints.jsonl`` from a place that this machine cannot change.
    public_key : Path or None, default=None
        ``checkpoint.pub`` from such a place.
    apart : bool, default=False
        Leave a long chain to a process of low priority, so that this one can go on serving.
    tell : callable, default: silent
        Told now and then up to which record all is read.

    Returns
    -------
    Verdict
        The first bad record and the kind of damage, or that all holds.

    Raises
    ------
    LedgerError
        If there is no ledger, or a file cannot be read now.
    LedgerDamageError
        If ``public_key`` holds none.
    """
    given = None if public_key is None else read_public_key(public_key)
    walk = Walk(Trust(given), tell)

    def read(connection: sqlite3.Connection) -> tuple[Walk, Damage | None]:
        parted = walk_in_parts(home, connection, given, apart=apart, tell=tell)
        return (parted, None) if parted else (walk, walk.run(connection))

    return _judged(home, walk, read, against)


class Follower:
    """Verifies a ledger again and again; what was found good is not read a second time.

    Threads may share it; a service keeps one, and reads the whole again now and then.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self._lock = threading.Lock()
        self._walk: Walk | None = None
        self._read = ""

    def verify(
        self, *, full: bool = False, tell: Callable[[int], None] = lambda _: None
    ) -> Verdict:
        """Judge what was appended since the last time, or the whole the first time.

        Parameters
        ----------
        full : bool, default=False
            Read the whole again.
        tell : callable, default: silent
            Told now and then up to which record all is read.

        Returns
        -------
        Verdict
            It says what was not read again.

        Raises
        ------
        LedgerError
            If there is no ledger, or a file cannot be read now.
        """
        with self._lock:
            former = None if full else self._walk
            began = as_time(now()).isoformat(timespec="seconds")
            found: list[Walk] = []

            def read(connection: sqlite3.Connection) -> tuple[Walk, Damage | None]:
                if former is not None and former.resume(connection):
                    found.append(former)
                    return former, None
                walk = walk_in_parts(self.home, connection, None, apart=True, tell=tell)
                damage = None
                if walk is None:
                    walk = Walk(Trust(None), tell)
                    damage = walk.run(connection)
                found.append(walk)
                return walk, damage

            good = 0 if former is None else former.good
            self._walk = None
            verdict = _judged(self.home, Walk(Trust(None)), read, None)
            again = former is not None and found == [former]
            if verdict.ok:
                self._walk = found[0]
                self._read = self._read if again else began
            if not again:
                return verdict
            unread = f"Whether records up to {good}, read in full at {self._read}, changed since."
            return replace(verdict, cannot_know=(*verdict.cannot_know, unread))


def _judged(
    home: Path,
    walk: Walk,
    read: Callable[[sqlite3.Connection], tuple[Walk, Damage | None]],
    against: Path | None,
) -> Verdict:
    """Return the verdict on a chain, given what reads it."""
    try:
        connection = read_only(home)
    except LedgerError as error:
        if error.reason != "damaged":
            raise
        return _verdict(walk, Damage(None, "unreadable", str(error)), None, 0)
    vouched, beside = 0, home / "checkpoints.jsonl"
    sizes = [_size(file) for file in (beside, against)]
    try:
        connection.execute("BEGIN")  # one state, whatever is appended meanwhile
        walk, damage = read(connection)
        damage = damage or foreign(connection)
        damage = damage or walk.trust.judge_keys()
        if damage is None and os.path.lexists(beside):
            damage = _checked_beside(connection, beside, walk.trust, sizes[0])
        if damage is None and against is not None:
            damage, vouched = check_outside(
                connection, against, walk.trust, own=False, size=sizes[1]
            )
    except sqlite3.DatabaseError as error:
        damage = Damage(walk.good + 1, "unreadable", f"SQLite says: {error}")
    finally:
        connection.close()
    return _verdict(walk, damage, against, vouched)


def _size(file: Path | None) -> int | None:
    """Return how long a file is now; None if it cannot be said, as of a pipe: all is read."""
    try:
        return (file.stat().st_size or None) if file else None
    except OSError:
        return None


def _checked_beside(
    connection: sqlite3.Connection, beside: Path, trust: Trust, size: int | None
) -> Damage | None:
    """Judge the checkpoints beside the ledger, which may be missing but no folder."""
    if not beside.is_file():
        told = f"{beside.name} beside the ledger is there, but it is no file"
        return Damage(None, "altered checkpoint file", told)
    return check_outside(connection, beside, trust, own=True, size=size)[0]


def _verdict(walk: Walk, damage: Damage | None, against: Path | None, vouched: int) -> Verdict:
    return Verdict(
        ok=damage is None,
        records=walk.good,
        first_bad=damage and damage.sequence,
        kind=damage and damage.kind,
        detail=damage.detail if damage else "every record holds",
        signed_to=walk.trust.signed_to,
        checkpoints=walk.trust.checkpoints,
        erased=len(walk.erased),
        head=walk.head.hex(),
        cannot_know=tuple(_unknown(walk, against, vouched)),
    )


def _unknown(walk: Walk, against: Path | None, vouched: int) -> list[str]:
    told, trust = [], walk.trust
    if against is None:
        told.append(
            "Without a checkpoint kept outside (--against FILE): whether records were cut from "
            "the tail, or the whole chain was rewritten with this machine's own key."
        )
    elif vouched < walk.good:
        told.append(
            f"Whether records behind {vouched}, the last one that the outside checkpoints vouch "
            "for, were cut or rewritten."
        )
    if trust.given is None:
        told.append(
            "Without a public key kept outside (--public-key FILE): whether the key that signed "
            "the checkpoints is the clinic's."
        )
    if walk.good > trust.signed_to + 1:
        told.append(
            f"Whether the records from {trust.signed_to + 1} to {walk.good}, behind the last "
            "signature, were rewritten by somebody who can write the file."
        )
    told += [f"Who named the key at {s}: the former did not sign it." for s in trust.unsigned]
    told += [
        f"What followed record {s - 1} before the restore at {s} by {said.get('actor')}: "
        f"{said.get('reason') or 'no reason given'}."
        for s, said in trust.restores
    ]
    told += [
        f"Whether men who were erased behind record {said.get('restored_sequence')}, before the "
        f"restore at {s}, are back: what was left could not say whom. Erase those men again."
        for s, said in trust.restores
        if said.get("erasures_unknown")
    ]
    if walk.erased:
        told.append(f"What the {len(walk.erased)} erased records said.")
    return told
