"""Whether a man can be given a probability, what to mind if he is, and the usual rules."""

from __future__ import annotations

import datetime
from functools import cache
from typing import Any

from respredict import guidance
from respredict.baseline import baseline_count, chance_of, motile_count
from respredict.outcome import Scheme
from respredict.schema.analytes import Unit, analyte, likelier_unit
from respredict.schema.quantities import Quantity, rule_at_least, rule_below
from respredict.schema.request import Request
from respredict.uncertainty.support import Seen

__all__ = [
    "cautions",
    "chance",
    "derived",
    "has",
    "imputed",
    "label",
    "ratio",
    "reasons",
    "unlike",
    "usual_rules",
]

#: What makes the signal: without both there is no probability.
NEEDED = ("testosterone", "lh")
#: Samples older than this may no longer tell of today; set by this project.
STALE_DAYS = 180
#: LH and FSH need months to come back after testosterone; set by this project.
RECENT_TESTOSTERONE_DAYS = 90
BODY = ("age", "bmi")
_CHECK_UNIT = "Check the unit on the laboratory's report and send it again."


def has(request: Request, name: str) -> bool:
    """Say whether a request gives an input, as a value or as a side.

    Parameters
    ----------
    request : Request
        In canonical units.
    name : str
        ``age``, ``bmi`` or an analyte.

    Returns
    -------
    bool
        False where it is unknown.
    """
    return getattr(request, name) is not None if name in BODY else name in request.quantities


@cache
def label(name: str) -> str:
    """Return an input's name as a sentence begins with it.

    Parameters
    ----------
    name : str
        ``age``, ``bmi`` or an analyte.

    Returns
    -------
    str
        Capitalised.
    """
    words = {"bmi": "BMI", "age": "age"}.get(name) or analyte(name).label
    return words[0].upper() + words[1:]


def reasons(request: Request, inputs: tuple[str, ...], of: Scheme) -> list[dict[str, str]]:
    """Say why no probability can be given, if none can.

    Parameters
    ----------
    request : Request
        In canonical units.
    inputs : tuple of str
        What the model uses.
    of : Scheme
        The outcome's categories.

    Returns
    -------
    list of dict
        ``{code, text, remedy}``; empty where a probability can be given.
    """
    found = [
        _reason(
            f"{name}_missing",
            f"{label(name)} is missing: the signal is the ratio of testosterone to LH.",
            f"Send {analyte(name).label}.",
        )
        for name in NEEDED
        if name in inputs and name not in request.quantities
    ]
    found += _doubts(request)
    count = baseline_count(request, of)
    if rule_at_least(count, of.cuts[-1]):
        text = f"His baseline of {count} is in the top category: none is left to move up to."
        found.append(_reason("top_category", text, "None."))
    if request.treatment.testosterone == "current":
        text = "He takes testosterone, which suppresses LH and FSH: they are not his own."
        remedy = "Measure again after it is stopped and the hormones have come back."
        found.append(_reason("on_testosterone", text, remedy))
    if guidance.on_treatment(request):
        text = "His blood was drawn on anastrozole: these hormones are no baseline."
        found.append(_reason("on_treatment", text, "Send the values from before it was begun."))
    return found


def cautions(
    request: Request, inputs: tuple[str, ...], today: datetime.date
) -> list[dict[str, str]]:
    """Say what to mind in a man who is given a probability.

    Parameters
    ----------
    request : Request
        In canonical units.
    inputs : tuple of str
        What the model uses.
    today : date
        Day of the answer.

    Returns
    -------
    list of dict
        ``{code, text}``, with ``source`` or ``input`` where there is one.
    """
    found = [imputed(name) for name in inputs if not has(request, name)]
    found += _stale(request, today)
    count = request.quantities.get("sperm_concentration")
    azoospermic = count is not None and not count.comparator and count.value == 0
    if azoospermic and "sperm_concentration" not in inputs:
        found.append(guidance.azoospermia_caution())
    return [*found, *guidance.cautions(request)]


