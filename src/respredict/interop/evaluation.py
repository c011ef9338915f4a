"""A FHIR R4 Bundle, or Parameters around one, into a request for a score.

Read is what a request can hold: the newest reading of each analyte, BMI or weight and height,
and the age on the day of the blood. What else stands in the Bundle is passed over, and a
transaction is read, never executed.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from respredict.errors import Problem, RequestError
from respredict.interop.issues import Issue
from respredict.interop.observations import Reading, Resource, day_of, newest
from respredict.schema.reader import is_object, shown
from respredict.schema.request import read_request

__all__ = ["Evaluation", "entries", "evaluation_of", "read_evaluation"]

BUNDLES = ("collection", "searchset", "transaction", "batch", "document", "message", "history")
#: Parameters of the operation: how many values of which type.
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
_SEMEN = ("sperm_concentration", "semen_volume", "motility")
_BODY = ("bmi", "weight", "height", "age")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A request made of a FHIR resource.

    Parameters
    ----------
    body : dict
        What ``POST /v1/score`` takes; it holds nothing else of the resource.
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
        For the age, where no blood has a day.

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
    ...       "valueQuantity": {"value": 3.4, "code": "m[IU]/mL"}}
    >>> man = {"resourceType": "Patient", "birthDate": "1992-03-01"}
    >>> bundle = {"resourceType": "Bundle", "type": "collection",
    ...           "entry": [{"resource": man}, {"resource": lh}]}
    >>> read_evaluation(bundle, today=datetime.date(2026, 10, 2)).body
    {'age': 34, 'lh': {'value': 3.4, 'unit': 'm[IU]/mL'}}
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
        _refuse(Issue("resourceType", "be Bundle or Parameters", got, remedy, code="structure"))
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
        Patient and Observations; others are passed over.
    issues : list of Issue
        What is wrong with them already.
    today : date
        For the age, where no blood has a day.
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
    observations = [one for one in found if one.body["resourceType"] == "Observation"]
    patients = [one for one in found if one.body["resourceType"] == "Patient"]
    if len(patients) > 1:
        issues.append(Issue(patients[1].path, "be the only Patient", f"{len(patients)} of them",
                            "Send one man at a time", code="business-rule"))  # fmt: skip
    subject = _subject(observations, patients[:1], subject, issues)
    readings = newest(observations, issues)
    body = {**_measured(readings), **(more or {})}
    blood = _oldest(r for f, r in readings.items() if f not in (*_SEMEN, *_BODY))
    age = _age(readings, patients[:1], blood or today, issues)
    if blood is not None:
        body["sampled_on"] = blood.isoformat()
    semen = _oldest(r for f, r in readings.items() if f in _SEMEN)
    if semen is not None:
        body["semen_sampled_on"] = semen.isoformat()
    body = {"age": age, **body}
    try:
        read_request(body)
    except RequestError as error:
        paths = {field: reading.path for field, reading in readings.items()}
        issues += [_placed(p, paths) for p in error.problems if not (issues and age is None
                   and p.field == "age")]  # fmt: skip
    if issues:
        raise RequestError(issues)
    basis = tuple(r.reference for r in readings.values() if r.reference)
    return Evaluation(body, basis, subject)


def _refuse(*issues: Issue) -> NoReturn:
    raise RequestError(issues)


def entries(bundle: Mapping[Any, Any], path: str, issues: list[Issue]) -> list[Resource]:
    """Return the resources of a Bundle, each with its place.

    Parameters
    ----------
    bundle : mapping
        Its JSON object.
    path : str
        FHIRPath expression.
    issues : list of Issue
        Takes what is wrong with the Bundle.

    Returns
    -------
    list of Resource
        In order.

    Raises
    ------
    RequestError
        If an entry holds none.
    """
    kind, entries = bundle.get("type"), bundle.get("entry", [])
    if kind not in BUNDLES:
        issues.append(Issue(f"{path}.type", f"be one of {', '.join(BUNDLES)}",
                            "nothing" if kind is None else shown(kind), "Send collection",
                            code="required" if kind is None else "code-invalid"))  # fmt: skip
    if not isinstance(entries, list):
        _refuse(Issue(f"{path}.entry", "be an array", shown(entries), "Send the resources in one",
                      code="structure"))  # fmt: skip
    found: list[Resource] = []
    for i, entry in enumerate(entries):
        at = f"{path}.entry[{i}]"
        inner = entry.get("resource") if is_object(entry) else None
        if inner is None and is_object(entry):
            continue  # a deletion of a history or a transaction
        if not is_object(inner) or not isinstance(inner.get("resourceType"), str):
            _refuse(Issue(f"{at}.resource", "be a resource", shown(inner),
                          "Send an object with its resourceType", code="structure"))  # fmt: skip
        url = entry.get("fullUrl")
        found.append(Resource(f"{at}.resource", inner, url if isinstance(url, str) else ""))
    return found


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
            _refuse(Issue(at, "be a Bundle", shown(bundle), "Send the Observations in a Bundle",
                          code="structure"))  # fmt: skip
        found = entries(bundle, at, issues)
    more: dict[str, Any] = {}
    if "reference" in given:
        more["reference"] = given["reference"][1]
    if "treatment" in given:
        at, parts = given["treatment"]
        named = _named(parts, at, _TREATMENT, issues)
        more["treatment"] = {name.replace("-", "_"): value for name, (_, value) in named.items()}
    subject = given.get("subject", ("", None))[1]
    written = subject.get("reference") if is_object(subject) else None
    if "subject" in given and not isinstance(written, str):
        issues.append(Issue(f"{given['subject'][0]}.reference", "be a reference", shown(written),
                            "Send it as Patient/123", code="required"))  # fmt: skip
    return found, written if isinstance(written, str) else "", more


def _named(
    parameters: object, path: str, known: Mapping[str, str], issues: list[Issue]
) -> dict[str, tuple[str, Any]]:
    """Return parameters by name, each with its path and its value of the type it must have."""
    if not isinstance(parameters, list):
        _refuse(Issue(path, "be an array", shown(parameters),
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
            place = at if known[name] == "part" else f"{at}.{known[name]}"
            place = f"{at}.part" if known[name] == "part" else place
            found[name] = (place, one[known[name]])
    return found


def _subject(
    observations: Sequence[Resource], patients: Sequence[Resource], given: str,
    issues: list[Issue],
) -> str:  # fmt: skip
    """Return whose they are, which must be one man's."""
    named = [(given, "")] if given else []
    for one in observations:
        subject = one.body.get("subject")
        reference = subject.get("reference") if is_object(subject) else None
        if isinstance(reference, str):
            named.append((reference, f"{one.path}.subject"))
    names = _names(patients[0]) if patients else set()
    whose = given or (patients[0].reference if patients else "") or (named[0][0] if named else "")
    names = names or {whose}
    for reference, path in named:
        if not _same(reference, names):
            issues.append(Issue(path or "Parameters.parameter", "be about one man",
                                "another subject", "Send the Observations of one man",
                                code="business-rule"))  # fmt: skip
    return whose


