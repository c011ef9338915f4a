"""A record's place in the chain, checked on the spot."""

from __future__ import annotations

import shutil
import sqlite3
import uuid

import pytest

from respredict.audit.places import place_of, sequence_of
from respredict.errors import NoRecordError
from respredict.ledger.creation import checkpoint_now
from respredict.ledger.erasure import erase
from respredict.ledger.filtering import Filter
from respredict.ledger.reading import Reader


@pytest.fixture
def home(audited, tmp_path):
    return shutil.copytree(audited["home"], tmp_path / "home")


def change(home, statement, *values):
    with sqlite3.connect(home / "ledger.db") as connection:
        connection.execute(statement, values)
    connection.close()


def record_of(home, sequence, *, whole=True):
    with Reader(home) as reader:
        if whole:
            return reader.get(sequence)
        return reader.find(Filter(first=sequence, last=sequence), limit=1).records[0]


def test_every_record_holds_and_is_signed_in_the_end(home):
    """Each is linked to the one before, committed to, and signed once a checkpoint follows."""
    checkpoint_now(home)
    with Reader(home) as reader:
        last = reader.head()[0]
        places = [place_of(home, reader.get(s)) for s in range(1, last + 1)]
    assert {place.wrong for place in places} == {()}
    assert [place.signed for place in places] == [True] * (last - 1) + [False]
    assert (places[-2].sealed, places[-2].links, places[-1].sealed) == (last, 1, None)


@pytest.mark.parametrize(
    ("statement", "match"),
    [
        ("UPDATE payload SET body = CAST(body || x'00' AS BLOB) WHERE sequence = 5", "altered"),
        ("UPDATE record SET actor = 'mallory' WHERE sequence = 5", "header is not the one"),
        ("UPDATE record SET hash = zeroblob(32) WHERE sequence = 4", "record before it"),
        ("UPDATE filter SET status = 'scored', risk = 0.5 WHERE sequence = 5", "lists show"),
        ("UPDATE record SET moment = moment + 1 WHERE sequence = 7", "breaks at record 7"),
    ],
)
def test_damage_is_named(home, statement, match):
    """Of the record itself, of what it is linked to, and on the way to the signature."""
    change(home, statement)
    whole = "payload" not in statement
    place = place_of(home, record_of(home, 5, whole=whole))
    assert not place.signed
    assert match in " ".join(place.wrong)


def test_a_checkpoint_that_somebody_else_signed_vouches_for_nothing(home):
    """The signature is checked against the keys that the chain names."""
    record = record_of(home, 5)
    sealed = place_of(home, record).sealed
    with sqlite3.connect(home / "ledger.db") as connection:
        body = connection.execute(
            "SELECT body FROM payload WHERE sequence = ?", (sealed,)
        ).fetchone()[0]
    connection.close()
    at = body.index(b'"signature":"') + 13
    forged = body[:at] + (b"0" if body[at : at + 1] != b"0" else b"1") + body[at + 1 :]
    change(home, "UPDATE payload SET body = ? WHERE sequence = ?", forged, sealed)
    assert "not signed by a key" in " ".join(place_of(home, record).wrong)


def test_an_erased_record_keeps_its_place(home):
    """What it said is gone; header, links and signature are as they were."""
    name = record_of(home, 5).pseudonym
    erase(home, pseudonym=name, actor="ops", reason="asked for")
    place = place_of(home, record_of(home, 5))
    assert place.signed
    assert place.wrong == ()


def test_a_record_is_found_by_number_or_id(home):
    """Also where what it says cannot be read."""
    record = record_of(home, 5)
    change(home, "UPDATE payload SET body = x'ff' WHERE sequence = 5")
    assert sequence_of(home, 5) == sequence_of(home, record.id) == 5
    with pytest.raises(NoRecordError, match=r"got none with sequence 9999. `respredict audit"):
        sequence_of(home, 9999)
    with pytest.raises(NoRecordError, match="got none with id"):
        sequence_of(home, uuid.uuid4())
