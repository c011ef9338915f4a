"""How often a second sample alone moves a man to another category.

Sperm counts vary within one man. Who was chosen for a low first count tends to show
a higher second one, on no drug at all. This module gives that probability in closed
form, so that it can stand beside a model's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, owens_t

from respredict.outcome import Scheme, as_readings, categories
from respredict.schema.analytes import analyte
from respredict.schema.quantities import Quantity

__all__ = ["ChanceOnly", "Parent", "chance_for", "chance_only", "parent"]

Floats = NDArray[np.float64]

#: True ln concentration (million/mL) of unselected men of infertile couples who have sperm, and
#: the share who cannot have any: chosen so that the synthetic cohort meets Naelitz et al. 2023
#: (Fertil Steril 120:746-754, PMID 37392782) in rates and medians. A parent of median 7.4 and
#: log-SD 1.8, nearer to the 3,497 infertile men of Tradewell et al. 2022 (PMC9482862), moves the
#: probabilities at 7.8 million/mL by .02.
CONCENTRATION_LN_MEAN = 1.3
CONCENTRATION_LN_SD = 2.0
STRUCTURAL_PREVALENCE = 0.15
#: A laboratory that sees fewer, million/mL, reports none (assumption).
DETECTION_LIMIT = 0.01

#: Semen volume, mL, and total motility, percent: mean and standard deviation in men with more than
#: 5 million sperm, PMC7761260; taken to hold at every concentration (assumption).
VOLUME_MEAN, VOLUME_SD = 3.2, 1.7
MOTILITY_MEAN, MOTILITY_SD = 55.0, 19.0
#: Within-man CV of the total motile count, 436 men with five samples each: "Within-subject
#: variation of seminal parameters in men with infertile marriages".
COUNT_CV = 0.73

NO_BASELINE = "no baseline count"
CENSORED = "the baseline count is known only to lie on one side of a limit"


@dataclass(frozen=True, slots=True)
class Parent:
    """True values of unselected men and the noise of one sample, natural log.

    Parameters
    ----------
    ln_mean, ln_sd : float
        Of the true value among men who have sperm.
    ln_noise : float
        Standard deviation of one sample about a man's true value.
    detection_limit : float
        A sample below it reads 0; in the unit of the measure.
    structural : float
        Share of men whose samples are always 0, in [0, 1].
    """

    ln_mean: float
    ln_sd: float
    ln_noise: float
    detection_limit: float
    structural: float


@dataclass(frozen=True, slots=True)
class ChanceOnly:
    """Probabilities that a second sample alone lies in another category.

    Parameters
    ----------
    up, down : float or None
        In [0, 1]; None where the baseline does not tell.
    reason : str
        Empty, or why they are None.
    """

    up: float | None
    down: float | None
    reason: str = ""


def parent(measure: Literal["concentration", "total_motile_count"]) -> Parent:
    """Return the unselected population that chance-only movement is reckoned in.

    Parameters
    ----------
    measure : {"concentration", "total_motile_count"}
        As in ``Scheme.measure``.

    Returns
    -------
    Parent
        Of ln million/mL, or of ln million.

    Notes
    -----
    The total motile count is an assumption throughout: concentration, volume and
    motility are taken as independent log-normals, the noise of their product is the
    published CV of the count, and what is left of the variance is between men. Its
    detection limit is that of concentration at the median volume and motility.

    Examples
    --------
    >>> parent("concentration").ln_sd
    2.0
    >>> round(parent("total_motile_count").ln_sd, 2)
    2.05
    """
    noise = analyte("sperm_concentration").log_noise
    if measure == "concentration":
        return Parent(
            CONCENTRATION_LN_MEAN,
            CONCENTRATION_LN_SD,
            noise,
            DETECTION_LIMIT,
            STRUCTURAL_PREVALENCE,
        )
    volume = math.log1p((VOLUME_SD / VOLUME_MEAN) ** 2)
    motility = math.log1p((MOTILITY_SD / MOTILITY_MEAN) ** 2)
    factor = math.log(VOLUME_MEAN) - volume / 2 + math.log(MOTILITY_MEAN / 100) - motility / 2
    count_noise = math.log1p(COUNT_CV**2)
    between = CONCENTRATION_LN_SD**2 + noise**2 + volume + motility - count_noise
    return Parent(
        CONCENTRATION_LN_MEAN + factor,
        math.sqrt(between),
        math.sqrt(count_noise),
        DETECTION_LIMIT * math.exp(factor),
        STRUCTURAL_PREVALENCE,
    )


def chance_only(of: Scheme, value: ArrayLike) -> tuple[Floats, Floats]:
    r"""Probability that a second sample alone lies in a higher or a lower category.

    Parameters
    ----------
    of : Scheme
        The categories.
    value : array-like of shape (n_patients,)
        Exact baseline readings in the unit of the scheme's measure, in [0, inf); NaN
        unknown.

    Returns
    -------
    up, down : ndarray of the shape of ``value``
        In [0, 1], their sum at most 1; NaN where the reading is. ``up`` is 0 in the
        top category and ``down`` is 0 in the lowest. A man's numbers are the same to
        the bit whoever is reckoned with him.

    Raises
    ------
    ValueError
        If a reading is negative or infinite.

    Notes
    -----
    With :math:`(m, s)` of the true logs, :math:`w` the noise of one sample and
    :math:`R = s^2 / (s^2 + w^2)`,

    .. math:: \ln Y_2 \mid y \sim N(m + R(\ln y - m),\; w^2(1 + R)), \quad y > 0.

    After a reading of 0 the man is structurally azoospermic with probability
    :math:`\pi / (\pi + (1 - \pi)\Phi(a))`, :math:`a` the standardised detection limit,
    and else shows sperm next time with probability :math:`1 - \Phi_2(a, a; R) / \Phi(a)`,
    where :math:`\Phi_2(a, a; R) = \Phi(a) - 2T(a, \sqrt{(1 - R) / (1 + R)})` and
    :math:`T` is Owen's.

    The form takes readings as exact. Laboratories print few decimals, which moves the
    numbers by up to .03 beside a cut, and ``down`` by .09 at .01 million/mL.

    Source: Owen, Ann Math Stat 27:1075-1090 (1956). The within-man CV of
    concentration is .54, Keel 2006, Fertil Steril 85:128-134, PMID 16412742.

    Examples
    --------
    >>> from respredict.outcome import scheme
    >>> up, down = chance_only(scheme("concentration"), [0.0, 7.8, 40.0])
    >>> up.round(2), down.round(2)
    (array([0.  , 0.34, 0.  ]), array([0.  , 0.29, 0.12]))
    """
    reading = as_readings(value)
    whole = parent(of.measure)
    category, _ = categories(of, reading)
    at = np.where(np.isnan(category), 0, category).astype(np.intp)
    logs = [math.log(edge) for edge in (whole.detection_limit, *of.cuts)]
    floor = np.array([-math.inf, *logs])[at]
    ceiling = np.array([*logs, math.inf])[at]

    reliability = whole.ln_sd**2 / (whole.ln_sd**2 + whole.ln_noise**2)
    spread = whole.ln_noise * math.sqrt(1 + reliability)
    ln_reading = np.log(np.where(reading > 0, reading, 1.0))
    centre = whole.ln_mean + reliability * (ln_reading - whole.ln_mean)
    up = np.where(at == 0, _up_from_zero(whole), ndtr((centre - ceiling) / spread))
    down = ndtr((floor - centre) / spread)
    unknown = np.isnan(reading)
    return np.where(unknown, np.nan, up), np.where(unknown, np.nan, down)


def chance_for(of: Scheme, baseline: Quantity | None) -> ChanceOnly:
    """Chance-only movement of one man, or the reason why it cannot be told.

    Parameters
    ----------
    of : Scheme
        The categories.
    baseline : Quantity or None
        The baseline reading in the unit of the scheme's measure, if there is one.

    Returns
    -------
    ChanceOnly
        With None and a reason where the reading is absent or censored.

    Raises
    ------
    ValueError
        If the reading is negative or infinite.

    Examples
    --------
    >>> from respredict.outcome import scheme
    >>> chance_for(scheme("concentration"), None)
    ChanceOnly(up=None, down=None, reason='no baseline count')
    >>> round(chance_for(scheme("concentration"), Quantity(7.8, "10*6/mL")).up, 2)
    0.34
    """
    if baseline is None or math.isnan(baseline.value):
        return ChanceOnly(None, None, NO_BASELINE)
    if baseline.comparator:
        return ChanceOnly(None, None, CENSORED)
    up, down = chance_only(of, [baseline.value])
    return ChanceOnly(float(up[0]), float(down[0]))


def _up_from_zero(whole: Parent) -> float:
    """Probability that a man whose sample read 0 shows sperm in the next."""
    total = math.sqrt(whole.ln_sd**2 + whole.ln_noise**2)
    reliability = (whole.ln_sd / total) ** 2
    limit = (math.log(whole.detection_limit) - whole.ln_mean) / total
    below = float(ndtr(limit))
    only_once = 2 * float(owens_t(limit, math.sqrt((1 - reliability) / (1 + reliability))))
    others = 1 - whole.structural
    return others * only_once / (whole.structural + others * below)
