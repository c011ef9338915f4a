"""Who is let in and who is not, by key, by session and by link."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
import string
import subprocess
import sys
import threading
import time
import traceback
import tracemalloc
from array import array

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from respredict.access import Access, Identity, create_key, create_link, list_keys, revoke_key
from respredict.access.held import POLL_SECONDS
from respredict.errors import AccessDeniedError, KeyStoreError
from tests.access.conftest import stored

HOUR, DAY = 3600, 86_400
OTHER = "A" * 43  # of the right form, and nobody's
MALFORMED = f"rp_aaaaaaaa_{OTHER}="


def after_a_poll() -> None:
    """Wait as long as a worker may go on with what it holds."""
    time.sleep(POLL_SECONDS)


def key_malformed(access, home, clock):
    access.authenticate(MALFORMED)


def key_of_unknown_id(access, home, clock):
    access.authenticate(f"rp_aaaaaaaa_{OTHER}")


def key_of_wrong_secret(access, home, clock):
    key, _ = create_key(home, "clinician")
    after_a_poll()
    access.authenticate(f"rp_{key.id}_{OTHER}")


def key_revoked(access, home, clock):
    key, text = create_key(home, "clinician")
    revoke_key(home, key.id)
    after_a_poll()
    access.authenticate(text)


def key_expired(access, home, clock):
    _, text = create_key(home, "clinician", days=2, now=clock)
    clock.at += 2 * DAY
    after_a_poll()
    access.authenticate(text)


def session_malformed(access, home, clock):
    access.session("é" * 43)


def session_unknown(access, home, clock):
    access.session(OTHER)


def session_ended(access, home, clock):
    cookie, _ = access.redeem(create_link(home, ["auditor"], owner="ada", now=clock))
    access.end_session(cookie)
    access.session(cookie)


def session_idle(access, home, clock):
    cookie, _ = access.redeem(create_link(home, ["auditor"], owner="ada", now=clock))
    clock.at += HOUR
    access.session(cookie)


def session_too_long(access, home, clock):
    cookie, _ = access.redeem(create_link(home, ["auditor"], owner="ada", now=clock))
    for _ in range(24):
        clock.at += HOUR / 2
        if clock.at - 1_800_000_000 < 12 * HOUR:
            access.session(cookie)
    access.session(cookie)


def session_of_a_revoked_key(access, home, clock):
    key, _ = create_key(home, "auditor")
    cookie, _ = access.redeem(create_link(home, ["auditor"], owner=key.id, now=clock))
    revoke_key(home, key.id)
    access.session(cookie)


def session_of_an_expired_key(access, home, clock):
    key, _ = create_key(home, "auditor", days=1, now=clock)
    clock.at += DAY - 60
    cookie, _ = access.redeem(create_link(home, ["auditor"], owner=key.id, now=clock))
    clock.at += 60
    access.session(cookie)


def link_malformed(access, home, clock):
    access.redeem(MALFORMED)


def link_unknown(access, home, clock):
    access.redeem(OTHER)


def link_of_a_revoked_key(access, home, clock):
    key, _ = create_key(home, "auditor")
    token = create_link(home, ["auditor"], owner=key.id, now=clock)
    revoke_key(home, key.id)
    access.redeem(token)


def link_used(access, home, clock):
    token = create_link(home, ["auditor"], owner="ada", now=clock)
    access.redeem(token)
    access.redeem(token)


def link_expired(access, home, clock):
    token = create_link(home, ["auditor"], owner="ada", now=clock)
    clock.at += 600
    access.redeem(token)


DENIALS = [
    (key_malformed, "key-malformed", "must be rp_, its id, _ and its secret, got another form. Se"),
    (key_of_unknown_id, "key-unknown", "must be one of this service, got an unknown one. Ask"),
    (key_of_wrong_secret, "key-unknown", "must be one of this service, got an unknown one. Ask"),
    (key_revoked, "key-revoked", "must be in force, got a revoked one. Ask the operator"),
    (key_expired, "key-expired", "must be in force, got an expired one. Ask the operator"),
    (session_malformed, "session-unknown", "must be one of this service, got an unknown one. Sign"),
    (session_unknown, "session-unknown", "must be one of this service, got an unknown one. Sign"),
    (session_ended, "session-unknown", "must be one of this service, got an unknown one. Sign"),
    (session_idle, "session-expired", "must be in use hourly and begun within 12 hours, got an ex"),
    (session_too_long, "session-expired", "must be in use hourly and begun within 12 hours, got"),
    (session_of_a_revoked_key, "session-unknown", "must be one of this service, got an unknown"),
    (session_of_an_expired_key, "session-expired", "must be in use hourly and begun within"),
    (link_malformed, "link-unknown", "must be one of this service, got an unknown one. Sign in"),
    (link_unknown, "link-unknown", "must be one of this service, got an unknown one. Sign in"),
    (link_of_a_revoked_key, "link-unknown", "must be one of this service, got an unknown one"),
    (link_used, "link-used", "must be used once, got a used one. Sign in with a new link"),
    (link_expired, "link-expired", "must be used within 10 minutes, got an expired one. Sign in"),
]


@pytest.mark.parametrize(
    ("attempt", "code", "message"), DENIALS, ids=[attempt.__name__ for attempt, _, _ in DENIALS]
)
def test_every_denial_has_its_code_and_sentence(access, home, clock, attempt, code, message):
    """Who is not let in learns why, for programs and for people."""
    with pytest.raises(AccessDeniedError, match=re.escape(message)) as caught:
        attempt(access, home, clock)

    assert caught.value.code == code


@pytest.mark.parametrize("role", ["clinician", "auditor", "operator"])
def test_a_key_lets_in_with_its_role(access, home, role):
    """A key made after a worker started is let in by it, as itself and in its role."""
    assert not access.has_keys()
    key, text = create_key(home, role)
    after_a_poll()

    assert access.authenticate(text) == Identity(key.id, frozenset({role}), "key")
    assert access.has_keys()


def test_a_key_lasts_to_the_second(access, home, clock):
    """A key is in force until its expiry and not at it."""
    _, text = create_key(home, "clinician", days=365, now=clock)
    after_a_poll()
    clock.at += 365 * DAY - 1
    assert access.authenticate(text).via == "key"
    clock.at += 1

    assert not access.has_keys()
    with pytest.raises(AccessDeniedError, match="expired"):
        access.authenticate(text)


@pytest.fixture(scope="module")
def one_key(tmp_path_factory):
    """Return a worker's access to a store with one key, and the key's text."""
    home = tmp_path_factory.mktemp("one") / "home"
    _, text = create_key(home, "clinician")
    with Access(home) as access:
        yield access, text


SHAPED = st.builds(
    lambda name, secret: f"rp_{name}_{secret}",
    st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=8, max_size=8),
    st.text(string.ascii_letters + string.digits + "-_", min_size=43, max_size=43),
)


@given(data=st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_other_text_is_the_key(one_key, data):
    """Whatever is not the key to the last character is denied, near misses included."""
    access, text = one_key
    near = st.tuples(st.integers(0, len(text) - 1), st.characters()).map(
        lambda change: text[: change[0]] + change[1] + text[change[0] + 1 :]
    )
    around = st.tuples(st.text(max_size=2), st.text(max_size=2)).map(lambda s: s[0] + text + s[1])
    cut = st.integers(0, len(text)).map(lambda n: text[:n])
    presented = data.draw(st.one_of(st.text(), SHAPED, near, around, cut))
    if presented == text:
        assert access.authenticate(presented).roles == {"clinician"}
        return

    with pytest.raises(AccessDeniedError) as caught:
        access.authenticate(presented)
    assert caught.value.code in ("key-malformed", "key-unknown")


def test_the_spare_bits_of_the_last_character_count(one_key):
    """Another text of the same 32 bytes is another key."""
    access, text = one_key
    raw = base64.urlsafe_b64decode(text[12:] + "=")
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    twins = [
        text[:-1] + last
        for last in alphabet
        if base64.urlsafe_b64decode(text[12:-1] + last + "=") == raw
    ]

    assert len(twins) == 4
    for twin in set(twins) - {text}:
        with pytest.raises(AccessDeniedError, match="unknown"):
            access.authenticate(twin)


def test_a_revocation_reaches_a_worker_that_was_there_before(access, home, clock):
    """A worker asks of its own accord, within the time that is written down."""
    key, text = create_key(home, "clinician")
    with Access(home, now=clock) as other:
        assert other.authenticate(text).id == key.id
        revoke_key(home, key.id)
        after_a_poll()

        with pytest.raises(AccessDeniedError, match="revoked"):
            other.authenticate(text)
        assert not other.has_keys()
    assert POLL_SECONDS < 1


def test_a_session_has_the_roles_of_its_link(access, home, clock):
    """A link gives its owner and roles to the session, in every worker."""
    token = create_link(home, ["auditor", "clinician"], owner="Dr. Ada Å", now=clock)
    cookie, identity = access.redeem(token)

    assert identity == Identity("Dr. Ada Å", frozenset({"clinician", "auditor"}), "session")
    assert access.session(cookie) == identity
    with Access(home, now=clock) as other:
        assert other.session(cookie) == identity


def test_a_session_in_use_does_not_grow_idle(access, home, clock):
    """What was used within the hour goes on, also in a worker that did not see it."""
    cookie, identity = access.redeem(create_link(home, ["auditor"], owner="ada", now=clock))
    for _ in range(3):
        clock.at += HOUR - 1
        assert access.session(cookie) == identity
    access.flush()
    clock.at += HOUR - 1
    with Access(home, now=clock) as other:
        assert other.session(cookie) == identity


def test_ending_a_session_ends_no_other(access, home, clock):
    """Signing out is one's own affair, and may be done twice."""
    mine, _ = access.redeem(create_link(home, ["auditor"], owner="ada", now=clock))
    his, identity = access.redeem(create_link(home, ["auditor"], owner="bob", now=clock))
    for cookie in (mine, mine, "", OTHER):
        access.end_session(cookie)

    assert access.session(his) == identity


