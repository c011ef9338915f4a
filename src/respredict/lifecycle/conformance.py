"""The conformance pack: requests with the answers a model must give, wherever it is served.

A pack is made when a model is registered and lies in its bundle. Whoever installs the
model elsewhere asks the same and compares: units, limits, censoring, missing values,
what is refused and what gets no probability. The numbers are compared within 1e-9, the
codes and rules exactly; texts, dates and identities are not part of it.

To change the format, give ``FORMAT`` another number and keep reading the old one, which
lies in every bundle made before.

The requests are those of ``cases``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from respredict.errors import InputError, Problem, RequestError
from respredict.lifecycle.cases import cases

__all__ = ["Departure", "check_pack", "compare_answers", "essence", "make_pack"]

Body = dict[str, Any]
Ask = Callable[[Body], Mapping[str, Any]]

FORMAT = 1
TOLERANCE = 1e-9

_NOTHING = object()  # where one of two answers has no such place


@dataclass(frozen=True, slots=True)
class Departure:
    """One place where an answer is not the one expected.

    Parameters
    ----------
    case : str
        Name of the case.
    where : str
        Path into what is compared.
    expected, got : str
        As told: texts in quotes, and ``nothing`` where one of them has no such place.
    """

    case: str
    where: str
    expected: str
    got: str

    def as_dict(self) -> dict[str, str]:
        """Return the JSON object."""
        return {n: getattr(self, n) for n in self.__slots__}


def make_pack(ask: Ask) -> dict[str, Any]:
    """Ask every case and keep what must be answered again.

    Parameters
    ----------
    ask : callable
        Takes a request; returns the answer, or raises RequestError.

    Returns
    -------
    dict
        Plain JSON: ``format``, ``tolerance`` and ``cases`` with ``name``, ``request`` and
        ``expected``.
    """
    return {
        "format": FORMAT,
        "tolerance": TOLERANCE,
        "cases": [
            {"name": name, "request": body, "expected": _asked(ask, body)} for name, body in cases()
        ],
    }


def check_pack(pack: object, name: str) -> dict[str, Any]:
    """Return a pack that may be asked, or say what it lacks.

    Parameters
    ----------
    pack : object
        Parsed JSON.
    name : str
        Of the option or file that it came by, for the message.

    Returns
    -------
    dict
        The same, as :func:`make_pack` gave it.

    Raises
    ------
    InputError
        If it is no pack of this format, or holds no case.

    Examples
    --------
    >>> check_pack({"format": 1, "tolerance": 1e-9, "cases": []}, "--pack")
    Traceback (most recent call last):
    respredict.errors.InputError: --pack must hold a list of at least one case, got []. Name a \
conformance.json as a training left it.
    """
    broken = _broken(pack)
    if broken:
        rule, got = broken
        raise InputError(Problem(name, rule, got, "Name a conformance.json as a training left it"))
    assert isinstance(pack, dict)
    return pack


def _broken(pack: object) -> tuple[str, str] | None:
    """Return the first rule that a pack breaks and what it has instead, None if it is one."""
    if not isinstance(pack, dict):
        return "be a JSON object", type(pack).__name__
    absent = [part for part in ("format", "tolerance", "cases") if part not in pack]
    if absent:
        return "hold format, tolerance and cases", f"no {' and no '.join(absent)}"
    if pack["format"] != FORMAT:
        return f"have format {FORMAT}", repr(pack["format"])[:40]
    if not _is_number(pack["tolerance"]) or not 0 <= pack["tolerance"] < 1:
        return "have a tolerance in [0, 1)", repr(pack["tolerance"])[:40]
    if not isinstance(pack["cases"], list) or not pack["cases"]:
        return "hold a list of at least one case", repr(pack["cases"])[:40]
    for number, case in enumerate(pack["cases"], 1):
        parts = case if isinstance(case, dict) else {}
        kinds = (("name", str), ("request", dict), ("expected", dict))
        wrong = [part for part, kind in kinds if not isinstance(parts.get(part), kind)]
        if wrong:
            got = f"case {number} without {' and '.join(wrong)}"
            return "hold name, request and expected in every case", got
    return None


def compare_answers(pack: Mapping[str, Any], ask: Ask) -> list[Departure]:
    """Ask every case of a pack and return where the answers depart from it.

    Parameters
    ----------
    pack : mapping
        As :func:`make_pack` gave it; :func:`check_pack` looks at one from elsewhere.
    ask : callable
        As there.

    Returns
    -------
    list of Departure
        Empty where all is as expected.
    """
    return [
        departure
        for case in pack["cases"]
        for departure in _departures(
            case["name"], case["expected"], _asked(ask, case["request"]), "", pack["tolerance"]
        )
    ]


def essence(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return of an answer what must be the same wherever the model is served.

    Parameters
    ----------
    answer : mapping
        As scored.

    Returns
    -------
    dict
        Status, numbers, contributions by input, states, and codes of reasons and cautions.
    """
    told: dict[str, Any] = {"status": answer["status"]}
    for name in ("improvement", "worsening"):
        if name in answer:
            told[name] = {
                k: v
                for k, v in answer[name].items()
                if k in ("probability", "interval", "redraw_interval", "level")
            }
    told["chance_only"] = _numbers(answer["chance_only"])
    told["comparators"] = _numbers(answer["comparators"])
    told["derived"] = {k: _numbers(v) for k, v in answer["derived"].items() if v is not None}
    if "explanation" in answer:
        explained = answer["explanation"]
        told["base"], told["total"] = explained["base"], explained["total"]
        told["contributions"] = {c["input"]: c["log_odds"] for c in explained["contributions"]}
    told["states"] = {name: entry["state"] for name, entry in answer["inputs"].items()}
    told["used"] = {n: e["used"]["value"] for n, e in answer["inputs"].items() if "used" in e}
    told["reasons"] = [row["code"] for row in answer.get("reasons", ())]
    told["cautions"] = [row["code"] for row in answer["cautions"]]
    return told


def _numbers(of: Any) -> Any:
    """Return numbers, sides and truths, without the words beside them."""
    if isinstance(of, Mapping):
        return {
            k: _numbers(v)
            for k, v in of.items()
            if k == "comparator" or v is None or isinstance(v, bool | int | float | Mapping)
        }
    return of


def _asked(ask: Ask, body: Body) -> dict[str, Any]:
    try:
        return essence(ask(body))
    except RequestError as refused:
        return {"refused": sorted([p.field, p.rule] for p in refused.problems)}


def _departures(
    case: str, expected: Any, got: Any, where: str, tolerance: float
) -> Iterator[Departure]:
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        for name in sorted({*expected, *got}):
            a, b = expected.get(name, _NOTHING), got.get(name, _NOTHING)
            yield from _departures(case, a, b, f"{where}/{name}", tolerance)
    elif isinstance(expected, list) and isinstance(got, list | tuple) and len(expected) == len(got):
        for place, (a, b) in enumerate(zip(expected, got, strict=True)):
            yield from _departures(case, a, b, f"{where}/{place}", tolerance)
    elif not _same(expected, got, tolerance):
        yield Departure(case, where or "/", _quoted(expected), _quoted(got))


def _quoted(value: Any) -> str:
    return "nothing" if value is _NOTHING else repr(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool)


def _same(expected: Any, got: Any, tolerance: float) -> bool:
    if _is_number(expected) and _is_number(got):
        return math.isclose(expected, got, rel_tol=tolerance, abs_tol=tolerance)
    return bool(expected == got)
