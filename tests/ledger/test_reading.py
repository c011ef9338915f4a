"""Reading: by id and sequence, filtered, in pages, and the size of it all."""

from __future__ import annotations

import datetime

import pytest

from respredict.errors import LedgerDamageError, LedgerError, NoRecordError
from respredict.ledger.entry import Entry
from respredict.ledger.reading import Filter, Reader
from respredict.ledger.record import header_hash, new_id
from respredict.ledger.sizes import size
from respredict.ledger.writer import open_ledger
from tests.ledger.conftest import ENVIRONMENT, TEXT, decision


@pytest.fixture
def reader(whole):
    with Reader(whole) as reader:
        yield reader


def test_a_record_is_found_by_sequence_and_by_id(reader):
    """Either way it is the same record, with the exact bytes."""
    record = reader.get(5)
    assert reader.get(record.id) == record
    assert record.payload.request == b'{"age":24,"reference":"man-0004"}'
    assert record.payload.answer == b'{"status":"scored","n":4,' + TEXT.content + b"}"
    assert record.payload.texts == (ENVIRONMENT.digest, TEXT.digest)
    assert record.payload.environment == ENVIRONMENT.content
    assert header_hash(record.header) == record.hash
    assert record.time.tzinfo is datetime.UTC
    assert reader.head()[0] == reader.find(limit=1, newest_first=True).records[0].sequence


@pytest.mark.parametrize("which", [0, 999, new_id()])
def test_what_is_not_there_is_told(reader, which):
    """No record is an error, not an empty one."""
    with pytest.raises(NoRecordError, match="a record must be in the ledger, got none"):
        reader.get(which)


@pytest.mark.parametrize(
    ("asked", "sequences"),
    [
        ({"kind": "decision", "last": 5}, [2, 3, 4, 5]),
        ({"kind": "outcome"}, [14]),
        ({"first": 12, "last": 14}, [12, 13, 14]),
        ({"model": "sha256:" + "2c" * 32, "first": 20}, [20, 21, 22]),
        ({"actor": "ops", "kind": "amendment"}, [13]),
        ({"about": 4}, [14]),
        ({"status": "caution"}, [4, 7, 10, 19, 22]),
        ({"risk_from": 0.014, "risk_to": 0.016}, [5, 6, 7]),
        ({"pseudonym": "man-0003"}, [4]),
        ({"pseudonym": "man-0002"}, []),
        ({"pseudonym": ""}, []),
        ({"until": datetime.datetime(2020, 1, 1)}, []),
        ({"since": datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC), "last": 2}, [1, 2]),
    ],
)
def test_filters_find_their_records(reader, asked, sequences):
    """Alone or together."""
    assert [r.sequence for r in reader.find(Filter(**asked), limit=100).records] == sequences


@pytest.mark.parametrize("newest_first", [False, True])
def test_pages_join_to_the_whole(reader, newest_first):
    """Nothing is lost or doubled between pages."""
    found, after = [], None
    while True:
        page = reader.find(after=after, limit=4, newest_first=newest_first, payloads=True)
        found += [record.sequence for record in page.records]
        after = page.after
        if after is None:
            break
    last = reader.head()[0]
    assert found == sorted(range(1, last + 1), reverse=newest_first)


@pytest.mark.parametrize("limit", [0, 1001])
def test_a_page_has_its_limits(reader, limit):
    """A reader cannot ask for everything at once."""
    with pytest.raises(ValueError, match=f"limit must be 1 to 1000, got {limit}"):
        reader.find(limit=limit)


def test_a_text_that_is_not_there_is_damage(reader):
    """An answer is never given with a hole in it."""
    with pytest.raises(LedgerDamageError, match="a quoted text must be in the ledger"):
        reader.text(bytes(32))


def test_a_reader_sees_what_is_appended_and_a_ledger_that_was_moved(home):
    """It keeps no state of its own."""
    with open_ledger(home) as ledger, Reader(home) as reader:
        assert reader.head()[0] == 1
        ledger.append(decision(1))
        assert reader.head()[0] == 2
        (home / "ledger.db").rename(home / "elsewhere.db")
        with pytest.raises(LedgerError, match="got missing"):
            reader.head()
    with pytest.raises(LedgerError, match="got missing"):
        size(home / "nowhere")


def test_static_texts_are_stored_once(home):
    """A decision that quotes them costs what is its own."""
    long = decision(1).answer[1]
    with open_ledger(home) as ledger:
        ledger.append_many([decision(n) for n in range(200)])
    measured = size(home)
    assert measured.texts == 2
    assert measured.text_bytes == len(long.content) + len(ENVIRONMENT.content)
    assert measured.records >= 201
    assert measured.bytes_per_record < 1_200
    assert measured.checkpoint_bytes > 300


def test_a_note_is_attached_to_its_decision(home):
    """An amendment names the record it is about, and leaves it as it was."""
    with open_ledger(home) as ledger:
        first = ledger.append(decision(1))
        note = Entry(kind="amendment", actor="ops", about=first.sequence, answer=b"wrong unit")
        ledger.append(note)
    with Reader(home) as reader:
        (found,) = reader.find(Filter(about=first.sequence), payloads=True).records
        assert (found.kind, found.payload.answer) == ("amendment", b"wrong unit")
        assert reader.get(first.sequence).hash.hex() == first.hash
