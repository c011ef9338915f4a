"""What is written as FHIR: judged by an outside model of it, and equal to the answer."""

from __future__ import annotations

import datetime

import pytest
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.operationdefinition import OperationDefinition
from fhir.resources.R4B.operationoutcome import OperationOutcome
from fhir.resources.R4B.riskassessment import RiskAssessment

from respredict.errors import Problem
from respredict.interop.capability import OPERATION, capability_statement, operation_definition
from respredict.interop.issues import Issue
from respredict.interop.outcome import operation_outcome
from respredict.interop.risk_assessment import INTERVAL, REDRAW, risk_assessment
from serving.problems import ISSUES, PROBLEMS

NOW = datetime.datetime(2026, 10, 20, 8, 15, tzinfo=datetime.UTC)
#: Of FHIR R4's issue-type, those that a service answers with.
TYPES = {
    "invalid", "structure", "required", "value", "security", "login", "forbidden", "not-supported",
    "not-found", "too-long", "code-invalid", "conflict", "transient", "timeout", "throttled",
    "exception", "business-rule", "incomplete",
}  # fmt: skip


def test_an_answer_is_a_risk_assessment(answered):
    """Percentages of the served fractions, each within its days; an outside model takes it."""
    answer, evaluation = answered()
    told = risk_assessment(answer, evaluation, now=NOW)
    RiskAssessment.model_validate(told)

    better, worse = told["prediction"]
    served = answer["improvement"]
    assert better["probabilityDecimal"] == pytest.approx(100 * served["probability"], rel=1e-11)
    assert worse["probabilityDecimal"] == pytest.approx(100 * answer["worsening"]["probability"])
    ends = {
        one["url"]: [one["valueRange"][end]["value"] / 100 for end in ("low", "high")]
        for one in better["extension"]
    }
    assert ends[INTERVAL] == pytest.approx(served["interval"])
    assert ends[REDRAW] == pytest.approx(served["redraw_interval"])
    for prediction in told["prediction"]:
        assert prediction["whenPeriod"] == {"start": "2026-12-19", "end": "2027-07-17"}
        assert "qualitativeRisk" not in prediction
    assert better["rationale"] == answer["explanation"]["statement"]
    assert told["identifier"][0]["value"] == f"urn:uuid:{answer['decision_id']}"
    assert told["method"]["coding"][0]["code"] == answer["model"]["digest"]
    assert told["subject"] == {"reference": "Patient/17"}
    assert [one["reference"] for one in told["basis"]] == list(evaluation.basis)
    notes = " ".join(note["text"] for note in told["note"])
    assert "percentage" in notes
    assert "Use: demonstration" in notes
    assert f"record 1841 of the ledger, hash {'ab' * 32}" in notes


def test_the_days_count_from_the_start_of_anastrozole(answered):
    """Where it has begun; and what was told of his treatment needs no note."""
    answer, evaluation = answered()
    treatment = {"testosterone": "never", "anastrozole_since": "2026-10-10"}
    asked = type(evaluation)({**evaluation.body, "treatment": treatment}, (), "")
    told = risk_assessment(answer, asked, now=NOW)
    assert told["prediction"][0]["whenPeriod"] == {"start": "2026-12-09", "end": "2027-07-07"}
    said = "Whether he takes or took testosterone was not told"
    assert not any(said in note["text"] for note in told["note"])
    plain = risk_assessment(answer, evaluation, now=NOW)
    assert any(said in note["text"] for note in plain["note"])


def test_notices_go_along(answered):
    """Off-label use, consent, tapering: as with the plain answer."""
    answer, evaluation = answered()
    told = {note["text"] for note in risk_assessment(answer, evaluation, now=NOW)["note"]}
    assert {notice["text"] for notice in answer["notices"]} <= told


def test_without_a_probability_it_says_why(answered, without_lh):
    """No number stands there, and no worsening either."""
    answer, evaluation = answered(without_lh)
    told = risk_assessment(answer, evaluation, now=NOW)
    RiskAssessment.model_validate(told)

    (prediction,) = told["prediction"]
    assert not any(name.startswith("probability") for name in prediction)
    assert "LH is missing" in prediction["rationale"]


def test_nobody_is_made_up_where_no_subject_was_given(answered):
    """Nor an empty list of what it was based on."""
    answer, evaluation = answered()
    bare = type(evaluation)(evaluation.body, (), "")
    told = risk_assessment(answer, bare, now=NOW)
    RiskAssessment.model_validate(told)
    assert told["subject"] == {"display": "not supplied"}
    assert "basis" not in told


def test_a_refusal_is_an_operation_outcome():
    """Each rule with its kind and place; of none, the whole."""
    issue = Issue("Bundle.type", "be given", "nothing", "Send collection", code="required")
    plain = Problem("age", "be 18 to 70 years", "5", "Check the value")
    told = operation_outcome([issue, plain], code="invalid", detail="Mend it.")
    OperationOutcome.model_validate(told)
    assert [(i["code"], i["expression"]) for i in told["issue"]] == [
        ("required", ["Bundle.type"]), ("invalid", ["age"]),
    ]  # fmt: skip
    assert told["issue"][1]["details"]["text"].startswith("age must be 18 to 70 years, got 5.")
    whole = operation_outcome([], code="throttled", detail="Wait.")
    OperationOutcome.model_validate(whole)
    assert whole["issue"][0]["details"]["text"] == "Wait."


def test_every_problem_is_of_an_issue_type():
    """What the service refuses with has a type of FHIR's own."""
    assert set(ISSUES) <= set(PROBLEMS)
    assert {ISSUES.get(code, "exception") for code in PROBLEMS} <= TYPES


def test_capability_and_operation_are_sound():
    """An outside model takes both, and one names the other."""
    capability, operation = capability_statement(), operation_definition()
    CapabilityStatement.model_validate(capability)
    OperationDefinition.model_validate(operation)
    assert capability["rest"][0]["resource"][0]["operation"][0]["definition"] == operation["url"]
    assert operation["url"] == OPERATION
    for one in operation["parameter"]:
        assert ("type" in one) != ("part" in one)  # opd-1 and opd-2 of R4
