"""The ``keys`` command: what it prints, what it records, and in which order."""

from __future__ import annotations

import argparse
import json
import re
from urllib.parse import urlsplit

import pytest

from respredict.access import Access, create_access, list_keys
from respredict.access.identity import ROLES
from respredict.cli import keys as command
from respredict.errors import AccessDeniedError, InputError, LedgerError
from respredict.ledger.filtering import Filter
from respredict.ledger.reading import Reader

KEY = re.compile(r"rp_[a-z2-7]{8}_[A-Za-z0-9_-]{43}")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Return the home that the command works on; nothing is in it."""
    monkeypatch.setenv("RESPREDICT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def run(home, capsys):
    """Return what runs ``keys`` and gives what it printed, and what it said."""

    def run(*words: str) -> tuple[str, str]:
        parser = argparse.ArgumentParser()
        command.add_keys(parser.add_subparsers())
        given = parser.parse_args(["keys", *words])
        assert given.run(given) == 0
        return capsys.readouterr()

    return run


def recorded(home) -> list[tuple[str, str]]:
    """Return actor and text of every record about a key, the ledger's own key left out."""
    with Reader(home) as reader:
        page = reader.find(Filter(kind="key"), after=0, limit=100, payloads=True)
    return [(r.actor, r.payload.answer.decode()) for r in page.records[1:]]


def test_a_key_is_shown_once_and_recorded(run, home):
    """``create --json`` prints id, key, role and expiry; the key lets in."""
    out, err = run("create", "--role", "clinician", "--name", "desk", "--actor", "ada", "--json")
    told = json.loads(out)
    ((actor, text),) = recorded(home)

    assert sorted(told) == ["expires", "id", "key", "role"]
    assert (told["role"], told["key"][3:11]) == ("clinician", told["id"])
    assert (list_keys(home)[0].expires - list_keys(home)[0].created).days == 365
    with Access(home) as access:
        assert access.authenticate(told["key"]).id == told["id"]
    assert actor == "ada"
    assert told["id"] in text
    assert "clinician" in text
    assert "shown this once" in err
    assert told["key"][12:] not in err + text + "".join(run("list")) + "".join(
        run("list", "--json")
    )


def test_people_are_given_the_key_alone(run):
    """Without ``--json`` standard output is the key, to be piped on."""
    assert KEY.fullmatch(run("create", "--role", "auditor", "--days", "30").out.strip())


def test_a_key_has_one_role(run, home, capsys):
    """Two roles are refused, none is dropped, and nothing is made."""
    message = r"--role must be given once, got clinician and auditor\. Make a key for each role"
    with pytest.raises(InputError, match=message):
        run("create", "--role", "clinician", "--role", "auditor")

    assert list_keys(home) == []
    assert capsys.readouterr().out == ""


def test_keys_are_listed(run, home):
    """Each has a line with role, state, expiry, last use and name."""
    assert run("list").out == "No key was made yet.\n"
    assert json.loads(run("list", "--json").out) == {"keys": []}
    assert not home.exists()
    made = json.loads(run("create", "--role", "operator", "--name", "ward 3", "--json").out)
    (key,) = json.loads(run("list", "--json").out)["keys"]

    assert (key["id"], key["name"], key["state"]) == (made["id"], "ward 3", "in force")
    assert re.fullmatch(
        rf"{made['id']}  operator   in force  expires \d{{4}}-\d\d-\d\d  used never       ward 3\n",
        run("list").out,
    )


def test_a_revocation_is_done_and_recorded(run, home):
    """``revoke`` ends the key and records who and why."""
    made = json.loads(run("create", "--role", "clinician", "--json").out)
    words = ("revoke", made["id"], "--reason", "left the clinic", "--actor", "bob")
    told = json.loads(run(*words, "--json").out)

    assert (told["id"], told["role"]) == (made["id"], "clinician")
    assert told["revoked"]
    actor, text = recorded(home)[-1]
    assert actor == "bob"
    assert "left the clinic" in text
    with Access(home) as access, pytest.raises(AccessDeniedError, match="revoked"):
        access.authenticate(made["key"])


