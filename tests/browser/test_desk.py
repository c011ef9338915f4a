"""An auditor's day in a browser."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import time
import zipfile

import pytest

from respredict.bundle import champion, load_bundle
from respredict.ledger.filtering import Filter
from respredict.ledger.reading import Reader
from respredict.scoring import Scorer
from respredict.words.phrases import percent
from tests.audited import bodies, decide, other_model
from tests.browser.conftest import NARROW, WIDE

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def decided(served):
    """Let two versions decide, while the service runs."""
    first = load_bundle(served.home, champion(served.home)["digest"])
    second, men = other_model(served.home, first), bodies(80, seed=12)
    decide(served.home, Scorer(second, None), men[:40])
    decide(served.home, Scorer(first, 1), men[40:])
    return first.digest, second.digest


@pytest.fixture
def auditor(browser, served, decided):
    """Sign an auditor in; afterwards nothing was complained of and nobody else asked."""
    browser.resize(WIDE)
    browser.sign_in(served.home, "auditor")
    yield browser
    assert browser.complaints() == []
    assert browser.asked_elsewhere() == []


def clean(visitor):
    """Look at a page at both widths: nothing wrong with it, and nothing beside it."""
    for width in (WIDE, NARROW):
        visitor.resize(width)
        assert visitor.violations() == []
        assert visitor.overflow() <= 0
    visitor.resize(WIDE)


def press(visitor, words):
    """Press the button of these words, which leads to another page."""
    with visitor.leaving():
        visitor.driver.find_element("xpath", f"//main//button[normalize-space()='{words}']").click()


def settled(visitor):
    """Wait until the page has what was asked for; it looks again by itself until then."""
    again = "looks again by itself"
    visitor.wait(lambda: bool(found := visitor.shown("main")) and again not in found, 20)


def scored(served):
    with Reader(served.home) as reader:
        asked = Filter(kind="decision", status="scored")
        return reader.find(asked, newest_first=True, payloads=True).records[0]


def test_from_a_date_to_a_verified_explanation(auditor, served, tmp_path):
    """Find it by its day and status, read why, replay, verify, and take the pack along."""
    record = scored(served)
    auditor.go("/audit")
    clean(auditor)
    for name in ("from", "to"):
        auditor.named(name).send_keys(f"{record.time:%m%d%Y}")
    auditor.named("status").send_keys("scored")
    auditor.score()
    day = record.time.date().isoformat()
    assert f"from={day}" in auditor.driver.current_url
    with auditor.leaving():
        auditor.find(f'a[href="/audit/decisions/{record.sequence}"]').click()
    assert auditor.text(".headline .big") == percent(record.risk)
    assert "✓ Sum" in auditor.text(".desk-marks")
    assert "✓ Record" in auditor.text(".desk-marks")
    clean(auditor)
    press(auditor, "Replay")
    assert auditor.text("#replay").startswith("✓ Identical.")
    clean(auditor)
    taken(auditor, served, tmp_path)
    press(auditor, "Verify the ledger")
    settled(auditor)
    assert "✓ Every record holds" in auditor.text("main")
    assert f"Record {record.sequence:,} is among those that hold." in auditor.text("main")
    clean(auditor)


def taken(visitor, served, folder):
    """Download the evidence pack, and verify it with its own script."""
    told = {"behavior": "allow", "downloadPath": str(folder)}
    visitor.driver.execute_cdp_cmd("Browser.setDownloadBehavior", told)
    button = "//main//button[normalize-space()='Download the evidence pack']"
    visitor.driver.find_element("xpath", button).click()
    for _ in range(100):
        found = list(folder.glob("*.zip"))
        if found:
            break
        time.sleep(0.1)
    (pack,) = found
    with zipfile.ZipFile(pack) as archive:
        archive.extract("verify_pack.py", folder)
    key = served.home / "checkpoint.pub"
    command = [sys.executable, "verify_pack.py", pack.name, "--public-key", str(key)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_byte_changed_on_disk_is_found_with_its_sequence(auditor, served):
    """On the decision's page and by verifying; put back, every record holds again."""
    record = scored(served)
    with contextlib.closing(sqlite3.connect(served.home / "ledger.db")) as connection:
        query = "SELECT body FROM payload WHERE sequence = ?"
        body = connection.execute(query, (record.sequence,)).fetchone()[0]
        at = body.index(b'"probability":') + len(b'"probability":0.')
        bad = body[:at] + (b"8" if body[at : at + 1] != b"8" else b"7") + body[at + 1 :]
        change = "UPDATE payload SET body = ? WHERE sequence = ?"
        with connection:
            connection.execute(change, (bad, record.sequence))
        try:
            auditor.go(f"/audit/decisions/{record.sequence}")
            assert f"Record {record.sequence} does not hold." in auditor.text("main")
            assert "✗ Sum" in auditor.text(".desk-marks")
            clean(auditor)
            press(auditor, "Verify the ledger")
            settled(auditor)
            told = f"✗ Record {record.sequence} is the first bad one: altered payload"
            assert told in auditor.text("main")
            clean(auditor)
        finally:
            with connection:
                connection.execute(change, (body, record.sequence))
    press(auditor, "Verify again")
    settled(auditor)
    assert "✓ Every record holds" in auditor.text("main")


def test_two_versions_are_compared(auditor, decided):
    """From the list of models to whose explanation moved, and to his decision."""
    auditor.go("/audit/models")
    settled(auditor)
    clean(auditor)
    for name, digest in zip(("first", "second"), decided, strict=True):
        auditor.find(f'select[name={name}] option[value="{digest[7:]}"]').click()
    press(auditor, "Compare")
    assert "Whose explanation moved furthest" in auditor.text("main")
    clean(auditor)
    with auditor.leaving():
        auditor.find("#furthest ~ .scroll tbody a").click()
    assert "What moved it" in auditor.text("main")
    auditor.go(f"/audit/models/{decided[1][7:]}")
    assert "What it went by" in auditor.text("main")
    assert "How it depends on each value" in auditor.text("main")
    clean(auditor)


def test_what_happened_over_time(auditor):
    """Counts, scores and cautions, and which model was live."""
    auditor.go("/audit/over-time")
    settled(auditor)
    assert "Decisions by day" in auditor.text("main")
    assert "Which model was live when" in auditor.text("main")
    clean(auditor)
    auditor.named("from").send_keys("01012001")
    auditor.named("to").send_keys("01022001")
    auditor.score()
    assert "No decision is like this." in auditor.text("main")


def test_a_pseudonym_is_in_no_address(auditor, served):
    """It is sent in a form, and the address stays bare."""
    name = scored(served).pseudonym
    auditor.go("/audit")
    auditor.named("pseudonym").send_keys(name)
    auditor.score()
    assert auditor.driver.current_url == f"{auditor.base}/audit"
    assert name in auditor.text("#found + form + .desk-list, .desk-list")
    clean(auditor)


def test_the_desk_is_walked_by_keyboard(auditor, served):
    """Skip to the content, reach a decision, and replay it without a mouse."""
    from selenium.webdriver.common.keys import Keys

    record = scored(served)
    auditor.go(f"/audit/decisions/{record.sequence}")
    active = auditor.driver.switch_to.active_element
    active.send_keys(Keys.TAB)
    for _ in range(30):
        focused = auditor.driver.switch_to.active_element
        if focused.text == "Replay":
            break
        focused.send_keys(Keys.TAB)
    with auditor.leaving():
        focused.send_keys(Keys.ENTER)
    assert auditor.text("#replay").startswith("✓ Identical.")
