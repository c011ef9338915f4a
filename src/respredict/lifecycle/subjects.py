"""The men that a run is about, and whether they are enough."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from respredict.cohort import Cohort, read_cohort
from respredict.config import Settings
from respredict.errors import CohortError, Problem
from respredict.model.candidates import PREDICTORS
from respredict.outcome import Movement, movement, scheme, total_motile_count
from respredict.validation.sample_size import achieved, development_size, verdict
from respredict.validation.subjects import Subjects

__all__ = ["outcomes", "read_known", "read_subjects", "sample_size_of"]

#: Fewer than these in either class cannot even be cross-validated.
FEWEST_OF_EACH = 10
_AUC = 0.75  # that similar models reached

Say = Callable[[str], None]


def read_subjects(settings: Settings, *, say: Say = lambda _: None) -> tuple[Cohort, Subjects]:
    """Read the cohort that settings name, and keep the men whose improvement is known.

    Parameters
    ----------
    settings : Settings
        Of the run.
    say : callable, default: silent
        Told what is being done.

    Returns
    -------
    cohort : Cohort
        All men.
    subjects : Subjects
        Those with a known improvement.

    Raises
    ------
    CohortError
        If the table cannot be read or holds too few men of either outcome.
    """
    cohort, subjects = read_known(settings.cohort.path, settings.outcome.scheme, say=say)
    _check_enough(subjects.improved)
    return cohort, subjects


def read_known(
    path: str | os.PathLike[str], scheme_name: str, *, say: Say = lambda _: None
) -> tuple[Cohort, Subjects]:
    """Read a table, and keep the men whose improvement is known, however few.

    Parameters
    ----------
    path : path-like
        Of the table.
    scheme_name : str
        Of the category scheme.
    say : callable, default: silent
        Told what is being done.

    Returns
    -------
    cohort : Cohort
        All men.
    subjects : Subjects
        Those with a known improvement.

    Raises
    ------
    CohortError
        If the table cannot be read.
    """
    say(f"reading {path}")
    cohort = read_cohort(path, need=("outcome",), scheme=scheme_name)
    moved = outcomes(cohort, scheme_name)
    known = ~np.isnan(moved.improved)
    why, count = np.unique(moved.reason[~known].astype(str), return_counts=True)
    subjects = Subjects(
        cohort.men.loc[known].reset_index(drop=True),
        moved.improved[known].astype(int),
        moved.worsened[known],
        {str(w): int(c) for w, c in zip(why, count, strict=True)},
    )
    return cohort, subjects


def outcomes(cohort: Cohort, scheme_name: str) -> Movement:
    """Return the category change of each man of a cohort.

    Parameters
    ----------
    cohort : Cohort
        With its follow-up columns.
    scheme_name : str
        Of the category scheme.

    Returns
    -------
    Movement
        Of shape (n_patients,).
    """
    of = scheme(scheme_name)
    before, before_side = _reading(cohort.men, of.measure, "")
    after, after_side = _reading(cohort.men, of.measure, "followup_")
    days = cohort.men["followup_days"].to_numpy(dtype=float)
    return movement(
        of, before, after, days, baseline_censor=before_side, followup_censor=after_side
    )


def _reading(men: pd.DataFrame, measure: str, prefix: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the readings and their sides in the measure of a scheme."""

    def column(name: str) -> NDArray[Any]:
        return men[f"{prefix}{name}"].to_numpy(dtype=float)

    concentration = column("sperm_concentration_m_ml")
    side = column("sperm_concentration_censor")
    if measure == "concentration":
        return concentration, side
    return total_motile_count(
        column("semen_volume_ml"),
        concentration,
        column("motility_percent"),
        volume_censor=column("semen_volume_censor"),
        concentration_censor=side,
        motility_censor=column("motility_censor"),
    )


def sample_size_of(subjects: Subjects, settings: Settings) -> dict[str, Any]:
    """Set the men there are beside those that a model of this size takes.

    Parameters
    ----------
    subjects : Subjects
        Of a cohort.
    settings : Settings
        Of the run.

    Returns
    -------
    dict
        ``men`` and ``events`` there are; ``needed``, ``events_needed`` and ``criteria`` by
        Riley, for an assumed ``auc``, ``parameters`` and the cohort's ``prevalence``; what
        is ``achieved`` in the terms of the criteria; ``enough``, and the ``verdict``.
    """
    men, events = len(subjects.improved), int(subjects.improved.sum())
    asked: dict[str, Any] = {
        "auc": _AUC,
        "parameters": len(PREDICTORS[settings.model.predictors]) + 1,
        "prevalence": events / men,
    }
    size = development_size(**asked)
    return {
        "men": men,
        "events": events,
        "needed": size.n,
        "events_needed": size.events,
        "criteria": dict(size.criteria),
        **asked,
        "achieved": achieved(men, **asked),
        "enough": men >= size.n,
        "verdict": verdict(size, men),
    }


def _check_enough(y: NDArray[np.int64]) -> None:
    improved, others = int(y.sum()), int((1 - y).sum())
    if min(improved, others) < FEWEST_OF_EACH:
        raise CohortError(
            Problem(
                "a fit",
                f"have at least {FEWEST_OF_EACH} men who improved and {FEWEST_OF_EACH} who did not",
                f"{improved} and {others} with a known outcome",
                "Pool sites, or wait for more follow-up",
            )
        )
