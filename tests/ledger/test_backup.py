"""Backups: made in use, restored whole, and no fork goes unnoticed."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sqlite3
from pathlib import Path

import pytest

from respredict.cli.main import main
from respredict.errors import LedgerConflictError, LedgerDamageError, LedgerError
from respredict.ledger.backup import backup, restore
from respredict.ledger.chain import seal
from respredict.ledger.checkpoints import add_checkpoint
from respredict.ledger.creation import checkpoint_now, create_ledger, writing
from respredict.ledger.entry import Entry
from respredict.ledger.erasure import erase
from respredict.ledger.payload import decode_body
from respredict.ledger.reading import Reader
from respredict.ledger.verify import verify
from respredict.ledger.writer import open_ledger
from tests.ledger.conftest import decision
from tests.ledger.test_erasure import occurrences


@pytest.fixture
def backed(home, tmp_path):
    """Return a home with five decisions, and its backup."""
    with open_ledger(home) as ledger:
        for n in range(1, 6):
            ledger.append(decision(n))
        made = backup(home, tmp_path / "backup.db")
    assert (made.sequence, made.file) == (6, tmp_path / "backup.db")
    return home, made.file


def append(home, *men):
    with open_ledger(home) as ledger:
        for n in men:
            ledger.append(decision(n))


def test_a_backup_is_one_file_that_verifies(backed):
    """It needs nothing beside it, and is not written over."""
    home, file = backed
    assert verify(file).ok
    assert [f.name for f in file.parent.glob("backup*")] == ["backup.db"]
    with pytest.raises(LedgerConflictError, match="target must not exist"):
        backup(home, file)


def test_a_restore_that_would_lose_records_is_refused(backed):
    """Only force and a reason drop them."""
    home, file = backed
    append(home, 7)
    with pytest.raises(LedgerConflictError, match="a restore must not lose records, got a backup"):
        restore(file, home, actor="ops")
    with pytest.raises(LedgerConflictError, match="a forced restore must have a reason"):
        restore(file, home, actor="ops", force=True)
    assert verify(home).records == 9


def test_a_forced_restore_is_recorded_and_shows_against_a_later_checkpoint(backed, tmp_path):
    """It names the head that was left; an outside checkpoint calls it a fork."""
    home, file = backed
    append(home, 7)
    with Reader(home) as reader:
        left = reader.head()
    outside = shutil.copy(home / "checkpoints.jsonl", tmp_path / "outside.jsonl")
    receipt = restore(file, home, actor="ops", reason="disk broke", force=True)
    with Reader(home) as reader:
        told = json.loads(reader.get(receipt.sequence).payload.answer)
    assert (told["left_sequence"], told["left_hash"]) == left
    assert (told["restored_sequence"], receipt.sequence, told["reason"]) == (6, 7, "disk broke")
    verdict = verify(home)
    assert verdict.ok, verdict
    assert "before the restore at 7 by ops: disk broke" in " ".join(verdict.cannot_know)
    for against in (outside, home / "checkpoints.jsonl"):
        verdict = verify(home, against=against)
        assert (verdict.ok, verdict.first_bad, verdict.kind) == (False, 7, "fork")
    append(home, 8, 9)
    assert verify(home).ok
    assert verify(home, public_key=home / "checkpoint.pub").ok


def test_a_running_writer_goes_on_behind_a_restore(backed):
    """It appends to what was restored, without being told."""
    home, file = backed
    with open_ledger(home) as ledger:
        ledger.append(decision(7))
        restore(file, home, actor="ops", reason="test", force=True)
        assert ledger.append(decision(8)).sequence == 8
    assert verify(home).ok


def test_who_was_erased_since_the_backup_is_erased_again(backed):
    """A restore brings nobody back."""
    home, file = backed
    erase(home, pseudonym="man-0003", actor="ops", reason="asked for")
    restore(file, home, actor="ops", reason="disk broke", force=True)
    verdict = verify(home)
    assert verdict.ok, verdict
    assert verdict.erased == 1
    assert occurrences(home, "man-0003") == 0


def test_an_empty_home_takes_a_backup_and_says_that_the_key_is_new(backed, tmp_path):
    """On a new machine the former key is gone, and nobody vouches for the new one."""
    home, file = backed
    new = tmp_path / "new"
    restore(file, new, actor="ops", reason="new machine")
    append(new, 9)
    verdict = verify(new)
    assert verdict.ok, verdict
    assert "the former did not sign it" in " ".join(verdict.cannot_know)
    verdict = verify(new, public_key=home / "checkpoint.pub")
    assert (verdict.ok, verdict.kind) == (False, "unknown key")


def test_an_empty_home_with_its_key_goes_on_with_it(backed, tmp_path):
    """The key that was kept apart signs on."""
    home, file = backed
    new = tmp_path / "new"
    new.mkdir()
    shutil.copy(home / "checkpoint.key", new)
    restore(file, new, actor="ops")
    checkpoint_now(new)
    assert verify(new, public_key=home / "checkpoint.pub").ok


def test_a_home_whose_checkpoints_know_more_is_not_taken_back_unnoticed(backed):
    """The ledger is gone, but the file beside it knows a later record."""
    home, file = backed
    append(home, 7)
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
        (home / name).unlink(missing_ok=True)
    with pytest.raises(LedgerConflictError, match="a restore must not lose records"):
        restore(file, home, actor="ops")
    restore(file, home, actor="ops", reason="disk broke", force=True)
    assert verify(home).ok


def test_a_broken_ledger_is_replaced_by_force(backed):
    """Nobody can say what it held, and the record says so."""
    home, file = backed
    (home / "ledger.db").write_bytes(b"broken" * 1000)
    with pytest.raises(LedgerConflictError, match="cannot be read"):
        restore(file, home, actor="ops")
    receipt = restore(file, home, actor="ops", reason="disk broke", force=True)
    with Reader(home) as reader:
        assert json.loads(reader.get(receipt.sequence).payload.answer)["left_hash"] is None
    assert verify(home).ok


@pytest.mark.parametrize("broken", [False, True])
def test_the_backup_of_another_ledger_is_refused_also_by_force(backed, tmp_path, broken):
    """Of the same length, but another chain: nothing is touched, not even the key."""
    _, file = backed
    other = tmp_path / "other"
    create_ledger(other)
    append(other, 5)
    checkpoint_now(other)
    if broken:
        (other / "ledger.db").write_bytes(b"broken" * 1000)
    before = {path.name: path.read_bytes() for path in other.iterdir()}
    with pytest.raises(
        LedgerConflictError, match=r"must be of this ledger, got another's. Restore"
    ):
        restore(file, other, actor="ops", reason="disk failed", force=True)
    assert {name: (other / name).read_bytes() for name in before} == before
    assert broken or verify(other).ok


def test_a_backup_mends_a_ledger_whose_first_record_was_altered(backed, tamper):
    """The checkpoints beside it say that it is the same one."""
    home, file = backed
    tamper(home, ("UPDATE record SET hash = x'00' WHERE sequence = 1",))
    assert not verify(home).ok
    restore(file, home, actor="ops", reason="altered", force=True)
    assert verify(home).ok


def test_a_backup_that_is_not_there_is_told(backed):
    """By its own name."""
    home, file = backed
    with pytest.raises(
        LedgerConflictError, match=r"must be there, got no .*nowhere\.db. Name what"
    ):
        restore(file.with_name("nowhere.db"), home, actor="ops")


def test_a_backup_that_was_changed_is_refused(backed, tamper):
    """What does not verify is not restored."""
    home, file = backed
    changed = file.rename(file.parent / "ledger.db")
    tamper(file.parent, ("UPDATE record SET actor = 'x' WHERE sequence = 3",))
    with pytest.raises(LedgerDamageError, match="a backup must verify, got altered header"):
        restore(changed, home, actor="ops", reason="r", force=True)


def test_a_backup_lies_in_a_folder_and_is_another_file_than_the_ledger(home, tmp_path):
    """What is wrong is named, and it is not the ledger."""
    with pytest.raises(LedgerConflictError, match="target must lie in a folder that is there"):
        backup(home, tmp_path / "nowhere" / "b.db")
    with pytest.raises(LedgerConflictError, match="must be another file than the ledger"):
        restore(home / "ledger.db", home, actor="ops", reason="x")
    assert verify(home).records == 1


def erase_man(home, n):
    """Erase one man, and return the sequence of the erasure."""
    reason = f"man {n} asked for it"
    return erase(home, pseudonym=f"man-{n:04d}", actor="ops", reason=reason).receipt.sequence


def told_by(home, receipt):
    """Return what a restore says of itself."""
    with Reader(home) as reader:
        return json.loads(reader.get(receipt.sequence).payload.answer)


def lose(home, *names):
    """Lose the ledger, and whatever else is named."""
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm", *names):
        (home / name).unlink(missing_ok=True)


BROKEN = [
    "UPDATE payload SET body = randomblob(300) WHERE sequence = ?",
    "UPDATE payload SET body = zeroblob(length(body)) WHERE sequence = ?",
    "UPDATE payload SET body = substr(body, 1, 50) WHERE sequence = ?",
    "UPDATE payload SET body = x'' WHERE sequence = ?",
    "DELETE FROM payload WHERE sequence = ?",
]


@pytest.mark.parametrize("broken", BROKEN)
def test_an_erasure_that_cannot_be_read_stops_no_restore_and_brings_nobody_back(
    backed, tamper, broken
):
    """What can be read is erased again, and so is whatever lies there erased."""
    home, file = backed
    erase_man(home, 2)
    tamper(home, (broken, erase_man(home, 3)), ("DELETE FROM payload WHERE sequence = 5",))
    with pytest.raises(LedgerConflictError, match="must not lose records"):
        restore(file, home, actor="ops")
    receipt = restore(file, home, actor="ops", reason="disk broke", force=True)
    verdict = verify(home)
    assert verdict.ok, verdict
    assert verdict.erased == 3
    assert [occurrences(home, f"man-{n:04d}") for n in (2, 3, 4)] == [0, 0, 0]
    assert occurrences(home, "man-0005") > 0
    assert told_by(home, receipt)["erasures_unknown"] is True


def test_an_unreadable_erasure_that_the_backup_holds_is_known(backed, tamper, tmp_path):
    """Nothing is unknown of it, and nothing else is taken for erased."""
    home, _ = backed
    sequence = erase_man(home, 3)
    file = backup(home, tmp_path / "later.db").file
    zeros = "UPDATE payload SET body = zeroblob(length(body)) WHERE sequence = ?"
    tamper(home, (BROKEN[0], sequence), (zeros, 6))
    receipt = restore(file, home, actor="ops", reason="broken", force=True)
    assert told_by(home, receipt)["erasures_unknown"] is False
    assert (verify(home).ok, verify(home).erased) == (True, 1)
    assert occurrences(home, "man-0005") > 0


@pytest.mark.parametrize(
    "lost",
    [
        "UPDATE record SET sequence = 900 WHERE sequence = ?",
        "DELETE FROM record WHERE sequence = ?",
        "DELETE FROM record WHERE sequence >= ?",
    ],
)
def test_an_erasure_whose_record_is_gone_leaves_its_zeros(backed, tamper, lost):
    """A gap, or a tail that was signed, says that an erasure may be missing."""
    home, file = backed
    sequence = erase_man(home, 3)
    checkpoint_now(home)
    tamper(home, (lost, sequence), ("DELETE FROM payload WHERE sequence >= ?", sequence))
    receipt = restore(file, home, actor="ops", reason="broken", force=True)
    assert told_by(home, receipt)["erasures_unknown"] is True
    assert verify(home).ok
    assert occurrences(home, "man-0003") == 0


@pytest.mark.parametrize("names", [(), ("checkpoints.jsonl",)])
def test_erasures_that_cannot_be_known_are_told(backed, names, capsys, monkeypatch):
    """Without the ledger nobody knows who was erased since: the restore, verify say so."""
    home, file = backed
    erase_man(home, 3)
    lose(home, *names)
    monkeypatch.setenv("RESPREDICT_HOME", str(home))
    words = ["audit", "restore", str(file), "--force", "--reason", "disk broke"]
    assert main(words) == 0
    assert "Erasures after record 6 are not known here: erase those men again." in (
        capsys.readouterr().out
    )
    unknown = "Whether men who were erased behind record 6, before the restore at 7, are back"
    assert unknown in " ".join(verify(home).cannot_know)
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["erasures_unknown"] is False


def test_a_restore_that_knows_every_erasure_says_so(backed, tamper):
    """Also where the ledger that is left was damaged elsewhere."""
    home, file = backed
    erase_man(home, 3)
    tamper(home, ("UPDATE record SET actor = 'x' WHERE sequence = 4",))
    receipt = restore(file, home, actor="ops", reason="altered", force=True)
    assert told_by(home, receipt)["erasures_unknown"] is False
    assert "erased behind" not in " ".join(verify(home).cannot_know)
    assert occurrences(home, "man-0003") == 0


def sign(home, *men):
    append(home, *men)
    checkpoint_now(home)


@pytest.fixture
def branches(backed, tmp_path):
    """Return a home that went back to an older backup, then to a newer one, and both."""
    home, pre = backed
    sign(home, 7)
    post = backup(home, tmp_path / "post.db").file
    sign(home, 8, 9)
    restore(pre, home, actor="ops", reason="the wrong one", force=True)
    sign(home, 10)
    return home, pre, post


@pytest.mark.parametrize("times", [1, 2])
def test_going_back_and_forth_is_a_fork_and_no_tampering(branches, tmp_path, times):
    """What was signed on a branch that was left is told by the restore."""
    home, pre, post = branches
    restore(post, home, actor="ops", reason="the right one", force=True)
    for _ in range(times - 1):
        sign(home, 11)
        restore(pre, home, actor="ops", reason="wrong again", force=True)
        sign(home, 12)
        restore(post, home, actor="ops", reason="right again", force=True)
    verdict = verify(home)
    assert verdict.ok, verdict
    sign(home, 13)
    assert verify(home).ok
    outside = shutil.copy(home / "checkpoints.jsonl", tmp_path / "outside.jsonl")
    verdict = verify(home, against=outside)
    assert (verdict.ok, verdict.first_bad, verdict.kind) == (False, 10, "fork")


def test_an_outside_copy_of_the_branch_that_was_left_shows_the_fork(branches, tmp_path):
    """Though it holds not one line of the chain that was put back."""
    home, _, post = branches
    line = (home / "checkpoints.jsonl").read_bytes().splitlines()[-1]
    (tmp_path / "branch.jsonl").write_bytes(line + b"\n")
    restore(post, home, actor="ops", reason="the right one", force=True)
    verdict = verify(home, against=tmp_path / "branch.jsonl")
    assert (verdict.ok, verdict.first_bad, verdict.kind) == (False, 10, "fork")
    (home / "checkpoints.jsonl").write_bytes(line + b"\n")
    assert verify(home).ok


def rewritten(home, tamper, first):
    """Rewrite a chain from a record on with the machine's own key, signing it anew."""
    with contextlib.closing(sqlite3.connect(home / "ledger.db")) as connection:
        last = connection.execute("SELECT max(sequence) FROM record").fetchone()[0]
        entries = connection.execute(
            "SELECT kind, body FROM record JOIN payload USING (sequence) WHERE sequence >= ?",
            (first,),
        ).fetchall()
    for table in ("record", "payload", "filter"):
        tamper(home, (f"DELETE FROM {table} WHERE sequence >= ?", first))
    with writing(home) as appending:
        for kind, body in entries:
            if kind == "checkpoint":
                add_checkpoint(home, appending)
            elif kind == "restore":
                answer = decode_body(body, lambda _: b"").answer
                appending.add(seal(Entry(kind=kind, actor="ops", answer=answer)))
            else:
                appending.add(seal(decision(99)))
        assert appending.sequence == last


