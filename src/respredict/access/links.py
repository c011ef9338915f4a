"""One-time sign-in links, and the sessions that they begin."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from respredict.access.identity import Identity, check_named, check_roles, deny
from respredict.access.keys import DAY_SECONDS
from respredict.access.store import create_access, writing
from respredict.access.tokens import digest_of, is_token, new_token
from respredict.errors import InputError, Problem

__all__ = ["create_link", "end_session", "read_link", "read_session", "redeem_link"]

LINK_SECONDS = 10 * 60
SESSION_SECONDS = 12 * 3600
IDLE_SECONDS = 60 * 60


def create_link(
    home: Path,
    roles: Iterable[str],
    *,
    owner: str,
    record: Callable[[], object] | None = None,
    now: Callable[[], float] = time.time,
) -> str:
    """Make a sign-in link for 10 minutes and one use; the store is made if there is none.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    roles : iterable of str
        What the session may do: of ``clinician``, ``auditor`` and ``operator``.
    owner : str
        Who signs in, 1 to 100 printable characters, or the id of a key: then the session
        ends with the key.
    record : callable, default=None
        Called before the link is in force; if it raises, no link is made.
    now : callable, default=time.time
        Gives the seconds since 1970.

    Returns
    -------
    str
        The token that ends the link's path; it is kept nowhere.

    Raises
    ------
    InputError
        If roles or owner are not as said, or the owner is a key that was revoked.
    KeyStoreError
        If the store cannot be written.
    """
    allowed = check_roles(roles)
    if not check_named("owner", owner):
        raise InputError(Problem("owner", "be given", "nothing", "Say who signs in"))
    create_access(home)
    token, moment = new_token(), now()
    with writing(home) as connection:
        row = connection.execute("SELECT revoked FROM api_key WHERE id = ?", (owner,)).fetchone()
        if row is not None and row[0] is not None:
            raise InputError(Problem("owner", "be in force", "a revoked key", "Name another"))
        # The expired are kept for a day, to be told from the unknown.
        for table in ("link", "session"):
            connection.execute(
                f"DELETE FROM {table} WHERE expires < ?",  # noqa: S608 - fixed words
                (int(moment) - DAY_SECONDS,),
            )
        connection.execute(
            "INSERT INTO link (digest, owner, roles, expires) VALUES (?, ?, ?, ?)",
            (digest_of(token), owner, " ".join(allowed), int(moment) + LINK_SECONDS),
        )
        if record is not None:
            record()
    return token


def read_link(connection: sqlite3.Connection, token: str, moment: float) -> tuple[str, str]:
    """Return owner and roles of a link that may be redeemed.

    Parameters
    ----------
    connection : sqlite3.Connection
        To the store.
    token : str
        As presented.
    moment : float
        Seconds since 1970.

    Returns
    -------
    tuple of str
        The owner, and the roles between blanks.

    Raises
    ------
    AccessDeniedError
        ``link-unknown``, ``link-used`` or ``link-expired``.
    """
    if not is_token(token):
        deny("link-unknown")
    row = connection.execute(
        "SELECT owner, roles, expires, used FROM link WHERE digest = ?", (digest_of(token),)
    ).fetchone()
    if row is None:
        deny("link-unknown")
    owner, roles, expires, used = row
    if used is not None:
        deny("link-used")
    if moment >= expires:
        deny("link-expired")
    return owner, roles


def redeem_link(home: Path, token: str, moment: float) -> tuple[str, Identity]:
    """Use a link up and begin its session, in one transaction.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    token : str
        As presented.
    moment : float
        Seconds since 1970.

    Returns
    -------
    tuple of str and Identity
        The value of the cookie, kept nowhere, and who it stands for.

    Raises
    ------
    AccessDeniedError
        ``link-unknown``, ``link-used`` or ``link-expired``.
    KeyStoreError
        If the store cannot be written; the link is not used up then.
    """
    cookie = new_token()
    with writing(home) as connection:
        owner, roles = read_link(connection, token, moment)
        seconds = int(moment)
        connection.execute("UPDATE link SET used = ? WHERE digest = ?", (seconds, digest_of(token)))
        key = connection.execute("SELECT expires FROM api_key WHERE id = ?", (owner,)).fetchone()
        expires = seconds + SESSION_SECONDS
        if key is not None and key[0] is not None:
            expires = min(expires, key[0])
        connection.execute(
            "INSERT INTO session (digest, owner, roles, expires, seen) VALUES (?, ?, ?, ?, ?)",
            (digest_of(cookie), owner, roles, expires, seconds),
        )
    return cookie, Identity(owner, frozenset(roles.split()), "session")


def read_session(
    connection: sqlite3.Connection, digest: bytes, moment: float, seen_here: float = 0
) -> Identity:
    """Return whose session it is.

    Parameters
    ----------
    connection : sqlite3.Connection
        To the store.
    digest : bytes
        SHA-256 of the cookie.
    moment : float
        Seconds since 1970.
    seen_here : float, default=0
        When it was last used, if that is not in the store yet.

    Returns
    -------
    Identity
        Via ``session``.

    Raises
    ------
    AccessDeniedError
        ``session-unknown`` or ``session-expired``.
    """
    row = connection.execute(
        "SELECT owner, roles, expires, seen FROM session WHERE digest = ?", (digest,)
    ).fetchone()
    if row is None:
        deny("session-unknown")
    owner, roles, expires, seen = row
    if moment >= expires or moment - max(seen, seen_here) >= IDLE_SECONDS:
        deny("session-expired")
    return Identity(owner, frozenset(roles.split()), "session")


def end_session(home: Path, cookie: str) -> None:
    """Forget a session; one that is not there is none the less ended.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    cookie : str
        As presented.

    Raises
    ------
    KeyStoreError
        If the store cannot be written.
    """
    if is_token(cookie):
        with writing(home) as connection:
            connection.execute("DELETE FROM session WHERE digest = ?", (digest_of(cookie),))
