"""The edge: the one place where a request is let in or refused.

BentoML's own validation logs what it refuses, answers several kinds of bad body with 500,
and writes paths into its log and its metrics. So this middleware moves to the outside of
all of that at start, does everything up to a valid request, and answers every failure
itself as a problem body. The endpoint behind it reads from the scope what was found valid.
No value of a body, no query and no key is ever logged.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from respredict.config import home
from serving.addresses import MAX_BATCH_BYTES, MAX_BODY_BYTES, Address
from serving.answering import BEGUN, Answer, Send
from serving.door import Door
from serving.edge_settings import EdgeSettings, edge_settings
from serving.origins import Origins
from serving.pages import wants_page
from serving.parsing import parse, parse_man, parse_men
from serving.problems import RefusedError
from serving.reading import Receive, check_media_type, emptied, read_body
from serving.urls import looks_like_key, seal_url

__all__ = ["MAX_BATCH_BYTES", "MAX_BODY_BYTES", "Edge"]

Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_IDEMPOTENCY_KEY = re.compile(r"[ -~]{1,200}")
#: Longer bodies are parsed in a thread.
_LONG = 64 * 1024
_MEDIA_TYPES = {
    "form": ("application/x-www-form-urlencoded",),
    "fhir": ("application/fhir+json", "application/json"),
}
#: Where in the scope a body stands once it was read, and by what; others are plain JSON.
_READ: dict[str, tuple[str, Callable[[bytes], Any]]] = {
    "man": ("respredict.request", parse_man),
    "men": ("respredict.batch", parse_men),
}
#: What identifies somebody goes no further.
_SECRETS = frozenset({b"x-api-key", b"cookie", b"authorization"})
_LOG = logging.getLogger("respredict.edge")


class Edge:
    """ASGI middleware; see the module.

    Parameters
    ----------
    app : ASGI application
        BentoML's, behind it.
    settings : EdgeSettings or None, default=None
        From the environment if None.
    """

    def __init__(self, app: Application, settings: EdgeSettings | None = None) -> None:
        self.app = app
        self._settings = settings or edge_settings()
        self._door = Door(home(), self._settings)
        self._origins = Origins(self._settings.origins, behind_proxy=self._settings.behind_proxy)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] == "lifespan":
            self._move_outside(scope.get("app"))
            try:
                await self.app(scope, receive, send)
            finally:
                self._door.close()
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        elif "respredict.address" in scope:  # it came through the outside
            if scope["respredict.address"].slow:
                await send(BEGUN)
            try:
                await self.app(scope, receive, send)
            except Exception:
                await send(BEGUN)  # BentoML's timeout would wait for an answer, and send none
                raise
        else:
            await self._guard(self.app, scope, receive, send)

    def _move_outside(self, application: Any) -> None:
        """Stand before metrics, access log and timeout, which BentoML puts before us."""
        stack: Application | None = getattr(application, "middleware_stack", None)
        if stack is None:
            return

        async def outside(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                await self._guard(stack, scope, receive, send)
            else:
                await stack(scope, receive, send)

        application.middleware_stack = outside

    async def _guard(self, app: Application, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        answer = Answer(send, scope, _request_id(headers), self._origins.shown_to(headers))
        answer.as_page = wants_page(headers)
        try:
            address = seal_url(scope)
            preflight = self._origins.preflight(scope["method"], headers, address)
            if preflight is not None:
                await answer.empty(204, preflight)
                return
            _check_method(scope, address)
            scope["respredict.identity"] = self._door.enter(scope, headers, address)
            if address.body and scope["method"] == "POST":
                await self._take_body(scope, receive, headers, address)
                receive = emptied(receive)
            scope["respredict.request_id"] = answer.request_id
            scope["respredict.address"], scope["respredict.door"] = address, self._door
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] not in _SECRETS]
            answer.entered = True
            await app(scope, receive, answer.send)
        except RefusedError as refusal:
            await answer.refuse(refusal)
        except Exception as error:
            # Every failure becomes a problem body. A message may quote a value of the
            # body, so only its kind is logged.
            failed = f"request {answer.request_id} failed: {type(error).__name__}"
            _LOG.error(failed)
            if answer.refused:  # somebody's own error page was replaced before
                return
            if answer.started:  # what was begun cannot be taken back: the connection is closed
                raise ConnectionError(failed) from None
            await answer.refuse(
                RefusedError("internal", "Try again; tell the operator the request id if it stays.")
            )

    async def _take_body(
        self, scope: Scope, receive: Receive, headers: Mapping[bytes, bytes], address: Address
    ) -> None:
        """Read, parse and check a body, and hand on what was found valid."""
        check_media_type(headers, _MEDIA_TYPES.get(address.body, ("application/json",)))
        scope["respredict.idempotency_key"] = _idempotency_key(headers)
        body = await read_body(
            receive, headers, most=address.most_bytes, seconds=self._settings.body_seconds
        )
        scope["respredict.body"] = body
        if address.body == "form":
            return  # read by the page that it is of
        name, read = _READ.get(address.body, ("respredict.json", parse))
        short = len(body) <= _LONG
        scope[name] = read(body) if short else await asyncio.to_thread(read, body)


def _request_id(headers: Mapping[bytes, bytes]) -> str:
    """Return the caller's id where it is a plain one, else a new one."""
    given = headers.get(b"x-request-id", b"").decode("latin-1")
    if _REQUEST_ID.fullmatch(given) and not looks_like_key(given):
        return given
    return secrets.token_hex(16)


def _check_method(scope: Scope, address: Address) -> None:
    if scope["method"] not in address.methods:
        allowed = ((b"allow", ", ".join(address.methods).encode()),)
        detail = f"Use {' or '.join(address.methods)}."
        raise RefusedError("method-not-allowed", detail, headers=allowed)


def _idempotency_key(headers: Mapping[bytes, bytes]) -> str | None:
    given = headers.get(b"idempotency-key")
    if given is None:
        return None
    key = given.decode("latin-1")
    if not _IDEMPOTENCY_KEY.fullmatch(key):
        raise RefusedError("idempotency-key", "Send 1 to 200 printable ASCII characters.")
    return key