@cache
def imputed(name: str) -> dict[str, str]:
    """Return the caution of an input that he lacks; shared between answers.

    Parameters
    ----------
    name : str
        ``age``, ``bmi`` or an analyte.

    Returns
    -------
    dict
        ``{code, input, text}``.
    """
    text = f"{label(name)} is missing and was estimated from his other values."
    return {"code": "value_imputed", "input": name, "text": text}


def unlike(request: Request, inputs: tuple[str, ...], seen: Seen | None) -> list[dict[str, str]]:
    """Say whether a man is unlike the men the model learnt from, and in which value.

    Parameters
    ----------
    request : Request
        In canonical units.
    inputs : tuple of str
        What the model uses.
    seen : Seen or None
        Of the joint check; None where the model has none.

    Returns
    -------
    list of dict
        A reason ``unit_in_doubt`` or a caution ``outside_support``, or nothing.
    """
    if seen is None or not (seen.outside or seen.in_doubt):
        return []
    suspect = seen.unit_analyte
    if suspect >= 0:
        doubted = seen.in_doubt and inputs[suspect] not in request.confirmed
        if not (doubted or seen.outside):
            return []
        return [_other_unit(request, inputs[suspect], doubted=doubted)]
    name = inputs[min(seen.least_expected, len(inputs) - 1)]
    if seen.reported_otherwise:
        text = (
            f"{label(name)} {_given(request, name)} is not how the laboratories of the men the "
            "model learnt from report it: another assay, or another unit."
        )
        return [{"code": "outside_support", "input": name, "text": text}]
    text = (
        "His values together are unlike those of the men the model learnt from; the least "
        f"expected is {label(name) if name == 'bmi' else _named(name)} {_given(request, name)}."
    )
    return [{"code": "outside_support", "input": name, "text": text}]


def chance(request: Request, of: Scheme) -> dict[str, Any]:
    """Return how likely a second sample alone is to lie in another category.

    Parameters
    ----------
    request : Request
        In canonical units.
    of : Scheme
        The categories.

    Returns
    -------
    dict
        ``{up, down}``, None with a ``reason`` where the baseline does not tell.
    """
    alone = chance_of(of, baseline_count(request, of))
    told: dict[str, Any] = {"up": alone.up, "down": alone.down}
    if alone.reason:
        told["reason"] = alone.reason
    return told


def usual_rules(
    request: Request, t_e2: Quantity | None, t_lh: Quantity | None
) -> dict[str, Any]:  # fmt: skip
    """Return the verdicts of the usual rules.

    Parameters
    ----------
    request : Request
        In canonical units.
    t_e2, t_lh : Quantity or None
        As :func:`ratio` gives them.

    Returns
    -------
    dict
        ``t_lh_at_least_100`` and ``t_e2_below_10``; None where open, with ``reasons``.
    """
    told: dict[str, Any] = {
        "t_lh_at_least_100": rule_at_least(t_lh, 100.0),
        "t_e2_below_10": rule_below(t_e2, 10.0),
    }
    under = {"t_lh_at_least_100": "lh", "t_e2_below_10": "estradiol"}
    why = {rule: _why_open(request, under[rule]) for rule in under if told[rule] is None}
    return {**told, "reasons": why} if why else told


def derived(
    request: Request, t_e2: Quantity | None, t_lh: Quantity | None
) -> dict[str, Any]:  # fmt: skip
    """Return the values computed from his own, with the side they inherit.

    Parameters
    ----------
    request : Request
        In canonical units.
    t_e2, t_lh : Quantity or None
        As :func:`ratio` gives them.

    Returns
    -------
    dict
        ``t_e2``, ``t_lh`` and ``total_motile_count``; None where they cannot be.
    """
    found = {"t_e2": t_e2, "t_lh": t_lh, "total_motile_count": motile_count(request)}
    return {name: None if value is None else value.as_dict() for name, value in found.items()}


