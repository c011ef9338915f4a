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
from typing import Any, NamedTuple

from respredict.errors import LedgerConflictError, LedgerDamageError, LedgerError
from respredict.ledger.chain import Appending, head, seal
from respredict.ledger.checkpoints import FILE, Checkpoint, outside, publish, read_line
from respredict.ledger.creation import key_without_former
from respredict.ledger.entry import Entry, Receipt
from respredict.ledger.erasure import ERASABLE, forget, sweep
from respredict.ledger.keys import key_in_force, private_key
from respredict.ledger.locking import exclusive
from respredict.ledger.payload import commit, decode_body
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


class _Left(NamedTuple):
    """What can be read of the ledger that is left."""

    told: dict[str, Any]  # of it, in the record of the restore
    goes_on: str
    lost: bool
    first: bytes | None
    erased: list[int]


def _left_behind(home: Path, target: Path, *, force: bool) -> tuple[dict[str, Any], list[int]]:
    """Return the head that is left and what was erased since; refuse to lose records."""
    beside = _checkpoints(home)
    last = max(beside, key=lambda one: one.sequence, default=None)
    # The checkpoint that a line tells of is itself the record behind the one that it signs.
    signed = last.sequence + 1 if last else 0
    with contextlib.closing(read_only(target)) as copied:
        hashes = dict(copied.execute("SELECT sequence, hash FROM record"))
        kept = max(hashes)
        if ledger_file(home).exists():
            left = _look_at(home, copied, hashes, signed)
        else:
            told = {"left_sequence": signed or None, "left_hash": None, "erasures_unknown": True}
            left = _Left(told, f"had record {signed}", signed > kept, None, [])
    named = {last.ledger if last else None, left.first} - {None}
    if named and hashes.get(1) not in named:
        # Its erasures and its key are not the backup's: nothing of it could be carried over.
        msg = "a backup must be of this ledger, got another's. Restore it into an empty folder."
        raise LedgerConflictError(msg)
    if left.lost and not force:
        msg = (
            f"a restore must not lose records, got a backup that ends at {kept} for a ledger that "
            f"{left.goes_on}. Force it with a reason, and it will be recorded."
        )
        raise LedgerConflictError(msg)
    away = outside()
    every = beside + (_checkpoints(away) if away else [])
    others = {c.hash.hex() for c in every if c.sequence < kept and c.hash != hashes[c.sequence]}
    return {**left.told, "other_checkpoints": sorted(others)}, left.erased


def _checkpoints(folder: Path) -> list[Checkpoint]:
    """Return the checkpoints of a folder, as far as they can be read."""
    found = []
    with contextlib.suppress(OSError):
        for line in (folder / FILE).read_bytes().splitlines():
            with contextlib.suppress(LedgerDamageError):
                found.append(read_line(line))
    return found


def _look_at(
    home: Path, copied: sqlite3.Connection, hashes: dict[int, bytes], signed: int
) -> _Left:
    """Return what a ledger that is there says, beside a backup with these hashes."""
    told: dict[str, Any] = {"left_sequence": signed or None, "left_hash": None}
    told["erasures_unknown"] = True
    unread = _Left(told, "cannot be read", lost=True, first=None, erased=[])
    try:
        with contextlib.closing(read_only(home)) as live:
            erased, known = _erased_since(live, copied, hashes, signed)
            first = _one(live, "SELECT hash FROM record WHERE sequence = 1")
            unread = unread._replace(first=first, erased=erased)
            sequence, digest = head(live)
            told = {"left_sequence": sequence, "left_hash": digest.hex()}
            lost = max(sequence, signed) > max(hashes) or hashes.get(sequence) != digest
    except (sqlite3.Error, LedgerError, TypeError, AttributeError):
        return unread  # or somebody took the types off its columns
    return _Left(
        {**told, "erasures_unknown": not known}, f"ends at {sequence}", lost, first, erased
    )


