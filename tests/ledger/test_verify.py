"""Tampering: whatever is edited, inserted, dropped or moved is found, named and placed."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import sqlite3
import threading

import pytest

from respredict.errors import LedgerDamageError, LedgerError
from respredict.ledger import segments, store
from respredict.ledger.chain import seal
from respredict.ledger.checkpoints import Checkpoint
from respredict.ledger.creation import checkpoint_now, create_ledger, rotate_key, writing
from respredict.ledger.diagnosis import COLUMNS, Link
from respredict.ledger.entry import Entry, Idempotency, Text
from respredict.ledger.erasure import erase
from respredict.ledger.keys import NEXT, make_key, public_bytes, write_public
from respredict.ledger.record import encode_header, header_hash
from respredict.ledger.verify import Follower, verify
from respredict.ledger.writer import open_ledger
from tests.ledger.conftest import ENVIRONMENT, decision

TABLES = {
    "record": ("sequence", COLUMNS.split(", ")),
    "payload": ("sequence", ["sequence", "body"]),
    "filter": ("sequence", ["sequence", "pseudonym", "risk", "status"]),
    "text": ("rowid", ["digest", "content"]),
    "idempotency": ("first", ["key", "first", "records", "request", "expires"]),
}
TEXT_UNKNOWN = Text.of(b"dropped again")
#: A decision in the middle, to which every table says something.
VICTIM = 6


def changed(value):
    """Return the nearest other value of the same type."""
    if isinstance(value, bytes):
        return value[:-1] + bytes([value[-1] ^ 1])
    if isinstance(value, float):
        return math.nextafter(value, 1)
    return value + 1 if isinstance(value, int) else value + "x"


def rows(home, query, *values):
    with contextlib.closing(sqlite3.connect(home / "ledger.db")) as connection:
        return connection.execute(query, values).fetchall()


def test_an_untouched_ledger_holds_and_says_what_it_cannot_know(whole):
    """Without anything from outside, the verdict says what that leaves open."""
    verdict = verify(whole)
    assert verdict.ok, verdict
    assert verdict.records == rows(whole, "SELECT count(*) FROM record")[0][0]
    assert verdict.erased == 2
    assert verdict.signed_to == verdict.records - 1
    told = " ".join(verdict.cannot_know)
    assert "cut from the tail" in told
    assert "rewritten with this machine's own key" in told
    assert "--public-key" in told
    assert "What the 2 erased records said" in told
    assert verdict.as_dict()["cannot_know"] == list(verdict.cannot_know)


def test_with_checkpoints_and_key_from_outside_less_is_unknown(whole):
    """Only what is behind the last checkpoint, and what was erased, stays unknown."""
    verdict = verify(
        whole, against=whole / "checkpoints.jsonl", public_key=whole / "checkpoint.pub"
    )
    assert verdict.ok, verdict
    assert [told[:24] for told in verdict.cannot_know] == [
        "Whether records behind 2",
        "What the 2 erased record",
    ]


def test_the_tables_are_the_ones_tampered_with(whole):
    """A new table or column must be added to the test."""
    tables = rows(whole, "SELECT name FROM sqlite_master WHERE type = 'table'")
    assert {name for (name,) in tables} == set(TABLES)
    for table, (_, columns) in TABLES.items():
        assert [row[1] for row in rows(whole, f"PRAGMA table_info({table})")] == columns


@pytest.mark.parametrize(
    ("table", "column"), [(t, c) for t, (_, columns) in TABLES.items() for c in columns]
)
def test_every_stored_field_is_guarded(copy, tamper, table, column):
    """The smallest change of any stored field is found at its record."""
    key, _ = TABLES[table]
    where = 1 if key == "rowid" else VICTIM
    (value,) = rows(copy, f"SELECT {column} FROM {table} WHERE {key} = ?", where)[0]
    new = changed(value) if column not in ("sequence", "first") else 9_999
    tamper(copy, (f"UPDATE {table} SET {column} = ? WHERE {key} = ?", new, where))
    verdict = verify(copy)
    assert not verdict.ok
    stray = (table, column) == ("idempotency", "first")
    assert verdict.first_bad == (9_999 if stray else 2 if table == "text" else VICTIM), verdict
    kinds = {"record": {"altered header"}, "text": {"altered text"}}
    expected = kinds.get(table, {"altered payload"})
    if column == "sequence":
        expected = {"record": {"reordered"}, "payload": {"swapped payloads"}}.get(table, expected)
    assert verdict.kind in expected, verdict


@pytest.mark.parametrize("sequence", [1, 2, 4, 13, 14, 15, 16, 17, 22])
@pytest.mark.parametrize("column", ["moment", "actor", "hash"])
def test_every_kind_of_record_is_guarded(copy, tamper, sequence, column):
    """First, last, keys, notes, erasures and checkpoints are guarded alike."""
    (value,) = rows(copy, f"SELECT {column} FROM record WHERE sequence = ?", sequence)[0]
    statement = f"UPDATE record SET {column} = ? WHERE sequence = ?"
    tamper(copy, (statement, changed(value), sequence))
    verdict = verify(copy)
    assert (verdict.ok, verdict.first_bad, verdict.kind) == (False, sequence, "altered header")


@pytest.mark.parametrize("table", ["payload", "filter"])
def test_a_dropped_payload_is_missing(copy, tamper, table):
    """Only what an erasure names may be gone."""
    tamper(copy, (f"DELETE FROM {table} WHERE sequence = ?", VICTIM))
    verdict = verify(copy)
    assert verdict.first_bad == VICTIM
    assert verdict.kind == ("missing payload" if table == "payload" else "altered payload")


def test_a_payload_of_zeros_that_no_erasure_names_is_missing(copy, tamper):
    """Overwriting a payload is not erasing a man."""
    zeros = "UPDATE payload SET body = zeroblob(length(body)) WHERE sequence = ?"
    tamper(copy, (zeros, VICTIM), ("DELETE FROM filter WHERE sequence = ?", VICTIM))
    verdict = verify(copy)
    assert (verdict.first_bad, verdict.kind) == (VICTIM, "missing payload")


def test_an_erased_payload_that_comes_back_is_told(copy, tamper):
    """What an erasure names must be gone, filters too."""
    tamper(copy, ("UPDATE payload SET body = ? WHERE sequence = 3", b"x" * 50))
    assert verify(copy).kind == "erased payload present"
    tamper(copy, ("DELETE FROM payload WHERE sequence = 3",))
    assert verify(copy).ok
    tamper(copy, ("INSERT INTO filter VALUES (3, 'man-0002', 0.1, 'scored')",))
    verdict = verify(copy)
    assert (verdict.first_bad, verdict.kind) == (3, "erased payload present")


@pytest.mark.parametrize("erased", [1, 15, 16])
def test_what_the_ledger_says_of_itself_cannot_be_erased(copy, tamper, erased):
    """A key or a checkpoint without its payload is damage."""
    tamper(copy, ("UPDATE payload SET body = zeroblob(length(body)) WHERE sequence = ?", erased))
    verdict = verify(copy)
    assert not verdict.ok
    assert verdict.kind == "missing payload"


def test_swapped_payloads_are_told_from_altered_ones(copy, tamper):
    """Both payloads are genuine; they stand at each other's record."""
    for table in ("payload", "filter"):
        move = f"UPDATE {table} SET sequence = ? WHERE sequence = ?"
        tamper(copy, (move, 999, 6), (move, 6, 9), (move, 9, 999))
    verdict = verify(copy)
    assert (verdict.first_bad, verdict.kind) == (6, "swapped payloads")
    assert "stands at 9" in verdict.detail


