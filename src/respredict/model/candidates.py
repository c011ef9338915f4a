"""What may be fitted: four candidates, from the simplest to the most complex.

Each is a pipeline that completes what is missing or censored, forms features and
classifies: a logistic regression shrunk to the published effects or to zero, one with
restricted cubic splines, and boosted trees held to the published directions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin, TransformerMixin
from sklearn.pipeline import Pipeline

from respredict.candidate_settings import CandidateSettings
from respredict.model.boosting import MonotoneBoosting
from respredict.model.features import RatioFeatures
from respredict.model.logistic import ShrunkenLogistic
from respredict.model.predictors import (
    PREDICTORS,
    build_imputer,
    feature_names,
    log_ratios,
    matrix_columns,
)
from respredict.model.prior import DIRECTIONS, published_prior
from respredict.model.splines import RestrictedSplines

__all__ = [
    "CANDIDATES",
    "PREDICTORS",
    "build_candidate",
    "build_pipeline",
    "fit_counted",
    "matrix_columns",
]

#: From the simplest to the most complex. The first is the default; the second lets the
#: men alone say how large each effect is; the others let effects bend, and combine.
CANDIDATES = ("published", "zero", "splines", "boosting")

#: Widths to choose from when shrinking to zero, per standard deviation of a column.
ZERO_SCALES = (0.03, 0.06, 0.1, 0.15, 0.22, 0.32, 0.46, 0.68, 1.0, 1.5)
#: How far the published effects may be believed: not at all, by half, in full.
STRENGTHS = (0.0, 0.5, 1.0)

_TOLERANCE = 1e-5  # of the imputer in a resample, in standard deviations


def build_candidate(
    name: str = "published", predictors: str = "hormones", *, random_state: int = 0,
    asked: CandidateSettings | None = None,
) -> Pipeline:  # fmt: skip
    """Build an unfitted candidate: impute, form features, classify.

    Parameters
    ----------
    name : {"published", "zero", "splines", "boosting"}, default="published"
        Of ``CANDIDATES``.
    predictors : {"hormones", "hormones+semen", "lh+fsh", "t_lh"}, default="hormones"
        The predictor set; ``fit`` takes a frame with its ``matrix_columns``.
    random_state : int, default=0
        Draws the folds in which a penalty or a number of trees is chosen.
    asked : CandidateSettings or None, default=None
        What it is held to; its defaults if None.

    Returns
    -------
    Pipeline
        Steps ``imputer``, ``features`` and ``classifier``, each of which takes
        ``sample_weight``.

    Raises
    ------
    ValueError
        If there is no such candidate or set.

    Notes
    -----
    How far the published effects are believed is chosen by marginal likelihood. A width
    is chosen by cross-validation, with the rows of a man in one fold: in a bootstrap
    sample a man drawn twice looks like evidence for a wider prior.

    Examples
    --------
    >>> [str(build_candidate(name, "t_lh")[1]) for name in ("published", "splines")]
    ["RatioFeatures(ratios=(('ln_t_lh', 0, 1),))", 'RestrictedSplines()']
    """
    if name not in CANDIDATES:
        msg = (f"a candidate must be one of {', '.join(CANDIDATES)}, got {name!r}. "
               "Choose one of them.")  # fmt: skip
        raise ValueError(msg)
    build = {"published": _published, "zero": _zero, "splines": _splines, "boosting": _boosting}
    features, classifier = build[name](predictors, random_state)
    made = Pipeline(
        [("imputer", build_imputer(predictors)), ("features", features), ("classifier", classifier)]
    )
    return made if asked is None else made.set_params(**asked.parameters(name))


def build_pipeline(
    predictors: str = "hormones", shrink_to: str = "published", *, random_state: int = 0
) -> Pipeline:
    """Build the unfitted candidate that shrinks to the published effects or to zero.

    Parameters
    ----------
    predictors : {"hormones", "hormones+semen", "lh+fsh", "t_lh"}, default="hormones"
        The predictor set.
    shrink_to : {"published", "zero"}, default="published"
        What the coefficients are drawn to.
    random_state : int, default=0
        As of :func:`build_candidate`.

    Returns
    -------
    Pipeline
        Steps ``imputer``, ``features`` and ``classifier``.

    Raises
    ------
    ValueError
        If there is no such set, or nothing of that name to shrink to.

    Examples
    --------
    >>> list(build_pipeline("t_lh").named_steps)
    ['imputer', 'features', 'classifier']
    """
    if shrink_to not in ("published", "zero"):
        msg = f"shrink_to must be 'published' or 'zero', got {shrink_to!r}. Choose one of them."
        raise ValueError(msg)
    return build_candidate(shrink_to, predictors, random_state=random_state)


def fit_counted(model: Any, X: Any, y: ArrayLike, counts: ArrayLike, *, start: Any = None) -> Any:
    """Fit a candidate or a comparator to a resample.

    Parameters
    ----------
    model : Pipeline or estimator
        Unfitted; fitted in place.
    X : DataFrame of shape (n_patients, n_columns)
        One row a man.
    y : array-like of shape (n_patients,)
        Two classes.
    counts : array-like of int of shape (n_patients,)
        How often each man was drawn; 0 leaves him out.
    start : Pipeline, default=None
        Fitted to men of the same kind: a pipeline's imputer starts from its imputer.

    Returns
    -------
    Pipeline or estimator
        ``model``. A man drawn k times counts as k rows of his, in one fold.

    Examples
    --------
    >>> import pandas as pd
    >>> men = pd.DataFrame([[200.0 + 10 * i, 2.0 + i % 7, 0, 0] for i in range(40)],
    ...                    columns=matrix_columns("t_lh"))
    >>> counts = np.tile([0, 1, 2, 1], 10)
    >>> model = fit_counted(build_candidate("zero", "t_lh"), men, men["lh_iu_l"] < 5, counts)
    >>> model.predict_proba(men[:1])[:, 1] > 0.9
    array([ True])
    """
    drawn = np.asarray(counts)
    rows = np.flatnonzero(drawn)
    men, outcome, drawn = X.iloc[rows], np.asarray(y)[rows], drawn[rows]
    if not isinstance(model, Pipeline):
        return model.fit(men, outcome, sample_weight=drawn)
    if start is not None:
        of = start[0]
        model[0].set_params(mean_init=of.mean_, covariance_init=of.covariance_, tol=_TOLERANCE)
    return model.fit(men, outcome, **{f"{name}__sample_weight": drawn for name, _ in model.steps})


def _published(predictors: str, _: int) -> tuple[TransformerMixin, ClassifierMixin]:
    prior = published_prior(predictors)
    return _ratios(predictors), ShrunkenLogistic(
        prior_mean=tuple(effect.mean for effect in prior),
        prior_sd=tuple(effect.sd for effect in prior),
        strengths=STRENGTHS,
    )


def _zero(predictors: str, random_state: int) -> tuple[TransformerMixin, ClassifierMixin]:
    return _ratios(predictors), _ridge(random_state)


def _splines(_: str, random_state: int) -> tuple[TransformerMixin, ClassifierMixin]:
    return RestrictedSplines(), _ridge(random_state)


def _boosting(predictors: str, random_state: int) -> tuple[TransformerMixin, ClassifierMixin]:
    # T/E2 is left out: E2 is free, so the ratio could not be held to testosterone's way.
    names = [name for name in feature_names(predictors) if name != "ln_t_e2"]
    directions = tuple(DIRECTIONS.get(name, 0) for name in names)
    trees = MonotoneBoosting(directions=directions, random_state=random_state)
    return _ratios(predictors, without="ln_t_e2"), trees


def _ridge(random_state: int) -> ShrunkenLogistic:
    return ShrunkenLogistic(scales=ZERO_SCALES, select="cv", random_state=random_state)


def _ratios(predictors: str, without: str = "") -> RatioFeatures:
    at = feature_names(predictors).index
    formed = [ratio for ratio in log_ratios(predictors) if ratio[0] != without]
    return RatioFeatures(ratios=tuple((name, at(over), at(under)) for name, over, under in formed))
