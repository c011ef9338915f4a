"""The writer process: what a service hands over is durable, refused or given up, never lost."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respredict.errors import LedgerConflictError, LedgerError
from respredict.ledger import remote, writer_process
from respredict.ledger.entry import Entry, Idempotency, Receipt, Text
from respredict.ledger.erasure import erase, is_pending
from respredict.ledger.frames import Frames, Texts, frame, outcome, told
from respredict.ledger.locking import exclusive
from respredict.ledger.reading import Reader
from respredict.ledger.record import new_id
from respredict.ledger.remote import open_remote
from respredict.ledger.starting import start_writer
from respredict.ledger.store import read_only
from respredict.ledger.verify import verify
from respredict.ledger.writer import Ledger, open_ledger
from respredict.ledger.writer_process import WriterProcess
from tests.conftest import ROOT
from tests.ledger.conftest import decision

#: Hands over in one go, then waits to be killed.
HANDING_OVER = """
import asyncio, sys
from pathlib import Path
from respredict.ledger.entry import Entry
from respredict.ledger.remote import open_remote
async def main():
    ledger = await open_remote(Path(sys.argv[1]))
    print(ledger.pid, flush=True)
    given = [ledger.append(Entry(kind="decision", actor="key-1")) for _ in range(50)]
    first = await given[0]
    print(first.sequence, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


def run(home, work, **options):
    """Run some work with a ledger of the home, and close it."""

    async def running():
        ledger = await open_remote(home, **options)
        try:
            return await work(ledger)
        finally:
            await ledger.close()

    return asyncio.run(running())


def recorded(home) -> int:
    with Reader(home) as reader:
        return reader.head()[0]


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_tasks_share_commits_and_each_gets_his_own(home):
    """Receipts in the order of asking; the conflict of one is his alone."""

    async def work(ledger):
        with exclusive(home):  # so that all of them wait for the same commit
            waiting = [
                *(ledger.append(decision(n)) for n in range(8)),
                ledger.append(decision(8), Idempotency("k", b"a")),
                ledger.append(decision(9), Idempotency("k", b"b")),
                ledger.append_many([decision(n) for n in range(10, 13)]),
            ]
            await asyncio.sleep(0.1)
            assert ledger.lag()[0] == 11
            assert ledger.lag()[1] >= 0.1
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert ledger.lag() == (0, 0.0)
        return found, ledger.commits

    (*receipts, conflict, many), commits = run(home, work)
    assert [r.sequence for r in (*receipts, *many)] == list(range(2, 14))
    assert isinstance(conflict, LedgerConflictError)
    assert commits <= 2
    assert verify(home).ok


def test_a_receipt_is_of_the_record(home):
    """Identifier, hash, moment, texts, environment: as the reader finds them."""
    name, made = new_id(), decision(1)
    receipt, again = run(home, lambda ledger: both(ledger, name))
    with Reader(home) as reader:
        record, plain = reader.get(name), reader.get(again.sequence)
    assert (record.sequence, record.hash.hex(), record.moment) == (
        receipt.sequence, receipt.hash, receipt.moment,
    )  # fmt: skip
    assert record.payload.request == plain.payload.request == made.request
    assert record.payload.answer == plain.payload.answer
    assert b"monitoring" in plain.payload.answer
    assert plain.payload.environment == made.environment.content
    assert (plain.pseudonym, plain.risk, plain.status) == (made.pseudonym, made.risk, made.status)


async def both(ledger, name):
    first = await ledger.append(decision(1, id=name))
    return first, await ledger.append(decision(1))


def test_a_repeated_request_gets_the_former_receipt(home):
    """Also from another process than the one that recorded it."""
    key = Idempotency("k", b"asked")

    async def work(ledger):
        return await ledger.append(decision(1), key)

    first, again = run(home, work), run(home, work)
    assert (first.repeated, again.repeated) == (False, True)
    assert (again.sequence, again.hash) == (first.sequence, first.hash)


def test_what_is_given_up_in_time_is_not_recorded(home):
    """What the writer holds already may be; what waits behind it is dropped."""

    async def work(ledger):
        with exclusive(home):
            under_way = ledger.append(decision(1))
            await asyncio.sleep(0.1)
            behind = ledger.append(decision(2))
            for waiting in (under_way, behind):
                with pytest.raises(
                    LedgerError, match=r"the ledger must answer in 0.3 s, got no answer"
                ) as error:
                    await waiting
                assert error.value.reason == "locked"
        return await ledger.append(decision(3))

    assert run(home, work, seconds=0.3).sequence == 3
    with Reader(home) as reader:
        assert reader.get(3).pseudonym == "man-0003"
    assert verify(home).ok


@pytest.mark.parametrize("size", [1, 4096, 90_000])
def test_a_full_ledger_refuses_and_goes_on_with_room(home, monkeypatch, size):
    """The limit can be set at the start and anew."""
    big = decision(1, answer=b"x" * 90_000)

    async def work(ledger):
        with pytest.raises(LedgerError, match="got full") as error:
            await ledger.append(big)
        assert error.value.reason == "full"
        assert "its limit is" in str(error.value)
        assert (ledger.serving, ledger.ready) == (True, False)
        monkeypatch.setattr(remote, "_UNREADY_SECONDS", 0)  # after a while it is tried again
        assert ledger.ready
        monkeypatch.undo()
        ledger.max_bytes = None
        receipt = await ledger.append(big)
        assert ledger.ready
        return receipt

    assert run(home, work, max_bytes=size).sequence == 2
    assert verify(home).ok


def test_closing_records_what_was_just_handed_over_and_signs_it(home):
    """Nothing that was taken is lost; afterwards nothing is taken."""

    async def work(ledger):
        waiting = [ledger.append(decision(n)) for n in range(300)]
        await ledger.close()
        await ledger.close()
        with pytest.raises(LedgerError, match="the ledger must be open, got a closed") as error:
            ledger.append(decision(1))
        assert error.value.reason == "closed"
        assert gone(ledger.pid)
        return [(await one).sequence for one in waiting]

    assert run(home, work) == list(range(2, 302))
    with Reader(home) as reader:
        assert reader.get(302).kind == "checkpoint"


def test_too_many_that_wait_are_refused(home, monkeypatch):
    """What could not be answered in time is not taken."""
    monkeypatch.setattr("respredict.ledger.remote.WAITING", 5)

    async def work(ledger):
        with exclusive(home):
            waiting = [ledger.append(decision(n)) for n in range(5)]
            with pytest.raises(LedgerError, match="at most 5 appends may wait") as error:
                ledger.append(decision(6))
        assert error.value.reason == "overloaded"
        await asyncio.gather(*waiting)
        return await ledger.append(decision(7))

    assert run(home, work).sequence == 7


def test_threads_append_through_the_loop(home):
    """Every thread gets its own receipts; the chain has no gap."""

    async def work(ledger):
        def client(k):
            return [ledger.append_now(decision(100 * k + n)).sequence for n in range(20)]

        found = await asyncio.gather(*(asyncio.to_thread(client, k) for k in range(4)))
        with pytest.raises(ValueError, match="kind must not be the ledger's own"):
            await asyncio.to_thread(ledger.append_now, Entry(kind="erasure", actor="x"))
        return sorted(sequence for mine in found for sequence in mine)

    assert run(home, work) == list(range(2, 82))


def test_one_entry_that_cannot_be_written_stops_nobody_else(home):
    """A text that is no text, an identifier that stands already, nothing at all."""
    name = new_id()

    async def work(ledger):
        with exclusive(home):
            waiting = [
                ledger.append(decision(1, id=name)),
                ledger.append(decision(2, pseudonym="\ud800")),
                ledger.append(decision(3, id=name)),
                ledger.append(decision(4)),
            ]
        with pytest.raises(ValueError, match="at least one, got none"):
            ledger.append_many([])
        lone = ledger.append(decision(5, pseudonym="\ud800"))
        return await asyncio.gather(*waiting, lone, return_exceptions=True)

    first, no_text, twice, last, lone = run(home, work)
    assert (first.sequence, last.sequence) == (2, 3)
    assert "surrogates not allowed" in str(no_text)
    assert "surrogates not allowed" in str(lone)
    assert "an id must be new" in str(twice)


def test_a_writer_that_dies_is_started_again(home):
    """Whoever waits is refused, not left waiting; soon it is written again."""

    async def work(ledger):
        before = ledger.pid
        await ledger.append(decision(1))
        with exclusive(home):
            waiting = ledger.append(decision(2))
            await asyncio.sleep(0.05)
            os.kill(before, signal.SIGKILL)
            with pytest.raises(LedgerError, match="must run, got one that ended") as error:
                await waiting
            assert error.value.reason == "failed"
        with pytest.raises(LedgerError, match="must run, got one that starts"):
            ledger.append(decision(3))
        deadline = time.monotonic() + 20
        while ledger.pid == before or not ledger.serving:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        return await ledger.append(decision(4))

    assert run(home, work).sequence == 3
    with Reader(home) as reader:
        assert b"monitoring" in reader.get(3).payload.answer
    assert verify(home).ok


#: Says that it listens, and ends.
SHORT_LIVED = """
import socket, sys
from respredict.ledger.erasure import erase, is_pending
from respredict.ledger.frames import READY, frame
socket.socket(fileno=int(sys.argv[1])).sendall(frame(READY))
"""


def test_a_writer_that_keeps_dying_is_started_later_and_later(home, monkeypatch):
    """Nobody waits for it in vain, and once it lives again it is used."""
    starts, real = [], remote.start_writer

    def dying(_home, link, _max_bytes):
        starts.append(time.monotonic())
        words = [sys.executable, "-c", SHORT_LIVED, str(link.fileno())]
        return subprocess.Popen(words, pass_fds=[link.fileno()], cwd=ROOT)

    async def work(ledger):
        monkeypatch.setattr(remote, "start_writer", dying)
        os.kill(ledger.pid, signal.SIGKILL)
        await asyncio.sleep(1)
        monkeypatch.setattr(remote, "start_writer", real)
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(LedgerError):
                return await ledger.append(decision(1))
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)

    assert run(home, work).sequence == 2
    assert 2 <= len(starts) <= 5
    gaps = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert gaps == sorted(gaps)