def test_swapped_records_are_reordered(copy, tamper):
    """So are records that change places with all that is theirs."""
    for table in ("record", "payload", "filter"):
        move = f"UPDATE {table} SET sequence = ? WHERE sequence = ?"
        tamper(copy, (move, 999, 6), (move, 6, 9), (move, 9, 999))
    verdict = verify(copy)
    assert (verdict.first_bad, verdict.kind) == (6, "reordered")


def shift(home, tamper, first, by):
    """Renumber every record from one on."""
    for table in ("record", "payload", "filter"):
        move = f"UPDATE {table} SET sequence = sequence + ? WHERE sequence >= ?"
        tamper(home, (move, 10_000 + by, first))
        tamper(home, (move, -10_000, 10_000))


def test_a_missing_record_is_named_whether_or_not_the_rest_moves_up(copy, tamper):
    """A gap is seen; so is a gap that was closed."""
    for table in ("record", "payload", "filter"):
        tamper(copy, (f"DELETE FROM {table} WHERE sequence = ?", VICTIM))
    verdict = verify(copy)
    assert (verdict.first_bad, verdict.kind) == (VICTIM, "missing record")
    shift(copy, tamper, VICTIM + 1, -1)
    verdict = verify(copy)
    assert (verdict.first_bad, verdict.kind) == (VICTIM, "missing record")


