"""The scripts that MLproject calls, and their settings: thin."""

from __future__ import annotations

__all__ = ["options"]


def options(**given: str) -> list[str]:
    """Return the words of a command line for the options that are given.

    Parameters
    ----------
    **given : str
        By the name of the option; an empty one is left out.

    Returns
    -------
    list of str
        As they would be typed.

    Examples
    --------
    >>> options(data="men.csv", reason="")
    ['--data', 'men.csv']
    """
    return [word for name, value in given.items() if value for word in (f"--{name}", value)]
