"""Who is let in: keys, sessions, roles, guesses, rates; and that no key is kept anywhere."""

from __future__ import annotations

import logging
import time

import pytest

from respredict.access.keys import create_key, revoke_key
from respredict.access.links import create_link
from serving.door import COOKIE

SCORE = {"json": {"age": 34}}


def reason(response):
    return response.status_code, response.json().get("reason")


@pytest.mark.parametrize(
    ("key", "found"),
    [
        (None, "missing"),
        ("", "key-malformed"),
        ("hunter2", "key-malformed"),
        ("rp_aaaaaaaa_" + "A" * 43, "key-unknown"),
    ],
)
def test_who_has_no_key_that_counts_gets_401(gate, key, found):
    """Missing, malformed and unknown keys are told apart by a reason, and challenged."""
    headers = {} if key is None else {"X-API-Key": key}
    response = gate.client().post("/v1/score", headers=headers, **SCORE)

    assert reason(response) == (401, found)
    assert response.json()["type"] == "urn:respredict:problem:unauthenticated"
    assert response.headers["www-authenticate"].startswith("ApiKey")
    if key:
        assert key not in response.text


def test_a_revoked_and_an_expired_key_get_401(gate):
    """What was once a key is told so, to who has it."""
    revoked, old = (
        create_key(gate.home, "clinician"),
        create_key(gate.home, "clinician", days=1, now=lambda: time.time() - 90_000),
    )
    revoke_key(gate.home, revoked[0].id)
    client = gate.client()

    for (_, key), found in ((revoked, "key-revoked"), (old, "key-expired")):
        assert reason(client.get("/v1/model", headers={"X-API-Key": key})) == (401, found)


@pytest.mark.parametrize(
    ("role", "method", "path", "status"),
    [
        ("clinician", "POST", "/v1/score", 200),
        ("auditor", "POST", "/v1/score", 403),
        ("operator", "POST", "/v1/score", 403),
        ("auditor", "POST", "/v1/score/batch", 403),
        ("clinician", "GET", "/v1/decisions", 403),
        ("operator", "GET", "/v1/decisions/1", 403),
        ("auditor", "GET", "/v1/decisions/1", 200),
        ("clinician", "GET", "/v1/decisions/1/replay", 403),
        ("clinician", "GET", "/v1/audit/verify", 403),
        ("operator", "GET", "/v1/audit/verify", 200),
        ("clinician", "GET", "/metrics", 403),
        ("operator", "GET", "/metrics", 200),
        ("auditor", "GET", "/v1/model", 200),
    ],
)
def test_a_role_opens_what_is_its_own(gate, role, method, path, status):
    """Another role gets 403 and is told which it needs."""
    response = gate.client(role).request(method, path, **(SCORE if method == "POST" else {}))

    if path == "/v1/score/batch":
        response = gate.client(role).post(path, json=[{"age": 34}])
    assert response.status_code == status
    if status == 403:
        assert response.json()["type"] == "urn:respredict:problem:forbidden"
        assert f"this one has {role}" in response.json()["detail"]


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz", "/openapi.json"])
def test_health_and_the_document_ask_for_no_key(gate, path):
    """A load balancer and a reader of the document have none."""
    assert gate.client().get(path).status_code == 200


def test_metrics_are_open_only_where_they_were_opened(gate):
    """On loopback ``serve`` opens them; else an operator's key is asked for."""
    assert gate.client().get("/metrics").status_code == 401
    assert gate.client(open_metrics=True).get("/metrics").status_code == 200


@pytest.mark.parametrize(
    "url",
    [
        "/v1/model?api_key=whatever",
        "/v1/model?X-API-Key=whatever",
        "/v1/model?note={key}",
        "/v1/model?note={encoded}",
        "/v1/model/{key}",
        "/sign-in/{key}",
        "/nowhere?token=abc",
    ],
)
def test_a_key_in_a_url_is_refused_and_to_be_revoked(gate, url, caplog, capfd):
    """It is not taken even where it counts; nothing of it is logged, here or behind."""
    caplog.set_level(logging.DEBUG)
    key = gate.keys["clinician"]
    encoded = "".join(f"%25{ord(c):02x}" for c in key)
    response = gate.client("clinician").get(url.format(key=key, encoded=encoded))

    assert response.status_code == 400
    assert response.json()["type"] == "urn:respredict:problem:key-in-url"
    assert "revoke" in response.json()["detail"]
    # The client under test logs its own URL.
    logged = "".join(r.getMessage() for r in caplog.records if not r.name.startswith("http"))
    logged += "".join(capfd.readouterr())
    for told in (response.text, logged):
        assert key not in told
        assert key[12:] not in told
    assert "path=" in logged


def test_what_is_behind_the_edge_sees_no_key_and_no_query(gate):
    """The path has its braces, the query is gone, and so are the headers that identify."""
    headers = {"cookie": "a=b", "authorization": "Bearer abc"}
    seen = gate.client("auditor").get("/v1/decisions/1841", headers=headers).text
    listed = gate.client("auditor").get("/v1/decisions?pseudonym=m-7").text

    assert "'path': '/v1/decisions/{id}'" in seen
    for secret in ("1841", gate.keys["auditor"], "a=b", "Bearer", "cookie"):
        assert secret not in seen
    assert "m-7" not in listed
    assert "'query_string': b''" in listed


