"""The text of keys and tokens: drawn, recognised by form, hashed."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets

__all__ = ["digest_of", "is_key", "is_token", "new_id", "new_token"]

_ID = "[a-z2-7]{8}"
_TOKEN = "[A-Za-z0-9_-]{43}"  # noqa: S105 - its form; base64url of 32 bytes

is_id = re.compile(_ID).fullmatch
is_token = re.compile(_TOKEN).fullmatch
is_key = re.compile(f"rp_{_ID}_{_TOKEN}").fullmatch

#: Where the id and the secret stand in the text of a key.
ID, SECRET = slice(3, 11), slice(12, None)


def new_id() -> str:
    """Draw the id of a key: 40 random bits.

    Returns
    -------
    str
        8 characters of base32, lower case.
    """
    return base64.b32encode(secrets.token_bytes(5)).decode().lower()


def new_token() -> str:
    """Draw a secret: 256 random bits.

    Returns
    -------
    str
        43 characters of base64url.
    """
    return secrets.token_urlsafe(32)


def digest_of(token: str) -> bytes:
    """Hash the text of a secret, so that no other text stands for the same bytes.

    Parameters
    ----------
    token : str
        ASCII.

    Returns
    -------
    bytes
        SHA-256, 32 bytes.
    """
    return hashlib.sha256(token.encode("ascii")).digest()
