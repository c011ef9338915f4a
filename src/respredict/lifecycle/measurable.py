"""Whether the men were measured for what a model is to be fitted to.

A column that nobody was measured in teaches an imputer nothing, and one with a few values
may lose all of them to one fold: both are told before anything is fitted.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from respredict.cohort import Cohort
from respredict.config import PREDICTOR_SETS
from respredict.errors import CohortError, Problem
from respredict.lifecycle.subjects import outcomes
from respredict.model.predictors import PREDICTORS, matrix_columns
from respredict.schema.record import column

__all__ = ["FEWEST_MEASURED", "check_measured", "unmeasured", "unmeasured_in"]

#: Measured values of a predictor; with fewer, all might lie in one of five folds.
FEWEST_MEASURED = 10


def check_measured(men: pd.DataFrame, predictors: str, *, remedy: str = "") -> None:
    """Refuse men in whom a predictor was not measured often enough to be fitted.

    Parameters
    ----------
    men : DataFrame
        Those to be fitted, with the columns of a cohort.
    predictors : str
        The predictor set.
    remedy : str, default=""
        What to do; the sets that would do, if empty.

    Raises
    ------
    CohortError
        With every such predictor.
    """
    problems = unmeasured(men, predictors, remedy=remedy)
    if problems:
        raise CohortError(problems)


def unmeasured_in(cohort: Cohort, scheme: str, predictors: str = "hormones") -> list[Problem]:
    """Return what a training on a cohort would be refused for, as :func:`unmeasured` does.

    Parameters
    ----------
    cohort : Cohort
        With its follow-up columns.
    scheme : str
        Category scheme; men whose improvement it leaves unknown are not fitted.
    predictors : str, default="hormones"
        The predictor set.

    Returns
    -------
    list of Problem
        Empty where all is measured.
    """
    known = ~np.isnan(outcomes(cohort, scheme).improved)
    return unmeasured(cohort.men.loc[known], predictors)


def unmeasured(men: pd.DataFrame, predictors: str, *, remedy: str = "") -> list[Problem]:
    """Return the predictors with fewer than ten measured values, a problem each.

    Parameters
    ----------
    men : DataFrame
        Those to be fitted, with the columns of a cohort.
    predictors : str
        The predictor set.
    remedy : str, default=""
        What to do; the sets that would do, if empty.

    Returns
    -------
    list of Problem
        In the order of the set.

    Examples
    --------
    >>> from respredict.schema.record import COLUMNS
    >>> men = pd.DataFrame(1.0, range(40), [of.name for of in COLUMNS])
    >>> men = men.assign(**{of.censor_column: 0 for of in COLUMNS if of.measures})
    >>> (problem,) = unmeasured(men.assign(lh_censor=-1), "t_lh")
    >>> problem.got
    '0 measured, 40 censored and 0 empty in 40 men with a known outcome'
    """
    short = [name for name in _values(predictors) if _counted(men, name)[0] < FEWEST_MEASURED]
    rule = f"have at least {FEWEST_MEASURED} measured values to be fitted"
    remedy = remedy or _remedy(men)
    found = []
    for name in short:
        measured, censored, empty = _counted(men, name)
        got = (
            f"{measured} measured, {censored} censored and {empty} empty in {len(men)} men with a "
            "known outcome"
        )
        found.append(Problem(name, rule, got, remedy))
    return found


def _values(predictors: str) -> tuple[str, ...]:
    """Return the columns of a set that hold values, without those that hold sides."""
    return matrix_columns(predictors)[: len(PREDICTORS[predictors])]


def _counted(men: pd.DataFrame, name: str) -> tuple[int, int, int]:
    """Return how many are measured, known by a limit only, and empty."""
    there = men[name].notna().to_numpy()
    of = column(name)
    limit = there & (men[of.censor_column].to_numpy() != 0) if of.measures else there & False
    return int((there & ~limit).sum()), int(limit.sum()), int((~there).sum())


def _remedy(men: pd.DataFrame) -> str:
    would_do = [
        f'"{name}"'
        for name in PREDICTOR_SETS
        if all(_counted(men, of)[0] >= FEWEST_MEASURED for of in _values(name))
    ]
    if not would_do:
        return "Add measurements: no predictor set can be fitted to these men"
    return f"Add measurements, or set [model] predictors = {' or '.join(would_do)} (--config)"