def duplicate(home, tamper, source, sequence, *, loose=True):
    """Insert a record again, with its payload; under another id while ids are unique."""
    name = "id" if loose else "CAST(id || x'00' AS BLOB)"
    new = f"SELECT {sequence}, {name}, {COLUMNS.split(', ', 2)[2]} FROM record"
    tamper(home, (f"INSERT INTO record {new} WHERE sequence = ?", source))
    copied = f"SELECT {sequence}, body FROM payload WHERE sequence = ?"
    tamper(home, (f"INSERT INTO payload {copied}", source))


def loosen(home, tamper):
    """Take every constraint off the records."""
    tamper(
        home,
        ("CREATE TABLE loose AS SELECT * FROM record",),
        ("DROP TABLE record",),
        ("ALTER TABLE loose RENAME TO record",),
    )


def test_a_duplicated_record_is_named(copy, tamper):
    """At the end, in the middle with the rest moved down, or under the same number."""
    loosen(copy, tamper)
    last = verify(copy).records
    duplicate(copy, tamper, VICTIM, last + 1)
    verdict = verify(copy)
    assert (verdict.first_bad, verdict.kind) == (last + 1, "duplicated record")
    for table in ("record", "payload"):
        tamper(copy, (f"DELETE FROM {table} WHERE sequence > ?", last))
    tamper(copy, ("INSERT INTO record SELECT * FROM record WHERE sequence = 6",))
    verdict = verify(copy)
    assert (verdict.first_bad, verdict.kind) == (6, "duplicated record")


def test_a_record_duplicated_in_the_middle_is_named(copy, tamper):
    """The record behind it is the same again."""
    loosen(copy, tamper)
    shift(copy, tamper, VICTIM + 1, 1)
    duplicate(copy, tamper, VICTIM, VICTIM + 1)
    verdict = verify(copy)
    assert (verdict.first_bad, verdict.kind) == (VICTIM + 1, "duplicated record")


@pytest.mark.parametrize("hashed", [True, False])
@pytest.mark.parametrize("place", [VICTIM, 19])
def test_an_inserted_record_is_named(copy, tamper, hashed, place):
    """A forged record between two true ones, with the rest moved down, is the bad one."""
    (previous,) = rows(copy, "SELECT hash FROM record WHERE sequence = ?", place - 1)[0]
    shift(copy, tamper, place, 1)
    forged = seal(Entry(kind="decision", actor="key-9", answer=b"forged"))
    fields = (
        place, forged.id.bytes, 1, "decision", "key-9", "", 0, forged.commitment, previous,
    )  # fmt: skip
    digest = header_hash(encode_header(*fields)) if hashed else bytes(32)
    tamper(
        copy,
        (f"INSERT INTO record VALUES ({', '.join('?' * 10)})", *fields, digest),
        ("INSERT INTO payload VALUES (?, ?)", place, forged.body),
    )
    verdict = verify(copy)
    assert (verdict.first_bad, verdict.kind) == (place, "inserted record")


@pytest.mark.parametrize("sequence", [0, -5])
def test_a_record_before_the_first_is_inserted(copy, tamper, sequence):
    """The chain begins at 1."""
    duplicate(copy, tamper, 2, sequence, loose=False)
    verdict = verify(copy)
    assert (verdict.first_bad, verdict.kind) == (sequence, "inserted record")


@pytest.mark.parametrize("sequence", [-1, 500])
def test_a_payload_of_no_record_is_told(copy, tamper, sequence):
    """Nothing may lie beside the chain."""
    tamper(copy, ("INSERT INTO payload VALUES (?, ?)", sequence, b"x" * 60))
    assert verify(copy).kind == "inserted payload"


def rehash(home, tamper, first):
    """Hash every record anew from one on, as somebody with the file and no key can."""
    (last,) = rows(home, "SELECT hash FROM record WHERE sequence = ?", first - 1)[0]
    for row in rows(home, f"SELECT {COLUMNS} FROM record WHERE sequence >= ?", first):
        link = Link(*row)._replace(previous=last)
        last = link.hash_as(link.sequence)
        change = "UPDATE record SET previous = ?, hash = ? WHERE sequence = ?"
        tamper(home, (change, link.previous, last, link.sequence))


def test_a_changed_record_hashed_anew_breaks_the_next_link(copy, tamper):
    """Its own hash holds, but the record behind names the former one."""
    tamper(copy, ("UPDATE record SET actor = 'x' WHERE sequence = ?", VICTIM))
    row = Link(*rows(copy, f"SELECT {COLUMNS} FROM record WHERE sequence = ?", VICTIM)[0])
    change = "UPDATE record SET hash = ? WHERE sequence = ?"
    tamper(copy, (change, row.hash_as(VICTIM), VICTIM))
    verdict = verify(copy)
    assert (verdict.first_bad, verdict.kind) == (VICTIM, "altered header")


