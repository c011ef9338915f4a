"""A man as a hospital has him, and his answers."""

from __future__ import annotations

import copy
from typing import Any

from serving.contract.interop import BUNDLE

LH, T, E2 = 3, 1, 2  # entries of the Bundle


def bundle() -> dict[str, Any]:
    """Return a Bundle of one man, to be changed."""
    return copy.deepcopy(BUNDLE)


def entry(of: dict[str, Any], number: int) -> dict[str, Any]:
    """Return a resource of a Bundle."""
    return of["entry"][number]["resource"]


def parameters(**more: Any) -> dict[str, Any]:
    """Return Parameters around the Bundle."""
    given = [{"name": "observations", "resource": bundle()}]
    return {"resourceType": "Parameters", "parameter": [*given, *more.get("and_", [])]}
