"""Reading a body: no more of it than is allowed, and for no longer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any

from serving.problems import RefusedError

__all__ = ["Message", "Receive", "check_media_type", "emptied", "read_body"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

#: The rest of such a body is not waited for.
_CLOSE = ((b"connection", b"close"),)


def check_media_type(
    headers: Mapping[bytes, bytes], taken: Sequence[str] = ("application/json",)
) -> None:
    """Refuse what is of another media type, or compressed.

    Parameters
    ----------
    headers : mapping of bytes to bytes
        Of the request.
    taken : sequence of str, default=("application/json",)
        What is taken, any of them.

    Raises
    ------
    RefusedError
        ``media-type``.
    """
    given = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
    encoding = headers.get(b"content-encoding", b"identity").strip().lower()
    if given.decode("latin-1") not in taken or encoding != b"identity":
        detail = f"Send {' or '.join(taken)}, uncompressed."
        raise RefusedError("media-type", detail, headers=_CLOSE)


async def read_body(
    receive: Receive, headers: Mapping[bytes, bytes], *, most: int, seconds: float
) -> bytes:
    """Read a body, never holding more of it than is allowed.

    Parameters
    ----------
    receive : callable
        Of ASGI.
    headers : mapping of bytes to bytes
        Of the request.
    most : int
        Bytes.
    seconds : float
        In which the whole of it must arrive.

    Returns
    -------
    bytes
        All of it.

    Raises
    ------
    RefusedError
        ``too-large``, ``too-slow``, or ``not-json`` where the caller hung up.
    """
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and int(announced[:20]) > most:
        raise _too_large(most)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise RefusedError("not-json", "The body was cut off. Send it again.")
                part = message.get("body", b"")
                size += len(part)
                if size > most:
                    raise _too_large(most)
                parts.append(part)
                if not message.get("more_body"):
                    return b"".join(parts)
    except TimeoutError as error:
        detail = f"Send the whole body within {seconds:g} seconds."
        raise RefusedError("too-slow", detail, headers=_CLOSE) from error


def _too_large(most: int) -> RefusedError:
    limit = f"{most // 1024} kB" if most < 1024**2 else f"{most // 1024**2} MB"
    return RefusedError("too-large", f"Send at most {limit}.", headers=_CLOSE)


def emptied(receive: Receive) -> Receive:
    """Stand in for a body that was read: who answers takes none.

    Parameters
    ----------
    receive : callable
        Of ASGI.

    Returns
    -------
    callable
        Gives an empty object once, and then what follows.
    """
    sent = False

    async def receive_nothing() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": b"{}", "more_body": False}

    return receive_nothing
