"""An evidence pack: some records with all that is needed to verify them offline."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import struct
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from respredict.errors import NoRecordError
from respredict.ledger.checkpoints import recorded_lines
from respredict.ledger.creation import checkpoint_now
from respredict.ledger.diagnosis import COLUMNS
from respredict.ledger.keys import named_key
from respredict.ledger.payload import SALT, decode_body, is_erased, split_body
from respredict.ledger.record import encode_header
from respredict.ledger.store import read_only, unavailable

__all__ = ["Pack", "write_pack"]

PACK_FORMAT = 1
_SHIPPED = ("format.md", "verify_pack.py")
_U32 = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Pack:
    """What was packed.

    Parameters
    ----------
    file : Path
        The archive.
    sequences : tuple of int
        The records asked for.
    headers : int
        How many headers link them to signed checkpoints.
    sealed : bool
        Whether a checkpoint follows every one of them.
    """

    file: Path
    sequences: tuple[int, ...]
    headers: int
    sealed: bool


def write_pack(
    home: Path, sequences: Iterable[int], target: Path, *, seal: bool = True, actor: str = "ledger"
) -> Pack:
    """Write some records as an archive that verifies by itself.

    It holds what those men's records say: guard it, and erase it when they are erased.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    sequences : iterable of int
        Which records.
    target : Path
        A ZIP archive, replaced if it exists.
    seal : bool, default=True
        Whether to sign the chain first if no checkpoint follows the last of them.
    actor : str, default="ledger"
        Who asked for it.

    Returns
    -------
    Pack
        What was packed.

    Raises
    ------
    NoRecordError
        If one of them is not in the ledger.
    LedgerError
        If the ledger cannot be read, or a checkpoint not written.
    """
    wanted = tuple(sorted(set(sequences)))
    if not wanted:
        msg = "sequences must be at least one, got none. Name the records to pack."
        raise NoRecordError(msg)
    try:
        with contextlib.closing(read_only(home)) as connection:
            _check(connection, wanted)
            needed = (*wanted, *_erasures(connection, wanted).values(), *_rotations(connection))
            covered = _next_checkpoint(connection, max(needed)) is not None
        if seal and not covered:
            checkpoint_now(home, actor=actor)
        with contextlib.closing(read_only(home)) as connection:
            connection.execute("BEGIN")
            return _write(connection, wanted, target)
    except sqlite3.Error as error:
        raise unavailable(error) from error


def _check(connection: sqlite3.Connection, wanted: Sequence[int]) -> None:
    last = connection.execute("SELECT max(sequence) FROM record").fetchone()[0] or 0
    if wanted[0] < 1 or wanted[-1] > last:
        odd = wanted[0] if wanted[0] < 1 else wanted[-1]
        msg = f"sequences must be 1 to {last}, got {odd}. `respredict audit list` lists them."
        raise NoRecordError(msg)


def _next_checkpoint(connection: sqlite3.Connection, sequence: int) -> int | None:
    """Return the first checkpoint record behind a sequence, or at it."""
    found = connection.execute(
        "SELECT min(sequence) FROM record WHERE kind = 'checkpoint' AND sequence > ?", (sequence,)
    ).fetchone()
    return None if found[0] is None else int(found[0])


def _erasures(connection: sqlite3.Connection, wanted: Sequence[int]) -> dict[int, int]:
    """Return which record erased each of those that are gone."""
    gone = {s for s in wanted if _body(connection, s) is None}
    found: dict[int, int] = {}
    if gone:
        rows = connection.execute(
            "SELECT sequence, body FROM record JOIN payload USING (sequence) "
            "WHERE kind = 'erasure' ORDER BY sequence"
        )
        for sequence, body in rows.fetchall():
            told = json.loads(decode_body(body, lambda _: b"").answer)["erased"]
            found.update(dict.fromkeys(gone.intersection(told), sequence))
    return found


def _write(connection: sqlite3.Connection, wanted: tuple[int, ...], target: Path) -> Pack:
    erased = _erasures(connection, wanted)
    rotations = _rotations(connection)
    needed = {*wanted, *erased.values(), *rotations}
    ends = {s: _next_checkpoint(connection, s) for s in needed}
    last = connection.execute("SELECT max(sequence) FROM record").fetchone()[0]
    linking = sorted({s for w, end in ends.items() for s in range(w, (end or last) + 1)})
    headers = b"".join(_lp(_header(connection, s)) for s in linking)
    manifest = {
        "pack": PACK_FORMAT,
        "sequences": wanted,
        "erased": sorted(erased.items()),
        "rotations": rotations,
    }
    texts: set[bytes] = set()
    target.touch(mode=0o600)  # it holds what they say
    with zipfile.ZipFile(target, "w", compression=zipfile.ZIP_DEFLATED) as archive:
        for sequence in sorted({*ends} - {*erased}):
            body = _body(connection, sequence) or b""
            archive.writestr(f"payloads/{sequence}.bin", body)
            quoted = split_body(body)[0]
            texts.update(quoted[i : i + 32] for i in range(0, len(quoted), 32))
        for digest in sorted(texts):
            content = connection.execute("SELECT content FROM text WHERE digest = ?", (digest,))
            archive.writestr(f"texts/{digest.hex()}", content.fetchone()[0])
        archive.writestr("headers.bin", headers)
        lines = [line + b"\n" for line in recorded_lines(connection)]
        archive.writestr("checkpoints.jsonl", b"".join(lines))
        archive.writestr("manifest.json", json.dumps(manifest, indent=1) + "\n")
        for name in _SHIPPED:
            archive.writestr(name, resources.files(__package__).joinpath(name).read_bytes())
    return Pack(target, wanted, len(linking), all(ends.values()))


def _rotations(connection: sqlite3.Connection) -> list[int]:
    """Return the records in which a former key names the next."""
    rows = connection.execute(
        "SELECT sequence, body FROM record JOIN payload USING (sequence) "
        "WHERE kind = 'key' AND sequence > 1 ORDER BY sequence"
    )
    told = {s: named_key(decode_body(body, lambda _: b"").answer) for s, body in rows.fetchall()}
    return [sequence for sequence, named in told.items() if named and named[2]]


def _lp(data: bytes) -> bytes:
    return _U32.pack(len(data)) + data


def _header(connection: sqlite3.Connection, sequence: int) -> bytes:
    query = f"SELECT {COLUMNS} FROM record WHERE sequence = ?"  # noqa: S608 - no value in it
    return encode_header(*connection.execute(query, (sequence,)).fetchone()[:9])


def _body(connection: sqlite3.Connection, sequence: int) -> bytes | None:
    query = "SELECT body FROM payload WHERE sequence = ?"
    row = connection.execute(query, (sequence,)).fetchone()
    return None if row is None or is_erased(row[0][:SALT]) else bytes(row[0])
