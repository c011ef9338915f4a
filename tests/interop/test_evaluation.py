"""FHIR resources into a request: what is read, what counts, and every rule that is broken."""

from __future__ import annotations

import copy
import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from respredict.errors import RequestError
from respredict.interop.codes import CODES, UCUM, find_alias, find_unit
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


def again(number, **fields):
    """Return a resource of the Bundle as another of its kind."""
    return {"resource": {**entry(bundle(), number), "id": f"again-{number}", **fields}}


def drawn(number, day, value, **more):
    """Return an Observation of another day and value."""
    said = {**entry(bundle(), number)["valueQuantity"], "value": value}
    return again(number, effectiveDateTime=day, valueQuantity=said, id=f"on-{value}", **more)


def test_the_newest_counts_wherever_it_stands():
    """By its moment, whatever the time zone."""
    of = bundle()
    of["entry"].insert(0, drawn(LH, "2026-10-09T23:30:00-05:00", 6.0))
    of["entry"].insert(0, drawn(LH, "2026-10-10T03:00:00Z", 5.0))
    body = read(of).body
    assert body["lh"]["value"] == 6.0
    assert body["sampled_on"] == "2026-10-02"  # the oldest of those that are used


def test_a_value_that_is_absent_hides_none():
    """The newest with a value counts."""
    of = bundle()
    missing = again(LH, effectiveDateTime="2026-10-05", dataAbsentReason={"text": "haemolysed"})
    del missing["resource"]["valueQuantity"]
    of["entry"].append(missing)
    assert read(of).body["lh"]["value"] == 3.4


def treated(since="2026-06-01", **more):
    """Return Parameters that say since when he takes anastrozole."""
    part = [{"name": "testosterone", "valueCode": "never"},
            {"name": "anastrozole-since", "valueDate": since}]  # fmt: skip
    of = parameters(and_=[{"name": "treatment", "part": part}])
    of["parameter"][0]["resource"]["entry"] += more.get("and_", [])
    return of


def test_blood_from_before_anastrozole_counts_where_there_is_some():
    """And where there is none, its day says that it was drawn on the drug."""
    assert read(treated()).body["sampled_on"] == "2026-10-02"
    shbg = drawn(LH, "2026-05-01", 30.0)
    shbg["resource"]["code"] = {"coding": [{"system": "http://loinc.org", "code": "13967-5"}]}
    shbg["resource"]["valueQuantity"] = {"value": 30, "unit": "nmol/L"}
    assert read(treated(and_=[shbg])).body["sampled_on"] == "2026-10-02"
    partly = read(treated(and_=[drawn(LH, "2026-05-01", 4.0)])).body
    assert (partly["lh"]["value"], partly["sampled_on"]) == (4.0, "2026-10-02")
    before = [drawn(n, "2026-05-01", v) for n, v in ((T, 300.0), (E2, 21.0), (LH, 7.0), (4, 5.0))]
    body = read(treated(and_=before)).body
    assert (body["lh"]["value"], body["sampled_on"]) == (7.0, "2026-05-01")


def test_semen_from_after_anastrozole_is_no_baseline():
    """It is left out, so that chance is not reckoned from it."""
    assert "sperm_concentration" not in read(treated()).body
    body = read(treated(and_=[drawn(6, "2026-05-20", 0.5)])).body
    assert body["sperm_concentration"]["value"] == 0.5
    assert body["semen_sampled_on"] == "2026-05-20"


@pytest.mark.parametrize("kind", ["MedicationRequest", "MedicationStatement"])
@pytest.mark.parametrize("named", [
    {"medicationCodeableConcept": {"text": "Testosterone cypionate 200 mg IM"}},
    {"medicationCodeableConcept": {"coding": [{"display": "clomiphene 25 mg"}]}},
    {"medicationReference": {"display": "Arimidex"}},
    {"medicationReference": {"reference": "#m"}, "contained": [
        {"resourceType": "Medication", "id": "m", "code": {"text": "anastrozole 1 mg"}}]},
    {"medicationCodeableConcept": {"coding": [
        {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "199224"}]}},
])  # fmt: skip
def test_a_hormonal_medicine_asks_for_the_treatment(kind, named):
    """It is told, not guessed; where the treatment was told it stands."""
    taken = {"resource": {"resourceType": kind, "status": "active", **named}}
    of = bundle()
    of["entry"].append(taken)
    ((code, place, said),) = refused(of)
    assert (code, place) == ("business-rule", "Bundle.entry[7].resource")
    assert "must be told as his treatment" in said
    assert read(treated(and_=[taken])).body["treatment"]["testosterone"] == "never"
    taken["resource"]["status"] = "entered-in-error"
    assert read(of)