@pytest.mark.parametrize("first", [4, 8])
def test_a_restore_excuses_no_rewriting_of_what_it_put_back(branches, tamper, first):
    """The restore is there as it was, but what was signed before it is another chain."""
    home, _, post = branches
    restore(post, home, actor="ops", reason="the right one", force=True)
    sign(home, 11)
    before = (home / "checkpoints.jsonl").read_bytes()
    rewritten(home, tamper, first)
    (home / "checkpoints.jsonl").write_bytes(before)
    verdict = verify(home)
    assert (verdict.ok, verdict.kind) == (False, "rewritten chain"), verdict


def test_a_branch_that_no_restore_explains_is_told_forwards(branches, tamper, tmp_path):
    """Somebody copied the newer file into its place by hand."""
    home, _, post = branches
    lose(home)
    shutil.copy(post, home / "ledger.db")
    first, *_, left = (home / "checkpoints.jsonl").read_bytes().splitlines()
    signed = [first, (home / "checkpoints.jsonl").read_bytes().splitlines()[1], left]
    (home / "checkpoints.jsonl").write_bytes(b"\n".join(signed) + b"\n")
    verdict = verify(home)
    assert (verdict.ok, verdict.first_bad, verdict.kind) == (False, 8, "rewritten chain")
    assert "record 8 was signed twice, otherwise" in verdict.detail


