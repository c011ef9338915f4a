"""The command line, one module a command."""

from respredict.cli.main import main

__all__ = ["main"]
