"""The full validation of a trained model, logged beside it."""

from __future__ import annotations

from collections.abc import Callable

from respredict import registry
from respredict.bundle import report_file
from respredict.config import Settings
from respredict.files import write_atomically
from respredict.lifecycle.provenance import provenance_of
from respredict.lifecycle.subjects import read_subjects, sample_size_of
from respredict.lifecycle.training import Trained
from respredict.lifecycle.versions import REPORT
from respredict.validation.report import Report
from respredict.validation.running import validate

__all__ = ["validate_trained"]

Say = Callable[[str], None]


def validate_trained(trained: Trained, settings: Settings, *, say: Say = lambda _: None) -> Report:
    """Validate a model just trained; log the report to the run that made it.

    Parameters
    ----------
    trained : Trained
        The challenger.
    settings : Settings
        It was trained with.
    say : callable, default: silent
        Told how far it is.

    Returns
    -------
    Report
        As logged: every number a metric, and all of it as ``report.json``; also beside
        the bundle.

    Raises
    ------
    CohortError
        If the table has changed for the worse since.
    """
    cohort, subjects = read_subjects(settings, say=say)
    report = validate(
        subjects,
        settings,
        provenance=provenance_of(settings, cohort, trained.bundle.digest),
        sample_size=sample_size_of(subjects, settings),
        notices=trained.notices,
        say=say,
    )
    say("logging the report in MLflow")
    text = report.to_json()
    registry.attach(trained.version, report.metrics(), {REPORT: text})
    write_atomically(report_file(trained.bundle.folder), text)
    return report
