"""A FHIR R4 Bundle, or Parameters around one, into a request for a score.

Read is what a request can hold: the newest reading of each analyte, or the newest from before
anastrozole where that has begun; BMI, or weight and height; and his age on the day of the
blood. What else stands in the Bundle is passed over, and a transaction is read, never executed.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from respredict.errors import Problem, RequestError
from respredict.interop.issues import Issue
from respredict.interop.medicines import named_medicines
from respredict.interop.observations import Reading, day_of, readings_of
from respredict.interop.person import age_of, check_man, subject_of
from respredict.interop.resources import (
    Resource,
    check_once,
    check_understood,
    entries,
    is_patient,
    refuse,
)
from respredict.schema.reader import is_object, shown
from respredict.schema.request import read_request

__all__ = ["Evaluation", "evaluation_of", "read_evaluation"]

#: Parameters of the operation: which value each has.
PARAMETERS = {
    "observations": "resource",
    "subject": "valueReference",
    "reference": "valueString",
    "treatment": "part",
}
_TREATMENT = {
    "testosterone": "valueCode",
    "stopped-on": "valueDate",
    "anastrozole-mg-week": "valueDecimal",
    "anastrozole-since": "valueDate",
    "clomiphene": "valueBoolean",
    "tamoxifen": "valueBoolean",
    "gonadotropin-or-gnrh": "valueBoolean",
}
#: What a model may see of the blood: its days count, and those of what is only recorded do not.
_BLOOD = ("testosterone", "estradiol", "lh", "fsh")
_SEMEN = ("sperm_concentration", "semen_volume", "motility")
_BODY = ("bmi", "weight", "height", "age")
#: Days that a body measurement may lie from the blood.
_NEAR = 730
_KG, _CM = (20.0, 400.0), (100.0, 250.0)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A request made of FHIR resources.

    Parameters
    ----------
    body : dict
        What ``POST /v1/score`` takes; it holds nothing else of the resources.
    basis : tuple of str
        References to the Observations that it was made of.
    subject : str
        Reference to the man, empty if none was given.
    """

    body: dict[str, Any]
    basis: tuple[str, ...]
    subject: str


def read_evaluation(resource: object, *, today: datetime.date) -> Evaluation:
    """Make a request of a Bundle, or of Parameters that hold one.

    Parameters
    ----------
    resource : object
        As ``json.loads`` gave it.
    today : date
        For the age, where there is no blood, and what lies in the future.

    Returns
    -------
    Evaluation
        Its body is a valid request.

    Raises
    ------
    RequestError
        With every broken rule as an :class:`Issue`.

    Examples
    --------
    >>> lh = {"resourceType": "Observation", "status": "final", "code": {"coding": [
    ...       {"system": "http://loinc.org", "code": "10501-5"}]},
    ...       "subject": {"reference": "Patient/17"}, "effectiveDateTime": "2026-10-02",
    ...       "valueQuantity": {"value": 3.4, "unit": "mIU/mL"}}
    >>> man = {"resourceType": "Patient", "id": "17", "birthDate": "1992-03-01"}
    >>> bundle = {"resourceType": "Bundle", "type": "collection",
    ...           "entry": [{"resource": man}, {"resource": lh}]}
    >>> read_evaluation(bundle, today=datetime.date(2026, 10, 20)).body["lh"]
    {'value': 3.4, 'unit': 'm[IU]/mL'}
    """
    kind = resource.get("resourceType") if is_object(resource) else None
    issues: list[Issue] = []
    more: dict[str, Any] = {}
    subject = ""
    if is_object(resource) and kind == "Bundle":
        found = entries(resource, "Bundle", issues)
    elif is_object(resource) and kind == "Parameters":
        found, subject, more = _parameters(resource, issues)
    else:
        got, remedy = "nothing" if kind is None else shown(kind), "Send a Bundle of Observations"
        refuse(Issue("resourceType", "be Bundle or Parameters", got, remedy, code="structure"))
    return evaluation_of(found, issues, today=today, subject=subject, more=more)


