"""Pictures of the pages for ``docs/screenshots``, of the published man.

``python -m tests.browser.screenshots`` takes ``RESPREDICT_HOME`` (``make run`` makes one),
serves a copy of it and draws what a clinician sees, on a screen, a telephone and paper.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from respredict.config import home
from serving.pages.form import as_entered
from tests.browser.conftest import NARROW, WIDE, Visitor
from tests.conftest import PUBLISHED_MAN, ROOT
from tests.serving_process.running import Running, own_home

FOLDER = ROOT / "docs" / "screenshots"
#: A4 at 96 dots an inch, and its margins.
PAPER, MARGINS = 794, "38px 53px"
MAN = as_entered(json.dumps({**PUBLISHED_MAN, "reference": "A-17"}).encode())


def draw(visitor: Visitor, folder: Path) -> None:
    """Draw every page at both widths, and the note as it is printed.

    Parameters
    ----------
    visitor : Visitor
        A clinician who is signed in.
    folder : Path
        Where the pictures go.
    """
    for width in (WIDE, NARROW):
        name = "" if width == WIDE else "-narrow"
        visitor.resize(width)
        visitor.go("/")
        visitor.enter({**MAN, "testosterone": "12"})
        (folder / f"form{name}.png").write_bytes(visitor.picture())
        visitor.enter({"testosterone": MAN["testosterone"]})
        visitor.score()
        (folder / f"result{name}.png").write_bytes(visitor.picture())
        if width == WIDE:
            visitor.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
            visitor.resize(PAPER, 1123)
            visitor.driver.execute_script("document.body.style.padding = arguments[0]", MARGINS)
            (folder / "note.png").write_bytes(visitor.picture())
            visitor.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
            visitor.resize(width)
        visitor.go("/model")
        (folder / f"model{name}.png").write_bytes(visitor.picture())


def main() -> int:
    """Draw the pictures of the repository."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Running(own_home(home(), Path(folder))) as served:
        visitor = Visitor(f"http://127.0.0.1:{served.port}")
        try:
            visitor.sign_in(served.home, "clinician")
            draw(visitor, FOLDER)
        finally:
            visitor.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
