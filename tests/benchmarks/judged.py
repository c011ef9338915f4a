"""Kept answers judged by the OpenAPI document of the service: all of them, none drawn.

An answer's own name and place in the ledger are judged apart, so that what is left is the same
text for many answers; each different text is judged once, and stands for all that are equal.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson
from jsonschema import Draft202012Validator

from tests.benchmarks.mixed_requests import Sent

_PROBLEM = "application/problem+json"
#: Of each answer to a man its own; put in the place of every other, where they were judged.
_OWN = {
    "decision_id": "0192f0c1-5f3e-7aaa-8bbb-0123456789ab",
    "ledger": {"sequence": 1, "hash": "0" * 64},
}


@dataclass
class Judged:
    """What was found in the answers.

    Parameters
    ----------
    statuses : Counter of (str, int)
        Answers by address and status.
    judged : int
        Those held against the document's schema.
    texts : int
        Different ones among them.
    undue : list of str
        Answers with a status that was not due, and what the document does not tell.
    invalid : list of str
        What breaks the schema, and where.
    recorded : dict of int to tuple of (str, int)
        By sequence in the ledger: decision and version of the model.
    """

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    judged: int = 0
    texts: int = 0
    undue: list[str] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)
    recorded: dict[int, tuple[str, int]] = field(default_factory=dict)


class Judge:
    """Holds answers against a document.

    Parameters
    ----------
    document : dict
        As ``/openapi.json`` told it.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self.paths, self.components = document["paths"], document["components"]
        of = self.components["schemas"]["Scored"]["properties"]
        own = {name: of[name] for name in _OWN}
        self._own = self._validator({"required": list(own), "properties": own})
        assert self._own.is_valid(_OWN)
        self._schemas: dict[tuple[str, str, int, str], Draft202012Validator | None] = {}
        self._seen: set[tuple[str, str, int, bytes]] = set()

    def judge(self, sent: list[Sent], kept: Iterable[tuple[int, int, bytes, bytes]]) -> Judged:
        """Judge every answer.

        Parameters
        ----------
        sent : list of Sent
            The requests, by number.
        kept : iterable of (int, int, bytes, bytes)
            Of each answer: number of its request, status, head and body.
        """
        found = Judged()
        for number, status, head, body in kept:
            of = sent[number]
            found.statuses[of.address, status] += 1
            if status not in of.due:
                found.undue.append(f"{of.method} {of.address}: {status}, {body[:300]!r}")
            self._hold(of, status, head, body, found)
        found.texts = len(self._seen)
        return found

    def _hold(self, of: Sent, status: int, head: bytes, body: bytes, found: Judged) -> None:
        kind = _media_type(head)
        schema = self._schema(of.method, of.address, status, kind)
        if schema is None:
            found.undue.append(f"{of.method} {of.address}: {status} {kind} is not in the document")
            return
        told, where = orjson.loads(body), f"{of.method} {of.address} {status}"
        found.judged += 1
        for answer in told if isinstance(told, list) else [told]:
            if "decision_id" in answer:
                self._apart(answer, where, found)
        if status >= 400:
            told["request_id"] = "…"
        text = orjson.dumps(told)
        if (of.method, of.address, status, text) not in self._seen:
            self._seen.add((of.method, of.address, status, text))
            found.invalid += [
                f"{where} {e.json_path}: {e.message[:300]}" for e in schema.iter_errors(told)
            ]

    def _apart(self, answer: dict[str, Any], where: str, found: Judged) -> None:
        """Judge what is an answer's own, and put the example in its place."""
        own = {name: answer[name] for name in _OWN}
        found.invalid += [f"{where} {e.message[:300]}" for e in self._own.iter_errors(own)]
        told = own["decision_id"], answer["model"]["version"]
        if found.recorded.setdefault(own["ledger"]["sequence"], told) != told:
            found.invalid.append(f"{where}: two answers have the place {own['ledger']}")
        answer |= _OWN

    def _schema(
        self, method: str, address: str, status: int, kind: str
    ) -> Draft202012Validator | None:
        """Return what judges an answer, if the document tells it."""
        key = method, address, status, kind
        if key not in self._schemas:
            self._schemas[key] = self._made(*key)
        return self._schemas[key]

    def _made(
        self, method: str, address: str, status: int, kind: str
    ) -> Draft202012Validator | None:
        operation = self.paths.get(address, {}).get(method.lower())
        if operation is None:  # no such address or method: a problem, and nothing else
            problem = {"$ref": "#/components/schemas/Problem"}
            return self._validator(problem) if status in (404, 405) and kind == _PROBLEM else None
        media = operation["responses"].get(str(status), {}).get("content", {}).get(kind)
        return None if media is None else self._validator(media["schema"])

    def _validator(self, schema: dict[str, Any]) -> Draft202012Validator:
        return Draft202012Validator(
            {**schema, "components": self.components},
            format_checker=Draft202012Validator.FORMAT_CHECKER,
        )


def _media_type(head: bytes) -> str:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-type":
            return value.split(b";")[0].strip().decode()
    return ""


def document_of(service: Any) -> dict[str, Any]:
    """Return the document that a service tells."""
    status, body = service.ask("GET", "/openapi.json")
    assert status == 200
    return json.loads(body)