def test_old_links_and_sessions_are_dropped(access, home, clock):
    """What expired more than a day ago is no longer told from what never was."""
    token = create_link(home, ["auditor"], owner="ada", now=clock)
    cookie, _ = access.redeem(token)
    clock.at += 2 * DAY
    create_link(home, ["auditor"], owner="bob", now=clock)

    for ask in (lambda: access.redeem(token), lambda: access.session(cookie)):
        with pytest.raises(AccessDeniedError, match="unknown"):
            ask()


REDEEM = """
import sys
from pathlib import Path
from respredict.access import Access
from respredict.errors import AccessDeniedError
with Access(Path(sys.argv[1])) as access:
    print("ready", flush=True)
    for token in sys.stdin:
        try:
            print(len(access.redeem(token.strip())[0]), flush=True)
        except AccessDeniedError as error:
            print(error.code, flush=True)
"""


def test_of_two_processes_one_redeems(home):
    """A link that two processes redeem at once begins one session."""
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", REDEEM, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    try:
        assert [worker.stdout.readline() for worker in workers] == ["ready\n"] * 2
        for _ in range(20):
            token = create_link(home, ["clinician"], owner="ada")
            for worker in workers:
                worker.stdin.write(f"{token}\n")
            for worker in workers:
                worker.stdin.flush()
            told = sorted(worker.stdout.readline().strip() for worker in workers)
            assert told == ["43", "link-used"]
    finally:
        for worker in workers:
            worker.communicate(timeout=10)


