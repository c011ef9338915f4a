"""Damage met by whoever reads: one sentence that names the record, and no traceback."""

from __future__ import annotations

import contextlib
import shutil

import pytest

from respredict.cli import main
from respredict.errors import LedgerDamageError, LedgerError
from respredict.ledger import segments, store
from respredict.ledger.chain import seal
from respredict.ledger.creation import checkpoint_now, rotate_key, writing
from respredict.ledger.entry import Entry, Text
from respredict.ledger.erasure import erase
from respredict.ledger.filtering import Filter
from respredict.ledger.pack import write_pack
from respredict.ledger.reading import Reader
from respredict.ledger.verify import Follower, verify
from respredict.ledger.writer import open_ledger
from tests.ledger.conftest import decision

VICTIM = 6
EXTREMES = [2**63 - 1, -(2**63), 253_402_300_800_000_000, -62_135_596_800_000_001]
STRAY = Text.of(b"what an erased man said")


@pytest.fixture
def plain(home):
    """Return a ledger of three decisions, from which nobody was erased."""
    with open_ledger(home) as ledger:
        for n in range(1, 4):
            ledger.append(decision(n))
    return home


@pytest.fixture
def in_parts(monkeypatch):
    """Read even a short chain with three processes."""
    monkeypatch.setattr(segments, "LEAST", 2)
    monkeypatch.setattr(segments, "_processors", lambda: 3)


def set_moment(tamper, home, moment):
    tamper(home, ("UPDATE record SET moment = ? WHERE sequence = ?", moment, VICTIM))


def loosen(home, tamper):
    """Take every type off the records."""
    tamper(
        home,
        ("CREATE TABLE loose AS SELECT * FROM record",),
        ("DROP TABLE record",),
        ("ALTER TABLE loose RENAME TO record",),
    )


class TestReading:
    """What a reader meets."""

    @pytest.mark.parametrize("moment", EXTREMES)
    def test_a_moment_outside_the_calendar_is_named(self, copy, tamper, moment):
        """The record can be had, so that it can be erased; its time cannot."""
        set_moment(tamper, copy, moment)
        with Reader(copy) as reader:
            record = reader.get(VICTIM)
        rule = "the moment of record 6 must lie in the years 1 to 9999"
        with pytest.raises(LedgerDamageError, match=f"{rule}, got {moment} µs"):
            _ = record.time

    def test_a_moment_of_another_type_is_named(self, copy, tamper):
        """Also where somebody took the types off the table."""
        loosen(copy, tamper)
        set_moment(tamper, copy, "noon")
        with (
            Reader(copy) as reader,
            pytest.raises(LedgerDamageError, match=r"moment of record 6 must .*, got 'noon'"),
        ):
            _ = reader.get(VICTIM).time

    @pytest.mark.parametrize("moment", EXTREMES[:2])
    @pytest.mark.parametrize("command", [["show", "6"], ["list"], ["list", "--json"]])
    def test_the_command_line_says_it_in_one_sentence(
        self, copy, tamper, monkeypatch, capsys, moment, command
    ):
        """Which is what an auditor sees first."""
        set_moment(tamper, copy, moment)
        monkeypatch.setenv("RESPREDICT_HOME", str(copy))
        assert main(["audit", *command]) == 2
        shown = capsys.readouterr()
        assert "the moment of record 6 must lie in the years 1 to 9999" in shown.err + shown.out

    @pytest.mark.parametrize(("stored", "found"), [("x'00'", "1"), ("'0123456789abcdef'", "str")])
    def test_an_id_that_is_none_is_named(self, copy, tamper, stored, found):
        """It has 16 bytes."""
        loosen(copy, tamper)
        tamper(copy, (f"UPDATE record SET id = {stored} WHERE sequence = ?", VICTIM))
        message = f"the id of record 6 must be 16 bytes, got {found}. Verify"
        with Reader(copy) as reader, pytest.raises(LedgerDamageError, match=message):
            reader.find(Filter())

    def test_a_payload_that_is_none_is_named(self, copy, tamper):
        """With what it breaks of the format."""
        tamper(copy, ("UPDATE payload SET body = x'0102' WHERE sequence = ?", VICTIM))
        with (
            Reader(copy) as reader,
            pytest.raises(LedgerDamageError, match=r"record 6: a payload must follow format\.md"),
        ):
            reader.get(VICTIM)


