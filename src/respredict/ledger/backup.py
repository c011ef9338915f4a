"""Backing up and restoring, so that a chain cannot be forked unnoticed.

A backup holds what was not erased when it was made; erase there too, or delete it. The
private key is not in it: keep ``checkpoint.key`` apart.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from respredict.errors import LedgerConflictError, LedgerDamageError, LedgerError
from respredict.ledger.chain import Appending, head, seal
from respredict.ledger.checkpoints import publish
from respredict.ledger.creation import key_without_former
from respredict.ledger.entry import Entry, Receipt
from respredict.ledger.erasure import forget, sweep
from respredict.ledger.keys import key_in_force, private_key
from respredict.ledger.locking import exclusive
from respredict.ledger.payload import decode_body
from respredict.ledger.store import connect, ledger_file, read_only, unavailable
from respredict.ledger.verify import verify

__all__ = ["Backup", "backup", "restore"]

_SUFFIXES = ("", "-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds.

    Parameters
    ----------
    file : Path
        Where it is.
    sequence : int
        Last record.
    hash : str
        Its hash.
    bytes : int
        Size of the file.
    """

    file: Path
    sequence: int
    hash: str
    bytes: int


def backup(home: Path, target: Path) -> Backup:
    """Copy the ledger as it stands into one file, while it is in use.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    target : Path
        Must not exist.

    Returns
    -------
    Backup
        Its last record, to compare with a checkpoint.

    Raises
    ------
    LedgerError
        If the ledger cannot be read or the target written.
    LedgerConflictError
        If the target exists, or its folder does not.
    """
    if target.exists():
        msg = f"target must not exist, got {target}. Name another file, or move it away."
        raise LedgerConflictError(msg)
    if not target.parent.is_dir():
        msg = f"target must lie in a folder that is there, got {target}. Make it first."
        raise LedgerConflictError(msg)
    part = target.with_name(target.name + ".part")
    try:
        with contextlib.closing(read_only(home)) as source:
            _copy(source, part)
        part.replace(target)
        with contextlib.closing(read_only(target)) as copied:
            sequence, digest = head(copied)
    except (sqlite3.Error, OSError) as error:
        _remove(part)
        raise unavailable(error) from error
    return Backup(target, sequence, digest.hex(), target.stat().st_size)


def _copy(source: sqlite3.Connection, file: Path) -> None:
    """Copy a database into a file of its own, synced, without a log beside it."""
    _remove(file)
    os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as target:
        target.execute("PRAGMA synchronous=FULL")
        source.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(file: Path) -> None:
    for suffix in _SUFFIXES:
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def restore(
    target: Path, home: Path, *, actor: str, reason: str = "", force: bool = False
) -> Receipt:
    """Put a backup in the place of the ledger, and record that it was done.

    Whatever was erased since the backup was made is erased again. Checkpoints kept
    outside that are later than the backup show the fork ever after.

    Parameters
    ----------
    target : Path
        The backup.
    home : Path
        ``RESPREDICT_HOME``.
    actor : str
        Who restores.
    reason : str, default=""
        Why; needed to force.
    force : bool, default=False
        Whether to drop records that the backup does not hold.

    Returns
    -------
    Receipt
        Of the ``restore`` record, which names the head that was left.

    Raises
    ------
    LedgerConflictError
        If there is no backup, it is the ledger itself or of another one, or records would
        be lost and it is not forced with a reason.
    LedgerDamageError
        If the backup does not verify.
    LedgerError
        If it cannot be written.
    """
    if force and not reason.strip():
        msg = "a forced restore must have a reason, got none. Give one; it is recorded."
        raise LedgerConflictError(msg)
    if not target.is_file():
        msg = f"a backup must be there, got no {target}. Name what `respredict audit backup` wrote."
        raise LedgerConflictError(msg)
    if ledger_file(home).exists() and target.samefile(ledger_file(home)):
        msg = f"a backup must be another file than the ledger, got {target}. Name a backup."
        raise LedgerConflictError(msg)
    verdict = verify(target)
    if not verdict.ok:
        told = verdict.detail.rstrip(".")
        msg = f"a backup must verify, got {verdict.kind}: {told}. Use another."
        raise LedgerDamageError(msg)
    part = home / "ledger.db.part"
    try:
        home.mkdir(parents=True, exist_ok=True)
        with exclusive(home, wait=10.0):
            left, erased = _left_behind(home, target, force=force)
            with contextlib.closing(read_only(target)) as source:
                _copy(source, part)
            receipt = _record(home, part, actor, {**left, "reason": reason}, erased)
            _put_in_place(home, part)
            with contextlib.closing(connect(home)) as connection:
                publish(home, connection)
    except (sqlite3.Error, OSError) as error:
        raise unavailable(error) from error
    finally:
        _remove(part)
    sweep(home)
    return receipt