def test_an_erasure_on_a_branch_touches_no_record_of_another(branches):
    """Record 8 was another man's there; whether he is in the other one, nobody knows."""
    home, _, post = branches
    erase_man(home, 10)  # record 8 of this branch, as is man 7 of the other
    receipt = restore(post, home, actor="ops", reason="the right one", force=True)
    assert told_by(home, receipt)["erasures_unknown"] is True
    assert (verify(home).ok, verify(home).erased) == (True, 0)
    assert occurrences(home, "man-0007") > 0


def test_a_backup_that_lacks_the_last_checkpoint_is_not_restored_unnoticed(home, tmp_path):
    """The line beside the ledger proves that one more record was there."""
    with open_ledger(home) as ledger:
        ledger.append(decision(1))
        file = backup(home, tmp_path / "backup.db").file
    outside = shutil.copy(home / "checkpoints.jsonl", tmp_path / "outside.jsonl")
    lose(home)
    with pytest.raises(LedgerConflictError, match="ends at 2 for a ledger that had record 3"):
        restore(file, home, actor="ops")
    receipt = restore(file, home, actor="ops", reason="disk broke", force=True)
    assert told_by(home, receipt)["left_sequence"] == 3
    assert verify(home).ok
    verdict = verify(home, against=outside)
    assert (verdict.ok, verdict.first_bad, verdict.kind) == (False, 3, "fork")


