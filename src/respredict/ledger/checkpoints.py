"""Checkpoints: the head of the chain signed, in the chain, beside it and elsewhere.

Whoever can write the file can rewrite the chain; only a checkpoint that was carried
elsewhere, and a key that is not on this machine, can show it.
"""

from __future__ import annotations

import json
import logging
import operator
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from respredict.errors import LedgerDamageError
from respredict.ledger.chain import Appending, seal
from respredict.ledger.entry import Entry, Receipt
from respredict.ledger.keys import (
    key_in_force,
    private_key,
    public_bytes,
    signed_checkpoint,
)
from respredict.ledger.payload import decode_body
from respredict.ledger.record import as_time
from respredict.ledger.repeating import now

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = ["Checkpoint", "add_checkpoint", "is_due", "outside", "publish", "read_line"]

RECORDS = 1_000
SECONDS = 600
ACTOR = "ledger"
FILE = "checkpoints.jsonl"

_LOG = logging.getLogger("respredict.ledger")
_FIELDS = {
    "checkpoint": int, "ledger": str, "sequence": int, "hash": str, "time": str, "key": str,
    "signature": str,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed statement of what the chain was.

    Parameters
    ----------
    ledger : bytes
        Hash of the first record, which names the ledger.
    sequence : int
        Last record vouched for.
    hash : bytes
        Its hash.
    time : str
        When it was signed, ISO 8601 in UTC.
    key : bytes
        Raw public key, 32 bytes.
    signature : bytes
        Ed25519, 64 bytes.
    """

    ledger: bytes
    sequence: int
    hash: bytes
    time: str
    key: bytes
    signature: bytes

    @property
    def signed(self) -> bytes:
        """The bytes that the signature is over."""
        return signed_checkpoint(self.ledger, self.sequence, self.hash, self.time, self.key)

    def line(self) -> bytes:
        """Return the checkpoint as one line of JSON, without its newline."""
        told = {
            "checkpoint": 1,
            "ledger": self.ledger.hex(),
            "sequence": self.sequence,
            "hash": self.hash.hex(),
            "time": self.time,
            "key": self.key.hex(),
            "signature": self.signature.hex(),
        }
        return json.dumps(told, separators=(",", ":")).encode()


def read_line(line: bytes) -> Checkpoint:
    """Return the checkpoint that a line of JSON holds; its signature is not checked here.

    Parameters
    ----------
    line : bytes
        Of ``checkpoints.jsonl``, or the answer of a checkpoint record.

    Returns
    -------
    Checkpoint
        As written.

    Raises
    ------
    LedgerDamageError
        If it is not one.
    """
    try:
        told = json.loads(line)
        wrong = [field for field, kind in _FIELDS.items() if type(told[field]) is not kind]
        told.update(dict.fromkeys(wrong))  # which no reader below takes
        told["time"].encode()
        return Checkpoint(
            ledger=bytes.fromhex(told["ledger"]),
            sequence=_a_record(operator.index(told["sequence"])),
            hash=bytes.fromhex(told["hash"]),
            time=told["time"],
            key=bytes.fromhex(told["key"]),
            signature=bytes.fromhex(told["signature"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        msg = f"a checkpoint must be one line of JSON as in format.md, got {error}. Use a copy."
        raise LedgerDamageError(msg) from error


def _a_record(sequence: int) -> int:
    """Return a sequence that a record can have: SQLite counts to here."""
    if not 0 < sequence < 2**63:
        msg = "a sequence that no record has"
        raise ValueError(msg)
    return sequence


def is_due(last: tuple[int, int], sequence: int, moment: int) -> bool:
    """Return whether 1,000 records, or 10 minutes with news, went by since the last one.

    Parameters
    ----------
    last : tuple of int and int
        Sequence and moment of the last checkpoint.
    sequence : int
        Of the last record, flushed or not.
    moment : int
        Microseconds since 1970.

    Returns
    -------
    bool
        Whether a checkpoint should follow.
    """
    news = sequence - last[0]
    return news >= RECORDS or (news > 0 and moment - last[1] >= SECONDS * 1_000_000)


def has_news(connection: sqlite3.Connection) -> bool:
    """Return whether the last record is anything but a checkpoint."""
    last = connection.execute("SELECT max(sequence) FROM record").fetchone()[0] or 0
    return bool(last > last_signed(connection)[0])


def last_signed(connection: sqlite3.Connection) -> tuple[int, int]:
    """Return sequence and moment of the last checkpoint; without one, the beginning."""
    found = connection.execute(
        "SELECT sequence, moment FROM record WHERE kind = 'checkpoint' "
        "ORDER BY sequence DESC LIMIT 1"
    ).fetchone()
    if found is None:
        first = connection.execute("SELECT moment FROM record WHERE sequence = 1").fetchone()
        return 0, first[0] if first else 0
    return int(found[0]), int(found[1])


def add_checkpoint(home: Path, appending: Appending, actor: str = ACTOR) -> Receipt:
    """Sign the head of the chain and link the checkpoint behind it.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``, where the key is.
    appending : Appending
        With at least one record.
    actor : str, default="ledger"
        Who asked for it.

    Returns
    -------
    Receipt
        Of the checkpoint record.

    Raises
    ------
    LedgerDamageError
        If the key of the home is not the one that the chain names.
    LedgerError
        If the key cannot be read.
    """
    appending.flush()
    connection = appending.connection
    key = private_key(home, key_in_force(connection))
    ledger = connection.execute("SELECT hash FROM record WHERE sequence = 1").fetchone()[0]
    line = _sign(key, ledger, appending.sequence, appending.hash).line()
    connection.execute("DELETE FROM idempotency WHERE expires <= ?", (now(),))
    return appending.add(seal(Entry(kind="checkpoint", actor=actor, answer=line)))


def _sign(key: Ed25519PrivateKey, ledger: bytes, sequence: int, digest: bytes) -> Checkpoint:
    when = as_time(now()).isoformat(timespec="microseconds").replace("+00:00", "Z")
    public = public_bytes(key)
    signature = key.sign(signed_checkpoint(ledger, sequence, digest, when, public))
    return Checkpoint(ledger, sequence, digest, when, public, signature)


def outside() -> Path | None:
    """Return the folder elsewhere that checkpoints are also written to, if one is set.

    Returns
    -------
    Path or None
        ``RESPREDICT_CHECKPOINT_DIR``; one folder for one ledger.
    """
    folder = os.environ.get("RESPREDICT_CHECKPOINT_DIR")
    return Path(folder) if folder else None


def publish(home: Path, connection: sqlite3.Connection) -> str | None:
    """Append to the files beside and elsewhere every checkpoint they lack, synced.

    A file that cannot be written does not stop the service; the next checkpoint brings
    what is missing.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``, its lock held.
    connection : sqlite3.Connection
        To the ledger, outside a transaction.

    Returns
    -------
    str or None
        What went wrong, for the health of the service.
    """
    problem = None
    for folder in filter(None, (home, outside())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _bring(folder, connection)
            if folder != home and not (folder / "checkpoint.pub").exists():
                (folder / "checkpoint.pub").write_bytes((home / "checkpoint.pub").read_bytes())
        except (OSError, LedgerDamageError) as error:
            problem = f"checkpoints must reach {folder}, got this: {error} No record is lost."
            _LOG.warning("%s", problem)
    return problem


def _bring(folder: Path, connection: sqlite3.Connection) -> None:
    file = folder / FILE
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        written = _whole_lines(handle)
        named = connection.execute("SELECT hash FROM record WHERE sequence = 1").fetchone()[0]
        if written and read_line(written[-1]).ledger != named:
            msg = f"{file.name} must be of this ledger, got another's. Name an empty folder."
            raise LedgerDamageError(msg)
        after = read_line(written[-1]).sequence + 1 if written else 0
        if written and written[-1] not in recorded_lines(connection, after - 1):
            # The chain was restored from a backup: what follows it is new to this file.
            known, after = set(_whole_lines(handle, every=True)), 0
        else:
            known = set()
        lines = [line + b"\n" for line in recorded_lines(connection, after) if line not in known]
        if lines:
            os.write(handle, b"".join(lines))
            os.fsync(handle)
    finally:
        os.close(handle)


def _whole_lines(handle: int, *, every: bool = False) -> list[bytes]:
    """Return the last lines, or every one, once half a line that a crash left is cut off."""
    size = os.fstat(handle).st_size
    start = 0 if every else max(0, size - 4096)
    tail = os.pread(handle, size - start, start)
    whole = tail.rfind(b"\n") + 1
    if whole < len(tail):
        os.ftruncate(handle, start + whole)
    return tail[:whole].splitlines()


def recorded_lines(connection: sqlite3.Connection, after: int = 0) -> list[bytes]:
    """Return the line of each checkpoint record behind a sequence, in order."""
    rows = connection.execute(
        "SELECT body FROM record JOIN payload USING (sequence) "
        "WHERE kind = 'checkpoint' AND sequence > ? ORDER BY sequence",
        (after,),
    )
    return [decode_body(body, lambda _: b"").answer for (body,) in rows.fetchall()]