def ratio(request: Request, under: str) -> Quantity | None:
    """Return testosterone over another hormone, in ng/dL over its canonical unit.

    Parameters
    ----------
    request : Request
        In canonical units.
    under : {"estradiol", "lh"}
        The denominator.

    Returns
    -------
    Quantity or None
        None where a part is missing or censoring leaves no side.
    """
    over = request.quantities.get("testosterone")
    below = request.quantities.get(under)
    return None if over is None or below is None else over.divided_by(below)


def _other_unit(request: Request, name: str, *, doubted: bool) -> dict[str, str]:
    """Name the unit in which a value would be likelier, or usual, beside his others."""
    quantity, of = request.received[name], analyte(name)
    stated = of.find_unit(quantity.unit)
    other = next(u for u in of.units if stated is not None and u.factor != stated.factor)
    reread = f"{other.code} ({of.canonical(quantity.value, other, quantity.comparator)})"
    if doubted:
        text = (
            f"{label(name)} of {quantity} is likelier, given his other values, to be "
            f"{quantity.value:g} {reread}."
        )
        return _reason("unit_in_doubt", text, _CHECK_UNIT)
    text = (
        f"{label(name)} of {quantity} is unusual beside his other values, and would be "
        f"usual in {reread}: check the unit."
    )
    return {"code": "outside_support", "input": name, "text": text}


def _named(name: str) -> str:
    return name if name in BODY else analyte(name).label


def _given(request: Request, name: str) -> str:
    if name in BODY:
        value = getattr(request, name)
        return f"{value:g} {'years' if name == 'age' else 'kg/m2'}"
    return str(request.received[name])


def _reason(code: str, text: str, remedy: str) -> dict[str, str]:
    return {"code": code, "text": text, "remedy": remedy}


def _doubts(request: Request) -> list[dict[str, str]]:
    """Name the values that read likelier in another unit."""
    found: list[dict[str, str]] = []
    for name, quantity in request.received.items():
        unit = _mistakable(name, quantity.unit)
        if unit is None or quantity.comparator or name in request.confirmed:
            continue
        of = analyte(name)
        other = likelier_unit(of, quantity.value, unit)
        if other is not None:
            reread = of.canonical(quantity.value, other)
            text = (
                f"{label(name)} of {quantity} reads likelier as "
                f"{quantity.value:g} {other.code} ({reread})."
            )
            found.append(_reason("unit_in_doubt", text, _CHECK_UNIT))
    return found


@cache
def _mistakable(name: str, written: str) -> Unit | None:
    """Return the unit that is meant, None where no other could be taken for it."""
    of = analyte(name)
    unit = of.find_unit(written)
    assert unit is not None
    return unit if of.median and any(u.factor != unit.factor for u in of.units) else None


def _stale(request: Request, today: datetime.date) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    for code, day, what in (
        ("stale_labs", request.sampled_on, "blood"),
        ("stale_semen", request.semen_sampled_on, "semen"),
    ):
        age = 0 if day is None else (today - day).days
        if age > STALE_DAYS:
            text = f"The {what} sample is {age} days old, more than {STALE_DAYS}."
            found.append({"code": code, "text": text})
        if age < -1:  # somewhere it is tomorrow already
            text = f"The {what} sample is dated {-age} days from today: check the date."
            found.append({"code": "date_in_future", "text": text})
    stopped, drawn = request.treatment.stopped_on, request.sampled_on or today
    if stopped is not None and (drawn - stopped).days < RECENT_TESTOSTERONE_DAYS:
        text = (
            f"The blood was drawn less than {RECENT_TESTOSTERONE_DAYS} days after testosterone was "
            "stopped: LH and FSH may not have come back."
        )
        found.append({"code": "recent_testosterone", "text": text})
    return found


def _why_open(request: Request, under: str) -> str:
    for name in ("testosterone", under):
        if name not in request.quantities:
            return f"{analyte(name).label} is missing"
    known = ", ".join(
        f"{analyte(name).label} {request.received[name]}"
        for name in ("testosterone", under)
        if request.quantities[name].comparator
    )
    return f"open: {known}"
