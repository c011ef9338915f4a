"""A man's baseline count, and how often chance alone moves it: his own, in plain numbers.

What :mod:`respredict.outcome` and :mod:`respredict.chance` reckon of many men is reckoned
here of one, without the arrays that are dear for one number. To change a formula, change
it there and here; a test holds the two equal to the bit.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from functools import cache

import numpy as np
from scipy.special import ndtr

from respredict.chance import CENSORED, NO_BASELINE, ChanceOnly, chance_only, parent
from respredict.outcome import Scheme
from respredict.schema.quantities import Quantity
from respredict.schema.request import Request

__all__ = ["baseline_count", "chance_of", "motile_count"]

_UNIT = "10*6"


def baseline_count(request: Request, of: Scheme) -> Quantity | None:
    """Return the baseline reading in the measure of a scheme.

    Parameters
    ----------
    request : Request
        In canonical units.
    of : Scheme
        The categories.

    Returns
    -------
    Quantity or None
        Million/mL, or million; None where it is unknown.

    Examples
    --------
    >>> from respredict.outcome import scheme
    >>> man = Request(age=34, quantities={"sperm_concentration": Quantity(7.8, "10*6/mL")})
    >>> str(baseline_count(man, scheme("who"))), baseline_count(man, scheme("tmsc"))
    ('7.8 10*6/mL', None)
    """
    if of.measure == "concentration":
        return request.quantities.get("sperm_concentration")
    return motile_count(request)


def motile_count(request: Request) -> Quantity | None:
    """Return the total motile count, with the side it inherits.

    Parameters
    ----------
    request : Request
        In canonical units.

    Returns
    -------
    Quantity or None
        Million; None where a part is unknown or the sides disagree. An exact 0 million/mL
        makes it 0 whatever else is unknown.

    Examples
    --------
    >>> none = {"sperm_concentration": Quantity(0.0, "10*6/mL")}
    >>> motile_count(Request(age=34, quantities=none)).value
    0.0
    """
    concentration = request.quantities.get("sperm_concentration")
    if concentration is None:
        return None
    if concentration.value == 0 and not concentration.comparator:
        return Quantity(0.0, _UNIT)
    volume, motility = request.quantities.get("semen_volume"), request.quantities.get("motility")
    if volume is None or motility is None:
        return None
    parts = (volume, concentration, motility)
    if any(part.value == 0 and not part.comparator for part in parts):
        return Quantity(0.0, _UNIT)
    sides = {part.comparator for part in parts if part.comparator}
    if len(sides) > 1:
        return None
    count = volume.value * concentration.value * motility.value / 100.0
    return Quantity(count, _UNIT, sides.pop() if sides else "")


def chance_of(of: Scheme, baseline: Quantity | None) -> ChanceOnly:
    """Return how likely a second sample alone is to lie in another category.

    Parameters
    ----------
    of : Scheme
        The categories.
    baseline : Quantity or None
        As :func:`baseline_count` gives it.

    Returns
    -------
    ChanceOnly
        The same bits as of ``respredict.chance.chance_for``.

    Examples
    --------
    >>> from respredict.outcome import scheme
    >>> round(chance_of(scheme("concentration"), Quantity(7.8, "10*6/mL")).up, 2)
    0.34
    """
    if baseline is None:
        return ChanceOnly(None, None, NO_BASELINE)
    if baseline.comparator:
        return ChanceOnly(None, None, CENSORED)
    return ChanceOnly(*_moves(of).of(baseline.value))


class _Moves:
    """What ``chance_only`` needs of a scheme, worked out once."""

    def __init__(self, of: Scheme) -> None:
        whole = parent(of.measure)
        logs = [math.log(edge) for edge in (whole.detection_limit, *of.cuts)]
        self._floors, self._ceilings = [-math.inf, *logs], [*logs, math.inf]
        self._cuts, self._mean = of.cuts, whole.ln_mean
        self._reliability = whole.ln_sd**2 / (whole.ln_sd**2 + whole.ln_noise**2)
        self._spread = whole.ln_noise * math.sqrt(1 + self._reliability)
        self._up_from_zero = float(chance_only(of, [0.0])[0][0])

    def of(self, reading: float) -> tuple[float, float]:
        """Return up and down of an exact reading."""
        at = bisect_right(self._cuts, reading) + 1 if reading > 0 else 0
        ln_reading = float(np.log(reading)) if reading > 0 else 0.0
        centre = self._mean + self._reliability * (ln_reading - self._mean)
        down = float(ndtr((self._floors[at] - centre) / self._spread))
        if at == 0:
            return self._up_from_zero, down
        return float(ndtr((centre - self._ceilings[at]) / self._spread)), down


_moves = cache(_Moves)
