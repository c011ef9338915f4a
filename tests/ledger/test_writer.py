"""The writer: durable before it answers, whole or not at all, and back by itself."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import pickle
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from respredict.errors import LedgerConflictError, LedgerError
from respredict.ledger import store
from respredict.ledger.backup import backup, restore
from respredict.ledger.chain import seal, seal_all
from respredict.ledger.creation import create_ledger, writing
from respredict.ledger.entry import Entry, Idempotency
from respredict.ledger.reading import Reader
from respredict.ledger.record import new_id
from respredict.ledger.store import connect, read_only
from respredict.ledger.verify import verify
from respredict.ledger.writer import open_ledger
from tests.conftest import ROOT
from tests.ledger.conftest import decision

#: A process of its own that appends, and prints each receipt once it has it.
APPENDER = """
import sys
from pathlib import Path
from respredict.ledger.entry import Entry
from respredict.ledger.writer import open_ledger
with open_ledger(Path(sys.argv[1])) as ledger:
    for n in range(int(sys.argv[2])):
        entry = Entry(kind="decision", actor="key-1", answer=b"x" * 3000, pseudonym=f"man-{n}")
        receipt = ledger.append(entry)
        print(receipt.sequence, receipt.hash, flush=True)
"""


def appender(home, records: int) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", APPENDER, str(home), str(records)],
        stdout=subprocess.PIPE, cwd=ROOT, text=True,
    )  # fmt: skip


def recorded(home) -> int:
    with Reader(home) as reader:
        return reader.head()[0]


def test_a_receipt_names_the_record_and_its_commit(home):
    """Sequence, id and hash are those of the chain; every append is a commit of its own."""
    name = new_id()
    with open_ledger(home) as ledger:
        receipts = [ledger.append(decision(1, id=name)), ledger.append(decision(2))]
        assert [r.commit for r in receipts] == [1, 2]
        assert ledger.commits == 2
    assert [r.sequence for r in receipts] == [2, 3]
    with Reader(home) as reader:
        record = reader.get(name)
    assert (record.sequence, record.hash.hex()) == (2, receipts[0].hash)
    assert record.moment == receipts[0].moment
    assert record.payload.answer.startswith(b'{"status":"scored","n":1,"monitoring"')


def test_entries_handed_over_together_are_one_commit(home):
    """A batch is recorded in order, whole, in one commit."""
    with open_ledger(home) as ledger:
        receipts = ledger.append_many([decision(n) for n in range(50)])
        assert [r.sequence for r in receipts] == list(range(2, 52))
        assert {r.commit for r in receipts} == {1}


def test_every_connection_syncs_every_commit(home):
    """Writers, readers and what is opened for one command report ``synchronous=2``."""
    with open_ledger(home) as ledger, writing(home) as appending:
        opened = [connect(home), read_only(home)]
        for connection in (*opened, appending.connection):
            assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        for connection in opened:
            connection.close()
    with open_ledger(home) as ledger:
        ledger.append(decision(1))
        written = ledger._connection
        assert written.execute("PRAGMA synchronous").fetchone() == (2,)
        assert written.execute("PRAGMA secure_delete").fetchone() == (1,)
        assert written.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_four_processes_give_one_gapless_chain(home):
    """The lock orders processes that know nothing of each other."""
    processes = [appender(home, 60) for _ in range(4)]
    told = [line.split() for p in processes for line in p.communicate()[0].splitlines()]
    assert len({sequence for sequence, _ in told}) == 240
    verdict = verify(home)
    assert verdict.ok, verdict
    assert verdict.records >= 241


def test_a_killed_process_loses_nothing_it_was_told(home):
    """Five times at a random moment: each receipt's record is there, and the chain holds."""
    draw = random.Random(4)
    told = {}
    for _ in range(5):
        process = appender(home, 100_000)
        lines = [process.stdout.readline() for _ in range(5)]
        time.sleep(draw.uniform(0.005, 0.1))
        process.send_signal(signal.SIGKILL)
        lines += process.communicate()[0].splitlines(keepends=True)
        told.update(line.split() for line in lines if line.endswith("\n"))
    verdict = verify(home)
    assert verdict.ok, verdict
    assert len(told) >= 25
    with Reader(home) as reader:
        for sequence, digest in told.items():
            assert reader.get(int(sequence)).hash.hex() == digest


