"""The report and the card as people see them: at two widths, on paper, and by axe-core.

Debian's ``chromium``, ``chromium-driver`` and ``poppler-utils`` are taken; without them every
test here is skipped and says so.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from importlib.resources import files

import pytest

from respredict.card import card_json
from respredict.lifecycle.reporting import report_documents
from respredict.report.page import BANNER
from tests.report.conftest import sources  # noqa: F401 - a fixture

CHROMIUM = os.environ.get("RESPREDICT_CHROMIUM") or shutil.which("chromium")
DRIVER = os.environ.get("RESPREDICT_CHROMEDRIVER") or shutil.which("chromedriver")
WIDE, NARROW = 1280, 375
_OPTIONS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars",
            "--disable-background-networking")  # fmt: skip

#: Elements that stick out of the window, but for headings that stand in each cell instead.
_CUT = """const wide = document.documentElement.clientWidth + 1;
const aside = e => e.closest('thead') && getComputedStyle(e.closest('thead')).clipPath != 'none';
return [...document.querySelectorAll('body *')].filter(e => !e.closest('svg') && !aside(e) &&
  (e.getBoundingClientRect().right > wide || e.getBoundingClientRect().left < -1))
  .map(e => e.outerHTML.slice(0, 90));"""
#: Neighbouring blocks that lie over each other.
_OVERLAPPING = """const blocks = [...document.querySelectorAll('main > section > *')];
return blocks.slice(1).filter((e, i) => blocks[i].parentNode === e.parentNode &&
  e.getBoundingClientRect().top < blocks[i].getBoundingClientRect().bottom - 1)
  .map(e => e.outerHTML.slice(0, 90));"""
_AXE = """const done = arguments[0];
axe.run({resultTypes: ['violations']}).then(r => done(r.violations.map(
  v => v.id + ': ' + v.nodes[0].html.slice(0, 90))));"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="apt install chromium chromium-driver"),
    pytest.mark.skipif(not shutil.which("pdftotext"), reason="apt install poppler-utils"),
]


@pytest.fixture(scope="module")
def driver():
    webdriver = pytest.importorskip("selenium.webdriver", reason="pip install '.[browser]'")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for option in _OPTIONS:
        options.add_argument(option)
    browser = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    yield browser
    browser.quit()


@pytest.fixture(scope="module")
def made(sources, tmp_path_factory):  # noqa: F811 - the fixture
    folder = tmp_path_factory.mktemp("pages")
    documents = report_documents(sources)
    assert card_json(sources.report, sources.meta) == documents["card_json"]
    for name in ("report", "card"):
        (folder / f"{name}.html").write_text(documents[name], encoding="utf-8")
    return folder


def opened(driver, made, name, width):
    told = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", told)
    driver.get((made / f"{name}.html").as_uri())


@pytest.mark.parametrize("name", ["report", "card"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_nothing_is_cut_and_nothing_overlaps(driver, made, name, width):
    opened(driver, made, name, width)
    assert driver.execute_script(_CUT) == []
    assert driver.execute_script(_OVERLAPPING) == []
    scrolls = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert driver.execute_script(scrolls) <= 0


@pytest.mark.parametrize("name", ["report", "card"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_axe_finds_nothing(driver, made, name, width):
    pytest.importorskip("axe_playwright_python", reason="pip install --no-deps it")
    opened(driver, made, name, width)
    axe = files("axe_playwright_python") / "axe.min.js"
    driver.execute_script(axe.read_text(encoding="utf-8"))
    assert driver.execute_async_script(_AXE) == []


@pytest.mark.parametrize(("name", "most"), [("report", 40), ("card", 1)])
def test_every_page_of_paper_says_demonstration(driver, made, name, most):
    opened(driver, made, name, WIDE)
    told = driver.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    file = made / f"{name}.pdf"
    file.write_bytes(base64.b64decode(told["data"]))
    text = subprocess.run(["pdftotext", "-layout", file, "-"], capture_output=True, text=True,
                          check=True).stdout  # fmt: skip
    pages = text.rstrip("\f").split("\f")
    assert 1 <= len(pages) <= most
    assert all(BANNER in page for page in pages)
    size = subprocess.run(["pdfinfo", file], capture_output=True, text=True, check=True).stdout
    assert "(A4)" in size
