"""Backups: made in use, restored whole, and no fork goes unnoticed."""

from __future__ import annotations

import json
import shutil

import pytest

from respredict.errors import LedgerConflictError, LedgerDamageError
from respredict.ledger.backup import backup, restore
from respredict.ledger.creation import checkpoint_now, create_ledger
from respredict.ledger.erasure import erase
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
