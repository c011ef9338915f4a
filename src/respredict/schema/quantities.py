"""A measurement: a number with its unit and, where the assay stopped, its side.

``<20`` says that the value lies somewhere below 20. Such a value is neither
missing nor 20: it carries its comparator through every conversion and ratio.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

__all__ = ["Comparator", "Quantity", "parse_measurement", "rule_at_least", "rule_below"]

Comparator = Literal["", "<", ">"]

_SIDES: dict[str, Comparator] = {
    "": "", "=": "", "<": "<", ">": ">", "≤": "<", "≥": ">", "<=": "<", ">=": ">",
}  # fmt: skip
_NUMBER = re.compile(r"(<=|>=|[<>≤≥=]?)\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)")
_DECIMAL_COMMA = re.compile(r"(<=|>=|[<>≤≥=]?)\s*\d+,\d+")
_NUMBER_AND_TEXT = re.compile(r"(<=|>=|[<>≤≥=]?)\s*[+-]?(?:\d+\.?\d*|\.\d+)\s*[A-Za-z%\[µμ].*")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value in a unit, exact or known only to lie on one side.

    Parameters
    ----------
    value : float
        The number as reported; the limit itself where a comparator is given.
    unit : str
        UCUM code, or an empty string for a pure number.
    comparator : {"", "<", ">"}, default=""
        ``<``: the true value lies below; ``>``: above.

    Examples
    --------
    >>> testosterone = Quantity(270.6, "ng/dL")
    >>> estradiol = Quantity(20.0, "pg/mL", "<")
    >>> str(testosterone.divided_by(estradiol))
    '>13.53'
    """

    value: float
    unit: str = ""
    comparator: Comparator = ""

    def __str__(self) -> str:
        text = f"{self.comparator}{self.value:.4g}"
        return f"{text} {self.unit}" if self.unit else text

    @property
    def censor(self) -> int:
        """-1 below the value, 1 above it, 0 the value itself."""
        return {"<": -1, "": 0, ">": 1}[self.comparator]

    @property
    def interval(self) -> tuple[float, float]:
        """Lowest and highest value it can be: a point, [0, value] or [value, inf)."""
        if self.comparator == "<":
            return 0.0, self.value
        if self.comparator == ">":
            return self.value, math.inf
        return self.value, self.value

    def times(self, factor: float, unit: str) -> Quantity:
        """Return the same measurement in another unit, ``factor`` of them to one of ours."""
        return Quantity(self.value * factor, unit, self.comparator)

    def divided_by(self, other: Quantity) -> Quantity | None:
        """Return the ratio with the side it inherits, or None where no side is left.

        ``<a / <b`` and ``>a / >b`` can be anything; so can a division by zero.
        """
        side = self.censor - other.censor
        if other.value == 0 or (self.censor and self.censor == other.censor):
            return None
        comparator: Comparator = "<" if side < 0 else ">" if side > 0 else ""
        ratio = self.value / other.value
        return Quantity(ratio, "", comparator) if math.isfinite(ratio) else None

    def as_dict(self) -> dict[str, object]:
        """Return ``{value, unit?, comparator?}``, the JSON form."""
        told: dict[str, object] = {"value": self.value}
        if self.unit:
            told["unit"] = self.unit
        if self.comparator:
            told["comparator"] = self.comparator
        return told


def parse_measurement(text: str) -> tuple[float, Comparator]:
    """Read ``7.8``, ``<20``, ``≤ 20`` or ``>100``.

    Parameters
    ----------
    text : str
        One cell of a table.

    Returns
    -------
    value : float
        Finite.
    comparator : {"", "<", ">"}
        ``<=`` and ``≤`` are read as ``<``, ``>=`` and ``≥`` as ``>``.

    Raises
    ------
    ValueError
        With the remedy as its message.

    Examples
    --------
    >>> parse_measurement("≤ 20")
    (20.0, '<')
    """
    stripped = text.strip()
    match = _NUMBER.fullmatch(stripped)
    if match:
        value = float(match[2])
        if math.isfinite(value):
            return value, _SIDES[match[1]]
    raise ValueError(_remedy(stripped))


def _remedy(text: str) -> str:
    if _DECIMAL_COMMA.fullmatch(text):
        return "Write decimals with a point"
    if _NUMBER_AND_TEXT.fullmatch(text) and not _NUMBER.fullmatch(text):
        return "Write the number alone; the unit stands in the column's name"
    return "Write a number, a number behind < or >, or leave the cell empty"


def comparator_of(text: str) -> Comparator | None:
    """Return the side that a written comparator means, or None if it is none of ours."""
    return _SIDES.get(text)


def rule_at_least(quantity: Quantity | None, threshold: float) -> bool | None:
    """Say whether a quantity reaches a threshold, None where censoring leaves it open.

    Parameters
    ----------
    quantity : Quantity or None
        None where it is not known.
    threshold : float
        In the quantity's unit.

    Returns
    -------
    bool or None
        The verdict, where there is one.

    Examples
    --------
    >>> rule_at_least(Quantity(120.0, "", ">"), 100)
    True
    >>> rule_at_least(Quantity(80.0, "", ">"), 100) is None
    True
    """
    if quantity is None:
        return None
    if quantity.comparator == "<":
        return False if quantity.value <= threshold else None
    if quantity.comparator == ">":
        return True if quantity.value >= threshold else None
    return quantity.value >= threshold


def rule_below(quantity: Quantity | None, threshold: float) -> bool | None:
    """Say whether a quantity stays below a threshold, None where censoring leaves it open.

    Parameters
    ----------
    quantity : Quantity or None
        None where it is not known.
    threshold : float
        In the quantity's unit.

    Returns
    -------
    bool or None
        The verdict, where there is one.

    Examples
    --------
    >>> rule_below(Quantity(13.5, "", ">"), 10)
    False
    """
    reached = rule_at_least(quantity, threshold)
    return None if reached is None else not reached