@contextlib.contextmanager
def full(ledger, home):
    before, ledger.max_bytes = ledger.max_bytes, (home / "ledger.db").stat().st_size
    yield
    ledger.max_bytes = before


@contextlib.contextmanager
def closed_to_writing(ledger, home):
    (home / "ledger.db").chmod(0o444)
    yield
    (home / "ledger.db").chmod(0o644)


@contextlib.contextmanager
def locked_by_sqlite(ledger, home):
    with contextlib.closing(sqlite3.connect(home / "ledger.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@contextlib.contextmanager
def locked_by_a_process(ledger, home):
    with (home / "ledger.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def moved_away(ledger, home):
    (home / "ledger.db").rename(home / "elsewhere.db")
    yield
    (home / "elsewhere.db").rename(home / "ledger.db")


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (full, "full"),
        (closed_to_writing, "read-only"),
        (locked_by_sqlite, "locked"),
        (locked_by_a_process, "locked"),
        (moved_away, "missing"),
    ],
)
def test_what_cannot_be_written_is_refused_with_a_reason_and_resumes(
    home, cause, reason, monkeypatch
):
    """Whoever asks is told why; nothing is half-written; it goes on by itself."""
    monkeypatch.setattr(store, "WAIT_SECONDS", 0.2)
    with open_ledger(home) as ledger:
        ledger.append(decision(1))
        with cause(ledger, home):
            men = [decision(n, answer=b"x" * 90_000) for n in range(20)]
            with pytest.raises(
                LedgerError, match=f"the ledger must be .*, got {reason}: "
            ) as error:
                ledger.append_many(men)
            assert error.value.reason == reason
        assert recorded(home) == 2
        assert ledger.append(decision(2)).sequence == 3
    assert verify(home).ok


@pytest.fixture
def unprivileged():
    """Work as nobody in a folder of its own: root may write anything."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become somebody else")
    folder = Path(tempfile.mkdtemp(prefix="ledger-"))
    folder.chmod(0o755)
    yield folder
    os.seteuid(0)
    shutil.rmtree(folder)


def test_a_file_of_somebody_else_is_read_only(unprivileged):
    """A ledger that this user may not write is refused as read-only, and can be verified."""
    home = unprivileged / "home"
    create_ledger(home)
    (home / "ledger.db").chmod(0o644)
    home.chmod(0o755)
    os.seteuid(65534)
    with (
        open_ledger(home) as ledger,
        pytest.raises(LedgerError, match=r"got read-only: ledger.db is closed to this user"),
    ):
        ledger.append(decision(1))
    assert verify(home).ok


def test_a_home_that_is_closed_to_this_user_says_so(unprivileged):
    """Whether a ledger is in it cannot be known: it is not called missing."""
    home = unprivileged / "home"
    create_ledger(home)
    os.seteuid(65534)
    with pytest.raises(LedgerError, match="Permission denied") as error:
        open_ledger(home)
    assert error.value.reason != "missing"


def test_a_refusal_travels_between_processes_with_its_reason():
    """Pickled and read back, it is the same error, and one of the system's kind."""
    error = store.unavailable(OSError(errno.ENOSPC, "No space left on device"))
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, OSError)
    assert (again.reason, str(again)) == ("full", str(error))
    assert store.unavailable(error) is error
    assert store.unavailable(ValueError("odd")).reason == "failed"


def test_no_ledger_is_made_by_opening_one(tmp_path):
    """It is made once, before workers start."""
    with pytest.raises(
        LedgerError, match=r"the ledger must be there, got missing: no .*Score a man"
    ):
        open_ledger(tmp_path)
    assert not list(tmp_path.iterdir())


