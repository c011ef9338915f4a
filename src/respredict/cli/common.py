"""What every command shares: its options, how it prints, how it says what went wrong."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from respredict.errors import InputError, RespredictError

__all__ = ["NO", "OK", "PROG", "adder", "print_told", "say", "tell_error", "user"]

PROG = "respredict"
OK, NO = 0, 1

Run = Callable[[argparse.Namespace], int]
Add = Callable[[str, Run, str], argparse.ArgumentParser]


def adder(commands: Any) -> Add:
    """Return what adds a command, with the options that all have.

    Parameters
    ----------
    commands : subparsers action
        Of the command line.

    Returns
    -------
    callable
        Takes the name, what runs it and what it is for; returns its parser.
    """

    def add(name: str, run: Run, said: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=said, description=f"{said[0].upper()}{said[1:]}.")
        command.add_argument("--json", action="store_true", help="print JSON")
        command.set_defaults(run=run)
        return command

    return add


def print_told(given: argparse.Namespace, told: Any, text: str) -> int:
    """Print a result, as JSON where that was asked; return exit code 0.

    Parameters
    ----------
    given : Namespace
        The parsed command line.
    told : JSON values
        For programs.
    text : str
        For people.

    Returns
    -------
    int
        0.
    """
    print(json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False) if given.json else text)
    return OK


def say(text: str) -> None:
    """Say on standard error what is going on.

    Parameters
    ----------
    text : str
        One line.
    """
    print(f"{PROG}: {text}", file=sys.stderr)


def tell_error(error: RespredictError, *, as_json: bool) -> None:
    """Say what was wrong, for people and, where asked, for programs.

    Parameters
    ----------
    error : RespredictError
        What went wrong.
    as_json : bool
        Print it as JSON on standard output too.
    """
    if as_json and isinstance(error, InputError):
        print(json.dumps({"errors": [p.as_dict() for p in error.problems]}, indent=1))
    elif as_json:
        print(json.dumps({"errors": [{"detail": str(error)}]}, indent=1))
    for line in str(error).splitlines():
        say(line)


def user() -> str:
    """Return who runs the command, as the system says.

    Returns
    -------
    str
        The name, or the number of a user without one.
    """
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"
