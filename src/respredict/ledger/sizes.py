"""What the ledger takes on disk, and what it will."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from respredict.ledger.store import ledger_file, read_only, unavailable

__all__ = ["Size", "size"]


@dataclass(frozen=True, slots=True)
class Size:
    """What the ledger takes on disk; nothing in it is ever deleted but by an erasure.

    Parameters
    ----------
    records : int
        Records of every kind.
    bytes : int
        Of the database and its log.
    bytes_per_record : float
        Their quotient, indexes and static texts included.
    texts : int
        Static texts, each stored once.
    text_bytes : int
        What they take.
    checkpoint_bytes : int
        Of ``checkpoints.jsonl``.
    """

    records: int
    bytes: int
    bytes_per_record: float
    texts: int
    text_bytes: int
    checkpoint_bytes: int


def size(home: Path) -> Size:
    """Measure the ledger of a home.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.

    Returns
    -------
    Size
        In bytes; about 4 kB a decision is usual.

    Raises
    ------
    LedgerError
        If it cannot be read.
    """
    try:
        with contextlib.closing(read_only(home)) as connection:
            records = connection.execute("SELECT max(sequence) FROM record").fetchone()[0] or 0
            texts, text_bytes = connection.execute(
                "SELECT count(*), coalesce(sum(length(content)), 0) FROM text"
            ).fetchone()
            file = ledger_file(home)
            taken = sum(_bytes(file.with_name(file.name + suffix)) for suffix in ("", "-wal"))
    except sqlite3.Error as error:
        raise unavailable(error) from error
    return Size(
        records=records,
        bytes=taken,
        bytes_per_record=taken / max(records, 1),
        texts=texts,
        text_bytes=text_bytes,
        checkpoint_bytes=_bytes(home / "checkpoints.jsonl"),
    )


def _bytes(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
