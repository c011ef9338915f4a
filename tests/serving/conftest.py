"""An edge before nothing but an echo, for what needs no model; and requests without a key."""

from __future__ import annotations

import contextlib
import shutil

import pytest
from starlette.testclient import TestClient

from respredict.access.identity import ROLES
from respredict.access.keys import create_key
from respredict.errors import KeyStoreError
from serving.edge import Edge
from serving.edge_settings import EdgeSettings


async def echo(scope, receive, send):
    """Answer what a scope says, as an endpoint behind the edge reads it."""
    said = {k: v for k, v in scope.items() if k in ("path", "query_string", "raw_path", "headers")}
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": repr(said).encode()})


class Gate:
    """An edge of its own over a home of its own, and clients of it."""

    def __init__(self, home, keys, monkeypatch):
        monkeypatch.setenv("RESPREDICT_HOME", str(home))
        self.home, self.keys, self._doors = home, keys, []

    def client(self, role=None, app=echo, base="http://testserver", **settings):
        """Return a client of a new edge with these settings, with a key of this role."""
        headers = {"x-api-key": self.keys[role]} if role else {}
        edge = Edge(app, EdgeSettings(**settings))
        self._doors.append(edge._door)
        return TestClient(edge, base_url=base, headers=headers, follow_redirects=False)

    def close(self):
        """Close what the clients opened."""
        for door in self._doors:
            with contextlib.suppress(KeyStoreError):  # a test may have removed the store
                door.close()


@pytest.fixture(scope="session")
def keyed_home(tmp_path_factory):
    """Make a home with a key of each role."""
    home = tmp_path_factory.mktemp("keyed")
    return home, {role: create_key(home, role)[1] for role in ROLES}


@pytest.fixture
def gate(keyed_home, tmp_path, monkeypatch):
    """Copy a home with a key of each role."""
    home, keys = keyed_home
    made = Gate(shutil.copytree(home, tmp_path / "home"), keys, monkeypatch)
    yield made
    made.close()