def test_guesses_leave_nothing_behind(access, home):
    """After 10,000 wrong keys, and 1,000 cookies and links, memory and file are as they were."""
    create_key(home, "clinician")
    denied = array("b")

    def guess(n: int) -> None:
        text = hashlib.sha256(b"%d" % n).hexdigest()[:43]
        name = base64.b32encode(text[:5].encode()).decode().lower()
        asks = [(access.authenticate, f"rp_{name}_{text}")]
        if n % 10 == 0:
            asks += [(access.session, text), (access.redeem, text)]
        for ask, presented in asks:
            try:
                ask(presented)
            except AccessDeniedError:
                denied.append(1)

    for n in range(200):
        guess(n)
    size = len(stored(home))
    tracemalloc.start()
    try:
        guess(200)
        before = tracemalloc.get_traced_memory()[0]
        for n in range(201, 10_201):
            guess(n)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()

    assert len(denied) == 10_201 + 2 * 1_021
    assert grown < 50_000  # the array takes 12,000; the digests alone would take 700,000
    assert len(stored(home)) == size


def test_uses_are_written_a_minute_at_most_and_not_by_a_request(access, home, clock):
    """Being let in writes nothing; the flush writes the minute, and only later ones."""
    _, text = create_key(home, "clinician")
    after_a_poll()
    before = stored(home)
    clock.at += 59
    access.authenticate(text)
    assert stored(home) == before
    assert list_keys(home)[0].last_used is None

    access.flush()
    first = list_keys(home)[0].last_used
    assert first.timestamp() == clock.at - 59
    with Access(home, now=lambda: clock.at - 3 * HOUR) as behind:
        behind.authenticate(text)
    assert list_keys(home)[0].last_used == first

    clock.at += 60
    access.authenticate(text)
    access.flush()
    assert list_keys(home)[0].last_used.timestamp() == first.timestamp() + 60