@pytest.mark.parametrize(
    ("words", "roles", "owner", "start"),
    [
        ((), {"clinician", "auditor"}, "ada", "http://127.0.0.1:3000/sign-in/"),
        (("--role", "auditor"), {"auditor"}, "ada", "http://127.0.0.1:3000/sign-in/"),
        (
            ("--role", "operator", "--role", "auditor", "--owner", "bob"),
            {"operator", "auditor"}, "bob", "http://127.0.0.1:3000/sign-in/",
        ),
        (
            ("--url", "https://clinic.example/score/"),
            {"clinician", "auditor"}, "ada", "https://clinic.example/score/sign-in/",
        ),
    ],
)  # fmt: skip
def test_a_link_signs_in_once(run, home, words, roles, owner, start):
    """``link`` prints an address whose end begins one session, and records the link."""
    out, err = run("link", "--actor", "ada", *words, "--json")
    told = json.loads(out)
    token = told["path"].removeprefix("/sign-in/")

    assert told["url"] == start + token
    assert urlsplit(told["url"]).path.endswith(told["path"])
    assert (set(told["roles"]), told["owner"]) == (roles, owner)
    with Access(home) as access:
        _, identity = access.redeem(token)
        with pytest.raises(AccessDeniedError, match="used"):
            access.redeem(token)
    assert (identity.id, identity.roles) == (owner, roles)
    ((actor, text),) = recorded(home)
    assert actor == "ada"
    assert owner in text
    assert token not in text + err


def test_without_a_record_there_is_no_key(run, home, capsys):
    """If the ledger cannot be written no key or link is made, and none is shown."""
    create_access(home)
    (home / "ledger.db").write_bytes(b"no ledger" * 100)
    for words in (("create", "--role", "clinician"), ("link",)):
        with pytest.raises(LedgerError, match="the ledger must be whole, got damaged"):
            run(*words)

    assert list_keys(home) == []
    assert capsys.readouterr().out == ""


def test_a_key_is_revoked_also_without_a_record(run, home, capsys):
    """A leaked key is stopped at once; running it again, later, records it."""
    made = json.loads(run("create", "--role", "clinician", "--json").out)
    kept = (home / "ledger.db").rename(home / "kept")
    (home / "ledger.db").write_bytes(b"no ledger" * 100)
    with pytest.raises(LedgerError, match="got damaged"):
        run("revoke", made["id"])
    assert list_keys(home)[0].revoked is not None
    assert "the ledger does not say so yet. Run this again." in capsys.readouterr().err

    kept.replace(home / "ledger.db")
    run("revoke", made["id"])
    assert len(recorded(home)) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("create", "--role", "auditor", "--days", "0"), r"days must be 1 to 3650, got 0\."),
        (("revoke", "aaaaaaaa"), r"ID must be the id of a key, got 'aaaaaaaa'\. See: respredict"),
        (("link", "--url", "clinic.example"), r"--url must be the service's address, got 'clinic"),
        (("link", "--url", "http://[clinic"), r"--url must be the service's address, got 'http:"),
        (("link", "--url", "ftp://clinic"), r"--url must be the service's address, got 'ftp:"),
        (("link", "--url", "http://a/?b=c"), r"--url must be the service's address, got 'http:"),
        (("link", "--owner", ""), r"owner must be given, got nothing\. Say who signs in\."),
    ],
)
def test_bad_words_get_one_clear_answer(run, home, words, message):
    """What is typed wrongly is told, and nothing is made or recorded."""
    create_access(home)
    with pytest.raises(InputError, match=message):
        run(*words)

    assert list_keys(home) == []
    assert not (home / "ledger.db").exists()


def test_the_roles_offered_are_those_there_are():
    """The command line knows every role, without loading the store to learn them."""
    assert command._ROLES == ROLES
