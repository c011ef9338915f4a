"""The OpenAPI document says what the service does: every field, every answer, every refusal."""

from __future__ import annotations

import json
import uuid

import pytest
from jsonschema import Draft202012Validator

from respredict.errors import RequestError
from respredict.schema.analytes import ANALYTES
from respredict.schema.request import REQUEST_FIELDS, read_request
from serving.addresses import ADDRESSES
from serving.contract.asked import EXAMPLE
from serving.contract.operations import codes
from serving.openapi import HTTP_FILE, document, document_bytes, http_requests
from serving.pages import PAGES
from serving.problems import PROBLEMS
from serving.routes import plain
from tests.conftest import PUBLISHED_MAN

SCHEMAS = document()["components"]["schemas"]


def validator(name: str) -> Draft202012Validator:
    """Return what judges an answer by a schema of the document."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": document()["components"]}
    return Draft202012Validator(schema)


def check(name: str, told: object) -> None:
    errors = [f"{e.json_path}: {e.message[:200]}" for e in validator(name).iter_errors(told)]
    assert not errors, errors[:5]


def fields() -> list[tuple[str, dict]]:
    """Return every field of every schema with the path to it."""
    found: list[tuple[str, dict]] = []

    def walk(path: str, schema: object) -> None:
        if not isinstance(schema, dict):
            return
        for name, of in schema.get("properties", {}).items():
            found.append((f"{path}.{name}", of))
            walk(f"{path}.{name}", of)
        walk(f"{path}[]", schema.get("items"))
        for i, of in enumerate(schema.get("anyOf", ()) or schema.get("oneOf", ())):
            walk(f"{path}|{i}", of)

    for name, schema in SCHEMAS.items():
        assert schema.get("description"), name
        Draft202012Validator.check_schema(schema)
        walk(name, schema)
    return found


def resolved(schema: dict) -> dict:
    """Return a schema with what it refers to."""
    options = schema.get("anyOf", [schema])
    target = options[0].get("$ref", "").rsplit("/", 1)[-1]
    return {**SCHEMAS[target], **schema} if target else schema


def test_every_field_has_meaning_example_unit_and_range():
    """A field nobody can read without asking is missing something."""
    told = fields()
    assert len(told) > 150
    for path, schema in told:
        schema = resolved(schema)
        assert schema.get("description", "").endswith("."), path
        kinds = schema.get("type", [])
        kinds = {kinds} if isinstance(kinds, str) else set(kinds)
        if kinds & {"number", "integer"} and len(kinds) <= 2:
            assert schema["x-unit"], path
        if not kinds & {"object", "array"} and ("anyOf" not in schema or "$ref" in schema):
            assert schema.get("examples") or "const" in schema, path
        for example in schema.get("examples", ()):
            whole = {**schema, "components": document()["components"]}
            Draft202012Validator(whole).validate(example)


def test_a_request_is_drawn_from_the_schema():
    """Every field of a request stands there, and the example is taken."""
    assert set(SCHEMAS["Man"]["properties"]) == set(REQUEST_FIELDS)
    check("Man", EXAMPLE)
    read_request(EXAMPLE)


@pytest.mark.parametrize("of", ANALYTES, ids=lambda of: of.name)
def test_the_limits_of_a_reading_are_those_that_are_kept(of):
    """What the schema allows is read; a hundredth beyond, neither does."""
    for alternative in SCHEMAS[f"Asked_{of.name}"]["anyOf"]:
        value, units = alternative["properties"]["value"], alternative["properties"]["unit"]["enum"]
        sides = alternative["properties"]["comparator"]["enum"]
        low = value.get("minimum", value["maximum"] / 1000)
        for number, fine in (
            (low, True),
            (value["maximum"], True),
            (value["maximum"] * 1.01, False),
        ):
            for unit in units:
                for side in sides:
                    body = {"age": 34, of.name: {"value": number, "unit": unit, "comparator": side}}
                    assert validator("Man").is_valid(body) is fine
                    if fine:
                        assert read_request(body).quantities[of.name]
                    else:
                        with pytest.raises(RequestError):
                            read_request(body)


@pytest.mark.parametrize(
    "body",
    [{}, {"age": 7}, {"age": "34"}, {"age": 34, "lhh": 1}, {"age": 34, "lh": 3.4},
     {"age": 34, "lh": {"value": 3.4, "unit": "mg"}}, {"age": 34, "sampled_on": "2026-13"},
     {"age": 34, "treatment": {"testosterone": "sometimes"}}, [1]],
    ids=str,
)  # fmt: skip
def test_what_breaks_a_rule_breaks_the_schema(body):
    """A generated client refuses what the service would."""
    assert not validator("Man").is_valid(body)
    with pytest.raises(RequestError):
        read_request(body)


def test_every_address_is_told_with_its_problems():
    """Each operation names every status it may answer, and each code its title."""
    paths = document()["paths"]
    assert list(paths) == [address.path for address in ADDRESSES]
    told = set()
    for address in ADDRESSES:
        for method in address.methods:
            operation = paths[address.path][method.lower()]
            statuses = {str(PROBLEMS[code][0]) for code in codes(address)}
            assert statuses < set(operation["responses"])
            assert bool(operation["security"]) == bool(address.roles)
            told |= set(codes(address))
    assert told == set(PROBLEMS) - {"method-not-allowed"}
    names = [o["operationId"] for p in paths.values() for m, o in p.items() if m in ("get", "post")]
    assert len(names) == len(set(names))


def test_every_plain_address_has_its_handler():
    """What the table lists is answered by somebody."""
    handled = {(route.path, m) for route in plain.routes for m in route.methods - {"HEAD"}}
    listed = {(a.path, m) for a in ADDRESSES for m in a.methods}
    own = {("/v1/score", "POST"), ("/v1/score/batch", "POST")}
    bento = {(path, "GET") for path in ("/livez", "/readyz", "/healthz", "/metrics")}

    pages = {(page.path, m) for page in PAGES for m in page.methods}

    assert handled == (listed | pages) - own - bento


def test_the_http_file_is_the_one_the_document_gives():
    """``serving/api.http`` is made anew by ``python -m serving.openapi``."""
    assert HTTP_FILE.read_text(encoding="utf-8") == http_requests()
    assert http_requests().count("### ") == sum(len(a.methods) for a in ADDRESSES)


HORMONE = {"value": 3.4, "unit": "IU/L"}
MEN = {
    "scored": PUBLISHED_MAN,
    "everything": EXAMPLE,
    "imputed": {**PUBLISHED_MAN, "fsh": None},
    "censored": {**PUBLISHED_MAN, "estradiol": {"value": 20, "unit": "pg/mL", "comparator": "<"}},
    "above": {**PUBLISHED_MAN, "lh": {"value": 60, "unit": "mIU/mL", "comparator": ">="}},
    "only age": {"age": 34},
    "no lh": {**PUBLISHED_MAN, "lh": None},
    "doubted unit": {**PUBLISHED_MAN, "testosterone": {"value": 12, "unit": "ng/dL"}},
    "top category": {**PUBLISHED_MAN, "sperm_concentration": {"value": 20, "unit": "M/mL"}},
    "azoospermic": {**PUBLISHED_MAN, "sperm_concentration": {"value": 0, "unit": "10*6/mL"}},
    "on testosterone": {**PUBLISHED_MAN, "treatment": {"testosterone": "current"}},
    "stale": {**PUBLISHED_MAN, "sampled_on": "2020-01-02", "semen_sampled_on": "2020-01-02"},
    "tomorrow": {**PUBLISHED_MAN, "sampled_on": "2999-01-02"},
    "outside": {**PUBLISHED_MAN, "bmi": 60, "fsh": {"value": 90, "unit": "IU/L"}},
    "failing testis": {"age": 40, "lh": {"value": 30, "unit": "IU/L"},
                       "fsh": {"value": 50, "unit": "IU/L"},
                       "testosterone": {"value": 180, "unit": "ng/dL"}},
    "treated": {**PUBLISHED_MAN, "sampled_on": "2026-10-02", "reference": "münch-7",
                "treatment": {"testosterone": "past", "stopped_on": "2026-09-02",
                              "anastrozole_since": "2024-01-01", "anastrozole_mg_week": 7,
                              "clomiphene": True, "tamoxifen": True}},
}  # fmt: skip


@pytest.mark.parametrize("name", MEN)
def test_every_answer_is_valid_by_the_document(client, name):
    """Whatever the man, nothing is missing and nothing is told that is not in the schema."""
    check("Man", MEN[name])
    response = client.post("/v1/score", json=MEN[name])

    assert response.status_code == 200
    check("Answer", response.json())


def test_the_men_are_of_every_status(client):
    """The answers above are not all of one kind."""
    found = {client.post("/v1/score", json=man).json()["status"] for man in MEN.values()}
    assert found == {"scored", "caution", "indeterminate"}


def test_a_batch_is_valid_and_each_answer_is_what_he_gets_alone(client):
    """In order, the refused in their places, and a repeated batch as it was."""
    men = [*MEN.values(), {"age": 7}, {"age": 34, "lh": 3.4}]
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first, again = (client.post("/v1/score/batch", json=men, headers=key) for _ in range(2))
    answers = first.json()

    assert first.status_code == again.status_code == 200
    assert again.content == first.content
    check("Answers", first.json())
    assert [a["status"] for a in answers[-2:]] == ["refused", "refused"]
    assert [a["row"] for a in answers[-2:]] == [len(MEN), len(MEN) + 1]
    alone = client.post("/v1/score", json=PUBLISHED_MAN).json()
    own = ("decision_id", "ledger")
    assert {k: v for k, v in answers[0].items() if k not in own} == {
        k: v for k, v in alone.items() if k not in own
    }


def test_model_document_and_repeated_answers_are_valid(client):
    """What is served beside scores is told too."""
    check("ModelCard", client.get("/v1/model").json())
    assert client.get("/openapi.json").content == document_bytes()
    key = {"Idempotency-Key": str(uuid.uuid4())}
    for _ in range(2):
        response = client.post("/v1/score", json=PUBLISHED_MAN, headers=key)
        check("Answer", response.json())


@pytest.mark.parametrize(
    ("method", "path", "sent"),
    [
        ("POST", "/v1/score", {"json": {"age": 7}}),
        ("POST", "/v1/score", {"content": b"{", "headers": {"content-type": "application/json"}}),
        ("POST", "/v1/score", {"content": b"{}"}),
        ("POST", "/v1/score/batch", {"json": []}),
        ("GET", "/v1/model?x=1", {}),
        ("GET", "/v1/decisions", {}),
        ("GET", "/nowhere", {}),
        ("PUT", "/v1/score", {}),
    ],
)
def test_every_refusal_is_valid_by_the_document(client, method, path, sent):
    """One form, whatever is refused."""
    response = client.request(method, path, **sent)

    assert 400 <= response.status_code < 500
    check("Problem", response.json())
    assert json.loads(response.content)["status"] == response.status_code
