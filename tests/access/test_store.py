"""The file: made once, by its owner alone, with nothing secret in it."""

from __future__ import annotations

import base64
import errno
import re
import resource
import sqlite3
import stat
import threading
from contextlib import closing

import pytest

from respredict.access import (
    Access,
    create_access,
    create_key,
    create_link,
    list_keys,
    revoke_key,
)
from respredict.access.identity import ROLES
from respredict.access.store import unavailable
from respredict.errors import InputError, KeyStoreError
from tests.access.conftest import stored


def test_the_store_is_made_once(tmp_path):
    """The second call finds what the first made, keys included."""
    home = tmp_path / "a" / "home"
    assert create_access(home)
    key, _ = create_key(home, "clinician")

    assert not create_access(home)
    assert [k.id for k in list_keys(home)] == [key.id]
    assert sorted(file.name for file in home.iterdir()) == ["keys.db"]


def test_of_many_that_make_it_one_does(tmp_path):
    """Threads that make the store at once leave one store, whole, and nothing beside it."""
    for n in range(10):
        home, made = tmp_path / f"home-{n}", []
        gate = threading.Barrier(6)

        def make(home=home, made=made, gate=gate) -> None:
            gate.wait()
            made.append(create_access(home))

        threads = [threading.Thread(target=make) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(made) == [False] * 5 + [True]
        assert [file.name for file in home.iterdir()] == ["keys.db"]
        assert list_keys(home) == []


def test_its_owner_alone_may_read_it(home, clock):
    """The store and SQLite's files beside it are closed to everybody else."""
    with Access(home, now=clock) as access:
        create_key(home, "clinician")
        access.redeem(create_link(home, ["auditor"], owner="ada", now=clock))
        files = list(home.iterdir())

        assert {f.name for f in files} == {"keys.db", "keys.db-wal", "keys.db-shm"}
        assert {stat.S_IMODE(f.stat().st_mode) for f in files} == {0o600}
    with closing(sqlite3.connect(home / "keys.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_no_secret_is_in_the_file(home, clock):
    """Neither text nor bytes of a key, link or cookie are at rest, before or after the log."""
    with Access(home, now=clock) as access:
        key, text = create_key(home, "clinician", name="desk")
        used = create_link(home, ["auditor"], owner="ada", now=clock)
        cookie, _ = access.redeem(used)
        access.session(cookie)
        secrets = [text[12:], used, cookie, create_link(home, ["auditor"], owner="b", now=clock)]
        at_rest = stored(home)
    at_rest += stored(home)

    assert key.id.encode() in at_rest
    for secret in secrets:
        raw = base64.urlsafe_b64decode(secret + "=")
        for form in (secret.encode(), raw, raw.hex().encode()):
            assert form not in at_rest


@pytest.mark.parametrize(
    "make",
    [
        lambda home, record: create_key(home, "clinician", record=record),
        lambda home, record: create_link(home, ["auditor"], owner="ada", record=record),
    ],
    ids=["key", "link"],
)
def test_what_cannot_be_recorded_is_not_made(home, make):
    """If the record fails, there is no key and no link."""
    before = []

    def record(*made) -> None:
        before.append(len(list_keys(home)))
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        make(home, record)

    assert before == [0]
    assert list_keys(home) == []
    with closing(sqlite3.connect(home / "keys.db")) as connection:
        assert connection.execute("SELECT count(*) FROM link").fetchone() == (0,)


def test_a_key_is_recorded_as_it_is_made(home):
    """What is recorded is the key that is returned, and shows no secret."""
    recorded = []
    key, text = create_key(home, "operator", name="ward 3", days=30, record=recorded.append)

    assert recorded == [key] == list_keys(home)
    assert re.fullmatch(r"rp_[a-z2-7]{8}_[A-Za-z0-9_-]{43}", text)
    assert text[3:11] == key.id
    assert (key.expires - key.created).days == 30
    assert text[12:] not in f"{key!r}{key.as_dict()}"


def test_keys_are_listed_in_order_and_in_every_state(home, clock):
    """The oldest comes first; each says whether it is in force."""
    old, _ = create_key(home, "clinician", days=1, now=clock)
    clock.at += 86_400
    gone, _ = create_key(home, "auditor", now=clock)
    kept, _ = create_key(home, "operator", name="ward 3", now=clock)
    revoked = revoke_key(home, gone.id, now=clock)
    keys = list_keys(home)

    assert [key.id for key in keys] == [old.id, gone.id, kept.id]
    assert [key.state(kept.created) for key in keys] == ["expired", "revoked", "in force"]
    assert keys[1] == revoked
    assert keys[2].as_dict() == {
        "id": kept.id,
        "role": "operator",
        "name": "ward 3",
        "created": "2027-01-16T08:00:00+00:00",
        "expires": None,
        "revoked": None,
        "last_used": None,
    }


def test_a_second_revocation_keeps_the_first_moment(home, clock):
    """A key is revoked since it was revoked first."""
    key, _ = create_key(home, "clinician", now=clock)
    first = revoke_key(home, key.id, now=clock)
    clock.at += 5

    assert revoke_key(home, key.id, now=clock) == first


def test_there_are_no_keys_without_a_store(tmp_path):
    """Listing makes nothing."""
    assert list_keys(tmp_path) == []
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda h: create_key(h, "clinican"),
            r"role must be a known one, got 'clinican'\. Did you",
        ),
        (lambda h: create_key(h, ""), r"role must be a known one, got ''\. Use clinician, aud"),
        (lambda h: create_key(h, "auditor", days=0), r"days must be 1 to 3650, got 0\. Choose"),
        (lambda h: create_key(h, "auditor", days=3651), r"days must be 1 to 3650, got 3651\."),
        (lambda h: create_key(h, "auditor", name="a\x1b[2J"), r"name must be printable char.*x1b"),
        (lambda h: create_key(h, "auditor", name="x" * 101), r"at most 100 characters, got 101\."),
        (lambda h: create_link(h, [], owner="a"), r"role must be given, got none\. Use clinic"),
        (lambda h: create_link(h, ["root"], owner="a"), r"role must be a known one, got 'root'"),
        (lambda h: create_link(h, "auditor", owner="a"), r"role must be a known one, got 'a'"),
        (lambda h: create_link(h, ROLES, owner=""), r"owner must be given, got nothing\. Say who"),
        (lambda h: create_link(h, ROLES, owner="a\n"), r"owner must be printable characters on o"),
        (lambda h: revoke_key(h, "aaaaaaaa"), r"ID must be the id of a key, got 'aaaaaaaa'\. See"),
        (
            lambda h: revoke_key(h, "rp_aaaaaaaa_" + "S" * 43),
            r"ID must be the 8 characters of a key's id, got 55 characters of another form\. See",
        ),
    ],
)
def test_what_is_asked_wrongly_is_told(home, make, message):
    """Each wrong argument is refused with rule, value and remedy, and nothing is made."""
    with pytest.raises(InputError, match=message):
        make(home)

    assert list_keys(home) == []


