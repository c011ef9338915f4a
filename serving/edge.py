"""The edge: the one place where a request is let in or refused.

BentoML's own validation logs what it refuses, and answers several kinds of bad body
with 500. So this middleware does everything up to a valid request, and answers every
failure itself as a problem body; the endpoint behind it reads from the scope the valid
request, the exact bytes it came in, and the caller's Idempotency-Key. No value of a body
is ever logged.
"""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from respredict.errors import Problem, RequestError
from respredict.schema.request import read_request
from serving.problems import MEDIA_TYPE, problem_body

__all__ = ["MAX_BODY_BYTES", "ROUTES", "Edge"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY_BYTES = 64 * 1024

#: Every address there is, with the methods it takes. The rest is 404.
ROUTES: dict[str, tuple[str, ...]] = {
    "/v1/score": ("POST",),
    "/v1/model": ("GET",),
    "/livez": ("GET",),
    "/readyz": ("GET",),
    "/healthz": ("GET",),
    "/metrics": ("GET",),
}

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_IDEMPOTENCY_KEY = re.compile(r"[ -~]{1,200}")
_LOG = logging.getLogger("respredict.edge")


class RefusedError(Exception):
    """A request that goes no further."""

    def __init__(self, code: str, detail: str, errors: tuple[Problem, ...] = ()) -> None:
        self.code, self.detail, self.errors = code, detail, errors
        self.headers: list[tuple[bytes, bytes]] = []
        super().__init__(code)


class Edge:
    """ASGI middleware; see the module.

    Parameters
    ----------
    app : ASGI application
        BentoML's, behind it.
    """

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        answer = _Answer(send, request_id)
        try:
            _check_route(scope)
            if scope["path"] == "/v1/score":
                _check_media_type(scope)
                key = _idempotency_key(scope)
                body = await _read_body(scope, receive)
                scope["respredict.request"] = _domain(_parse(body))
                scope["respredict.body"], scope["respredict.idempotency_key"] = body, key
                scope["respredict.request_id"] = request_id
                receive = _emptied(receive)
            await self.app(scope, receive, answer.send)
        except RefusedError as refusal:
            await answer.refuse(refusal)
        except Exception as error:
            # Every failure becomes a problem body. A message may quote a value of the
            # body, so only its kind is logged.
            _LOG.error("request %s failed: %s", request_id, type(error).__name__)
            if answer.started:
                raise
            await answer.refuse(
                RefusedError("internal", "Try again; tell the operator the request id if it stays.")
            )


class _Answer:
    """Sends one answer, with the headers every answer carries."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send, self._request_id, self.started = send, request_id, False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            message["headers"] = [
                *message.get("headers", ()),
                (b"x-request-id", self._request_id.encode()),
                (b"x-content-type-options", b"nosniff"),
                (b"cache-control", b"no-store"),
            ]
        await self._send(message)

    async def refuse(self, refusal: RefusedError) -> None:
        status, body = problem_body(
            refusal.code, refusal.detail, request_id=self._request_id, errors=refusal.errors
        )
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            *refusal.headers,
        ]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})


def _header(scope: Scope, name: bytes) -> str | None:
    for key, value in scope["headers"]:
        if key == name:
            return str(value.decode("latin-1"))
    return None


def _request_id(scope: Scope) -> str:
    """Return the caller's id where it is a plain one, else a new one."""
    given = _header(scope, b"x-request-id") or ""
    return given if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4())


def _check_route(scope: Scope) -> None:
    methods = ROUTES.get(scope["path"])
    if methods is None:
        raise RefusedError("not-found", f"Addresses: {', '.join(ROUTES)}.")
    if scope["method"] not in methods:
        refusal = RefusedError("method-not-allowed", f"Use {' or '.join(methods)}.")
        refusal.headers.append((b"allow", ", ".join(methods).encode()))
        raise refusal


def _check_media_type(scope: Scope) -> None:
    given = (_header(scope, b"content-type") or "").split(";")[0].strip().lower()
    encoding = _header(scope, b"content-encoding")
    if given != "application/json" or encoding not in (None, "identity"):
        raise RefusedError("media-type", "Send application/json, uncompressed.")


def _idempotency_key(scope: Scope) -> str | None:
    given = _header(scope, b"idempotency-key")
    if given is not None and not _IDEMPOTENCY_KEY.fullmatch(given):
        raise RefusedError("idempotency-key", "Send 1 to 200 printable ASCII characters.")
    return given


async def _read_body(scope: Scope, receive: Receive) -> bytes:
    """Read the body, never holding more of it than is allowed."""
    too_large = RefusedError("too-large", f"Send at most {MAX_BODY_BYTES // 1024} kB: one man.")
    announced = _header(scope, b"content-length")
    if announced and announced.isdigit() and int(announced) > MAX_BODY_BYTES:
        raise too_large
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedError("not-json", "The body was cut off. Send it again.")
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise too_large
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


def _parse(body: bytes) -> Any:
    """Parse strict JSON: UTF-8, no NaN, no key twice, no tower of brackets."""
    try:
        return _DECODER.decode(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise RefusedError("not-json", "Send JSON in UTF-8.") from error
    except json.JSONDecodeError as error:
        detail = f"The JSON breaks off at line {error.lineno}, column {error.colno}. Mend it there."
        raise RefusedError("not-json", detail) from error
    except RecursionError as error:
        raise RefusedError("not-json", "Nest a few levels only, as the example does.") from error
    except ValueError as error:
        # A number of thousands of digits.
        raise RefusedError("not-json", "Send numbers of a normal length.") from error


def _no_constant(name: str) -> None:
    raise RefusedError("not-json", f"{name} is not JSON. Leave out what was not measured.")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(pairs)
    if len(body) != len(pairs):
        raise RefusedError("not-json", "A key stands twice in one object. Send each once.")
    return body


_DECODER = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_once)


def _domain(parsed: Any) -> Any:
    try:
        return read_request(parsed)
    except RequestError as error:
        detail = "Mend each entry of errors and send the request again."
        raise RefusedError("invalid-request", detail, error.problems) from error


def _emptied(receive: Receive) -> Receive:
    """Stand in for the body that was read: the endpoint takes none."""
    sent = False

    async def receive_nothing() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": b"{}", "more_body": False}

    return receive_nothing
