"""What a model is told of a man: predictor sets, the columns of its matrix, its features."""

from __future__ import annotations

from respredict.model.censoring import CensoredGaussianImputer
from respredict.schema.analytes import analyte
from respredict.schema.record import AGE, BMI

__all__ = ["PREDICTORS", "build_imputer", "feature_names", "log_ratios", "matrix_columns"]

#: What each set measures, in the order of the matrix and of the features. Those with a
#: minus are only compared, to say what the one left out adds.
PREDICTORS: dict[str, tuple[str, ...]] = {
    "hormones": ("age", "bmi", "testosterone", "estradiol", "lh", "fsh"),
    "hormones+semen": (
        "age", "bmi", "testosterone", "estradiol", "lh", "fsh", "sperm_concentration",
    ),
    "lh+fsh": ("lh", "fsh"),
    "t_lh": ("testosterone", "lh"),
    "hormones-estradiol": ("age", "bmi", "testosterone", "lh", "fsh"),
    "hormones-bmi": ("age", "testosterone", "estradiol", "lh", "fsh"),
}  # fmt: skip

_EVERY_RATIO = (("ln_t_e2", "testosterone", "estradiol"), ("ln_t_lh", "testosterone", "lh"))


def matrix_columns(predictors: str = "hormones") -> tuple[str, ...]:
    """Name the columns of a model matrix, in order.

    Parameters
    ----------
    predictors : str, default="hormones"
        A predictor set, of ``PREDICTORS``.

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
    predictors : str, default="hormones"
        A predictor set, of ``PREDICTORS``.

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
    return _completed(predictors) + tuple(name for name, _, _ in log_ratios(predictors))


def log_ratios(predictors: str = "hormones") -> tuple[tuple[str, str, str], ...]:
    """Name the log ratios that a set lets be formed.

    Parameters
    ----------
    predictors : str, default="hormones"
        A predictor set, of ``PREDICTORS``.

    Returns
    -------
    tuple of (ratio, numerator, denominator)
        Names of features.

    Raises
    ------
    ValueError
        If there is no such set.

    Examples
    --------
    >>> log_ratios("t_lh")
    (('ln_t_lh', 'ln_testosterone', 'ln_lh'),)
    """
    measured = _set(predictors)
    return tuple(
        (ratio, f"ln_{over}", f"ln_{under}")
        for ratio, over, under in _EVERY_RATIO
        if over in measured and under in measured
    )


def build_imputer(predictors: str = "hormones") -> CensoredGaussianImputer:
    """Build the unfitted imputer of a predictor set.

    Parameters
    ----------
    predictors : str, default="hormones"
        A predictor set, of ``PREDICTORS``.

    Returns
    -------
    CensoredGaussianImputer
        For a frame with the set's ``matrix_columns``.

    Raises
    ------
    ValueError
        If there is no such set.

    Examples
    --------
    >>> build_imputer("t_lh").names
    ('ln_testosterone', 'ln_lh')
    """
    measured = _set(predictors)
    semen = tuple(_column(name) for name in measured if name == "sperm_concentration")
    return CensoredGaussianImputer(
        log=tuple(_column(name) for name in measured if name != "age"),
        censor=_sides(predictors),
        zero_state=semen,
        names=_completed(predictors),
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
    return logs + (("azoospermia",) if "sperm_concentration" in measured else ())
