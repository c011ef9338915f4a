"""The members of an answer that are a man's own: what the model makes of what he sent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from respredict import judging
from respredict.errors import ExplanationError
from respredict.explain import One
from respredict.numbers import LEVEL, Figures
from respredict.schema.analytes import ANALYTES
from respredict.schema.quantities import Quantity
from respredict.schema.request import Request

__all__ = ["explanation", "improvement", "inputs", "worsening"]

_UNITS = {"age": "a", "bmi": "kg/m2", **{a.name: a.unit for a in ANALYTES}}
_UNKNOWN = {"state": "unknown"}


def improvement(figures: Figures) -> dict[str, Any]:
    """Return probability and intervals, once every number is seen to be one.

    Parameters
    ----------
    figures : Figures
        Of the man.

    Returns
    -------
    dict
        ``probability``, and ``interval`` and ``redraw_interval`` where the model has them.

    Raises
    ------
    ExplanationError
        If a number is not finite: JSON would say null, and the answer must not leave.

    Examples
    --------
    >>> improvement(Figures(One(0.0, 0.0, 0.5, [0.0], [0.0]), (0.4, 0.6), None, None))
    {'probability': 0.5, 'interval': (0.4, 0.6)}
    """
    one, interval, redraw, worse = figures
    ends = (*(interval or ()), *(redraw or ()), *(worse or ()))
    # A sum is finite only if all its terms are.
    if not math.isfinite(one.probability + sum(ends) + sum(one.completed)):
        msg = (
            f"every number of an answer must be finite, got {(one.probability, *ends)}. "
            "Do not serve this model; register it again."
        )
        raise ExplanationError(msg)
    told: dict[str, Any] = {"probability": one.probability}
    if interval is not None:
        told["interval"] = interval
    if redraw is not None:
        told["redraw_interval"] = redraw
    return told


def worsening(reckoned: Sequence[float]) -> dict[str, Any]:
    """Return the probability of moving down, where it is modelled.

    Parameters
    ----------
    reckoned : sequence of float
        Probability, low and high.

    Returns
    -------
    dict
        ``probability``, ``interval``, ``level`` and ``basis``.

    Examples
    --------
    >>> worsening((0.12, 0.07, 0.2))["interval"]
    [0.07, 0.2]
    """
    probability, low, high = reckoned
    return {"probability": probability, "interval": [low, high], "level": LEVEL, "basis": "model"}


def explanation(request: Request, used: tuple[str, ...], explained: One) -> dict[str, Any]:
    """Return the contributions, once they are seen to sum to what is served.

    Parameters
    ----------
    request : Request
        In canonical units.
    used : tuple of str
        What the model uses.
    explained : One
        Of the man.

    Returns
    -------
    dict
        ``scale``, ``base``, ``total``, ``max_error`` and ``contributions``.

    Raises
    ------
    ExplanationError
        If the contributions miss the probability.

    Examples
    --------
    >>> told = explanation(Request(age=34.0), ("age",), One(-0.5, 0.0, 0.5, [0.5], [34.0]))
    >>> told["contributions"]
    [{'input': 'age', 'value': '34 a', 'log_odds': 0.5}]
    """
    error = explained.check()
    contributions = [
        {"input": name, "value": _shown(request, name), "log_odds": value}
        for name, value in zip(used, explained.contributions, strict=True)
        if judging.has(request, name)
    ]
    return {
        "scale": "log-odds",
        "base": explained.base,
        "total": explained.log_odds,
        "max_error": error,
        "contributions": contributions,
    }


def inputs(request: Request, used: tuple[str, ...], explained: One | None) -> dict[str, Any]:
    """Return each input as received, as converted, and as the model used it.

    Parameters
    ----------
    request : Request
        In canonical units.
    used : tuple of str
        What the model uses.
    explained : One or None
        Of the man; None where he is given no probability.

    Returns
    -------
    dict of str to dict
        By input: its ``state``, and what there is of it.

    Examples
    --------
    >>> inputs(Request(age=34.0), ("age",), None)["age"]
    {'state': 'measured', 'received': {'value': 34.0, 'unit': 'a'}}
    """
    told: dict[str, Any] = {}
    for name, unit in _UNITS.items():
        received = request.received.get(name)
        if received is not None:
            sent, same = received.as_dict(), received.unit == unit
            told[name] = {
                "state": "censored" if received.comparator else "measured",
                "received": sent,
                "converted": sent if same else request.quantities[name].as_dict(),
            }
        elif name in judging.BODY and (value := getattr(request, name)) is not None:
            told[name] = {"state": "measured", "received": {"value": value, "unit": unit}}
        else:
            told[name] = _UNKNOWN
    if explained is not None:
        # A count's state of zero is a value too, behind the inputs.
        for name, completed in zip(used, explained.completed, strict=False):
            of = told[name]
            state = "imputed" if of is _UNKNOWN else of["state"]
            value = _used(request, name, completed)
            told[name] = {**of, "state": state, "used": {"value": value, "unit": _UNITS[name]}}
    return told


def _shown(request: Request, name: str) -> str:
    if name in judging.BODY:
        return str(Quantity(getattr(request, name), _UNITS[name]))
    return str(request.received[name])


def _used(request: Request, name: str, completed: float) -> float:
    """Return what the model took for an input: the measured value, or the one completed."""
    if name in judging.BODY:
        measured = getattr(request, name)
    else:
        quantity = request.quantities.get(name)
        measured = None if quantity is None or quantity.comparator else quantity.value
    if measured is not None:
        return float(measured)
    return completed if name == "age" else math.exp(completed)