def test_making_a_ledger_twice_keeps_the_first(home):
    """The second time says that it was there."""
    before = (home / "checkpoint.key").read_bytes()
    assert (home / "checkpoint.key").stat().st_mode & 0o777 == 0o600
    assert create_ledger(home) is False
    assert (home / "checkpoint.key").read_bytes() == before
    assert recorded(home) == 1


def test_a_making_that_was_cut_short_is_done_again(home):
    """A file without tables is not a ledger yet."""
    (home / "ledger.db").write_bytes(b"")
    assert create_ledger(home) is True
    assert verify(home).ok


def test_another_database_is_not_taken_for_a_ledger(tmp_path):
    """Its name is not enough."""
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.db")) as other:
        other.execute("PRAGMA application_id=7")
        other.execute("CREATE TABLE x (y)")
    with pytest.raises(LedgerError, match=r"got damaged: ledger.db with application 0x7"):
        create_ledger(tmp_path)


def test_a_fork_must_open_the_ledger_itself(home):
    """Thread and connection stay with the parent."""
    with open_ledger(home) as ledger:
        ledger.append(decision(1))
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                ledger.append(decision(2))
            except LedgerError as error:
                os.write(write, error.reason.encode())
            ledger.close()
            os._exit(0)
        os.waitpid(child, 0)
        assert os.read(read, 100) == b"closed"
        os.close(read)
        os.close(write)
        assert ledger.append(decision(3)).sequence == 3


def test_an_identifier_used_twice_stops_nobody_else(home):
    """Only the entry that repeats an id is refused."""
    name = new_id()
    with open_ledger(home) as ledger:
        outcomes = ledger.record([
            (seal_all([decision(n, id=name if n in (2, 4) else None)], None), None)
            for n in range(6)
        ])  # fmt: skip
        refused = outcomes.pop(4)
        assert [receipt.sequence for (receipt,) in outcomes] == [2, 3, 4, 5, 6]
        assert isinstance(refused, ValueError)
        assert str(refused).startswith("an id must be new, got one that stands in the ledger")
        with pytest.raises(ValueError, match="an id must be new, got one that stands"):
            ledger.append(decision(9, id=name))
    assert verify(home).ok


@pytest.mark.parametrize("kind", ["erasure", "checkpoint", "restore"])
def test_the_ledgers_own_kinds_are_its_own(home, kind):
    """Nobody appends what verify reads as the ledger's word."""
    with (
        open_ledger(home) as ledger,
        pytest.raises(ValueError, match=f"kind must not be the ledger's own, got {kind}"),
    ):
        ledger.append(Entry(kind=kind, actor="x"))


def test_nothing_cannot_be_appended(home):
    """A batch holds at least one entry."""
    with open_ledger(home) as ledger, pytest.raises(ValueError, match="at least one, got none"):
        ledger.append_many([])


def test_a_repeated_request_gets_the_recorded_answer(home):
    """Alone or in a batch, before and after, and never somebody else's."""
    key, other = Idempotency("k-1", b"asked"), Idempotency("k-1", b"asked otherwise")
    with open_ledger(home) as ledger, Reader(home) as reader:
        assert reader.lookup_idempotent("k-1", b"asked", actor="key-1") is None
        first = ledger.append(decision(1), key)
        again = ledger.append(decision(1), key)
        assert (again.sequence, again.hash, again.repeated) == (first.sequence, first.hash, True)
        (found,) = reader.lookup_idempotent("k-1", b"asked", actor="key-1")
        assert found.payload.answer.startswith(b'{"status":"scored","n":1')
        assert reader.lookup_idempotent("k-1", b"asked", actor="key-2") is None
        assert ledger.append(decision(1, actor="key-2"), key).sequence == 3
        with pytest.raises(LedgerConflictError, match="an idempotency key must stand for one"):
            ledger.append(decision(1), other)
        with pytest.raises(LedgerConflictError, match="an idempotency key must stand for one"):
            reader.lookup_idempotent("k-1", b"asked otherwise", actor="key-1")
        batch = Idempotency("k-2", b"[...]")
        men = [decision(n) for n in range(3)]
        both = [ledger.append_many(men, batch) for _ in range(2)]
        assert [[r.sequence for r in receipts] for receipts in both] == [[4, 5, 6]] * 2
        assert len(reader.lookup_idempotent("k-2", b"[...]", actor="key-1")) == 3
    assert verify(home).ok


