"""Checkpoints: when they are due, where they go, and what keeps them from it."""

from __future__ import annotations

import json
import shutil

import pytest

from respredict.errors import LedgerDamageError
from respredict.ledger.checkpoints import read_line
from respredict.ledger.creation import checkpoint_now, create_ledger, rotate_key
from respredict.ledger.keys import is_signed, read_public_key
from respredict.ledger.reading import Filter, Reader
from respredict.ledger.verify import verify
from respredict.ledger.writer import open_ledger
from tests.ledger.conftest import decision


def lines(folder) -> list:
    return [read_line(line) for line in (folder / "checkpoints.jsonl").read_bytes().splitlines()]


def test_a_thousand_records_are_signed(home):
    """In the same commit as the thousandth, and beside the ledger."""
    with open_ledger(home) as ledger:
        for start in range(0, 2100, 300):
            ledger.append_many([decision(n) for n in range(start, start + 300)])
        with Reader(home) as reader:
            found = reader.find(Filter(kind="checkpoint"), payloads=True).records
        assert [record.sequence for record in found] == [1202]
    assert [line.sequence for line in lines(home)] == [1201, 2102]
    assert lines(home)[0].line() == found[0].payload.answer
    assert all(is_signed(x.key, x.signature, x.signed) for x in lines(home))


def test_ten_minutes_with_news_are_signed_by_an_idle_writer(home, monkeypatch):
    """And nothing is signed when there is no news."""
    with open_ledger(home) as ledger:
        ledger.append(decision(1))
        ledger.tend(closing=False)
        monkeypatch.setattr("respredict.ledger.checkpoints.SECONDS", 0)
        ledger.tend(closing=False)
        with Reader(home) as reader:
            assert reader.find(Filter(kind="checkpoint")).records[0].sequence == 3
    assert checkpoint_now(home) is None
    assert verify(home).records == 3


def test_closing_signs_what_is_new(home):
    """A service that stops leaves its last records signed."""
    with open_ledger(home) as ledger:
        ledger.append(decision(1))
    with open_ledger(home):
        pass
    assert [line.sequence for line in lines(home)] == [2]


def test_checkpoints_and_the_public_key_are_carried_elsewhere(tmp_path, monkeypatch):
    """The folder elsewhere holds the same lines, also those it missed."""
    home, elsewhere = tmp_path / "home", tmp_path / "mount" / "elsewhere"
    create_ledger(home)
    with open_ledger(home) as ledger:
        ledger.append(decision(1))
    monkeypatch.setenv("RESPREDICT_CHECKPOINT_DIR", str(elsewhere))
    with open_ledger(home) as ledger:
        ledger.append(decision(2))
    assert lines(elsewhere) == lines(home)
    assert len(lines(home)) == 2
    assert read_public_key(elsewhere / "checkpoint.pub") == lines(home)[0].key
    public = elsewhere / "checkpoint.pub"
    assert verify(home, against=elsewhere / "checkpoints.jsonl", public_key=public).ok


def test_a_folder_that_cannot_be_written_is_a_problem_not_a_refusal(home, tmp_path, monkeypatch):
    """Answers go on; the health of the service says what is wrong."""
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    monkeypatch.setenv("RESPREDICT_CHECKPOINT_DIR", str(blocked))
    with open_ledger(home) as ledger:
        ledger.append_many([decision(n) for n in range(1000)])
        ledger.append(decision(1))
        assert "checkpoints must reach" in ledger.problem
    assert lines(home)


def test_a_folder_of_another_ledger_is_left_alone(home, whole, tmp_path, monkeypatch):
    """One folder holds the checkpoints of one ledger."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(whole / "checkpoints.jsonl", elsewhere)
    before = (elsewhere / "checkpoints.jsonl").read_bytes()
    monkeypatch.setenv("RESPREDICT_CHECKPOINT_DIR", str(elsewhere))
    with open_ledger(home) as ledger:
        ledger.append(decision(1))
    assert "must be of this ledger, got another's" in ledger.problem
    assert (elsewhere / "checkpoints.jsonl").read_bytes() == before


def test_half_a_line_that_a_crash_left_is_written_again(home):
    """The file holds whole lines only."""
    with open_ledger(home) as ledger:
        ledger.append(decision(1))
    file = home / "checkpoints.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole[:-30])
    with open_ledger(home) as ledger:
        ledger.append(decision(2))
    assert file.read_bytes().startswith(whole)
    assert len(lines(home)) == 2


@pytest.mark.parametrize("content", [b"not a key", None])
def test_without_its_key_nothing_is_signed_and_that_is_said(home, content):
    """Records go on unsigned; asking for a checkpoint says why there is none."""
    (home / "checkpoint.key").unlink()
    if content:
        (home / "checkpoint.key").write_bytes(content)
    with open_ledger(home) as ledger:
        ledger.append(decision(1))
    assert "checkpoint.key must" in ledger.problem
    with pytest.raises(LedgerDamageError, match=r"checkpoint.key must"):
        checkpoint_now(home)
    assert verify(home).records == 2


def test_a_rotation_that_a_crash_cut_short_is_finished(home):
    """The record was durable, the new key had not taken its place."""
    former = (home / "checkpoint.key").read_bytes()
    rotate_key(home, actor="ops", reason="yearly")
    (home / "checkpoint.key").rename(home / "checkpoint.key.next")
    (home / "checkpoint.key").write_bytes(former)
    assert checkpoint_now(home).sequence == 3
    assert not (home / "checkpoint.key.next").exists()
    assert read_public_key(home / "checkpoint.pub") == lines(home)[0].key
    assert verify(home, public_key=home / "checkpoint.pub").ok


@pytest.mark.parametrize("sequence", [-1, 0, 2**63, 10**400])
def test_a_checkpoint_signs_a_record_that_can_be(home, sequence):
    """A number that no record has is no checkpoint's."""
    checkpoint_now(home)
    told = json.loads(lines(home)[0].line())
    with pytest.raises(LedgerDamageError, match="a checkpoint must be one line of JSON as in"):
        read_line(json.dumps({**told, "sequence": sequence}).encode())


def test_a_line_nested_beyond_measure_is_no_checkpoint():
    """It is told, and does not end the program."""
    with pytest.raises(LedgerDamageError, match="a checkpoint must be one line of JSON as in"):
        read_line(b"[" * 100_000)
