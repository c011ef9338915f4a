"""FHIR resources into a request: what is read, what counts, and every rule that is broken."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from respredict.errors import RequestError
from respredict.interop.codes import CODES, UCUM, find_unit
from respredict.interop.evaluation import read_evaluation
from respredict.interop.observations import day_of
from respredict.schema.analytes import ANALYTES, analyte
from respredict.schema.request import read_request
from tests.interop.resources import E2, LH, T, bundle, entry, parameters

TODAY = datetime.date(2026, 10, 20)


def read(resource):
    return read_evaluation(resource, today=TODAY)


def refused(resource) -> list[tuple[str, str, str]]:
    """Return code, place and words of every issue."""
    with pytest.raises(RequestError) as error:
        read(resource)
    return [(issue.code, issue.field, str(issue)) for issue in error.value.problems]


def test_a_bundle_becomes_a_request():
    """Each newest reading in its unit and with its side, his age on the day of the blood."""
    evaluation = read(bundle())
    assert evaluation.body == {
        "age": 34,
        "testosterone": {"value": 270.6, "unit": "ng/dL"},
        "estradiol": {"value": 20.0, "unit": "pg/mL", "comparator": "<"},
        "lh": {"value": 3.4, "unit": "m[IU]/mL"},
        "fsh": {"value": 4.8, "unit": "m[IU]/mL"},
        "bmi": 28.7,
        "sperm_concentration": {"value": 7.8, "unit": "10*6/mL"},
        "sampled_on": "2026-10-02",
        "semen_sampled_on": "2026-10-02",
    }
    assert evaluation.subject == "Patient/17"
    assert evaluation.basis[0] == "Observation/loinc-2986-8"
    assert len(evaluation.basis) == 6


@pytest.mark.parametrize(("status", "counts"), [
    ("final", True), ("amended", True), ("corrected", True), ("preliminary", False),
    ("entered-in-error", False), ("cancelled", False), ("registered", False), ("unknown", False),
])  # fmt: skip
def test_only_what_is_final_counts(status, counts):
    """A draft, a mistake or something withdrawn is passed over."""
    of = bundle()
    entry(of, LH)["status"] = status
    assert ("lh" in read(of).body) == counts


def test_the_newest_counts_wherever_it_stands():
    """By its moment, whatever the time zone; undated it is older than any."""
    of = bundle()
    for day, value in (
        ("2026-10-09T23:30:00-05:00", 6.0),
        ("2026-10-10T03:00:00Z", 5.0),
        (None, 9.0),
    ):
        other = {**entry(bundle(), LH), "effectiveDateTime": day}
        other["valueQuantity"] = {**other["valueQuantity"], "value": value}
        of["entry"].insert(0, {"resource": {k: v for k, v in other.items() if v is not None}})
    body = read(of).body
    assert body["lh"]["value"] == 6.0
    assert body["sampled_on"] == "2026-10-02"  # the oldest of those that are used


def test_a_missing_day_leaves_the_day_unknown():
    """One undated reading among them: no day is told of the blood, and today counts his age."""
    of = bundle()
    del entry(of, E2)["effectiveDateTime"]
    entry(of, 0)["birthDate"] = "1992-10-15"
    body = read(of).body
    assert "sampled_on" not in body
    assert (body["age"], body["semen_sampled_on"]) == (34, "2026-10-02")


@pytest.mark.parametrize(("code", "value", "unit", "expected"), [
    ("2986-8", 2.706, "ng/mL", (270.6, "ng/dL")),
    ("83116-4", 2.706, "ug/L", (270.6, "ng/dL")),
    ("14913-8", 9.4, "nmol/L", (9.4, "nmol/L")),
    ("2986-8", 270.6, "ng/dl", (270.6, "ng/dL")),
    ("10501-5", 3.4, "IU/L", (3.4, "[IU]/L")),
    ("10501-5", 3.4, "mIU/mL", (3.4, "m[IU]/mL")),
    ("2243-4", 3.2, "ng/dL", (32.0, "pg/mL")),
    ("14715-7", 0.117, "nmol/L", (117.0, "pmol/L")),
    ("9780-8", 7.8, "10^6/mL", (7.8, "10*6/mL")),
])  # fmt: skip
def test_a_unit_becomes_one_that_a_request_takes(code, value, unit, expected):
    """By the code that says what is measured, an alias or its own."""
    of = bundle()
    entry(of, LH)["code"]["coding"][0]["code"] = code
    entry(of, LH)["valueQuantity"] = {"value": value, "unit": unit}
    of["entry"] = [of["entry"][0], of["entry"][LH]]
    read_as = read(of).body[CODES[code].field]
    assert (read_as["value"], read_as["unit"]) == expected


def test_every_unit_of_every_code_keeps_the_quantity():
    """Converted here or by a request, a reading is the same in each."""
    for code in CODES.values():
        if code.field not in {a.name for a in ANALYTES}:
            continue
        of = analyte(code.field)
        for written in code.units:
            name, factor = find_unit(code, written)
            unit = of.find_unit(name)
            if own := of.find_unit(written):
                assert (unit, factor) == (own, 1.0)
            else:
                assert factor * unit.factor > 0


def test_weight_and_height_make_a_bmi():
    """Where there is none; in pounds and inches too."""
    of = bundle()
    weight, height = entry(bundle(), 5), entry(bundle(), 5)
    weight["code"]["coding"][0]["code"], height["code"]["coding"][0]["code"] = "29463-7", "8302-2"
    weight["valueQuantity"] = {"value": 200, "system": UCUM, "code": "[lb_av]"}
    height["valueQuantity"] = {"value": 70, "system": UCUM, "code": "[in_i]"}
    of["entry"][5:6] = [{"resource": weight}, {"resource": height}]
    assert read(of).body["bmi"] == pytest.approx(200 * 0.45359237 / 1.778**2, abs=0.005)


def test_what_is_not_read_is_passed_over():
    """Free testosterone is never total; other codes, other resources and deletions are nothing."""
    of = bundle()
    free = {**entry(bundle(), T), "code": {"coding": [{"system": "http://loinc.org",
            "code": "2991-8"}]}, "effectiveDateTime": "2026-10-19"}  # fmt: skip
    local = {**entry(bundle(), T), "code": {"coding": [{"system": "urn:x", "code": "10501-5"}]}}
    order = {"resourceType": "MedicationRequest", "category": {}}
    of["entry"] += [{"resource": one} for one in (free, local, order)]
    of["entry"].append({"request": {"method": "DELETE"}})
    of["type"] = "transaction"
    assert read(of) == read(bundle())


def test_parameters_carry_what_a_bundle_cannot():
    """A pseudonym, what he takes, and whose the Observations are."""
    more = [
        {"name": "subject", "valueReference": {"reference": "Patient/17"}},
        {"name": "reference", "valueString": "P-17"},
        {"name": "treatment", "part": [{"name": "testosterone", "valueCode": "past"},
                                       {"name": "stopped-on", "valueDate": "2026-01-31"},
                                       {"name": "clomiphene", "valueBoolean": False}]},
    ]  # fmt: skip
    evaluation = read(parameters(and_=more))
    assert evaluation.body["reference"] == "P-17"
    assert evaluation.body["treatment"] == {
        "testosterone": "past", "stopped_on": "2026-01-31", "clomiphene": False,
    }  # fmt: skip
    assert evaluation.subject == "Patient/17"


def change(number, **fields):
    """Return a Bundle with fields of one resource set; None takes one away."""
    of = bundle()
    for name, value in fields.items():
        if value is None:
            entry(of, number).pop(name, None)
        else:
            entry(of, number)[name] = value
    return of


def quantity(**fields):
    return change(LH, valueQuantity={**entry(bundle(), LH)["valueQuantity"], **fields})


AT = "Bundle.entry[3].resource"


@pytest.mark.parametrize(("resource", "code", "field", "words"), [
    ([], "structure", "resourceType", "must be Bundle or Parameters, got nothing"),
    ({"resourceType": "Patient"}, "structure", "resourceType", "got 'Patient'"),
    ({**bundle(), "type": None}, "required", "Bundle.type", "must be one of collection"),
    ({**bundle(), "type": "heap"}, "code-invalid", "Bundle.type", "got 'heap'"),
    ({**bundle(), "entry": {}}, "structure", "Bundle.entry", "must be an array"),
    ({**bundle(), "entry": [{"resource": 3}]}, "structure", "Bundle.entry[0].resource", "got 3"),
    (change(LH, status=None), "required", f"{AT}.status", "got nothing"),
    (change(LH, status="bogus"), "code-invalid", f"{AT}.status", "got 'bogus'"),
    (change(LH, valueQuantity=None), "required", f"{AT}.valueQuantity", "got nothing"),
    (change(LH, valueQuantity=None, valueString="<0.5"), "required", f"{AT}.valueQuantity",
     "got valueString. Send the number with its unit; <20 as value 20 and comparator <"),
    (quantity(value="3.4"), "value", f"{AT}.valueQuantity.value", "must be a number, got '3.4'"),
    (quantity(value=None), "required", f"{AT}.valueQuantity.value", "got nothing"),
    (quantity(value=True), "value", f"{AT}.valueQuantity.value", "got true"),
    (quantity(value=10**400), "value", f"{AT}.valueQuantity.value", "must be a finite number"),
    (quantity(value=690), "value", f"{AT}.valueQuantity.value", "must be 0.05 to 100"),
    (quantity(comparator="~"), "code-invalid", f"{AT}.valueQuantity.comparator", "got '~'"),
    (quantity(code="mg/dL"), "code-invalid", f"{AT}.valueQuantity.code",
     "must be m[IU]/mL or [IU]/L for LOINC 10501-5, got 'mg/dL'"),
    (quantity(code=None, unit=None), "required", f"{AT}.valueQuantity.unit", "got nothing"),
    (quantity(system="urn:own"), "code-invalid", f"{AT}.valueQuantity.system", "got 'urn:own'"),
    (change(LH, effectiveDateTime="last week"), "value", f"{AT}.effectiveDateTime",
     "must be a FHIR dateTime"),
    (change(LH, subject={"reference": "Patient/18"}), "business-rule", f"{AT}.subject",
     "must be about one man"),
    (change(0, gender="female"), "business-rule", "Bundle.entry[0].resource.gender",
     "must be male, got 'female'"),
    (change(0, birthDate=None), "required", "Bundle.entry[0].resource.birthDate",
     "Send a Patient with birthDate, or an Observation of LOINC 30525-0"),
    (change(0, birthDate="1992"), "value", "Bundle.entry[0].resource.birthDate", "must be a day"),
    (change(0, birthDate="2020-01-01"), "value", "age", "must be 18 to 70"),
    (change(LH, code={"coding": [{"system": "http://loinc.org", "code": c}
                                 for c in ("10501-5", "15067-2")]}), "code-invalid", f"{AT}.code",
     "must mean one measurement, got lh and fsh"),
    ({"resourceType": "Parameters"}, "structure", "Parameters.parameter", "must be an array"),
    ({"resourceType": "Parameters", "parameter": []}, "required", "Parameters.parameter",
     "must hold observations"),
    (parameters(and_=[{"name": "horizon"}]), "structure", "Parameters.parameter[1].name",
     "must be one of observations, subject, reference, treatment"),
    (parameters(and_=[{"name": "reference", "valueInteger": 3}]), "structure",
     "Parameters.parameter[1]", "must have a valueString"),
    (parameters(and_=[{"name": "subject", "valueReference": {"reference": "Patient/9"}}]),
     "business-rule", "Parameters.parameter", "must be about one man"),
])  # fmt: skip
def test_each_broken_rule_is_told_where_it_stands(resource, code, field, words):
    """With its issue type, its FHIRPath, the rule, the value and the remedy."""
    told = refused(resource)
    assert any(c == code and f == field and words in said for c, f, said in told), told


def test_all_is_told_at_once():
    """One issue for each rule, and never a value of the body beyond the one that is wrong."""
    of = bundle()
    entry(of, LH)["valueQuantity"]["code"] = "mg"
    entry(of, T)["status"] = "draft"
    entry(of, 0)["birthDate"] = "1992-13-01"
    assert [field for _, field, _ in refused(of)] == [
        "Bundle.entry[1].resource.status",
        "Bundle.entry[3].resource.valueQuantity.code",
        "Bundle.entry[0].resource.birthDate",
    ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["code", "coding", "value", "status", "reference", "name",
                                       "resourceType", "system", "part", "id", "unit"]), inner,
                      max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(number=st.integers(0, 6), name=st.sampled_from([
    "status", "code", "subject", "valueQuantity", "effectiveDateTime", "birthDate", "gender", "id",
    "resourceType", "effectivePeriod", "issued",
]), value=json_values)  # fmt: skip
def test_whatever_stands_there_is_a_request_or_told(number, name, value):
    """Nothing but the two: a valid request, or issues with their places."""
    of = bundle()
    entry(of, number)[name] = value
    issues = []
    try:
        read_request(read(of).body)
    except RequestError as error:
        issues = error.problems
    assert all(issue.code and issue.field for issue in issues)


@pytest.mark.parametrize(("written", "day"), [
    ("2026", datetime.date(2026, 1, 1)), ("2026-02", datetime.date(2026, 2, 1)),
    ("2026-02-30", None), ("2026-02-03T04:05:06+14:00", datetime.date(2026, 2, 3)),
    ("03.02.2026", None), (20260203, None), ("", None),
])  # fmt: skip
def test_a_date_may_be_a_year_or_a_month(written, day):
    """FHIR's dates are as exact as they are known."""
    assert day_of(written) == day
