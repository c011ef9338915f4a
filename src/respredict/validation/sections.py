"""The parts of a report: what was found, as plain values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from respredict.model.comparators import COMPARATORS
from respredict.model.rules import RULES, apply_rule
from respredict.validation.contributions import Contribution
from respredict.validation.corrected import correct, correct_avoided, correct_benefit
from respredict.validation.figures import decision_curve, stability_points
from respredict.validation.fitting import Men
from respredict.validation.metrics import METRICS
from respredict.validation.optimism import Plan, Resampled
from respredict.validation.performance import measure, net_benefits
from respredict.validation.selection import Selection, losses
from respredict.validation.stability import stability
from respredict.validation.subgroups import SMALLEST_CELL

__all__ = [
    "contribution_section",
    "decision_section",
    "performance_section",
    "selection_section",
    "stability_section",
]

Floats = NDArray[np.float64]

_COVERS = ("which men are judged; not that other men would have been fitted, which makes the "
           "intervals somewhat short")  # fmt: skip
_RULE = "simplest within one standard error of the best, of the paired difference in log-loss"


def performance_section(
    plan: Plan, men: Men, p: Floats, chosen: int, resampled: Resampled, *, level: float
) -> dict[str, dict[str, Any]]:
    """Correct every metric of every model.

    Parameters
    ----------
    plan : Plan
        What was done in every resample.
    men : Men
        The men.
    p : ndarray of shape (n_models, n_patients)
        Probabilities of the models fitted to all of them, in the order of ``plan.every``.
    chosen : int
        The candidate that the men choose.
    resampled : Resampled
        What the resamples gave.
    level : float
        Of the intervals.

    Returns
    -------
    dict
        As ``Report.performance`` documents it; ``select`` is the whole procedure.
    """
    events, others = int(men.y.sum()), int((1 - men.y).sum())
    names = [candidate.name for candidate in plan.every] + ["select"]
    told: dict[str, dict[str, Any]] = {}
    for i, (name, of) in enumerate(zip(names, [*p, p[chosen]], strict=True)):
        apparent = measure(men.y, of)
        found = {
            metric: correct(metric, apparent[j], resampled.inside[:, i, j],
                            resampled.outside[:, i, j], events=events, others=others, level=level)
            for j, metric in enumerate(METRICS)
        }  # fmt: skip
        told[name] = {metric: one.as_dict() for metric, one in found.items()}
        if name in RULES:
            told[name] |= {"rule": _rule(name, men)}
    return told


def _rule(name: str, men: Men) -> dict[str, Any]:
    """Judge a rule that says yes or no, where it can be said."""
    yes = apply_rule(name, men.X)
    told = ~np.isnan(yes)
    y, yes = men.y[told], yes[told]
    return {
        "n": int(told.sum()),
        "yes": int(yes.sum()),
        "sensitivity": float(yes[y == 1].mean()) if (y == 1).any() else None,
        "specificity": float(1 - yes[y == 0].mean()) if (y == 0).any() else None,
    }


def decision_section(
    plan: Plan, men: Men, p: Floats, index: int, resampled: Resampled, *, level: float
) -> tuple[dict[str, Any], ...]:
    """Tell what treating by the model is worth, beside treating everybody and by the rules.

    Parameters
    ----------
    plan : Plan
        What was done in every resample.
    men : Men
        The men.
    p : ndarray of shape (n_models, n_patients)
        Probabilities of the models fitted to all of them, in the order of ``plan.every``.
    index : int
        The model.
    resampled : Resampled
        What the resamples gave.
    level : float
        Of the intervals.

    Returns
    -------
    tuple of dict
        As ``Report.decision`` documents it.
    """
    at, prevalence = index if plan.fixed is not None else -1, float(men.y.mean())
    inside = resampled.benefit_inside
    benefit = correct_benefit(
        net_benefits(men.y, p[index], plan.thresholds),
        inside[:, at],
        resampled.benefit_outside[:, at],
        level=level,
    )
    avoided = correct_avoided(
        benefit, inside[:, at], resampled.prevalence, prevalence, plan.thresholds, level=level
    )
    beside = {}
    for i, candidate in enumerate(plan.every):
        if candidate.name in COMPARATORS and candidate.name not in RULES:
            off = inside[:, i] - resampled.benefit_outside[:, i]
            beside[candidate.name] = net_benefits(men.y, p[i], plan.thresholds) - off.mean(axis=0)
    for name in RULES:
        yes = np.nan_to_num(apply_rule(name, men.X))  # untreated where it cannot be said
        beside[name] = net_benefits(men.y, yes, plan.thresholds)
    return tuple(decision_curve(plan.thresholds, benefit, avoided, prevalence, beside))


def selection_section(
    selection: Selection, men: Men, resampled: Resampled, model: str
) -> dict[str, Any]:
    """Tell how the candidates compare on men left out.

    Parameters
    ----------
    selection : Selection
        Nested.
    men : Men
        The men.
    resampled : Resampled
        What the resamples gave.
    model : str
        The candidate that is the model.

    Returns
    -------
    dict
        As ``Report.selection`` documents it.
    """
    loss = losses(men.y, selection.p).mean(axis=0)
    best, n = int(np.argmin(loss.mean(axis=1))), len(men)
    again, folds = selection.chosen_without, selection.folds
    rows = []
    for i, candidate in enumerate(selection.candidates):
        apart = loss[i] - loss[best]
        rows.append({
            "name": candidate.name,
            "log_loss": float(loss[i].mean()),
            "difference": float(apart.mean()),
            "standard_error": float(apart.std(ddof=1) / np.sqrt(n)),
            "chosen": i == selection.chosen,
            "is_model": candidate.name == model,
            "chosen_in_folds": float((again == i).mean()),
            "chosen_in_resamples": float((resampled.chosen == i).mean()),
        })  # fmt: skip
    whole = selection.of_choice()
    areas = [measure(men.y, of)[METRICS.index("auc")] for of in whole]
    return {
        "folds": folds.by,
        "n_folds": int(folds.deals[0].max()) + 1,
        "repeats": len(folds.deals),
        "rule": _RULE,
        "candidates": rows,
        "nested": {"log_loss": float(losses(men.y, whole).mean()), "auc": float(np.mean(areas))},
    }


def contribution_section(
    log_loss: float, auc: float, compared: tuple[Contribution, ...]
) -> dict[str, Any]:
    """Tell what groups of predictors add.

    Parameters
    ----------
    log_loss, auc : float
        Of men left out, with ``hormones``.
    compared : tuple of Contribution
        The other sets.

    Returns
    -------
    dict
        As ``Report.contributions`` documents it.
    """
    return {
        "predictors": "hormones",
        "log_loss": log_loss,
        "auc": auc,
        "covers": _COVERS,
        "sets": [one.as_dict() for one in compared],
    }


def stability_section(
    p: Floats, resampled: Resampled, thresholds: tuple[float, ...], *, coarse: bool, level: float
) -> dict[str, Any]:
    """Tell how far probabilities move when the model is made again.

    Parameters
    ----------
    p : ndarray of shape (n_patients,)
        Served.
    resampled : Resampled
        What the resamples gave.
    thresholds : tuple of float
        In (0, 1).
    coarse : bool
        Whether a point must be the mean of ten men.
    level : float
        Of the percentiles.

    Returns
    -------
    dict
        As ``Report.stability`` documents it.
    """
    found = stability(p, resampled.p, thresholds, level=level)
    half, unstable = (found.high - found.low) / 2, found.unstable()
    return {
        "mape": {"mean": float(found.mape.mean()), "median": float(np.median(found.mape)),
                 "p90": float(np.percentile(found.mape, 90))},
        "half_width": {"median": float(np.median(half)), "p90": float(np.percentile(half, 90))},
        "thresholds": [
            {"threshold": t, "changes": float(c.mean()), "unstable_men": float(u)}
            for t, c, u in zip(thresholds, found.changes, unstable, strict=True)
        ],
        "men_a_point": SMALLEST_CELL if coarse else 1,
        "points": stability_points(p, found, coarse=coarse),
    }  # fmt: skip