def _left_behind(home: Path, target: Path, *, force: bool) -> tuple[dict[str, Any], list[int]]:
    """Return the head that is left and what was erased since; refuse to lose records."""
    with contextlib.closing(read_only(target)) as copied:
        kept, _ = head(copied)
        hashes = dict(copied.execute("SELECT sequence, hash FROM record"))
    signed, named = _last_signed(home)
    left: dict[str, Any] = {"left_sequence": signed or None, "left_hash": None}
    erased: list[int] = []
    goes_on = "cannot be read"
    if not ledger_file(home).exists():
        lost, goes_on = signed > kept, f"was signed to {signed}"
    else:
        try:
            with contextlib.closing(read_only(home)) as live:
                sequence, digest = head(live)
                first = live.execute("SELECT hash FROM record WHERE sequence = 1").fetchone()
                named = named.union(first or ())
                erased = [s for s in _erased(live) if s <= kept]
                goes_on = f"ends at {sequence}"
            lost = sequence > kept or hashes.get(sequence) != digest or signed > kept
            left = {"left_sequence": sequence, "left_hash": digest.hex()}
        except (sqlite3.Error, LedgerError):
            lost = True  # nobody can say what it holds
    if named and hashes.get(1) not in named:
        # Its erasures and its key are not the backup's: nothing of it could be carried over.
        msg = "a backup must be of this ledger, got another's. Restore it into an empty folder."
        raise LedgerConflictError(msg)
    if lost and not force:
        msg = (
            f"a restore must not lose records, got a backup that ends at {kept} for a ledger that "
            f"{goes_on}. Force it with a reason, and it will be recorded."
        )
        raise LedgerConflictError(msg)
    return left, erased


def _last_signed(home: Path) -> tuple[int, frozenset[bytes]]:
    """Return the last sequence that the checkpoints beside the ledger know of, and whose."""
    try:
        lines = (home / "checkpoints.jsonl").read_bytes().splitlines()
        told = [json.loads(line) for line in lines]
        last = max(told, key=lambda one: int(one["sequence"]))
        return int(last["sequence"]), frozenset({bytes.fromhex(last["ledger"])})
    except (OSError, ValueError, KeyError, TypeError):
        return 0, frozenset()


def _erased(connection: sqlite3.Connection) -> list[int]:
    bodies = connection.execute(
        "SELECT body FROM record JOIN payload USING (sequence) WHERE kind = 'erasure'"
    )
    answers = [decode_body(body, lambda _: b"").answer for (body,) in bodies.fetchall()]
    return sorted({s for answer in answers for s in json.loads(answer)["erased"]})


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[Appending]:
    with contextlib.closing(connect(file)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        appending = Appending(connection)
        yield appending
        appending.flush()
        connection.execute("COMMIT")


def _record(home: Path, part: Path, actor: str, told: dict[str, Any], erased: list[int]) -> Receipt:
    """Write into the copy, before it is put in place, that it was restored."""
    with _opened(part) as appending:
        connection = appending.connection
        told = {"actor": actor, "restored_sequence": appending.sequence, **told}
        answer = json.dumps(told).encode()
        receipt = appending.add(seal(Entry(kind="restore", actor=actor, answer=answer)))
        again = sorted(set(erased) - set(_erased(connection)))
        if again:
            forget(connection, again)
            answer = json.dumps({"erased": again, "reason": "erased before the restore"}).encode()
            appending.add(seal(Entry(kind="erasure", actor=actor, answer=answer)))
        try:
            private_key(home, key_in_force(connection))
        except LedgerDamageError:
            key_without_former(home, appending, actor, "the former key was not restored")
    return receipt


def _put_in_place(home: Path, part: Path) -> None:
    """Let the copy take the ledger's place in one transaction, or in one renaming."""
    file = home / "ledger.db"
    if file.exists():
        try:
            with contextlib.closing(connect(home)) as live:
                with contextlib.closing(sqlite3.connect(part)) as source:
                    source.backup(live)
                return
        except (sqlite3.DatabaseError, LedgerError):
            pass  # it cannot even be opened: it is replaced
    with contextlib.closing(sqlite3.connect(part, isolation_level=None)) as made:
        made.execute("PRAGMA journal_mode=WAL")
    for suffix in _SUFFIXES[1:]:
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    part.replace(file)
