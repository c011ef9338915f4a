"""CDS Hooks 2.0: discovery, calls, cards and feedback, by the rules of its specification."""

from __future__ import annotations

import copy
import datetime
import re
import uuid

import pytest

from respredict.errors import Problem, RequestError
from respredict.interop.cards import answer_card, problem_card
from respredict.interop.codes import CODES
from respredict.interop.hooks import (
    SERVICES,
    NotPrefetchedError,
    discovery,
    read_call,
    read_feedback,
)
from respredict.interop.risk_assessment import risk_assessment
from serving.contract.interop import CALL, FEEDBACK
from tests.interop.resources import LH, bundle, entry

TODAY = datetime.date(2026, 10, 20)
VIEW, SELECT = SERVICES


def read(service=VIEW, **changes):
    return read_call(service, {**copy.deepcopy(CALL), **changes}, today=TODAY)


def order(text="Anastrozole 1 mg", name="draft-1", **more):
    """Return the context of an order that is selected."""
    named = {} if text is None else {"medicationCodeableConcept": {"text": text}}
    drug = {"resourceType": "MedicationRequest", "id": name, "category": {}, **named, **more}
    return {
        "patientId": "17",
        "selections": ["MedicationRequest/draft-1"],
        "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": drug}]},
    }


def test_each_hook_has_a_service_of_its_own():
    """Clients key services by their id; each asks for all that is used, kind by kind."""
    services = discovery()["services"]
    assert len({service["id"] for service in services}) == len(services) == 2
    for service in services:
        assert {"hook", "id", "description", "title", "prefetch"} <= set(service)
        told = " ".join(service["prefetch"].values())
        asked = set(re.findall(r"http://loinc.org\|([0-9-]+)", told))
        unused = ("age", "prolactin", "shbg", "inhibin_b")  # by birth date; no predictors
        assert asked == {code for code, row in CODES.items() if row.field not in unused}
        assert service["prefetch"]["patient"] == "Patient/{{context.patientId}}"


def test_what_is_prefetched_becomes_a_request():
    """All resources together, as those of one Bundle."""
    evaluation = read().evaluation
    assert evaluation.body["age"] == 34
    assert evaluation.body["testosterone"] == {"value": 270.6, "unit": "ng/dL"}
    assert evaluation.body["lh"] == {"value": 3.4, "unit": "m[IU]/mL"}
    assert evaluation.subject == "Patient/17"
    every = {"all": bundle(), "again": bundle(), "other": None}
    assert read(prefetch=every).evaluation.body["fsh"]["value"] == 4.8


def silent(**fields):
    of = bundle()
    of["entry"][0]["resource"] |= fields
    return read(prefetch={"all": of})


def test_nothing_is_said_where_nobody_could_be_scored():
    """Where a record is opened: of a woman, a child, or a man without hormones; no decision."""
    for call in (
        silent(gender="female"), silent(birthDate="2020-01-01"),
        read(prefetch={"patient": bundle()["entry"][0]["resource"]}),
        read(prefetch={"all": {**bundle(), "entry": [bundle()["entry"][n] for n in (0, 5, 6)]}}),
    ):  # fmt: skip
        assert (call.evaluation, call.problems) == (None, ())
    of = bundle()
    of["entry"][0]["resource"]["gender"] = "female"
    call = read(SELECT, hook="order-select", context=order(), prefetch={"all": of})
    assert "must be male" in str(call.problems[0])  # but where the drug is ordered it is


def test_another_man_and_a_medicine_are_told():
    """Resources of somebody else, and testosterone that the call cannot tell of as treatment."""
    context = {"patientId": "18"}
    fields = {problem.field for problem in read(context=context).problems}
    assert fields == {"prefetch.patient.id"}
    statement = {"resourceType": "MedicationStatement", "status": "active",
                 "medicationCodeableConcept": {"text": "Testosterone gel"}}  # fmt: skip
    call = read(prefetch={"all": bundle(), "MedicationStatement": statement})
    assert [problem.field for problem in call.problems] == ["prefetch.MedicationStatement"]


