"""What the FHIR side offers: a CapabilityStatement and the definition of its one operation."""

from __future__ import annotations

from typing import Any

from respredict import __version__
from respredict.interop.evaluation import PARAMETERS
from respredict.interop.resources import BUNDLES

__all__ = ["OPERATION", "capability_statement", "operation_definition"]

#: Canonical name of the operation.
OPERATION = "urn:respredict:fhir:OperationDefinition:RiskAssessment-evaluate"
_DATE = "2026-11-30"
_MEANT = {
    "observations": ("Bundle", "Patient and Observations of one man; " + ", ".join(BUNDLES)),
    "subject": ("Reference", "Whose they are, where the Observations do not say it."),
    "reference": ("string", "A local pseudonym, kept erasable with the decision. Never a name."),
    "treatment": ("", "What he takes or took; needed where the Bundle names such a medicine."),
}
_PARTS = {
    "testosterone": ("code", "never, past or current."),
    "stopped-on": ("date", "Day on which testosterone was stopped."),
    "anastrozole-mg-week": ("decimal", "Weekly dose of anastrozole."),
    "anastrozole-since": ("date", "First day of anastrozole, where it has begun."),
    "clomiphene": ("boolean", "Whether clomiphene is taken with it."),
    "tamoxifen": ("boolean", "Whether tamoxifen is taken with it."),
    "gonadotropin-or-gnrh": ("boolean", "Whether hCG, FSH or gonadorelin is taken with it."),
}


def capability_statement() -> dict[str, Any]:
    """Return the CapabilityStatement.

    Returns
    -------
    dict
        JSON values of FHIR R4.

    Examples
    --------
    >>> capability_statement()["fhirVersion"]
    '4.0.1'
    """
    operation = {"name": "evaluate", "definition": OPERATION}
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": _DATE,
        "kind": "instance",
        "software": {"name": "respredict", "version": __version__},
        "implementation": {
            "description": "The probability of a semen improvement on anastrozole, explained and "
            "recorded. Not a medical device."
        },
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "security": {"description": "An API key in the header X-API-Key."},
                "resource": [{"type": "RiskAssessment", "operation": [operation]}],
            }
        ],
    }


def operation_definition() -> dict[str, Any]:
    """Return the OperationDefinition of ``RiskAssessment/$evaluate``.

    Returns
    -------
    dict
        JSON values of FHIR R4.

    Examples
    --------
    >>> [one["name"] for one in operation_definition()["parameter"] if one["use"] == "in"]
    ['observations', 'subject', 'reference', 'treatment']
    """
    assert set(_MEANT) == set(PARAMETERS)
    taken = [
        _parameter(name, kind, said, least=int(name == "observations"))
        for name, (kind, said) in _MEANT.items()
    ]
    taken[-1]["part"] = [_parameter(name, kind, said) for name, (kind, said) in _PARTS.items()]
    given = _parameter("return", "RiskAssessment", "The score, recorded.", use="out", least=1)
    return {
        "resourceType": "OperationDefinition",
        "url": OPERATION,
        "name": "Evaluate",
        "status": "active",
        "kind": "operation",
        "date": _DATE,
        "description": "Scores one man by his newest counted Observations. A bare Bundle is taken "
        "as the parameter observations. The request and its answer are recorded.",
        "affectsState": True,
        "code": "evaluate",
        "resource": ["RiskAssessment"],
        "system": False,
        "type": True,
        "instance": False,
        "parameter": [*taken, given],
    }


def _parameter(
    name: str, kind: str, said: str, *, use: str = "in", least: int = 0
) -> dict[str, Any]:
    told: dict[str, Any] = {"name": name, "use": use, "min": least, "max": "1",
                            "documentation": said}  # fmt: skip
    return {**told, "type": kind} if kind else told
