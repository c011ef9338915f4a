"""What computed an answer besides the model: packages, platform, the code itself."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from respredict.ledger.entry import Text

__all__ = ["changes", "environment", "environment_text"]

_PACKAGES = ("respredict", "numpy", "scipy", "scikit-learn", "pandas", "skops")
_ROOT = Path(__file__).resolve().parents[1]


@lru_cache(maxsize=1)
def _measured() -> tuple[tuple[str, str], ...]:
    import numpy as np

    # Which instructions NumPy found decides the last bits of its exponentials.
    found = np.show_config(mode="dicts")["SIMD Extensions"]
    code = hashlib.sha256()
    for file in sorted(_ROOT.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            name = file.relative_to(_ROOT).as_posix()
            code.update(f"{name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return (
        ("python", platform.python_version()),
        *((name, importlib.metadata.version(name)) for name in _PACKAGES),
        ("system", f"{platform.system()} {platform.release()}"),
        ("machine", platform.machine()),
        ("libc", " ".join(platform.libc_ver())),
        ("simd", " ".join([*found.get("baseline", []), *found.get("found", [])])),
        ("code", f"sha256:{code.hexdigest()}"),
    )


def environment() -> dict[str, str]:
    """Return what computes answers in this process.

    Returns
    -------
    dict
        Versions of Python and the packages that make a number, the platform down to the
        vector instructions in use, and the SHA-256 of this package's own files.

    Examples
    --------
    >>> sorted(environment())[:3]
    ['code', 'libc', 'machine']
    """
    return dict(_measured())


@lru_cache(maxsize=1)
def environment_text() -> Text:
    """Return the same as the static text that records quote.

    Returns
    -------
    Text
        A JSON object.
    """
    return Text.of(json.dumps(environment(), sort_keys=True).encode())


def changes(recorded: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what is not as it was recorded, a phrase each.

    Parameters
    ----------
    recorded : mapping
        As :func:`environment` gave it then.

    Returns
    -------
    tuple of str
        Empty if all is the same.

    Examples
    --------
    >>> changes({**environment(), "numpy": "1.0"})[0][:19]
    'numpy was 1.0, now '
    """
    today = environment()
    names = [*today, *(name for name in recorded if name not in today)]
    each = ((name, recorded.get(name, "unknown"), today.get(name, "none")) for name in names)
    return tuple(
        "the code of respredict was changed" if name == "code" else f"{name} was {was}, now {now}"
        for name, was, now in each
        if was != now
    )
