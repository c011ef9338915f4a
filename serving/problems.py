"""Every refusal as one problem body (RFC 9457): what, why, and what to do."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from respredict.errors import Problem

__all__ = ["MEDIA_TYPE", "PROBLEMS", "problem_body"]

MEDIA_TYPE = "application/problem+json"

#: Code of the problem: status and title. The type is ``urn:respredict:problem:<code>``.
PROBLEMS: dict[str, tuple[int, str]] = {
    "not-json": (400, "The body is not JSON"),
    "idempotency-key": (400, "The Idempotency-Key cannot be taken"),
    "not-found": (404, "There is nothing at this address"),
    "method-not-allowed": (405, "This address does not take this method"),
    "too-large": (413, "The body is too large"),
    "media-type": (415, "The body is of another media type"),
    "invalid-request": (422, "The request breaks a rule"),
    "idempotency-conflict": (422, "The Idempotency-Key stands for another request"),
    "internal": (500, "The service failed"),
    "no-model": (503, "No model is being served"),
    "ledger-unavailable": (503, "No answer may leave: it could not be recorded"),
}


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
