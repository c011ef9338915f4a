"""The Ed25519 key that signs checkpoints: made, read, named in the chain, rotated."""

from __future__ import annotations

import json
import os
import sqlite3
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from respredict.errors import LedgerDamageError
from respredict.files import write_atomically
from respredict.ledger.entry import Entry
from respredict.ledger.payload import decode_body
from respredict.ledger.store import unavailable, unreadable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = ["is_signed", "key_in_force", "make_key", "private_key", "read_public_key"]

CHECKPOINT_TAG = b"respredict-ledger-checkpoint-1\n"
KEY_TAG = b"respredict-ledger-key-1\n"
PRIVATE, NEXT, PUBLIC = "checkpoint.key", "checkpoint.key.next", "checkpoint.pub"

_U32 = struct.Struct(">I")


def _lps(tag: bytes, *fields: bytes) -> bytes:
    return tag + b"".join(_U32.pack(len(field)) + field for field in fields)


def signed_checkpoint(ledger: bytes, sequence: int, digest: bytes, when: str, key: bytes) -> bytes:
    """Return the bytes that a checkpoint's signature is over."""
    number = sequence.to_bytes(8, "big")
    return _lps(CHECKPOINT_TAG, ledger, number, digest, when.encode(), key)


def signed_rotation(ledger: bytes, former: bytes, new: bytes) -> bytes:
    """Return the bytes that the former key signs to name the new one."""
    return _lps(KEY_TAG, ledger, former, new)


def make_key(file: Path) -> Ed25519PrivateKey:
    """Make a key and write it, readable by its owner alone.

    Parameters
    ----------
    file : Path
        Must not exist.

    Returns
    -------
    Ed25519PrivateKey
        New.

    Raises
    ------
    LedgerError
        If the file exists or cannot be written.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(pem)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise unavailable(error) from error
    return key


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """Return the raw public key, 32 bytes."""
    return key.public_key().public_bytes_raw()


def write_public(file: Path, raw: bytes) -> None:
    """Write a public key as PEM, in one step, for all to read and its owner to write."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    pem = Ed25519PublicKey.from_public_bytes(raw).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    write_atomically(file, pem)


def read_public_key(file: Path) -> bytes:
    """Read a public key: PEM, or 64 hexadecimal digits.

    Parameters
    ----------
    file : Path
        ``checkpoint.pub``, best from a copy that is not on this machine.

    Returns
    -------
    bytes
        Raw, 32 bytes.

    Raises
    ------
    LedgerDamageError
        If the file holds no Ed25519 public key.
    LedgerError
        If it cannot be read.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        content = file.read_bytes().strip()
    except OSError as error:
        raise unreadable(file, error) from error
    try:
        if not content.startswith(b"-----"):
            key: Any = Ed25519PublicKey.from_public_bytes(bytes.fromhex(content.decode()))
        else:
            key = load_pem_public_key(content)
        if isinstance(key, Ed25519PublicKey):
            return key.public_bytes_raw()
        found = f"a key of type {type(key).__name__}"
    except (ValueError, UnsupportedAlgorithm):
        found = "neither PEM nor 64 hexadecimal digits of one"
    msg = f"{file.name} must hold an Ed25519 public key, got {found}. Name checkpoint.pub."
    raise LedgerDamageError(msg)


def is_signed(key: bytes, signature: bytes, message: bytes) -> bool:
    """Return whether a signature is this key's over this message.

    Parameters
    ----------
    key : bytes
        Raw public key.
    signature : bytes
        Ed25519.
    message : bytes
        What was signed.

    Returns
    -------
    bool
        False also for what is no key.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def key_entry(
    actor: str, new: bytes, former: bytes = b"", signature: bytes = b"", reason: str = ""
) -> Entry:
    """Return the entry that names the key that signs from here on."""
    told = {
        "checkpoint_key": new.hex(),
        "former": former.hex(),
        "signature": signature.hex(),
        "reason": reason,
    }
    return Entry(kind="key", actor=actor, answer=json.dumps(told).encode())


def named_key(answer: bytes) -> tuple[bytes, bytes, bytes] | None:
    """Return new key, former key and signature, if a ``key`` record is about checkpoints."""
    try:
        told = json.loads(answer)
        fields = ("checkpoint_key", "former", "signature")
        new, former, signature = (bytes.fromhex(told[field]) for field in fields)
    except (ValueError, KeyError, TypeError):
        return None  # a record about somebody's API key
    return new, former, signature


def key_in_force(connection: sqlite3.Connection) -> bytes:
    """Return the public key that the chain names last.

    Parameters
    ----------
    connection : sqlite3.Connection
        To the ledger.

    Returns
    -------
    bytes
        Raw, 32 bytes.

    Raises
    ------
    LedgerDamageError
        If the chain names none.
    """
    rows = connection.execute(
        "SELECT body FROM record JOIN payload USING (sequence) "
        "WHERE kind = 'key' ORDER BY sequence DESC"
    )
    for (body,) in rows.fetchall():
        named = named_key(decode_body(body, lambda _: b"").answer)  # ours quotes no text
        if named:
            return named[0]
    msg = "the chain must name the key of its checkpoints, got none. Verify the ledger."
    raise LedgerDamageError(msg)


def private_key(home: Path, public: bytes) -> Ed25519PrivateKey:
    """Read the key of the home that belongs to a public one.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    public : bytes
        What the chain names.

    Returns
    -------
    Ed25519PrivateKey
        To sign with; a rotation that a crash cut short is brought to its end.

    Raises
    ------
    LedgerDamageError
        If it is another key.
    LedgerError
        If none can be read.
    """
    for name in (PRIVATE, NEXT):
        key = read_private(home / name)
        if key is not None and public_bytes(key) == public:
            if name == NEXT:
                (home / NEXT).replace(home / PRIVATE)
                write_public(home / PUBLIC, public)
            return key
    msg = f"{PRIVATE} must be the key that the chain names, got another or none. Restore it."
    raise LedgerDamageError(msg)


def has_private(home: Path, public: bytes) -> bool:
    """Return whether the key of the home that belongs to a public one can be read; change nothing.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    public : bytes
        What the chain names.

    Returns
    -------
    bool
        Whether later records can be signed here.

    Raises
    ------
    LedgerDamageError, LedgerError
        As of :func:`private_key`.
    """
    keys = (read_private(home / name) for name in (PRIVATE, NEXT))
    return any(key is not None and public_bytes(key) == public for key in keys)


def read_private(file: Path) -> Ed25519PrivateKey | None:
    """Read a private key; None if there is no such file."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(file.read_bytes(), password=None)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unavailable(error) from error
    except (ValueError, TypeError) as error:
        msg = f"{file.name} must hold a private key, got {error}. Restore it from a copy."
        raise LedgerDamageError(msg) from error
    if not isinstance(key, Ed25519PrivateKey):
        msg = f"{file.name} must hold an Ed25519 key, got another kind. Restore it from a copy."
        raise LedgerDamageError(msg)
    return key
