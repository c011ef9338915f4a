"""The worker as a process: it dies with its parent, and collects garbage when nobody waits.

Everything that is imported and loaded at start stays for good. So it is taken out of the
collector's sight once, and what little comes after is collected between requests: a full
collection over the imported libraries takes a tenth of a second and more.
"""

from __future__ import annotations

import ctypes
import datetime
import gc
import logging
import os
import signal
import sys
import time

__all__ = ["Janitor", "die_with_parent", "in_parent", "is_worker", "started"]

_PARENT = "RESPREDICT_PARENT"
_STARTED = "RESPREDICT_STARTED"
_PR_SET_PDEATHSIG = 1
#: How often the parent looks whether a worker has died; BentoML asks for every 10 s.
_LOOK_SECONDS = 0.5
_LONG_IDLE_SECONDS = 5.0
#: Under load without a pause: little is looked through, as all that stays is out of sight.
_LOADED_SECONDS = 2.0
_LOG = logging.getLogger("respredict.process")


def in_parent() -> None:
    """Prepare the process that starts the workers; call it before the first one.

    Workers learn whose they are. A worker that was killed is started again within a second,
    and a closed terminal ends the service instead of reloading it, unless ``nohup`` asked
    to be left alone. BentoML does not tell its makers of the start, as it else would where
    ``bentoml serve`` starts a Bento.
    """
    os.environ[_PARENT] = str(os.getpid())
    os.environ[_STARTED] = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    _tell_nobody()
    # Each man is arithmetic on short arrays, and workers share the processors already.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    _look_often()


def _tell_nobody() -> None:
    from bentoml._internal.utils.analytics import usage_stats

    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
    usage_stats.do_not_track.cache_clear()  # its command line has asked before


def is_worker() -> bool:
    """Return whether this process was started to answer, by one that :func:`in_parent` made.

    Returns
    -------
    bool
        False in the parent, in tests and while a Bento is built.
    """
    return os.environ.get(_PARENT, "") not in ("", str(os.getpid()))


def started() -> datetime.datetime | None:
    """Return when the service was started, whichever worker is asked.

    Returns
    -------
    datetime or None
        UTC; None where no parent started this process, as in tests.
    """
    told = os.environ.get(_STARTED)
    return datetime.datetime.fromisoformat(told) if told and is_worker() else None


def _look_often() -> None:
    """Have circus, which BentoML starts workers with, look after them more often."""
    from bentoml._internal.utils import circus

    class Arbiter(circus.Arbiter):
        def __init__(self, *arguments: object, **options: object) -> None:
            ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            super().__init__(*arguments, **{**options, "check_delay": _LOOK_SECONDS})
            signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else _end)

    setattr(circus, "Arbiter", Arbiter)  # noqa: B010 - a name that a type checker guards


def _end(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def die_with_parent() -> None:
    """Have the kernel end this worker when its parent dies, however that dies.

    Without it workers outlive a killed parent and hold the port. The worker leaves as on
    SIGTERM: it closes the port at once and answers what it has read. Elsewhere than on
    Linux nothing is done.
    """
    parent = int(os.environ.get(_PARENT) or os.getppid())
    if not sys.platform.startswith("linux"):
        return
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        _LOG.warning("prctl failed: %s", os.strerror(ctypes.get_errno()))
    if os.getppid() != parent:  # it died before the kernel was asked
        _LOG.warning("the parent has gone; so does this worker")
        os.kill(os.getpid(), signal.SIGTERM)


class Janitor:
    """Collects garbage off the path of requests; made once a worker is warm."""

    def __init__(self) -> None:
        self._answered = 0
        self._busy = self._collected = time.monotonic()
        self._stale = False
        gc.collect()
        gc.freeze()
        gc.disable()

    def reloaded(self) -> None:
        """Note that another model was loaded: the old one is thrown out when there is time."""
        self._stale = True

    def look(self, answered: int) -> float:
        """Collect if nobody waits, or if somebody always does; call it a few times a second.

        Parameters
        ----------
        answered : int
            Requests so far, with those under way.

        Returns
        -------
        float
            Seconds that it took.
        """
        start = time.monotonic()
        if answered != self._answered:
            self._answered, self._busy = answered, start
        idle = start - self._busy
        if self._stale and idle >= _LONG_IDLE_SECONDS:
            gc.unfreeze()
            gc.collect()
            gc.freeze()
            self._stale = False
        elif (self._busy > self._collected and idle > 0) or (
            start - self._collected >= _LOADED_SECONDS and idle == 0
        ):
            gc.collect()
        else:
            return 0.0
        self._collected = time.monotonic()
        return self._collected - start