def test_guesses_are_limited_and_a_true_key_is_not(gate):
    """A few get 401, the rest 429 with the time to wait; who has a key is served meanwhile."""
    client, wrong = gate.client(), "rp_abcdefgh_" + "A" * 40
    guesses = [
        client.get("/v1/model", headers={"X-API-Key": f"{wrong}{i:03d}"}) for i in range(300)
    ]
    last = guesses[-1]
    served = client.get("/v1/model", headers={"X-API-Key": gate.keys["clinician"]})

    assert [r.status_code for r in guesses[:10]] == [401] * 10
    assert {r.status_code for r in guesses[10:]} <= {401, 429}
    assert sum(r.status_code == 401 for r in guesses) < 20
    assert last.json()["type"] == "urn:respredict:problem:too-many-guesses"
    assert 1 <= int(last.headers["retry-after"]) <= 6
    assert served.status_code == 200


def test_one_key_may_ask_only_so_often(gate):
    """Behind its burst a key waits; another key does not."""
    client = gate.client(rate=0.5, burst=3)
    asked = [
        client.get("/v1/model", headers={"X-API-Key": gate.keys["clinician"]}) for _ in range(5)
    ]

    assert [r.status_code for r in asked] == [200, 200, 200, 429, 429]
    assert asked[-1].json()["type"] == "urn:respredict:problem:rate-limited"
    assert asked[-1].headers["retry-after"] == "2"
    other = client.get("/v1/model", headers={"X-API-Key": gate.keys["auditor"]})
    assert other.status_code == 200


def test_without_a_store_of_keys_nobody_comes_in(gate):
    """A missing store is 503, not an open door."""
    for file in gate.home.glob("keys.db*"):
        file.unlink()
    response = gate.client("clinician").get("/v1/model")

    assert response.status_code == 503
    assert response.json()["type"] == "urn:respredict:problem:keys-unavailable"


def session(gate, roles=("clinician", "auditor")):
    from respredict.access.checking import Access

    with Access(gate.home) as access:
        return access.redeem(create_link(gate.home, roles, owner="dr a"))[0]


def test_a_session_reads_and_acts_only_from_its_own_pages(gate):
    """A cookie is enough to read; to change something the page must be of this service."""
    client = gate.client()
    client.cookies.set(COOKIE, session(gate))

    assert client.get("/v1/model").status_code == 200
    for origin, status in (
        (None, 403),
        ("http://evil.example", 403),
        ("null", 403),
        ("https://testserver", 403),
        ("http://testserver:80", 403),
        ("http://testserver", 200),
    ):
        headers = {"origin": origin} if origin else {}
        response = client.post("/v1/score", headers=headers, **SCORE)
        assert response.status_code == status, origin
    assert client.post("/v1/score", **SCORE).json()["type"].endswith(":cross-origin")


def test_behind_a_proxy_the_page_is_of_https(gate):
    """Where TLS ends before the service, its origin has the scheme of the proxy."""
    client = gate.client(behind_proxy=True)
    client.cookies.set(COOKIE, session(gate))
    plain = client.post("/v1/score", headers={"origin": "http://testserver"}, **SCORE)
    tls = client.post("/v1/score", headers={"origin": "https://testserver"}, **SCORE)

    assert (plain.status_code, tls.status_code) == (403, 200)


def test_an_unknown_session_gets_401(gate):
    """A made-up cookie is a guess like a made-up key."""
    client = gate.client()
    client.cookies.set(COOKIE, "x" * 43)

    assert reason(client.get("/v1/model")) == (401, "session-unknown")


def test_other_origins_are_allowed_one_by_one(gate):
    """A listed origin gets its preflight and may read; another gets neither."""
    client = gate.client(origins=frozenset({"https://clinic.example"}))
    ask = {"access-control-request-method": "POST", "origin": "https://clinic.example"}
    granted = client.options("/v1/score", headers=ask)
    other = client.options("/v1/score", headers={**ask, "origin": "https://clinic.example.evil"})
    answered = client.post("/v1/score", headers={"origin": "https://clinic.example"}, **SCORE)
    unread = client.post("/v1/score", headers={"origin": "https://evil.example"}, **SCORE)

    assert granted.status_code == 204
    assert granted.headers["access-control-allow-origin"] == "https://clinic.example"
    assert granted.headers["access-control-allow-methods"] == "POST"
    assert "x-api-key" in granted.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in granted.headers
    assert other.status_code == 405
    # The reason for a refusal can be read too.
    assert answered.status_code == 401
    assert answered.headers["access-control-allow-origin"] == "https://clinic.example"
    for response in (other, unread):
        assert "access-control-allow-origin" not in response.headers
    assert unread.headers["vary"] == "origin"


def test_no_origin_is_allowed_unless_one_is_named(gate):
    """By default no other page may call."""
    headers = {"access-control-request-method": "POST", "origin": "https://clinic.example"}
    response = gate.client().options("/v1/score", headers=headers)

    assert response.status_code == 405
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize("path", ["/livez", "/v1/model", "/nowhere"])
def test_every_answer_carries_the_headers_of_safety(gate, path):
    """Refused or not, and whoever answered."""
    headers = gate.client().get(path).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["x-request-id"]


def test_a_request_id_that_is_a_key_is_not_kept(gate):
    """Somebody may paste the key there."""
    key = gate.keys["clinician"]
    response = gate.client("clinician").get("/v1/model", headers={"x-request-id": key})

    assert key not in response.headers["x-request-id"]
