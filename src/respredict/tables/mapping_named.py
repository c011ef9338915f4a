"""The mapping that somebody named for a table, in place of the one beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

__all__ = ["named_for", "read_through"]

# By table; a copy each time, so that what was there before comes back as it was.
_NAMED: ContextVar[tuple[tuple[Path, Path], ...]] = ContextVar("named mappings", default=())


@contextmanager
def read_through(table: Path, file: Path | None) -> Iterator[None]:
    """Have a table read through a mapping that lies elsewhere, in whatever reads it meanwhile.

    Parameters
    ----------
    table : Path
        Of the table; no other table is read through the mapping.
    file : Path or None
        The mapping; None leaves the one beside the table.

    Yields
    ------
    None
        While it holds, in this thread.

    Examples
    --------
    >>> with read_through(Path("clinic.csv"), Path("kept/clinic.toml")):
    ...     print(named_for(Path("clinic.csv")), named_for(Path("other.csv")))
    kept/clinic.toml None
    """
    if file is None:
        yield
        return
    before = _NAMED.set(((table.resolve(), file), *_NAMED.get()))
    try:
        yield
    finally:
        _NAMED.reset(before)


def named_for(table: Path) -> Path | None:
    """Return the mapping that was named for a table.

    Parameters
    ----------
    table : Path
        Of the table.

    Returns
    -------
    Path or None
        None where none was named.
    """
    found = (file for of, file in _NAMED.get() if of == table.resolve())
    return next(found, None)
