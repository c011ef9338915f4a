"""The file ``keys.db``: made once, opened to read, written in whole transactions.

To change a table, raise ``FORMAT`` and write the step that brings an older file here.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from respredict.errors import KeyStoreError

__all__ = ["connect", "create_access", "keys_file", "unavailable", "writing"]

APPLICATION = 0x5250_4B59  # "RPKY"
FORMAT = 1

_WAIT_SECONDS = 2.0

_SQLITE_REASONS = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_IOERR_SHMSIZE: "full",  # no room for the index of the log
    sqlite3.SQLITE_READONLY: "read-only",
    sqlite3.SQLITE_CANTOPEN: "read-only",  # it is there: whether it is was asked first
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_NOTADB: "damaged",
}
_ERRNO_REASONS = {
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
    errno.EROFS: "read-only",
    errno.EACCES: "read-only",
    errno.EPERM: "read-only",
}
_REMEDIES = {
    "full": "Free space; it resumes by itself",
    "read-only": "Give the service leave to write it and its folder; it resumes by itself",
    "locked": "End the process that holds it; it resumes by itself",
    "damaged": "Restore a copy",
    "failed": "Look after the disk, or restore a copy",
}

SCHEMA = """
CREATE TABLE api_key (
    id TEXT PRIMARY KEY, digest BLOB NOT NULL, role TEXT NOT NULL, name TEXT NOT NULL,
    created INTEGER NOT NULL, expires INTEGER, revoked INTEGER, last_used INTEGER
) STRICT;
CREATE TABLE link (
    digest BLOB PRIMARY KEY, owner TEXT NOT NULL, roles TEXT NOT NULL,
    expires INTEGER NOT NULL, used INTEGER
) STRICT;
CREATE TABLE session (
    digest BLOB PRIMARY KEY, owner TEXT NOT NULL, roles TEXT NOT NULL,
    expires INTEGER NOT NULL, seen INTEGER NOT NULL
) STRICT;
"""


def keys_file(home: Path) -> Path:
    """Return where the keys of a home lie.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.

    Returns
    -------
    Path
        Of the SQLite file.
    """
    return home / "keys.db"


def unavailable(error: Exception) -> KeyStoreError:
    """Return what SQLite or the system said as one error.

    Parameters
    ----------
    error : Exception
        Of :mod:`sqlite3`, or an :class:`OSError`.

    Returns
    -------
    KeyStoreError
        Itself, if it is one already.
    """
    if isinstance(error, KeyStoreError):
        return error
    if isinstance(error, FileNotFoundError):
        msg = (
            "the store of keys, keys.db, must be there, got none. "
            "Make it with: respredict keys create."
        )
        return KeyStoreError(msg)
    reason = _reason(error)
    msg = (
        f"the store of keys, keys.db, must be readable and writable, got {reason}: {error}. "
        f"{_REMEDIES[reason]}."
    )
    return KeyStoreError(msg)


def _reason(error: Exception) -> str:
    """Say in a word why; an extended code of SQLite goes before the one it belongs to."""
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None) or 0
        return _SQLITE_REASONS.get(code) or _SQLITE_REASONS.get(code & 0xFF, "failed")
    number = error.errno if isinstance(error, OSError) else None
    return _ERRNO_REASONS.get(number or 0, "failed")


def create_access(home: Path) -> bool:
    """Make the store of keys and sessions, once, before any worker starts.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``; made if it is not there.

    Returns
    -------
    bool
        Whether it was made; False if it was there.

    Raises
    ------
    KeyStoreError
        If it cannot be written, or the file is something else.

    Notes
    -----
    It is made whole beside its place and then linked there, which fails for all but the
    first of several who try. Its owner alone may read it, and SQLite gives its side files
    the same mode.
    """
    file = keys_file(home)
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.exists() and _put_in_place(file):
            return True
        connect(home).close()
    except (OSError, sqlite3.Error) as error:
        raise unavailable(error) from error
    return False


def _put_in_place(file: Path) -> bool:
    handle, name = tempfile.mkstemp(prefix=".keys.", dir=file.parent)  # mode 0600
    os.close(handle)
    try:
        with contextlib.closing(sqlite3.connect(name)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.executescript(SCHEMA)
            connection.execute(f"PRAGMA application_id={APPLICATION}")
            connection.execute(f"PRAGMA user_version={FORMAT}")
        os.link(name, file)
    except FileExistsError:
        return False
    finally:
        os.unlink(name)  # noqa: PTH108 - the name is mkstemp's
    return True


def connect(home: Path) -> sqlite3.Connection:
    """Open the store, for any thread, every commit synced.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.

    Returns
    -------
    sqlite3.Connection
        In autocommit mode.

    Raises
    ------
    KeyStoreError
        If there is none, or it is not a store of this format.
    """
    file = keys_file(home)
    try:
        file.stat()
        connection = sqlite3.connect(
            f"{file.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=_WAIT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA trusted_schema=OFF")
            _check_format(connection)
        except (sqlite3.Error, KeyStoreError):
            connection.close()
            raise
    except (OSError, sqlite3.Error) as error:
        raise unavailable(error) from error
    return connection


def _check_format(connection: sqlite3.Connection) -> None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if (application, version) != (APPLICATION, FORMAT):
        msg = (
            f"the store of keys, keys.db, must be of application {APPLICATION:#x}, "
            f"format {FORMAT}, got {application:#x}, format {version}. Move the file away."
        )
        raise KeyStoreError(msg)


@contextlib.contextmanager
def writing(home: Path) -> Iterator[sqlite3.Connection]:
    """Write in one transaction.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.

    Yields
    ------
    sqlite3.Connection
        What was done is durable when the block ends; nothing is if it raises.

    Raises
    ------
    KeyStoreError
        If the store cannot be written.
    """
    connection = connect(home)
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise unavailable(error) from error
    finally:
        connection.close()  # rolls back what was not committed
