"""The service at its edge: what is let in, what is refused, and that nothing leaks."""

from __future__ import annotations

import json
import logging

import pytest

from tests.conftest import PUBLISHED_MAN

JSON = {"content-type": "application/json"}


def hormone(value, unit="IU/L", **more):
    return {"value": value, "unit": unit, **more}


@pytest.mark.parametrize(
    ("body", "field", "rule", "remedy"),
    [
        ({"age": 34, "lh": 3.4}, "lh", "be an object with value and unit", '{"value": 3.4'),
        ({"age": 34, "lh": hormone(3.4, "mg")}, "lh.unit", "[IU]/L", "laboratory's report"),
        ({"age": 34, "lh": hormone(-3.4)}, "lh.value", "0.05 to 100", "Check the value"),
        ({"age": 34, "lhh": hormone(3.4)}, "lhh", "be a known field", "Did you mean 'lh'?"),
        ({"age": 34, "lh": hormone("3.4")}, "lh.value", "be a number", "without quotes"),
        ({"lh": hormone(3.4)}, "age", "be given", "age in years"),
        (
            {"age": 34, "testosterone": hormone(9.4, "ng/dL")},
            "testosterone.value", "10 to 3000 ng/dL", "It reads as nmol/L",
        ),
        ([1], "request", "be a JSON object", '{"age": 34'),
    ],
)  # fmt: skip
def test_a_rule_broken_is_told_with_field_rule_value_and_remedy(client, body, field, rule, remedy):
    """A request that breaks a rule gets 422 and one entry for it."""
    response = client.post("/v1/score", json=body)
    problem = response.json()

    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["status"] == 422
    assert problem["request_id"] == response.headers["x-request-id"]
    (error,) = problem["errors"]
    assert error["field"] == field
    assert rule in error["rule"]
    assert remedy in error["remedy"]
    assert error["got"]


def test_every_broken_rule_is_told_at_once(client):
    """Three errors in one request come back as three entries."""
    body = {"age": 7, "lh": 3.4, "testosterone": hormone(300, "mg/dL")}
    errors = client.post("/v1/score", json=body).json()["errors"]

    assert [e["field"] for e in errors] == ["age", "testosterone.unit", "lh"]


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b'{"age": NaN}', JSON, 400, "not-json"),
        (b'{"age": -Infinity}', JSON, 400, "not-json"),
        (b"", JSON, 400, "not-json"),
        (b'{"age": 34', JSON, 400, "not-json"),
        (b'{"age": 34, "age": 35}', JSON, 400, "not-json"),
        (b'{"age": "\xe9"}', JSON, 400, "not-json"),
        (b"[" * 60_000, JSON, 400, "not-json"),
        (b'{"age": ' + b"9" * 20_000 + b"}", JSON, 400, "not-json"),
        (b" " * 2_000_000, JSON, 413, "too-large"),
        (b'{"age": 34}', {}, 415, "media-type"),
        (b"age=34", {"content-type": "application/x-www-form-urlencoded"}, 415, "media-type"),
        (b"{}", {**JSON, "content-encoding": "gzip"}, 415, "media-type"),
    ],
)
def test_what_is_no_request_is_refused_before_it_is_read_as_one(
    client, content, headers, status, code
):
    """Bodies that are not small strict JSON get their 4xx as a problem body."""
    response = client.post("/v1/score", content=content, headers=headers)

    assert response.status_code == status
    assert response.json()["type"] == f"urn:respredict:problem:{code}"
    assert response.json()["detail"].endswith(".")


def test_a_body_of_unknown_length_is_cut_off_at_the_limit(client):
    """A streamed body is refused once it passes 64 kB, whatever it announced."""
    response = client.post("/v1/score", content=(b" " * 1000 for _ in range(100)), headers=JSON)

    assert response.status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/score", 405),
        ("POST", "/v1/model", 405),
        ("GET", "/docs.json", 404),
        ("GET", "/schema.json", 404),
        ("GET", "/static_content/swagger-ui.css", 404),
        ("POST", "/score", 404),
    ],
)
def test_other_addresses_are_problems_too(client, method, path, status):
    """BentoML's own pages are not served, and a wrong method names the right one."""
    response = client.request(method, path)

    assert response.status_code == status
    assert response.json()["status"] == status
    assert (response.headers.get("allow") is not None) == (status == 405)


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz"])
def test_health_answers(client, path):
    """The health addresses are BentoML's own."""
    assert client.get(path).status_code == 200


