"""Verify an evidence pack offline: ``python verify_pack.py PACK.zip --public-key FILE``.

The rules are those of ``format.md``. Take this script and the key from elsewhere than the
pack; give ``--public-key`` again for a key that no former one signed. Exit code 0: all
holds; 1: it does not; 2: it could not be read.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import struct
import sys
import uuid
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

__all__ = ["KeyFileError", "PackError", "verify_pack"]

HEADER_TAG = b"respredict-ledger-header-1\n"
PAYLOAD_TAG = b"respredict-ledger-payload-1\n"
CHECKPOINT_TAG = b"respredict-ledger-checkpoint-1\n"
KEY_TAG = b"respredict-ledger-key-1\n"
NAMES = (
    "sequence", "id", "moment", "kind", "actor", "model", "about", "commitment", "previous",
)  # fmt: skip
PACK_FORMAT = 1
#: What reading raises where somebody changed a pack; RuntimeError if it is nested too deeply.
_BROKEN = (
    ArithmeticError, AttributeError, EOFError, LookupError, RuntimeError, TypeError, ValueError,
    struct.error, zlib.error,
)  # fmt: skip


class PackError(Exception):
    """What does not hold."""


class KeyFileError(Exception):
    """Why the public key cannot be read, which says nothing of the pack."""


def need(holds: object, otherwise: str) -> None:
    """Raise what does not hold, unless it does."""
    if not holds:
        raise PackError(otherwise)


def prefixed(data: bytes) -> list[bytes]:
    """Return fields that each stand behind their length, four bytes, big-endian."""
    fields, at = [], 0
    while at < len(data):
        size = struct.unpack_from(">I", data, at)[0]
        need(at + 4 + size <= len(data), f"a field ends behind its {len(data)} bytes")
        fields.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return fields


def joined(tag: bytes, *fields: bytes) -> bytes:
    """Return a tag and each field behind its length."""
    return tag + b"".join(struct.pack(">I", len(field)) + field for field in fields)


def read_headers(data: bytes) -> dict[int, dict[str, Any]]:
    """Return the fields of each header by its sequence, with its hash."""
    found = {}
    for header in prefixed(data):
        need(header.startswith(HEADER_TAG), "a header has another tag")
        told: dict[str, Any] = dict(zip(NAMES, prefixed(header[len(HEADER_TAG) :]), strict=True))
        for name in ("sequence", "moment", "about"):
            told[name] = int.from_bytes(told[name], "big")
        for name in ("kind", "actor", "model"):
            told[name] = told[name].decode()
        told["hash"] = hashlib.sha256(header).digest()
        found[told["sequence"]] = told
    return found


def read_answer(archive: zipfile.ZipFile, sequence: int, header: dict[str, Any]) -> list[bytes]:
    """Return environment, request and answer of a payload that opens its commitment."""
    body = archive.read(f"payloads/{sequence}.bin")
    opens = hashlib.sha256(PAYLOAD_TAG + body).digest() == header["commitment"]
    need(opens, f"the payload of record {sequence} is not what its header commits to")
    quoted, *_, environment, request, answer = prefixed(body[32:])
    texts = [quoted[i : i + 32] for i in range(0, len(quoted), 32)]
    return [expand(archive, part, texts) for part in (environment, request, answer)]


def expand(archive: zipfile.ZipFile, part: bytes, texts: list[bytes]) -> bytes:
    """Return the exact bytes of a request or an answer, with its quoted texts put back."""
    pieces, at = [], 0
    while at < len(part):
        kind, number = part[at], struct.unpack_from(">I", part, at + 1)[0]
        if kind == 0:
            pieces.append(part[at + 5 : at + 5 + number])
            at += number
        else:
            text = archive.read(f"texts/{texts[number].hex()}")
            intact = hashlib.sha256(text).digest() == texts[number]
            need(intact, f"the text {texts[number].hex()} was changed")
            pieces.append(text)
        at += 5
    return b"".join(pieces)


def is_signed(key: bytes, signature: bytes, message: bytes) -> bool:
    """Return whether a signature is this key's over this message."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def read_checkpoints(archive: zipfile.ZipFile) -> dict[int, dict[str, Any]]:
    """Return the checkpoints by the sequence they sign, each signed by the key it names."""
    signed: dict[int, dict[str, Any]] = {}
    for line in archive.read("checkpoints.jsonl").splitlines():
        told = json.loads(line)
        for name in ("ledger", "hash", "key", "signature"):
            told[name] = bytes.fromhex(told[name])
        number, time = told["sequence"].to_bytes(8, "big"), told["time"].encode()
        message = joined(CHECKPOINT_TAG, told["ledger"], number, told["hash"], time, told["key"])
        good = is_signed(told["key"], told["signature"], message)
        need(good, f"the checkpoint of record {told['sequence']} is not signed")
        signed[told["sequence"]] = told
    return signed


