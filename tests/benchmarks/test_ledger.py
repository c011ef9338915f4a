"""The ledger under load, killed, and on a full disk: run with ``-m prove``."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time

import pytest

from respredict.errors import LedgerError
from respredict.ledger.creation import checkpoint_now, create_ledger
from respredict.ledger.entry import Entry
from respredict.ledger.erasure import erase
from respredict.ledger.filtering import Filter
from respredict.ledger.reading import Reader
from respredict.ledger.sizes import size
from respredict.ledger.verify import verify
from respredict.ledger.writer import open_ledger
from tests.conftest import ROOT

pytestmark = pytest.mark.prove

MEN = 100_000

#: A process with some clients; prints each receipt, and at the end the latencies.
CLIENTS = """
import os, sys, threading, time
from pathlib import Path
from respredict.ledger.entry import Entry
from respredict.ledger.writer import open_ledger
home, clients, each = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
out = os.open(sys.argv[4], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def client():
    for n in range(each):
        began = time.perf_counter()
        entry = Entry(kind="decision", actor="key-1", model="sha256:" + "a" * 64, risk=0.4,
                      request=os.urandom(700), answer=os.urandom(2600), status="scored",
                      pseudonym=f"man-{os.getpid()}-{n}")
        receipt = ledger.append_now(entry)
        told = f"ack {receipt.sequence} {receipt.hash} {time.perf_counter() - began}\\n"
        os.write(out, told.encode())
with open_ledger(home) as ledger:
    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
"""


def clients(home, out, number: int, each: int, *before: str) -> subprocess.Popen:
    command = [sys.executable, "-c", CLIENTS, str(home), str(number), str(each), str(out)]
    return subprocess.Popen([*before, *command], cwd=ROOT)


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
            ledger.append_many([man(n, draw) for n in range(start, start + 500)]).result()
    return home


def man(n: int, draw: random.Random) -> Entry:
    return Entry(
        kind="decision", actor=f"key-{n % 3}", model="sha256:" + f"{n // 30_000}" * 64,
        request=draw.randbytes(700), answer=draw.randbytes(2600),
        pseudonym=f"man-{draw.getrandbits(48):012x}-{n}", risk=draw.random(),
        status=draw.choice(["scored", "scored", "caution", "indeterminate"]),
    )  # fmt: skip


@pytest.mark.parametrize(("waiting", "each"), [(1, 4000), (8, 1000)])
def test_appends_a_second(home, waiting, each):
    """One client is answered at the pace of the disk; eight share its syncs."""
    draw, took = random.Random(2), []

    def client() -> None:
        for n in range(each):
            entry = man(n, draw)
            began = time.perf_counter()
            ledger.append_now(entry)
            took.append(time.perf_counter() - began)

    with open_ledger(home) as ledger:
        began = time.perf_counter()
        threads = [threading.Thread(target=client) for _ in range(waiting)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rate = waiting * each / (time.perf_counter() - began)
        commits = ledger.commits
    p50, p99 = statistics.median(took) * 1e3, sorted(took)[int(0.99 * len(took))] * 1e3
    print(f"\n{waiting} waiting: {rate:,.0f} appends/s, p50 {p50:.2f} ms, p99 {p99:.2f} ms, "
          f"{waiting * each / commits:.1f} a commit")  # fmt: skip
    assert rate > 300


def test_four_processes_of_eight_clients_wait_less_than_a_tenth_of_a_second(home, tmp_path):
    """32 clients in four processes get one gapless valid chain with a p99 under 100 ms."""
    outs = [tmp_path / f"out-{i}" for i in range(4)]
    began = time.perf_counter()
    running = [clients(home, out, 8, 250) for out in outs]
    assert [process.wait() for process in running] == [0] * 4
    told = [ack for out in outs for ack in acknowledged(out)]
    took = sorted(one for _, _, one in told)
    p50, p99 = took[len(took) // 2] * 1e3, took[int(0.99 * len(took))] * 1e3
    print(f"\n4 processes, 32 clients: {len(told) / (time.perf_counter() - began):,.0f} appends/s "
          f"with starting, p50 {p50:.1f} ms, p99 {p99:.1f} ms")  # fmt: skip
    assert len({sequence for sequence, _, _ in told}) == 8000
    assert verify(home).ok
    assert p99 < 100


def test_twenty_kills_lose_nothing_that_was_acknowledged(home, tmp_path):
    """Two processes are killed at random moments, twenty times."""
    draw, out = random.Random(3), tmp_path / "out"
    for _ in range(20):
        running = [clients(home, out, 4, 100_000) for _ in range(2)]
        time.sleep(0.4 + draw.random() * 0.2)
        for process in running:
            process.send_signal(signal.SIGKILL)
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
                answered.append(ledger.append_now(man(0, draw)))

        with open_ledger(disk / "home") as ledger:
            ballast.write_bytes(bytes(900_000))
            with pytest.raises(LedgerError, match="got full") as error:
                fill()
            assert error.value.reason == "full"
            ballast.unlink()
            assert ledger.append_now(man(0, draw)).sequence == len(answered) + 2
        assert verify(disk / "home").ok
        print(f"\na disk of 2 MB filled after {len(answered)} decisions, and went on when freed")
    finally:
        with contextlib.suppress(OSError):
            subprocess.run(["umount", disk], check=True)


def test_verify_reads_a_hundred_thousand_records_a_second(large):
    """Every header, link, payload, filter and signature, the best of three readings."""
    rates = []
    for _ in range(3):
        began = time.perf_counter()
        verdict = verify(large)
        rates.append(verdict.records / (time.perf_counter() - began))
        assert verdict.ok, verdict
    print(f"\nverify: {max(rates):,.0f} records/s ({', '.join(f'{r:,.0f}' for r in rates)})")
    assert max(rates) >= 100_000


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
    """Any filter answers a page of 50 among 100,000 in under a tenth of a second."""
    with Reader(large) as reader:
        began = time.perf_counter()
        found = reader.find(Filter(**asked), newest_first=True)
        took = time.perf_counter() - began
    print(f"\n{asked}: {len(found.records)} records in {took * 1e3:.1f} ms")
    assert took < 0.1


def test_what_a_decision_takes(large):
    """About 4 kB: 3.3 kB of its own, and the rest."""
    checkpoint_now(large)
    measured = size(large)
    print(f"\n{measured.records:,} records, {measured.bytes / 1e6:,.0f} MB, "
          f"{measured.bytes_per_record:,.0f} bytes each")  # fmt: skip
    assert measured.bytes_per_record < 5_000


def test_one_man_among_a_hundred_thousand_is_erased_in_seconds(large):
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
    print(f"\nerased in {took:.2f} s")
    assert took < 5
