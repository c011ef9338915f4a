"""Numbers as they are printed: each keeps the value it stands for, and one function writes it."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Amount", "shown"]

#: Decimals by form; a share is printed in percent, a signed number with its sign.
_DECIMALS = {
    "count": 0, "share": 1, "percent": 0, "points": 1, "index": 3, "signed": 3, "effect": 2,
    "hundred": 1, "exact": 15,
}  # fmt: skip
_SUFFIXES = {"share": " %", "percent": " %", "points": " points"}
_MINUS, _DIGITS = "\N{MINUS SIGN}", 3
#: Between these, a number is written with digits alone.
_SMALL, _LARGE = 1e-3, 1e6


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of a report, and how it is printed.

    Parameters
    ----------
    value : float
        As the report holds it.
    form : str
        ``count``, ``share`` or ``percent`` (of 1), ``points`` of probability, ``index`` (three
        decimals), ``signed``, ``effect`` (two decimals), ``hundred`` (of a hundred men),
        ``exact``, or ``natural`` (three significant digits).

    Examples
    --------
    >>> shown(Amount(0.7214, "share")), shown(Amount(-0.0004, "signed"))
    ('72.1 %', '0.000')
    >>> shown(Amount(5.1234, "natural")), shown(Amount(533, "count"))
    ('5.12', '533')
    """

    value: float
    form: str


def shown(amount: Amount) -> str:
    """Write a number: the only place where one becomes text.

    Parameters
    ----------
    amount : Amount
        Of any form.

    Returns
    -------
    str
        With its percent sign where it is a share.

    Raises
    ------
    ValueError
        If the form is unknown.
    """
    value, form = amount.value, amount.form
    if form == "natural":
        return _natural(value)
    if form not in _DECIMALS:
        msg = f"a form must be one of {', '.join(_DECIMALS)} or natural, got {form!r}. Choose one."
        raise ValueError(msg)
    if form == "exact":
        return f"{value:.15g}".replace("-", _MINUS)
    scaled = 100 * value if form in _SUFFIXES else value
    text = f"{scaled:.{_DECIMALS[form]}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    elif form == "signed" and value > 0:
        text = f"+{text}"
    return text.replace("-", _MINUS) + _SUFFIXES.get(form, "")


def _natural(value: float) -> str:
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if not _SMALL <= abs(value) < _LARGE:
        return f"{value:.{_DIGITS}g}".replace("-", _MINUS)
    places = max(_DIGITS - 1 - math.floor(math.log10(abs(value))), 0)
    text = f"{value:.{places}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace("-", _MINUS)
