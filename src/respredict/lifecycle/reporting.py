"""The report of a registered version: gathered here, drawn in ``respredict.report``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from respredict import registry
from respredict.bundle import load_bundle
from respredict.card import card_json
from respredict.equation import equation_of
from respredict.errors import RegistryError
from respredict.lifecycle.validating import REPORT
from respredict.lifecycle.versions import whole_digest
from respredict.report.cards import card_page
from respredict.report.explanations import POINTS
from respredict.report.forms import FORMS, add_form, form_json
from respredict.report.page import report_page
from respredict.report.sources import Sources
from respredict.report.verdict import bottom_line, findings
from respredict.validation.report import Report

__all__ = ["gather", "report_documents"]


def gather(which: str, home: Path) -> Sources:
    """Gather what a report is made of.

    Parameters
    ----------
    which : str
        A version's number, an alias, or a bundle's digest.
    home : Path
        ``RESPREDICT_HOME``.

    Returns
    -------
    Sources
        Of that model; one named by its digest comes without the figures of its explanations.

    Raises
    ------
    RegistryError
        If there is no such version, or it was not validated.
    BundleError
        If its bundle is not what the registry says.
    """
    version = None if which.startswith("sha256:") else registry.find_version(which)
    digest = whole_digest(home, which) if version is None else version.digest
    bundle = load_bundle(home, digest)
    told = bundle.document(REPORT) or _artifact(version, REPORT)
    if told is None:
        msg = (
            f"a version must be validated before it is reported, got no validation of {which}. "
            "Run: respredict train --validate."
        )
        raise RegistryError(msg)
    report = Report.from_dict(told).as_dict()
    name = {"number": getattr(version, "number", None), "run_id": getattr(version, "run_id", None)}
    equation = equation_of(bundle.pipeline, bundle.meta)
    return Sources(report, bundle.meta, name, equation, _artifact(version, POINTS))


def report_documents(sources: Sources) -> dict[str, Any]:
    """Make every document of a report.

    Parameters
    ----------
    sources : Sources
        As :func:`gather` gives them.

    Returns
    -------
    dict
        ``report`` and ``card`` as HTML; ``card_json``, ``equation``, ``forms`` by name and
        ``verdict`` as plain values.
    """
    card = card_json(sources.report, sources.meta)
    found = findings(sources)
    return {
        "report": report_page(sources, *(add_form(name) for name in FORMS)),
        "card": card_page(card, sources.name),
        "card_json": card,
        "equation": None if sources.equation is None else sources.equation.as_dict(),
        "forms": {name: form_json(name, sources) for name in FORMS},
        "verdict": {
            "bottom_line": bottom_line(sources, found),
            "findings": [one.as_dict() for one in found],
        },
    }


def _artifact(version: registry.Version | None, name: str) -> dict[str, Any] | None:
    """Return a document that the version's run logged."""
    text = None if version is None else registry.fetch_text(version, name)
    return None if text is None else dict(json.loads(text))