class TestAnEmptiedChain:
    """Every record is gone."""

    @pytest.fixture
    def emptied(self, copy, tamper):
        """Return a ledger without a record."""
        tamper(copy, ("DELETE FROM record",))
        return copy

    @pytest.mark.parametrize(
        "tried",
        [
            checkpoint_now,
            lambda home: rotate_key(home, actor="ops", reason="yearly"),
            lambda home: erase(home, pseudonym="man-0003", actor="ops", reason="asked for"),
        ],
    )
    def test_nothing_is_written_behind_it(self, emptied, tried):
        """A second beginning would look like a ledger."""
        with pytest.raises(LedgerDamageError, match="the chain must begin with record 1, got none"):
            tried(emptied)

    def test_a_service_refuses_to_go_on(self, emptied):
        """It answers that nothing can be recorded."""
        with (
            open_ledger(emptied) as ledger,
            pytest.raises(LedgerError, match="the chain must begin with record 1, got none"),
        ):
            ledger.append(decision(1))
        assert verify(emptied).records == 0

    def test_it_has_no_head(self, emptied):
        """And the command line says why."""
        with (
            Reader(emptied) as reader,
            pytest.raises(LedgerDamageError, match="the chain must begin with record 1, got none"),
        ):
            reader.head()

    def test_it_does_not_verify(self, emptied, tamper):
        """Not even if every other table is emptied too, and the checkpoints are gone."""
        assert not verify(emptied).ok
        for table in ("payload", "filter", "text", "idempotency"):
            tamper(emptied, (f"DELETE FROM {table}",))
        (emptied / "checkpoints.jsonl").unlink()
        verdict = verify(emptied)
        assert (verdict.first_bad, verdict.kind) == (1, "missing record")

    def test_a_chain_without_its_first_record_is_not_signed(self, copy, tamper):
        """The first one names the ledger."""
        tamper(copy, ("DELETE FROM record WHERE sequence = 1",))
        for tried in (checkpoint_now, lambda home: rotate_key(home, actor="ops", reason="-")):
            with pytest.raises(LedgerDamageError, match="the chain must begin with record 1"):
                tried(copy)


class TestPacking:
    """What cannot be packed is named, and nothing is left of the pack."""

    @pytest.mark.parametrize(
        ("statement", "message"),
        [
            (
                "DELETE FROM payload WHERE sequence = 6",
                "the payload of record 6 must be there unless an erasure names it, got none",
            ),
            (
                "UPDATE payload SET body = zeroblob(200) WHERE sequence = 6",
                "the payload of record 6 must be there unless an erasure names it, got none",
            ),
            (
                "UPDATE payload SET body = x'0102' WHERE sequence = 6",
                r"record 6: a payload must follow format\.md, got",
            ),
            ("DELETE FROM text", "a text that record 6 quotes must be in the ledger, got none"),
            (
                f"UPDATE record SET moment = {-(2**63)} WHERE sequence = 6",
                r"the header of record 6 must follow format\.md, got",
            ),
            (
                "UPDATE record SET about = -1 WHERE sequence = 9",
                r"the header of record 9 must follow format\.md, got",
            ),
            ("DELETE FROM record WHERE sequence = 6", "record 6 must be in the ledger, got none"),
            ("DELETE FROM record WHERE sequence = 9", "record 9 must be in the ledger, got none"),
            (
                "UPDATE payload SET body = zeroblob(200) WHERE sequence = 15",
                r"record 15: a payload must follow format\.md, got",
            ),
            (
                "UPDATE payload SET body = zeroblob(200) WHERE sequence = 1",
                r"record 1: a payload must follow format\.md, got",
            ),
            (
                "UPDATE payload SET body = x'0102' WHERE sequence = 17",
                r"record 17: a payload must follow format\.md, got",
            ),
        ],
    )
    def test_a_damaged_record_is_named(self, copy, tamper, tmp_path, statement, message):
        """Whatever is wrong with it."""
        tamper(copy, (statement,))
        folder = tmp_path / "folder"
        folder.mkdir()
        with pytest.raises(LedgerDamageError, match=message):
            write_pack(copy, [3, VICTIM], folder / "pack.zip")
        assert list(folder.iterdir()) == []

    @pytest.mark.parametrize("answer", [b"no list", b"{}", b'{"erased":7}', b'{"erased":[[]]}'])
    def test_an_erasure_that_says_nothing_is_named(self, copy, tmp_path, answer):
        """Which record it erased cannot be told."""
        with writing(copy) as appending:
            appending.add(seal(Entry(kind="erasure", actor="ops", answer=answer)))
        with pytest.raises(LedgerDamageError, match="record 24 must list what it erased, got"):
            write_pack(copy, [3], tmp_path / "pack.zip")
        assert write_pack(copy, [5], tmp_path / "pack.zip").sequences == (5,)