def test_a_target_that_cannot_be_written_is_named(backed):
    """With the reason, and without a word about the ledger."""
    home, _ = backed
    for file, reason in (
        (Path("/proc/backup.db"), "No such file or directory"),
        (home / ("x" * 300), "File name too long"),
        (home / ("x" * 253), "File name too long"),
    ):
        told = f"target must be writable, got {file}: {reason}. Name a file in another folder."
        with pytest.raises(LedgerError, match=f"^{re.escape(told)}$"):
            backup(home, file)


def test_a_backup_that_cannot_be_read_is_named(backed, tmp_path):
    """By its own name: it is not the ledger that is missing."""
    home, _ = backed
    with pytest.raises(LedgerError, match=r"a backup must be readable, got .*: File name too long"):
        restore(home / ("x" * 300), home, actor="ops")
    with contextlib.closing(sqlite3.connect(tmp_path / "else.db")) as other, other:
        other.execute("CREATE TABLE t (a)")
    with pytest.raises(LedgerDamageError, match=r"a backup must be a copy of a ledger, got .*else"):
        restore(tmp_path / "else.db", home, actor="ops")


@pytest.mark.parametrize("line", [b"[" * 100_000, b'{"sequence":1e999}', b"1", b"\xff"])
def test_a_line_that_is_no_checkpoint_hides_none_of_the_others(backed, line):
    """What the lines beside the ledger know is still not taken back unnoticed."""
    home, file = backed
    append(home, 7)
    lose(home)
    with (home / "checkpoints.jsonl").open("ab") as beside:
        beside.write(line + b"\n")
    with pytest.raises(LedgerConflictError, match="a restore must not lose records"):
        restore(file, home, actor="ops")


