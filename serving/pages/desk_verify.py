"""The whole ledger read again: asked for at the desk, told once it is done."""

from __future__ import annotations

import asyncio
import datetime
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from respredict.audit.verifying import as_told
from respredict.ledger.verify import verify
from serving.pages.desk_jobs import ask
from serving.pages.form import read_posted
from serving.pages.layout import page

__all__ = ["verified"]

_TICKET = re.compile(r"[0-9a-f]{32}")


async def verified(request: Request) -> Response:
    """Answer ``/audit/verify``: by POST a reading is begun, by GET its result is told."""
    return await asyncio.to_thread(_verified, request)


def _verified(request: Request) -> Response:
    if request.method == "POST":
        about = read_posted(request.scope["respredict.body"]).get("about", "")
        more = f"&about={about}" if re.fullmatch(r"[0-9]{1,18}", about) else ""
        return RedirectResponse(f"/audit/verify?reading={uuid.uuid4().hex}{more}", 303)
    asked = request.scope["respredict.query"]
    ticket, about = asked.get("reading", ""), asked.get("about", "")
    service = request.app.state.service
    job, head = None, service.reader.head()[0]
    if _TICKET.fullmatch(ticket):
        # In another worker the reading begins anew, which is a reading all the same.
        job = ask(("verify", str(service.home), ticket), _reading(service.home))
    answer = page(
        request,
        "desk_verify.html",
        here="/audit",
        job=job,
        head=head,
        about=int(about) if re.fullmatch(r"[0-9]{1,18}", about) else None,
    )
    if job is not None and not job.done:
        answer.headers["refresh"] = "1"
    return answer


def _reading(home: Path) -> Callable[[Callable[[int], None]], dict[str, Any]]:
    def work(tell: Callable[[int], None]) -> dict[str, Any]:
        began = datetime.datetime.now(tz=datetime.UTC)
        told = as_told(home, verify(home, apart=True, tell=tell))
        ended = datetime.datetime.now(tz=datetime.UTC)
        return {**told, "at": ended, "seconds": (ended - began).total_seconds()}

    return work
