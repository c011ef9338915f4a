"""Every refusal as one problem body (RFC 9457): what, why, and what to do."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from respredict.errors import Problem
from respredict.interop.outcome import operation_outcome

__all__ = [
    "FHIR",
    "ISSUES",
    "MEDIA_TYPE",
    "PROBLEMS",
    "RefusedError",
    "problem_body",
    "refusal_body",
]

MEDIA_TYPE = "application/problem+json"
FHIR = "application/fhir+json"

#: Code of the problem: status and title. The type is ``urn:respredict:problem:<code>``.
PROBLEMS: dict[str, tuple[int, str]] = {
    "key-in-url": (400, "A key stands in the URL"),
    "not-json": (400, "The body is not JSON"),
    "not-of-form": (400, "The body is not of the form that is taken here"),
    "idempotency-key": (400, "The Idempotency-Key cannot be taken"),
    "unauthenticated": (401, "The request carries no key that counts"),
    "forbidden": (403, "The key has not the role for this"),
    "cross-origin": (403, "The request comes from another site"),
    "not-found": (404, "There is nothing at this address"),
    "no-record": (404, "There is no such record"),
    "method-not-allowed": (405, "This address does not take this method"),
    "too-slow": (408, "The body took too long"),
    "not-prefetched": (412, "Nothing was prefetched, and nothing is fetched from here"),
    "too-large": (413, "The body is too large"),
    "media-type": (415, "The body is of another media type"),
    "invalid-request": (422, "The request breaks a rule"),
    "idempotency-conflict": (422, "The Idempotency-Key stands for another request"),
    "rate-limited": (429, "The key asks too often"),
    "too-many-guesses": (429, "Too many wrong keys came from this address"),
    "busy": (429, "The same long work is being done"),
    "internal": (500, "The service failed"),
    "no-model": (503, "No such model can be served"),
    "ledger-unavailable": (503, "No answer may leave: it could not be recorded"),
    "keys-unavailable": (503, "Nobody can be let in: the keys cannot be read"),
    "not-ready": (503, "The service is not ready"),
    "timeout": (504, "The answer took too long"),
}

#: What a problem is among FHIR's issue types; the rest are exceptions.
ISSUES: dict[str, str] = {
    "key-in-url": "security",
    "not-json": "structure",
    "not-of-form": "structure",
    "idempotency-key": "value",
    "unauthenticated": "login",
    "forbidden": "forbidden",
    "cross-origin": "forbidden",
    "not-found": "not-found",
    "method-not-allowed": "not-supported",
    "too-slow": "timeout",
    "too-large": "too-long",
    "media-type": "not-supported",
    "invalid-request": "invalid",
    "idempotency-conflict": "conflict",
    "rate-limited": "throttled",
    "too-many-guesses": "throttled",
    "ledger-unavailable": "transient",
    "keys-unavailable": "transient",
    "no-model": "transient",
    "not-ready": "transient",
    "timeout": "timeout",
}


class RefusedError(Exception):
    """A request that goes no further.

    Parameters
    ----------
    code : str
        A key of ``PROBLEMS``.
    detail : str
        One sentence for this occurrence, with the remedy.
    errors : tuple of Problem, default=()
        Every broken rule.
    reason : str, default=""
        Why, in a word for programs, where the code alone does not say it.
    headers : tuple of (bytes, bytes), default=()
        What the answer carries besides.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        errors: tuple[Problem, ...] = (),
        *,
        reason: str = "",
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        self.code, self.detail, self.errors = code, detail, errors
        self.reason, self.headers = reason, headers
        super().__init__(code)


def problem_body(
    code: str,
    detail: str,
    *,
    request_id: str,
    errors: Iterable[Problem] = (),
    reason: str = "",
) -> tuple[int, bytes]:
    """Return the status and the bytes of one problem body.

    Parameters
    ----------
    code : str
        A key of ``PROBLEMS``.
    detail : str
        One sentence for this occurrence, with the remedy.
    request_id : str
        Echoed, so that a caller can name the request.
    errors : iterable of Problem
        Every broken rule, each as ``{field, rule, got, remedy}``.
    reason : str, default=""
        Why, in a word for programs, where the code alone does not say it.

    Returns
    -------
    tuple of int and bytes
        Status and body.
    """
    status, title = PROBLEMS[code]
    body: dict[str, Any] = {
        "type": f"urn:respredict:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "request_id": request_id,
    }
    if reason:
        body["reason"] = reason
    told = [error.as_dict() for error in errors]
    if told:
        body["errors"] = told
    return status, json.dumps(body, ensure_ascii=False).encode()


def refusal_body(refusal: RefusedError, path: str, *, request_id: str) -> tuple[int, str, bytes]:
    """Return a refusal as the address has it: a problem body, below ``/fhir`` an OperationOutcome.

    Parameters
    ----------
    refusal : RefusedError
        Why.
    path : str
        Asked for.
    request_id : str
        Echoed.

    Returns
    -------
    tuple of int, str and bytes
        Status, media type and body.
    """
    if not path.startswith("/fhir/"):
        status, body = problem_body(
            refusal.code, refusal.detail, request_id=request_id, errors=refusal.errors,
            reason=refusal.reason,
        )  # fmt: skip
        return status, MEDIA_TYPE, body
    status, title = PROBLEMS[refusal.code]
    kind = ISSUES.get(refusal.code, "exception")
    detail = f"{title}. {refusal.detail} Request {request_id}."
    told = operation_outcome(refusal.errors, code=kind, detail=detail)
    return status, FHIR, json.dumps(told, ensure_ascii=False).encode()