def test_an_idle_writer_finishes_what_was_pending_and_signs_what_is_due(home, monkeypatch):
    """Nobody needs to ask for anything."""
    monkeypatch.setattr(writer_process, "IDLE_SECONDS", 0.05)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        writer = WriterProcess(theirs, Ledger(home))
        with open_ledger(home) as ledger:
            ledger.append(decision(1))
            with contextlib.closing(read_only(home)) as reader:
                reader.execute("BEGIN")
                reader.execute("SELECT * FROM record").fetchall()
                assert erase(home, pseudonym="man-0001", actor="o", reason="r").pending
        running = threading.Thread(target=writer.run)
        running.start()
        deadline = time.monotonic() + 10
        while is_pending(home):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        with open_ledger(home) as ledger:
            signed = ledger.append(decision(2)).sequence
            monkeypatch.setattr("respredict.ledger.checkpoints.SECONDS", 0)
            while recorded(home) == signed:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        ours.shutdown(socket.SHUT_WR)
        running.join(10)
        assert not running.is_alive()
    with Reader(home) as reader:
        assert reader.get(signed + 1).kind == "checkpoint"
    assert verify(home).ok


def test_signals_that_end_a_service_are_not_meant_for_its_writer(home):
    """A closed terminal or a supervisor tells all; the writer leaves when nobody needs it."""

    async def work(ledger):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(ledger.pid, number)
        return await ledger.append(decision(1))

    assert run(home, work).sequence == 2


