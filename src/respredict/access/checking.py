"""What a worker asks of every request: who it is, by a key or by a session."""

from __future__ import annotations

import logging
import math
import secrets
import threading
import time
from collections.abc import Callable
from hmac import compare_digest
from pathlib import Path
from types import TracebackType
from typing import Any

from respredict.access.held import HeldKey, HeldKeys
from respredict.access.identity import Identity, deny
from respredict.access.links import end_session, read_link, read_session, redeem_link
from respredict.access.store import writing
from respredict.access.tokens import ID, SECRET, digest_of, is_key, is_token
from respredict.errors import KeyStoreError

__all__ = ["Access"]

_FLUSH_SECONDS = 60.0

_log = logging.getLogger(__name__)


class Access:
    """Whom a worker lets in; opened once a process, used from any thread.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``; :func:`create_access` has made its store.
    now : callable, default=time.time
        Gives the seconds since 1970.

    Raises
    ------
    KeyStoreError
        If the store cannot be read.

    Notes
    -----
    If the store cannot be read any more, every method raises ``KeyStoreError``: nobody is
    let in on what was true once. When a key and a session were last used is written by a
    thread once a minute, so another worker may count a session as idle a minute early.
    """

    def __init__(self, home: Path, *, now: Callable[[], float] = time.time) -> None:
        self._home, self._now = home, now
        self._held = HeldKeys(home)
        # Stands for every id that is not there, so that those are checked in the same way.
        nobody = Identity("", frozenset(), "key")
        self._nobody = HeldKey(secrets.token_bytes(32), nobody, -math.inf, revoked=True)
        self._used: dict[str, float] = {}
        self._seen: dict[bytes, float] = {}
        self._closed = threading.Event()
        self._flusher = threading.Thread(target=self._flush_each_minute, daemon=True)
        self._flusher.start()

    def authenticate(self, presented: str) -> Identity:
        """Return whose key it is.

        Parameters
        ----------
        presented : str
            As sent.

        Returns
        -------
        Identity
            Via ``key``.

        Raises
        ------
        AccessDeniedError
            ``key-malformed``, ``key-unknown``, ``key-revoked`` or ``key-expired``.
        KeyStoreError
            If the store cannot be read.
        """
        keys = self._held.current()
        if not is_key(presented):
            deny("key-malformed")
        held = keys.get(presented[ID], self._nobody)
        if not compare_digest(held.digest, digest_of(presented[SECRET])):
            deny("key-unknown")
        if held.revoked:
            deny("key-revoked")
        moment = self._now()
        if moment >= held.expires:
            deny("key-expired")
        self._used[held.identity.id] = moment
        return held.identity

    def session(self, cookie: str) -> Identity:
        """Return whose session it is, and keep it from being idle.

        Parameters
        ----------
        cookie : str
            As sent.

        Returns
        -------
        Identity
            Via ``session``.

        Raises
        ------
        AccessDeniedError
            ``session-unknown``, or ``session-expired`` 12 hours after it began or 60
            minutes after it was last used.
        KeyStoreError
            If the store cannot be read.
        """
        if not is_token(cookie):
            deny("session-unknown")
        digest, moment = digest_of(cookie), self._now()
        with self._held.reading() as connection:
            identity = read_session(connection, digest, moment, self._seen.get(digest, 0))
        self._seen[digest] = moment
        return identity

    def redeem(self, token: str) -> tuple[str, Identity]:
        """Use a sign-in link up and begin its session.

        Parameters
        ----------
        token : str
            The end of the link's path.

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
        moment = self._now()
        with self._held.reading() as connection:  # refuses a guess without the write lock
            read_link(connection, token, moment)
        return redeem_link(self._home, token, moment)

    def end_session(self, cookie: str) -> None:
        """Forget a session; one that is not there is none the less ended.

        Parameters
        ----------
        cookie : str
            As sent.

        Raises
        ------
        KeyStoreError
            If the store cannot be written.
        """
        end_session(self._home, cookie)

    def has_keys(self) -> bool:
        """Return whether any key is in force.

        Returns
        -------
        bool
            False too if all were revoked or have expired.

        Raises
        ------
        KeyStoreError
            If the store cannot be read.
        """
        moment = self._now()
        held = self._held.current().values()
        return any(not key.revoked and moment < key.expires for key in held)

    def flush(self) -> None:
        """Write when keys and sessions were last used, as a thread does each minute.

        Raises
        ------
        KeyStoreError
            If the store cannot be written; what was noted is kept.
        """
        used, seen = dict(self._used), dict(self._seen)
        if not used and not seen:
            return
        minutes = [{"at": int(at) // 60 * 60, "key": key} for key, at in used.items()]
        with writing(self._home) as connection:
            connection.executemany(
                "UPDATE api_key SET last_used = :at"
                " WHERE id = :key AND coalesce(last_used, 0) < :at",
                minutes,
            )
            connection.executemany(
                "UPDATE session SET seen = max(seen, ?) WHERE digest = ?",
                [(int(at), digest) for digest, at in seen.items()],
            )
        for noted, written in ((self._used, used), (self._seen, seen)):
            _forget(noted, written)

    def close(self) -> None:
        """End the thread, write what it had noted, and close the store.

        Raises
        ------
        KeyStoreError
            If that cannot be written.
        """
        self._closed.set()
        self._flusher.join()
        try:
            self.flush()
        finally:
            self._held.close()

    def __enter__(self) -> Access:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _flush_each_minute(self) -> None:
        while not self._closed.wait(_FLUSH_SECONDS):
            try:
                self.flush()
            except KeyStoreError as error:
                _log.warning("when keys were last used is not written yet: %s", error)


def _forget(noted: dict[Any, float], written: dict[Any, float]) -> None:
    """Drop what was written, but not what was noted meanwhile."""
    for name, at in written.items():
        latest = noted.pop(name, at)
        if latest != at:
            noted.setdefault(name, latest)