def test_a_broken_link_hashed_anew_is_named(copy, tamper):
    """A changed previous hash is found where it stands."""
    row = Link(*rows(copy, f"SELECT {COLUMNS} FROM record WHERE sequence = ?", VICTIM)[0])
    row = row._replace(previous=bytes(32))
    change = "UPDATE record SET previous = ?, hash = ? WHERE sequence = ?"
    tamper(copy, (change, row.previous, row.hash_as(VICTIM), VICTIM))
    verdict = verify(copy)
    assert (verdict.first_bad, verdict.kind) == (VICTIM, "altered header")


def test_a_chain_rewritten_without_the_key_fails_at_its_checkpoint(copy, tamper):
    """Every hash holds again, but the checkpoint signs another."""
    tamper(copy, ("UPDATE record SET actor = 'x' WHERE sequence = ?", 18))
    rehash(copy, tamper, 18)
    verdict = verify(copy)
    assert verdict.kind == "rewritten chain"
    assert verdict.first_bad <= 18 <= verdict.records + 1


def cut(home, tamper, last):
    for table in ("record", "payload", "filter"):
        tamper(home, (f"DELETE FROM {table} WHERE sequence > ?", last))


def test_a_rewritten_chain_without_its_checkpoints_shows_against_one_kept_outside(
    home, tamper, tmp_path
):
    """Inside, all looks well, and the verdict says what it cannot know; outside, it shows."""
    with open_ledger(home) as ledger:
        for n in range(1, 6):
            ledger.append(decision(n))
    outside = shutil.copy(home / "checkpoints.jsonl", tmp_path / "outside.jsonl")
    tamper(home, ("UPDATE record SET actor = 'x' WHERE sequence = ?", 4))
    cut(home, tamper, 6)
    rehash(home, tamper, 4)
    with writing(home) as appending:
        appending.add(seal(decision(100)))
    (home / "checkpoints.jsonl").unlink()
    alone = verify(home)
    assert alone.ok, alone
    assert "rewritten" in " ".join(alone.cannot_know)
    verdict = verify(home, against=outside)
    assert (verdict.ok, verdict.kind, verdict.first_bad) == (False, "rewritten chain", 1)


def test_a_chain_rewritten_with_another_key_shows_against_the_public_key(tmp_path):
    """A whole ledger made anew verifies, unless key or checkpoints are kept outside."""
    for name in ("true", "false"):
        create_ledger(tmp_path / name)
        with open_ledger(tmp_path / name) as ledger:
            ledger.append(decision(1))
    true, false = tmp_path / "true", tmp_path / "false"
    assert verify(false).ok
    verdict = verify(false, public_key=true / "checkpoint.pub")
    assert (verdict.first_bad, verdict.kind) == (1, "unknown key")
    verdict = verify(false, against=true / "checkpoints.jsonl")
    assert (verdict.first_bad, verdict.kind) == (1, "rewritten chain")
    assert verify(true, public_key=true / "checkpoint.pub").ok


def test_a_cut_tail_shows_against_an_outside_checkpoint(copy, tamper, tmp_path):
    """Beside the ledger or elsewhere, a later checkpoint names the first missing record."""
    outside = shutil.copy(copy / "checkpoints.jsonl", tmp_path / "outside.jsonl")
    cut(copy, tamper, 19)
    beside = verify(copy)
    assert (beside.first_bad, beside.kind) == (20, "cut tail")
    (copy / "checkpoints.jsonl").unlink()
    alone = verify(copy)
    assert alone.ok
    assert "cut from the tail" in " ".join(alone.cannot_know)
    verdict = verify(copy, against=outside)
    assert (verdict.ok, verdict.first_bad, verdict.kind) == (False, 20, "cut tail")


def test_a_key_that_the_former_did_not_sign_is_bad(home):
    """Whoever can append cannot make his own key the ledger's."""
    from respredict.ledger.keys import key_entry, key_in_force

    key = make_key(home / NEXT)
    with writing(home) as appending:
        former = key_in_force(appending.connection)
        new = public_bytes(key)
        appending.add(seal(key_entry("thief", new, former, key.sign(b"anything"))))
    verdict = verify(home)
    assert (verdict.first_bad, verdict.kind) == (2, "bad signature")


