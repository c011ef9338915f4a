"""How likely a subfertile man is to have a clinically significant semen improvement on anastrozole.

Importing the package does no work; each name is loaded when it is first asked for::

    from respredict import load_scorer, read_cohort
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = [
    "Cohort",
    "Scorer",
    "Settings",
    "load_scorer",
    "promote",
    "read_cohort",
    "read_settings",
    "score_table",
    "train",
]

_HOMES = {
    "Cohort": "cohort",
    "Scorer": "scoring",
    "Settings": "config",
    "load_scorer": "scoring",
    "promote": "lifecycle.training",
    "read_cohort": "cohort",
    "read_settings": "config",
    "score_table": "batch",
    "train": "lifecycle.training",
}


def __getattr__(name: str) -> Any:
    """Load a public name from the module it lives in."""
    if name in _HOMES:
        return getattr(importlib.import_module(f"respredict.{_HOMES[name]}"), name)
    if name == "__version__":
        from importlib.metadata import version

        return version("respredict")
    msg = f"module 'respredict' has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
