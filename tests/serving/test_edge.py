"""The edge before anything: bodies that are slow, broken or of somebody else's error."""

from __future__ import annotations

import asyncio
import json

import pytest

from serving.answering import BEGUN
from serving.edge import Edge
from serving.edge_settings import EdgeSettings, edge_settings
from tests.serving.conftest import echo


def scope_of(gate, path="/v1/score", method="POST", **headers):
    pairs = {"x-api-key": gate.keys["clinician"], "content-type": "application/json", **headers}
    return {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(),
        "query_string": b"", "scheme": "http", "client": ("127.0.0.1", 1),
        "headers": [(k.encode(), v.encode()) for k, v in pairs.items()],
    }  # fmt: skip


def run(edge, scope, receive):
    """Return what an edge sends."""
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(edge(scope, receive, send))
    return sent


def test_a_slow_body_is_given_up(gate):
    """A body that drips gets 408 when its time is over, however often it moves."""

    async def drip():
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b" ", "more_body": True}

    head, body = run(Edge(echo, EdgeSettings(body_seconds=0.2)), scope_of(gate), drip)

    assert head["status"] == 408
    assert (b"connection", b"close") in head["headers"]
    assert json.loads(body["body"])["type"] == "urn:respredict:problem:too-slow"


def test_a_body_is_not_read_before_its_sender_is_known(gate):
    """Who has no key makes the service hold nothing."""

    async def never():
        pytest.fail("the body was read")

    scope = scope_of(gate)
    scope["headers"] = scope["headers"][1:]
    assert run(Edge(echo), scope, never)[0]["status"] == 401


def test_a_body_that_breaks_off_is_refused(gate):
    """A caller who hangs up is not waited for."""

    async def hang_up():
        return {"type": "http.disconnect"}

    assert run(Edge(echo), scope_of(gate), hang_up)[0]["status"] == 400


@pytest.mark.parametrize(
    ("status", "code"),
    [(500, "internal"), (503, "not-ready"), (504, "timeout"), (404, "not-found")],
)
def test_an_error_page_of_somebody_else_becomes_a_problem(gate, status, code):
    """BentoML's own failures have the one form too, and none of their text."""

    async def failing(scope, receive, send):
        headers = [(b"content-type", b"application/json"), (b"content-length", b"20")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"error": ', "more_body": True})
        await send({"type": "http.response.body", "body": b'"secret"}'})

    response = gate.client(app=failing).get("/readyz")

    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == f"urn:respredict:problem:{code}"
    assert "secret" not in response.text


def test_an_exception_becomes_a_problem_and_its_message_is_not_logged(gate, caplog):
    """A message may quote a man's value."""

    async def failing(scope, receive, send):
        msg = "his LH is 3.4"
        raise ValueError(msg)

    response = gate.client(app=failing).get("/livez")

    assert response.status_code == 500
    assert response.json()["type"] == "urn:respredict:problem:internal"
    assert "3.4" not in caplog.text
    assert "ValueError" in caplog.text


def test_the_edge_moves_outside_of_what_logs_and_times(gate, caplog):
    """What stands before it in the stack sees a sealed address, and is told of slow ones."""
    seen = []

    def between(app):
        async def watch(scope, receive, send):
            async def note(message):
                seen.append(message["type"])
                await send(message)

            if scope["type"] == "http":
                seen.append(scope["path"])
            await app(scope, receive, note)

        return watch

    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route
    from starlette.testclient import TestClient

    async def answer(request):
        return PlainTextResponse(request.scope["respredict.named"]["id"])

    app = Starlette(
        routes=[Route("/v1/decisions/{id}", answer)],
        middleware=[Middleware(between), Middleware(Edge)],
    )
    with TestClient(app) as client:
        seen.clear()
        headers = {"X-API-Key": gate.keys["auditor"]}
        response = client.get("/v1/decisions/1841?api_key=1", headers=headers)
        assert (response.status_code, seen) == (400, [])
        response = client.get("/v1/decisions/1841", headers=headers)

    assert (response.status_code, response.text) == (200, "1841")
    assert seen[:2] == ["/v1/decisions/{id}", BEGUN["type"]]


@pytest.mark.parametrize(("path", "status"), [("/v1/audit/verify", 200), ("/v1/model", 504)])
def test_what_may_take_long_outlasts_the_timeout(gate, path, status):
    """BentoML gives up what sends nothing for a while; of long work it is told before."""
    from bentoml._internal.server.http.traffic import TimeoutMiddleware
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route
    from starlette.testclient import TestClient

    async def work(request):
        await asyncio.sleep(0.3)
        return PlainTextResponse("done")

    app = Starlette(
        routes=[Route("/v1/audit/verify", work), Route("/v1/model", work)],
        middleware=[Middleware(TimeoutMiddleware, timeout=0.1), Middleware(Edge)],
    )
    with TestClient(app) as client:
        response = client.get(path, headers={"X-API-Key": gate.keys["auditor"]})

    assert response.status_code == status
    if status == 504:
        assert response.json()["type"] == "urn:respredict:problem:timeout"


@pytest.mark.parametrize("begun", [False, True])
def test_what_fails_behind_the_timeout_is_told_at_once_and_its_message_is_not(gate, caplog, begun):
    """BentoML would wait, then send nothing; and what is raised on is logged by the server."""
    from bentoml._internal.server.http.traffic import TimeoutMiddleware
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.routing import Mount
    from starlette.testclient import TestClient

    async def failing(scope, receive, send):
        if begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        msg = "his LH is 3.4"
        raise ValueError(msg)

    app = Starlette(
        routes=[Mount("/", failing)],
        middleware=[Middleware(TimeoutMiddleware, timeout=60), Middleware(Edge)],
    )
    with TestClient(app, headers={"X-API-Key": gate.keys["auditor"]}) as client:
        if begun:
            with pytest.raises(ConnectionError, match=r"failed: ValueError$"):
                client.get("/v1/model")
        else:
            response = client.get("/v1/model")
            assert response.status_code == 500
            assert response.json()["type"] == "urn:respredict:problem:internal"
    assert "3.4" not in caplog.text
    assert "ValueError" in caplog.text


def test_a_websocket_is_closed(gate):
    """There is none."""
    sent = run(Edge(echo), {"type": "websocket", "path": "/", "headers": []}, None)

    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_settings_come_from_serve(monkeypatch):
    """What ``serve`` hands over in the environment is what the edge allows."""
    told = {"requests_per_minute": 120, "cors_origins": ["https://a.example"], "behind_proxy": True}
    monkeypatch.setenv("RESPREDICT_SERVING", json.dumps(told))
    monkeypatch.setenv("RESPREDICT_OPEN_METRICS", "1")
    found = edge_settings()

    assert (found.rate, found.burst) == (2.0, 4.0)
    assert found.origins == {"https://a.example"}
    assert found.behind_proxy
    assert found.open_metrics