def test_a_key_expires_after_a_day(home, monkeypatch):
    """What was repeated too late is new."""
    key = Idempotency("k-1", b"asked")
    with open_ledger(home) as ledger, monkeypatch.context() as patch:
        patch.setattr("respredict.ledger.repeating.IDEMPOTENT_FOR", -1)
        assert ledger.append(decision(1), key).sequence == 2
        assert ledger.append(decision(1), key).sequence == 3
    assert verify(home).ok


def test_a_group_goes_on_when_one_of_it_conflicts(home):
    """A conflict is one caller's alone."""
    keys = (Idempotency("k", b"a"), Idempotency("k", b"b"), None)
    with open_ledger(home) as ledger:
        (one,), two, (three,) = ledger.record(
            [(seal_all([decision(n)], key), key) for n, key in enumerate(keys)]
        )
        assert (one.sequence, three.sequence) == (2, 3)
        assert isinstance(two, LedgerConflictError)


def test_a_block_that_raises_writes_nothing(home):
    """What one command appends is there whole or not at all."""

    def half(appending) -> None:
        appending.add(seal(decision(1)))
        appending.flush()
        appending.add(seal(Entry(kind="decision", actor="a", id=2)))

    with pytest.raises(AttributeError, match="bytes"), writing(home) as appending:
        half(appending)
    assert recorded(home) == 1


def test_the_ledger_and_its_log_are_their_owners_alone(home):
    """Also if it is made where the mask would let everybody read."""
    with open_ledger(home) as ledger:
        ledger.append(decision(1))
        modes = {f.name: f.stat().st_mode & 0o777 for f in home.glob("ledger.db*")}
    assert modes == dict.fromkeys(("ledger.db", "ledger.db-wal", "ledger.db-shm"), 0o600)


def test_texts_are_written_again_where_a_backup_without_them_was_put_back(home, tmp_path):
    """What a writer remembers of a chain holds for that chain only."""
    backup(home, tmp_path / "early.db")
    with open_ledger(home) as ledger:
        ledger.append(decision(1))
        restore(tmp_path / "early.db", home, actor="ops", reason="a test", force=True)
        sequence = ledger.append(decision(2)).sequence
    with Reader(home) as reader:
        assert b"monitoring" in reader.get(sequence).payload.answer
    assert verify(home).ok


@pytest.mark.parametrize("number", [1, 2, 3, 5, 127, 128, 129, 300])
def test_a_group_of_any_size_is_written_whole(home, number):
    """However many rows a statement takes."""
    with open_ledger(home) as ledger:
        receipts = ledger.append_many([decision(n) for n in range(number)])
    assert [receipt.sequence for receipt in receipts] == list(range(2, number + 2))
    assert verify(home).ok


def test_a_ledger_that_is_gone_is_not_begun_anew_beside_its_checkpoints(home, tmp_path):
    """Nobody should find an empty chain where thousands of records were; a backup goes in."""
    with open_ledger(home) as ledger:
        ledger.append(decision(1))
    backup(home, tmp_path / "kept.db")
    for file in home.glob("ledger.db*"):
        file.unlink()
    with pytest.raises(LedgerError, match=r"got missing: no ledger.db, but .*checkpoints.jsonl"):
        create_ledger(home)
    assert not (home / "ledger.db").exists()
    restore(tmp_path / "kept.db", home, actor="ops", reason="the disk died")
    assert create_ledger(home) is False
    assert verify(home).ok
