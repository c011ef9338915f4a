"""The file of the ledger: its tables, its connections, its lock, its refusals.

To change a table, raise ``FORMAT`` and write the step that brings an older file here.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from respredict.errors import LedgerError

__all__ = ["connect", "exclusive", "ledger_file", "read_only", "unavailable"]

APPLICATION = 0x5250_4C47  # "RPLG"
FORMAT = 1

#: How long an append waits for another process before it is refused.
WAIT_SECONDS = 2.0

SCHEMA = """
CREATE TABLE record (
    sequence INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, moment INTEGER NOT NULL,
    kind TEXT NOT NULL, actor TEXT NOT NULL, model TEXT NOT NULL, about INTEGER NOT NULL,
    commitment BLOB NOT NULL, previous BLOB NOT NULL, hash BLOB NOT NULL
) STRICT;
CREATE INDEX record_kind ON record (kind, sequence);
CREATE INDEX record_moment ON record (moment);
CREATE INDEX record_model ON record (model, sequence) WHERE model <> '';
CREATE INDEX record_about ON record (about) WHERE about > 0;
CREATE TABLE payload (sequence INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE filter (
    sequence INTEGER PRIMARY KEY, pseudonym TEXT NOT NULL, risk REAL, status TEXT NOT NULL
) STRICT;
CREATE INDEX filter_pseudonym ON filter (pseudonym) WHERE pseudonym <> '';
CREATE INDEX filter_risk ON filter (risk) WHERE risk IS NOT NULL;
CREATE INDEX filter_status ON filter (status, sequence) WHERE status <> '';
CREATE TABLE text (digest BLOB PRIMARY KEY, content BLOB NOT NULL) STRICT;
CREATE TABLE idempotency (
    key BLOB PRIMARY KEY, first INTEGER NOT NULL, records INTEGER NOT NULL,
    request BLOB NOT NULL, expires INTEGER NOT NULL
) STRICT;
CREATE INDEX idempotency_expires ON idempotency (expires);
CREATE INDEX idempotency_first ON idempotency (first);
"""

_SQLITE_REASONS = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_READONLY: "read-only",
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_CANTOPEN: "missing",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_NOTADB: "damaged",
}
_ERRNO_REASONS = {
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
    errno.EROFS: "read-only",
    errno.EACCES: "read-only",
    errno.EPERM: "read-only",
    errno.ENOENT: "missing",
}
_REMEDIES = {
    "full": "Free space; it resumes by itself",
    "read-only": "Give the service leave to write it; it resumes by itself",
    "locked": "End the process that holds it; it resumes by itself",
    "missing": "Create it once before workers start, or restore a backup",
    "damaged": "Verify it, and restore a backup",
    "failed": "See the message",
}


def ledger_file(home: Path) -> Path:
    """Return where the ledger of a home lies; a file is taken as the ledger itself.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``, or a backup.

    Returns
    -------
    Path
        Of the SQLite file.
    """
    return home if home.is_file() else home / "ledger.db"


def refusal(reason: str, found: str) -> LedgerError:
    """Return the error that says why nothing can be written or read."""
    remedy = _REMEDIES.get(reason, _REMEDIES["failed"])
    return LedgerError(f"the ledger must be writable, got {reason}: {found}. {remedy}.", reason)


def unavailable(error: Exception) -> LedgerError:
    """Return what SQLite or the system said as one error with a reason.

    Parameters
    ----------
    error : Exception
        Of :mod:`sqlite3`, or an :class:`OSError`.

    Returns
    -------
    LedgerError
        Itself, if it is one already.
    """
    if isinstance(error, LedgerError):
        return error
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None) or 0
        return refusal(_SQLITE_REASONS.get(code & 0xFF, "failed"), str(error))
    number = error.errno if isinstance(error, OSError) else None
    return refusal(_ERRNO_REASONS.get(number or 0, "failed"), str(error))


def connect(home: Path, *, wait: float | None = None, create: bool = False) -> sqlite3.Connection:
    """Open the ledger to write: every commit synced, every deleted byte overwritten.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    wait : float, default=None
        Seconds to wait for a lock that another connection holds; 2 if None.
    create : bool, default=False
        Whether to make the file.

    Returns
    -------
    sqlite3.Connection
        In autocommit mode, ``synchronous=2``.

    Raises
    ------
    LedgerError
        If there is none, or it is not a ledger of this format.
    """
    file = ledger_file(home)
    try:
        connection = sqlite3.connect(
            f"{file.absolute().as_uri()}?mode={'rwc' if create else 'rw'}",
            uri=True,
            timeout=WAIT_SECONDS if wait is None else wait,
            isolation_level=None,
            check_same_thread=False,
        )
    except sqlite3.Error as error:
        raise unavailable(error) from error
    try:
        for pragma in ("synchronous=FULL", "secure_delete=ON", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("PRAGMA trusted_schema=OFF")
        if not create:
            _check_format(connection, file)
    except (sqlite3.Error, LedgerError) as error:
        connection.close()
        raise unavailable(error) from error
    return connection


def read_only(home: Path) -> sqlite3.Connection:
    """Open the ledger to read, also from a folder that cannot be written.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``, or a backup.

    Returns
    -------
    sqlite3.Connection
        In autocommit mode; it refuses to write.

    Raises
    ------
    LedgerError
        If there is none, or it is not a ledger of this format.
    """
    file = ledger_file(home)
    log = file.with_name(file.name + "-wal")
    logged = log.exists() and log.stat().st_size > 0
    # Without a log the file alone is the ledger; immutable spares SQLite the side files.
    mode = "ro" if logged or _may_write(file.parent) else "ro&immutable=1"
    try:
        connection = sqlite3.connect(
            f"{file.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=WAIT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
    except sqlite3.Error as error:
        raise unavailable(error) from error
    try:
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA query_only=ON")
        _check_format(connection, file)
    except (sqlite3.Error, LedgerError) as error:
        connection.close()
        raise unavailable(error) from error
    return connection


def _check_format(connection: sqlite3.Connection, file: Path) -> None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if (application, version) != (APPLICATION, FORMAT):
        found = f"{file.name} with application {application:#x}, format {version}"
        raise refusal("damaged" if version or application else "missing", found)


def check_writable(home: Path) -> tuple[int, int]:
    """Return which file the ledger is; refuse one that was made read-only.

    An open connection would go on writing to a file that an operator has closed to
    writing since, or that was moved away.

    Raises
    ------
    LedgerError
        With reason ``missing`` or ``read-only``.
    """
    file = ledger_file(home)
    try:
        found = file.stat()
    except OSError as error:
        raise unavailable(error) from error
    if not found.st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
        raise refusal(reason="read-only", found=f"{file.name} has no write permission")
    if not _may_write(file):
        raise refusal(reason="read-only", found=f"{file.name} is closed to this user")
    return found.st_dev, found.st_ino


def _may_write(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


@contextlib.contextmanager
def exclusive(home: Path, *, wait: float | None = None) -> Iterator[None]:
    """Hold the lock that lets one process append at a time.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    wait : float, default=None
        Seconds to wait for it; 2 if None.

    Yields
    ------
    None
        While it is held.

    Raises
    ------
    LedgerError
        With reason ``locked`` if another process keeps it longer.
    """
    try:
        handle = os.open(home / "ledger.lock", os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise unavailable(error) from error
    try:
        _acquire(handle, WAIT_SECONDS if wait is None else wait)
        yield
    finally:
        os.close(handle)  # closing releases it


def _acquire(handle: int, wait: float) -> None:
    deadline = time.monotonic() + wait
    pause = 0.0001
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                found = f"another process held it for {wait:g} s"
                raise refusal(reason="locked", found=found) from None
            time.sleep(pause)
            pause = min(2 * pause, 0.001)
        else:
            return