def test_a_checkpoint_signed_by_another_key_is_bad(home, tmp_path):
    """A checkpoint counts only with the key that the chain names."""
    from respredict.ledger.keys import signed_checkpoint

    key = make_key(tmp_path / "thief.key")
    with writing(home) as appending:
        public, ledger = public_bytes(key), appending.hash
        message = signed_checkpoint(ledger, 1, ledger, "2026-01-01T00:00:00Z", public)
        signature = key.sign(message)
        line = Checkpoint(ledger, 1, ledger, "2026-01-01T00:00:00Z", public, signature).line()
        appending.add(seal(Entry(kind="checkpoint", actor="ledger", answer=line)))
    verdict = verify(home)
    assert (verdict.first_bad, verdict.kind) == (2, "bad signature")


def test_a_rotated_key_is_believed_from_the_first_one_on(home, tmp_path):
    """A public key kept outside vouches for those that it, in turn, signed."""
    first = shutil.copy(home / "checkpoint.pub", tmp_path / "first.pub")
    with open_ledger(home) as ledger:
        ledger.append(decision(1))
    rotate_key(home, actor="ops", reason="yearly")
    checkpoint_now(home)
    for key in (first, home / "checkpoint.pub"):
        verdict = verify(home, public_key=key, against=home / "checkpoints.jsonl")
        assert verdict.ok, verdict
        assert verdict.signed_to == verdict.records - 1


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"not a checkpoint", "altered checkpoint file"),
        (b'{"checkpoint":1}', "altered checkpoint file"),
        (b'{"checkpoint":1,"sequence":"1"}', "altered checkpoint file"),
        (b"[" * 100_000, "altered checkpoint file"),
    ],
)
def test_an_outside_file_that_was_changed_is_told(whole, tmp_path, line, kind):
    """A line that is no checkpoint is not passed over."""
    outside = tmp_path / "outside.jsonl"
    outside.write_bytes((whole / "checkpoints.jsonl").read_bytes() + line + b"\n")
    assert verify(whole, against=outside).kind == kind


def test_an_outside_line_with_a_wrong_signature_is_told(whole, tmp_path):
    """Even where it names the right record."""
    text = (whole / "checkpoints.jsonl").read_text(encoding="utf-8")
    outside = tmp_path / "outside.jsonl"
    outside.write_text(text.replace('"time":"20', '"time":"19', 1), encoding="utf-8")
    assert verify(whole, against=outside).kind == "bad signature"


def test_a_file_that_is_no_ledger_is_unreadable_or_missing(tmp_path, whole):
    """No ledger is an error; a broken one a verdict."""
    with pytest.raises(LedgerError, match="the ledger must be there, got missing"):
        verify(tmp_path)
    broken = shutil.copytree(whole, tmp_path / "broken")
    data = bytearray((broken / "ledger.db").read_bytes())
    data[4096 * 3 : 4096 * 12] = bytes(4096 * 9)
    (broken / "ledger.db").write_bytes(data)
    assert not verify(broken).ok
    (broken / "ledger.db").write_bytes(b"not a database" * 500)
    assert verify(broken).kind == "unreadable"


def test_a_public_key_must_be_one(whole, tmp_path):
    """A file that holds none is refused with its name."""
    wrong = tmp_path / "wrong.pub"
    wrong.write_text("zz", encoding="utf-8")
    with pytest.raises(LedgerDamageError, match=r"wrong.pub must hold an Ed25519 public key"):
        verify(whole, public_key=wrong)
    write_public(wrong, public_bytes(make_key(tmp_path / "k")))
    assert verify(whole, public_key=wrong).kind == "unknown key"
    with pytest.raises(LedgerError, match=r"none\.pub must be readable, got .*No such file"):
        verify(whole, public_key=tmp_path / "none.pub")


def test_a_hexadecimal_key_will_do(whole, tmp_path):
    """64 digits are a public key as well."""
    from respredict.ledger.keys import read_public_key

    file = tmp_path / "key.hex"
    file.write_text(read_public_key(whole / "checkpoint.pub").hex(), encoding="utf-8")
    assert verify(whole, public_key=file).ok


def test_a_field_of_another_type_is_an_altered_header(copy, tamper):
    """Whoever takes the types off the table is found all the same."""
    loosen(copy, tamper)
    tamper(copy, ("UPDATE record SET moment = 'noon' WHERE sequence = ?", VICTIM))
    verdict = verify(copy)
    assert (verdict.first_bad, verdict.kind) == (VICTIM, "altered header")


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        (Entry(kind="checkpoint", actor="x", answer=b"no checkpoint"), "bad signature"),
        (Entry(kind="restore", actor="x", answer=b"no restore"), "altered payload"),
        (Entry(kind="decision", actor="x", answer=(TEXT_UNKNOWN,)), "altered text"),
    ],
)
def test_a_record_that_says_what_it_cannot_is_named(home, tamper, entry, kind):
    """Well linked and hashed, but not what its kind must say."""
    with writing(home) as appending:
        appending.add(seal(entry))
    tamper(home, ("DELETE FROM text",))
    verdict = verify(home)
    assert (verdict.first_bad, verdict.kind) == (2, kind)