def test_what_was_handed_over_by_one_who_is_killed_is_recorded(home):
    """The writer sees that he is gone, records, signs and ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HANDING_OVER, str(home)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    writer = int(process.stdout.readline())
    assert process.stdout.readline() == "2\n"
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 20
    while not gone(writer):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert recorded(home) == 52  # the creation, fifty decisions, a checkpoint
    assert verify(home).ok


def test_closing_waits_for_no_writer_that_hangs(home, monkeypatch, caplog):
    """It is killed, and whoever waits is told; a service must end when it is asked to."""
    monkeypatch.setattr(remote, "_END_SECONDS", 0.2)

    async def work(ledger):
        os.kill(ledger.pid, signal.SIGSTOP)
        waiting = ledger.append(decision(1))
        await asyncio.wait_for(ledger.close(), 10)
        with pytest.raises(LedgerError, match="got one that ended"):
            await waiting
        assert gone(ledger.pid)

    run(home, work)
    assert "does not end, and is killed" in caplog.text
    assert recorded(home) == 1
    assert verify(home).ok


@pytest.mark.parametrize("seconds", [0, 0.05, 0.11, 0.14, 0.18])
def test_closing_while_a_writer_is_started_again_ends_both(home, seconds):
    """Whenever it comes between the pause, the process and its first word."""

    async def work(ledger):
        os.kill(ledger.pid, signal.SIGKILL)
        await asyncio.sleep(seconds)
        await asyncio.wait_for(ledger.close(), 10)
        return ledger.pid

    assert gone(run(home, work))


def test_closing_while_the_process_is_being_made_ends_it(home, monkeypatch):
    """The thread that makes it is not cancelled: what it made is not left behind."""
    made = []

    def slowly(*given):
        time.sleep(0.2)
        made.append(start_writer(*given))
        time.sleep(0.2)
        return made[-1]

    async def work(ledger):
        monkeypatch.setattr(remote, "start_writer", slowly)
        os.kill(ledger.pid, signal.SIGKILL)
        while not ledger._starting or ledger._process.returncode is None:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        await asyncio.wait_for(ledger.close(), 10)

    run(home, work)
    assert [process.returncode for process in made] == [0]
    assert verify(home).ok


def test_a_writer_that_cannot_start_is_said(home, monkeypatch):
    """The service does not begin without one; nor without a ledger."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(LedgerError, match="must start, got none"):
        asyncio.run(open_remote(home))
    with pytest.raises(LedgerError, match="the ledger must be there, got missing"):
        asyncio.run(open_remote(home / "nowhere"))


