"""What is published of each feature: expected effects, and which way they point."""

from __future__ import annotations

import math
from dataclasses import dataclass

from respredict.model.predictors import feature_names, log_ratios

__all__ = ["DIRECTIONS", "PRIOR", "Effect", "published_prior"]


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
    "azoospermia": Effect(
        -1.5, 1.0,
        "Shoshany 2017: none of the azoospermic men improved; size assumed, hence the width",
    ),
    "ln_t_e2": Effect(0.0, 0.2, _NO_ASSOCIATION),
    "ln_t_lh": Effect(1.1, 0.4, "Naelitz 2023: medians of responders and others; by simulation"),
}  # fmt: skip

#: Which way the risk may go with a feature in a model held to it; others are free. LH,
#: FSH and testosterone after the medians of responders and others (4.7 and 8.3 IU/L, 4.7
#: and 6.7 IU/L, 356 and 265 ng/dL; Naelitz 2023), azoospermia after Shoshany 2017. BMI,
#: E2 and T/E2 had no association, of age nothing is said. Baseline concentration is free
#: although responders had more: how near the next category begins decides too.
DIRECTIONS: dict[str, int] = {
    "ln_testosterone": 1,
    "ln_lh": -1,
    "ln_fsh": -1,
    "ln_t_lh": 1,
    "azoospermia": -1,
}


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
    formed = set(log_ratios(predictors))
    effects = {name: PRIOR[name] for name in feature_names(predictors)}
    for every in log_ratios("hormones"):
        ratio, over, under = every
        for hormone, sign in ((over, 1.0), (under, -1.0)):
            if every not in formed and hormone in effects:
                own, moved = effects[hormone], PRIOR[ratio]
                effects[hormone] = Effect(
                    own.mean + sign * moved.mean,
                    math.hypot(own.sd, moved.sd),
                    f"{own.source}; and as {ratio}: {moved.source}",
                )
    return tuple(effects.values())
