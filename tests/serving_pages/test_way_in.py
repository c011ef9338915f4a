"""Who is not let in is told so on a page, and how to get in."""

from __future__ import annotations

import pytest

from serving.pages.layout import HEADERS
from tests.serving_pages.conftest import HTML, MAN, words_of


@pytest.mark.parametrize("path", ["/", "/model", "/v1/model"])
def test_a_stranger_is_told_how_to_sign_in_and_nothing_else(client, path):
    """No model, no navigation, no form."""
    page = client.get(path, headers={**HTML, "X-API-Key": ""})
    said = words_of(page.text)

    assert page.status_code == 401
    assert page.headers["content-security-policy"] == HEADERS["content-security-policy"]
    assert "respredict keys link" in said
    assert "<nav" not in page.text
    assert "<form" not in page.text
    assert "synthetic" not in said


def test_a_program_is_refused_as_ever(client):
    """It names no HTML and gets a problem body."""
    answer = client.post("/", data=MAN, headers={"accept": "*/*", "X-API-Key": "rp_x"})

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("origin", ["http://evil.example", "null", None])
def test_another_site_cannot_score_in_somebodys_name(session, origin):
    """A form from elsewhere carries the cookie, but not our origin."""
    assert session(origin).status_code == 403
    assert session().status_code == 200


@pytest.mark.parametrize(
    ("path", "kind", "status"),
    [("/nowhere", None, 404), ("/", "text/plain", 415), ("/?age=34", None, 422)],
)
def test_a_refusal_is_a_page_for_a_browser(client, path, kind, status):
    """In the same frame, with the request to name to an operator."""
    if kind is None:
        page = client.get(path, headers=HTML)
    else:
        page = client.post(path, content=b"age=34", headers={**HTML, "content-type": kind})

    assert page.status_code == status
    assert page.headers["x-request-id"] in page.text
    assert page.headers["content-security-policy"] == HEADERS["content-security-policy"]
