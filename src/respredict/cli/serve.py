"""``serve``: the champion, behind HTTP."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from respredict.cli.common import Add, say
from respredict.config import home
from respredict.errors import InputError, Problem

__all__ = ["add_serve"]


def add_serve(add: Add) -> None:
    """Add ``serve``.

    Parameters
    ----------
    add : callable
        Of :func:`respredict.cli.common.adder`.
    """
    serve = add("serve", _serve, "serve the champion")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=3000)


def _serve(given: argparse.Namespace) -> int:
    from respredict.bundle import champion
    from respredict.ledger.creation import create_ledger

    champion(home())  # refuses early, with the remedy
    root = _checkout()
    create_ledger(home())  # once: two workers that make it would race
    environment = {
        **os.environ,
        "RESPREDICT_HOME": str(home()),
        "BENTOML_HOME": os.environ.get("BENTOML_HOME", str(home() / "bentoml")),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH", "")])),
    }
    command = [
        sys.executable, "-m", "bentoml", "serve", "serving.service:ResponseService",
        "--host", given.host, "--port", str(given.port),
        "--timeout-graceful-shutdown", "10", "--working-dir", str(root),
    ]  # fmt: skip
    say(f"serving on http://{given.host}:{given.port}/v1/score (Ctrl-C ends it)")
    sys.stderr.flush()
    os.execve(command[0], command, environment)  # noqa: S606 - fixed words


def _checkout() -> Path:
    """Return the folder that holds ``serving/``."""
    for folder in (Path.cwd(), Path(__file__).resolve().parents[3]):
        if (folder / "serving" / "service.py").is_file():
            return folder
    raise InputError(
        Problem(
            "serve",
            "be run in a checkout, where serving/ is",
            str(Path.cwd()),
            "Change into a checkout, or build and serve a Bento",
        )
    )