def test_a_revoked_key_owns_no_new_link(home):
    """Nobody signs in for a key that was revoked."""
    key, _ = create_key(home, "auditor")
    revoke_key(home, key.id)

    with pytest.raises(InputError, match=r"owner must be in force, got a revoked key\. Name"):
        create_link(home, ["auditor"], owner=key.id)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"^the store of keys, keys\.db, must be there, got none\. Make it with: respred"),
        (b"", r"keys\.db, must be of application 0x52504b59, format 1, got 0x0, format 0\. Mov"),
        (
            b"not a database" * 100,
            r"keys\.db, must be readable and writable, got damaged: file is not a database\. Res",
        ),
    ],
)
def test_another_file_is_no_store(tmp_path, content, message):
    """What is not a store of this format is refused, with the remedy."""
    if content is not None:
        (tmp_path / "keys.db").write_bytes(content)
        with pytest.raises(KeyStoreError, match=message):
            create_access(tmp_path)

    with pytest.raises(KeyStoreError, match=message):
        Access(tmp_path)


def test_a_folder_that_is_a_file_is_told(tmp_path):
    """Where no folder can be made, that is said."""
    (tmp_path / "home").write_text("")

    with pytest.raises(KeyStoreError, match=r"keys\.db, must be .* writable, got failed: "):
        create_access(tmp_path / "home")


@pytest.fixture
def full():
    """Return what leaves no file room to grow beyond so many bytes, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda most: resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("ask", [list_keys, Access, lambda home: create_key(home, "auditor")])
def test_a_full_disk_asks_for_space(home, full, ask):
    """SQLite calls it a disk error where the index beside the store does not fit."""
    full((home / "keys.db").stat().st_size)
    with pytest.raises(KeyStoreError, match=r"must be readable and writable, got full: disk I/O"):
        ask(home)
    full(resource.RLIM_INFINITY)

    assert list_keys(home) == []


def test_a_store_that_cannot_grow_asks_for_space(home):
    """The remedy follows what SQLite says."""
    with closing(sqlite3.connect(home / "keys.db")) as connection:
        connection.execute("PRAGMA max_page_count=1")
        with pytest.raises(sqlite3.OperationalError) as told:
            connection.execute("CREATE TABLE more AS SELECT randomblob(100000)")

    assert str(unavailable(told.value)).endswith(
        "got full: database or disk is full. Free space; it resumes by itself."
    )


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, r"got full: .*No space.*\. Free space; it resumes by itself\."),
        (errno.EROFS, r"got read-only: .*\. Give the service leave to write it and its folder"),
        (errno.EIO, r"got failed: .*\. Look after the disk, or restore a copy\."),
    ],
)
def test_what_the_system_says_has_its_remedy(number, message):
    """A disk without room, one that is read-only, and one that is broken are three things."""
    with pytest.raises(KeyStoreError, match=message):
        raise unavailable(OSError(number, errno.errorcode[number] + " No space"))


def test_a_store_that_is_held_says_so(home):
    """Who waits for another process for too long is told to end it."""
    with closing(sqlite3.connect(home / "keys.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(KeyStoreError, match=r"got locked: .*\. End the process that holds it"):
            create_key(home, "auditor")
