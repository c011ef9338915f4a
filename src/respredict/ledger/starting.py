"""Starting and ending the process that writes the ledger for a service."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

__all__ = ["end_writer", "start_writer"]

_SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
_LOG = logging.getLogger("respredict.ledger")


def start_writer(home: Path, link: socket.socket, max_bytes: int | None) -> subprocess.Popen[bytes]:
    """Start a writer; signals that end the service are withheld from it for good.

    Parameters
    ----------
    home : Path
        ``RESPREDICT_HOME``.
    link : socket.socket
        Its end of a pair; it ends once nobody holds the other.
    max_bytes : int or None
        Size at which the ledger counts as full.

    Returns
    -------
    subprocess.Popen
        Not yet listening.

    Raises
    ------
    OSError
        If no process can be started.
    """
    command = [
        sys.executable, "-P", "-m", "respredict.ledger.writer_process",
        str(home.absolute()), str(link.fileno()), str(max_bytes or 0),
    ]  # fmt: skip
    path = os.pathsep.join(entry for entry in sys.path if entry)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        return subprocess.Popen(  # noqa: S603 - this program, by this interpreter
            command, pass_fds=[link.fileno()], stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_writer(process: subprocess.Popen[bytes], seconds: float) -> int:
    """Wait until a writer that nobody talks to any more has ended; kill one that does not.

    Parameters
    ----------
    process : subprocess.Popen
        Of the writer.
    seconds : float
        How long to wait.

    Returns
    -------
    int
        Its exit code, or minus the number of the signal that ended it.
    """
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        _LOG.warning("the process that writes the ledger does not end, and is killed")
        process.kill()
        return process.wait()