def evaluation_of(
    found: Sequence[Resource],
    issues: list[Issue],
    *,
    today: datetime.date,
    subject: str = "",
    more: Mapping[str, Any] | None = None,
) -> Evaluation:
    """Make a request of resources about one man.

    Parameters
    ----------
    found : sequence of Resource
        Patient, Observations and medication; others are passed over.
    issues : list of Issue
        What is wrong with them already.
    today : date
        As of :func:`read_evaluation`.
    subject : str, default=""
        Reference to the man, where it was given apart.
    more : mapping or None, default=None
        Other fields of the request.

    Returns
    -------
    Evaluation
        Its body is a valid request.

    Raises
    ------
    RequestError
        With every broken rule as an :class:`Issue`.
    """
    more = more or {}
    found = check_once(found, issues)
    observations = [one for one in found if one.kind == "Observation"]
    patients = [one for one in found if one.kind == "Patient"]
    read = ("Patient", "Observation", "OperationOutcome")
    check_understood([one for one in found if one.kind in read], issues)
    check_man(patients, issues)
    if "treatment" not in more:
        issues += named_medicines(found)
    whose = subject_of(observations, patients, subject, issues)
    every = readings_of(observations, issues, today=today)
    readings = _chosen(every, _since(more))
    days = [readings[field].day for field in _BLOOD if field in readings]
    on = max(days, default=today)
    body: dict[str, Any] = {"age": age_of(readings.get("age"), patients, on, issues)}
    body |= _measured(readings, on, issues) | dict(more)
    body |= _drawn(readings, days, _since(more))
    _check(body, readings, issues)
    used = [r for field, r in readings.items() if field in body or field in ("weight", "height")]
    basis = tuple(reading.reference for reading in used if reading.reference)
    return Evaluation(body, basis, whose)


def _check(
    body: dict[str, Any], readings: Mapping[str, Reading], issues: list[Issue]
) -> None:  # fmt: skip
    """Hold the request against its own rules, and tell all that is wrong at once."""
    try:
        read_request(body)
    except RequestError as error:
        paths = {field: reading.path for field, reading in readings.items()}
        unknown = body["age"] is None and bool(issues)
        issues += [
            _placed(problem, paths)
            for problem in error.problems
            if not (unknown and problem.field == "age")
        ]
    if issues:
        raise RequestError(issues)


def _placed(problem: Problem, paths: Mapping[str, str]) -> Issue:
    """Return a problem of the request at the place that it came from."""
    field, _, rest = problem.field.partition(".")
    at = {"comparator": ".valueQuantity.comparator", "unit": ".valueQuantity.code"}
    path = f"{paths[field]}{at.get(rest, '.valueQuantity.value')}" if field in paths else ""
    code = "required" if problem.got == "nothing" else "value"
    return Issue(path or problem.field, problem.rule, problem.got, problem.remedy, code=code)


def _since(more: Mapping[str, Any]) -> datetime.date | None:
    treatment = more.get("treatment")
    return day_of(treatment.get("anastrozole_since")) if is_object(treatment) else None


def _chosen(
    every: Mapping[str, Sequence[Reading]], since: datetime.date | None
) -> dict[str, Reading]:
    """Return the newest of each, from before anastrozole where it has begun.

    Semen from after that is no baseline; blood from after that is kept, for a request then
    says itself that it cannot be scored.
    """
    chosen = {}
    for field, of in every.items():
        before = [reading for reading in of if since is None or reading.day < since]
        if before or field not in _SEMEN:
            chosen[field] = (before or of)[0]
    return chosen


def _drawn(
    readings: Mapping[str, Reading], days: Sequence[datetime.date], since: datetime.date | None
) -> dict[str, str]:
    """Return the days of the samples: the oldest, or one on the drug where there is one."""
    told = {}
    if days:
        on_it = since is not None and max(days) >= since
        told["sampled_on"] = (max(days) if on_it else min(days)).isoformat()
    semen = [readings[field].day for field in _SEMEN if field in readings]
    if semen:
        told["semen_sampled_on"] = min(semen).isoformat()
    return told