parts = st.one_of(
    st.binary(max_size=20),
    st.lists(st.one_of(st.binary(max_size=9), st.binary(max_size=9).map(Text.of)), max_size=4).map(
        tuple
    ),
)
words = st.text(max_size=9)
entries = st.builds(
    Entry, kind=st.just("decision"), actor=st.text(min_size=1, max_size=9), model=words,
    request=parts, answer=parts, id=st.none() | st.uuids(), about=st.integers(0, 2**63 - 1),
    pseudonym=words, risk=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    status=words, environment=st.none() | st.binary(max_size=9).map(Text.of),
)  # fmt: skip


@given(
    st.lists(
        st.tuples(
            st.lists(entries, min_size=1, max_size=3),
            st.none() | st.builds(Idempotency, words, st.binary(max_size=9)),
        ),
        max_size=4,
    ),
    st.integers(1, 50),
)
def test_what_is_said_arrives_as_it_was(asked, size):
    """However the bytes are cut; a text that went over once is not sent again."""
    ours, theirs, frames = Texts(), Texts(), Frames()
    sent = b"".join(frame(7, *ours.pack(*one)) for one in asked)
    pieces = [sent[at : at + size] for at in range(0, len(sent), size)]
    said = [one for piece in pieces for one in frames.take(piece)]
    assert [theirs.unpack(*packed) for _, *packed in said] == asked
    new = [digest for _, _, _, texts in said for digest in texts]
    assert len(new) == len(set(new))


@pytest.mark.parametrize(
    "became",
    [
        (Receipt(2, new_id(), 5, "ab" * 32, 1), Receipt(3, new_id(), 6, "cd" * 32, 1, True)),
        LedgerError("the ledger must be writable, got full: x. Free space.", "full"),
        LedgerConflictError("an idempotency key must stand for one request, got another."),
        ValueError("an id must be new"),
    ],
)
def test_what_became_of_it_arrives_as_it_was(became):
    """Receipts, or an error of the same kind with its message and reason."""
    again = outcome(told(became))
    if isinstance(became, Exception):
        assert type(again) is type(became)
        assert str(again) == str(became)
        assert getattr(again, "reason", "") == getattr(became, "reason", "")
    else:
        assert again == became
