"""The OpenAPI document of the service, and the requests of ``serving/api.http`` from it.

``python -m serving.openapi`` writes ``serving/api.http`` anew; with ``--json`` it prints the
document. A test compares both with what is generated.
"""

from __future__ import annotations

import functools
import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from respredict.files import write_atomically
from serving.contract.answered import answered_schemas
from serving.contract.asked import asked_schemas
from serving.contract.audited import audited_schemas
from serving.contract.fields import text
from serving.contract.interop import interop_schemas
from serving.contract.operations import paths
from serving.door import COOKIE

__all__ = ["HTTP_FILE", "document", "document_bytes", "http_requests"]

HTTP_FILE = Path(__file__).with_name("api.http")

_MEANING = (
    "How likely a subfertile man is to have a clinically significant semen improvement on "
    "anastrozole. Every answer is a recorded decision. Every failure is a problem body "
    "(RFC 9457), below /fhir an OperationOutcome. Limits: 64 kB a man, 1 MB of resources, 4 MB and "
    "1,000 men a batch, 10 s for a body to arrive. "
    "It is not a medical device."
)
_TAGS = {
    "score": "For clinicians' systems.",
    "audit": "For auditors.",
    "fhir": "For hospitals' systems: FHIR R4, read as JSON.",
    "cds": "For hospitals' systems: CDS Hooks 2.0.",
    "service": "For operators and browsers.",
}
_METHODS = ("get", "post")


@functools.cache
def document() -> dict[str, Any]:
    """Return the document; it is shared, so read it only.

    Returns
    -------
    dict
        OpenAPI 3.1.

    Examples
    --------
    >>> document()["openapi"]
    '3.1.0'
    """
    anything = {"type": "object", "description": "An OpenAPI document.", "examples": [{}]}
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "A repeated request gets the recorded answer, for 24 hours.",
        "schema": text("1 to 200 printable ASCII characters.", "visit-2026-10-02-17",
                       minLength=1, maxLength=200, pattern="^[ -~]*$"),
    }  # fmt: skip
    request_id = {
        "description": "Of this request; the caller's own X-Request-Id where it is a plain one.",
        "schema": text("Name it to the operator.", "5f3e7aaa01924bbb8ccc0123456789ab"),
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "respredict",
            "version": version("respredict"),
            "description": _MEANING,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": told} for name, told in _TAGS.items()],
        "paths": paths(),
        "components": {
            "schemas": {
                **asked_schemas(), **answered_schemas(), **audited_schemas(), **interop_schemas(),
                "Document": anything,
            },
            "parameters": {"IdempotencyKey": key},
            "headers": {"RequestId": request_id},
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key",
                        "description": "rp_, its id, _ and its secret; never in a URL."},
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE,
                            "description": "Set by a sign-in link; with an Origin of this service "
                            "where something is changed."},
            },
        },
    }  # fmt: skip


@functools.cache
def document_bytes() -> bytes:
    """Return the document as it is served.

    Returns
    -------
    bytes
        JSON.
    """
    return json.dumps(document(), ensure_ascii=False).encode()


def http_requests() -> str:
    """Return a request for every operation, as editors with an HTTP client run them.

    Returns
    -------
    str
        What ``serving/api.http`` holds.
    """
    lines = [
        "# Generated: python -m serving.openapi",
        "# One key has one role: a clinician scores, an auditor reads, an operator keeps.",
        "@host = http://127.0.0.1:3000",
        "@key = rp_...",
    ]
    for path, item in document()["paths"].items():
        named = {one["name"]: one["schema"]["examples"][0] for one in item.get("parameters", ())}
        for method in _METHODS:
            if method in item:
                lines += ["", *_request(path.format_map(named), method, item[method])]
    return "\n".join(lines) + "\n"


def _request(path: str, method: str, operation: dict[str, Any]) -> list[str]:
    lines = [f"### {operation['summary']}", f"{method.upper()} {{{{host}}}}{path}"]
    if operation["security"]:
        lines.append("X-API-Key: {{key}}")
    if "requestBody" in operation:
        ((media, content),) = operation["requestBody"]["content"].items()
        lines += [f"Content-Type: {media}", ""]
        lines.append(json.dumps(content["example"], indent=2, ensure_ascii=False))
    return lines


def main(arguments: list[str]) -> None:
    """Write ``serving/api.http``, or print the document.

    Parameters
    ----------
    arguments : list of str
        ``--json`` prints.
    """
    if arguments == ["--json"]:
        print(json.dumps(document(), ensure_ascii=False, indent=1))
    else:
        write_atomically(HTTP_FILE, http_requests().encode())


if __name__ == "__main__":
    main(sys.argv[1:])
