"""The file of the ledger: its tables, its connections, its refusals.

To change a table, raise ``FORMAT`` and write the step that brings an older file here.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from pathlib import Path

from respredict.errors import LedgerError

__all__ = ["connect", "ledger_file", "read_only", "refusal", "unavailable"]

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
    sqlite3.SQLITE_IOERR_SHMSIZE: "full",  # no room for what connections share
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
_RULES = {"missing": "be there", "damaged": "be whole"}
_REMEDIES = {
    "full": "Free space; it resumes by itself",
    "read-only": "Give the service leave to write it; it resumes by itself",
    "locked": "End the process that holds it; it resumes by itself",
    "missing": "Score a man or run `respredict serve`, which make it, or restore a backup",
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
    """Return the error that says why nothing can be written or read.

    Parameters
    ----------
    reason : str
        In a word or two, for programs.
    found : str
        What was found.

    Returns
    -------
    LedgerError
        With the rule and the remedy that go with the reason.
    """
    remedy = _REMEDIES.get(reason, _REMEDIES["failed"])
    rule = _RULES.get(reason, "be writable")
    return LedgerError(f"the ledger must {rule}, got {reason}: {found}. {remedy}.", reason)


def unreadable(file: Path, error: OSError) -> LedgerError:
    """Return the error that says why a file beside the ledger cannot be read."""
    found = f"{file}: {error.strerror or error}"
    reason = _ERRNO_REASONS.get(error.errno or 0, "failed")
    return LedgerError(f"{file.name} must be readable, got {found}. Name another.", reason)


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
        reason = _SQLITE_REASONS.get(code) or _SQLITE_REASONS.get(code & 0xFF, "failed")
        return refusal(reason, str(error))
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
    if create:
        _make_private(file)
    else:
        check_there(file)
    try:
        connection = sqlite3.connect(
            f"{file.absolute().as_uri()}?mode=rw",
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


def check_there(file: Path) -> None:
    """Refuse a ledger that is not there; SQLite would only say that it cannot open it."""
    try:
        file.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise refusal(reason="missing", found=f"no {file}") from error
    except OSError as error:
        raise unavailable(error) from error


def _make_private(file: Path) -> None:
    """Make an empty file that its owner alone may read; its log takes after it."""
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        file.chmod(0o600)
    except OSError as error:
        raise unavailable(error) from error


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
    check_there(file)
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


def check_writable(home: Path, known: tuple[int, ...] | None = None) -> tuple[int, ...]:
    """Return which file the ledger is; refuse one that was made read-only.

    An open connection would go on writing to a file that an operator has closed to
    writing since, or that was moved away. ``known`` is the answer of the last time: as
    long as it is the same, nobody has closed the file.

    Raises
    ------
    LedgerError
        With reason ``missing`` or ``read-only``.
    """
    file = ledger_file(home)
    try:
        found = os.stat(file)  # noqa: PTH116 - a third of the time of Path's
    except OSError as error:
        raise unavailable(error) from error
    told = (found.st_dev, found.st_ino, found.st_mode, found.st_uid, found.st_gid, os.geteuid())
    if told == known:
        return told
    if not found.st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
        raise refusal(reason="read-only", found=f"{file.name} has no write permission")
    if not _may_write(file):
        raise refusal(reason="read-only", found=f"{file.name} is closed to this user")
    return told


def _may_write(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)
