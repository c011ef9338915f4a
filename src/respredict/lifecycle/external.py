"""Anybody's published equation, judged on a clinic's own men."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from respredict.cohort import read_cohort
from respredict.equation import Equation, read_equation
from respredict.lifecycle.subjects import outcomes
from respredict.validation.evaluation import THRESHOLDS, SmallCells, evaluate, evaluate_groups

__all__ = ["judge_equation"]

Say = Callable[[str], None]

_INCOMPLETE = "a value that the equation takes is missing, or known only to one side"


def judge_equation(
    equation: str, cohort: str, *, level: float = 0.9, thresholds: tuple[float, ...] = THRESHOLDS,
    seed: int = 0, small: SmallCells | None = None, say: Say = lambda _: None,
) -> dict[str, Any]:  # fmt: skip
    """Validate an equation on the men of a cohort who have all that it takes.

    Parameters
    ----------
    equation : path-like
        File of the equation.
    cohort : path-like
        Table with baseline and follow-up.
    level : float, default=0.9
        Of the intervals, in (0, 1).
    thresholds : tuple of float
        Where net benefit is told, in (0, 1).
    seed : int, default=0
        Of the draws behind some intervals.
    small : SmallCells, default=None
        Which sites are too small to tell of.
    say : callable, default: silent
        Told how far it is.

    Returns
    -------
    dict
        As ``Evaluation.as_dict``, and ``equation`` (name, citation, scheme, definition),
        ``cohort`` (kind, source, sha256), ``left_out`` (men by reason), ``groups`` by site,
        ``level`` and ``seed``.

    Raises
    ------
    InputError
        If the equation, the table, or what is left of it breaks a rule.
    """
    of: Equation = read_equation(equation)
    say(f"reading {cohort}")
    men = read_cohort(cohort, need=("outcome",), scheme=of.scheme)
    moved = outcomes(men, of.scheme)
    p = of.probability(men.men)
    known, complete = ~np.isnan(moved.improved), ~np.isnan(p)
    why, count = np.unique(moved.reason[~known].astype(str), return_counts=True)
    left_out = {str(w): int(c) for w, c in zip(why, count, strict=True)}
    if (known & ~complete).any():
        left_out[_INCOMPLETE] = int((known & ~complete).sum())
    rows = known & complete
    y = moved.improved[rows].astype(int)
    how: dict[str, Any] = {"level": level, "thresholds": thresholds, "seed": seed}
    told = evaluate(y, p[rows], **how).as_dict()
    groups = {}
    if "site" in men.men and men.men["site"].notna().any():
        site = men.men.loc[rows, "site"].fillna("unknown").astype(str)
        groups = evaluate_groups(y, p[rows], site, **how, small=small, say=say)
    return told | {
        "groups": {name: one.as_dict() for name, one in groups.items()},
        "level": level,
        "seed": seed,
        "equation": {"name": of.name, "citation": of.citation, "scheme": of.scheme,
                     "definition": of.definition},
        "cohort": {"kind": men.provenance.kind, "source": men.provenance.source,
                   "sha256": men.provenance.sha256},
        "left_out": left_out,
    }  # fmt: skip
