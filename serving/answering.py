"""One answer on its way out: the headers every answer carries, and failures as problems.

An error page of somebody else (BentoML's timeout, its 500, its readiness) is replaced by a
problem body, so that a caller has one form to read.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from respredict.errors import Problem
from respredict.schema.request import REQUEST_FIELDS
from serving import metrics
from serving.problems import FHIR, MEDIA_TYPE, RefusedError, refusal_body
from serving.reading import Message

__all__ = ["BEGUN", "Answer", "Send", "rule_of"]

Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

#: Sent inwards out: the answer will come, however long it takes. It ends BentoML's timeout,
#: which waits for the first message, and goes no further than here.
BEGUN: Message = {"type": "respredict.begun", "headers": []}

_ALWAYS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]

#: What a failure of somebody else is told as, by its status.
_FOREIGN = {
    404: ("not-found", "See /openapi.json for what there is."),
    405: ("method-not-allowed", "See /openapi.json for what there is."),
    503: ("not-ready", "Try again in a second."),
    504: ("timeout", "Try again; tell the operator the request id if it stays."),
}
_OURS = (MEDIA_TYPE.encode(), FHIR.encode())
_FAILED = ("internal", "Try again; tell the operator the request id if it stays.")

# In the form of BentoML's own lines, and among them.
_ACCESS = logging.getLogger("bentoml.access")


class Answer:
    """Sends one answer.

    Parameters
    ----------
    send : callable
        Of ASGI.
    scope : mapping
        Of the request.
    request_id : str
        Echoed.
    more : list of (bytes, bytes)
        Headers besides those of every answer.
    """

    def __init__(
        self, send: Send, scope: MutableMapping[str, Any], request_id: str, more: Headers
    ) -> None:
        self._send, self._scope, self.request_id = send, scope, request_id
        self._more, self._began = more, time.perf_counter()
        self._foreign = 0
        self.started, self.refused = False, False
        self.entered, self.as_page = False, False

    async def send(self, message: Message) -> None:
        """Send a message on, in the form that every answer has.

        Parameters
        ----------
        message : mapping
            Of ASGI.
        """
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            if message["status"] >= 400 and not (_is_problem(headers) or _is_page(headers)):
                self._foreign = message["status"]
                return
            message["headers"] = headers + self._headers(headers)
            self.started = True
        elif message["type"] == BEGUN["type"]:
            return
        elif self._foreign:
            if not message.get("more_body"):
                status, self._foreign = self._foreign, 0
                await self.refuse(RefusedError(*_FOREIGN.get(status, _FAILED)))
            return
        await self._send(message)

    async def refuse(self, refusal: RefusedError) -> None:
        """Answer with a problem body, count it, and tell the access log if nobody else does.

        Parameters
        ----------
        refusal : RefusedError
            Why.
        """
        self.refused = True
        for rule in {rule_of(error) for error in refusal.errors} or {refusal.reason}:
            metrics.refused(refusal.code, rule)
        if self.as_page:
            # Rarely needed, and long to import.
            from serving.pages.refusals import refusal_page

            page = refusal_page(refusal, self.request_id)
            sent = [pair for pair in page.raw_headers if pair[0] != b"content-length"]
            await self._whole(page.status_code, sent, bytes(page.body), refusal.code)
            return
        status, media_type, body = refusal_body(
            refusal, self._scope["path"], request_id=self.request_id
        )
        content_type = (b"content-type", media_type.encode())
        await self._whole(status, [content_type, *refusal.headers], body, refusal.code)

    async def empty(self, status: int, headers: Headers) -> None:
        """Answer without a body.

        Parameters
        ----------
        status : int
            Of HTTP.
        headers : list of (bytes, bytes)
            Besides those of every answer.
        """
        await self._whole(status, headers, b"", "")

    async def _whole(self, status: int, headers: Headers, body: bytes, code: str) -> None:
        if not self.entered:
            self._tell(status, code)
        if status != 204:
            headers = [*headers, (b"content-length", str(len(body)).encode())]
        headers = [*headers, *self._headers(headers)]
        self.started = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    def _headers(self, there: Headers) -> Headers:
        always = _ALWAYS
        if _is_page(there):
            own = {name.lower() for name, _ in there}
            always = [pair for pair in _ALWAYS if pair[0] not in own]
        return [(b"x-request-id", self.request_id.encode()), *always, *self._more]

    def _tell(self, status: int, code: str) -> None:
        scope = self._scope
        peer = ":".join(map(str, scope.get("client") or ("_",)))
        _ACCESS.info(
            "%s (scheme=%s,method=%s,path=%s) (status=%d%s) %.3fms",
            peer, scope.get("scheme", "http"), scope["method"][:16], scope["path"],
            status, f",code={code}" if code else "", (time.perf_counter() - self._began) * 1e3,
        )  # fmt: skip


def rule_of(problem: Problem) -> str:
    """Return field and rule of a problem in words of this project only, to count by.

    Parameters
    ----------
    problem : Problem
        Of a request.

    Returns
    -------
    str
        One of few; nothing a caller wrote stands in it.

    Examples
    --------
    >>> rule_of(Problem("lh.value", "be 0.05 to 100 mIU/mL", "-3", "Check the value"))
    'lh: be inside the limits'
    """
    field = problem.field.split(".")[0]
    rule = problem.rule
    if rule == "be a known field" or (field not in REQUEST_FIELDS and field != "request"):
        field = "another"
    if rule.startswith("be ") and rule[3:4] in "-0123456789":
        rule = "be inside the limits"
    return f"{field}: {rule}"


def _is_page(headers: Headers) -> bool:
    """Return whether a page of ours is sent: it says itself what a browser may do with it."""
    return any(name.lower() == b"content-security-policy" for name, _ in headers)


def _is_problem(headers: Headers) -> bool:
    return any(
        name.lower() == b"content-type" and value.startswith(_OURS) for name, value in headers
    )
