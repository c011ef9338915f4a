"""What FHIR and CDS Hooks ask and are answered; of their resources, what is read or written."""

from __future__ import annotations

from typing import Any

from respredict.interop.codes import LOINC, UCUM
from respredict.interop.hooks import SERVICES
from respredict.interop.resources import BUNDLES, MOST
from serving.contract.fields import Schema, array, record, text

__all__ = ["BUNDLE", "CALL", "FEEDBACK", "interop_schemas"]

_DAY = "2026-10-02"
_UUID = "0192f0c1-5f3e-7aaa-8bbb-0123456789ab"


def _observation(code: str, value: float, unit: str, comparator: str = "") -> dict[str, Any]:
    quantity = {"value": value, "unit": unit, "system": UCUM, "code": unit}
    if comparator:
        quantity["comparator"] = comparator
    return {
        "resourceType": "Observation",
        "id": f"loinc-{code}",
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": code}]},
        "subject": {"reference": "Patient/17"},
        "effectiveDateTime": _DAY,
        "valueQuantity": quantity,
    }


_PATIENT = {"resourceType": "Patient", "id": "17", "gender": "male", "birthDate": "1992-03-01"}
_OBSERVATIONS = (
    _observation("2986-8", 270.6, "ng/dL"),
    _observation("2243-4", 20, "pg/mL", "<"),
    _observation("10501-5", 3.4, "m[IU]/mL"),
    _observation("15067-2", 4.8, "m[IU]/mL"),
    _observation("39156-5", 28.7, "kg/m2"),
    _observation("9780-8", 7.8, "10*6/mL"),
)

#: A man as a hospital has him.
BUNDLE: dict[str, Any] = {
    "resourceType": "Bundle",
    "type": "collection",
    "entry": [{"resource": one} for one in (_PATIENT, *_OBSERVATIONS)],
}
CALL: dict[str, Any] = {
    "hook": "patient-view",
    "hookInstance": _UUID,
    "context": {"userId": "Practitioner/3", "patientId": "17"},
    "prefetch": {
        "patient": _PATIENT,
        "testosterone": {"resourceType": "Bundle", "type": "searchset",
                         "entry": [{"resource": _OBSERVATIONS[0]}]},
        "lh": {"resourceType": "Bundle", "type": "searchset",
               "entry": [{"resource": _OBSERVATIONS[2]}]},
    },
}  # fmt: skip
FEEDBACK: dict[str, Any] = {
    "feedback": [
        {"card": _UUID, "outcome": "overridden", "outcomeTimestamp": f"{_DAY}T08:15:00Z",
         "overrideReason": {"userComment": "FSH was drawn late"}},
    ],
}  # fmt: skip


def interop_schemas() -> dict[str, Schema]:
    """Return the schemas of FHIR and CDS Hooks, open where theirs are.

    Returns
    -------
    dict of str to dict
        By name.
    """
    return {**_fhir(), **_cds()}


def _fhir() -> dict[str, Schema]:
    anything = {"type": "object", "description": "As the standard has it.", "examples": [{}]}
    return {
        "Evaluated": {
            "description": "A Bundle of one man's Patient and Observations, or Parameters with it.",
            "oneOf": [
                _open("A Bundle.", {
                    "resourceType": text("Its kind.", "Bundle", const="Bundle"),
                    "type": text("Read, whatever it is; a transaction is not executed.",
                                 "collection", enum=list(BUNDLES)),
                    "entry": array("Its resources.", anything, maxItems=MOST),
                }, needed=("resourceType", "type")),
                _open("Parameters, as the OperationDefinition says.", {
                    "resourceType": text("Its kind.", "Parameters", const="Parameters"),
                    "parameter": array("observations, subject, reference, treatment.", anything),
                }),
            ],
            "examples": [BUNDLE],
        },
        "FhirResource": _open("A resource of FHIR R4.", {
            "resourceType": text("Its kind.", "RiskAssessment", enum=[
                "RiskAssessment", "CapabilityStatement", "OperationDefinition"]),
            "status": text("Of the resource.", "final", enum=["final", "active"]),
        }),
        "OperationOutcome": _open("Why there is no answer, as FHIR R4 tells it.", {
            "resourceType": text("Its kind.", "OperationOutcome", const="OperationOutcome"),
            "issue": array("Every broken rule.", _open("One of them.", {
                "severity": text("How bad.", "error", const="error"),
                "code": text("Of FHIR's issue types.", "code-invalid"),
                "details": record("In words.", {
                    "text": text("What, the rule, the value and the remedy.",
                                 "Bundle.type must be given, got nothing. Send collection."),
                }),
            }), minItems=1),
        }),
    }  # fmt: skip


def _cds() -> dict[str, Schema]:
    return {
        "CdsServices": record("What CDS Hooks 2.0 calls discovery.", {
            "services": array("One a hook.", _open("A service.", {
                "hook": text("When it is called.", "patient-view"),
                "id": text("By which it is called.", next(iter(SERVICES))),
                "description": text("What it does.", "Tells the probability."),
            }), minItems=1),
        }),
        "CdsCall": _open("A call of a service.", {
            "hook": text("Of the service.", "patient-view", enum=list(SERVICES.values())),
            "hookInstance": text("Of this call.", _UUID, format="uuid"),
            "context": _open("Who and where.", {"patientId": text("Whose record is open.", "17",
                                                                  minLength=1)}),
        }),
        "CdsCards": record("What to show.", {
            "cards": array("None, or one.", _open("A card.", {
                "uuid": text("Of the decision, where it is one.", _UUID, format="uuid"),
                "summary": text("In a line.", "Semen improvement on anastrozole: 47 %",
                                maxLength=139),
                "indicator": text("How urgent.", "info", const="info"),
                "source": record("Who says it.", {"label": text("Name.", "respredict")}),
            }), maxItems=1),
        }),
        "CdsFeedback": _open("What was done with cards.", {
            "feedback": array("One a card.", _open("Of one card.", {
                "card": text("Its uuid.", _UUID, format="uuid"),
                "outcome": text("What was done.", "accepted", enum=["accepted", "overridden"]),
                "outcomeTimestamp": text("When.", f"{_DAY}T08:15:00Z", format="date-time"),
            }), minItems=1),
        }),
        "CdsNothing": {"type": "object", "description": "Nothing more to say.", "examples": [{}],
                       "maxProperties": 0},
    }  # fmt: skip


def _open(
    meaning: str, properties: dict[str, Schema], *, needed: tuple[str, ...] | None = None
) -> Schema:
    """Return the schema of an object that may hold more than is described."""
    told = record(meaning, properties)
    required = list(properties if needed is None else needed)
    return {**told, "required": required, "additionalProperties": True}
