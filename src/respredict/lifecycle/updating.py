"""The least change of the champion that new men justify, registered as the challenger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from respredict import registry
from respredict.bundle import Bundle
from respredict.candidate_settings import CandidateSettings
from respredict.cohort import Cohort
from respredict.config import ModelSettings, OutcomeSettings, Settings
from respredict.errors import InputError, Problem, RegistryError
from respredict.lifecycle.fitted import fitted_men
from respredict.lifecycle.measurable import check_measured
from respredict.lifecycle.provenance import base_rate, tags_of
from respredict.lifecycle.recalibrating import (
    RECALIBRATIONS,
    champion_coefficients,
    design,
    moved,
    moved_refits,
)
from respredict.lifecycle.recipes import measured
from respredict.lifecycle.refitting import corrected_slope, retaken_apart
from respredict.lifecycle.registering import Fitted, register
from respredict.lifecycle.subjects import read_known
from respredict.lifecycle.training import fit
from respredict.lifecycle.versions import champion_of, fitted_to
from respredict.model.features import RatioFeatures
from respredict.validation.closed_test import ClosedTest, Step, closed_test
from respredict.validation.subjects import Subjects
from respredict.words.phrases import counted

__all__ = ["LEAST_SLOPE", "Updated", "champion_coefficients", "corrected_slope", "update"]

#: A refit with a smaller corrected slope exaggerates, and is refused.
LEAST_SLOPE = 0.85

Ints = NDArray[np.int64]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Updated:
    """What the new men justify.

    Parameters
    ----------
    step : str
        What was done: ``none``, ``intercept``, ``intercept and slope``, ``revision`` or
        ``refit``.
    why : tuple of str
        A sentence each.
    test : ClosedTest
        What the men said.
    men : dict
        How many were in the table, known, known already, and used.
    version : Version or None, default=None
        As registered; None where nothing changed.
    bundle : Bundle or None, default=None
        Its own.
    """

    step: str
    why: tuple[str, ...]
    test: ClosedTest
    men: dict[str, int]
    version: registry.Version | None = None
    bundle: Bundle | None = None


def update(
    data: str, *, home: Path, level: float = 0.05, resamples: int = 200, jobs: int = 1,
    say: Say = lambda _: None,
) -> Updated:  # fmt: skip
    """Register the least change of the champion that new men justify.

    Parameters
    ----------
    data : path-like
        Table of new men with baseline and follow-up. Men whom the champion was fitted to
        are left out.
    home : Path
        ``RESPREDICT_HOME``.
    level : float, default=0.05
        Of each test, in (0, 1).
    resamples : int, default=200
        By which a refit is judged.
    jobs : int, default=1
        Processes for that.
    say : callable, default: silent
        Told what is being done.

    Returns
    -------
    Updated
        ``none`` registers nothing.

    Raises
    ------
    RegistryError
        If there is no champion.
    InputError
        If the men are of another kind than the champion's, too few, or the champion is of
        a kind that has no closed test.
    """
    if not 0 < level < 1:
        raise InputError(Problem("--level", "lie in (0, 1)", f"{level:g}", "Use 0.05"))
    found = champion_of(home)
    if found is None:
        msg = "an update must have a champion, got none. Run: respredict train --promote."
        raise RegistryError(msg)
    version, champion = found
    champion_coefficients(champion.pipeline)
    cohort, subjects, men = _new_men(data, version, champion, say)
    check_measured(subjects.men, champion.meta["predictors"], remedy="Add measurements")
    X, y = _matrix(champion, subjects), subjects.improved
    say(f"testing what {len(y)} new men say of version {version.number}")
    test = _tested(champion, X, y, level)
    step, why = _step(champion, test, subjects, resamples, jobs, say)
    if step == "none":
        return Updated(step, why, test, men)
    if step == "refit":
        made = _refitted(champion, cohort, subjects, say)
    else:
        made = _moved(
            version, champion, replace(test, step=cast(Step, step)), cohort, subjects, say
        )
    entry = {
        "step": step, "of_version": version.number, "of": champion.digest, "level": level,
        "why": list(why), "test": test.as_dict(), "men": len(y), "events": int(y.sum()),
        "cohort": {n: getattr(cohort.provenance, n) for n in ("kind", "source", "sha256", "date")},
    }  # fmt: skip
    history = [] if step == "refit" else list(champion.meta.get("updates", []))
    made = replace(made, meta={**made.meta, "updates": [*history, entry]})
    made = replace(made, tags={**made.tags, "update": step, "update_of": str(version.number)})
    registered, bundle = register(made, home=home, say=say)
    return Updated(step, why, test, men, registered, bundle)


def _new_men(
    data: str, version: registry.Version, champion: Bundle, say: Say
) -> tuple[Cohort, Subjects, dict[str, int]]:
    """Read the men, and leave out those whom the champion was fitted to."""
    cohort, subjects = read_known(data, champion.meta["scheme"], say=say)
    kinds = cohort.provenance.kind, champion.meta["trained_on"]["kind"]
    if kinds[0] != kinds[1]:
        rule = f"be {kinds[1]} as the champion's, for the two are never mixed"
        remedy = "Train on them instead: respredict train"
        raise InputError(Problem("--data", rule, f"{kinds[0]} men", remedy))
    before = fitted_to(version)
    known = np.zeros(len(subjects.improved), dtype=bool)
    if before is None:
        say("note: the champion's run does not say whom it was fitted to; all men count as new")
    else:
        known = before.among(subjects.men)
    men = {"in_table": len(cohort.men), "known_outcome": len(known), "fitted": int(known.sum()),
           "used": int((~known).sum())}  # fmt: skip
    if known.all():
        rule, remedy = "hold men whom the champion was not fitted to", "Name the new men"
        raise InputError(Problem("--data", rule, f"{known.sum()} known ones", remedy))
    if known.any():
        men_are = counted(int(known.sum()), "man is", "men are")
        say(f"note: {men_are} left out, to whom the champion was fitted")
    subjects = Subjects(
        subjects.men.loc[~known].reset_index(drop=True), subjects.improved[~known],
        subjects.worsened[~known], subjects.left_out | {"fitted before": int(known.sum())},
    )  # fmt: skip
    return cohort, subjects, men


def _matrix(champion: Bundle, subjects: Subjects) -> pd.DataFrame:
    return subjects.men[list(champion.meta["columns"])].astype(float)


def _tested(champion: Bundle, X: pd.DataFrame, y: Ints, level: float) -> ClosedTest:
    coefficients, covariance = champion_coefficients(champion.pipeline)
    Z = design(champion.pipeline, X)
    return closed_test(Z, y, coefficients=coefficients, covariance=covariance, level=level)


def _step(
    champion: Bundle, test: ClosedTest, subjects: Subjects, resamples: int, jobs: int, say: Say
) -> tuple[str, tuple[str, ...]]:
    """Return what is done, and why."""
    why = [
        f"{'Against' if t is not test.tests[-1] or t.step != test.step else 'Not against'} "
        f"{t.step!r}: p = {t.p_value:.2g}, chi-squared {t.statistic:.1f} on {t.df}."
        for t in test.tests
    ]
    curved = not isinstance(champion.pipeline[1], RatioFeatures)
    if test.step in ("none", *RECALIBRATIONS) or (test.step == "revision" and not curved):
        return test.step, (*why, _done(test))
    meta = champion.meta
    seed, asked = int(meta["settings"]["model.seed"]), CandidateSettings.of(meta["settings"])
    say(f"judging a refit over {resamples} resamples")
    slope = corrected_slope(
        subjects, meta["candidate"], meta["predictors"], asked=asked, seed=seed,
        resamples=resamples, jobs=jobs, say=say,
    )  # fmt: skip
    if slope is not None and slope >= LEAST_SLOPE:
        told = f"A refit has a corrected slope of {slope:.2f}, at least {LEAST_SLOPE}."
        return "refit", (*why, told)
    said = "not defined" if slope is None else f"{slope:.2f}"
    least = "intercept and slope" if curved else "revision"
    told = f"A refit was refused: its corrected slope is {said}, below {LEAST_SLOPE}."
    return least, (*why, told, _done(replace(test, step=cast(Step, least))))


def _done(test: ClosedTest) -> str:
    """Say what a step does."""
    if test.step == "none":
        return "The champion stays as it is."
    if test.step == "intercept":
        return f"All log-odds move by {test.shift:+.2f}."
    if test.step == "intercept and slope":
        return f"All log-odds are multiplied by {test.slope:.2f}, then moved by {test.shift:+.2f}."
    return f"Each coefficient is revised, drawn to log-odds times {test.slope:.2f}."


def _moved(
    version: registry.Version, champion: Bundle, test: ClosedTest, cohort: Cohort,
    subjects: Subjects, say: Say,
) -> Fitted:  # fmt: skip
    X, y, meta = _matrix(champion, subjects), subjects.improved, champion.meta
    settings = _settings(meta)
    say("moving the refits, each by a resample of the new men")
    pipeline, seed = moved(champion.pipeline, test), settings.model.seed
    refits = moved_refits(champion.extras.refits, champion.pipeline, X, y, test, seed=seed)
    metrics = measured(
        y, pipeline.predict_proba(X)[:, 1], retaken_apart(champion.pipeline, test, X, y)
    )
    before, told = fitted_to(version), meta["trained_on"]
    men, events = told["men"] + len(y), told["events"] + int(y.sum())
    worsened = subjects.worsened[~np.isnan(subjects.worsened)]
    new = {
        **meta, "performance": metrics,
        "trained_on": {**told, "men": men, "events": events, "prevalence": events / men},
    }  # fmt: skip
    old = meta["worsening"]
    if old["basis"] == "base rate":
        counted = old["events"] + int(worsened.sum()), old["men"] + len(worsened)
        new["worsening"] = base_rate(*counted)
    return Fitted(
        pipeline, new, replace(champion.extras, refits=refits), X,
        fitted_men(subjects.men) if before is None else before.joined(fitted_men(subjects.men)),
        settings.flat(), tags_of(cohort, settings), metrics,
    )  # fmt: skip


def _refitted(champion: Bundle, cohort: Cohort, subjects: Subjects, say: Say) -> Fitted:
    """Fit the champion's recipe to the new men alone."""
    return fit(_settings(champion.meta), cohort, subjects, champion.meta["candidate"], say=say)


def _settings(meta: Any) -> Settings:
    told = meta["settings"]
    return Settings(
        outcome=OutcomeSettings(meta["scheme"]),
        model=ModelSettings(meta["predictors"], meta["candidate"], int(told["model.seed"])),
        candidates=CandidateSettings.of(told),
    )
