"""Making a ledger: who may read what was made."""

from __future__ import annotations

import os

import pytest

from respredict.ledger.creation import checkpoint_now, create_ledger, rotate_key
from respredict.ledger.keys import read_public_key


@pytest.fixture
def umask():
    """Let every file be made for all, unless who makes it says otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(home):
    return {file.name: file.stat().st_mode & 0o777 for file in home.iterdir()}


def test_a_home_that_is_made_is_its_owners_alone(tmp_path, umask):
    """And nobody else writes what it publishes, whatever the umask."""
    home = tmp_path / "new" / "home"
    create_ledger(home)
    rotate_key(home, actor="ops", reason="yearly")
    checkpoint_now(home)
    assert home.stat().st_mode & 0o777 == 0o700
    found = modes(home)
    assert {found.pop(name) for name in ("ledger.db", "checkpoint.key")} == {0o600}
    assert {name for name, mode in found.items() if mode & 0o022} == set()
    assert found["checkpoint.pub"] == 0o644


def test_a_home_that_is_there_keeps_its_mode(tmp_path, umask):
    """Who made it knows why."""
    home = tmp_path / "home"
    home.mkdir(0o755)
    create_ledger(home)
    assert home.stat().st_mode & 0o777 == 0o755


def test_the_public_key_is_replaced_in_one_step(tmp_path):
    """A copy that is linked elsewhere keeps the former key."""
    create_ledger(tmp_path)
    former = read_public_key(tmp_path / "checkpoint.pub")
    (tmp_path / "linked.pub").hardlink_to(tmp_path / "checkpoint.pub")
    rotate_key(tmp_path, actor="ops", reason="yearly")
    assert read_public_key(tmp_path / "linked.pub") == former
    assert read_public_key(tmp_path / "checkpoint.pub") != former
