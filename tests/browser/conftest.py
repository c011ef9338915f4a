"""A served home and a Chromium without a window, signed in by a one-time link.

Debian's ``chromium`` and ``chromium-driver`` are taken, or what ``RESPREDICT_CHROMIUM`` and
``RESPREDICT_CHROMEDRIVER`` name. Without them every test here is skipped and says so.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from pathlib import Path

import pytest

from respredict.access import create_link
from tests.serving_process.running import Running, own_home

CHROMIUM = os.environ.get("RESPREDICT_CHROMIUM") or shutil.which("chromium")
DRIVER = os.environ.get("RESPREDICT_CHROMEDRIVER") or shutil.which("chromedriver")
_OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--disable-background-networking", "--lang=en",
)  # fmt: skip
WIDE, NARROW = 1280, 375


class Visitor:
    """A browser at the service, and what a person does with it.

    Parameters
    ----------
    base : str
        Address of the service.
    width : int
        Of the window, in pixels.
    script : bool, default=True
        Whether it runs JavaScript.
    """

    def __init__(self, base: str, width: int = WIDE, *, script: bool = True) -> None:
        from selenium import webdriver

        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for option in _OPTIONS:
            options.add_argument(option)
        if not script:
            told = {"profile.managed_default_content_settings.javascript": 2}
            options.add_experimental_option("prefs", told)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.base = base
        self.driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
        self.resize(width)

    def resize(self, width: int, height: int = 900) -> None:
        """Change the window."""
        told = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", told)

    def sign_in(self, home: Path, *roles: str) -> None:
        """Open a one-time link, as a person would."""
        self.go(f"/sign-in/{create_link(home, roles, owner='a test')}")

    def go(self, path: str) -> None:
        """Open a page."""
        self.driver.get(f"{self.base}{path}")

    def find(self, selector: str):
        """Return the one element of a selector."""
        return self.driver.find_element("css selector", selector)

    def text(self, selector: str = "body") -> str:
        """Return what an element shows."""
        return self.find(selector).text

    def named(self, name: str):
        """Return the field of a name."""
        return self.driver.find_element("name", name)

    def enter(self, man: Mapping[str, str]) -> None:
        """Fill fields of the form in."""
        for name, text in man.items():
            if name.endswith(".unit"):
                self.choose(name, text)
            elif name.endswith(".comparator"):
                self.named(name).send_keys(text)
            else:
                self.named(name).clear()
                self.named(name).send_keys(text)

    def choose(self, name: str, value: str) -> None:
        """Click the unit of a value, where there is a choice."""
        found = f'input[type=radio][name="{name}"][value="{value}"]'
        for radio in self.driver.find_elements("css selector", found):
            radio.find_element("xpath", "..").click()

    @contextlib.contextmanager
    def leaving(self) -> Iterator[None]:
        """Wait until what is done has led to another page."""
        old = self._document()
        yield
        self.wait(lambda: self._document() != old)
        self.wait(lambda: self._evaluated("document.readyState") == "complete")

    def wait(self, until: Callable[[], bool], seconds: float = 10) -> None:
        """Wait until something holds of the page, whichever page that is by then."""
        from selenium.webdriver.support.wait import WebDriverWait

        WebDriverWait(self.driver, seconds, poll_frequency=0.02).until(lambda _: until())

    def shown(self, selector: str) -> str:
        """Return what an element shows, in one step: the page may be left at any moment.

        An element found before and read afterwards may be of the page before, which the driver
        calls stale or, when it is just about to go, an unknown error.
        """
        return self._evaluated(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def _document(self) -> str:
        """Return the name of the document that is shown; each load has its own."""
        return self.driver.execute_cdp_cmd("Page.getFrameTree", {})["frameTree"]["frame"][
            "loaderId"
        ]

    def _evaluated(self, expression: str) -> str:
        told = {"expression": expression, "returnByValue": True}
        return self.driver.execute_cdp_cmd("Runtime.evaluate", told)["result"]["value"]

    def press(self, words: str) -> None:
        """Click a button that leads to another page."""
        with self.leaving():
            self.driver.find_element("xpath", f"//button[text()='{words}']").click()

    def score(self) -> None:
        """Send the form."""
        with self.leaving():
            self.find("button.go").click()

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        return self.driver.execute_script(
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )

    def violations(self) -> list[str]:
        """Return what axe-core finds wrong with the page."""
        code = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
        # Handed to the page by the debugger, as its policy lets nobody else.
        self.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": code})
        told = {"expression": "axe.run()", "awaitPromise": True, "returnByValue": True}
        found = self.driver.execute_cdp_cmd("Runtime.evaluate", told)["result"]["value"]
        assert len(found["passes"]) > 20
        return [
            f"{rule['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
            for rule in found["violations"]
            for node in rule["nodes"]
        ]

    def complaints(self) -> list[str]:
        """Return what the console says."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def asked_elsewhere(self) -> list[str]:
        """Return every address asked for that is not the service's."""
        sent = (
            json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")
        )
        asked = {
            told["params"]["request"]["url"]
            for told in sent
            if told["method"] == "Network.requestWillBeSent"
        }
        return sorted(url for url in asked if not url.startswith((self.base, "data:", "about:")))

    def printed(self) -> bytes:
        """Return the page as it is printed."""
        told = self.driver.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
        return base64.b64decode(told["data"])

    def picture(self) -> bytes:
        """Return the whole page as PNG."""
        size = self.driver.execute_script(
            "const page = document.documentElement; scrollTo(0, 0);"
            "return [page.clientWidth, page.scrollHeight]"
        )
        clip = {"x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1}
        told = self.driver.execute_cdp_cmd(
            "Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip}
        )
        return base64.b64decode(told["data"])

    def close(self) -> None:
        """Close it."""
        self.driver.quit()


@pytest.fixture(scope="session")
def served(trained, tmp_path_factory):
    """Serve a copy of the trained home, as a user would."""
    if not (CHROMIUM and DRIVER):
        pytest.skip("no browser: apt-get install chromium chromium-driver")
    pytest.importorskip("selenium", reason="no driver of a browser: pip install selenium")
    pytest.importorskip("axe_playwright_python", reason="no axe-core: pip install it")
    home = own_home(trained["home"], tmp_path_factory.mktemp("served"))
    with Running(home) as running:
        yield running


@pytest.fixture(scope="session")
def browser(served):
    """Open one browser for all tests."""
    visitor = Visitor(f"http://127.0.0.1:{served.port}")
    yield visitor
    visitor.close()


@pytest.fixture
def clinician(browser, served):
    """Sign a clinician in; afterwards nothing was complained of and nobody else asked."""
    browser.resize(WIDE)
    browser.sign_in(served.home, "clinician")
    yield browser
    assert browser.complaints() == []
    assert browser.asked_elsewhere() == []
