"""Which typed values read likelier in another unit, as ranges a browser can look up."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from respredict.schema.analytes import Analyte, Unit, likelier_unit

__all__ = ["Doubt", "doubts"]

_STEPS = 400
_HALVINGS = 60


@dataclass(frozen=True, slots=True)
class Doubt:
    """A range of values that are likelier meant in another unit.

    Parameters
    ----------
    low, high : float
        Its ends, in the stated unit.
    code : str
        UCUM code of the likelier unit.
    """

    low: float
    high: float
    code: str

    def as_dict(self) -> dict[str, object]:
        """Return the JSON object."""
        return {"low": self.low, "high": self.high, "code": self.code}


@cache
def doubts(of: Analyte, unit: Unit) -> tuple[Doubt, ...]:
    """Return where :func:`~respredict.schema.analytes.likelier_unit` doubts a unit.

    Parameters
    ----------
    of : Analyte
        What was measured.
    unit : Unit
        As stated.

    Returns
    -------
    tuple of Doubt
        In order, inside the hard limits of any of its units.

    Examples
    --------
    >>> from respredict.schema.analytes import analyte
    >>> testosterone = analyte("testosterone")
    >>> [(round(d.low), round(d.high), d.code) for d in doubts(testosterone, testosterone.units[0])]
    [(0, 47, 'nmol/L')]
    """

    def code_of(value: float) -> str:
        likelier = likelier_unit(of, value, unit)
        return "" if likelier is None else likelier.code

    factors = [other.factor for other in of.units]
    if of.median is None or of.low <= 0 or len(set(factors)) == 1:
        return ()
    first, last = of.low / max(factors), of.high / min(factors)
    ratio = (last / first) ** (1 / _STEPS)
    grid = [*(first * ratio**step for step in range(_STEPS)), last]
    found: list[Doubt] = []
    start, code = grid[0], code_of(grid[0])
    for before, after in pairwise(grid):
        if code_of(after) != code:
            edge = _edge(code_of, before, after)
            if code:
                found.append(Doubt(start, edge, code))
            start, code = edge, code_of(after)
    if code:
        found.append(Doubt(start, grid[-1], code))
    return tuple(found)


def _edge(code_of: Callable[[float], str], low: float, high: float) -> float:
    """Return where the verdict changes between two values, to the last bits."""
    code = code_of(low)
    for _ in range(_HALVINGS):
        middle = math.sqrt(low * high)
        if code_of(middle) == code:
            low = middle
        else:
            high = middle
    return high
