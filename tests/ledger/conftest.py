"""A small ledger with everything in it, copied for each test that tampers with it."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3

import pytest

from respredict.ledger.creation import checkpoint_now, create_ledger, rotate_key
from respredict.ledger.entry import Entry, Idempotency, Text
from respredict.ledger.erasure import erase
from respredict.ledger.writer import open_ledger

ENVIRONMENT = Text.of(b'{"numpy": "2.4.6", "python": "3.11.7"}')
TEXT = Text.of(b'"monitoring":["' + b"T, E2, LH and FSH every 4 to 8 weeks. " * 20 + b'"]')


def decision(n: int, **changes) -> Entry:
    """Return the decision of one man."""
    fields = {
        "kind": "decision",
        "actor": "key-1",
        "model": "sha256:" + "2c" * 32,
        "request": b'{"age":%d,"reference":"man-%04d"}' % (20 + n % 50, n),
        "answer": (b'{"status":"scored","n":%d,' % n, TEXT, b"}"),
        "pseudonym": f"man-{n:04d}",
        "risk": round(0.01 + n / 1000, 3),
        "status": "scored" if n % 3 else "caution",
        "environment": ENVIRONMENT,
    }
    return Entry(**{**fields, **changes})


@pytest.fixture
def home(tmp_path):
    """Return a home with an empty ledger."""
    create_ledger(tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """Make a ledger once: decisions, a note, an outcome, keys, an erasure, checkpoints."""
    home = tmp_path_factory.mktemp("whole") / "home"
    create_ledger(home)
    with open_ledger(home) as ledger:
        for n in range(1, 11):  # sequences 2 to 11
            ledger.append(decision(n), Idempotency(f"request-{n}", b"body %d" % n))
        ledger.append(Entry(kind="key", actor="ops", answer=b'{"created":"key-2"}'))
        note = Entry(kind="amendment", actor="ops", about=3, answer=b"a note on man-0002")
        ledger.append(note)
        ledger.append(Entry(kind="outcome", actor="key-1", about=4, answer=b"improved"))
    rotate_key(home, actor="ops", reason="yearly")
    erase(home, pseudonym="man-0002", actor="ops", reason="asked for")
    with open_ledger(home) as ledger:
        for n in range(11, 16):
            ledger.append(decision(n))
    checkpoint_now(home)
    return home


@pytest.fixture
def copy(whole, tmp_path):
    """Return a copy of the whole ledger."""
    return shutil.copytree(whole, tmp_path / "copy")


@pytest.fixture
def tamper():
    """Return a function that runs statements on a ledger as an intruder would."""

    def run(home, *statements):
        with contextlib.closing(sqlite3.connect(home / "ledger.db")) as connection, connection:
            for statement, *values in statements:
                connection.execute(statement, values)

    return run
