"""The ledger that a restore leaves: what it holds beyond a backup, as far as it can be read.

It may be gone or damaged; whoever was erased in it since must not come back untold.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any, NamedTuple

from respredict.errors import LedgerConflictError, LedgerDamageError, LedgerError
from respredict.ledger.chain import head
from respredict.ledger.checkpoints import FILE, Checkpoint, outside, read_line
from respredict.ledger.erasure import ERASABLE
from respredict.ledger.payload import commit, decode_body
from respredict.ledger.store import ledger_file, read_only

__all__ = ["erased_by", "left_behind"]


class _Left(NamedTuple):
    """What can be read of the ledger that is left."""

    told: dict[str, Any]  # of it, in the record of the restore
    goes_on: str
    lost: bool
    first: bytes | None
    erased: list[int]


def left_behind(home: Path, target: Path, *, force: bool) -> tuple[dict[str, Any], list[int]]:
    """Return the head that is left and what was erased since; refuse to lose records.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``, with the ledger that is left, if it is there.
    target : Path
        The backup, which verifies.
    force : bool
        Whether records may be lost.

    Returns
    -------
    tuple of dict and list of int
        What the record of the restore says of it, and which records of the backup are to be
        erased again.

    Raises
    ------
    LedgerConflictError
        If records would be lost without force, or the backup is another ledger's.
    """
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


def erased_by(connection: sqlite3.Connection) -> set[int]:
    """Return what the erasures of a ledger name, as far as they can be read.

    Parameters
    ----------
    connection : sqlite3.Connection
        To it.

    Returns
    -------
    set of int
        Sequences.
    """
    rows, _ = _rows(connection, "SELECT sequence FROM record WHERE kind = 'erasure'")
    return set().union(*(_named(_body(connection, sequence)) for (sequence,) in rows))


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
