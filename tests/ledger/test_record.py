"""Bytes: what is encoded comes back, and the format is the one that format.md tells."""

from __future__ import annotations

import hashlib
import re
import struct
import uuid
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respredict.errors import LedgerDamageError
from respredict.ledger.entry import Entry, Text, fold
from respredict.ledger.payload import commit, decode_body, encode_parts, split_body
from respredict.ledger.record import as_moment, as_time, encode_header, new_id

FORMAT = resources.files("respredict.ledger").joinpath("format.md").read_text(encoding="utf-8")

texts = st.binary(max_size=80).map(Text.of)
parts = st.one_of(st.binary(max_size=200), st.lists(st.one_of(st.binary(max_size=50), texts)))
names = st.text(max_size=20)


def joined(part) -> bytes:
    pieces = [part] if isinstance(part, bytes) else part
    return b"".join(p.content if isinstance(p, Text) else p for p in pieces)


@given(
    parts, parts, names, st.none() | st.floats(allow_nan=False, allow_infinity=False), names,
    st.none() | texts, st.binary(min_size=32, max_size=32), st.binary(max_size=76),
)  # fmt: skip
def test_what_is_encoded_is_decoded(
    request_, answer, pseudonym, risk, status, environment, salt, repeat
):
    """Every payload comes back, with its texts in their places."""
    entry = Entry(
        kind="decision", actor="a", request=request_, answer=answer,
        pseudonym=pseudonym, risk=risk, status=status, environment=environment,
    )  # fmt: skip
    body, quoted = encode_parts(entry, salt, repeat)
    found = decode_body(body, quoted.__getitem__)
    assert set(found.texts) == set(quoted)
    assert found.environment == (environment.content if environment else b"")
    assert (found.request, found.answer) == (joined(request_), joined(answer))
    assert (found.pseudonym, found.risk, found.status) == (pseudonym, risk, status)
    assert body[:32] == salt
    assert split_body(body)[4] == repeat


numbers = st.integers(0, 2**63 - 1)
headers = st.tuples(
    numbers, st.binary(min_size=16, max_size=16), numbers, names, names, names, numbers,
    st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32),
)  # fmt: skip


@given(headers, headers)
def test_no_two_headers_share_their_bytes(one, other):
    """Lengths stand before the fields, so nothing can move from one to the next."""
    assert (encode_header(*one) == encode_header(*other)) == (one == other)


@given(st.binary(max_size=300), st.lists(st.binary(min_size=1, max_size=20), max_size=4))
def test_folding_keeps_every_byte(data, contents):
    """Whatever texts are found in them, the pieces joined are the data."""
    assert joined(fold(data, [Text.of(content) for content in contents])) == data


@given(st.integers(0, 4_000_000_000_000_000))
def test_a_moment_is_kept_to_the_microsecond(moment):
    """A time and its microseconds are the same."""
    assert as_moment(as_time(moment)) == moment


def test_identifiers_are_uuid_7_and_sort_by_time():
    """The version and the variant are those of RFC 9562, the first 48 bits milliseconds."""
    made = [new_id() for _ in range(200)]
    assert {i.version for i in made} == {7}
    assert {i.variant for i in made} == {uuid.RFC_4122}
    assert len(set(made)) == 200
    assert [i.int >> 80 for i in made] == sorted(i.int >> 80 for i in made)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "decison"}, "kind must be one of .* got 'decison'. Did you mean 'decision'"),
        ({"actor": ""}, "actor must be given, got nothing"),
        ({"about": -1}, "about must be a sequence or 0, got -1"),
        ({"about": 2**63}, "about must be a sequence or 0"),
        ({"risk": float("nan")}, "risk must be a finite number or None, got nan"),
    ],
)
def test_an_entry_that_the_format_cannot_hold_is_refused(changes, message):
    """It is refused where it is made."""
    with pytest.raises(ValueError, match=message):
        Entry(**{"kind": "decision", "actor": "a", **changes})