def _measured(
    readings: Mapping[str, Reading], on: datetime.date, issues: list[Issue]
) -> dict[str, Any]:
    """Return the quantities of a request."""
    body: dict[str, Any] = {}
    for field, reading in readings.items():
        if field not in _BODY:
            body[field] = {"value": reading.value, "unit": reading.unit}
            if reading.comparator:
                body[field]["comparator"] = reading.comparator
    bmi = _bmi(readings, on, issues)
    return body if bmi is None else {**body, "bmi": bmi}


def _bmi(
    readings: Mapping[str, Reading], on: datetime.date, issues: list[Issue]
) -> float | None:  # fmt: skip
    """Return the BMI as it was measured, or made of weight and height that are newer."""
    near = {
        field: reading for field, reading in readings.items()
        if field in _BODY and abs((on - reading.day).days) <= _NEAR
    }  # fmt: skip
    told, weight, height = near.get("bmi"), near.get("weight"), near.get("height")
    if weight is None or height is None:
        return None if told is None else told.value
    if told is not None and told.day >= min(weight.day, height.day):
        return told.value
    sound = True
    for reading, (low, high) in ((weight, _KG), (height, _CM)):
        if not low <= reading.value <= high:
            issues.append(Issue(f"{reading.path}.valueQuantity.value",
                                f"be {low:g} to {high:g} {reading.unit}", f"{reading.value:g}",
                                "Check the value and its unit"))  # fmt: skip
            sound = False
    return round(weight.value / (height.value / 100.0) ** 2, 2) if sound else None


def _parameters(
    resource: Mapping[Any, Any], issues: list[Issue]
) -> tuple[list[Resource], str, dict[str, Any]]:
    """Return the resources, the subject, and the other fields of a request."""
    given = _named(resource.get("parameter"), "Parameters.parameter", PARAMETERS, issues)
    found: list[Resource] = []
    if "observations" not in given:
        issues.append(Issue("Parameters.parameter", "hold observations", "none",
                            "Send a Bundle as the resource of a parameter observations",
                            code="required"))  # fmt: skip
    else:
        at, bundle = given["observations"]
        if not is_object(bundle) or bundle.get("resourceType") != "Bundle":
            refuse(Issue(at, "be a Bundle", shown(bundle), "Send the Observations in a Bundle",
                         code="structure"))  # fmt: skip
        found = entries(bundle, at, issues)
    more: dict[str, Any] = {}
    if "reference" in given:
        more["reference"] = given["reference"][1]
    if "treatment" in given:
        at, parts = given["treatment"]
        named = _named(parts, at, _TREATMENT, issues)
        more["treatment"] = {name.replace("-", "_"): value for name, (_, value) in named.items()}
    at, subject = given.get("subject", ("", None))
    written = subject.get("reference") if is_object(subject) else None
    if at and not is_patient(written):
        issues.append(Issue(f"{at}.reference", "refer to a Patient", shown(written),
                            "Send it as Patient/123", code="value"))  # fmt: skip
        written = None
    return found, written or "", more


def _named(
    parameters: object, path: str, known: Mapping[str, str], issues: list[Issue]
) -> dict[str, tuple[str, Any]]:
    """Return parameters by name, each with its path and its value of the type it must have."""
    if not isinstance(parameters, list):
        refuse(Issue(path, "be an array", shown(parameters),
                     f"Send parameters named {', '.join(known)}", code="structure"))  # fmt: skip
    found: dict[str, tuple[str, Any]] = {}
    for i, one in enumerate(parameters):
        at, name = f"{path}[{i}]", one.get("name") if is_object(one) else None
        if not isinstance(name, str) or name not in known:
            issues.append(Issue(f"{at}.name", f"be one of {', '.join(known)}", shown(name),
                                "Leave out what this operation does not take",
                                code="structure"))  # fmt: skip
        elif name in found or known[name] not in one:
            rule = "stand once" if name in found else f"have a {known[name]}"
            issues.append(Issue(at, rule, f"another {name}" if name in found else "none",
                                "See the OperationDefinition", code="structure"))  # fmt: skip
        else:
            found[name] = (f"{at}.{known[name]}", one[known[name]])
    return found