def test_a_search_that_failed_is_not_a_value_that_is_missing():
    """It is told by its key; where all failed nothing was prefetched."""
    failed = {"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}
    call = read(prefetch={"all": bundle(), "estradiol": failed})
    assert [(p.code, p.field) for p in call.problems] == [("incomplete", "prefetch.estradiol")]
    man = bundle()["entry"][0]["resource"]
    call = read(prefetch={"patient": man, "testosterone": failed, "lh": failed})
    assert {p.field for p in call.problems} == {"prefetch.testosterone", "prefetch.lh"}
    with pytest.raises(NotPrefetchedError):
        read(prefetch={"patient": failed, "lh": failed})


@pytest.mark.parametrize("prefetch", [None, {}, {"patient": None}])
def test_nothing_prefetched_is_told_apart(prefetch):
    """Nothing is fetched from here."""
    with pytest.raises(NotPrefetchedError):
        read(prefetch=prefetch)


def test_what_keeps_him_from_being_scored_is_not_a_fault_of_the_call():
    """It becomes a card; so does an entry that is none."""
    assert "be a resource" in str(read(prefetch={"lh": {**bundle(), "entry": [3]}}).problems[0])
    of = bundle()
    entry(of, LH)["valueQuantity"]["code"] = "mg"
    call = read(prefetch={"lh": of, "patient": None})
    assert call.evaluation is None
    assert [problem.code for problem in call.problems] == ["code-invalid"]
    assert call.problems[0].field == "prefetch.lh.entry[3].resource.valueQuantity.code"


@pytest.mark.parametrize(("changes", "field"), [
    ({"hook": "order-sign"}, "hook"), ({"hook": None}, "hook"),
    ({"hookInstance": "1"}, "hookInstance"), ({"hookInstance": None}, "hookInstance"),
    ({"context": {}}, "context.patientId"), ({"context": []}, "context.patientId"),
    ({"context": {"patientId": 17}}, "context.patientId"),
])  # fmt: skip
def test_what_is_no_call_is_refused(changes, field):
    """A call names its hook, itself and the patient."""
    with pytest.raises(RequestError) as error:
        read(**changes)
    assert [(issue.code, issue.field) for issue in error.value.problems] == [("structure", field)]
    with pytest.raises(RequestError):
        read_call(VIEW, ["no object"], today=TODAY)


@pytest.mark.parametrize(("context", "speaks"), [
    (order(), True), (order("ARIMIDEX 1 mg tablet"), True), (order("letrozole 2.5 mg"), False),
    (order(name="draft-2"), False), ({"patientId": "17"}, False),
    ({**order(), "selections": None}, True), ({"patientId": "17", "draftOrders": [3]}, False),
    (order(None, medicationCodeableConcept={"coding": [{
        "system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "199224"}]}), True),
    (order(None, medicationReference={"display": "anastrozole 1 mg tablet"}), True),
    (order(None, medicationReference={"reference": "#m"}, contained=[
        {"resourceType": "Medication", "id": "m", "code": {"text": "Arimidex"}}]), True),
    (order(doNotPerform=True), False), (order(status="cancelled"), False),
    (order(subject={"reference": "Patient/999"}), False),
    (order(subject={"reference": "NotPatient/17"}), False),
    (order(subject={"reference": "Patient/17"}), True),
])  # fmt: skip
def test_an_order_is_spoken_of_where_it_is_for_anastrozole(context, speaks):
    """By name, of the drafts that are selected; otherwise nothing is said, and nothing asked."""
    call = read(SELECT, hook="order-select", context=context)
    assert (call.evaluation is not None) == speaks
    assert call.problems == ()


def card_is_sound(card):
    """Hold a card against the rules of CDS Hooks 2.0."""
    assert 0 < len(card["summary"]) < 140
    assert card["indicator"] in ("info", "warning", "critical")
    assert card["source"]["label"]
    uuid.UUID(card["uuid"])
    if "suggestions" in card:
        assert card["selectionBehavior"] in ("at-most-one", "any")
        for suggestion in card["suggestions"]:
            assert suggestion["label"]
            for action in suggestion["actions"]:
                assert action["type"] in ("create", "update", "delete")
                assert action["description"]


def test_an_answer_is_a_card_that_can_be_filed(answered):
    """Probability and interval in a line, the statement below; nothing prescribes."""
    answer, evaluation = answered()
    assessment = risk_assessment(answer, evaluation, now=datetime.datetime.now(datetime.UTC))
    card = answer_card(answer, evaluation, assessment)
    card_is_sound(card)
    assert "suggestions" not in card  # a demonstration belongs into no chart
    assert "Whether he takes or took testosterone was not told" in card["detail"]
    assert re.fullmatch(
        r"Semen improvement on anastrozole: [0-9]+ % \([0-9]+ to [0-9]+ %\). Demonstration only",
        card["summary"],
    )
    assert card["uuid"] == answer["decision_id"]
    assert card["detail"].startswith(answer["explanation"]["statement"])
    clinical = {**answer, "model": {**answer["model"], "use": "decision support"}}
    card = answer_card(clinical, evaluation, assessment)
    card_is_sound(card)
    (suggestion,) = card["suggestions"]
    assert [action["resource"] for action in suggestion["actions"]] == [assessment]


def test_no_probability_and_every_problem_are_cards_too(answered, without_lh):
    """Each says what is missing."""
    answer, evaluation = answered(without_lh)
    card = answer_card({**answer, "model": {**answer["model"], "use": "x"}}, evaluation, {})
    card_is_sound(card)
    assert "suggestions" not in card
    assert "lh missing" in card["summary"]
    assert "LH is missing" in card["detail"]
    told = problem_card([Problem(f"f{i}", "be given", "nothing", "Send it") for i in range(3)])
    card_is_sound(told)
    assert told["summary"].endswith("3 things to mend")
    assert told["detail"].count("\n* ") == 2
    hostile = Problem("gender", "be male", "'<img src=x>[mend](https://evil.example)'", "Mend it")
    assert "<img" not in problem_card([hostile])["detail"].replace("\\<", "")
    assert "\\[mend\\]" in problem_card([hostile])["detail"]


def test_feedback_says_what_was_done_with_a_card():
    """Accepted, or overridden with what the clinician says."""
    assert read_feedback(FEEDBACK) == [
        (FEEDBACK["feedback"][0]["card"], "overridden on 2026-10-02: FSH was drawn late")
    ]
    done = {**FEEDBACK["feedback"][0], "outcome": "accepted", "overrideReason": None}
    assert [said for _, said in read_feedback({"feedback": [done] * 9})] == [
        "accepted on 2026-10-02"
    ]
    coded = {**done, "overrideReason": {"reason": {"code": "late", "display": "Drawn late"}}}
    assert read_feedback({"feedback": [coded]})[0][1] == "accepted on 2026-10-02: Drawn late"


@pytest.mark.parametrize(("body", "field"), [
    ([], "feedback"), ({"feedback": []}, "feedback"), ({"feedback": "x"}, "feedback"),
    ({"feedback": FEEDBACK["feedback"] * 51}, "feedback"),
    ({"feedback": [{**FEEDBACK["feedback"][0], "outcomeTimestamp": "yesterday"}]},
     "feedback[0].outcomeTimestamp"),
    ({"feedback": [{**FEEDBACK["feedback"][0], "card": "3"}]}, "feedback[0].card"),
    ({"feedback": [{**FEEDBACK["feedback"][0], "outcome": "ignored"}]}, "feedback[0].outcome"),
    ({"feedback": [{**FEEDBACK["feedback"][0], "outcomeTimestamp": None}]},
     "feedback[0].outcomeTimestamp"),
])  # fmt: skip
def test_what_is_no_feedback_is_refused(body, field):
    """Each broken rule by its place."""
    with pytest.raises(RequestError) as error:
        read_feedback(body)
    assert error.value.problems[0].field == field