def test_an_erasure_that_says_nothing_excuses_nothing(copy, tamper):
    """With its payload changed, what it named is missing."""
    tamper(copy, ("UPDATE payload SET body = zeroblob(length(body)) WHERE sequence = 17",))
    verdict = verify(copy)
    assert (verdict.first_bad, verdict.kind) == (3, "missing payload")


@pytest.fixture
def in_parts(monkeypatch):
    """Read even a short chain with three processes."""
    monkeypatch.setattr(segments, "LEAST", 5)
    monkeypatch.setattr(segments, "_processors", lambda: 3)


def test_a_chain_read_in_parts_gives_the_same_verdict(whole, in_parts, monkeypatch):
    """Keys, checkpoints, erasures, repetitions and texts are judged as by one."""
    outside = {"against": whole / "checkpoints.jsonl", "public_key": whole / "checkpoint.pub"}
    with contextlib.closing(store.read_only(whole)) as connection:
        assert segments.walk_in_parts(whole, connection, None).good == verify(whole).records
    parted = [verify(whole), verify(whole, **outside)]
    monkeypatch.setattr(segments, "LEAST", 10_000)
    assert parted == [verify(whole), verify(whole, **outside)]


@pytest.mark.parametrize("sequence", [3, 6, 12, 15, 18, 22, 23])
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE record SET actor = 'x' WHERE sequence = {}",
        "UPDATE record SET previous = zeroblob(32) WHERE sequence = {}",
        "UPDATE record SET hash = zeroblob(32) WHERE sequence = {}",
        "UPDATE record SET hash = zeroblob(2) WHERE sequence = {}",
        "UPDATE payload SET body = CAST(body || x'00' AS BLOB) WHERE sequence = {}",
        "DELETE FROM record WHERE sequence = {}",
        "DELETE FROM payload WHERE sequence = {}",
        "INSERT OR REPLACE INTO filter VALUES ({}, 'somebody', 0.5, 'scored')",
        "INSERT INTO idempotency VALUES (zeroblob(32), {}, 1, zeroblob(32), 1)",
    ],
)
def test_damage_in_any_part_is_named_as_by_one(
    copy, tamper, in_parts, monkeypatch, sequence, change
):
    """Wherever the parts meet."""
    tamper(copy, (change.format(sequence),))
    parted = verify(copy)
    monkeypatch.setattr(segments, "LEAST", 10_000)
    assert parted == verify(copy)
    assert parted.ok == (sequence == 3 and "payload" in change)  # his is erased already


def test_an_outside_file_that_is_not_there_is_an_error(whole, tmp_path):
    """It is not the same as nothing to compare with."""
    with pytest.raises(LedgerError, match=r"none\.jsonl must be readable, got"):
        verify(whole, against=tmp_path / "none.jsonl")


def test_an_idempotency_key_of_a_record_without_one_is_told(copy, tamper):
    """A repeated request can be led to no other answer."""
    row = (b"k" * 32, 18, 1, b"r" * 32, 2**60)
    tamper(copy, ("INSERT INTO idempotency VALUES (?, ?, ?, ?, ?)", *row))
    verdict = verify(copy)
    assert (verdict.first_bad, verdict.kind) == (18, "altered payload")


def test_what_computed_an_answer_is_guarded(copy, tamper):
    """Neither the text that tells it, nor which of them a record quotes, can be changed."""
    other = Text.of(b'{"numpy": "1.0"}')
    change = ("UPDATE text SET content = ? WHERE digest = ?", other.content, ENVIRONMENT.digest)
    tamper(copy, change)
    assert verify(copy).kind == "altered text"
    back = ("UPDATE text SET content = ? WHERE digest = ?", ENVIRONMENT.content, ENVIRONMENT.digest)
    (body,) = rows(copy, "SELECT body FROM payload WHERE sequence = ?", VICTIM)[0]
    quoted = ("UPDATE payload SET body = ? WHERE sequence = ?",
              body.replace(ENVIRONMENT.digest, other.digest), VICTIM)  # fmt: skip
    tamper(copy, back, ("INSERT INTO text VALUES (?, ?)", other.digest, other.content), quoted)
    verdict = verify(copy)
    assert (verdict.first_bad, verdict.kind) == (VICTIM, "altered payload")


