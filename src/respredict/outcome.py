"""What improving means: semen categories and the movement between two samples.

A man improved if the sample nearest 90 days lies at least one category above the
baseline sample, and worsened if at least one below. Both are category change
between two single samples, not benefit of a drug; ``respredict.chance`` says how
much of it repeating the sample brings by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from respredict.errors import ConfigError, Problem, nearest

__all__ = [
    "SCHEMES",
    "Movement",
    "Scheme",
    "categories",
    "movement",
    "scheme",
    "total_motile_count",
]

Floats = NDArray[np.float64]

#: Days after the start in which a follow-up sample counts, both included, and the day it is meant
#: for. One spermatogenic cycle takes about 72 days; Osadchiy et al. 2024 (Transl Androl Urol)
#: sampled at a median of 91 days.
WINDOW_DAYS = (60.0, 270.0)
TARGET_DAYS = 90.0

NO_BASELINE = "no baseline count"
NO_FOLLOWUP = "no follow-up count"
NO_DAY = "no day of follow-up"
OUTSIDE_WINDOW = "follow-up outside 60 to 270 days"
TOP_CATEGORY = "top category at baseline"
OPEN_CATEGORY = "censoring leaves the category open"


@dataclass(frozen=True, slots=True)
class Scheme:
    """Ordered semen categories: one for zero, then one below each cut and one above all.

    Parameters
    ----------
    name : str
        Settings and sidecars name the scheme so.
    measure : {"concentration", "total_motile_count"}
        What is cut: million/mL, or million in the ejaculate.
    cuts : tuple of float
        Ascending, above 0. A reading equal to a cut belongs to the category above it.
    labels : tuple of str
        One for each category, lowest first: two more than cuts.
    source : str
        What the cuts rest on.

    Examples
    --------
    >>> scheme("who").labels
    ('0', '>0 to <5', '5 to <16', '>=16')
    >>> scheme("who").top
    3
    """

    name: str
    measure: Literal["concentration", "total_motile_count"]
    cuts: tuple[float, ...]
    labels: tuple[str, ...]
    source: str

    @property
    def top(self) -> int:
        """Number of the highest category; the lowest is 0."""
        return len(self.cuts) + 1


_SCHEMES = (
    Scheme(
        name="concentration",
        measure="concentration",
        cuts=(1.0, 5.0, 10.0, 15.0),
        labels=("0", ">0 to <1", "1 to <5", "5 to <10", "10 to <15", ">=15"),
        source="Cuts of this project. Naelitz et al. 2023, Fertil Steril 120:746-754, PMID"
        " 37392782, count moves between WHO sperm concentration categories without printing"
        " cuts in the abstract.",
    ),
    Scheme(
        name="who",
        measure="concentration",
        cuts=(5.0, 16.0),
        labels=("0", ">0 to <5", "5 to <16", ">=16"),
        source="16 million/mL is the lower fifth centile of the WHO manual, 6th edition (2021); 5"
        " is the customary bound of severe oligozoospermia.",
    ),
    Scheme(
        name="tmsc",
        measure="total_motile_count",
        cuts=(1.0, 5.0, 15.0),
        labels=("0", ">0 to <1", "1 to <5", "5 to <15", ">=15"),
        source="Tiers of access (IVF with ICSI, insemination, natural conception) after Ory et al."
        " 2022, PMC9482858; their use as total motile count in million is this project's.",
    ),
)

#: The named schemes; ``concentration`` is the default.
SCHEMES: Mapping[str, Scheme] = MappingProxyType({known.name: known for known in _SCHEMES})


@dataclass(frozen=True, slots=True)
class Movement:
    """Category change of each man between two samples.

    Parameters
    ----------
    improved : ndarray of shape (n_patients,)
        1.0 up at least one category, 0.0 not, NaN unknown or outside the estimand.
    worsened : ndarray of shape (n_patients,)
        1.0 down at least one category, 0.0 not, NaN unknown.
    reason : ndarray of object, shape (n_patients,)
        Empty where both are known, else why one is not.
    """

    improved: Floats
    worsened: Floats
    reason: NDArray[np.object_]


def scheme(name: str) -> Scheme:
    """Return a category scheme by its name.

    Parameters
    ----------
    name : str
        ``concentration``, ``who`` or ``tmsc``.

    Returns
    -------
    Scheme
        The one of that name.

    Raises
    ------
    ConfigError
        If there is none of that name; the nearest name is told.

    Examples
    --------
    >>> scheme("concentration").cuts
    (1.0, 5.0, 10.0, 15.0)
    """
    try:
        return SCHEMES[name]
    except KeyError:
        remedy = f"{nearest(name, SCHEMES)}Use one of these names"
        rule = f"be one of {', '.join(SCHEMES)}"
        raise ConfigError(Problem("scheme", rule, repr(name), remedy)) from None


def categories(of: Scheme, value: ArrayLike, censor: ArrayLike = 0) -> tuple[Floats, Floats]:
    """Lowest and highest category that each reading can belong to.

    Parameters
    ----------
    of : Scheme
        The categories.
    value : array-like
        Readings in the unit of the scheme's measure, in [0, inf); NaN unknown.
    censor : array-like, default=0
        -1 the true value lies below the reading, 1 above it, 0 it is the reading.

    Returns
    -------
    low, high : ndarray
        In the broadcast shape, whole numbers from 0 to ``of.top``, NaN where the
        reading is; equal unless censoring leaves the category open.

    Raises
    ------
    ValueError
        If a reading is negative or infinite.

    Examples
    --------
    >>> low, high = categories(scheme("concentration"), [0.0, 0.1, 7.8, 15.0], [0, -1, 0, 1])
    >>> low, high
    (array([0., 0., 3., 5.]), array([0., 1., 3., 5.]))
    """
    reading, side = np.broadcast_arrays(as_readings(value), np.asarray(censor))
    least = np.where(side > 0, np.nextafter(reading, np.inf), reading)
    most = np.where(side < 0, np.nextafter(reading, 0.0), reading)
    low = np.where(side < 0, 0.0, _category(of, least))
    high = np.where(side > 0, float(of.top), _category(of, most))
    unknown = np.isnan(reading)
    return np.where(unknown, np.nan, low), np.where(unknown, np.nan, high)


def movement(
    of: Scheme,
    baseline: ArrayLike,
    followup: ArrayLike,
    days: ArrayLike,
    *,
    baseline_censor: ArrayLike = 0,
    followup_censor: ArrayLike = 0,
) -> Movement:
    """Say who moved up or down a category, and why it is unknown of the others.

    Parameters
    ----------
    of : Scheme
        The categories.
    baseline, followup : array-like of shape (n_patients,)
        Readings in the unit of the scheme's measure, in [0, inf); NaN unknown.
    days : array-like of shape (n_patients,)
        Day of the follow-up sample, counted from the start; NaN unknown.
    baseline_censor, followup_censor : array-like of shape (n_patients,), default=0
        -1 the true value lies below the reading, 1 above it, 0 it is the reading.

    Returns
    -------
    Movement
        Of shape (n_patients,).

    Raises
    ------
    ValueError
        If a reading is negative or infinite.

    Notes
    -----
    A man in the top category at baseline cannot improve: ``improved`` is NaN, the
    estimand does not hold him, while ``worsened`` stays known.

    Examples
    --------
    >>> moved = movement(scheme("concentration"), [0.4, 7.8, 20.0], [3.1, 7.0, 12.0], [91, 300, 91])
    >>> moved.improved, moved.worsened
    (array([ 1., nan, nan]), array([ 0., nan,  1.]))
    >>> list(moved.reason)
    ['', 'follow-up outside 60 to 270 days', 'top category at baseline']
    """
    was_low, was_high = categories(of, np.atleast_1d(baseline), baseline_censor)
    is_low, is_high = categories(of, np.atleast_1d(followup), followup_censor)
    day = np.atleast_1d(np.asarray(days, dtype=float))
    was_low, was_high, is_low, is_high, day = np.broadcast_arrays(
        was_low, was_high, is_low, is_high, day
    )
    inside = (day >= WINDOW_DAYS[0]) & (day <= WINDOW_DAYS[1])
    improved = np.where(is_low > was_high, 1.0, np.where(is_high <= was_low, 0.0, np.nan))
    worsened = np.where(is_high < was_low, 1.0, np.where(is_low >= was_high, 0.0, np.nan))
    improved = np.where(inside & (was_high < of.top), improved, np.nan)
    worsened = np.where(inside, worsened, np.nan)
    told = [
        (np.isnan(was_low), NO_BASELINE),
        (np.isnan(is_low), NO_FOLLOWUP),
        (np.isnan(day), NO_DAY),
        (~inside, OUTSIDE_WINDOW),
        (was_low == of.top, TOP_CATEGORY),
        (np.isnan(improved) | np.isnan(worsened), OPEN_CATEGORY),
    ]
    reason = np.full(day.shape, "", dtype=object)
    for unknown, why in reversed(told):
        reason[unknown] = why
    return Movement(improved, worsened, reason)


def total_motile_count(
    volume: ArrayLike,
    concentration: ArrayLike,
    motility: ArrayLike,
    *,
    volume_censor: ArrayLike = 0,
    concentration_censor: ArrayLike = 0,
    motility_censor: ArrayLike = 0,
) -> tuple[Floats, NDArray[np.int64]]:
    """Total motile sperm count of an ejaculate, with the side it inherits.

    Parameters
    ----------
    volume : array-like of shape (n_patients,)
        mL, in [0, inf); NaN unknown.
    concentration : array-like of shape (n_patients,)
        Million/mL, in [0, inf); NaN unknown.
    motility : array-like of shape (n_patients,)
        Percent of sperm that move, in [0, 100]; NaN unknown.
    volume_censor, concentration_censor, motility_censor : array-like, default=0
        -1, 0 or 1, as in ``categories``.

    Returns
    -------
    count : ndarray of shape (n_patients,)
        Million; NaN where a factor is unknown or the sides disagree. An exact 0 makes
        it 0 whatever else is unknown: azoospermic men have no motility.
    censor : ndarray of int, shape (n_patients,)
        -1, 0 or 1; 0 where the count is NaN.

    Raises
    ------
    ValueError
        If a reading is negative or infinite.

    Examples
    --------
    >>> total_motile_count([2.0, 3.0], [10.0, 0.1], [50.0, 40.0], concentration_censor=[0, -1])
    (array([10.  ,  0.12]), array([ 0, -1]))
    """
    factors = [as_readings(np.atleast_1d(v)) for v in (volume, concentration, motility)]
    sides = [np.asarray(c) for c in (volume_censor, concentration_censor, motility_censor)]
    v, c, m, v_side, c_side, m_side = np.broadcast_arrays(*factors, *sides)
    below = (v_side < 0) | (c_side < 0) | (m_side < 0)
    above = (v_side > 0) | (c_side > 0) | (m_side > 0)
    none = ((v == 0) & (v_side == 0)) | ((c == 0) & (c_side == 0)) | ((m == 0) & (m_side == 0))
    count = np.where(none, 0.0, np.where(below & above, np.nan, v * c * m / 100.0))
    side = np.where(none | np.isnan(count), 0, above.astype(np.int64) - below.astype(np.int64))
    return count, side


def as_readings(value: ArrayLike) -> Floats:
    """Return readings as floats in [0, inf) or NaN, contiguous.

    Raises
    ------
    ValueError
        If one is negative or infinite.
    """
    reading = np.array(value, dtype=float, order="C")
    wrong = (reading < 0) | np.isinf(reading)
    if wrong.any():
        msg = (
            f"A reading must be a number from 0 up, got {reading[wrong].flat[0]:g}."
            " Write NaN for an unknown one."
        )
        raise ValueError(msg)
    return reading


def _category(of: Scheme, reading: Floats) -> Floats:
    """Category of each exact reading; of NaN, any."""
    above = np.searchsorted(np.array(of.cuts), reading, side="right") + 1.0
    return np.where(reading <= 0, 0.0, above)
