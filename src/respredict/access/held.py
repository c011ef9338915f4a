"""The keys as a worker holds them in memory, and how it learns that they changed.

The keys are few, so all of them are held and a guess adds nothing. At most every
``POLL_SECONDS`` the next request first asks SQLite whether ``keys.db`` has changed, which
bounds how long a revoked key still lets somebody in.
"""

from __future__ import annotations

import contextlib
import math
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from respredict.access.identity import Identity
from respredict.access.store import connect, keys_file, unavailable

__all__ = ["POLL_SECONDS", "HeldKey", "HeldKeys"]

#: A revocation is in force in every worker after this long.
POLL_SECONDS = 0.25

_UNREAD = -1


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key as held in memory.

    Parameters
    ----------
    digest : bytes
        SHA-256 of its secret.
    identity : Identity
        Whom it stands for.
    expires : float
        Seconds since 1970; infinite if it has no end.
    revoked : bool
        Whether it was revoked.
    """

    digest: bytes = field(repr=False)
    identity: Identity
    expires: float
    revoked: bool


class HeldKeys:
    """All keys of the store, at most ``POLL_SECONDS`` old.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.

    Raises
    ------
    KeyStoreError
        If the store cannot be read.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._file, self._connection = _open(home)
        self._version, self._due = _UNREAD, -math.inf
        self._keys: dict[str, HeldKey] = {}
        self.current()

    def current(self) -> dict[str, HeldKey]:
        """Return the keys by their ids; not to be written to.

        Returns
        -------
        dict of str to HeldKey
            Read anew if the store has changed since the last look.

        Raises
        ------
        KeyStoreError
            If the store cannot be read; then nobody is let in on what was true once.
        """
        if time.monotonic() >= self._due:
            with self._lock:
                begun = time.monotonic()
                if begun >= self._due:
                    self._poll()
                    self._due = begun + POLL_SECONDS
        return self._keys

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Read from the store, one thread at a time.

        Yields
        ------
        sqlite3.Connection
            Not to be written to.

        Raises
        ------
        KeyStoreError
            If the store cannot be read.
        """
        self.current()
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise unavailable(error) from error

    def close(self) -> None:
        """Close the store; nothing can be read after."""
        with self._lock:
            self._due = -math.inf
            self._connection.close()

    def _poll(self) -> None:
        try:
            if _which(self._home) != self._file:  # a copy was put in its place
                file, connection = _open(self._home)
                self._connection.close()
                self._file, self._connection, self._version = file, connection, _UNREAD
            version = self._connection.execute("PRAGMA data_version").fetchone()[0]
            if version != self._version:
                self._keys = _read_keys(self._connection)
                self._version = version
        except (OSError, sqlite3.Error) as error:
            raise unavailable(error) from error


def _which(home: Path) -> tuple[int, int]:
    """Return which file the store is."""
    found = keys_file(home).stat()
    return found.st_dev, found.st_ino


def _open(home: Path) -> tuple[tuple[int, int], sqlite3.Connection]:
    try:
        return _which(home), connect(home)  # in this order: a later copy is noticed
    except OSError as error:
        raise unavailable(error) from error


def _read_keys(connection: sqlite3.Connection) -> dict[str, HeldKey]:
    rows = connection.execute("SELECT id, digest, role, expires, revoked FROM api_key")
    return {
        key: HeldKey(
            digest=digest,
            identity=Identity(key, frozenset({role}), "key"),
            expires=math.inf if expires is None else expires,
            revoked=revoked is not None,
        )
        for key, digest, role, expires, revoked in rows
    }
