"""A browser as the in-process client plays it: it names HTML, and sends forms."""

from __future__ import annotations

import html
import json
import re

import pytest

from respredict.access import create_link
from respredict.ledger.reading import Reader
from serving.pages.form import as_entered
from tests.conftest import PUBLISHED_MAN

HTML = {"accept": "text/html,application/xhtml+xml"}
MAN = as_entered(json.dumps(PUBLISHED_MAN).encode())


def words_of(page: str) -> str:
    """Return what a page says, without its marks."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


@pytest.fixture
def send(client):
    """Return what sends a form and gives the answer back; a field of None is left out."""

    def sent(path: str = "/", **more):
        fields = {**MAN, **{name.replace("__", "."): text for name, text in more.items()}}
        given = {name: text for name, text in fields.items() if text is not None}
        return client.post(path, data=given, headers=HTML)

    return sent


@pytest.fixture
def reader(client, trained):
    """Read the ledger of the served home."""
    with Reader(trained["home"]) as reader:
        yield reader


@pytest.fixture
def session(client, trained):
    """Return what sends a form with a session instead of a key, from a page of an origin."""
    token = create_link(trained["home"], ["clinician"], owner="somebody else")
    answer = client.get(f"/sign-in/{token}", headers=HTML, follow_redirects=False)
    client.cookies.clear()
    cookie = answer.headers["set-cookie"].split(";")[0]

    def sent(origin: str | None = "http://testserver"):
        given = {**HTML, "cookie": cookie, **({"origin": origin} if origin else {})}
        request = client.build_request("POST", "/", data=MAN, headers=given)
        del request.headers["x-api-key"]
        return client.send(request)

    return sent
