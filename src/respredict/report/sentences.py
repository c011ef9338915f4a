"""Sentences whose numbers stay numbers: parts of text and of :class:`Amount`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from respredict.report.amounts import Amount, shown

__all__ = ["Parts", "corrected", "estimate", "phrase", "plain"]

Parts = tuple[str | Amount, ...]


def estimate(told: Mapping[str, Any], form: str) -> Parts:
    """Put an estimated number into words: the value with its interval, or why there is none.

    Parameters
    ----------
    told : mapping
        ``value``, ``low`` and ``high``, or ``value`` null with a ``reason``; of a corrected
        number also ``spread``.
    form : str
        Of :class:`Amount`.

    Returns
    -------
    tuple of str or Amount
        Such as 0.72 (0.68 to 0.76).

    Examples
    --------
    >>> plain(estimate({"value": 0.72, "low": 0.68, "high": 0.76}, "index"))
    '0.720 (0.680 to 0.760)'
    >>> plain(estimate({"value": None, "reason": "no event"}, "index"))
    'cannot be told: no event'
    """
    if told["value"] is None:
        return ("cannot be told: ", told["reason"])
    value = Amount(told["value"], form)
    if told.get("low") is not None:
        return (value, " (", Amount(told["low"], form), " to ", Amount(told["high"], form), ")")
    if told.get("spread"):
        low, high = told["spread"]
        return (value, " (spread ", Amount(low, form), " to ", Amount(high, form), ")")
    return (value, " (no interval: ", told["reason"], ")")


def corrected(told: Mapping[str, Any], form: str) -> Parts:
    """Put a corrected metric into words, with its spread where it has no interval.

    Parameters
    ----------
    told : mapping
        ``corrected``, and ``spread`` where no interval is known.
    form : str
        Of :class:`Amount`.

    Returns
    -------
    tuple of str or Amount
        As :func:`estimate` does.
    """
    return estimate({**told["corrected"], "spread": told.get("spread")}, form)


def phrase(template: str, **values: str | Amount | Parts) -> Parts:
    """Fill a sentence.

    Parameters
    ----------
    template : str
        With ``{name}`` where a value belongs.
    **values : str, Amount, or a tuple of them
        By name.

    Returns
    -------
    tuple of str or Amount
        The sentence.

    Examples
    --------
    >>> phrase("Of {n} men.", n=Amount(533, "count"))
    ('Of ', Amount(value=533, form='count'), ' men.')
    """
    parts: list[str | Amount] = []
    for i, piece in enumerate(re.split(r"{(\w+)}", template)):
        value = values[piece] if i % 2 else piece
        parts += value if isinstance(value, tuple) else (value,)
    return tuple(part for part in parts if part != "")


def plain(parts: Parts) -> str:
    """Return parts as text.

    Parameters
    ----------
    parts : tuple of str or Amount
        A sentence.

    Returns
    -------
    str
        Its numbers written by :func:`shown`.
    """
    return "".join(part if isinstance(part, str) else shown(part) for part in parts)
