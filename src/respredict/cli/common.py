"""What every command shares: its options, how it prints, how it says what went wrong."""

from __future__ import annotations

import argparse
import datetime
import getpass
import json
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from respredict.errors import InputError, Problem, RespredictError

__all__ = [
    "NO",
    "OK",
    "PROG",
    "add_actor",
    "add_mapping",
    "adder",
    "plain",
    "print_told",
    "read_day",
    "read_mapped",
    "say",
    "say_where_it_ends",
    "tell_error",
    "user",
]

PROG = "respredict"
OK, NO = 0, 1
_LONGEST_ACTOR = 100

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


def add_actor(command: argparse.ArgumentParser) -> None:
    """Add ``--actor`` to a command that records who does it.

    Parameters
    ----------
    command : parser
        Of the command.
    """
    said = "who (default: you, as the system says)"
    command.add_argument("--actor", default=user(), type=_actor, help=said)


def _actor(written: str) -> str:
    name = written.strip()
    if not (0 < len(name) <= _LONGEST_ACTOR and name.isprintable()):
        msg = f"must be 1 to {_LONGEST_ACTOR} printable characters, got other text"
        raise argparse.ArgumentTypeError(msg)
    return name


def add_mapping(command: Any, table: str = "the table") -> None:
    """Add ``--mapping`` to a command that reads a clinic's table.

    Parameters
    ----------
    command : parser or group of a parser
        Of the command.
    table : str, default="the table"
        What it is called there.
    """
    said = f"what the columns of {table} are (default: mapping.toml beside it)"
    command.add_argument("--mapping", metavar="FILE", help=said)


def read_mapped(
    given: argparse.Namespace, table: str | os.PathLike[str] | None, *, instead: str = ""
) -> AbstractContextManager[None]:
    """Have a table read through the mapping that ``--mapping`` names, meanwhile.

    Parameters
    ----------
    given : Namespace
        The parsed command line.
    table : path-like or None
        The table; None where the command reads none.
    instead : str, default=""
        What makes it read one, for the message.

    Returns
    -------
    context manager
        Without ``--mapping`` it changes nothing.

    Raises
    ------
    InputError
        If there is a mapping, and no table.
    """
    from respredict.tables.mapping_named import read_through

    if given.mapping is not None and table is None:
        remedy = f"Leave it out, or give {instead}"
        raise InputError(Problem("--mapping", "be given with a table", "none", remedy))
    file = None if given.mapping is None else Path(given.mapping)
    return read_through(Path(table or ""), file)


def plain(text: str) -> str:
    r"""Return text in which nothing moves the cursor of a terminal.

    Parameters
    ----------
    text : str
        As recorded.

    Returns
    -------
    str
        With a question mark for each character that does not print.

    Examples
    --------
    >>> plain("ops\x1b[31m")
    'ops?[31m'
    """
    return "".join(c if c.isprintable() else "?" for c in text)


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


def read_day(where: str, written: str) -> datetime.date:
    """Return a day that was written on the command line.

    Parameters
    ----------
    where : str
        The option or argument.
    written : str
        What stands there.

    Returns
    -------
    date
        That day.

    Raises
    ------
    InputError
        If it is none.

    Examples
    --------
    >>> read_day("--since", "2026-03-31")
    datetime.date(2026, 3, 31)
    """
    try:
        return datetime.date.fromisoformat(written)
    except ValueError as error:
        today = datetime.datetime.now(tz=datetime.UTC).date()
        problem = Problem(where, "be a date", repr(written), f"Write it as {today}")
        raise InputError(problem) from error


def say(text: str) -> None:
    """Say on standard error what is going on.

    Parameters
    ----------
    text : str
        One line.
    """
    print(f"{PROG}: {text}", file=sys.stderr)


def say_where_it_ends(reader: Any, which: str) -> tuple[int, int] | None:
    """Say so where a range of records goes past the end of the ledger.

    Parameters
    ----------
    reader : Reader
        Of the ledger.
    which : str
        As :func:`respredict.audit.selecting.selected` takes it.

    Returns
    -------
    tuple of int, or None
        First and last of the records that are there; None if the word names one record.
    """
    from respredict.audit.selecting import span

    among, end = span(reader, which), reader.head()[0]
    if among is None or among[1] <= end:
        return among
    beyond = f"nothing stands at {max(among[0], end + 1)} to {among[1]}"
    say(f"note: the ledger ends at record {end}: {beyond}.")
    return among[0], end


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
