"""A whole validation, from men to report."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from respredict.candidate_settings import search_notice
from respredict.config import SELECT, Settings
from respredict.model.candidates import CANDIDATES
from respredict.model.comparators import COMPARATORS
from respredict.validation.coefficients import coefficients
from respredict.validation.contributions import contributions
from respredict.validation.curves import measured_curve
from respredict.validation.description import describe_men, groupings
from respredict.validation.figures import (
    risk_histogram,
    roc_points,
)
from respredict.validation.fitting import Candidate, Men, Starts, fit_all, predict_all
from respredict.validation.learning import learning_curve
from respredict.validation.optimism import Plan, resample
from respredict.validation.report import Report
from respredict.validation.sections import (
    contribution_section,
    decision_section,
    performance_section,
    selection_section,
    stability_section,
)
from respredict.validation.selection import Selection, select
from respredict.validation.subgroups import subgroups
from respredict.validation.subjects import Subjects, matrix_of
from respredict.validation.transport import transport
from respredict.validation.workers import finish, one_thread
from respredict.validation.worsening import worsening_section

__all__ = ["LEVEL", "candidates_of", "chosen_candidate", "compared", "validate"]

Floats = NDArray[np.float64]
Say = Callable[[str], None]

LEVEL = 0.9
#: Thresholds of the decision curve.
_GRID = tuple(k / 100 for k in range(1, 100))
_TREATMENT = ("clomiphene", "tamoxifen", "gonadotropin_or_gnrh", "prior_testosterone")
_DESCRIBED = (
    "age_years", "bmi_kg_m2", "testosterone_ng_dl", "estradiol_pg_ml", "lh_iu_l", "fsh_iu_l",
    "shbg_nmol_l", "prolactin_ng_ml", "inhibin_b_pg_ml", "sperm_concentration_m_ml",
    "semen_volume_ml", "motility_percent", "anastrozole_mg_week", *_TREATMENT,
)  # fmt: skip


def chosen_candidate(subjects: Subjects, settings: Settings, *, say: Say = lambda _: None) -> str:
    """Return the candidate that settings ask for, chosen if they ask for a choice.

    Parameters
    ----------
    subjects : Subjects
        Of a cohort.
    settings : Settings
        Of the run.
    say : callable, default: silent
        Told what is done.

    Returns
    -------
    str
        Of ``CANDIDATES``: the same that a validation with these settings reports.
    """
    if settings.model.candidate != SELECT:
        return settings.model.candidate
    candidates, men = candidates_of(settings), matrix_of(subjects, settings.model.predictors)
    say(f"choosing among {', '.join(c.name for c in candidates)}")
    return candidates[compared(candidates, men, settings, say=say).chosen].name


def compared(
    candidates: tuple[Candidate, ...], men: Men, settings: Settings, *, say: Say = lambda _: None
) -> Selection:
    """Compare candidates on men left out, as a choice among them is made.

    Parameters
    ----------
    candidates : tuple of Candidate
        The simplest first.
    men : Men
        The men.
    settings : Settings
        Of the run: folds, repeats and seed are those of its validation.
    say : callable, default: silent
        Told what is done.

    Returns
    -------
    Selection
        Of each candidate the same, whatever it is compared with.
    """
    _, _, starts = one_thread(_fit, candidates, men, settings)
    try:
        return _select(candidates, men, settings, starts, nested=False, say=say)
    finally:
        finish()


def validate(
    subjects: Subjects, settings: Settings, *, provenance: dict[str, Any],
    sample_size: dict[str, Any], notices: tuple[str, ...] = (), say: Say = lambda _: None,
) -> Report:  # fmt: skip
    """Validate what settings ask for, all of it made again in every resample.

    Parameters
    ----------
    subjects : Subjects
        Of a cohort.
    settings : Settings
        Of the run.
    provenance : dict
        As ``Report.provenance`` documents it.
    sample_size : dict
        As ``Report.sample_size`` documents it.
    notices : tuple of str, default=()
        What a reader should know.
    say : callable, default: silent
        Told how far it is.

    Returns
    -------
    Report
        The same, to the bit, for the same settings, men and packages on one kind of
        machine, however many processes.

    Raises
    ------
    CohortError
        If there are too few men.
    """
    try:
        return one_thread(_validate, subjects, settings, provenance, sample_size, notices, say)
    finally:
        finish()


def _validate(
    subjects: Subjects, settings: Settings, provenance: dict[str, Any],
    sample_size: dict[str, Any], notices: tuple[str, ...], say: Say,
) -> Report:  # fmt: skip
    asked, men = settings.validation, matrix_of(subjects, settings.model.predictors)
    candidates, jobs = candidates_of(settings), _jobs(settings)
    fixed = None
    if settings.model.candidate != SELECT:
        fixed = [c.name for c in candidates].index(settings.model.candidate)
    beside = tuple(Candidate(name, settings.model.predictors) for name in COMPARATORS)
    plan = Plan(candidates, beside, fixed, _GRID, asked.folds, asked.seed)
    say(f"validating on {len(men)} men: {len(candidates)} candidates, {asked.resamples} resamples")
    fitted, p, starts = _fit(plan.every, men, settings)
    selection = _select(candidates, men, settings, starts, nested=True, say=say)
    index = selection.chosen if fixed is None else fixed
    resampled = resample(plan, men, asked.resamples, starts=starts, jobs=jobs, say=say)
    common: dict[str, Any] = {"starts": starts, "seed": asked.seed, "jobs": jobs, "say": say}
    travelled = transport(candidates, fixed, men, folds=asked.folds, level=LEVEL, **common)
    learnt = learning_curve(candidates[index], men, more=asked.more_men, repeats=asked.repeats,
                            level=LEVEL, **common)  # fmt: skip
    added = contributions(candidates[index], men, selection.folds, level=LEVEL, **common)
    say("putting the report together")
    sites = subjects.sites()
    out_of_fold = (selection.of_choice() if fixed is None else selection.p[:, index])[0]
    of = coefficients(fitted[index], men, candidates[index].columns, level=LEVEL)
    coarse = provenance["cohort"]["kind"] != "synthetic"
    return Report(
        settings=_asked(settings),
        provenance=provenance,
        cohort=_cohort(subjects),
        sample_size=sample_size,
        model={
            "candidate": candidates[index].name,
            "asked": settings.model.candidate,
            "predictors": settings.model.predictors,
        },
        selection=selection_section(selection, men, resampled, candidates[index].name),
        performance=performance_section(plan, men, p, selection.chosen, resampled, level=LEVEL),
        calibration=_calibration(men, out_of_fold),
        risks=risk_histogram(men.y, p[index], coarse=coarse),
        decision=decision_section(plan, men, p, index, resampled, level=LEVEL),
        roc=tuple(roc_points(men.y, out_of_fold, coarse=coarse)),
        stability=stability_section(
            p[index], resampled, asked.thresholds, coarse=coarse, level=LEVEL
        ),
        learning=learnt.as_dict(),
        contributions=contribution_section(*added),
        subgroups=tuple(
            subgroups(men.y, out_of_fold, groupings(subjects.men, sites[1], sites[0]), level=LEVEL)
        ),
        transport=travelled.as_dict(sites[0]),
        worsening=worsening_section(subjects.worsened, men, settings, level=LEVEL, jobs=jobs,
                                    say=say),
        shrinkage=() if isinstance(of, str) else tuple(one.as_dict() for one in of),
        notices=(*notices, *_notices(of, settings)),
    )  # fmt: skip


def _notices(of: object, settings: Settings) -> list[str]:
    """Return what is to be noticed of the coefficients, and of a search before."""
    absent = f"No table of coefficients: {of}." if isinstance(of, str) else ""
    return [told for told in (absent, search_notice(settings.flat())) if told]


def candidates_of(settings: Settings) -> tuple[Candidate, ...]:
    """Return the candidates asked for and the model's own.

    Parameters
    ----------
    settings : Settings
        Of the run.

    Returns
    -------
    tuple of Candidate
        The simplest first.
    """
    named, asked = {*settings.validation.candidates, settings.model.candidate}, settings.candidates
    return tuple(Candidate(n, settings.model.predictors, asked) for n in CANDIDATES if n in named)


def _jobs(settings: Settings) -> int:
    return settings.validation.jobs or len(os.sched_getaffinity(0))


def _fit(
    every: tuple[Candidate, ...], men: Men, settings: Settings
) -> tuple[tuple[Any, ...], Floats, Starts]:
    """Fit to all men, as training does."""
    everyone = np.ones(len(men), dtype=np.int64)
    fitted, starts = fit_all(every, men, everyone, seed=settings.model.seed)
    return fitted, predict_all(fitted, every, men), starts


def _select(
    candidates: tuple[Candidate, ...], men: Men, settings: Settings, starts: Starts, *,
    nested: bool, say: Say,
) -> Selection:  # fmt: skip
    asked = settings.validation
    return select(candidates, men, seed=asked.seed, starts=starts, repeats=asked.repeats,
                  most_folds=asked.folds, nested=nested, jobs=_jobs(settings), say=say)  # fmt: skip


def _asked(settings: Settings) -> dict[str, Any]:
    """Return the settings without what cannot change the report."""
    left = ("validation.jobs", "cohort.path")
    return {k: v for k, v in settings.flat().items() if k not in left} | {"level": LEVEL}


def _cohort(subjects: Subjects) -> dict[str, Any]:
    y, (names, which) = subjects.improved, subjects.sites()
    described = [c for c in _DESCRIBED if subjects.men[c].notna().any()]
    return {
        "men": len(y),
        "events": int(y.sum()),
        "prevalence": float(y.mean()),
        "left_out": subjects.left_out,
        "sites": [
            {"name": name, "n": int((which == k).sum()), "events": int(y[which == k].sum())}
            for k, name in enumerate(names)
        ],
        "table_one": describe_men(subjects.men, y, described),
    }


def _calibration(men: Men, p: Floats) -> dict[str, Any]:
    points = [dataclasses.asdict(point) for point in measured_curve(men.y, p, level=LEVEL)]
    return {"on": "men left out of the fit", "points": points}
