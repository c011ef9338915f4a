"""Read an equation: the model of a paper, or one of ours.

The file is JSON: ``format``, ``name``, ``outcome`` (``scheme`` and ``definition``),
``intercept``, ``terms`` and ``citation``. A term has ``transform``, ``input``, ``unit`` and
``coefficient``; a ratio also ``over`` and ``over_unit``.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from respredict.equation.terms import FORMAT, TRANSFORMS, Equation, Term
from respredict.errors import InputError, Problem, nearest
from respredict.outcome import SCHEMES
from respredict.schema.analytes import ANALYTES

__all__ = ["read_equation"]

_UNITS = {"age": ("a",), "bmi": ("kg/m2",)} | {
    of.name: tuple(code for unit in of.units for code in (unit.code, *unit.aliases))
    for of in ANALYTES
}
_KEYS = {"format", "name", "outcome", "intercept", "terms", "citation"}
_TERM = {"transform", "input", "unit", "coefficient"}
_RATIO = {"over", "over_unit"}
_REMEDY = "Compare with one that respredict report --equation writes"


def read_equation(path: str | os.PathLike[str]) -> Equation:
    """Read an equation from its file.

    Parameters
    ----------
    path : path-like
        JSON as ``Equation.as_dict`` gives it.

    Returns
    -------
    Equation
        Every input and unit of it known.

    Raises
    ------
    InputError
        If it cannot be read, or for every key and term that breaks a rule.

    Examples
    --------
    >>> import tempfile
    >>> told = Equation("one", "who", "up a category", -1.0,
    ...                 (Term("ln", "lh", "[IU]/L", -0.5),), "nobody").as_dict()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "one.json"
    ...     _ = file.write_text(json.dumps(told))
    ...     read_equation(file).formula()
    '=1/(1+EXP(-(-1-0.5*LN(lh_iu_l))))'
    """
    file = Path(path)
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        got = error.strerror if isinstance(error, OSError) else str(error)
        problem = Problem(f"equation {file.name}", "be a readable JSON file", str(got), _REMEDY)
        raise InputError(problem) from error
    problems = tuple(_problems(told))
    if problems:
        raise InputError(problems)
    outcome = told["outcome"]
    terms = tuple(Term(**{**t, "coefficient": float(t["coefficient"])}) for t in told["terms"])
    return Equation(told["name"], outcome["scheme"], outcome["definition"],
                    float(told["intercept"]), terms, told["citation"])  # fmt: skip


def _problems(told: Any) -> Iterator[Problem]:
    if not isinstance(told, Mapping) or told.get("format") != FORMAT:
        got = told.get("format") if isinstance(told, Mapping) else type(told).__name__
        yield Problem("format", f"be {FORMAT}", repr(got), _REMEDY)
        return
    yield from _keys("an equation", set(told), _KEYS)
    for key in ("name", "citation"):
        if not isinstance(told.get(key), str) or not told[key].strip():
            yield Problem(key, "be text", repr(told.get(key)), f"Write {key}, so that it is known")
    if not _finite(told.get("intercept")):
        yield Problem("intercept", "be a number", repr(told.get("intercept")), "Write log-odds")
    yield from _outcome(told.get("outcome"))
    terms = told.get("terms")
    if not isinstance(terms, list) or not terms:
        yield Problem("terms", "be a list of at least one", repr(terms), _REMEDY)
        return
    for i, term in enumerate(terms):
        yield from _term(f"terms[{i}]", term)


def _outcome(told: Any) -> Iterator[Problem]:
    if not isinstance(told, Mapping):
        yield Problem("outcome", "hold scheme and definition", repr(told), _REMEDY)
        return
    yield from _keys("outcome", set(told), {"scheme", "definition"})
    name = str(told.get("scheme"))
    if name not in SCHEMES:
        remedy = f"{nearest(name, SCHEMES)}Use one of these"
        yield Problem("outcome.scheme", f"be one of {', '.join(SCHEMES)}", repr(name), remedy)


def _term(where: str, told: Any) -> Iterator[Problem]:
    if not isinstance(told, Mapping):
        yield Problem(where, "be an object", repr(told), _REMEDY)
        return
    transform = str(told.get("transform"))
    if transform not in TRANSFORMS:
        rule = f"be one of {', '.join(TRANSFORMS)}"
        remedy = f"{nearest(transform, TRANSFORMS)}Use one of these"
        yield Problem(f"{where}.transform", rule, repr(transform), remedy)
        return
    ratio = transform in ("ratio", "ln_ratio")
    yield from _keys(where, set(told), _TERM | _RATIO if ratio else _TERM)
    if not _finite(told.get("coefficient")):
        got = repr(told.get("coefficient"))
        yield Problem(f"{where}.coefficient", "be a number", got, "Write log-odds per unit")
    for name, unit in (("input", "unit"), ("over", "over_unit"))[: 1 + ratio]:
        yield from _measured(where, name, unit, told)


def _measured(where: str, name: str, unit: str, told: Mapping[str, Any]) -> Iterator[Problem]:
    of, written = str(told.get(name)), told.get(unit)
    if of not in _UNITS:
        remedy = f"{nearest(of, _UNITS)}Use one of these"
        yield Problem(f"{where}.{name}", f"be one of {', '.join(_UNITS)}", repr(of), remedy)
    elif written not in _UNITS[of]:
        rule = f"be a unit of {of} ({', '.join(_UNITS[of])})"
        yield Problem(f"{where}.{unit}", rule, repr(written), "Write the unit of the paper")


def _keys(where: str, got: set[str], wanted: set[str]) -> Iterator[Problem]:
    wrong = got ^ wanted
    if wrong:
        told = f"{', '.join(sorted(wrong))} missing or unknown"
        yield Problem(where, f"hold {', '.join(sorted(wanted))}", told, _REMEDY)


def _finite(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value)
