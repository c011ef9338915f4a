"""Who may come in: a key or a session, with the role asked for, and not too often."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

from respredict.access.checking import Access
from respredict.access.identity import Identity
from respredict.errors import AccessDeniedError, KeyStoreError
from serving.addresses import Address
from serving.edge_settings import EdgeSettings
from serving.limits import Buckets
from serving.origins import Origins
from serving.problems import RefusedError

__all__ = ["COOKIE", "Door"]

COOKIE = "respredict_session"

Scope = MutableMapping[str, Any]
Headers = Mapping[bytes, bytes]

_CHALLENGE = ((b"www-authenticate", b'ApiKey realm="respredict"'),)


class Door:
    """Lets in, or says why not.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    settings : EdgeSettings
        Limits.
    """

    def __init__(self, home: Path, settings: EdgeSettings) -> None:
        self._home, self._settings = home, settings
        self._access: Access | None = None
        self._origins = Origins(settings.origins, behind_proxy=settings.behind_proxy)
        self._asked = Buckets(settings.rate, settings.burst)
        self._guessed = Buckets(settings.guesses_a_minute / 60, settings.guesses)

    def enter(self, scope: Scope, headers: Headers, address: Address) -> Identity | None:
        """Return who asks.

        Parameters
        ----------
        scope : mapping
            Of ASGI.
        headers : mapping of bytes to bytes
            Of the request.
        address : Address
            What is asked for.

        Returns
        -------
        Identity or None
            None where no key is asked for.

        Raises
        ------
        RefusedError
            ``unauthenticated``, ``too-many-guesses``, ``rate-limited``, ``forbidden``,
            ``cross-origin`` or ``keys-unavailable``.
        """
        if not address.roles or (address.path == "/metrics" and self._settings.open_metrics):
            return None
        identity = self._identify(scope, headers)
        wait = self._asked.take(identity.id)
        if wait:
            raise _later(
                "rate-limited", f"Ask at most {self._settings.rate:g} times a second.", wait
            )
        if not identity.roles.intersection(address.roles):
            has, needs = ", ".join(sorted(identity.roles)), " or ".join(address.roles)
            raise RefusedError(
                "forbidden", f"Use a key with the role {needs}: this one has {has}.", reason="role"
            )
        if identity.via == "session":
            self._origins.check_own(scope, headers)
        return identity

    def redeem(self, scope: Scope, token: str) -> str:
        """Use a sign-in link up and return the cookie that signs in.

        Parameters
        ----------
        scope : mapping
            Of ASGI.
        token : str
            As presented.

        Returns
        -------
        str
            Value of ``Set-Cookie``.

        Raises
        ------
        RefusedError
            ``unauthenticated``, ``too-many-guesses`` or ``keys-unavailable``.
        """
        try:
            cookie, _ = self._opened().redeem(token)
        except AccessDeniedError as error:
            raise self._refusal(scope, error) from error
        except KeyStoreError as error:
            raise _unavailable(error) from error
        return self._cookie(scope, cookie)

    def leave(self, scope: Scope) -> str:
        """End the session of a request and return the cookie that forgets it.

        Parameters
        ----------
        scope : mapping
            Of ASGI.

        Returns
        -------
        str
            Value of ``Set-Cookie``.

        Raises
        ------
        RefusedError
            ``keys-unavailable``.
        """
        cookie = scope.get("respredict.session")
        if cookie:
            try:
                self._opened().end_session(cookie)
            except KeyStoreError as error:
                raise _unavailable(error) from error
        return f"{self._cookie(scope, '')}; Max-Age=0"

    def close(self) -> None:
        """Close the store of keys."""
        if self._access is not None:
            self._access.close()
            self._access = None

    def _opened(self) -> Access:
        # Not before the first request: a worker is a process of its own by then.
        if self._access is None:
            self._access = Access(self._home)
        return self._access

    def _identify(self, scope: Scope, headers: Headers) -> Identity:
        key, cookie = headers.get(b"x-api-key"), _cookie_of(headers)
        if key is None and cookie is None:
            detail = "Send an API key in the header X-API-Key, or sign in."
            raise RefusedError("unauthenticated", detail, reason="missing", headers=_CHALLENGE)
        try:
            access = self._opened()
            if key is not None:
                return access.authenticate(key.decode("latin-1"))
            assert cookie is not None
            identity = access.session(cookie)
        except AccessDeniedError as error:
            raise self._refusal(scope, error) from error
        except KeyStoreError as error:
            raise _unavailable(error) from error
        scope["respredict.session"] = cookie
        return identity

    def _refusal(self, scope: Scope, error: AccessDeniedError) -> RefusedError:
        """Count what may be a guess against the address it came from."""
        if error.code.endswith(("unknown", "malformed")):
            wait = self._guessed.take(_peer(scope))
            if wait:
                return _later("too-many-guesses", "Send a key that counts.", wait)
        told = str(error)
        return RefusedError(
            "unauthenticated",
            f"{told[0].upper()}{told[1:]}",
            reason=error.code,
            headers=_CHALLENGE,
        )

    def _cookie(self, scope: Scope, value: str) -> str:
        secure = self._settings.behind_proxy or scope.get("scheme") == "https"
        # Lax, so that a link clicked in a mail signs in; what changes anything asks for the
        # Origin besides.
        told = f"{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax"
        return f"{told}; Secure" if secure else told


def _later(code: str, detail: str, wait: float) -> RefusedError:
    after = str(math.ceil(wait)).encode()
    return RefusedError(code, detail, headers=((b"retry-after", after),))


def _unavailable(error: KeyStoreError) -> RefusedError:
    told = str(error)
    return RefusedError("keys-unavailable", f"{told[0].upper()}{told[1:]}")


def _cookie_of(headers: Headers) -> str | None:
    for part in headers.get(b"cookie", b"").split(b";"):
        name, _, value = part.strip().partition(b"=")
        if name == COOKIE.encode():
            return value.decode("latin-1")
    return None


def _peer(scope: Scope) -> str:
    """Return the address that guesses are counted against: of IPv6, the network."""
    host = str((scope.get("client") or ("_", 0))[0])
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.version == 4:
        return host
    return str(ipaddress.ip_network((host, 64), strict=False))
