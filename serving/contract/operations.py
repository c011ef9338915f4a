"""The operations: one for each address and method, with every answer it may give."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from respredict.ledger.entry import KINDS
from serving.addresses import ADDRESSES, Address
from serving.contract.asked import EXAMPLE
from serving.contract.fields import Schema, number, ref, text
from serving.contract.interop import BUNDLE, CALL, FEEDBACK
from serving.filters import ANY, MOST_LISTED, STATUSES
from serving.problems import FHIR, MEDIA_TYPE, PROBLEMS

__all__ = ["OPERATIONS", "Operation", "codes", "paths"]

_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Operation:
    """What one address does.

    Parameters
    ----------
    summary, meaning : str
        In a line, and in sentences.
    answer : str, default=""
        Name of its schema; empty for text.
    status : int, default=200
        Of the answer.
    asked : str, default=""
        Name of the schema of the body.
    example : object, default=None
        Of the body.
    tag : str, default="score"
        Group.
    codes : tuple of str, default=()
        Problems of its own, beside those that follow from the address.
    media : str, default="application/json"
        Of body and answer.
    """

    summary: str
    meaning: str
    answer: str = ""
    status: int = 200
    asked: str = ""
    example: Any = None
    tag: str = "score"
    codes: tuple[str, ...] = field(default=())
    media: str = _JSON


_RECORDED = ("ledger-unavailable",)
_READS = "What a record says of a man is shown only once the reading of it is recorded."

OPERATIONS: dict[str, Operation] = {
    "/v1/score": Operation(
        "Score one man",
        "The probability, its explanation and what it is compared with, once it is recorded.",
        "Answer", asked="Man", example=EXAMPLE, codes=("idempotency-conflict", *_RECORDED),
    ),
    "/v1/score/batch": Operation(
        "Score 1 to 1,000 men",
        "Each as he would be alone, recorded in one commit. One who breaks a rule is told so in "
        "his place and does not stop the others.",
        "Answers", asked="Men", example=[EXAMPLE, {"age": 41}],
        codes=("idempotency-conflict", *_RECORDED),
    ),
    "/v1/model": Operation(
        "Tell which model is served", "What it was made of, and how well it does.", "ModelCard"
    ),
    "/v1/decisions": Operation(
        "List records", f"The newest first, decisions unless a kind is given. {_READS}",
        "Records", tag="audit", codes=_RECORDED,
    ),
    "/v1/decisions/{id}": Operation(
        "Show one record", f"Request and answer verbatim. {_READS}", "Record", tag="audit",
        codes=("no-record", "invalid-request", *_RECORDED),
    ),
    "/v1/decisions/{id}/replay": Operation(
        "Replay one decision", "Rescored by the model that gave it, compared to the last bit.",
        "Replayed", tag="audit",
        codes=("no-record", "invalid-request", "busy", "no-model", *_RECORDED),
    ),
    "/v1/decisions/{id}/notes": Operation(
        "Annotate a decision", "The note is a record of its own; it goes when the man is erased.",
        "NoteReceipt", status=201, asked="NewNote", tag="audit",
        example={"text": "I disagree, because his FSH was drawn late."},
        codes=("no-record", *_RECORDED),
    ),
    "/v1/outcomes": Operation(
        "Tell what became of a man",
        "Recorded about his decision, which gave a probability. Told again, the last counts; a day "
        "outside 60 to 270 is recorded with a note.",
        "OutcomeReceipt", status=201, asked="NewOutcome", tag="audit",
        example={"decision": "0192f0c1-5f3e-7aaa-8bbb-0123456789ab", "improved": True,
                 "on": "2026-01-31"},
        codes=_RECORDED,
    ),
    "/v1/audit/verify": Operation(
        "Verify the ledger", "Every record read again; no answer is kept from before.", "Verdict",
        tag="audit", codes=("busy", *_RECORDED),
    ),
    "/fhir/metadata": Operation(
        "Tell what the FHIR side offers", "A CapabilityStatement of FHIR R4.", "FhirResource",
        tag="fhir", media=FHIR,
    ),
    "/fhir/OperationDefinition/RiskAssessment-evaluate": Operation(
        "Tell what $evaluate takes", "An OperationDefinition of FHIR R4.", "FhirResource",
        tag="fhir", media=FHIR,
    ),
    "/fhir/RiskAssessment/$evaluate": Operation(
        "Score one man by his Observations",
        "The newest counted Observation of each analyte; a probability is a percentage there.",
        "FhirResource", asked="Evaluated", tag="fhir", media=FHIR, example=BUNDLE,
        codes=("not-of-form", "idempotency-conflict", *_RECORDED),
    ),
    "/cds-services": Operation(
        "Tell which CDS services there are", "CDS Hooks 2.0, with what is to be prefetched.",
        "CdsServices", tag="cds",
    ),
    "/cds-services/{id}": Operation(
        "Call a CDS service",
        "A card with the score or what keeps it away; none where no order is for anastrozole.",
        "CdsCards", asked="CdsCall", tag="cds", example=CALL,
        codes=("not-found", "not-of-form", "not-prefetched", "idempotency-conflict", *_RECORDED),
    ),
    "/cds-services/{id}/feedback": Operation(
        "Tell what was done with a card", "Kept as a note on the decision that the card is.",
        "CdsNothing", asked="CdsFeedback", tag="cds", example=FEEDBACK,
        codes=("not-found", "not-of-form", *_RECORDED),
    ),
    "/openapi.json": Operation(
        "Tell this document", "OpenAPI 3.1, generated.", "Document", tag="service"
    ),
    "/sign-in/{token}": Operation(
        "Sign in by a link", "Once, within 10 minutes: sets a cookie and leads to the pages.",
        status=303, tag="service",
        codes=("unauthenticated", "too-many-guesses", "keys-unavailable"),
    ),
    "/sign-out": Operation(
        "Sign out", "Ends the session and forgets its cookie.", status=303, tag="service"
    ),
    "/livez": Operation("Whether the process lives", "BentoML's own.", tag="service"),
    "/readyz": Operation(
        "Whether it can answer", "503 for five seconds after an answer could not be recorded.",
        tag="service", codes=("not-ready",),
    ),
    "/healthz": Operation("Whether the process lives", "BentoML's own.", tag="service"),
    "/metrics": Operation(
        "Figures for Prometheus", "BentoML's own and this service's. Open on loopback.",
        tag="service",
    ),
}  # fmt: skip


def codes(address: Address) -> tuple[str, ...]:
    """Return the problems that an address may answer with.

    Parameters
    ----------
    address : Address
        Of the table.

    Returns
    -------
    tuple of str
        Keys of ``PROBLEMS``, in their order.
    """
    found = {"key-in-url", "internal", "timeout", *OPERATIONS[address.path].codes}
    if address.roles:
        found |= {"unauthenticated", "forbidden", "rate-limited", "too-many-guesses"}
        found |= {"keys-unavailable"}
    if address.roles and set(address.methods) - {"GET"}:
        found |= {"cross-origin"}
    if address.body:
        found |= {"not-json", "idempotency-key", "too-slow", "too-large", "media-type"}
    if address.body or address.query is not None:
        found |= {"invalid-request"}
    return tuple(code for code in PROBLEMS if code in found)


def paths() -> dict[str, Any]:
    """Return the paths of the document.

    Returns
    -------
    dict
        By address, then by method.
    """
    assert {address.path for address in ADDRESSES} == set(OPERATIONS)
    return {
        address.path: {
            **({"parameters": _named(address.path)} if "{" in address.path else {}),
            **{method.lower(): _operation(address, method) for method in address.methods},
        }
        for address in ADDRESSES
    }


def _operation(address: Address, method: str) -> dict[str, Any]:
    of = OPERATIONS[address.path]
    words = [word.strip("{}") for word in address.path.replace("/v1", "").split("/") if word]
    needs = f" Roles: {', '.join(address.roles)}." if address.roles else " No key is asked for."
    told: dict[str, Any] = {
        "operationId": "_".join([method.lower(), *words]).replace("-", "_").replace(".", "_"),
        "summary": of.summary,
        "description": of.meaning + needs,
        "tags": [of.tag],
        "security": [{"key": []}, {"session": []}] if address.roles else [],
        "responses": {str(of.status): _answer(of), **_problems(address)},
    }
    parameters = [*_query(address)]
    if address.body in ("man", "men", "fhir"):
        parameters.append({"$ref": "#/components/parameters/IdempotencyKey"})
    if parameters:
        told["parameters"] = parameters
    if of.asked:
        content = {of.media: {"schema": ref(of.asked), "example": of.example}}
        told["requestBody"] = {"required": True, "content": content}
    return told


def _answer(of: Operation) -> dict[str, Any]:
    headers: dict[str, Any] = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}
    if of.status == 303:
        cookie = text("The session.", "respredict_session=…; Path=/; HttpOnly; SameSite=Lax")
        place = text("Where the pages are.", "/")
        headers |= {"Set-Cookie": {"schema": cookie}, "Location": {"schema": place}}
        return {"description": of.meaning, "headers": headers}
    schema = ref(of.answer) if of.answer else text("As its reader knows it.", "\n")
    kind = of.media if of.answer else "text/plain"
    return {"description": of.summary, "headers": headers, "content": {kind: {"schema": schema}}}


def _problems(address: Address) -> dict[str, Any]:
    """Return the answers that are problems, by status, each with the codes it may carry."""
    found: dict[int, list[str]] = {}
    for code in codes(address):
        found.setdefault(PROBLEMS[code][0], []).append(code)
    told = _outcome if address.path.startswith("/fhir/") else _problem
    return {str(status): told(status, of) for status, of in sorted(found.items())}


def _outcome(status: int, of: list[str]) -> dict[str, Any]:
    """Return an answer that is an OperationOutcome, with the headers of a problem."""
    content = {FHIR: {"schema": ref("OperationOutcome")}}
    return {**_problem(status, of), "content": content}


def _problem(status: int, of: list[str]) -> dict[str, Any]:
    kinds = [f"urn:respredict:problem:{code}" for code in of]
    headers: dict[str, Any] = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}
    if status == 429:
        headers["Retry-After"] = {"schema": number("When to ask again.", 3, low=1, unit="s",
                                                   whole=True)}  # fmt: skip
    if status == 401:
        challenge = text("How to come in.", 'ApiKey realm="respredict"')
        headers["WWW-Authenticate"] = {"schema": challenge}
    narrowed = {"type": {"enum": kinds}, "status": {"const": status}}
    examples = {
        code: {"value": {"type": kind, "title": PROBLEMS[code][1], "status": status,
                         "detail": "This occurrence, and the remedy.", "request_id": "5f3e7aaa"}}
        for code, kind in zip(of, kinds, strict=True)
    }  # fmt: skip
    schema = {"allOf": [ref("Problem"), {"type": "object", "properties": narrowed}]}
    return {
        "description": "; ".join(f"{code}: {PROBLEMS[code][1]}" for code in of),
        "headers": headers,
        "content": {MEDIA_TYPE: {"schema": schema, "examples": examples}},
    }


def _named(path: str) -> list[dict[str, Any]]:
    if "{token}" in path:
        schema = text("The end of the link.", "h3k…", minLength=1)
        return [{"name": "token", "in": "path", "required": True, "schema": schema,
                 "description": "Of the link that respredict serve prints."}]  # fmt: skip
    if path.startswith("/cds-services/"):
        schema = text("Id of a service.", "respredict-patient-view", minLength=1)
        return [{"name": "id", "in": "path", "required": True, "schema": schema,
                 "description": "As GET /cds-services lists it."}]  # fmt: skip
    schema = text("Sequence or id.", "1841", pattern=r"^([0-9]{1,18}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-"
                  r"[0-9a-f]{12})$")  # fmt: skip
    return [{"name": "id", "in": "path", "required": True, "schema": schema,
             "description": "Sequence of a record, or its id."}]  # fmt: skip


def _query(address: Address) -> list[dict[str, Any]]:
    if not address.query:
        return []
    meant = _listed()
    assert set(meant) == set(address.query)
    return [
        {"name": name, "in": "query", "required": False, "schema": meant[name],
         "description": meant[name]["description"]}
        for name in address.query
    ]  # fmt: skip


def _listed() -> dict[str, Schema]:
    moment = [{"format": "date"}, {"format": "date-time"}]
    return {
        "from": text("From this day or moment on, UTC.", "2026-01-01", anyOf=moment),
        "to": text("To the end of this day, or before this moment, UTC.", "2026-01-31",
                   anyOf=moment),
        "model": text("Digest of the model.", f"sha256:{'0' * 64}",
                      pattern="^sha256:[0-9a-f]{64}$"),
        "status": text("Served status.", "caution", enum=list(STATUSES)),
        "pseudonym": text("Whose; recorded with the reading.", "a local pseudonym", minLength=1,
                          maxLength=100),
        "risk_min": number("Served probability, at least.", 0.2, low=0, high=1),
        "risk_max": number("Served probability, at most.", 0.8, low=0, high=1),
        "kind": text("What the records are about; decisions if left out.", "decision",
                     enum=[*KINDS, ANY]),
        "before": number("As the page before gave it.", 1742, low=1, high=10**18 - 1, whole=True),
        "limit": number("Records a page.", 50, low=1, high=MOST_LISTED, whole=True),
    }  # fmt: skip