def _erased_since(
    live: sqlite3.Connection, copied: sqlite3.Connection, hashes: dict[int, bytes], signed: int
) -> tuple[list[int], bool]:
    """Return which records of a backup were erased in the ledger since, and if that is all.

    Where an erasure cannot be read, or records are gone, whatever lies there as an erasure
    leaves it is taken for erased too.
    """
    ends, _ = _rows(live, "SELECT count(*), max(sequence) FROM record")
    query = "SELECT sequence, hash, commitment FROM record WHERE kind = 'erasure'"
    rows, whole = _rows(live, query)
    later = [row for row in rows if hashes.get(row[0]) != row[1]]
    whole = whole and any(number == last and last >= signed for number, last in ends)
    erased: set[int] = set()
    for sequence, _, commitment in later:
        body = _body(live, sequence)
        erased.update(_named(body))
        whole = whole and commit(body) == commitment
    if not whole:
        erased.update(_gone(live, max(hashes)))
    # On another branch he may be in records that this one does not have.
    apart = bool(later) and not _goes_on(live, hashes)
    return [s for s in sorted(erased) if _is_same(live, copied, s)], whole and not apart


def _rows(live: sqlite3.Connection, query: str, *values: Any) -> tuple[list[Any], bool]:
    """Return what is found, as far as a broken file can be read, and whether that is all."""
    rows: list[Any] = []
    try:
        for row in live.execute(query, values):
            rows.append(row)  # noqa: PERF402 - what was read before an error counts
    except sqlite3.Error:
        return rows, False
    return rows, True


def _one(live: sqlite3.Connection, query: str, *values: Any) -> Any:
    """Return the one value that is asked for, or None."""
    rows, _ = _rows(live, query, *values)
    return rows[0][0] if rows else None


def _body(connection: sqlite3.Connection, sequence: int) -> bytes:
    """Return a payload, or nothing if it is gone or cannot be read."""
    body = _one(connection, "SELECT body FROM payload WHERE sequence = ?", sequence)
    return body if isinstance(body, bytes) else b""


def _named(body: bytes) -> set[int]:
    """Return what an erasure names, or nothing if it cannot be read."""
    try:
        told = json.loads(decode_body(body, lambda _: b"").answer)
        return {s for s in told["erased"] if type(s) is int}
    except (ValueError, KeyError, TypeError, RecursionError):
        return set()


def _gone(live: sqlite3.Connection, last: int) -> set[int]:
    """Return the records about men whose payload is zeros or is gone."""
    query = (
        "SELECT sequence FROM record LEFT JOIN payload USING (sequence) "  # noqa: S608 - constants
        f"WHERE sequence <= ? AND kind IN ({', '.join('?' * len(ERASABLE))}) "
        "AND (body IS NULL OR body = zeroblob(length(body)))"
    )
    return {sequence for (sequence,) in _rows(live, query, last, *ERASABLE)[0]}


def _goes_on(live: sqlite3.Connection, hashes: dict[int, bytes]) -> bool:
    """Return whether a ledger is the backup and what followed it, and no other branch."""
    kept = max(hashes)
    return bool(_one(live, "SELECT hash FROM record WHERE sequence = ?", kept) == hashes[kept])


def _is_same(live: sqlite3.Connection, copied: sqlite3.Connection, sequence: int) -> bool:
    """Return whether a backup has that very record, and it can be erased."""
    if not 0 < sequence < 2**63:
        return False
    query = "SELECT id, kind FROM record WHERE sequence = ?"
    mine, its = (_rows(one, query, sequence)[0] for one in (live, copied))
    if not its or its[0][1] in ("key", "checkpoint", "erasure", "restore"):
        return False
    return not mine or bool(mine[0][0] == its[0][0])


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
        rows = connection.execute("SELECT sequence FROM record WHERE kind = 'erasure'").fetchall()
        again = sorted(set(erased).difference(*(_named(_body(connection, s)) for (s,) in rows)))
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