def test_an_old_body_measurement_is_passed_over():
    """Of another year it is unknown; the newer of BMI and weight with height counts."""
    of = bundle()
    entry(of, 5)["effectiveDateTime"] = "2010-01-01"
    evaluation = read(of)
    assert "bmi" not in evaluation.body
    assert len(evaluation.basis) == 5
    height = again(5, id="h", valueQuantity={"value": 178, "unit": "cm"},
                   code={"coding": [{"system": "http://loinc.org", "code": "8302-2"}]})  # fmt: skip
    weight = again(
        5,
        id="w",
        valueQuantity={"value": 100, "unit": "kg"},
        code={"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
    )
    of["entry"] += [height, weight]
    assert read(of).body["bmi"] == pytest.approx(100 / 1.78**2, abs=0.005)
    entry(of, 5)["effectiveDateTime"] = "2026-10-02"
    assert read(of).body["bmi"] == 28.7


def test_an_age_of_another_year_is_none():
    """Without a birth date it must be of the year of the blood."""
    of = bundle()
    del entry(of, 0)["birthDate"]
    age = again(5, id="a", valueQuantity={"value": 34, "unit": "a"},
                code={"coding": [{"system": "http://loinc.org", "code": "30525-0"}]})  # fmt: skip
    of["entry"].append(age)
    assert read(of).body["age"] == 34
    age["resource"]["effectiveDateTime"] = "2005-01-01"
    assert refused(of)[0][:2] == ("required", "Bundle.entry[0].resource.birthDate")


def test_the_same_resource_twice_is_one():
    """As searches include it again; in two versions nobody knows which counts."""
    of = bundle()
    of["entry"] += copy.deepcopy(of["entry"])
    assert read(of) == read(bundle())
    entry(of, 7 + LH)["valueQuantity"]["value"] = 9.1
    assert ("business-rule", "Bundle.entry[10].resource") in [r[:2] for r in refused(of)]


@pytest.mark.parametrize(("one", "other", "same"), [
    ("Patient/17", "https://a/fhir/Patient/17", True),
    ("Patient/17/_history/2", "Patient/17", True),
    ("https://a/fhir/Patient/17", "https://b/fhir/Patient/17", False),
    ("Patient/7", "https://a/fhir/Patient/17", False),
    ("urn:uuid:7d3f0c52-0000-4000-8000-000000000000", "Patient/17", False),
])  # fmt: skip
def test_a_man_is_the_same_by_his_whole_name(one, other, same):
    """Two servers' numbers are two men's."""
    of = bundle()
    of["entry"] = of["entry"][1:3] + of["entry"][LH : LH + 1]
    for number, name in ((0, one), (1, one), (2, other)):
        entry(of, number)["subject"] = {"reference": name}
    told = refused(of)
    assert ("must be about one man" in told[0][2]) != same


@pytest.mark.parametrize(("code", "value", "unit", "expected"), [
    ("2986-8", 2.706, "ng/mL", (270.6, "ng/dL")),
    ("83116-4", 2.706, "ug/L", (270.6, "ng/dL")),
    ("14913-8", 9.4, "nmol/L", (9.4, "nmol/L")),
    ("2986-8", 270.6, "ng/dl", (270.6, "ng/dL")),  # an alias, as a unit
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
            assert find_alias(code, written) == (name, factor)
            unit = of.find_unit(name)
            if own := of.find_unit(written):
                assert (unit, factor) == (own, 1.0)
            else:
                assert factor * unit.factor > 0


def test_weight_and_height_make_a_bmi():
    """Where there is none; in pounds and inches too."""
    of = bundle()
    weight, height = again(5, id="w")["resource"], again(5, id="h")["resource"]
    weight["code"]["coding"][0]["code"], height["code"]["coding"][0]["code"] = "29463-7", "8302-2"
    weight["valueQuantity"] = {"value": 200, "system": UCUM, "code": "[lb_av]"}
    height["valueQuantity"] = {"value": 70, "system": UCUM, "code": "[in_i]"}
    of["entry"][5:6] = [{"resource": weight}, {"resource": height}]
    assert read(of).body["bmi"] == pytest.approx(200 * 0.45359237 / 1.778**2, abs=0.005)


def test_what_is_not_read_is_passed_over():
    """Free testosterone is never total; other codes, other resources and deletions are nothing."""
    of = bundle()
    free = {**entry(bundle(), T), "id": "free", "code": {"coding": [{"system": "http://loinc.org",
            "code": "2991-8"}]}, "effectiveDateTime": "2026-10-19"}  # fmt: skip
    local = {
        **entry(bundle(), T),
        "id": "local",
        "code": {"coding": [{"system": "urn:x", "code": "10501-5"}]},
    }
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
    ({**bundle(), "type": "history"}, "code-invalid", "Bundle.type", "got 'history'"),
    ({**bundle(), "entry": [{}] * 1001}, "structure", "Bundle.entry", "got 1001 entries"),
    ({**bundle(), "implicitRules": "urn:x"}, "not-supported", "Bundle.implicitRules", "left out"),
    ({"resourceType": "Patient"}, "structure", "resourceType", "got 'Patient'"),
    ({**bundle(), "type": None}, "required", "Bundle.type", "must be one of collection"),
    ({**bundle(), "type": "heap"}, "code-invalid", "Bundle.type", "got 'heap'"),
    ({**bundle(), "entry": {}}, "structure", "Bundle.entry", "must be an array"),
    ({**bundle(), "entry": [{"resource": 3}]}, "structure", "Bundle.entry[0].resource", "got 3"),
    (change(LH, status=None), "required", f"{AT}.status", "got nothing"),
    (change(LH, status="bogus"), "code-invalid", f"{AT}.status", "got 'bogus'"),
    (change(LH, valueQuantity=None), "required", f"{AT}.valueQuantity", "got nothing"),
    (change(LH, valueString="cancelled"), "structure", f"{AT}.valueQuantity", "all there is"),
    (change(LH, dataAbsentReason={}), "structure", f"{AT}.valueQuantity", "all there is"),
    (change(LH, modifierExtension=[{}]), "not-supported", f"{AT}.modifierExtension", "be left out"),
    (change(LH, valueQuantity=None, valueString="<0.5"), "required", f"{AT}.valueQuantity",
     "Send the number with its unit; <20 as value 20 and comparator <"),
    (quantity(value="3.4"), "value", f"{AT}.valueQuantity.value", "must be a number, got '3.4'"),
    (quantity(value=None), "required", f"{AT}.valueQuantity.value", "got nothing"),
    (quantity(value=True), "value", f"{AT}.valueQuantity.value", "got true"),
    (quantity(value=10**400), "value", f"{AT}.valueQuantity.value", "must be a finite number"),
    (quantity(value=690), "value", f"{AT}.valueQuantity.value", "must be 0.05 to 100"),
    (quantity(comparator="~"), "code-invalid", f"{AT}.valueQuantity.comparator", "got '~'"),
    (quantity(code="mg/dL"), "code-invalid", f"{AT}.valueQuantity.code",
     "must be m[IU]/mL or [IU]/L for LOINC 10501-5, got 'mg/dL'"),
    (quantity(comparator=[]), "code-invalid", f"{AT}.valueQuantity.comparator", "got an array"),
    (quantity(code="mIU/mL"), "code-invalid", f"{AT}.valueQuantity.code", "got 'mIU/mL'"),
    (quantity(unit="mIU/L"), "code-invalid", f"{AT}.valueQuantity.unit",
     "must mean 'm[IU]/mL', the code beside it, got 'mIU/L'"),
    (quantity(code=None, unit=None), "required", f"{AT}.valueQuantity.unit", "got nothing"),
    (quantity(system="urn:own"), "code-invalid", f"{AT}.valueQuantity.system", "got 'urn:own'"),
    (change(LH, effectiveDateTime="last week"), "value", f"{AT}.effectiveDateTime",
     "must be a whole day, or a time on it"),
    (change(LH, effectiveDateTime=None), "required", f"{AT}.effectiveDateTime", "got nothing"),
    (change(LH, effectiveDateTime="2026"), "value", f"{AT}.effectiveDateTime", "got '2026'"),
    (change(LH, effectiveDateTime="2026-10-02T25:00:00Z"), "value", f"{AT}.effectiveDateTime", ""),
    (change(LH, effectiveDateTime="2099-01-01"), "business-rule", f"{AT}.effectiveDateTime",
     "must be 2026-10-20 or earlier"),
    (change(LH, subject=None), "required", f"{AT}.subject", "got nothing"),
    (change(LH, subject=[1]), "required", f"{AT}.subject", "must refer to the Patient"),
    (change(LH, subject={"reference": "Group/17"}), "required", f"{AT}.subject", "got 'Group/17'"),
    (change(LH, focus=[{"reference": "RelatedPerson/wife"}]), "business-rule", f"{AT}.focus", ""),
    (change(LH, id="9", code={"coding": [{"system": "http://loinc.org", "code": c}
                                         for c in ("2991-8", "2986-8")]}), "code-invalid",
     f"{AT}.code", "got testosterone and free testosterone"),
    (change(5, valueQuantity={"value": 20, "unit": "kg/m2", "comparator": ">"}), "value",
     "Bundle.entry[5].resource.valueQuantity.comparator", "must be left out of bmi"),
    (change(0, id=None), "required", "Bundle.entry[0].resource.id", "Name the man"),
    (change(0, deceasedBoolean=True), "business-rule", "Bundle.entry[0].resource", "be alive"),
    (change(0, active=False), "business-rule", "Bundle.entry[0].resource.active", "not in use"),
    ({**bundle(), "entry": [*bundle()["entry"], drawn(LH, "2026-10-02", 9.1)]}, "business-rule", AT,
     "must be the only lh of its moment"),
    ({**bundle(), "entry": [*bundle()["entry"], {"resource": {
        "resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}}]}, "incomplete",
     "Bundle.entry[7].resource", "Ask for it again"),
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
     "business-rule", "Parameters.parameter[0].resource.entry[0].resource.id", "be the man asked"),
    (parameters(and_=[{"name": "subject", "valueReference": {"reference": "Practitioner/1"}}]),
     "value", "Parameters.parameter[1].valueReference.reference", "must refer to a Patient"),
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
    "resourceType", "effectivePeriod", "focus", "active", "dataAbsentReason",
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
    ("2026-02-03", datetime.date(2026, 2, 3)), ("2026", None), ("2026-02", None),
    ("2026-02-30", None), ("2026-02-03T04:05:06+14:00", datetime.date(2026, 2, 3)),
    ("2026-02-03T08:15 hello", None), ("2026-02-03T04:05:06", None),
    ("03.02.2026", None), (20260203, None), ("", None), ("\u0662026-02-03", None),
])  # fmt: skip
def test_a_day_is_a_whole_one(written, day):
    """FHIR's years and months do not say when blood was drawn."""
    assert day_of(written) == day


@pytest.mark.parametrize(("weight", "height"), [(80, 1e-300), (80, 1e200), (5, 178), (80, -178)])
def test_a_height_that_no_man_has_is_told(weight, height):
    """And nothing is divided by it."""
    of = bundle()
    for name, code, value, unit in (("w", "29463-7", weight, "kg"), ("h", "8302-2", height, "cm")):
        coded = {"coding": [{"system": "http://loinc.org", "code": code}]}
        said = {"value": value, "unit": unit}
        of["entry"].append(again(5, id=name, code=coded, valueQuantity=said))
    del of["entry"][5]
    assert [code for code, _, _ in refused(of)] == ["value"]


@pytest.mark.parametrize("name", ["\ud800", "a b/<script>", "", "x" * 65, 17])
def test_a_name_that_fhir_does_not_take_is_no_reference(name):
    """It is left out of what the answer was based on."""
    of = bundle()
    entry(of, LH)["id"] = name
    assert len(read(of).basis) == 5
