"""An evidence pack: some records with all that is needed to verify them offline."""

from __future__ import annotations

import contextlib
import json
import math
import os
import sqlite3
import struct
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import pairwise
from pathlib import Path

from respredict.errors import (
    InputError,
    LedgerDamageError,
    NoRecordError,
    Problem,
    RespredictError,
)
from respredict.ledger.creation import checkpoint_now
from respredict.ledger.diagnosis import COLUMNS, UNENCODABLE
from respredict.ledger.keys import named_key
from respredict.ledger.payload import SALT, Payload, decode_body, is_erased
from respredict.ledger.record import encode_header
from respredict.ledger.store import read_only, unavailable

__all__ = ["Pack", "check_target", "write_pack"]

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
    keys : tuple of str
        Public keys, 64 hexadecimal digits each, that verify the whole together, in the order
        of the chain. There is more than one where a key was named that no former one signed;
        in the place of each will do one that it follows by such signatures.
    """

    file: Path
    sequences: tuple[int, ...]
    headers: int
    sealed: bool
    keys: tuple[str, ...]


def check_target(target: Path, where: str = "target") -> None:
    """Refuse a target that no archive could be written to; nothing is left there.

    Parameters
    ----------
    target : Path
        A file, which need not exist.
    where : str, default="target"
        How whoever asks calls it.

    Raises
    ------
    InputError
        If its folder is not there, it is no file, its name is too long, or it cannot be
        written.
    """
    try:
        if not target.parent.is_dir():
            raise InputError(Problem(where, "lie in a folder", str(target), "Make it first"))
        if target.exists():
            found = "" if target.is_file() else "no file"
        else:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            os.close(os.open(target, flags, 0o600))
            target.unlink()
            found = ""
    except OSError as error:
        raise _unwritable(target, error, where) from error
    if found:
        raise InputError(Problem(where, "be a file", f"{target}: {found}", "Name another"))


def _unwritable(target: Path, error: OSError, where: str = "target") -> InputError:
    found = f"{target}: {error.strerror or error}"
    return InputError(Problem(where, "be writable", found, "Name another file"))


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
        A ZIP archive, replaced in one step if it exists; :func:`check_target` tells before.
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
    InputError
        If the target cannot be written.
    LedgerError
        If the ledger cannot be read, or a checkpoint not written.
    LedgerDamageError
        If what is to be packed is not what ``format.md`` says.
    """
    wanted = tuple(sorted(set(sequences)))
    if not wanted:
        msg = "sequences must be at least one, got none. Name the records to pack."
        raise NoRecordError(msg)
    check_target(target)
    try:
        with contextlib.closing(read_only(home)) as connection:
            _check(connection, wanted)
            rotations = _rotations(_named_keys(connection))
            needed = (*wanted, *_erasures(connection, wanted).values(), *rotations)
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
    for sequence, answer in _answers(connection, "erasure") if gone else ():
        try:
            told = gone.intersection(json.loads(answer)["erased"])
        except (ValueError, KeyError, TypeError) as error:
            what = f"record {sequence}"
            raise _damage(what, "list what it erased", repr(error)) from error
        found.update(dict.fromkeys(told, sequence))
    return found


def _write(connection: sqlite3.Connection, wanted: tuple[int, ...], target: Path) -> Pack:
    erased, named = _erasures(connection, wanted), _named_keys(connection)
    rotations = _rotations(named)
    needed = {*wanted, *erased.values(), *rotations}
    ends = {s: _next_checkpoint(connection, s) for s in needed}
    last = connection.execute("SELECT max(sequence) FROM record").fetchone()[0]
    linking = sorted({s for w, end in ends.items() for s in range(w, (end or last) + 1)})
    manifest = {
        "pack": PACK_FORMAT,
        "sequences": wanted,
        "erased": sorted(erased.items()),
        "rotations": rotations,
    }
    with _replaced(target) as archive:
        _add_payloads(connection, archive, sorted({*ends} - {*erased}))
        headers = b"".join(_lp(_header(connection, s)) for s in linking)
        archive.writestr("headers.bin", headers)
        lines = [line + b"\n" for _, line in _answers(connection, "checkpoint")]
        archive.writestr("checkpoints.jsonl", b"".join(lines))
        archive.writestr("manifest.json", json.dumps(manifest, indent=1) + "\n")
        for name in _SHIPPED:
            archive.writestr(name, resources.files(__package__).joinpath(name).read_bytes())
    signed = [ends[s] or last for s in (*wanted, *erased.values())]
    return Pack(target, wanted, len(linking), all(ends.values()), _sufficient(named, signed))


