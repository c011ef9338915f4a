"""A clinician's visit in a browser."""

from __future__ import annotations

import json
import re

import pytest

from respredict.ledger.reading import Reader
from respredict.words.phrases import percent
from serving.pages.form import as_entered
from tests.browser.conftest import NARROW, WIDE
from tests.conftest import PUBLISHED_MAN

pytestmark = pytest.mark.browser

MAN = as_entered(json.dumps(PUBLISHED_MAN).encode())
#: Everything at once: each caution, and as much as a note ever has to hold.
HEAVY = {
    "age": "60", "bmi": "55", "testosterone": "180", "testosterone.unit": "ng/dL",
    "estradiol": "20", "estradiol.unit": "pg/mL", "estradiol.comparator": "<",
    "lh": "30", "fsh": "50", "sampled_on": "01022020", "shbg": "20", "prolactin": "9",
    "sperm_concentration": "0", "semen_volume": "2", "motility": "30",
    "semen_sampled_on": "01022020", "reference": "a long reference of a clinic, 17",
}  # fmt: skip


def last_record(served):
    with Reader(served.home) as reader:
        return reader.get(reader.head()[0])


def test_from_an_empty_form_to_the_answer(clinician, served):
    """Fill, see the ratios, score, read the recorded probability."""
    clinician.go("/")
    assert clinician.text("#ready") == "For a probability: age, testosterone, LH still to come."
    clinician.enter(MAN)
    assert clinician.text("#t_e2") == "8.46"
    assert clinician.text("#t_lh") == "79.6"
    assert clinician.text("#ready") == "Enough for a probability."
    assert clinician.violations() == []
    clinician.score()
    record = last_record(served)
    assert record.kind == "decision"
    assert clinician.text(".headline .big") == percent(record.risk)
    assert str(record.id) in clinician.text()
    assert json.loads(record.payload.request) == PUBLISHED_MAN
    assert clinician.violations() == []


def test_a_value_that_reads_like_another_unit_is_doubted_at_once(clinician):
    """One button switches the unit, and the value is converted as it is typed."""
    clinician.go("/")
    clinician.enter({"testosterone": "12", "testosterone.unit": "ng/dL"})
    live = "[id='testosterone-live']"
    assert "12 ng/dL reads likelier as 12 nmol/L (346 ng/dL)." in clinician.text(live)
    assert clinician.violations() == []
    clinician.find(f"{live} button").click()
    assert clinician.text(live) == ""
    assert (
        clinician.find("input[name='testosterone.unit']:checked").get_attribute("value") == "nmol/L"
    )
    assert "= 346 ng/dL" in clinician.text("[id='testosterone-span']")
    clinician.choose("testosterone.unit", "ng/dL")
    clinician.enter({"testosterone": "5000"})
    assert "Taken is 10 to 3000 ng/dL." in clinician.text(live)


def test_a_limit_is_carried_into_the_ratios(clinician):
    """Typed or chosen; where both sides are open there is no ratio."""
    clinician.go("/")
    clinician.enter({"testosterone": "270.6", "testosterone.unit": "ng/dL",
                     "estradiol": "<20", "estradiol.unit": "pg/mL", "lh": "3.4"})  # fmt: skip
    assert clinician.text("#t_e2") == ">13.5"
    clinician.enter({"testosterone.comparator": "<"})
    assert (clinician.text("#t_e2"), clinician.text("#t_lh")) == ("open", "<79.6")


def test_without_lh_it_says_why_and_leads_back(clinician, served):
    """The filled form comes back, and the missing value makes it an answer."""
    clinician.go("/")
    clinician.enter({name: text for name, text in MAN.items() if not name.startswith("lh")})
    clinician.score()
    assert clinician.text(".status") == "No probability can be given"
    assert "LH is missing" in clinician.text()
    assert clinician.violations() == []
    clinician.press("Change a value")
    assert clinician.named("testosterone").get_attribute("value") == "270.6"
    clinician.enter({"lh": "3.4"})
    clinician.score()
    assert clinician.text(".headline .big") == percent(last_record(served).risk)


def test_broken_entries_are_led_to(clinician):
    """The summary has the focus, and its links lead to the fields."""
    clinician.go("/")
    clinician.enter({"age": "200", "testosterone": "270.6"})
    clinician.score()
    assert clinician.driver.switch_to.active_element.get_attribute("id") == "errors"
    assert clinician.violations() == []
    clinician.driver.find_element("partial link text", "Age must be 18 to 70").click()
    assert clinician.driver.switch_to.active_element.get_attribute("id") == "age"
    # The answer's status is told by the browser; nothing else is.
    (told,) = clinician.complaints()
    assert "422" in told


