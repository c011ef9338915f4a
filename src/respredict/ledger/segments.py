"""Reading a long chain with every processor: each reads a part, one reads what ties them.

It only ever says that all holds. Whatever does not is read again, in order, by one.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from respredict.errors import LedgerError
from respredict.ledger.diagnosis import UNENCODABLE
from respredict.ledger.store import ledger_file, read_only
from respredict.ledger.trust import Trust
from respredict.ledger.walk import Walk

__all__ = ["walk_in_parts"]

#: A part shorter than this is read sooner than a process starts.
LEAST = 20_000
#: The same where it is not to be read here.
LEAST_APART = 1_000
_HELD, _AT, _QUOTES = "holds", "at", "quotes"
_NICE = 10


def walk_in_parts(
    home: Path,
    connection: sqlite3.Connection,
    given: bytes | None,
    *,
    apart: bool = False,
    tell: Callable[[int], None] = lambda _: None,
) -> Walk | None:
    """Read a long chain with several processes.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``, or a backup.
    connection : sqlite3.Connection
        In a transaction.
    given : bytes or None
        Raw public key from outside.
    apart : bool, default=False
        Leave it to one process of low priority, so that this one can go on serving.
    tell : callable, default: silent
        Told now and then how many records are read.

    Returns
    -------
    Walk or None
        Having read the whole and found it good; None if it was not, or was too short.
    """
    last = connection.execute("SELECT max(sequence) FROM record").fetchone()[0] or 0
    parts = min(_processors(), last // LEAST)
    if not sys.executable or (last < LEAST_APART if apart else parts < 2):
        return None
    ends = [1, last] if apart else [last * part // parts for part in range(1, parts + 1)]
    query = "SELECT hash FROM record WHERE sequence = ?"
    hashes = [row and row[0] for row in (connection.execute(query, (e,)).fetchone() for e in ends)]
    if not all(isinstance(digest, bytes) for digest in hashes):
        return None
    file = str(ledger_file(home))
    with contextlib.ExitStack() as stack:
        running = [
            (stack.enter_context(_start(file, first + 1, last, before, apart)), digest)
            for (first, last), (before, digest) in zip(
                pairwise(ends), pairwise(hashes), strict=True
            )
        ]

        def others() -> bool:
            return walk.head == hashes[0] and all(
                _listen(process, tell, walk.take_quoted) == [_HELD, digest.hex()]
                for process, digest in running
            )

        walk, holds = Walk(Trust(given), tell), False
        try:
            with contextlib.suppress(sqlite3.DatabaseError, *UNENCODABLE):
                holds = walk.run_with(connection, ends[0], last, others)
        finally:
            for process, _ in running:
                process.kill()  # has ended by itself, unless something did not hold
    return walk if holds else None


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _listen(
    process: subprocess.Popen[str], tell: Callable[[int], None], take: Callable[[bytes], None]
) -> list[str]:
    """Return the last words of a process; how far it came and what it met quoted is passed on."""
    said: list[str] = []
    for line in process.stdout or ():
        said = line.split()
        if said[0] == _AT:
            tell(int(said[1]))
        elif said[0] == _QUOTES:
            take(bytes.fromhex(said[1]))
    return said


def _start(
    file: str, first: int, last: int, previous: bytes, apart: bool  # noqa: FBT001
) -> subprocess.Popen[str]:  # fmt: skip
    told = [file, str(first), str(last), previous.hex(), str(_NICE if apart else 0)]
    return subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-m", "respredict.ledger.segments", *told],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip


def main(told: list[str]) -> None:
    """Read one part, and print what it quotes, whether it holds and with which hash it ends."""
    file, first, last, previous, nice = told
    os.nice(int(nice))
    walk = Walk(None, lambda at: print(_AT, at, flush=True))
    with contextlib.suppress(LedgerError, sqlite3.Error, ValueError):
        with contextlib.closing(read_only(Path(file))) as connection:
            connection.execute("BEGIN")
            good = walk.run_segment(connection, int(first), int(last), bytes.fromhex(previous))
        for digest in walk.quoted:
            print(_QUOTES, digest.hex())
        print(_HELD if good else "does not hold", walk.head.hex())


if __name__ == "__main__":
    main(sys.argv[1:])
