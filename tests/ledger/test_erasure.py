"""Erasing: the man's bytes are in no file, the chain stays, and readers hold it up openly."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
import time

import pytest

from respredict.errors import LedgerConflictError, NoRecordError
from respredict.ledger.creation import checkpoint_now
from respredict.ledger.entry import Entry, Idempotency
from respredict.ledger.erasure import erase, is_pending, sweep
from respredict.ledger.reading import Filter, Reader
from respredict.ledger.store import read_only
from respredict.ledger.verify import verify
from respredict.ledger.writer import open_ledger
from tests.ledger.conftest import decision

#: In a process of its own: reading a database's bytes beside SQLite drops its locks.
SEARCH = """
import pathlib, sys
data = b"".join(f.read_bytes() for f in pathlib.Path(sys.argv[1]).rglob("*") if f.is_file())
print(sum(data.count(needle.encode()) for needle in sys.argv[2:]))
"""


def occurrences(home, *needles: str) -> int:
    told = subprocess.run(
        [sys.executable, "-c", SEARCH, str(home), *needles],
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    return int(told.stdout)


def test_an_erased_man_is_in_no_file_and_the_chain_holds(home):
    """With his notes, his outcome and what was read of him; the others stay."""
    with open_ledger(home) as ledger:
        for n in range(1, 40):
            ledger.append(decision(n), Idempotency(f"key-{n}", b"body of man-%04d" % n))
        about = {"about": 8, "actor": "ops"}
        ledger.append(Entry(kind="outcome", answer=b"man-0007 improved", **about))
        ledger.append(Entry(kind="amendment", answer=b"man-0007 called", **about))
        read = Entry(kind="read", request=b"?pseudonym=man-0007", pseudonym="man-0007", actor="a")
        ledger.append(read)
        checkpoint_now(home)
        assert occurrences(home, "man-0007") > 5
        done = erase(home, pseudonym="man-0007", actor="ops", reason="asked for")
        assert done.sequences == (8, 41, 42, 43)
        assert not done.pending
        assert occurrences(home, "man-0007") == 0
        assert occurrences(home, "man-0008") > 0
        ledger.append(decision(50))
    verdict = verify(home, public_key=home / "checkpoint.pub")
    assert verdict.ok, verdict
    assert verdict.erased == 4
    with Reader(home) as reader:
        gone = reader.get(8)
        assert (gone.erased, gone.payload, gone.pseudonym, gone.risk) == (True, None, "", None)
        assert reader.find(Filter(pseudonym="man-0007")).records == ()
        assert reader.lookup_idempotent("key-7", b"body of man-0007", actor="key-1") is None
        record = reader.get(done.receipt.id)
        assert record.payload.answer == b'{"erased": [8, 41, 42, 43], "reason": "asked for"}'
        assert record.kind == "erasure"


def test_half_of_many_men_leave_nothing_behind(home):
    """Pages and indexes that SQLite rearranged hold no stale copy of any of them."""
    draw = random.Random(1)
    names = [f"subject-{draw.getrandbits(64):016x}" for _ in range(600)]
    with open_ledger(home) as ledger:
        for start in range(0, 600, 20):
            ledger.append_many(
                [
                    decision(n, pseudonym=name, answer=name.encode() + bytes(draw.randrange(9000)))
                    for n, name in enumerate(names[start : start + 20], start)
                ]
            )
    gone = draw.sample(names, 60)
    for name in gone:
        assert not erase(home, pseudonym=name, actor="ops", reason="asked for").pending
    assert occurrences(home, *gone) == 0
    assert verify(home).ok
    with Reader(home) as reader:
        kept = sorted(set(names) - set(gone))
        assert all(reader.find(Filter(pseudonym=name)).records for name in kept)


def test_an_erasure_is_pending_while_somebody_reads(home, monkeypatch):
    """The log keeps what an open reader may ask for; it goes when he ends, and that is said."""
    monkeypatch.setattr("respredict.ledger.erasure.READERS_WAIT", 0.05)
    with open_ledger(home) as ledger:
        ledger.append(decision(1))
    with contextlib.closing(read_only(home)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM record").fetchall()
        done = erase(home, pseudonym="man-0001", actor="ops", reason="asked for")
        assert done.pending
        assert is_pending(home)
        assert occurrences(home, "man-0001") > 0
        assert not sweep(home)
        assert verify(home).ok
    assert sweep(home)
    assert not is_pending(home)
    assert occurrences(home, "man-0001") == 0


def test_a_running_writer_finishes_what_was_pending(home, monkeypatch):
    """Nobody needs to remember it."""
    monkeypatch.setattr("respredict.ledger.erasure.READERS_WAIT", 0.05)
    with open_ledger(home) as ledger:
        ledger.append(decision(1))
        with contextlib.closing(read_only(home)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM record").fetchall()
            assert erase(home, pseudonym="man-0001", actor="o", reason="r").pending
            ledger.tend(closing=False)
            assert is_pending(home)
        ledger.tend(closing=False)
        assert not is_pending(home)
    assert occurrences(home, "man-0001") == 0


def test_one_decision_can_be_erased_and_twice_is_once(home):
    """The second time there is nothing left, and nothing is recorded."""
    with open_ledger(home) as ledger:
        name = ledger.append(decision(1)).id
        ledger.append(decision(1))
    done = erase(home, decision=name, actor="ops", reason="asked for")
    assert done.sequences == (2,)
    again = erase(home, decision=name, actor="ops", reason="asked for")
    assert (again.sequences, again.receipt, again.pending) == ((), None, False)
    with Reader(home) as reader:
        assert [r.sequence for r in reader.find(Filter(pseudonym="man-0001")).records] == [3]


def test_who_is_not_there_cannot_be_erased(home):
    """A pseudonym is not repeated in the message, which may be logged."""
    with pytest.raises(NoRecordError, match="got none with this pseudonym"):
        erase(home, pseudonym="man-0001", actor="ops", reason="asked for")
    with pytest.raises(ValueError, match="a pseudonym or a decision must be given"):
        erase(home, actor="ops", reason="asked for")
    with Reader(home) as reader:
        key = reader.get(1).id
    with pytest.raises(ValueError, match="decision or outcome or amendment or read can be erased"):
        erase(home, decision=key, actor="ops", reason="asked for")


def test_a_pending_erasure_holds_nobody_up(home):
    """The writer looks at once whether readers are gone, and does not wait with the lock held."""
    with open_ledger(home) as ledger:
        ledger.append(decision(1))
        with contextlib.closing(read_only(home)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM record").fetchall()
            assert erase(home, pseudonym="man-0001", actor="o", reason="r").pending
            began = time.monotonic()
            ledger.tend(closing=False)
            assert time.monotonic() - began < 1  # SQLite would wait for 2 s
            assert is_pending(home)
            assert ledger.append(decision(2)).sequence == 4
            assert ledger._connection.execute("PRAGMA busy_timeout").fetchone() == (2000,)


def test_an_erasure_has_a_reason(home):
    """It stays in the chain when all else is gone."""
    with pytest.raises(LedgerConflictError, match="an erasure must have a reason, got none"):
        erase(home, pseudonym="man-0001", actor="o", reason=" ")
