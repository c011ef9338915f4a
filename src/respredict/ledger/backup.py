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
from respredict.ledger.leaving import erased_by, left_behind
from respredict.ledger.locking import exclusive
from respredict.ledger.store import connect, ledger_file, read_only, unavailable
from respredict.ledger.verify import verify

__all__ = ["Backup", "backup", "restore"]

_SUFFIXES = ("", "-wal", "-shm", "-journal")
#: What keeps a file from being written, and not the ledger from being read.
_OF_THE_TARGET = frozenset({"full", "read-only", "missing"})


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
    part = target.with_name(target.name + ".part")
    try:
        _check_free(target)
        with contextlib.closing(read_only(home)) as source:
            _copy(source, part)
        part.replace(target)
        with contextlib.closing(read_only(target)) as copied:
            sequence, digest = head(copied)
        size = target.stat().st_size
    except (sqlite3.Error, OSError) as error:
        with contextlib.suppress(OSError):
            _remove(part)
        raise _unwritten(target, error) from error
    return Backup(target, sequence, digest.hex(), size)


def _check_free(target: Path) -> None:
    if target.exists():
        msg = f"target must not exist, got {target}. Name another file, or move it away."
        raise LedgerConflictError(msg)
    if not target.parent.is_dir():
        msg = f"target must lie in a folder that is there, got {target}. Make it first."
        raise LedgerConflictError(msg)


def _unwritten(target: Path, error: sqlite3.Error | OSError) -> LedgerError:
    """Return why there is no backup: the ledger cannot be read, or the target not written."""
    found = unavailable(error)
    of_sqlite = isinstance(error, sqlite3.Error)
    if found is error or (of_sqlite and found.reason not in _OF_THE_TARGET):
        return found
    told = str(error) if isinstance(error, sqlite3.Error) else error.strerror or str(error)
    msg = f"target must be writable, got {target}: {told}. Name a file in another folder."
    return LedgerError(msg, found.reason)


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

    Whatever was erased since the backup was made is erased again, as far as the ledger that
    is left can say; where it cannot, the record says ``erasures_unknown``. Checkpoints kept
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
        If the backup cannot be read or the ledger written.
    """
    if force and not reason.strip():
        msg = "a forced restore must have a reason, got none. Give one; it is recorded."
        raise LedgerConflictError(msg)
    _check_backup(target, home)
    part = home / "ledger.db.part"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with exclusive(home, wait=10.0):
            left, erased = left_behind(home, target, force=force)
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


def _check_backup(target: Path, home: Path) -> None:
    """Refuse what is no backup, is the ledger itself, or does not verify."""
    try:
        there = target.is_file()
        itself = there and ledger_file(home).exists() and target.samefile(ledger_file(home))
    except OSError as error:
        told = f"{target}: {error.strerror or error}"
        msg = f"a backup must be readable, got {told}. Name what `respredict audit backup` wrote."
        raise LedgerError(msg, unavailable(error).reason) from error
    if not there:
        msg = f"a backup must be there, got no {target}. Name what `respredict audit backup` wrote."
        raise LedgerConflictError(msg)
    if itself:
        msg = f"a backup must be another file than the ledger, got {target}. Name a backup."
        raise LedgerConflictError(msg)
    try:
        verdict = verify(target)
    except LedgerError as error:
        if error.reason != "missing":
            raise
        msg = f"a backup must be a copy of a ledger, got {target}, which is none. Name another."
        raise LedgerDamageError(msg) from error
    if not verdict.ok:
        told = verdict.detail.rstrip(".")
        msg = f"a backup must verify, got {verdict.kind}: {told}. Use another."
        raise LedgerDamageError(msg)


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
        again = sorted(set(erased) - erased_by(connection))
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
