"""The pieces a schema is made of: each with its meaning, unit, range and example."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["array", "number", "record", "ref", "text"]

Schema = dict[str, Any]


def number(
    meaning: str,
    example: float,
    *,
    low: float | None = None,
    high: float | None = None,
    unit: str = "1",
    whole: bool = False,
    null: bool = False,
) -> Schema:
    """Return the schema of a number.

    Parameters
    ----------
    meaning : str
        What it says.
    example : float
        One.
    low, high : float or None, default=None
        Limits, both included.
    unit : str, default="1"
        UCUM code; ``1`` for a pure number.
    whole : bool, default=False
        Whether it is a count.
    null : bool, default=False
        Whether it may be null.

    Returns
    -------
    dict
        JSON Schema 2020-12; the unit stands in ``x-unit``.
    """
    kind = "integer" if whole else "number"
    told: Schema = {"type": [kind, "null"] if null else kind, "description": meaning}
    if low is not None:
        told["minimum"] = low
    if high is not None:
        told["maximum"] = high
    return {**told, "x-unit": unit, "examples": [example]}


def text(meaning: str, example: Any, *, null: bool = False, **more: Any) -> Schema:
    """Return the schema of a text.

    Parameters
    ----------
    meaning : str
        What it says.
    example : object
        One.
    null : bool, default=False
        Whether it may be null.
    **more : object
        Other keywords, such as ``pattern``, ``format`` or ``enum``.

    Returns
    -------
    dict
        JSON Schema 2020-12.
    """
    kind = ["string", "null"] if null else "string"
    if null and "enum" in more:
        more["enum"] = [*more["enum"], None]
    return {"type": kind, "description": meaning, **more, "examples": [example]}


def flag(meaning: str, *, example: bool = False, null: bool = False) -> Schema:
    """Return the schema of a yes or no."""
    kind = ["boolean", "null"] if null else "boolean"
    return {"type": kind, "description": meaning, "examples": [example]}


def array(meaning: str, of: Schema, **more: Any) -> Schema:
    """Return the schema of an array.

    Parameters
    ----------
    meaning : str
        What it holds.
    of : dict
        Schema of each item.
    **more : object
        Other keywords.

    Returns
    -------
    dict
        JSON Schema 2020-12.
    """
    return {"type": "array", "description": meaning, "items": of, **more}


def record(
    meaning: str,
    always: Mapping[str, Schema],
    sometimes: Mapping[str, Schema] | None = None,
    *,
    null: bool = False,
    **more: Any,
) -> Schema:
    """Return the schema of an object that holds nothing else.

    Parameters
    ----------
    meaning : str
        What it is.
    always, sometimes : mapping of str to dict
        Schemas of the members that it must and may have.
    null : bool, default=False
        Whether it may be null.
    **more : object
        Other keywords.

    Returns
    -------
    dict
        JSON Schema 2020-12.
    """
    told: Schema = {
        "type": ["object", "null"] if null else "object",
        "description": meaning,
        "properties": {**always, **(sometimes or {})},
        "additionalProperties": False,
    }
    if always:
        told["required"] = list(always)
    return {**told, **more}


def ref(name: str, meaning: str = "") -> Schema:
    """Return a reference to a schema of the document.

    Parameters
    ----------
    name : str
        Of the schema.
    meaning : str, default=""
        What it says here.

    Returns
    -------
    dict
        JSON Schema 2020-12.
    """
    told: Schema = {"$ref": f"#/components/schemas/{name}"}
    return {**told, "description": meaning} if meaning else told