class TestTexts:
    """A text that no record quotes is a place where no erasure reaches."""

    def insert(self, tamper, home):
        """Put a text beside the chain."""
        tamper(home, ("INSERT INTO text VALUES (?, ?)", STRAY.digest, STRAY.content))

    def test_one_that_no_record_quotes_is_told(self, plain, tamper):
        """Though it is what its digest says."""
        assert verify(plain).ok
        self.insert(tamper, plain)
        verdict = verify(plain)
        assert (verdict.first_bad, verdict.kind) == (None, "inserted text")
        assert STRAY.digest.hex()[:12] in verdict.detail

    def test_it_is_told_as_well_by_several_readers(self, plain, tamper, in_parts):
        """Each text may be quoted in another part."""
        with open_ledger(plain) as ledger:
            for n in range(6):
                own = Text.of(b"only in record %d of them" % n)
                ledger.append(Entry(kind="decision", actor="key-1", answer=(own,)))
        with contextlib.closing(store.read_only(plain)) as connection:
            assert segments.walk_in_parts(plain, connection, None) is not None
        assert verify(plain).ok
        self.insert(tamper, plain)
        with contextlib.closing(store.read_only(plain)) as connection:
            assert segments.walk_in_parts(plain, connection, None) is None
        assert verify(plain).kind == "inserted text"

    @pytest.mark.parametrize("parted", [False, True])
    def test_it_is_told_by_who_follows(self, plain, tamper, monkeypatch, parted):
        """Inserted after the first reading, which one or several processes made."""
        if parted:
            monkeypatch.setattr(segments, "LEAST", 2)
            monkeypatch.setattr(segments, "_processors", lambda: 2)
        follower = Follower(plain)
        assert follower.verify().ok
        with open_ledger(plain) as ledger:
            new = Text.of(b"new")
            ledger.append(Entry(kind="decision", actor="key-1", answer=(new,)))
        assert follower.verify().ok
        self.insert(tamper, plain)
        assert follower.verify().kind == "inserted text"

    def test_one_that_an_erased_record_may_have_quoted_stays(self, plain):
        """Nobody can tell any more, so nothing is said."""
        with open_ledger(plain) as ledger:
            answer = (Text.of(b"quoted once"),)
            ledger.append(decision(9, answer=answer))
        assert verify(plain).ok
        follower = Follower(plain)
        assert follower.verify().ok
        erase(plain, pseudonym="man-0009", actor="ops", reason="asked for")
        assert follower.verify().ok
        assert verify(plain).ok


class TestRowsWithoutContent:
    """Rows that say nothing must not stand there."""

    @pytest.mark.parametrize("sequence", [1, 12, 15, 16, 17, 23])
    def test_a_row_of_empty_filters_is_told(self, copy, tamper, sequence):
        """There is no row if all are empty."""
        tamper(copy, ("INSERT INTO filter VALUES (?, '', NULL, '')", sequence))
        verdict = verify(copy)
        assert (verdict.first_bad, verdict.kind) == (sequence, "altered payload")

    @pytest.mark.parametrize("length", [0, 10, 32, 63])
    def test_an_erased_body_shorter_than_any_is_told(self, copy, tamper, length):
        """A payload has a salt and eight lengths."""
        shorten = "UPDATE payload SET body = zeroblob(?) WHERE sequence = 3"
        tamper(copy, (shorten, length))
        verdict = verify(copy)
        assert (verdict.first_bad, verdict.kind) == (3, "altered payload")
        tamper(copy, (shorten, 64))
        assert verify(copy).ok

    def test_it_is_told_by_who_follows(self, plain, tamper):
        """Of what was erased since he read it."""
        follower = Follower(plain)
        assert follower.verify().ok
        erase(plain, pseudonym="man-0002", actor="ops", reason="asked for")
        tamper(plain, ("UPDATE payload SET body = zeroblob(9) WHERE sequence = 3",))
        verdict = follower.verify()
        assert (verdict.first_bad, verdict.kind) == (3, "altered payload")


def test_a_copy_of_the_whole_still_verifies(whole, tmp_path):
    """What was erased, quoted and rotated as it should be is no damage."""
    assert verify(shutil.copytree(whole, tmp_path / "again")).ok