@contextlib.contextmanager
def _replaced(target: Path) -> Iterator[zipfile.ZipFile]:
    """Yield an archive that takes its place when the block ends, and leaves nothing if it fails."""
    try:
        with tempfile.TemporaryDirectory(prefix=".pack-", dir=target.parent) as folder:
            part = Path(folder) / "pack.zip"
            part.touch(mode=0o600)  # it holds what they say
            with part.open("r+b") as stream:
                with zipfile.ZipFile(stream, "w", compression=zipfile.ZIP_DEFLATED) as archive:
                    yield archive
                stream.flush()
                os.fsync(stream.fileno())
            part.replace(target)
    except RespredictError:
        raise  # some are of the system's kind
    except OSError as error:
        raise _unwritable(target, error) from error


def _add_payloads(
    connection: sqlite3.Connection, archive: zipfile.ZipFile, sequences: Sequence[int]
) -> None:
    """Add payloads, and each text that they quote."""
    quoted: dict[bytes, int] = {}
    for sequence in sequences:
        body = _body(connection, sequence)
        if body is None:
            what, rule = f"the payload of record {sequence}", "be there unless an erasure names it"
            raise _damage(what, rule, "none")
        archive.writestr(f"payloads/{sequence}.bin", body)
        quoted.update(dict.fromkeys(_decoded(sequence, body).texts, sequence))
    for digest, sequence in sorted(quoted.items()):
        query = "SELECT content FROM text WHERE digest = ?"
        content = connection.execute(query, (digest,)).fetchone()
        if content is None:
            what = f"a text that record {sequence} quotes"
            raise _damage(what, "be in the ledger", "none")
        archive.writestr(f"texts/{digest.hex()}", content[0])


def _named_keys(connection: sqlite3.Connection) -> dict[int, tuple[bytes, bytes]]:
    """Return by its sequence each key of checkpoints, with the former one's signature."""
    answers = {s: named_key(answer) for s, answer in _answers(connection, "key")}
    return {s: (named[0], named[2]) for s, named in answers.items() if named}


def _rotations(named: Mapping[int, tuple[bytes, bytes]]) -> list[int]:
    """Return the records in which a former key names the next."""
    return [sequence for sequence, (_, signature) in named.items() if signature]


def _sufficient(named: Mapping[int, tuple[bytes, bytes]], signed: Sequence[int]) -> tuple[str, ...]:
    """Return the last key of each stretch of keys that sign one another, where it signed."""
    starts = [sequence for sequence, (_, signature) in named.items() if not signature]
    found = []
    for first, behind in pairwise([*starts, math.inf]):
        if any(first <= end < behind for end in signed):
            found.append([new for s, (new, _) in named.items() if first <= s < behind][-1].hex())
    return tuple(found)


def _answers(connection: sqlite3.Connection, kind: str) -> Iterator[tuple[int, bytes]]:
    """Yield what the records of a kind say; of one whose answers quote no text."""
    rows = connection.execute(
        "SELECT sequence, body FROM record LEFT JOIN payload USING (sequence) "
        "WHERE kind = ? ORDER BY sequence",
        (kind,),
    )
    for sequence, body in rows.fetchall():
        yield sequence, _decoded(sequence, body or b"").answer


def _decoded(sequence: int, body: bytes) -> Payload:
    try:
        return decode_body(body, lambda _: b"")
    except LedgerDamageError as error:
        msg = f"record {sequence}: {error}"
        raise LedgerDamageError(msg) from error


def _damage(what: str, rule: str, found: str) -> LedgerDamageError:
    return LedgerDamageError(f"{what} must {rule}, got {found}. Verify the ledger.")


def _lp(data: bytes) -> bytes:
    return _U32.pack(len(data)) + data


def _header(connection: sqlite3.Connection, sequence: int) -> bytes:
    query = f"SELECT {COLUMNS} FROM record WHERE sequence = ?"  # noqa: S608 - no value in it
    row = connection.execute(query, (sequence,)).fetchone()
    what = f"record {sequence}"
    if row is None:
        raise _damage(what, "be in the ledger", "none")
    try:
        return encode_header(*row[:9])
    except UNENCODABLE as error:
        what = f"the header of {what}"
        raise _damage(what, "follow format.md", str(error)) from error


def _body(connection: sqlite3.Connection, sequence: int) -> bytes | None:
    query = "SELECT body FROM payload WHERE sequence = ?"
    row = connection.execute(query, (sequence,)).fetchone()
    return None if row is None or is_erased(row[0][:SALT]) else bytes(row[0])
