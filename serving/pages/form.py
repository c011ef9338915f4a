"""From a sent form to the request that any other caller would send, and back.

The form sends texts under the dotted paths of the request's fields. Of these the JSON
request is made, checked by the same rules, and recorded: who scores through the form and
who scores through the interface get the same answer, recorded alike.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from respredict.errors import Problem, RequestError
from respredict.schema.analytes import ANALYTES
from respredict.schema.quantities import comparator_of, parse_measurement
from respredict.schema.request import REQUEST_FIELDS, Request, read_request
from serving.pages.fields import Field, sections
from serving.problems import RefusedError

__all__ = ["Submitted", "as_entered", "read_form", "read_posted"]

#: What the form sends besides a request: which submission it is, and what to do with it.
_OWN = ("token", "action")
_MOST_FIELDS = 100
_FLAGS = {"yes": True, "no": False}
_QUANTITIES = tuple(a.name for a in ANALYTES)
_PARTS = ("unit", "comparator")


@dataclass(frozen=True, slots=True)
class Submitted:
    """What a form asks.

    Parameters
    ----------
    body : bytes
        The JSON request.
    request : Request or None
        Checked; None where a rule is broken.
    problems : mapping of str to list of Problem, default={}
        By the field they stand beside.
    """

    body: bytes
    request: Request | None
    problems: Mapping[str, list[Problem]] = field(default_factory=dict)


def read_posted(body: bytes) -> dict[str, str]:
    """Read the body of a form.

    Parameters
    ----------
    body : bytes
        ``application/x-www-form-urlencoded``, in UTF-8.

    Returns
    -------
    dict of str to str
        Text of each field, without the space around it.

    Raises
    ------
    RefusedError
        ``invalid-request`` if it is no such form, or holds a field twice.

    Examples
    --------
    >>> read_posted(b"age=34&testosterone.unit=ng%2FdL")
    {'age': '34', 'testosterone.unit': 'ng/dL'}
    """
    try:
        pairs = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError as error:
        raise RefusedError("invalid-request", "Send the form of this page.") from error
    posted = {name: text.replace("\r\n", "\n").strip() for name, text in pairs}
    if len(posted) != len(pairs):
        raise RefusedError("invalid-request", "Send each field of the form once.")
    return posted


def read_form(posted: Mapping[str, str]) -> Submitted:
    """Make the JSON request of a form and check it.

    Parameters
    ----------
    posted : mapping of str to str
        As :func:`read_posted` gives it.

    Returns
    -------
    Submitted
        With every problem, beside the field it is about.

    Examples
    --------
    >>> asked = read_form({"age": "34", "lh": "3.4", "lh.unit": "[IU]/L"})
    >>> asked.body
    b'{"age": 34, "lh": {"value": 3.4, "unit": "[IU]/L"}}'
    """
    made: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, text in posted.items():
        if text and name not in _OWN:
            _add(made, problems, name, text, posted)
    told = {problem.field.split(".")[0] for problem in problems}
    request = None
    try:
        request = read_request(made)
    except RequestError as error:
        # What could not be read was left out: that it is missing is no second problem.
        problems += [p for p in error.problems if p.field.split(".")[0] not in told]
    body = json.dumps(made, ensure_ascii=False).encode()
    return Submitted(body, None if problems else request, _beside(problems))


def as_entered(body: bytes) -> dict[str, str]:
    """Return the texts of a form that would make a request again.

    Parameters
    ----------
    body : bytes
        A valid JSON request.

    Returns
    -------
    dict of str to str
        By field of the form.

    Examples
    --------
    >>> as_entered(b'{"age": 34, "lh": {"value": 3.4, "unit": "[IU]/L"}}')
    {'age': '34', 'lh': '3.4', 'lh.unit': '[IU]/L'}
    """
    entered: dict[str, str] = {}
    for name, told in json.loads(body).items():
        if name in _QUANTITIES and told is not None:
            entered[name] = _text(told["value"])
            for part in _PARTS:
                if told.get(part):
                    entered[f"{name}.{part}"] = told[part]
        elif name == "treatment":
            entered |= {f"treatment.{n}": _text(t) for n, t in (told or {}).items()}
        else:
            entered[name] = _text(told)
    return {name: text for name, text in entered.items() if text}


def _add(
    made: dict[str, Any],
    problems: list[Problem],
    name: str,
    text: str,
    posted: Mapping[str, str],
) -> None:
    """Add one field to the request that is made."""
    head, _, part = name.partition(".")
    if name in _QUANTITIES:
        _add_quantity(made, problems, name, text, posted)
    elif head in _QUANTITIES and part in _PARTS:
        return  # read with its value
    elif head == "treatment" and part:
        known = _FLAGS.get(text, text)
        told = _number(problems, name, text) if part == "anastrozole_mg_week" else known
        if told is not None:
            made.setdefault("treatment", {})[part] = told
    elif name in ("age", "bmi"):
        number = _number(problems, name, text)
        if number is not None:
            made[name] = number
    elif name in REQUEST_FIELDS and name != "treatment":
        made[name] = text
    else:
        problems.append(Problem("form", "hold its own fields only", "another", "Load it again"))


def _add_quantity(
    made: dict[str, Any],
    problems: list[Problem],
    name: str,
    text: str,
    posted: Mapping[str, str],
) -> None:
    chosen = posted.get(f"{name}.comparator", "")
    unit = posted.get(f"{name}.unit", "")
    try:
        value, typed = parse_measurement(text)
    except ValueError as error:
        problems.append(Problem(name, "be a number", repr(text[:20]), str(error)))
        return
    if typed and chosen and comparator_of(chosen) != typed:
        got = f"{chosen} and {typed}"
        problems.append(Problem(name, "be on one side", got, "Choose = or the side that is meant"))
        return
    if not unit:
        rule, remedy = "be chosen", "Choose the unit of the laboratory’s report"
        problems.append(Problem(f"{name}.unit", rule, "none", remedy))
        return
    made[name] = {"value": _short(value), "unit": unit}
    if typed or chosen:
        made[name]["comparator"] = typed or chosen


def _number(problems: list[Problem], name: str, text: str) -> float | None:
    try:
        value, side = parse_measurement(text)
    except ValueError as error:
        problems.append(Problem(name, "be a number", repr(text[:20]), str(error)))
        return None
    if side:
        problems.append(Problem(name, "be a number", repr(text[:20]), "Leave the sign out"))
        return None
    return _short(value)


def _short(value: float) -> float:
    """Return a whole number as one, as a caller would write it."""
    return int(value) if value.is_integer() and abs(value) < 1e15 else value


def _text(told: object) -> str:
    if told is None:
        return ""
    if isinstance(told, bool):
        return "yes" if told else "no"
    return f"{told:.15g}" if isinstance(told, float) else str(told)


def _fields() -> Iterable[Field]:
    for section in sections(()):
        yield from (*section.fields, *section.optional)


def _beside(problems: Iterable[Problem]) -> dict[str, list[Problem]]:
    """Order problems as the form asks, each beside its field."""
    found: dict[str, list[Problem]] = {f.name: [] for f in _fields()}
    found["form"] = []
    for problem in problems:
        # The unit and the value of a quantity stand in one field.
        name = problem.field if problem.field in found else problem.field.split(".")[0]
        found[name if name in found else "form"].append(problem)
    return {name: told for name, told in found.items() if told}
