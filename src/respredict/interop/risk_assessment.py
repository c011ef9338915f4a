"""A score as a FHIR R4 RiskAssessment.

A probability is a percentage there: "Decimal values are expressed as percentages as well".
What is predicted is told for days 60 to 270, as ``whenPeriod``; without it a risk would be of
a whole life. A man without a probability gets a prediction that says why, and none.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from respredict.interop.codes import UCUM
from respredict.interop.evaluation import Evaluation
from respredict.interop.observations import day_of
from respredict.outcome import WINDOW_DAYS

__all__ = ["INTERVAL", "REDRAW", "risk_assessment", "treatment_notes"]

INTERVAL = "urn:respredict:fhir:probability-interval"
REDRAW = "urn:respredict:fhir:redraw-interval"
_PERCENT = "probabilityDecimal is a percentage (0 to 100), as FHIR R4 defines it."
_NO_ADVICE = (
    "Not a treatment recommendation. What is predicted is a change of category, which is no "
    "proof of an effect of the drug."
)
_WORSE = "Semen category worse than before"
_NOT_SUPPLIED = "not supplied"


def risk_assessment(
    answer: Mapping[str, Any], evaluation: Evaluation, *, now: datetime.datetime
) -> dict[str, Any]:
    """Write an answer as a RiskAssessment.

    Parameters
    ----------
    answer : mapping
        As ``POST /v1/score`` gives it.
    evaluation : Evaluation
        What was asked.
    now : datetime
        When it was decided, aware.

    Returns
    -------
    dict
        JSON values of FHIR R4.
    """
    model, ledger = answer["model"], answer["ledger"]
    version = model["version"] if model["version"] is not None else "unregistered"
    subject = evaluation.subject
    told: dict[str, Any] = {
        "resourceType": "RiskAssessment",
        "contained": [_device(model, str(version))],
        "identifier": [
            {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{answer['decision_id']}"}
        ],
        "status": "final",
        "method": {
            "coding": [{"system": "urn:respredict:model", "code": model["digest"]}],
            "text": f"{model['name']} version {version}",
        },
        "code": {"text": "Semen improvement on anastrozole"},
        "subject": {"reference": subject} if subject else {"display": _NOT_SUPPLIED},
        "occurrenceDateTime": now.isoformat(timespec="seconds"),
        "performer": {"reference": "#model"},
        "basis": [{"reference": reference} for reference in evaluation.basis],
        "prediction": _predictions(answer, _start(evaluation, now.date())),
        "mitigation": _NO_ADVICE,
        "note": [{"text": text} for text in _notes(answer, evaluation, ledger)],
    }
    return {name: value for name, value in told.items() if value != []}


def _device(model: Mapping[str, Any], version: str) -> dict[str, Any]:
    return {
        "resourceType": "Device",
        "id": "model",
        "identifier": [{"system": "urn:respredict:model", "value": model["digest"]}],
        "manufacturer": "respredict",
        "deviceName": [{"name": model["name"], "type": "model-name"}],
        "version": [{"value": version}],
        "type": {"text": "Clinical prediction model (software); not a medical device"},
    }


def _predictions(answer: Mapping[str, Any], start: datetime.date) -> list[dict[str, Any]]:
    improvement = answer.get("improvement")
    period = _period(start)
    if improvement is None:
        outcome = {"text": "Semen category better than before"}
        return [{"outcome": outcome, "whenPeriod": period, "rationale": answer["statement"]}]
    intervals = [(INTERVAL, improvement["interval"])]
    if improvement.get("redraw_interval") is not None:
        intervals.append((REDRAW, improvement["redraw_interval"]))
    better = {
        "extension": [_extension(url, *ends) for url, ends in intervals if ends is not None],
        "outcome": {"text": improvement["definition"]},
        "probabilityDecimal": _percent(improvement["probability"]),
        "whenPeriod": period,
        "rationale": answer["explanation"]["statement"],
    }
    worsening = answer["worsening"]
    worse: dict[str, Any] = {"outcome": {"text": f"{_WORSE} ({worsening['basis']})"}}
    if worsening.get("probability") is None:
        return [better]
    if worsening.get("interval") is not None:
        worse["extension"] = [_extension(INTERVAL, *worsening["interval"])]
    worse["probabilityDecimal"] = _percent(worsening["probability"])
    return [better, {**worse, "whenPeriod": period}]


def _period(start: datetime.date) -> dict[str, str]:
    first, last = (start + datetime.timedelta(days=days) for days in WINDOW_DAYS)
    return {"start": first.isoformat(), "end": last.isoformat()}


def _extension(url: str, low: float, high: float) -> dict[str, Any]:
    ends = {"low": low, "high": high}
    return {"url": url, "valueRange": {name: _quantity(end) for name, end in ends.items()}}


def _quantity(share: float) -> dict[str, Any]:
    return {"value": _percent(share), "unit": "%", "system": UCUM, "code": "%"}


def _percent(share: float) -> float:
    """Return a percentage; twelve digits hide what multiplying rounds."""
    return float(f"{100.0 * share:.12g}")


def _start(evaluation: Evaluation, today: datetime.date) -> datetime.date:
    """Return from when the days count: the start of anastrozole, if it has begun."""
    treatment = evaluation.body.get("treatment") or {}
    return day_of(treatment.get("anastrozole_since")) or today


def treatment_notes(evaluation: Evaluation) -> list[str]:
    """Return what whoever reads a score must know where nobody told what he takes.

    Parameters
    ----------
    evaluation : Evaluation
        What was asked.

    Returns
    -------
    list of str
        A sentence, or nothing.
    """
    treatment = evaluation.body.get("treatment") or {}
    if treatment.get("testosterone") is not None:
        return []
    told = "Whether he takes or took testosterone was not told"
    return [f"{told}; the score is for a man who does not and did not."]


def _notes(
    answer: Mapping[str, Any], evaluation: Evaluation, ledger: Mapping[str, Any]
) -> list[str]:
    notes = [_PERCENT, f"Use: {answer['model']['use']}. Status: {answer['status']}."]
    notes += treatment_notes(evaluation)
    notes += [of["text"] for of in (*answer["cautions"], *answer["notices"])]
    recorded = f"Recorded as decision {answer['decision_id']}, record {ledger['sequence']}"
    return [*notes, f"{recorded} of the ledger, hash {ledger['hash']}."]
