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
from respredict.interop.evaluation import Evaluation, evaluation_of
from respredict.interop.issues import Issue
from respredict.interop.medicines import is_anastrozole
from respredict.interop.observations import day_of
from respredict.interop.person import is_same
from respredict.interop.resources import Resource, entries, is_patient
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
_MEDICATION = ("MedicationRequest", "MedicationStatement")
_A_KEY = 20  # Observations of one kind, the newest first
_MOST_CARDS = 50
_OUTCOME = "OperationOutcome"
_WITHDRAWN = ("cancelled", "entered-in-error", "stopped", "completed")
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
    prefetch |= {kind: f"{kind}?patient={{{{context.patientId}}}}" for kind in _MEDICATION}
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
    if not isinstance(whose, str) or not is_patient(f"Patient/{whose}"):
        _add(issues, "context.patientId", "be the id of a Patient", whose, "Send it")
    if issues:
        raise RequestError(issues)
    assert is_object(context)
    if hook == "order-select" and not _selects(context, str(whose)):
        return Call(None)
    found: list[Resource] = []
    problems: tuple[Problem, ...] = ()
    evaluation = None
    try:
        found = _prefetched(called.get("prefetch"), issues)
        evaluation = evaluation_of(found, issues, today=today, subject=f"Patient/{whose}")
    except RequestError as error:
        problems = error.problems
    if hook == "patient-view" and found and _is_silent(found, problems):
        return Call(None)
    if hook == "patient-view" and evaluation and not {"testosterone", "lh"} & set(evaluation.body):
        return Call(None)
    return Call(evaluation, problems)


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
    [('4e0a3a1e-3283-4575-ab82-028d55fe2719', 'overridden on 2026-10-02: FSH was drawn late')]
    """
    told = body.get("feedback") if is_object(body) else None
    issues: list[Issue] = []
    if not isinstance(told, list) or not 0 < len(told) <= _MOST_CARDS:
        rule = f"be an array of 1 to {_MOST_CARDS}"
        _add(issues, "feedback", rule, told, "Send it as CDS Hooks has it")
        raise RequestError(issues)
    found: dict[tuple[str, str], None] = {}
    for i, one in enumerate(told):
        at, said = f"feedback[{i}]", one if is_object(one) else {}
        card, outcome = said.get("card"), said.get("outcome")
        if not isinstance(card, str) or not _UUID.fullmatch(card):
            _add(issues, f"{at}.card", "be the uuid of a card", card, "Send the card's uuid")
        if outcome not in _OUTCOMES:
            _add(issues, f"{at}.outcome", "be accepted or overridden", outcome, "Send one of them")
        when = said.get("outcomeTimestamp")
        if day_of(when) is None:
            _add(issues, f"{at}.outcomeTimestamp", "be a time", when, "Send when it was done")
        found[str(card), f"{outcome} on {day_of(when)}{_why(said.get('overrideReason'))}"] = None
    if issues:
        raise RequestError(issues)
    return list(found)


def _why(reason: object) -> str:
    """Return the reason of a clinician in words: the coded one, and his own."""
    if not is_object(reason):
        return ""
    coded = reason.get("reason")
    words = [coded.get("display") or coded.get("code") if is_object(coded) else None]
    told = [w for w in (*words, reason.get("userComment")) if isinstance(w, str) and w.strip()]
    return f": {'; '.join(told)}" if told else ""


def _add(issues: list[Issue], field: str, rule: str, got: object, remedy: str) -> None:
    what = "nothing" if got is None else shown(got)
    issues.append(Issue(field, rule, what, remedy, code="structure"))


def _selects(context: Mapping[Any, Any], whose: str) -> bool:
    """Whether one of the drafts that are selected orders anastrozole for this man."""
    drafts, chosen = context.get("draftOrders"), context.get("selections")
    listed = drafts.get("entry") if is_object(drafts) else None
    inner = (
        [one.get("resource") for one in listed if is_object(one)]
        if isinstance(listed, list)
        else []
    )
    found = [
        Resource("context.draftOrders", one)
        for one in inner
        if is_object(one) and isinstance(one.get("resourceType"), str)
    ]
    return any(
        one.kind == "MedicationRequest"
        and not (isinstance(chosen, list) and chosen and one.relative not in chosen)
        and one.body.get("status") not in _WITHDRAWN
        and one.body.get("doNotPerform") is not True
        and _is_of(one.body.get("subject"), whose)
        and is_anastrozole(one.body, found)
        for one in found
    )


def _is_of(subject: object, whose: str) -> bool:
    reference = subject.get("reference") if is_object(subject) else None
    return reference is None or is_same(str(reference), f"Patient/{whose}")


def _prefetched(given: object, issues: list[Issue]) -> list[Resource]:
    """Return every resource that was prefetched, with its place."""
    told = {k: v for k, v in given.items() if v is not None} if is_object(given) else {}
    failed = [k for k, v in told.items() if is_object(v) and v.get("resourceType") == _OUTCOME]
    if len(failed) == len(told):
        raise NotPrefetchedError
    found: list[Resource] = []
    for key, value in told.items():
        at = f"prefetch.{key}"
        if is_object(value) and value.get("resourceType") == "Bundle":
            found += entries(value, at, issues)
        elif is_object(value) and isinstance(value.get("resourceType"), str):
            found.append(Resource(at, value))
        else:
            _add(issues, at, "be a resource", value, "Send what the prefetch template asks for")
    return found


def _is_silent(found: list[Resource], problems: tuple[Problem, ...]) -> bool:
    """Whether nothing is said where a record is opened: no man of an age, or nothing measured."""
    women = any(one.kind == "Patient" and one.body.get("gender") not in (None, "male")
                for one in found)  # fmt: skip
    too_young_or_old = any(p.field == "age" and p.got != "nothing" for p in problems)
    # A search that failed may have been for what was measured.
    measured = any(one.kind in ("Observation", _OUTCOME) for one in found)
    return women or too_young_or_old or not measured
