"""An answer as CDS Hooks cards: what it is, how sure, and where the whole of it stands."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from respredict.errors import Problem
from respredict.interop.evaluation import Evaluation
from respredict.interop.risk_assessment import treatment_notes
from respredict.words.phrases import percent, span

__all__ = ["answer_card", "problem_card"]

_SOURCE = {"label": "respredict"}
_LONGEST = 139  # a summary has fewer than 140 characters


def answer_card(
    answer: Mapping[str, Any], evaluation: Evaluation, assessment: Mapping[str, Any]
) -> dict[str, Any]:
    """Write an answer as a card; its uuid is that of the decision.

    Parameters
    ----------
    answer : mapping
        As ``POST /v1/score`` gives it.
    evaluation : Evaluation
        What was asked.
    assessment : mapping
        The same as a RiskAssessment, which may be filed where it holds a probability that is
        no demonstration.

    Returns
    -------
    dict
        JSON values of CDS Hooks 2.0.
    """
    improvement = answer.get("improvement")
    if improvement is None:
        summary = "No probability of a semen improvement on anastrozole is given: "
        summary += "; ".join(reason["code"].replace("_", " ") for reason in answer["reasons"])
        statement = answer["statement"]
    else:
        likely = percent(improvement["probability"])
        sure = "" if improvement["interval"] is None else f" ({span(improvement['interval'])})"
        summary = f"Semen improvement on anastrozole: {likely}{sure}"
        statement = answer["explanation"]["statement"]
    if answer["model"]["use"] == "demonstration":
        summary += ". Demonstration only"
    told = [*treatment_notes(evaluation), *(c["text"] for c in answer["cautions"])]
    told += [notice["text"] for notice in answer["notices"]]
    cautions = "".join(f"\n* {text}" for text in told)
    ledger = answer["ledger"]
    recorded = f"Decision {answer['decision_id']}, record {ledger['sequence']} of the ledger."
    card = _card(answer["decision_id"], summary, f"{statement}{cautions}\n\n{recorded}")
    if improvement is None or answer["model"]["use"] == "demonstration":
        return card  # nothing that belongs into a chart
    action = {"type": "create", "description": "File this assessment", "resource": assessment}
    suggestion = {"label": "File this assessment", "uuid": str(uuid.uuid4()), "actions": [action]}
    return {**card, "selectionBehavior": "any", "suggestions": [suggestion]}


def problem_card(problems: Iterable[Problem]) -> dict[str, Any]:
    """Write what keeps a man from being scored as a card.

    Parameters
    ----------
    problems : iterable of Problem
        At least one.

    Returns
    -------
    dict
        JSON values of CDS Hooks 2.0.

    Examples
    --------
    >>> card = problem_card([Problem("age", "be given", "nothing", "Send a birth date")])
    >>> card["summary"]
    'No semen improvement score: 1 thing to mend'
    """
    lines = [f"* {_plain(str(problem))}" for problem in problems]
    things = "thing" if len(lines) == 1 else "things"
    summary = f"No semen improvement score: {len(lines)} {things} to mend"
    return _card(str(uuid.uuid4()), summary, "\n".join(lines))


def _plain(text: str) -> str:
    """Return text that Markdown shows as it stands: what was sent may stand in it."""
    return re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", text)


def _card(name: str, summary: str, detail: str) -> dict[str, Any]:
    short = summary if len(summary) <= _LONGEST else f"{summary[: _LONGEST - 1]}…"
    return {"uuid": name, "summary": short, "indicator": "info", "detail": detail,
            "source": _SOURCE}  # fmt: skip