def test_uses_that_cannot_be_written_are_kept(access, home, clock):
    """A flush that fails is made up for by the next."""
    _, text = create_key(home, "clinician")
    after_a_poll()
    access.authenticate(text)
    (home / "keys.db").rename(home / "away")
    with pytest.raises(KeyStoreError, match=r"keys\.db, must be there, got none"):
        access.flush()
    (home / "away").rename(home / "keys.db")
    access.flush()

    assert list_keys(home)[0].last_used.timestamp() == clock.at


def test_without_its_store_nobody_is_let_in(access, home):
    """A worker trusts nothing that it held once the store is gone, and goes on when it is back."""
    key, text = create_key(home, "clinician")
    after_a_poll()
    access.authenticate(text)
    (home / "keys.db").rename(home / "away")
    after_a_poll()
    for ask in (access.authenticate, access.session, access.redeem):
        with pytest.raises(KeyStoreError, match=r"keys\.db, must be there"):
            ask(text if ask == access.authenticate else OTHER)
    (home / "away").rename(home / "keys.db")

    assert access.authenticate(text).id == key.id


def test_a_store_put_in_its_place_counts(access, home, tmp_path):
    """A copy that takes the store's name is read, and what it lacks is unknown."""
    _, old = create_key(home, "clinician")
    other, new = create_key(tmp_path / "other", "operator")
    after_a_poll()
    access.authenticate(old)
    for side in ("keys.db-wal", "keys.db-shm"):
        (home / side).unlink()
    (tmp_path / "other" / "keys.db").replace(home / "keys.db")
    after_a_poll()

    assert access.authenticate(new).id == other.id
    with pytest.raises(AccessDeniedError, match="unknown"):
        access.authenticate(old)


def test_a_closed_access_lets_nobody_in(home):
    """After the end of a worker its access is of no use."""
    _, text = create_key(home, "clinician")
    with Access(home) as access:
        access.authenticate(text)

    assert list_keys(home)[0].last_used is not None  # written at the end
    with pytest.raises(KeyStoreError, match="closed"):
        access.authenticate(text)


def test_threads_may_ask_at_once(access, home, clock):
    """Eight threads are let in or denied rightly while keys come and go."""
    _, kept = create_key(home, "clinician")
    cookie, _ = access.redeem(create_link(home, ["auditor"], owner="ada", now=clock))
    after_a_poll()
    wrong: list[BaseException] = []

    def ask() -> None:
        try:
            for _ in range(300):
                assert access.authenticate(kept).roles == {"clinician"}
                assert access.session(cookie).id == "ada"
                with pytest.raises(AccessDeniedError, match="unknown"):
                    access.authenticate(f"rp_aaaaaaaa_{OTHER}")
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        revoke_key(home, create_key(home, "auditor")[0].id)
        access.flush()
    for thread in threads:
        thread.join()

    assert not wrong


def test_being_let_in_is_quick(one_key):
    """It costs less than ten SHA-256 of the same key: no file is asked."""
    access, text = one_key
    secret = text.encode()

    def cost(call) -> float:
        best = float("inf")
        for _ in range(7):
            begun = time.process_time()
            for _ in range(5000):
                call()
            best = min(best, time.process_time() - begun)
        return best

    assert cost(lambda: access.authenticate(text)) < 10 * cost(
        lambda: hashlib.sha256(secret).digest()
    )


class Noting(Access):
    """Keeps what was presented to it."""

    def authenticate(self, presented):
        """Note and ask."""
        self.presented = presented
        return super().authenticate(presented)

    def session(self, cookie):
        """Note and ask."""
        self.presented = cookie
        return super().session(cookie)

    def redeem(self, token):
        """Note and ask."""
        self.presented = token
        return super().redeem(token)


@pytest.mark.parametrize("attempt", [a for a, _, _ in DENIALS], ids=lambda a: a.__name__)
def test_nothing_secret_is_told(home, clock, caplog, attempt):
    """No refusal, log or representation quotes what was presented, or its hash."""
    create_key(home, "clinician")
    with Noting(home, now=clock) as access:
        with caplog.at_level(logging.DEBUG), pytest.raises(AccessDeniedError) as caught:
            attempt(access, home, clock)
        told = f"{access!r}{access._held!r}{access._held.current()}{list_keys(home)}{caplog.text}"
    told += f"{caught.value!r}{''.join(traceback.format_exception(caught.value))}"
    secret = access.presented.removeprefix("rp_")[-43:]
    digest = hashlib.sha256(secret.encode()).digest()

    assert len(secret) == 43
    for form in (secret, digest.hex(), repr(digest)[2:-1]):
        assert form not in told
