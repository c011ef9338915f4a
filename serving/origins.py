"""Which other origins may call from a browser, and which may not act in somebody's name."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from serving.addresses import Address
from serving.problems import RefusedError

__all__ = ["Origins"]

_SAFE = ("GET", "HEAD", "OPTIONS")
_TAKEN = b"content-type, idempotency-key, x-api-key, x-request-id"
_SHOWN = b"retry-after, x-request-id"

Headers = list[tuple[bytes, bytes]]


class Origins:
    """Judges the origin of a request; only exact ones are allowed.

    Parameters
    ----------
    allowed : frozenset of str
        As ``https://clinic.example``.
    behind_proxy : bool
        Whether TLS ends before this service.
    """

    def __init__(self, allowed: frozenset[str], *, behind_proxy: bool) -> None:
        self._allowed = frozenset(origin.encode() for origin in allowed)
        self._behind_proxy = behind_proxy

    def shown_to(self, headers: Mapping[bytes, bytes]) -> Headers:
        """Return what lets a page of an allowed origin read the answer.

        Parameters
        ----------
        headers : mapping of bytes to bytes
            Of the request.

        Returns
        -------
        list of (bytes, bytes)
            Headers of the answer; empty for any other origin, and where none is allowed.
        """
        if not self._allowed:
            return []
        origin = headers.get(b"origin", b"")
        if origin not in self._allowed:
            return [(b"vary", b"origin")]
        return [
            (b"vary", b"origin"),
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", _SHOWN),
        ]

    def preflight(
        self, method: str, headers: Mapping[bytes, bytes], address: Address
    ) -> Headers | None:
        """Return the answer to a preflight request.

        Parameters
        ----------
        method : str
            Of the request.
        headers : mapping of bytes to bytes
            Of the request.
        address : Address
            That it asks for.

        Returns
        -------
        list of (bytes, bytes) or None
            Headers; None if it is no preflight of an allowed origin.
        """
        asked = method == "OPTIONS" and b"access-control-request-method" in headers
        if not asked or headers.get(b"origin") not in self._allowed:
            return None
        return [
            (b"access-control-allow-methods", ", ".join(address.methods).encode()),
            (b"access-control-allow-headers", _TAKEN),
            (b"access-control-max-age", b"600"),
        ]

    def check_own(self, scope: MutableMapping[str, Any], headers: Mapping[bytes, bytes]) -> None:
        """Refuse a request that another site makes in the name of who is signed in.

        Parameters
        ----------
        scope : mapping
            Of ASGI.
        headers : mapping of bytes to bytes
            Of the request.

        Raises
        ------
        RefusedError
            ``cross-origin``, if it changes something and does not come from a page that
            was served here.
        """
        if scope["method"] in _SAFE:
            return
        host = headers.get(b"host", b"")
        schemes = {str(scope.get("scheme", "http")).encode()}
        if self._behind_proxy:
            schemes = {b"https"}
        own = {scheme + b"://" + host for scheme in schemes}
        if not host or headers.get(b"origin") not in own:
            detail = "Send it from a page of this service, or with a key in X-API-Key."
            raise RefusedError("cross-origin", detail)
