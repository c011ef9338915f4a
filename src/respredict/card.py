"""The model card as plain values: one page's worth, from a validation and a bundle.

Nothing here draws, so that a serving worker may tell the card too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from respredict.candidate_settings import search_notice
from respredict.evidence import load
from respredict.outcome import SCHEMES, TARGET_DAYS, WINDOW_DAYS

__all__ = ["FORMAT", "card_json"]

FORMAT = "respredict-card/1"
Told = Mapping[str, Any]

_USES = {
    "demonstration": "To show what a model of this kind tells. It learnt from synthetic men and "
    "must not guide anybody's care.",
    "local evaluation": "To be evaluated at the clinic whose men it learnt from, beside the "
    "clinician's own judgement: how likely a subfertile man about to take anastrozole is to move "
    "up a semen category.",
}
_USERS = ("clinicians who treat male infertility", "data scientists who retrain and validate it",
          "auditors who replay its answers")  # fmt: skip
_NOT_FOR = (
    "deciding by itself whether a man is treated: it is not a medical device",
    "saying that the drug did it: there is no control arm",
    "men in the top category, on testosterone, or whose blood was drawn on anastrozole",
    "women, boys, and men in whom fertility is not the question",
    "clinics and assays whose men it has not been validated on",
)
_MEASURES = ("auc", "scaled_brier", "log_loss", "calibration_intercept", "calibration_slope", "ici")
_OWNER = ("name", "address", "approved by", "approved on", "reviewed every")
_WATCH = (
    "record what became of each man, and compare it with what was told",
    "stop and validate again when an assay, a protocol or the referral of men changes",
    "ask for a human reading wherever the answer carries a caution",
)


def card_json(report: Told | None, meta: Told) -> dict[str, Any]:
    """Return the card of a model.

    Parameters
    ----------
    report : mapping or None
        ``Report.as_dict()`` of its validation; None where it was not validated.
    meta : mapping
        ``meta.json`` of its bundle.

    Returns
    -------
    dict
        ``format``, ``use``, ``model``, ``intended_use``, ``users``, ``not_for``, ``data``,
        ``outcome``, ``performance``, ``uncertainty``, ``subgroups``, ``monitoring`` and
        ``owner``, whose fields are for its owner to fill in.

    Examples
    --------
    >>> meta = {"name": "respredict", "candidate": "published", "predictors": "hormones",
    ...         "scheme": "who", "use": "demonstration", "trained_on": {"men": 533}}
    >>> card_json(None, meta)["performance"]
    {'reason': 'the model was not validated; run respredict train --validate'}
    """
    known = SCHEMES[meta["scheme"]]
    return {
        "format": FORMAT,
        "use": meta["use"],
        "model": {k: meta[k] for k in ("name", "candidate", "predictors")}
        | ({"digest": report["provenance"]["digest"]} if report else {})
        | ({"search": notice} if (notice := search_notice(meta.get("settings", {}))) else {}),
        "intended_use": _USES[meta["use"]],
        "users": list(_USERS),
        "not_for": list(_NOT_FOR),
        "data": dict(meta["trained_on"]),
        "outcome": {
            "what": f"up at least one category of {known.measure.replace('_', ' ')}",
            "scheme": known.name,
            "categories": list(known.labels),
            "window_days": list(WINDOW_DAYS),
            "meant_for_day": TARGET_DAYS,
            "source": known.source,
        },
        "performance": _performance(report),
        "uncertainty": _uncertainty(report),
        "subgroups": [] if report is None else [_subgroup(one) for one in report["subgroups"]],
        "monitoring": {
            "patients": [
                {
                    "what": f.what,
                    "when": f.fields["when"],
                    "source": ", ".join(str(c) for c in f.citations),
                }
                for f in load("monitoring")
            ],
            "model": list(_WATCH),
        },
        "owner": dict.fromkeys(_OWNER),
    }


def _performance(report: Told | None) -> dict[str, Any]:
    if report is None:
        return {"reason": "the model was not validated; run respredict train --validate"}
    asked = report["model"]["asked"]
    of = report["performance"]["select" if asked == "select" else report["model"]["candidate"]]
    told = {name: of[name] for name in _MEASURES}
    return {"level": report["settings"]["level"], "on": "men left out of the fit",
            "sample_size": report["sample_size"]["verdict"], **told}  # fmt: skip


def _uncertainty(report: Told | None) -> dict[str, Any]:
    if report is None:
        return {"reason": "the model was not validated; run respredict train --validate"}
    return {
        "half_width": report["stability"]["half_width"],
        "what": "half the width of the interval of a man's probability over fits to other men",
        "another_clinic": report["transport"]["pooled"].get("auc", {}).get("expected"),
        "worsening": report["worsening"]["rate"],
    }


def _subgroup(one: Told) -> dict[str, Any]:
    return {k: one[k] for k in ("by", "group", "n", "events", "auc", "calibration_intercept",
                                "reason") if k in one}  # fmt: skip
