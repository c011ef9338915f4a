"""CDS Hooks 2.0: which services there are, and a call of one read into a request for a score.

Everything comes with the call as prefetched resources: no FHIR server is ever asked. The
context is read leniently, as clients fill it in; what is prefetched is read as strictly as
by the FHIR operation.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from respredict.errors import Problem, RequestError
from respredict.interop.codes import CODES, LOINC
from respredict.interop.evaluation import Evaluation, entries, evaluation_of
from respredict.interop.issues import Issue
from respredict.interop.observations import Resource
from respredict.schema.reader import is_object, shown

__all__ = ["SERVICES", "Call", "NotPrefetchedError", "discovery", "read_call", "read_feedback"]

#: Id of a service: its hook. Clients key services by their id, so each hook has its own.
SERVICES = {
    "respredict-patient-view": "patient-view",
    "respredict-order-select": "order-select",
}
_OUTCOMES = ("accepted", "overridden")
_ASKED = (
    "testosterone", "estradiol", "lh", "fsh", "sperm_concentration", "semen_volume", "motility",
    "bmi", "weight", "height",
)  # fmt: skip
_A_KEY = 20  # Observations of one kind, the newest first
_DRUG = re.compile(r"\b(anastrozole|arimidex)\b", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class NotPrefetchedError(Exception):
    """Nothing was prefetched, and nothing is fetched from here."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a service.

    Parameters
    ----------
    evaluation : Evaluation or None
        What to score; None where nothing is to be said, or the next says why not.
    problems : tuple of Problem, default=()
        What keeps him from being scored.
    """

    evaluation: Evaluation | None
    problems: tuple[Problem, ...] = ()


def discovery() -> dict[str, Any]:
    """Return what ``GET /cds-services`` answers.

    Returns
    -------
    dict
        JSON values of CDS Hooks 2.0.

    Examples
    --------
    >>> [service["hook"] for service in discovery()["services"]]
    ['patient-view', 'order-select']
    """
    prefetch = {"patient": "Patient/{{context.patientId}}"} | {
        field: "Observation?patient={{context.patientId}}&code="
        + ",".join(f"{LOINC}|{row.code}" for row in CODES.values() if row.field == field)
        + f"&_count={_A_KEY}&_sort=-date"
        for field in _ASKED
    }
    said = {
        "patient-view": "Tells the probability when his record is opened.",
        "order-select": "Tells the probability when anastrozole is selected in an order.",
    }
    return {
        "services": [
            {
                "hook": hook,
                "id": name,
                "title": "Semen improvement on anastrozole",
                "description": f"{said[hook]} Not a medical device.",
                "usageRequirements": "Prefetch is needed: no FHIR server is asked from here.",
                "prefetch": prefetch,
            }
            for name, hook in SERVICES.items()
        ]
    }


def read_call(service: str, body: object, *, today: datetime.date) -> Call:
    """Read the call of a service.

    Parameters
    ----------
    service : str
        A key of ``SERVICES``.
    body : object
        As ``json.loads`` gave it.
    today : date
        As of :func:`respredict.interop.evaluation.read_evaluation`.

    Returns
    -------
    Call
        What to score, or what keeps him from it.

    Raises
    ------
    NotPrefetchedError
        If nothing was prefetched.
    RequestError
        If it is no call of this service.
    """
    hook, issues = SERVICES[service], list[Issue]()
    called = body if is_object(body) else {}
    if called.get("hook") != hook:
        _add(issues, "hook", f"be {hook}", called.get("hook"), "Call the service of this hook")
    named = called.get("hookInstance")
    if not isinstance(named, str) or not _UUID.fullmatch(named):
        _add(issues, "hookInstance", "be a UUID", named, "Make one for each call")
    context = called.get("context")
    whose = context.get("patientId") if is_object(context) else None
    if not isinstance(whose, str) or not whose:
        _add(issues, "context.patientId", "be given", whose, "Send the id of the patient")
    if issues:
        raise RequestError(issues)
    assert is_object(context)
    if hook == "order-select" and not _selects(context):
        return Call(None)
    found = _prefetched(called.get("prefetch"), issues)
    try:
        evaluation = evaluation_of(found, issues, today=today, subject=f"Patient/{whose}")
    except RequestError as error:
        return Call(None, error.problems)
    return Call(evaluation)


def read_feedback(body: object) -> list[tuple[str, str]]:
    """Read what a clinician did with cards.

    Parameters
    ----------
    body : object
        As ``json.loads`` gave it.

    Returns
    -------
    list of tuple of str
        Of each card its uuid, and the outcome in words.

    Raises
    ------
    RequestError
        With every broken rule.

    Examples
    --------
    >>> read_feedback({"feedback": [{"card": "4e0a3a1e-3283-4575-ab82-028d55fe2719",
    ...     "outcome": "overridden", "outcomeTimestamp": "2026-10-02T08:15:00Z",
    ...     "overrideReason": {"userComment": "FSH was drawn late"}}]})
    [('4e0a3a1e-3283-4575-ab82-028d55fe2719', 'overridden: FSH was drawn late')]
    """
    told = body.get("feedback") if is_object(body) else None
    issues: list[Issue] = []
    if not isinstance(told, list) or not told:
        _add(issues, "feedback", "be an array of at least one", told, "Send it as CDS Hooks has it")
        raise RequestError(issues)
    found = []
    for i, one in enumerate(told):
        at, said = f"feedback[{i}]", one if is_object(one) else {}
        card, outcome = said.get("card"), said.get("outcome")
        if not isinstance(card, str) or not _UUID.fullmatch(card):
            _add(issues, f"{at}.card", "be the uuid of a card", card, "Send the card's uuid")
        if outcome not in _OUTCOMES:
            _add(issues, f"{at}.outcome", "be accepted or overridden", outcome, "Send one of them")
        if not isinstance(said.get("outcomeTimestamp"), str):
            _add(issues, f"{at}.outcomeTimestamp", "be given", said.get("outcomeTimestamp"),
                 "Send when it was done")  # fmt: skip
        reason = said.get("overrideReason")
        comment = reason.get("userComment") if is_object(reason) else None
        words = f": {comment}" if isinstance(comment, str) and comment.strip() else ""
        found.append((str(card), f"{outcome}{words}"))
    if issues:
        raise RequestError(issues)
    return found


def _add(issues: list[Issue], field: str, rule: str, got: object, remedy: str) -> None:
    what = "nothing" if got is None else shown(got)
    issues.append(Issue(field, rule, what, remedy, code="structure"))


def _selects(context: Mapping[Any, Any]) -> bool:
    """Whether one of the drafts that are selected orders anastrozole, by what it is called."""
    drafts, chosen = context.get("draftOrders"), context.get("selections")
    listed = drafts.get("entry") if is_object(drafts) else None
    for entry in listed if isinstance(listed, list) else ():
        order = entry.get("resource") if is_object(entry) else None
        if not is_object(order):
            continue
        name = f"{order.get('resourceType')}/{order.get('id')}"
        if isinstance(chosen, list) and chosen and name not in chosen:
            continue
        if _names_drug(order.get("medicationCodeableConcept")):
            return True
    return False


def _names_drug(concept: object) -> bool:
    if not is_object(concept):
        return False
    codings = concept.get("coding")
    words = [concept.get("text")]
    words += (
        [c.get("display") for c in codings if is_object(c)] if isinstance(codings, list) else []
    )
    return any(isinstance(word, str) and _DRUG.search(word) for word in words)


def _prefetched(given: object, issues: list[Issue]) -> list[Resource]:
    """Return every resource that was prefetched, with its place."""
    if not is_object(given) or not any(value is not None for value in given.values()):
        raise NotPrefetchedError
    found: list[Resource] = []
    for key, value in given.items():
        at = f"prefetch.{key}"
        if is_object(value) and value.get("resourceType") == "Bundle":
            found += entries(value, at, issues)
        elif is_object(value) and isinstance(value.get("resourceType"), str):
            found.append(Resource(at, value))
        elif value is not None:
            _add(issues, at, "be a resource", value, "Send what the prefetch template asks for")
    return found
