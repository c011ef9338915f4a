"""Evidence packs: verified by the script alone, and by nobody's word."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import zipfile

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from respredict.errors import InputError, NoRecordError
from respredict.ledger.backup import backup, restore
from respredict.ledger.creation import checkpoint_now, create_ledger, rotate_key
from respredict.ledger.keys import read_public_key
from respredict.ledger.pack import check_target, write_pack
from respredict.ledger.reading import Reader
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


def changed_manifest(**members):
    """Return a change that sets members of the manifest."""

    def change(name, content):
        if name != "manifest.json":
            return content
        return json.dumps({**json.loads(content), **members}).encode()

    return change


def another_sequence(sequence):
    """Return a change that sets the sequence of every checkpoint."""

    def change(name, content):
        if name != "checkpoints.jsonl":
            return content
        lines = [{**json.loads(line), "sequence": sequence} for line in content.splitlines()]
        return b"".join(json.dumps(line).encode() + b"\n" for line in lines)

    return change


def nested(member):
    """Return a change that nests a member a hundred thousand times."""
    return lambda name, content: b"[" * 100_000 if name == member else content


@pytest.mark.parametrize(
    "change",
    [
        another_sequence(-1),
        another_sequence(2**64),
        another_sequence("20"),
        another_sequence(None),
        nested("manifest.json"),
        nested("checkpoints.jsonl"),
        lambda name, content: b"[]" if name == "manifest.json" else content,
        lambda name, content: b"[1]" if name == "checkpoints.jsonl" else content,
        changed_manifest(sequences=["\ud800"]),
        changed_manifest(sequences=[5.0]),
        changed_manifest(sequences=5),
        changed_manifest(erased=[[3, "\ud800"]]),
        changed_manifest(rotations=["\ud800"]),
        changed_manifest(rotations=[[]]),
    ],
)
def test_whatever_was_done_to_it_a_pack_is_bad_and_no_traceback(
    pack, key, tmp_path, capsys, change
):
    """Numbers of any size, another type, nested without end."""
    changed = rewritten(pack, tmp_path / "changed.zip", change)
    assert main([str(changed), "--public-key", str(key)]) == 1
    assert capsys.readouterr().out.startswith("BAD: ")
    assert main([str(changed), "--public-key", str(key), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False


def test_a_member_that_cannot_be_inflated_is_bad(pack, key, tmp_path, capsys):
    """The archive opens, and its bytes are none."""
    with zipfile.ZipFile(pack) as archive:
        found = archive.getinfo("headers.bin")
    data = bytearray(pack.read_bytes())
    start = found.header_offset + 30 + len(found.filename)
    data[start : start + found.compress_size] = b"\xff" * found.compress_size
    (tmp_path / "changed.zip").write_bytes(data)
    assert main([str(tmp_path / "changed.zip"), "--public-key", str(key)]) == 1
    assert capsys.readouterr().out.startswith("BAD: ")


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"sequences": []}, "the manifest names no record"),
        ({"pack": 2}, "the pack is of format 2, which this script does not know"),
        ({"pack": True}, "the pack is of format True"),
        ({"pack": "1"}, "the pack is of format '1'"),
        ({"sequences": [5, 20.0]}, "the manifest names what is no record"),
    ],
)
def test_a_manifest_that_promises_nothing_is_refused(pack, key, tmp_path, members, message):
    """No record, or a format that is not this one's, is not OK."""
    changed = rewritten(pack, tmp_path / "changed.zip", changed_manifest(**members))
    with pytest.raises(PackError, match=message):
        verify_pack(changed, key)


@pytest.fixture
def broken_line(home, tmp_path):
    """Return a ledger whose key was lost, and the public key from before and after."""
    with open_ledger(home) as ledger:
        ledger.append(decision(1))  # sequence 2
    checkpoint_now(home)
    first = shutil.copy(home / "checkpoint.pub", tmp_path / "first.pub")
    saved = backup(home, tmp_path / "backup.db")
    (home / "checkpoint.key").unlink()
    restore(saved.file, home, actor="ops", reason="the disk died")
    rotate_key(home, actor="ops", reason="yearly")
    with open_ledger(home) as ledger:
        last = ledger.append(decision(2)).sequence
    checkpoint_now(home)
    return home, last, first, home / "checkpoint.pub"


