"""The tally of this worker's ledger, read once and kept up with; a page waits if need be."""

from __future__ import annotations

import threading
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from respredict.audit.tally import Tally
from serving.pages.desk_jobs import ask
from serving.pages.layout import page

__all__ = ["counted", "waiting"]

_tallies: dict[Path, Tally] = {}
_lock = threading.Lock()


def counted(request: Request) -> Tally | None:
    """Return the tally of the ledger, up to its last record.

    Parameters
    ----------
    request : Request
        Whose service's ledger is meant.

    Returns
    -------
    Tally or None
        None while it is being read for the first time; answer :func:`waiting` then.

    Raises
    ------
    LedgerError
        If the ledger cannot be read.
    """
    home = request.app.state.service.home
    with _lock:
        tally = _tallies.setdefault(home, Tally(home))
    if tally.loaded:
        tally.refresh()
        return tally
    return tally if ask(tally, tally.refresh).done else None


def waiting(request: Request) -> Response:
    """Return a page that says that decisions are being counted, and looks again by itself."""
    answer = page(request, "desk_wait.html", here="/audit")
    answer.headers["refresh"] = "1"
    return answer
