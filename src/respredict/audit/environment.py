"""What computed an answer besides the model: packages, platform, the code itself."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

__all__ = ["changes", "environment"]

_PACKAGES = ("respredict", "numpy", "scipy", "scikit-learn", "pandas", "skops")
_ROOT = Path(__file__).resolve().parents[1]


@lru_cache(maxsize=1)
def _measured() -> tuple[tuple[str, str], ...]:
    code = hashlib.sha256()
    for file in sorted(_ROOT.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            name = file.relative_to(_ROOT).as_posix()
            code.update(f"{name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return (
        ("python", platform.python_version()),
        *((name, importlib.metadata.version(name)) for name in _PACKAGES),
        ("platform", platform.platform()),
        ("code", f"sha256:{code.hexdigest()}"),
    )


def environment() -> dict[str, str]:
    """Return what computes answers in this process.

    Returns
    -------
    dict
        Versions of Python and the packages that make a number, the platform, and the
        SHA-256 of this package's own files.

    Examples
    --------
    >>> sorted(environment())[:3]
    ['code', 'numpy', 'pandas']
    """
    return dict(_measured())


def changes(recorded: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what is not as it was recorded, a phrase each.

    Parameters
    ----------
    recorded : mapping
        As :func:`environment` gave it then; what it does not name is not compared.

    Returns
    -------
    tuple of str
        Empty if all is the same.

    Examples
    --------
    >>> changes({"numpy": "1.0"})[0][:19]
    'numpy was 1.0, now '
    """
    return tuple(
        "the code of respredict was changed" if name == "code" else f"{name} was {was}, now {now}"
        for name, now in environment().items()
        if (was := recorded.get(name, now)) != now
    )
