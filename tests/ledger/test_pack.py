"""Evidence packs: verified by the script alone, and by nobody's word."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from respredict.errors import NoRecordError
from respredict.ledger.creation import checkpoint_now, create_ledger, rotate_key
from respredict.ledger.pack import write_pack
from respredict.ledger.verify_pack import PackError, main, verify_pack
from respredict.ledger.writer import open_ledger
from tests.ledger.conftest import ENVIRONMENT, TEXT, decision

_OTHER_KIND = (
    X25519PrivateKey.generate()
    .public_key()
    .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
)


@pytest.fixture
def key(whole):
    """Return the public key of the whole ledger."""
    return whole / "checkpoint.pub"


@pytest.fixture
def pack(whole, tmp_path):
    """Return a pack of two decisions, one of which was erased."""
    made = write_pack(whole, [3, 5, 20], tmp_path / "pack.zip")
    assert made.sealed
    assert made.sequences == (3, 5, 20)
    return made.file


def test_a_pack_verifies_with_its_own_script_and_nothing_of_ours(pack, key, tmp_path):
    """In an interpreter of its own that cannot import respredict."""
    with zipfile.ZipFile(pack) as archive:
        archive.extract("verify_pack.py", tmp_path)
        assert "format.md" in archive.namelist()
    (tmp_path / "respredict").mkdir()
    (tmp_path / "respredict" / "__init__.py").write_text("raise SystemExit(9)", encoding="utf-8")
    told = subprocess.run(
        [sys.executable, "-W", "error", tmp_path / "verify_pack.py", pack, "--public-key", key,
         "--extract", tmp_path / "bytes", "--json"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert told.returncode == 0, told
    records = json.loads(told.stdout)["records"]
    assert [(r["sequence"], r["kind"], r["erased"]) for r in records] == [
        (3, "decision", True),
        (5, "decision", False),
        (20, "decision", False),
    ]
    answer = (tmp_path / "bytes" / "5.answer").read_bytes()
    assert answer == b'{"status":"scored","n":4,' + TEXT.content + b"}"
    assert (tmp_path / "bytes" / "5.environment").read_bytes() == ENVIRONMENT.content
    assert (tmp_path / "bytes" / "5.request").read_bytes() == b'{"age":24,"reference":"man-0004"}'


def test_the_script_prints_for_people(pack, key, capsys):
    """A line a record, and a last one that says it."""
    assert main([str(pack), "--public-key", str(key)]) == 0
    shown = capsys.readouterr().out
    assert "decision   erased; signed 20" in shown
    assert shown.endswith("OK: 3 records are what was signed.\n")


def rewritten(pack, target, change):
    """Copy a pack, with each member as a function gives it back."""
    with zipfile.ZipFile(pack) as source, zipfile.ZipFile(target, "w") as made:
        for name in source.namelist():
            content = change(name, source.read(name))
            if content is not None:
                made.writestr(name, content)
    return target


def flipped(member, at):
    def change(name, content):
        if name != member:
            return content
        return content[:at] + bytes([content[at] ^ 1]) + content[at:][1:]

    return change


def another_digit(name, content):
    """Change one hexadecimal digit of a signed field into another."""
    if name != "checkpoints.jsonl":
        return content
    digit = b"0" if content[40:41] != b"0" else b"1"
    return content[:40] + digit + content[41:]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (flipped("payloads/5.bin", 100), "the payload of record 5 is not what its header"),
        (flipped("payloads/5.bin", 0), "the payload of record 5 is not what its header"),
        (flipped("headers.bin", 6), "a header has another tag"),
        (flipped("headers.bin", 60), "does not follow record|is not the one that was signed"),
        (flipped(f"texts/{TEXT.digest.hex()}", 9), "the text .* was changed"),
        (flipped(f"texts/{ENVIRONMENT.digest.hex()}", 9), "the text .* was changed"),
        (another_digit, "the checkpoint of record .* is not signed"),
        (
            lambda name, content: content.replace(b'"time":"20', b'"time":"19'),
            "the checkpoint of record .* is not signed",
        ),
        (
            lambda name, content: b"" if name == "checkpoints.jsonl" else content,
            "is linked to no checkpoint",
        ),
        (
            lambda name, content: content.replace(b"[\n   3,\n", b"[5, 17], [3,"),
            "the erasure 17 does not name record 5",
        ),
        (
            lambda name, content: content.replace(b"  3,\n", b"  4,\n  3,\n", 1),
            "record 4 has no|payloads/4",
        ),
    ],
)
def test_a_changed_pack_is_refused(pack, key, tmp_path, change, message):
    """Whatever was changed in it."""
    changed = rewritten(pack, tmp_path / "changed.zip", change)
    with pytest.raises((PackError, KeyError), match=message):
        verify_pack(changed, key)


def test_exit_codes_tell_a_bad_pack_from_an_unreadable_one(pack, key, tmp_path, capsys):
    """1: it does not hold; 2: it could not be read."""
    changed = rewritten(pack, tmp_path / "changed.zip", flipped("payloads/5.bin", 100))
    assert main([str(changed), "--public-key", str(key)]) == 1
    assert main([str(changed), "--public-key", str(key), "--json"]) == 1
    missing = rewritten(
        pack, tmp_path / "missing.zip", lambda name, c: None if name == "headers.bin" else c
    )
    assert main([str(missing), "--public-key", str(key)]) == 1
    changed.write_bytes(b"no archive")
    assert main([str(changed), "--public-key", str(key)]) == 2
    assert main([str(tmp_path / "none.zip"), "--public-key", str(key)]) == 2
    shown = capsys.readouterr()
    assert shown.out.startswith("BAD: the payload of record 5")
    assert "does not follow format.md" in shown.out
    assert shown.err.count("cannot read") == 2


@pytest.mark.parametrize("content", [None, b"root:x:0:0", _OTHER_KIND])
def test_a_key_that_cannot_be_read_is_not_held_against_the_pack(pack, tmp_path, capsys, content):
    """None, another file, or a key of another kind."""
    given = tmp_path / "given.pub"
    if content is not None:
        given.write_bytes(content)
    assert main([str(pack), "--public-key", str(given)]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith(f"cannot read: the public key {given}: ")
    assert shown.out == ""


def test_a_record_named_twice_is_refused(pack, key, tmp_path):
    """The count told would be wrong."""
    twice = rewritten(
        pack, tmp_path / "twice.zip", lambda name, c: c.replace(b"  3,\n", b"  3,\n  3,\n", 1)
        if name == "manifest.json" else c,
    )  # fmt: skip
    with pytest.raises(PackError, match="the manifest names a record twice"):
        verify_pack(twice, key)


def test_another_key_vouches_for_nothing(pack, tmp_path):
    """A pack made by somebody else's ledger is not the clinic's."""
    create_ledger(tmp_path / "other")
    with pytest.raises(PackError, match="linked to no checkpoint that the given key signed"):
        verify_pack(pack, tmp_path / "other" / "checkpoint.pub")


def test_a_pack_is_sealed_when_no_checkpoint_follows(home, tmp_path):
    """The last records are signed first, or the pack says that they are not."""
    with open_ledger(home) as ledger:
        last = ledger.append(decision(1)).sequence
        loose = write_pack(home, [last], tmp_path / "loose.zip", seal=False)
        assert not loose.sealed
        with pytest.raises(PackError, match="linked to no checkpoint"):
            verify_pack(loose.file, home / "checkpoint.pub")
        made = write_pack(home, [last], tmp_path / "pack.zip")
        assert made.sealed
        assert len(verify_pack(made.file, home / "checkpoint.pub")) == 1


def test_a_key_from_before_a_rotation_still_vouches(home, tmp_path):
    """Each key vouches for the next; API keys among them do not matter."""
    first = shutil.copy(home / "checkpoint.pub", tmp_path / "first.pub")
    for n in range(2):
        rotate_key(home, actor="ops", reason=f"year {n}")
    with open_ledger(home) as ledger:
        sequence = ledger.append(decision(1)).sequence
    checkpoint_now(home)
    made = write_pack(home, [sequence], tmp_path / "pack.zip")
    for key in (first, home / "checkpoint.pub"):
        assert verify_pack(made.file, key)[0]["sequence"] == sequence


@pytest.mark.parametrize(
    ("sequences", "message"),
    [([], "at least one, got none"), ([0], "1 to .*, got 0"), ([2, 999], "1 to .*, got 999")],
)
def test_what_is_not_there_cannot_be_packed(whole, tmp_path, sequences, message):
    """Nothing is written then."""
    with pytest.raises(NoRecordError, match=f"sequences must be {message}"):
        write_pack(whole, sequences, tmp_path / "pack.zip")
    assert not (tmp_path / "pack.zip").exists()