def _names(patient: Resource) -> set[str]:
    named = patient.body.get("id")
    relative = {f"Patient/{named}"} if isinstance(named, str) else set()
    return relative | ({patient.full_url} if patient.full_url else set())


def _same(reference: str, names: set[str]) -> bool:
    """Whether a reference is one of the names, absolute or relative, whatever its version."""
    bare = reference.split("/_history/")[0]
    return any(
        bare == name or bare.endswith(f"/{name}") or name.endswith(f"/{bare}") for name in names
    )


def _measured(readings: Mapping[str, Reading]) -> dict[str, Any]:
    """Return the quantities of a request."""
    body: dict[str, Any] = {}
    for field, reading in readings.items():
        if field in ("weight", "height", "age"):
            continue
        if field == "bmi":
            body["bmi"] = reading.value
            continue
        body[field] = {"value": reading.value, "unit": reading.unit}
        if reading.comparator:
            body[field]["comparator"] = reading.comparator
    weight, height = readings.get("weight"), readings.get("height")
    if "bmi" not in body and weight and height and height.value > 0:
        body["bmi"] = round(weight.value / (height.value / 100.0) ** 2, 2)
    return body


def _oldest(readings: Iterable[Reading]) -> datetime.date | None:
    """Return the first day of the readings, None unless each has one."""
    days = [reading.day for reading in readings]
    known = [day for day in days if day is not None]
    return min(known) if known and len(known) == len(days) else None


def _age(
    readings: Mapping[str, Reading], patients: Sequence[Resource], on: datetime.date,
    issues: list[Issue],
) -> float | None:  # fmt: skip
    """Return his age in years, by his birth date where there is one."""
    for patient in patients:
        gender = patient.body.get("gender")
        if gender not in (None, "male"):
            issues.append(Issue(f"{patient.path}.gender", "be male", shown(gender),
                                "Men only are scored", code="business-rule"))  # fmt: skip
        born = patient.body.get("birthDate")
        if born is not None:
            day = day_of(born)
            if day is None or day.isoformat() != born:
                remedy = "Send the whole day, or his age as an Observation of LOINC 30525-0"
                issues.append(Issue(f"{patient.path}.birthDate", "be a day", shown(born), remedy))
                return None
            return on.year - day.year - ((on.month, on.day) < (day.month, day.day))
    if "age" in readings:
        return readings["age"].value
    path = f"{patients[0].path}.birthDate" if patients else "Bundle.entry"
    issues.append(Issue(path, "tell his age", "nothing",
                        "Send a Patient with birthDate, or an Observation of LOINC 30525-0",
                        code="required"))  # fmt: skip
    return None


def _placed(problem: Problem, paths: Mapping[str, str]) -> Issue:
    """Return a problem of the request at the place that it came from."""
    field, _, rest = problem.field.partition(".")
    at = {"value": ".valueQuantity.value", "comparator": ".valueQuantity.comparator",
          "unit": ".valueQuantity.code", "": ".valueQuantity.value"}  # fmt: skip
    path = f"{paths[field]}{at.get(rest, '')}" if field in paths else problem.field
    code = "required" if problem.got == "nothing" else "value"
    return Issue(path, problem.rule, problem.got, problem.remedy, code=code)