def test_following_reads_what_is_new_and_says_what_it_did_not_read(copy):
    """The same verdict as of the whole, but for what it leaves unread."""
    follower = Follower(copy)
    first = follower.verify()
    assert first == verify(copy)
    with open_ledger(copy) as ledger:
        for n in range(3):
            ledger.append(decision(n), Idempotency(f"later-{n}", b"body"))
    erase(copy, pseudonym="man-0005", actor="ops", reason="asked for")
    again, whole = follower.verify(), verify(copy)
    assert again.records == whole.records > first.records
    assert again.as_dict() == {**whole.as_dict(), "cannot_know": [*again.cannot_know]}
    assert again.cannot_know[:-1] == whole.cannot_know
    assert f"Whether records up to {first.records}, read in full at 20" in again.cannot_know[-1]
    assert follower.verify(full=True) == whole


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE record SET actor = 'x' WHERE sequence = 25",
        "UPDATE payload SET body = zeroblob(length(body)) WHERE sequence = 25",
        "DELETE FROM record WHERE sequence > 20",
        "UPDATE record SET hash = zeroblob(32) WHERE sequence = 23",
        "UPDATE text SET content = x'00'",
        "DELETE FROM text",
        "UPDATE idempotency SET expires = expires + 1 WHERE first = 25",
        "INSERT INTO payload VALUES (999, x'00')",
    ],
)
def test_following_finds_damage_behind_what_it_has_read(copy, tamper, statement):
    """And it names it as a reading of the whole does."""
    follower = Follower(copy)
    assert follower.verify().ok
    with open_ledger(copy) as ledger:
        for n in range(3):
            ledger.append(decision(n), Idempotency(f"later-{n}", b"body"))
    tamper(copy, (statement,))
    found = follower.verify()
    assert not found.ok
    assert found == verify(copy)
    assert follower.verify() == found


def test_following_finds_an_erased_payload_that_is_still_there(copy, tamper):
    """Erased since the last reading, before which it was read."""
    follower = Follower(copy)
    assert follower.verify().ok
    (body,) = rows(copy, "SELECT body FROM payload WHERE sequence = ?", VICTIM)[0]
    erase(copy, pseudonym="man-0005", actor="ops", reason="asked for")
    tamper(copy, ("UPDATE payload SET body = ? WHERE sequence = ?", body, VICTIM))
    assert follower.verify().kind == "erased payload present"


def test_a_chain_is_read_apart_and_its_progress_told(whole, monkeypatch):
    """Another process reads; damage is named all the same."""
    monkeypatch.setattr(segments, "LEAST_APART", 5)
    with contextlib.closing(store.read_only(whole)) as connection:
        walk = segments.walk_in_parts(whole, connection, None, apart=True)
    assert walk.good == verify(whole).records
    assert verify(whole, apart=True) == verify(whole)


def test_progress_is_told_by_whoever_reads(home, monkeypatch):
    """Every 2,000 records, by this process or another."""
    with open_ledger(home) as ledger:
        ledger.append_many([decision(n) for n in range(4_500)])
    for apart in (False, True):
        told: list[int] = []
        assert verify(home, apart=apart, tell=told.append).ok
        assert told == [2_000, 4_000]


def test_damage_read_apart_is_named(copy, tamper, monkeypatch):
    """What another process does not find whole is read again here."""
    monkeypatch.setattr(segments, "LEAST_APART", 5)
    tamper(copy, ("UPDATE record SET actor = 'x' WHERE sequence = ?", VICTIM))
    verdict = verify(copy, apart=True)
    assert (verdict.first_bad, verdict.kind) == (VICTIM, "altered header")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("CREATE TABLE shadow (s, b)", "the table 'shadow' is none of the ledger's"),
        ("CREATE VIEW v AS SELECT 1", "the view 'v' is none of the ledger's"),
        (
            "CREATE TRIGGER t AFTER INSERT ON payload BEGIN DELETE FROM filter; END",
            "the trigger 't' is none of the ledger's",
        ),
        ("DROP INDEX record_kind", "the index 'record_kind' is missing"),
        ("ALTER TABLE filter ADD COLUMN copy TEXT", "the table 'filter' has been changed"),
    ],
)
def test_what_is_none_of_the_ledgers_own_is_named(home, change, told):
    """A trigger could keep what an erasure takes away."""
    with open_ledger(home) as ledger:
        ledger.append(decision(1))
    with contextlib.closing(sqlite3.connect(home / "ledger.db")) as connection:
        connection.execute(change)
    verdict = verify(home)
    assert (verdict.ok, verdict.kind, verdict.detail) == (False, "foreign table", told)
    assert not Follower(home).verify().ok


