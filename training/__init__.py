"""The scripts that MLproject calls, and their settings: thin."""

from __future__ import annotations

import sys

from respredict.cli.common import tell_error
from respredict.errors import InputError, Problem

__all__ = ["given", "options"]

_BAD_INPUT = 2


def given(*names: str) -> list[str]:
    """Return the words that a script was called with, one for each name.

    MLflow appends ``--name value`` for a parameter that MLproject does not declare.

    Parameters
    ----------
    *names : str
        What MLproject hands over, in its order.

    Returns
    -------
    list of str
        As many as names.

    Raises
    ------
    SystemExit
        With exit code 2, if there are more or fewer words.
    """
    words = sys.argv[1:]
    if len(words) == len(names):
        return words
    surplus = words[len(names) :]
    got = f"{' '.join(surplus)!r} as well" if surplus else f"{len(words)} of them"
    rule, remedy = f"be {', '.join(names)}", f"Name each so, as in -P {names[0]}=…"
    tell_error(InputError(Problem("the parameters", rule, got, remedy)), as_json=False)
    sys.exit(_BAD_INPUT)


def options(**told: str) -> list[str]:
    """Return the words of a command line for the options that are given.

    Parameters
    ----------
    **told : str
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
    return [word for name, value in told.items() if value for word in (f"--{name}", value)]
