"""The ledger under load, killed, and on a full disk: run with ``-m prove``.

Every speed is printed, and asserted as a ratio to a peer of the same run: plain SQLite that
syncs each insert, plain reading, SHA-256 over the same bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import random
import re
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import time

import pytest

from respredict.errors import LedgerError
from respredict.ledger.creation import checkpoint_now, create_ledger
from respredict.ledger.entry import Entry, Text
from respredict.ledger.erasure import erase
from respredict.ledger.filtering import Filter
from respredict.ledger.reading import Reader
from respredict.ledger.remote import open_remote
from respredict.ledger.sizes import size
from respredict.ledger.verify import Follower, verify
from respredict.ledger.writer import open_ledger
from tests.conftest import ROOT

pytestmark = pytest.mark.prove

MEN = 100_000

#: A process with some clients; prints each receipt and how long it took.
CLIENTS = """
import asyncio, os, sys, time
from pathlib import Path
from respredict.ledger.entry import Entry
from respredict.ledger.remote import open_remote
home, clients, each = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
out = os.open(sys.argv[4], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
async def client(k, ledger):
    for n in range(each):
        began = time.perf_counter()
        entry = Entry(kind="decision", actor="key-1", model="sha256:" + "a" * 64, risk=0.4,
                      request=os.urandom(700), answer=os.urandom(2600), status="scored",
                      pseudonym=f"man-{os.getpid()}-{k}-{n}")
        receipt = await ledger.append(entry)
        told = f"ack {receipt.sequence} {receipt.hash} {time.perf_counter() - began}\\n"
        os.write(out, told.encode())
async def main():
    ledger = await open_remote(home)
    await asyncio.gather(*(client(k, ledger) for k in range(clients)))
    await ledger.close()
asyncio.run(main())
"""


def clients(
    home, out, number: int, each: int, *before: str, script: str = CLIENTS
) -> subprocess.Popen:
    command = [sys.executable, "-c", script, str(home), str(number), str(each), str(out)]
    return subprocess.Popen([*before, *command], cwd=ROOT, start_new_session=True)


def acknowledged(out) -> list[tuple[int, str, float]]:
    whole = [line.split() for line in out.read_text().splitlines() if line.count(" ") == 3]
    return [(int(sequence), digest, float(took)) for _, sequence, digest, took in whole]


@pytest.fixture
def home(tmp_path):
    create_ledger(tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Make a ledger of 100,000 men once."""
    home = tmp_path_factory.mktemp("large") / "home"
    create_ledger(home)
    draw = random.Random(1)
    with open_ledger(home) as ledger:
        for start in range(0, MEN, 500):
            ledger.append_many([man(n, draw) for n in range(start, start + 500)])
    return home


def man(n: int, draw: random.Random) -> Entry:
    return Entry(
        kind="decision", actor=f"key-{n % 3}", model="sha256:" + f"{n // 30_000}" * 64,
        request=draw.randbytes(700), answer=draw.randbytes(2600),
        pseudonym=f"man-{draw.getrandbits(48):012x}-{n}", risk=draw.random(),
        status=draw.choice(["scored", "scored", "caution", "indeterminate"]),
    )  # fmt: skip


def plain(file) -> sqlite3.Connection:
    """Return a table without a chain that syncs every insert."""
    connection = sqlite3.connect(file, isolation_level=None, timeout=30)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE IF NOT EXISTS x (n INTEGER PRIMARY KEY, told BLOB)")
    return connection


def test_one_who_waits_gets_most_of_the_disks_syncs(home, tmp_path):
    """Appended one after the other, in turns with plain inserts of the same bytes."""
    draw, took = random.Random(2), []
    seconds = {"ledger": 0.0, "plain": 0.0}
    with open_ledger(home) as ledger, contextlib.closing(plain(tmp_path / "plain.db")) as peer:
        for _ in range(20):
            entries = [man(n, draw) for n in range(100)]
            began = time.perf_counter()
            for entry in entries:
                start = time.perf_counter()
                ledger.append(entry)
                took.append(time.perf_counter() - start)
            seconds["ledger"] += time.perf_counter() - began
            began = time.perf_counter()
            for entry in entries:
                peer.execute("INSERT INTO x (told) VALUES (?)", (entry.request + entry.answer,))
            seconds["plain"] += time.perf_counter() - began
    p99 = sorted(took)[int(0.99 * len(took))]
    ratio = seconds["ledger"] / seconds["plain"]
    print(f"\none waiting: {2000 / seconds['ledger']:,.0f} appends/s, p50 "
          f"{statistics.median(took) * 1e3:.2f} ms, p99 {p99 * 1e3:.2f} ms; plain inserts "
          f"{2000 / seconds['plain']:,.0f}/s, {ratio:.1f} times as fast")  # fmt: skip
    assert ratio < 4


def test_eight_who_wait_share_the_syncs(home, tmp_path):
    """Together they are answered in fewer commits, at the pace of plain inserts or faster."""
    draw, took, each = random.Random(2), [], 500
    entries = [[man(n, draw) for n in range(each)] for _ in range(8)]

    async def client(ledger, mine) -> None:
        for entry in mine:
            began = time.perf_counter()
            await ledger.append(entry)
            took.append(time.perf_counter() - began)

    async def clients() -> tuple[float, int]:
        ledger = await open_remote(home)
        began = time.perf_counter()
        await asyncio.gather(*(client(ledger, mine) for mine in entries))
        rate = 8 * each / (time.perf_counter() - began)
        await ledger.close()
        return rate, ledger.commits

    rate, commits = asyncio.run(clients())
    with contextlib.closing(plain(tmp_path / "plain.db")) as peer:
        began = time.perf_counter()
        for entry in entries[0]:
            peer.execute("INSERT INTO x (told) VALUES (?)", (entry.request + entry.answer,))
        peer_rate = each / (time.perf_counter() - began)
    p50, p99 = statistics.median(took) * 1e3, sorted(took)[int(0.99 * len(took))] * 1e3
    print(f"\n8 waiting: {rate:,.0f} appends/s, p50 {p50:.2f} ms, p99 {p99:.2f} ms, "
          f"{8 * each / commits:.1f} a commit; plain inserts {peer_rate:,.0f}/s")  # fmt: skip
    assert commits < 8 * each / 2
    assert rate > peer_rate / 2


def spin(rounds: int) -> int:
    """Work as a request does: in Python, without giving way."""
    found = 0
    for i in range(rounds):
        found += i * i % 7
    return found


async def served(ledger, requests: int, callers: int, rounds: int) -> None:
    """Answer callers who each wait for an answer before they ask again."""
    left, text, draw = requests, Text.of(b"said of every man " * 150), random.Random(5)
    asked, told = draw.randbytes(700), draw.randbytes(1200)

    async def caller() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await asyncio.sleep(0)
            spin(rounds)
            if ledger is not None:
                await ledger.append(Entry(
                    kind="decision", actor="key-1", model="sha256:" + "a" * 64, request=asked,
                    answer=(told, text, told), pseudonym="man-7", risk=0.4, status="scored",
                ))  # fmt: skip

    await asyncio.gather(*(caller() for _ in range(callers)))


def test_what_the_ledger_costs_a_busy_event_loop(home):
    """A loop that computes a millisecond a request, with eight callers: most of it stays."""
    rounds = 10_000
    began = time.process_time()
    spin(rounds)
    rounds = int(rounds * 1e-3 / (time.process_time() - began))
    found: dict[str, list[tuple[float, float]]] = {"with": [], "without": []}

    async def in_turns() -> int:
        ledger = await open_remote(home)
        for _ in range(5):
            for name, of in (("without", None), ("with", ledger)):
                began, cpu = time.perf_counter(), time.process_time()
                await served(of, 1500, 8, rounds)
                seconds = time.perf_counter() - began
                found[name].append((seconds / 1500, (time.process_time() - cpu) / 1500))
        await ledger.close()
        return ledger.commits

    commits = asyncio.run(in_turns())
    (bare, bare_cpu), (kept, kept_cpu) = (
        tuple(min(of) for of in zip(*found[name], strict=True)) for name in ("without", "with")
    )
    print(f"\n8 callers: {1 / bare:,.0f} requests/s without the ledger, {1 / kept:,.0f} with, "
          f"{1 - bare / kept:.0%} fewer; {(kept_cpu - bare_cpu) * 1e6:.0f} us of its CPU each, "
          f"{5 * 1500 / commits:.1f} a commit")  # fmt: skip
    assert kept_cpu < 1.5 * bare_cpu
    assert bare / kept > 0.8


#: The same as ``CLIENTS`` with a connection a thread and SQLite's own waiting.
PLAIN = """
import os, sqlite3, sys, threading, time
file, clients, each = sys.argv[1] + "/plain.db", int(sys.argv[2]), int(sys.argv[3])
out = os.open(sys.argv[4], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def client():
    connection = sqlite3.connect(file, isolation_level=None, timeout=60)
    connection.execute("PRAGMA synchronous=FULL")
    for n in range(each):
        began = time.perf_counter()
        connection.execute("INSERT INTO x (told) VALUES (?)", (os.urandom(3300),))
        os.write(out, f"ack {n} - {time.perf_counter() - began}\\n".encode())
    connection.close()
threads = [threading.Thread(target=client) for _ in range(clients)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def waits(home, folder, script: str) -> tuple[float, list[float]]:
    """Return appends a second of four processes of eight clients, and how long each took."""
    outs = [folder / f"out-{i}-{len(script)}" for i in range(4)]
    began = time.perf_counter()
    running = [clients(home, out, 8, 250, script=script) for out in outs]
    assert [process.wait() for process in running] == [0] * 4
    took = sorted(one for out in outs for _, _, one in acknowledged(out))
    assert len(took) == 8000
    return 8000 / (time.perf_counter() - began), took


def test_four_processes_wait_less_than_for_plain_inserts(home, tmp_path):
    """32 clients in four processes get one gapless valid chain; nobody is starved."""
    plain(home / "plain.db").close()
    found = {name: waits(home, tmp_path, script)
             for name, script in (("ledger", CLIENTS), ("plain inserts", PLAIN))}  # fmt: skip
    tails = {name: took[int(0.999 * len(took))] for name, (_, took) in found.items()}
    for name, (rate, took) in found.items():
        print(f"\n4 processes, 32 clients, {name}: {rate:,.0f}/s with starting, p50 "
              f"{took[len(took) // 2] * 1e3:.1f} ms, p99 {took[int(0.99 * len(took))] * 1e3:.1f}, "
              f"p99.9 {tails[name] * 1e3:.1f} ms")  # fmt: skip
    verdict = verify(home)
    assert verdict.ok, verdict
    assert verdict.records > 8000
    assert tails["ledger"] < tails["plain inserts"]


def test_twenty_kills_lose_nothing_that_was_acknowledged(home, tmp_path):
    """Two processes are killed at random moments, twenty times."""
    draw, out = random.Random(3), tmp_path / "out"
    for _ in range(20):
        running = [clients(home, out, 4, 100_000) for _ in range(2)]
        time.sleep(0.4 + draw.random() * 0.2)
        for process in running:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    verdict = verify(home)
    assert verdict.ok, verdict
    told = acknowledged(out)
    with Reader(home) as reader:
        for sequence, digest, _ in told:
            assert reader.get(sequence).hash.hex() == digest
    print(f"\n20 kills: {len(told):,} acknowledged, {verdict.records:,} recorded, chain whole")
    assert len(told) > 100


@pytest.mark.skipif(not shutil.which("strace"), reason="strace counts the syncs")
def test_a_sync_comes_before_each_answer(home, tmp_path):
    """In the order of system calls, every acknowledgement has a sync of its own before it."""
    trace, out = tmp_path / "trace", tmp_path / "out"
    calls = "trace=fdatasync,fsync,write"
    assert clients(home, out, 1, 200, "strace", "-f", "-e", calls, "-o", str(trace)).wait() == 0
    synced = acks = 0
    for line in trace.read_text().splitlines():
        if re.search(r"f(data)?sync(\(\d+\)| resumed>\)) += 0", line):
            synced += 1
        elif '"ack ' in line and "write(" in line:
            assert synced, line
            acks, synced = acks + 1, 0
    print(f"\n{acks} acknowledgements, each behind a sync")
    assert acks == 200


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="needs to mount")
def test_a_small_disk_that_fills_refuses_and_resumes(tmp_path):
    """A real ENOSPC: refused with its reason, nothing half-written, on by itself."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        create_ledger(disk / "home")
        ballast = disk / "ballast"
        draw, answered = random.Random(4), []

        def fill() -> None:
            while True:
                answered.append(ledger.append(man(0, draw)))

        with open_ledger(disk / "home") as ledger:
            ballast.write_bytes(bytes(900_000))
            with pytest.raises(LedgerError, match="got full") as error:
                fill()
            assert error.value.reason == "full"
            ballast.unlink()
            assert ledger.append(man(0, draw)).sequence == len(answered) + 2
        assert verify(disk / "home").ok
        print(f"\na disk of 2 MB filled after {len(answered)} decisions, and went on when freed")
    finally:
        with contextlib.suppress(OSError):
            subprocess.run(["umount", disk], check=True)


def read_plainly(home, *, hashing: bool = True) -> float:
    """Return how long it takes to read every row, and to hash what is in it."""
    query = "SELECT * FROM record JOIN payload USING (sequence) LEFT JOIN filter USING (sequence)"
    with contextlib.closing(sqlite3.connect(home / "ledger.db")) as connection:
        began = time.perf_counter()
        for row in connection.execute(query):
            if hashing:
                hashlib.sha256(row[10]).digest()
                hashlib.sha256(row[7] + row[8] + row[9] + row[1]).digest()
        return time.perf_counter() - began


def spent() -> float:
    """Return the CPU seconds of this process and of those that it waited for."""
    return sum(os.times()[:4])


def test_verify_takes_little_longer_than_reading_and_hashing(large):
    """Every header, link, payload, filter and signature, the best of three readings."""
    rates, plainly, cpu, cpu_plainly = [], [], [], []
    for _ in range(3):
        before = spent()
        plainly.append(read_plainly(large))
        between = spent()
        began = time.perf_counter()
        verdict = verify(large)
        rates.append(verdict.records / (time.perf_counter() - began))
        cpu_plainly.append(between - before)
        cpu.append(spent() - between)
        assert verdict.ok, verdict
    ratio = min(cpu) / min(cpu_plainly)
    each = ", ".join(f"{rate:,.0f}" for rate in rates)
    print(f"\nverify: {max(rates):,.0f} records/s ({each}), "
          f"{verdict.records / min(cpu):,.0f} a second of CPU; rows read and hashed by one "
          f"process: {verdict.records / min(plainly):,.0f}/s; {ratio:.1f} times the CPU"
    )  # fmt: skip
    assert ratio < 4


def test_following_costs_what_is_new(large):
    """A service asks again and again, and reads only what was appended since."""
    follower = Follower(large)
    began = time.perf_counter()
    assert follower.verify().ok
    first = time.perf_counter() - began
    began = time.perf_counter()
    assert follower.verify().ok
    again = time.perf_counter() - began
    print(f"\n{MEN:,} records: {first:.2f} s in another process, {again * 1e3:.0f} ms again")
    assert again < first / 5


@pytest.mark.parametrize(
    "asked",
    [
        {"kind": "checkpoint"},
        {"model": "sha256:" + "2" * 64},
        {"status": "indeterminate"},
        {"risk_from": 0.4999, "risk_to": 0.5001},
        {"actor": "key-2", "first": 50_000},
        {"pseudonym": "nobody"},
    ],
    ids=lambda asked: next(iter(asked)),
)
def test_a_page_comes_at_once(large, asked):
    """Any filter answers a page of 50 among 100,000 in a fraction of reading them."""
    plainly, took = read_plainly(large, hashing=False), []
    with Reader(large) as reader:
        for _ in range(3):
            began = time.perf_counter()
            found = reader.find(Filter(**asked), newest_first=True)
            took.append(time.perf_counter() - began)
    print(f"\n{asked}: {len(found.records)} records in {min(took) * 1e3:.1f} ms, "
          f"all rows read in {plainly * 1e3:.0f} ms")  # fmt: skip
    assert min(took) < plainly / 3


def test_what_a_decision_takes(large):
    """About 4 kB: 3.3 kB of its own, and the rest."""
    checkpoint_now(large)
    measured = size(large)
    print(f"\n{measured.records:,} records, {measured.bytes / 1e6:,.0f} MB, "
          f"{measured.bytes_per_record:,.0f} bytes each")  # fmt: skip
    assert measured.bytes_per_record < 5_000


def test_one_man_among_a_hundred_thousand_is_erased_at_once(large):
    """His bytes are in no file, and everybody else's are as they were."""
    with Reader(large) as reader:
        name = reader.get(50_000).pseudonym
    began = time.perf_counter()
    done = erase(large, pseudonym=name, actor="ops", reason="asked for")
    took = time.perf_counter() - began
    assert not done.pending
    data = b"".join(file.read_bytes() for file in large.iterdir())
    assert name.encode() not in data
    assert verify(large).ok
    plainly = read_plainly(large)
    print(f"\nerased in {took:.2f} s, all rows read and hashed in {plainly:.2f} s")
    assert took < 3 * plainly