def test_by_keyboard_alone(clinician, served):
    """Every field is reached in the order it stands, and Enter sends the form."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    clinician.go("/")
    typed = {name: text for name, text in MAN.items() if not name.endswith(".unit")}
    reached = []

    def press(*keys: str) -> str:
        ActionChains(clinician.driver).send_keys(*keys).perform()
        return clinician.driver.switch_to.active_element.get_attribute("name") or ""

    for _ in range(60):
        name = press(Keys.TAB)
        if name in reached or not name:
            continue  # the parts of a date, and folds
        reached.append(name)
        if name.startswith("treatment."):
            break
        if name.endswith(".unit"):
            press(Keys.SPACE)  # the first of them
        elif name in typed:
            press(typed[name])
    assert (
        clinician.driver.execute_script(
            "return getComputedStyle(document.activeElement).outlineStyle"
        )
        != "none"
    )
    with clinician.leaving():
        clinician.named("age").send_keys(Keys.ENTER)
    assert clinician.text(".headline .big") == percent(last_record(served).risk)
    assert [name for name in reached if name in typed] == list(typed)
    assert json.loads(last_record(served).payload.request) == PUBLISHED_MAN


@pytest.mark.parametrize("man", [MAN, HEAVY], ids=["published", "heavy"])
def test_it_prints_on_one_page(clinician, served, man):
    """A consult note of one A4 page, without navigation."""
    clinician.go("/")
    if "shbg" in man:
        clinician.find("summary").click()
    clinician.enter(man)
    clinician.score()
    note = clinician.printed()
    assert len(re.findall(rb"/Type\s*/Page\b", note)) == 1
    (box,) = re.findall(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", note)
    assert [round(float(side)) for side in box] == [595, 842]
    clinician.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        shown = clinician.text()
    finally:
        clinician.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert "Consult note" in shown
    assert "Sign out" not in shown
    assert f"Ledger: record {last_record(served).sequence}" in shown


@pytest.mark.parametrize("width", [NARROW, 768, WIDE])
def test_no_page_is_wider_than_its_window(clinician, width):
    """On a telephone nothing is scrolled sideways."""
    clinician.resize(width)
    clinician.go("/")
    wide = [clinician.overflow()]
    clinician.enter({**MAN, "testosterone": "12"})
    wide.append(clinician.overflow())
    clinician.enter({"testosterone": MAN["testosterone"]})
    clinician.score()
    for fold in clinician.driver.find_elements("css selector", "details:not([open]) summary"):
        fold.click()
    wide.append(clinician.overflow())
    assert clinician.violations() == []
    clinician.go("/model")
    wide.append(clinician.overflow())
    assert clinician.violations() == []
    assert wide == [0, 0, 0, 0]


def test_a_disagreement_is_recorded_and_shown(clinician, served):
    """It stays on the page of the answer."""
    clinician.go("/")
    clinician.enter(MAN)
    clinician.score()
    decision = last_record(served)
    clinician.find("#text").send_keys("He has a varicocele.")
    clinician.press("Record the note")
    note = last_record(served)
    assert (note.kind, note.about) == ("amendment", decision.sequence)
    assert "He has a varicocele." in clinician.text("section[aria-labelledby=notes]")
    assert clinician.text(".headline .big") == percent(decision.risk)


def test_the_statement_is_copied(clinician):
    """By its button; without one it is selected by a click."""
    clinician.driver.execute_cdp_cmd(
        "Browser.grantPermissions",
        {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]},
    )
    clinician.go("/")
    clinician.enter(MAN)
    clinician.score()
    clinician.find("[data-copy]").click()
    selected = clinician.driver.execute_script("return getSelection().toString()")
    assert selected == clinician.text("#statement")
    assert clinician.text("#copied") in ("Copied.", "It is selected: copy it with the keyboard.")


def test_a_stranger_learns_how_to_sign_in(browser):
    """And whoever signs out is one."""
    browser.driver.delete_all_cookies()
    browser.go("/")
    assert "respredict keys link" in browser.text()
    assert browser.violations() == []
    assert [told for told in browser.complaints() if "401" not in told] == []


def test_signing_out_ends_the_session(clinician):
    """The button is a form of its own."""
    clinician.go("/")
    clinician.press("Sign out")
    assert clinician.text("h1") == "Sign in"
    assert [told for told in clinician.complaints() if "401" not in told] == []


def test_the_answer_comes_without_javascript(served):
    """The form is complete without its script."""
    from tests.browser.conftest import Visitor

    visitor = Visitor(f"http://127.0.0.1:{served.port}", script=False)
    try:
        visitor.sign_in(served.home, "clinician")
        visitor.enter(MAN)
        assert not visitor.find("#live").is_displayed()
        visitor.score()
        assert visitor.text(".headline .big") == percent(last_record(served).risk)
    finally:
        visitor.close()
