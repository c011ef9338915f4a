"""FHIR and CDS Hooks over HTTP: scored, recorded and replayed as any other request."""

from __future__ import annotations

import copy
import json
import uuid

import pytest
from fhir.resources.R4B.operationoutcome import OperationOutcome
from fhir.resources.R4B.riskassessment import RiskAssessment

from respredict.ledger.reading import Reader
from serving.contract.interop import BUNDLE, CALL
from serving.problems import FHIR
from tests.serving.test_contract import check

EVALUATE, VIEW = "/fhir/RiskAssessment/$evaluate", "/cds-services/respredict-patient-view"


def evaluate(client, resource, **headers):
    headers = {"content-type": FHIR, **headers}
    return client.post(EVALUATE, content=json.dumps(resource), headers=headers)


def recorded(trained, told):
    """Return the record of the decision that a RiskAssessment is."""
    name = told["identifier"][0]["value"].removeprefix("urn:uuid:")
    with Reader(trained["home"]) as reader:
        return reader.get(uuid.UUID(name))


def test_a_bundle_is_scored_recorded_and_replayed(client, trained, auditor):
    """The same probability as a plain request's, and nothing of the Bundle but what was read."""
    response = evaluate(client, BUNDLE)
    told = response.json()

    assert response.status_code == 200
    assert response.headers["content-type"] == FHIR
    RiskAssessment.model_validate(told)
    check("FhirResource", told)
    record = recorded(trained, told)
    asked = json.loads(record.payload.request)
    assert set(asked) == {"age", "testosterone", "estradiol", "lh", "fsh", "bmi",
                          "sperm_concentration", "sampled_on", "semen_sampled_on"}  # fmt: skip
    assert b"Patient" not in record.payload.request
    plain = client.post("/v1/score", json=asked).json()
    served = told["prediction"][0]["probabilityDecimal"]
    assert served == pytest.approx(100 * plain["improvement"]["probability"], rel=1e-11)
    replayed = client.get(f"/v1/decisions/{record.sequence}/replay", headers=auditor)
    assert replayed.json()["state"] == "identical"


def test_a_repeated_evaluation_is_the_recorded_one(client):
    """To the byte; another Bundle under the same key is a conflict, told as FHIR has it."""
    first = evaluate(client, BUNDLE, **{"idempotency-key": "fhir-1"})
    again = evaluate(client, BUNDLE, **{"idempotency-key": "fhir-1"})
    other = copy.deepcopy(BUNDLE)
    other["entry"][3]["resource"]["valueQuantity"]["value"] = 5.0
    conflict = evaluate(client, other, **{"idempotency-key": "fhir-1"})
    renamed = json.loads(json.dumps(BUNDLE).replace("Patient/17", "Patient/18"))
    renamed["entry"][0]["resource"]["id"] = "18"
    another = evaluate(client, renamed, **{"idempotency-key": "fhir-1"})

    assert first.content == again.content
    assert (conflict.status_code, conflict.json()["issue"][0]["code"]) == (422, "conflict")
    assert another.status_code == 422  # of another man with the same values


def other_type():
    return {**BUNDLE, "resourceType": "Patient"}


def no_unit():
    of = copy.deepcopy(BUNDLE)
    of["entry"][3]["resource"]["valueQuantity"]["code"] = "mg/dL"
    return of


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"{", {}, 400, "structure"),
        (json.dumps(other_type()).encode(), {}, 400, "structure"),
        (json.dumps(no_unit()).encode(), {}, 422, "code-invalid"),
        (b"{}", {"content-type": "text/plain"}, 415, "not-supported"),
        (b" " * (1024**2 + 1), {}, 413, "too-long"),
        (b"{}", {"x-api-key": "rp_abcd2345_" + "a" * 43}, 401, "login"),
    ],
)
def test_a_refusal_is_an_operation_outcome(client, content, headers, status, code):
    """Below /fhir every failure is one, with its issue type and the request's id."""
    sent = {"content-type": FHIR, **headers}
    response = client.post(EVALUATE, content=content, headers=sent)

    assert response.status_code == status
    assert response.headers["content-type"] == FHIR
    OperationOutcome.model_validate(response.json())
    check("OperationOutcome", response.json())
    assert response.json()["issue"][0]["code"] == code


def test_an_auditor_does_not_score(client, auditor):
    """Roles hold there too."""
    response = evaluate(client, BUNDLE, **auditor)
    assert (response.status_code, response.json()["issue"][0]["code"]) == (403, "forbidden")


def test_what_there_is_is_told_to_everybody(client):
    """Capability, operation and services need no key."""
    definition = "/fhir/OperationDefinition/RiskAssessment-evaluate"
    for path, name in (
        ("/fhir/metadata", "FhirResource"), (definition, "FhirResource"),
        ("/cds-services", "CdsServices"),
    ):  # fmt: skip
        request = client.build_request("GET", path)
        del request.headers["x-api-key"]
        response = client.send(request)
        assert response.status_code == 200, path
        check(name, response.json())


def test_a_call_gets_a_card_and_its_feedback_becomes_a_note(client, auditor):
    """The card is the decision: what was done with it stands beside it."""
    told = client.post(VIEW, json=CALL).json()
    check("CdsCards", told)
    (card,) = told["cards"]

    feedback = {"feedback": [
        {"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": "2026-10-02T08:15:00Z",
         "overrideReason": {"userComment": "FSH\nlate"}},
        {"card": "4e0a3a1e-3283-4575-ab82-028d55fe2719", "outcome": "accepted",
         "outcomeTimestamp": "2026-10-02T08:15:00Z"},
    ]}  # fmt: skip
    response = client.post(f"{VIEW}/feedback", json=feedback)
    assert (response.status_code, response.json()) == (200, {})
    record = client.get(f"/v1/decisions/{card['uuid']}", headers=auditor).json()
    assert [note["text"] for note in record["notes"]] == [
        "The card was overridden on 2026-10-02: FSH late"
    ]


def test_what_is_missing_is_a_card_and_no_decision(client, trained):
    """A clinician sees what to mend; nothing was decided."""
    with Reader(trained["home"]) as reader:
        before = reader.head()[0]
    call = {**CALL, "prefetch": {**CALL["prefetch"], "patient": None}}
    (card,) = client.post(VIEW, json=call).json()["cards"]
    assert "birthDate" in card["detail"]
    with Reader(trained["home"]) as reader:
        assert reader.head()[0] == before


@pytest.mark.parametrize(
    ("path", "body", "status", "kind"),
    [
        ("/cds-services/nobody", CALL, 404, "not-found"),
        ("/cds-services/nobody/feedback", {}, 404, "not-found"),
        (VIEW, {**CALL, "prefetch": None}, 412, "not-prefetched"),
        (VIEW, {**CALL, "hook": "order-sign"}, 400, "not-of-form"),
        (f"{VIEW}/feedback", {}, 400, "not-of-form"),
    ],
)
def test_what_is_no_call_is_a_problem(client, path, body, status, kind):
    """As everywhere but below /fhir."""
    response = client.post(path, json=body)
    assert response.status_code == status
    assert response.json()["type"] == f"urn:respredict:problem:{kind}"
    check("Problem", response.json())