def believe(
    archive: zipfile.ZipFile,
    rotations: list[int],
    given: set[bytes],
    headers: dict[int, dict[str, Any]],
    signed: dict[int, dict[str, Any]],
) -> dict[int, dict[str, Any]]:
    """Return the checkpoints of the given keys, of those they signed, and of those before."""
    believed, named = {*given}, []
    for sequence in rotations:
        told = json.loads(read_answer(archive, sequence, headers[sequence])[2])
        new, former, signature = (
            bytes.fromhex(told[name]) for name in ("checkpoint_key", "former", "signature")
        )
        named.append((sequence, former, new))
        ledgers = {one["ledger"] for one in signed.values()}
        messages = [joined(KEY_TAG, ledger, former, new) for ledger in ledgers]
        if former in believed and any(is_signed(former, signature, m) for m in messages):
            believed.add(new)
    for sequence, former, new in reversed(named):
        # A chain that a believed key signed says whose successor that key is.
        own = {at: one for at, one in signed.items() if one["key"] in believed}
        if new in believed and vouched(sequence, headers, own):
            believed.add(former)
    return {at: one for at, one in signed.items() if one["key"] in believed}


def vouched(
    sequence: int, headers: dict[int, dict[str, Any]], signed: dict[int, dict[str, Any]]
) -> dict[str, Any] | None:
    """Return the checkpoint that a record is linked to, header by header, if there is one."""
    at = sequence
    while at in headers:
        if at in signed:
            same = signed[at]["hash"] == headers[at]["hash"]
            need(same, f"record {at} is not the one that was signed")
            return signed[at]
        behind = headers.get(at + 1, {"previous": headers[at]["hash"]})
        follows = behind["previous"] == headers[at]["hash"]
        need(follows, f"record {at + 1} does not follow record {at}")
        at += 1
    return None


def need_vouched(
    sequence: int, headers: dict[int, dict[str, Any]], signed: dict[int, dict[str, Any]]
) -> dict[str, Any]:
    """Return the checkpoint that vouches for a record; refuse one that has none."""
    by = vouched(sequence, headers, signed)
    need(by, f"record {sequence} is linked to no checkpoint that the given key signed")
    return by or {}


def need_erasure(
    archive: zipfile.ZipFile, sequence: int, by: int, headers: dict[int, dict[str, Any]]
) -> None:
    """Refuse a payload that is said to be erased, unless a record of the chain says so."""
    header = headers.get(by, {"kind": None})
    need(header["kind"] == "erasure", f"record {sequence} has no payload, and none erased it")
    erased = json.loads(read_answer(archive, by, header)[2])["erased"]
    need(sequence in erased, f"the erasure {by} does not name record {sequence}")