def test_a_given_request_id_is_echoed_and_a_strange_one_is_not(client):
    """A plain id comes back; one that could break a log line is replaced."""
    plain = client.post("/v1/score", json={"age": 34}, headers={"x-request-id": "abc-1"})
    strange = client.post("/v1/score", json={"age": 34}, headers={"x-request-id": "a b\tc"})

    assert plain.headers["x-request-id"] == "abc-1"
    assert " " not in strange.headers["x-request-id"]


def test_no_value_of_a_body_is_logged(client, caplog, capfd):
    """Neither a good nor a bad request leaves a patient's number in a log."""
    caplog.set_level(logging.DEBUG)
    client.post("/v1/score", json={"age": 34, "lh": hormone(7.654321)})
    client.post("/v1/score", json={"age": 34, "lh": hormone(9876.54321)})
    client.post("/v1/score", content=b'{"age": 34, "lh": 765.4321, }', headers=JSON)
    logged = caplog.text + "".join(capfd.readouterr())

    for value in ("7.654321", "9876.54321", "765.4321"):
        assert value not in logged


def test_the_example_of_the_contract_is_answered(client):
    """The documented request, with every field, gets an answer of the documented parts."""
    body = {
        **PUBLISHED_MAN,
        "estradiol": {"value": 20, "unit": "pg/mL", "comparator": "<"},
        "sampled_on": "2026-10-02",
        "semen_volume": {"value": 2.6, "unit": "mL"},
        "motility": {"value": 31, "unit": "%"},
        "semen_sampled_on": "2026-10-02",
        "treatment": {
            "testosterone": "never", "stopped_on": None, "anastrozole_mg_week": 7,
            "clomiphene": False, "tamoxifen": False, "gonadotropin_or_gnrh": False,
        },
        "reference": "a local pseudonym",
    }  # fmt: skip
    response = client.post("/v1/score", json=body)
    answer = response.json()

    assert response.status_code == 200
    assert answer["status"] in ("scored", "caution")
    assert answer["derived"]["t_e2"] == {"value": pytest.approx(13.53), "comparator": ">"}
    assert answer["comparators"]["t_e2_below_10"] is False
    assert answer["inputs"]["estradiol"]["state"] == "censored"
    assert answer["inputs"]["estradiol"]["used"]["value"] < 20
    assert json.loads(json.dumps(answer)) == answer


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"lh": None}, "lh_missing"),
        ({"testosterone": None}, "testosterone_missing"),
        ({"testosterone": hormone(12, "ng/dL")}, "unit_in_doubt"),
        ({"sperm_concentration": hormone(20, "10*6/mL")}, "top_category"),
        ({"treatment": {"testosterone": "current"}}, "on_testosterone"),
    ],
)
def test_where_no_probability_can_be_given_none_is(client, change, code):
    """An indeterminate answer carries its reason, and no probability anywhere in it."""
    answer = client.post("/v1/score", json={**PUBLISHED_MAN, **change}).json()

    assert answer["status"] == "indeterminate"
    assert code in [reason["code"] for reason in answer["reasons"]]
    assert "improvement" not in answer
    assert "explanation" not in answer


def test_a_value_imputed_is_a_caution_and_a_censored_one_is_not(client):
    """A missing FSH is estimated and said; an estradiol below 20 is used as it is."""
    body = {**PUBLISHED_MAN, "fsh": None, "estradiol": hormone(20, "pg/mL", comparator="<")}
    answer = client.post("/v1/score", json=body).json()

    assert answer["status"] == "caution"
    assert [c["input"] for c in answer["cautions"] if c["code"] == "value_imputed"] == ["fsh"]
    assert answer["inputs"]["fsh"]["state"] == "imputed"
    assert "fsh" not in [c["input"] for c in answer["explanation"]["contributions"]]


def test_azoospermia_under_a_model_without_semen_is_a_caution(client):
    """A count of 0 is told apart, with the published rate and its source."""
    body = {**PUBLISHED_MAN, "sperm_concentration": hormone(0, "10*6/mL")}
    answer = client.post("/v1/score", json=body).json()

    (caution,) = [c for c in answer["cautions"] if c["code"] == "azoospermia_not_in_model"]
    assert "Shoshany" in caution["source"]
