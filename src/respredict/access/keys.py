"""API keys: made, listed, revoked."""

from __future__ import annotations

import datetime
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from respredict.access.identity import check_named, check_roles
from respredict.access.store import connect, create_access, keys_file, unavailable, writing
from respredict.access.tokens import digest_of, is_id, new_id, new_token
from respredict.errors import InputError, Problem

__all__ = ["Key", "create_key", "list_keys", "revoke_key"]

DAY_SECONDS = 86_400
_MOST_DAYS = 3_650

_COLUMNS = "id, role, name, created, expires, revoked, last_used"


@dataclass(frozen=True, slots=True)
class Key:
    """What may be shown of an API key: everything but its secret.

    Parameters
    ----------
    id : str
        8 characters; they stand in the key's text too.
    role : str
        ``clinician``, ``auditor`` or ``operator``.
    name : str
        What its maker calls it; may be empty.
    created : datetime
        In UTC.
    expires : datetime or None
        From when it lets nobody in; None if that never comes.
    revoked : datetime or None
        Since when it lets nobody in; None if it was not revoked.
    last_used : datetime or None
        The last minute in which it let somebody in; None if it never did.
    """

    id: str
    role: str
    name: str
    created: datetime.datetime
    expires: datetime.datetime | None
    revoked: datetime.datetime | None = None
    last_used: datetime.datetime | None = None

    def state(self, now: datetime.datetime) -> str:
        """Return ``in force``, ``revoked`` or ``expired``.

        Parameters
        ----------
        now : datetime
            With its zone.

        Returns
        -------
        str
            What a request with it would find.
        """
        if self.revoked is not None:
            return "revoked"
        return "in force" if self.expires is None or now < self.expires else "expired"

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            name: value.isoformat() if isinstance(value, datetime.datetime) else value
            for name, value in asdict(self).items()
        }


def create_key(
    home: Path,
    role: str,
    *,
    name: str = "",
    days: int | None = None,
    record: Callable[[Key], object] | None = None,
    now: Callable[[], float] = time.time,
) -> tuple[Key, str]:
    """Make an API key; the store is made if there is none.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    role : str
        ``clinician``, ``auditor`` or ``operator``.
    name : str, default=""
        To tell it from others in a list, at most 100 printable characters.
    days : int, default=None
        For how long it is in force, 1 to 3,650; without end if None.
    record : callable, default=None
        Called before the key is in force; if it raises, no key is made.
    now : callable, default=time.time
        Gives the seconds since 1970.

    Returns
    -------
    tuple of Key and str
        The key, and its text, which is kept nowhere.

    Raises
    ------
    InputError
        If role, name or days are not as said.
    KeyStoreError
        If the store cannot be written.
    """
    (role,) = check_roles([role])
    if days is not None and not 1 <= days <= _MOST_DAYS:
        raise InputError(Problem("days", f"be 1 to {_MOST_DAYS}", str(days), "Choose another"))
    created = int(now())
    expires = None if days is None else created + days * DAY_SECONDS
    key = _key((new_id(), role, check_named("name", name), created, expires, None, None))
    secret = new_token()
    create_access(home)
    with writing(home) as connection:
        connection.execute(
            "INSERT INTO api_key (id, digest, role, name, created, expires) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (key.id, digest_of(secret), role, name, created, expires),
        )
        if record is not None:
            record(key)
    return key, f"rp_{key.id}_{secret}"


def revoke_key(home: Path, key_id: str, *, now: Callable[[], float] = time.time) -> Key:
    """Let a key, the sessions begun with it and its unused links let nobody in any more.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    key_id : str
        Its 8 characters.
    now : callable, default=time.time
        Gives the seconds since 1970.

    Returns
    -------
    Key
        Revoked; since its first revocation, if there was one before.

    Raises
    ------
    InputError
        If no key has this id.
    KeyStoreError
        If the store cannot be written.
    """
    # Somebody may paste the whole key: what is not an id is not repeated.
    if not is_id(key_id):
        got = f"{len(key_id)} characters of another form"
        raise InputError(
            Problem("ID", "be the 8 characters of a key's id", got, "See: respredict keys list")
        )
    with writing(home) as connection:
        row = connection.execute(
            "UPDATE api_key SET revoked = coalesce(revoked, ?) "  # noqa: S608 - fixed words
            f"WHERE id = ? RETURNING {_COLUMNS}",
            (int(now()), key_id),
        ).fetchone()
        if row is None:
            raise InputError(
                Problem("ID", "be the id of a key", repr(key_id), "See: respredict keys list")
            )
        connection.execute("DELETE FROM session WHERE owner = ?", (key_id,))
        connection.execute("DELETE FROM link WHERE owner = ?", (key_id,))
    return _key(row)


def list_keys(home: Path) -> list[Key]:
    """Return every key, the oldest first.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.

    Returns
    -------
    list of Key
        Revoked and expired ones too; empty if there is no store.

    Raises
    ------
    KeyStoreError
        If the store cannot be read.
    """
    if not keys_file(home).exists():
        return []
    try:
        with closing(connect(home)) as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM api_key ORDER BY created, rowid"  # noqa: S608
            ).fetchall()
    except sqlite3.Error as error:
        raise unavailable(error) from error
    return [_key(row) for row in rows]


def _key(row: tuple[Any, ...]) -> Key:
    return Key(*row[:3], *(_moment(seconds) for seconds in row[3:]))


def _moment(seconds: int | None) -> datetime.datetime | None:
    return None if seconds is None else datetime.datetime.fromtimestamp(seconds, datetime.UTC)