def read_key(file: Path) -> bytes:
    """Return the raw public key of a PEM file."""
    try:
        key = load_pem_public_key(file.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        msg = f"the public key {file}: {error}"
        raise KeyFileError(msg) from error
    if not isinstance(key, Ed25519PublicKey):
        msg = f"the public key {file}: it is of another kind than Ed25519"
        raise KeyFileError(msg)
    return key.public_bytes_raw()


def read_manifest(archive: zipfile.ZipFile) -> dict[str, Any]:
    """Return what a pack says it holds; refuse one of another format, or of no record."""
    manifest: dict[str, Any] = json.loads(archive.read("manifest.json"))
    number = manifest["pack"]
    known = type(number) is int and number == PACK_FORMAT
    need(known, f"the pack is of format {number!r}, which this script does not know")
    sequences = manifest["sequences"]
    need(all(type(one) is int for one in sequences), "the manifest names what is no record")
    need(sequences, "the manifest names no record")
    need(len(sequences) == len({*sequences}), "the manifest names a record twice")
    return manifest


def verify_pack(
    pack: Path, public_key: Path | Sequence[Path], extract: Path | None = None
) -> list[dict[str, Any]]:
    """Verify every record of a pack.

    Parameters
    ----------
    pack : Path
        The archive.
    public_key : Path or sequence of Path
        ``checkpoint.pub``, from elsewhere than the pack; each is believed.
    extract : Path or None, default=None
        Folder for the exact bytes of environments, requests and answers.

    Returns
    -------
    list of dict
        For each record what it is, and the checkpoint that vouches for it.

    Raises
    ------
    PackError
        If anything does not hold.
    KeyFileError
        If the public key cannot be read.
    """
    files = [public_key] if isinstance(public_key, Path) else public_key
    told, given = [], {read_key(file) for file in files}
    with zipfile.ZipFile(pack) as archive:
        manifest = read_manifest(archive)
        headers = read_headers(archive.read("headers.bin"))
        every = read_checkpoints(archive)
        signed = believe(archive, manifest["rotations"], given, headers, every)
        erased = dict(manifest["erased"])
        for sequence in manifest["sequences"]:
            need(sequence in headers, f"record {sequence} has no header")
            by = need_vouched(sequence, headers, signed)
            if sequence in erased:
                need_erasure(archive, sequence, erased[sequence], headers)
                need_vouched(erased[sequence], headers, signed)
            else:
                save(extract, sequence, *read_answer(archive, sequence, headers[sequence]))
            told.append(row(headers[sequence], by, erased=sequence in erased))
    return told


def row(header: dict[str, Any], by: dict[str, Any], *, erased: bool) -> dict[str, Any]:
    """Return what is known of a verified record."""
    time = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=header["moment"])
    return {
        "sequence": header["sequence"],
        "id": str(uuid.UUID(bytes=header["id"])),
        "time": f"{time.isoformat()}Z",
        "kind": header["kind"],
        "actor": header["actor"],
        "model": header["model"],
        "hash": header["hash"].hex(),
        "erased": erased,
        "signed_at": by["time"],
        "signed_to": by["sequence"],
    }


def save(folder: Path | None, sequence: int, *parts: bytes) -> None:
    """Write the exact bytes of a payload's parts into a folder, if one is named."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, part in zip(("environment", "request", "answer"), parts, strict=True):
            file = folder / f"{sequence}.{name}"
            file.touch(mode=0o600)  # what a man's record says
            file.write_bytes(part)


def deny(detail: str, *, as_json: bool) -> int:
    """Print what does not hold, whatever signs it quotes; return the exit code that says so."""
    plain = detail.encode("ascii", "backslashreplace").decode()
    print(json.dumps({"ok": False, "detail": detail}) if as_json else f"BAD: {plain}")
    return 1


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(description="Verify an evidence pack offline.")
    parser.add_argument("pack", type=Path)
    parser.add_argument(
        "--public-key", type=Path, required=True, action="append",
        help="checkpoint.pub; again for a key that no former one signed",
    )  # fmt: skip
    parser.add_argument("--extract", type=Path, help="folder for the exact bytes")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    try:
        told = verify_pack(asked.pack, asked.public_key, asked.extract)
    except PackError as error:
        return deny(str(error), as_json=asked.json)
    except (OSError, zipfile.BadZipFile, KeyFileError) as error:
        print(f"cannot read: {error}", file=sys.stderr)
        return 2
    except _BROKEN as error:
        return deny(f"the pack does not follow format.md: {error!r}", as_json=asked.json)
    if asked.json:
        print(json.dumps({"ok": True, "records": told}))
        return 0
    for one in told:
        what = "erased" if one["erased"] else "payload opens"
        print(
            f"{one['sequence']:>8}  {one['time']}  {one['kind']:<10} {what}; "
            f"signed {one['signed_at']} up to {one['signed_to']}"
        )
    several = "1 record is" if len(told) == 1 else f"{len(told)} records are"
    print(f"OK: {several} what was signed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