def test_keys_that_no_former_one_signed_are_all_named(broken_line, tmp_path, capsys):
    """Neither vouches for the other, so the pack says that both are needed, and takes both."""
    home, last, first, second = broken_line
    made = write_pack(home, [2, last], tmp_path / "pack.zip")
    assert made.keys == tuple(read_public_key(file).hex() for file in (first, second))
    for file in (first, second):
        with pytest.raises(PackError, match="linked to no checkpoint that the given key signed"):
            verify_pack(made.file, file)
    told = verify_pack(made.file, [first, second])
    assert [one["sequence"] for one in told] == [2, last]
    both = ["--public-key", str(first), "--public-key", str(second)]
    assert main([str(made.file), *both]) == 0
    assert capsys.readouterr().out.endswith("OK: 2 records are what was signed.\n")


@pytest.mark.parametrize("early", [True, False])
def test_only_the_keys_that_are_needed_are_named(broken_line, tmp_path, early):
    """Records on one side of the break verify with the key of that side."""
    home, last, first, second = broken_line
    made = write_pack(home, [2 if early else last], tmp_path / "pack.zip")
    file = first if early else second
    assert made.keys == (read_public_key(file).hex(),)
    assert len(verify_pack(made.file, file)) == 1


def test_a_pack_of_one_line_of_keys_names_the_last(whole, tmp_path):
    """A key that was rotated vouches for the next, and the next for it."""
    made = write_pack(whole, [2, 20], tmp_path / "pack.zip")
    assert made.keys == (read_public_key(whole / "checkpoint.pub").hex(),)


UNWRITABLE = [
    ("none/pack.zip", "must lie in a folder, got .*none/pack.zip. Make it first"),
    ("p" * 300 + ".zip", "must be writable, got .*: File name too long. Name another file"),
    ("folder", "must be a file, got .*folder: no file"),
    ("dangling", "must be writable, got .*dangling: File exists"),
    ("/proc/x.zip", "must be writable, got /proc/x.zip: "),
    ("p" * 300 + "/pack.zip", "must be writable, got .*: File name too long"),
]


@pytest.mark.parametrize(("name", "message"), UNWRITABLE)
def test_a_target_that_cannot_be_written_is_refused_before_anything_is(
    home, tmp_path, name, message
):
    """Nothing is signed for it, and nothing left behind."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    before = sorted(tmp_path.iterdir())
    with open_ledger(home) as ledger:
        last = ledger.append(decision(1)).sequence
        with pytest.raises(InputError, match=f"^target {message}"):
            write_pack(home, [last], tmp_path / name)
        with Reader(home) as reader:
            assert reader.head()[0] == last
    with pytest.raises(InputError, match=f"^--out {message}"):
        check_target(tmp_path / name, "--out")
    assert sorted(tmp_path.iterdir()) == before


def test_a_target_that_can_be_written_is_left_as_it_was(whole, tmp_path):
    """Asking makes no file; a pack that is there is replaced whole, for its owner alone."""
    file = tmp_path / "pack.zip"
    check_target(file)
    assert not file.exists()
    file.write_bytes(b"former")
    file.chmod(0o644)
    check_target(file)
    assert file.read_bytes() == b"former"
    assert zipfile.is_zipfile(write_pack(whole, [5], file).file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


@pytest.fixture
def little_room():
    """Let this process write no more than a kilobyte into a file, as on a disk that fills."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1024, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_the_former_pack(whole, tmp_path, little_room):
    """Half a pack takes nobody's place, and is not left behind."""
    (tmp_path / "folder").mkdir()
    file = tmp_path / "folder" / "pack.zip"
    file.write_bytes(b"former")
    saved = backup(whole, tmp_path / "backup.db").file  # read without a log
    little_room()
    with pytest.raises(InputError, match=r"target must be writable, got .*: File too large\. Name"):
        write_pack(saved, [5], file, seal=False)
    assert file.read_bytes() == b"former"
    assert list(file.parent.iterdir()) == [file]


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
