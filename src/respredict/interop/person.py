"""Whose the resources are, which must be one man's, and how old he was."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from respredict.interop.issues import Issue
from respredict.interop.observations import Reading, day_of
from respredict.interop.resources import Resource, is_patient
from respredict.schema.reader import is_object, shown

__all__ = ["age_of", "check_man", "is_same", "subject_of"]

#: Days after which an age that was told is another.
_YEAR = 366


def check_man(patients: Sequence[Resource], issues: list[Issue]) -> None:
    """Tell where it is not one living man.

    Parameters
    ----------
    patients : sequence of Resource
        Of the resources.
    issues : list of Issue
        Takes what is wrong.
    """
    if len(patients) > 1:
        issues.append(Issue(patients[1].path, "be the only Patient", f"{len(patients)} of them",
                            "Send one man at a time", code="business-rule"))  # fmt: skip
    for one in patients:
        gender = one.body.get("gender")
        if gender not in (None, "male"):
            issues.append(Issue(f"{one.path}.gender", "be male", shown(gender),
                                "Men only are scored", code="business-rule"))  # fmt: skip
        if one.body.get("deceasedBoolean") or one.body.get("deceasedDateTime") is not None:
            issues.append(Issue(one.path, "be alive", "a man who died", "Send another",
                                code="business-rule"))  # fmt: skip
        if one.body.get("active", True) is not True:
            issues.append(Issue(f"{one.path}.active", "be true", "a record not in use",
                                "Send the one that replaces it", code="business-rule"))  # fmt: skip


def subject_of(
    observations: Sequence[Resource], patients: Sequence[Resource], given: str,
    issues: list[Issue],
) -> str:  # fmt: skip
    """Return whose the Observations are; those of anybody else are an issue.

    Parameters
    ----------
    observations, patients : sequence of Resource
        Of the resources.
    given : str
        Reference to the man, where it was given apart, or empty.
    issues : list of Issue
        Takes what is another's, or nobody's.

    Returns
    -------
    str
        Reference, or empty.
    """
    names = [name for one in patients[:1] for name in (one.full_url, one.relative) if name]
    if patients and not names:
        issues.append(Issue(f"{patients[0].path}.id", "be given", "nothing",
                            "Name the man, as his Observations do", code="required"))  # fmt: skip
    if given and names and not any(is_same(given, name) for name in names):
        issues.append(Issue(f"{patients[0].path}.id", "be the man asked for", "another",
                            "Send the man himself", code="business-rule"))  # fmt: skip
    told = [(one, _reference(one, issues)) for one in observations]
    names = names or [given or next((reference for _, reference in told if reference), "")]
    for one, reference in told:
        if reference and not any(is_same(reference, name) for name in names):
            issues.append(Issue(f"{one.path}.subject", "be about one man", "another subject",
                                "Send the Observations of one man",
                                code="business-rule"))  # fmt: skip
    whose = given or (patients[0].reference if patients else "") or names[0]
    return whose if is_patient(whose) else ""


def age_of(
    told: Reading | None, patients: Sequence[Resource], on: datetime.date, issues: list[Issue]
) -> float | None:
    """Return his age in years, by his birth date where there is one.

    Parameters
    ----------
    told : Reading or None
        His age as an Observation.
    patients : sequence of Resource
        Of the resources.
    on : date
        Day of the blood.
    issues : list of Issue
        Takes what is missing.

    Returns
    -------
    float or None
        None with an issue.
    """
    born = patients[0].body.get("birthDate") if patients else None
    if born is not None:
        day = day_of(born)
        if day is not None and day.isoformat() == born:
            return on.year - day.year - ((on.month, on.day) < (day.month, day.day))
        remedy = "Send the whole day, or his age as an Observation of LOINC 30525-0"
        path = f"{patients[0].path}.birthDate"
        issues.append(Issue(path, "be a day", shown(born), remedy))
        return None
    if told is not None and abs((on - told.day).days) <= _YEAR:
        return told.value
    path = f"{patients[0].path}.birthDate" if patients else "Patient.birthDate"
    issues.append(Issue(path, "tell his age", "nothing" if told is None else "one of another year",
                        "Send a Patient with birthDate, or an Observation of LOINC 30525-0",
                        code="required"))  # fmt: skip
    return None


def _reference(one: Resource, issues: list[Issue]) -> str:
    """Return whose an Observation is; empty, and told, where that is not said."""
    subject, focus = one.body.get("subject"), one.body.get("focus")
    reference = subject.get("reference") if is_object(subject) else None
    if focus:
        remedy = "Send Observations of the man himself"
        issues.append(Issue(f"{one.path}.focus", "be left out", "one", remedy,
                            code="business-rule"))  # fmt: skip
    if is_patient(reference):
        return str(reference)
    issues.append(Issue(f"{one.path}.subject", "refer to the Patient",
                        "nothing" if reference is None else shown(reference),
                        "Send it as Patient/123", code="required"))  # fmt: skip
    return ""


def is_same(one: str, other: str) -> bool:
    """Return whether two references mean one man, whatever the version; two servers' ids do not.

    Parameters
    ----------
    one, other : str
        References to a Patient.

    Returns
    -------
    bool
        Whether they do.

    Examples
    --------
    >>> is_same("Patient/17", "https://a/fhir/Patient/17/_history/2")
    True
    """
    short, long = sorted((one.split("/_history/")[0], other.split("/_history/")[0]), key=len)
    return short == long or (short.startswith("Patient/") and long.endswith(f"/{short}"))
