"""The command line: thin. Each command parses, calls one thing and prints what it gave.

Exit codes: 0 done, 1 the answer is no, 2 bad input. ``--json`` prints one JSON document
on standard output; progress and notices go to standard error.

To add a command, write a module beside this one with an ``add_…`` function, and name it
in ``_parser``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from respredict.cli.audit import add_audit
from respredict.cli.cohorts import add_cohorts
from respredict.cli.common import OK, PROG, adder, say, tell_error
from respredict.cli.conformance import add_conformance
from respredict.cli.evaluate import add_evaluate
from respredict.cli.keys import add_keys
from respredict.cli.models import add_models
from respredict.cli.report import add_report
from respredict.cli.score import add_score
from respredict.cli.serve import add_serve
from respredict.errors import InputError, Problem, RespredictError

__all__ = ["main"]

_BAD_INPUT, _STOPPED = 2, 130
_SHOWN = 60


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, default=None
        Words of the command line; those of the process if None.

    Returns
    -------
    int
        0 done, 1 the answer is no, 2 bad input, 130 stopped by Ctrl-C.
    """
    # Before any framework is imported, in this process and in those it starts.
    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        given = _parser().parse_args(words)
    except _UsageError as error:
        if "--json" in words:
            print(json.dumps({"errors": [{"detail": str(error)}]}, indent=1))
        error.parser.print_usage(sys.stderr)
        error.parser.exit(_BAD_INPUT, f"{error.parser.prog}: error: {error}\n")
    try:
        return int(given.run(given))
    except BrokenPipeError:
        # The reader of our output has gone, as `| head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except KeyboardInterrupt:
        say("stopped")
        return _STOPPED
    except RespredictError as error:
        tell_error(error, as_json=given.json)
        return _BAD_INPUT
    except OSError as error:
        # What the file system does not do, wherever that shows: the file, and why.
        name = str(error.filename or "a file")
        short = name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…"
        problem = Problem(short, "be usable", error.strerror or str(error), "Check the path")
        tell_error(InputError(problem), as_json=given.json)
        return _BAD_INPUT


class _UsageError(Exception):
    """Words that no command takes."""

    def __init__(self, parser: argparse.ArgumentParser, said: str) -> None:
        self.parser = parser
        super().__init__(said)


class _Parser(argparse.ArgumentParser):
    """Leaves to ``main`` how what is wrong is told."""

    def error(self, message: str) -> NoReturn:
        raise _UsageError(self, message)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=PROG,
        description="How likely a subfertile man is to have a clinically significant semen "
        "improvement on anastrozole. Not a medical device.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add = adder(commands)
    add_cohorts(add)
    add_models(add)
    add_score(add)
    add_report(add)
    add_evaluate(add)
    add_audit(commands)
    add_conformance(add)
    add_keys(commands)
    add_serve(add)
    return parser