def test_checkpoints_of_another_ledger_are_told_as_such(home, tmp_path):
    """Who names the wrong file should not look for a forger first."""
    create_ledger(tmp_path / "other")
    for one, number in ((home, 1), (tmp_path / "other", 3)):
        with open_ledger(one) as ledger:
            ledger.append_many([decision(n) for n in range(number)])
    verdict = verify(home, against=tmp_path / "other" / "checkpoints.jsonl")
    assert verdict.kind == "cut tail"
    assert "of a ledger that began otherwise: is it this one's file?" in verdict.detail


def test_what_is_no_public_key_is_named(home):
    """And not what a library says of it."""
    (home / "told.txt").write_text("no key")
    with pytest.raises(LedgerDamageError, match="got neither PEM nor 64 hexadecimal digits of one"):
        verify(home, public_key=home / "told.txt")
    found = "got neither PEM nor 64|got a key of type"
    with pytest.raises(LedgerDamageError, match=found):
        verify(home, public_key=home / "checkpoint.key")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sequence", 2**63),
        ("sequence", 10**30),
        ("sequence", 0),
        ("sequence", -138),
        ("time", "\ud800"),
    ],
)
def test_a_line_with_a_field_that_no_checkpoint_has_is_malformed(copy, tmp_path, field, value):
    """Beside the ledger or outside, it is told as a line of that file."""
    file = copy / "checkpoints.jsonl"
    lines = file.read_bytes().splitlines()
    wrong = json.dumps({**json.loads(lines[-1]), field: value}).encode()
    outside = tmp_path / "outside.jsonl"
    outside.write_bytes(b"\n".join([*lines, wrong]))
    verdicts = [verify(copy, against=outside)]
    shutil.copy(outside, file)
    verdicts.append(verify(copy))
    for verdict in verdicts:
        assert (verdict.ok, verdict.kind) == (False, "altered checkpoint file")
        assert verdict.detail.startswith(f"line {len(lines) + 1}: a checkpoint must be one line")


@pytest.mark.parametrize("later", [False, True])
def test_a_cut_checkpoint_record_shows_against_its_line(copy, tamper, tmp_path, later):
    """A line for a record proves that the checkpoint behind it was there."""
    kept = shutil.copy(copy / "checkpoints.jsonl", tmp_path / "kept.jsonl")
    last = verify(copy).records
    cut(copy, tamper, last - 1)
    if later:  # by somebody who hides it under a new record
        with writing(copy) as appending:
            appending.add(seal(decision(100)))
    beside = verify(copy)
    (copy / "checkpoints.jsonl").unlink()
    assert verify(copy).ok
    outside = verify(copy, against=kept)
    for verdict in (beside, outside):
        assert (verdict.ok, verdict.first_bad, verdict.kind) == (False, last, "cut tail")
        assert f"record {last}, the checkpoint that signs record {last - 1}" in verdict.detail


def test_checkpoints_that_are_no_file_are_told(copy):
    """A folder in their place is not the same as none."""
    (copy / "checkpoints.jsonl").unlink()
    assert verify(copy).ok
    (copy / "checkpoints.jsonl").mkdir()
    verdict = verify(copy)
    assert (verdict.ok, verdict.kind) == (False, "altered checkpoint file")
    assert verdict.detail == "checkpoints.jsonl beside the ledger is there, but it is no file"
    assert not Follower(copy).verify().ok


def test_what_a_service_signs_meanwhile_is_no_cut_tail(home, tmp_path, monkeypatch):
    """One state of the chain is read, and beside it what had been signed by then."""
    monkeypatch.setenv("RESPREDICT_CHECKPOINT_DIR", str(tmp_path / "elsewhere"))
    with open_ledger(home) as ledger:
        ledger.append_many([decision(n) for n in range(2_100)])

    def go_on(_):
        with open_ledger(home) as ledger:
            ledger.append(decision(1))

    kept = tmp_path / "elsewhere" / "checkpoints.jsonl"
    verdict = verify(home, against=kept, tell=go_on)
    assert verdict.ok, verdict
    assert verify(home, against=kept).records == verdict.records + 2


def test_checkpoints_from_a_pipe_are_compared_all(copy, tamper, tmp_path):
    """Its length is not known beforehand."""
    kept = (copy / "checkpoints.jsonl").read_bytes()
    (copy / "checkpoints.jsonl").unlink()
    cut(copy, tamper, 19)
    os.mkfifo(tmp_path / "pipe")
    writing_it = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(kept,))
    writing_it.start()
    verdict = verify(copy, against=tmp_path / "pipe")
    writing_it.join()
    assert (verdict.first_bad, verdict.kind) == (20, "cut tail")
