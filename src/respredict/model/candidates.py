"""What may be fitted: predictor sets, the published prior, the unfitted pipeline.

A pipeline completes what is missing or censored, adds the ratios where the published
effects sit, and fits a logistic regression shrunk to those effects or to zero. Every
number of the prior is below with what it rests on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from sklearn.pipeline import Pipeline

from respredict.model.censoring import CensoredGaussianImputer
from respredict.model.features import RatioFeatures
from respredict.model.logistic import ShrunkenLogistic
from respredict.schema.analytes import analyte
from respredict.schema.record import AGE, BMI

__all__ = [
    "PREDICTORS",
    "PRIOR",
    "Effect",
    "build_pipeline",
    "feature_names",
    "matrix_columns",
    "published_prior",
]

PredictorSet = Literal["hormones", "hormones+semen", "lh+fsh", "t_lh"]

#: What each set measures, in the order of the matrix and of the features.
PREDICTORS: dict[str, tuple[str, ...]] = {
    "hormones": ("age", "bmi", "testosterone", "estradiol", "lh", "fsh"),
    "hormones+semen": (
        "age", "bmi", "testosterone", "estradiol", "lh", "fsh", "sperm_concentration",
    ),
    "lh+fsh": ("lh", "fsh"),
    "t_lh": ("testosterone", "lh"),
}  # fmt: skip

_RATIOS = (("ln_t_e2", "testosterone", "estradiol"), ("ln_t_lh", "testosterone", "lh"))
_AZOOSPERMIA = "azoospermia"

#: Widths to choose from when shrinking to zero, per standard deviation of a column.
ZERO_SCALES = (0.03, 0.06, 0.1, 0.15, 0.22, 0.32, 0.46, 0.68, 1.0, 1.5)
#: How far the published effects may be believed: not at all, by half, in full.
STRENGTHS = (0.0, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Effect:
    """What is expected of one coefficient before any man of the clinic is seen.

    Parameters
    ----------
    mean : float
        Log-odds of improvement per unit of the feature, at full strength.
    sd : float
        Standard deviation about it, positive.
    source : str
        What it rests on.

    Examples
    --------
    >>> PRIOR["ln_t_lh"].mean, PRIOR["ln_t_lh"].sd
    (1.1, 0.4)
    """

    mean: float
    sd: float
    source: str


_NO_ASSOCIATION = "Naelitz 2023: no association; width set by this project"
_RATIO_CARRIES = "the T/LH term carries the published association; width set by this project"
_AGE_SD = 6.0  # years, and below of ln BMI: one standard deviation of the men described
_LN_BMI_SD = 0.15

#: The published prior, by feature.
PRIOR: dict[str, Effect] = {
    "age_years": Effect(0.0, 0.15 / _AGE_SD, "0.15 per SD of 6 years; set by this project"),
    "ln_bmi": Effect(0.0, 0.15 / _LN_BMI_SD, f"0.15 per SD; {_NO_ASSOCIATION}"),
    "ln_testosterone": Effect(0.0, 0.3, _RATIO_CARRIES),
    "ln_estradiol": Effect(0.0, 0.3, _NO_ASSOCIATION),
    "ln_lh": Effect(0.0, 0.3, _RATIO_CARRIES),
    "ln_fsh": Effect(-0.15, 0.25, "Naelitz 2023: responders had lower FSH; size by simulation"),
    "ln_sperm_concentration": Effect(0.0, 0.3, "width set by this project"),
    _AZOOSPERMIA: Effect(
        -1.5, 1.0,
        "Shoshany 2017: none of the azoospermic men improved; size assumed, hence the width",
    ),
    "ln_t_e2": Effect(0.0, 0.2, _NO_ASSOCIATION),
    "ln_t_lh": Effect(1.1, 0.4, "Naelitz 2023: medians of responders and others; by simulation"),
}  # fmt: skip


def matrix_columns(predictors: str = "hormones") -> tuple[str, ...]:
    """Name the columns of a model matrix, in order.

    Parameters
    ----------
    predictors : {"hormones", "hormones+semen", "lh+fsh", "t_lh"}, default="hormones"
        The predictor set.

    Returns
    -------
    tuple of str
        Measurements in canonical units, then the columns that hold their side.

    Raises
    ------
    ValueError
        If there is no such set.

    Examples
    --------
    >>> matrix_columns("t_lh")
    ('testosterone_ng_dl', 'lh_iu_l', 'testosterone_censor', 'lh_censor')
    """
    measured = tuple(_column(name) for name in _set(predictors))
    return measured + tuple(side for _, side in _sides(predictors))


def feature_names(predictors: str = "hormones") -> tuple[str, ...]:
    """Name the features of the classifier, in order: completed columns, then ratios.

    Parameters
    ----------
    predictors : {"hormones", "hormones+semen", "lh+fsh", "t_lh"}, default="hormones"
        The predictor set.

    Returns
    -------
    tuple of str
        As the coefficients follow each other.

    Raises
    ------
    ValueError
        If there is no such set.

    Examples
    --------
    >>> feature_names("t_lh")
    ('ln_testosterone', 'ln_lh', 'ln_t_lh')
    """
    return _completed(predictors) + tuple(name for name, _, _ in _ratios(predictors))


def published_prior(predictors: str = "hormones") -> tuple[Effect, ...]:
    """Return the published prior of a predictor set, one effect a feature.

    Parameters
    ----------
    predictors : {"hormones", "hormones+semen", "lh+fsh", "t_lh"}, default="hormones"
        The predictor set.

    Returns
    -------
    tuple of Effect
        In the order of ``feature_names``.

    Raises
    ------
    ValueError
        If there is no such set.

    Notes
    -----
    A ratio that cannot be formed leaves its effect with the hormone that is there:
    without testosterone, LH is expected to act as it does through T/LH.

    Examples
    --------
    >>> lh, fsh = published_prior("lh+fsh")
    >>> lh.mean, round(lh.sd, 6)
    (-1.1, 0.5)
    """
    measured, formed = _set(predictors), {name for name, _, _ in _ratios(predictors)}
    effects = {name: PRIOR[name] for name in feature_names(predictors)}
    for ratio, over, under in _RATIOS:
        for hormone, sign in ((over, 1.0), (under, -1.0)):
            if ratio not in formed and hormone in measured:
                own, moved = effects[f"ln_{hormone}"], PRIOR[ratio]
                effects[f"ln_{hormone}"] = Effect(
                    own.mean + sign * moved.mean,
                    math.hypot(own.sd, moved.sd),
                    f"{own.source}; and as {ratio}: {moved.source}",
                )
    return tuple(effects.values())


def build_pipeline(
    predictors: str = "hormones", shrink_to: str = "published", *, random_state: int = 0
) -> Pipeline:
    """Build an unfitted pipeline: impute, add ratios, classify.

    Parameters
    ----------
    predictors : {"hormones", "hormones+semen", "lh+fsh", "t_lh"}, default="hormones"
        The predictor set; ``fit`` takes a frame with its ``matrix_columns``.
    shrink_to : {"published", "zero"}, default="published"
        Shrink to the published effects, believed as far as the marginal likelihood
        says; or to zero, as far as cross-validation says.
    random_state : int, default=0
        Draws the folds of that cross-validation.

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
    completed = _completed(predictors)
    measured = _set(predictors)
    semen = tuple(_column(name) for name in measured if name == "sperm_concentration")
    imputer = CensoredGaussianImputer(
        log=tuple(_column(name) for name in measured if name != "age"),
        censor=_sides(predictors),
        zero_state=semen,
        names=completed,
    )
    ratios = tuple(
        (name, completed.index(f"ln_{over}"), completed.index(f"ln_{under}"))
        for name, over, under in _ratios(predictors)
    )
    if shrink_to == "published":
        prior = published_prior(predictors)
        classifier = ShrunkenLogistic(
            prior_mean=tuple(effect.mean for effect in prior),
            prior_sd=tuple(effect.sd for effect in prior),
            strengths=STRENGTHS,
        )
    elif shrink_to == "zero":
        classifier = ShrunkenLogistic(scales=ZERO_SCALES, select="cv", random_state=random_state)
    else:
        msg = f"shrink_to must be 'published' or 'zero', got {shrink_to!r}. Choose one of them."
        raise ValueError(msg)
    return Pipeline(
        [
            ("imputer", imputer),
            ("features", RatioFeatures(ratios=ratios)),
            ("classifier", classifier),
        ]
    )


def _set(predictors: str) -> tuple[str, ...]:
    if predictors not in PREDICTORS:
        msg = (f"predictors must be one of {', '.join(PREDICTORS)}, got {predictors!r}. "
               "Choose one of them.")  # fmt: skip
        raise ValueError(msg)
    return PREDICTORS[predictors]


def _column(name: str) -> str:
    return {"age": AGE.name, "bmi": BMI.name}.get(name) or analyte(name).column


def _sides(predictors: str) -> tuple[tuple[str, str], ...]:
    named = (analyte(name) for name in _set(predictors) if name not in ("age", "bmi"))
    return tuple((a.column, a.censor_column) for a in named)


def _completed(predictors: str) -> tuple[str, ...]:
    measured = _set(predictors)
    logs = tuple(AGE.name if name == "age" else f"ln_{name}" for name in measured)
    return logs + ((_AZOOSPERMIA,) if "sperm_concentration" in measured else ())


def _ratios(predictors: str) -> tuple[tuple[str, str, str], ...]:
    measured = _set(predictors)
    return tuple(r for r in _RATIOS if r[1] in measured and r[2] in measured)