@pytest.mark.parametrize("cut", [10, 40, 60, -1])
def test_half_a_payload_is_damage(cut):
    """Bytes that are not a payload are told, not guessed."""
    body = encode_parts(Entry(kind="decision", actor="a", request=b"asked"), bytes(32))[0]
    with pytest.raises(LedgerDamageError, match="a payload must follow format"):
        decode_body(body[:cut], {}.__getitem__)


def test_a_longer_payload_and_an_unknown_piece_are_damage():
    """Nothing may stand behind the last field, and a piece is one of two kinds."""
    body = encode_parts(Entry(kind="decision", actor="a", answer=b"told"), bytes(32))[0]
    with pytest.raises(LedgerDamageError, match="1 bytes behind the last field"):
        decode_body(body + b"x", {}.__getitem__)
    odd = body.replace(b"\x00\x00\x00\x00\x04told", b"\x07\x00\x00\x00\x04told")
    with pytest.raises(LedgerDamageError, match="a piece of kind 7"):
        decode_body(odd, {}.__getitem__)


def example(name: str) -> bytes:
    """Return the indented block that follows a name in the worked example."""
    shown = FORMAT.partition("## Worked example")[2]
    block = re.search(rf"^{name}\b.*:\n\n((?:    .*\n)+)", shown, flags=re.MULTILINE)[1]
    plain = "".join(block.split())
    return bytes.fromhex(plain) if re.fullmatch("[0-9a-f]+", plain) else block.strip().encode()


def lp(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def test_the_worked_example_follows_from_the_page():
    """The page alone, with nothing of respredict, gives the bytes and hashes it shows."""
    environment, text, digests = example("environment"), example("text"), example("texts")
    assert hashlib.sha256(environment).digest() + hashlib.sha256(text).digest() == digests
    pieces = [b'{"status":"scored",', b"}"]
    first, second = (b"\x01" + struct.pack(">I", index) for index in (0, 1))
    answer = b"\x00" + lp(pieces[0]) + second + b"\x00" + lp(pieces[1])
    assert text.join(pieces) == example("answer")
    body = b"".join((
        bytes(range(32)), lp(digests), lp(b"P-17"), lp(struct.pack(">d", 0.47)), lp(b"scored"),
        lp(b""), lp(first), lp(b"\x00" + lp(b'{"age":34}')), lp(answer),
    ))  # fmt: skip
    assert body == example("body")
    commitment = hashlib.sha256(b"respredict-ledger-payload-1\n" + body).digest()
    assert commitment == example("commitment")
    fields = (
        struct.pack(">Q", 2), uuid.UUID("01977420-dc80-7b3a-8f00-000000000001").bytes,
        struct.pack(">Q", 1790000000000000), b"decision", b"key-7", b"sha256:2c26b46b",
        struct.pack(">Q", 0), commitment, b"\xab" * 32,
    )  # fmt: skip
    header = b"respredict-ledger-header-1\n" + b"".join(map(lp, fields))
    assert header == example("header")
    assert hashlib.sha256(header).digest() == example("hash")


def test_the_ledger_writes_what_the_worked_example_shows():
    """The code gives the bytes of the page."""
    text = Text.of(example("text"))
    entry = Entry(
        kind="decision", actor="key-7", model="sha256:2c26b46b", request=b'{"age":34}',
        answer=(b'{"status":"scored",', text, b"}"), pseudonym="P-17", risk=0.47, status="scored",
        environment=Text.of(example("environment")),
    )  # fmt: skip
    body = encode_parts(entry, bytes(range(32)))[0]
    assert body == example("body")
    name = uuid.UUID("01977420-dc80-7b3a-8f00-000000000001")
    header = encode_header(
        2, name.bytes, 1790000000000000, "decision", "key-7", entry.model, 0, commit(body),
        b"\xab" * 32,
    )  # fmt: skip
    assert header == example("header")
    assert commit(body) == example("commitment")
