"""Making a ledger, once; and what else is written by hand: a checkpoint, another key."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from respredict.errors import LedgerError
from respredict.ledger.chain import Appending, beginning, seal
from respredict.ledger.checkpoints import ACTOR, FILE, add_checkpoint, has_news, publish
from respredict.ledger.entry import Receipt
from respredict.ledger.keys import (
    NEXT,
    PRIVATE,
    PUBLIC,
    key_entry,
    key_in_force,
    make_key,
    private_key,
    public_bytes,
    read_private,
    signed_rotation,
    write_public,
)
from respredict.ledger.locking import exclusive
from respredict.ledger.store import (
    APPLICATION,
    FORMAT,
    SCHEMA,
    check_writable,
    connect,
    unavailable,
)

__all__ = ["checkpoint_now", "create_ledger", "rotate_key", "writing"]


def create_ledger(home: Path, *, actor: str = ACTOR) -> bool:
    """Make the ledger of a home and its key, once, before any worker starts.

    The first record names the public key that will sign the checkpoints.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``; made for its owner alone if it is not there.
    actor : str, default="ledger"
        Who makes it.

    Returns
    -------
    bool
        Whether it was made; False if it was there.

    Raises
    ------
    LedgerError
        If it cannot be written, the file is something else, or it is gone while its
        checkpoints lie there.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with exclusive(home):
            if _exists(home):
                return False
            _refuse_successor(home)
            key = own_key(home)
            connection = connect(home, create=True)
            try:
                _lay_out(connection, actor, key)
                publish(home, connection)
            finally:
                connection.close()
    except (OSError, sqlite3.Error) as error:
        raise unavailable(error) from error
    return True


def _refuse_successor(home: Path) -> None:
    """Refuse to begin anew where the checkpoints of a ledger that is gone still lie."""
    file = home / FILE
    if file.is_file() and file.stat().st_size:
        found = f"no ledger.db, but {file} of the one that was there"
        msg = (
            f"the ledger must be there, got missing: {found}. Restore a backup (respredict audit"
            " restore); to begin anew, move the checkpoint files away first."
        )
        raise LedgerError(msg, "missing")


def own_key(home: Path) -> bytes:
    """Return the public key of the home; the pair is made if there is none."""
    public = public_bytes(read_private(home / PRIVATE) or make_key(home / PRIVATE))
    write_public(home / PUBLIC, public)
    return public


def _exists(home: Path) -> bool:
    """Return whether a ledger is there; one whose making was cut short is not."""
    try:
        connect(home).close()
    except LedgerError as error:
        if error.reason == "missing":
            return False
        raise
    return True


def _lay_out(connection: sqlite3.Connection, actor: str, public: bytes) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("BEGIN IMMEDIATE")
    for statement in SCHEMA.split(";"):
        connection.execute(statement)
    appending = Appending(connection, begins=True)
    appending.add(seal(key_entry(actor, public)))
    appending.flush()
    connection.execute(f"PRAGMA application_id={APPLICATION}")
    connection.execute(f"PRAGMA user_version={FORMAT}")
    connection.execute("COMMIT")


@contextlib.contextmanager
def writing(home: Path, *, wait: float = 10.0) -> Iterator[Appending]:
    """Append in one transaction of one's own, beside the workers' writers.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    wait : float, default=10.0
        Seconds to wait for the others.

    Yields
    ------
    Appending
        Durable when the block ends; nothing is written if it raises.

    Raises
    ------
    LedgerError
        If the ledger cannot be written.
    LedgerDamageError
        If it lacks its first record.
    """
    try:
        with exclusive(home, wait=wait):
            check_writable(home)
            connection = connect(home, wait=wait)
            try:
                connection.execute("BEGIN IMMEDIATE")
                beginning(connection)
                appending = Appending(connection)
                yield appending
                appending.flush()
                connection.execute("COMMIT")
                publish(home, connection)
            finally:
                connection.close()  # rolls back what was not committed
    except sqlite3.Error as error:
        raise unavailable(error) from error


def checkpoint_now(home: Path, *, actor: str = ACTOR) -> Receipt | None:
    """Sign the chain as it stands.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    actor : str, default="ledger"
        Who asked for it.

    Returns
    -------
    Receipt or None
        Of the checkpoint; None if nothing was recorded since the last one.

    Raises
    ------
    LedgerError
        If the ledger cannot be written.
    LedgerDamageError
        If the key of the home is not the one that the chain names.
    """
    with writing(home) as appending:
        if not has_news(appending.connection):
            return None
        return add_checkpoint(home, appending, actor)


def rotate_key(home: Path, *, actor: str, reason: str) -> Receipt:
    """Let another key sign from here on, named in the chain and signed by the former.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    actor : str
        Who asked for it.
    reason : str
        Why.

    Returns
    -------
    Receipt
        Of the ``key`` record.

    Raises
    ------
    LedgerError
        If the ledger cannot be written.
    LedgerDamageError
        If the key of the home is not the one that the chain names.
    """
    with writing(home) as appending:
        connection = appending.connection
        former = private_key(home, key_in_force(connection))
        (home / NEXT).unlink(missing_ok=True)
        new = public_bytes(make_key(home / NEXT))
        old = public_bytes(former)
        signature = former.sign(signed_rotation(beginning(connection), old, new))
        receipt = appending.add(seal(key_entry(actor, new, old, signature, reason)))
    private_key(home, new)  # takes the former's place, now that the record is durable
    return receipt


def key_without_former(home: Path, appending: Appending, actor: str, reason: str) -> Receipt:
    """Name a new key that nobody vouches for: the former was lost with its machine."""
    (home / PRIVATE).unlink(missing_ok=True)
    public = own_key(home)
    return appending.add(seal(key_entry(actor, public, reason=reason)))
