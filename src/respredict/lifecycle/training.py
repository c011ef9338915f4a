"""From a table to a registered challenger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from respredict import registry
from respredict.bundle import Bundle, Extras
from respredict.cohort import Cohort
from respredict.config import Settings
from respredict.lifecycle.fitted import fitted_men
from respredict.lifecycle.measurable import check_measured
from respredict.lifecycle.promoting import mend, promote
from respredict.lifecycle.provenance import meta_of, tags_of
from respredict.lifecycle.recipes import left_out, measured
from respredict.lifecycle.registering import Fitted, register
from respredict.lifecycle.subjects import outcomes, read_subjects, sample_size_of
from respredict.model.candidates import PREDICTORS, build_candidate, matrix_columns
from respredict.uncertainty.kinds import refit
from respredict.uncertainty.support import fit_support
from respredict.validation.running import chosen_candidate
from respredict.validation.subjects import Subjects
from respredict.validation.worsening import men_needed
from respredict.words.phrases import counted

__all__ = ["Trained", "fit", "outcomes", "promote", "train"]

Say = Callable[[str], None]

_COMPARED = "Add measurements, or do not validate: a validation compares all sets of predictors"
Build = Callable[[], Any]


@dataclass(frozen=True)
class Trained:
    """A registered challenger.

    Parameters
    ----------
    version : Version
        In the registry.
    bundle : Bundle
        What would be served.
    metrics : dict
        Named as what they are: apparent or cross-validated.
    notices : tuple of str
        What the reader of the table noticed.
    """

    version: registry.Version
    bundle: Bundle
    metrics: dict[str, float]
    notices: tuple[str, ...]


def train(
    settings: Settings, *, home: Path, validated: bool = False, say: Say = lambda _: None
) -> Trained:
    """Fit, explain, log and register a model; it becomes the challenger.

    Parameters
    ----------
    settings : Settings
        Of the run.
    home : Path
        ``RESPREDICT_HOME``. A promotion that was cut off there is finished first.
    validated : bool, default=False
        Whether it will be validated, which compares all sets of predictors.
    say : callable, default: silent
        Told what is being done.

    Returns
    -------
    Trained
        The challenger.

    Raises
    ------
    CohortError
        If the table cannot be read, holds too few men of either outcome, or too few
        measured values of a predictor.
    """
    cohort, subjects = read_subjects(settings, say=say)
    if subjects.left_out:
        say(_left_out(subjects, len(cohort.men)))
    check_measured(subjects.men, settings.model.predictors)
    if validated:
        check_measured(subjects.men, "hormones+semen", remedy=_COMPARED)
    mend(home, say=say)
    say(sample_size_of(subjects, settings)["verdict"])
    name = chosen_candidate(subjects, settings, say=say)
    fitted = fit(settings, cohort, subjects, name, say=say)
    version, bundle = register(fitted, home=home, say=say)
    return Trained(version, bundle, dict(fitted.metrics), cohort.notices)


def fit(
    settings: Settings, cohort: Cohort, subjects: Subjects, name: str, *, say: Say = lambda _: None
) -> Fitted:
    """Fit a candidate to men, and all that belongs to it.

    Parameters
    ----------
    settings : Settings
        Of the run.
    cohort : Cohort
        All men.
    subjects : Subjects
        Those with a known improvement.
    name : str
        Of the candidate.
    say : callable, default: silent
        Told what is being done.

    Returns
    -------
    Fitted
        Ready to be registered.
    """
    X = subjects.men[list(matrix_columns(settings.model.predictors))].astype(float)
    y = subjects.improved

    def build() -> Any:
        predictors, seed = settings.model.predictors, settings.model.seed
        return build_candidate(name, predictors, random_state=seed, asked=settings.candidates)

    say(f"fitting {name} to {len(y)} men, {y.sum()} of whom improved")
    pipeline = build().fit(X, y)
    apart = left_out(build, X, y, seed=settings.model.seed)
    metrics = measured(y, pipeline.predict_proba(X)[:, 1], apart)
    extras = _extras(settings, build, pipeline, X, subjects, say)
    return Fitted(
        pipeline=pipeline,
        meta=meta_of(settings, name, cohort, subjects, metrics),
        extras=extras,
        X=X,
        men=fitted_men(subjects.men),
        settings=settings.flat(),
        tags=tags_of(cohort, settings),
        metrics=metrics,
    )


def _left_out(subjects: Subjects, men: int) -> str:
    """Say how many men are not fitted, and why."""
    why = ", ".join(f"{reason} ({count})" for reason, count in subjects.left_out.items())
    return (
        f"{sum(subjects.left_out.values())} of {counted(men, 'man is', 'men are')} left out: {why}"
    )


def _extras(
    settings: Settings,
    build: Build,
    pipeline: Any,
    X: pd.DataFrame,
    subjects: Subjects,
    say: Say,
) -> Extras:
    """Fit again for intervals, learn whom the model may be asked about, and model worsening."""
    seed, predictors = settings.model.seed, settings.model.predictors
    inputs = PREDICTORS[predictors]
    support = fit_support(pipeline[0], *pipeline[0].split(X.to_numpy()), inputs=inputs, seed=seed)
    refits = refit(build, X, subjects.improved, seed=seed, fitted=pipeline, say=say)
    told = ~np.isnan(subjects.worsened)
    needed = men_needed(subjects.worsened, predictors)
    if needed is None or told.sum() < needed:
        return Extras(refits, support)
    say("fitting worsening, for which there are men enough")

    def of_worsening() -> Any:
        return build_candidate("zero", predictors, random_state=seed)

    X_told, y_told = X[told], subjects.worsened[told].astype(int)
    model = of_worsening().fit(X_told, y_told)
    again = refit(of_worsening, X_told, y_told, seed=seed, fitted=model, say=say)
    return Extras(refits, support, model, again)