def test_erasures_are_read_as_far_as_a_broken_file_lets_them(backed):
    """A page of the records is lost; the man is erased again, whether named or zeros."""
    home, file = backed
    append(home, *range(100, 160))
    erase_man(home, 3)
    with contextlib.closing(sqlite3.connect(home / "ledger.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    content = bytearray((home / "ledger.db").read_bytes())
    page = content.find(b"man-0140") // size * size
    content[page : page + size] = b"\xff" * size
    (home / "ledger.db").write_bytes(content)
    assert not verify(home).ok
    restore(file, home, actor="ops", reason="disk broke", force=True)
    assert (verify(home).ok, verify(home).erased) == (True, 1)
    assert occurrences(home, "man-0003") == 0


def test_a_ledger_without_its_types_is_left_all_the_same(backed, tamper):
    """Nothing that stands in its columns ends the restore."""
    home, file = backed
    tamper(
        home,
        ("CREATE TABLE loose AS SELECT * FROM record",),
        ("DROP TABLE record",),
        ("ALTER TABLE loose RENAME TO record",),
        ("UPDATE record SET hash = 'text', sequence = 'last' WHERE sequence = 7",),
    )
    receipt = restore(file, home, actor="ops", reason="altered", force=True)
    assert told_by(home, receipt)["left_hash"] is None
    assert verify(home).ok
