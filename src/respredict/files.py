"""Files written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

__all__ = ["write_atomically"]


def write_atomically(file: Path, content: str | bytes) -> None:
    """Replace a file in one step, synced to disk before it takes its name.

    Parameters
    ----------
    file : Path
        To write or replace.
    content : str or bytes
        All of it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, 0o644)  # noqa: PTH101 - the name is mkstemp's
        os.replace(name, file)  # noqa: PTH105
    except BaseException:
        os.unlink(name)  # noqa: PTH108
        raise
