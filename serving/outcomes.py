"""What became of a man who was scored: ``POST /v1/outcomes``, one outcome a request."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from respredict.audit.outcomes import Outcome, record_outcomes
from respredict.errors import InputError
from respredict.schema.reader import Reader, is_object, shown
from serving.problems import RefusedError
from serving.reads import actor_of

__all__ = ["told"]

_MEND = "Mend each entry of errors and send the request again."
_NEEDED = {
    "decision": "Send decision_id of the answer",
    "improved": "Send true or false",
    "on": "Send the day of the follow-up sample, as in 2026-03-31",
}


async def told(request: Request) -> Response:
    """Answer ``POST /v1/outcomes``: whether a man improved, recorded about his decision."""
    outcome = _outcome(request.scope["respredict.json"])
    return JSONResponse(await asyncio.to_thread(_recorded, request, outcome), 201)


def _recorded(request: Request, outcome: Outcome) -> dict[str, Any]:
    home = request.app.state.service.home
    try:
        (kept,) = record_outcomes(home, [outcome], actor=actor_of(request))
    except InputError as error:  # of a table of one row
        problems = tuple(replace(problem, rows=()) for problem in error.problems)
        raise RefusedError("invalid-request", _MEND, problems) from error
    return kept.as_dict()


def _outcome(body: Any) -> Outcome:
    reader = Reader()
    if not is_object(body):
        reader.add("request", "be an object", shown(body), f"Send {', '.join(_NEEDED)}")
        raise RefusedError("invalid-request", _MEND, tuple(reader.problems))
    reader.refuse_unknown(body, dict.fromkeys(_NEEDED), "")
    for name, remedy in _NEEDED.items():
        if body.get(name) is None:
            reader.add(name, "be given", "nothing", remedy)
    decision = reader.text("decision", body.get("decision"))
    improved = reader.flag("improved", body.get("improved"))
    on = reader.date("on", body.get("on"))
    if reader.problems or decision is None or improved is None or on is None:
        raise RefusedError("invalid-request", _MEND, tuple(reader.problems))
    return Outcome(decision, improved, on)
