"""Work of seconds: done once in a thread, while its page says how far it is.

A page asks for the work by a key and waits no longer than a reader would. Few run at a
time, and the results of the latest are kept.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from serving.problems import RefusedError

__all__ = ["Job", "ask"]

Tell = Callable[[int], None]

_WAIT_SECONDS = 0.15
_MOST_RUNNING, _MOST_KEPT = 2, 16


@dataclass(eq=False)
class Job:
    """One piece of work.

    Parameters
    ----------
    reached : int, default=0
        Record up to which it got.
    result : object, default=None
        Once it is done.
    error : Exception or None, default=None
        Why it could not be.
    """

    reached: int = 0
    result: Any = None
    error: Exception | None = None
    _ended: threading.Event = field(default_factory=threading.Event)

    @property
    def done(self) -> bool:
        """Whether there is a result."""
        return self._ended.is_set()

    def run(self, work: Callable[[Tell], Any]) -> None:
        """Do the work."""
        try:
            self.result = work(self._tell)
        except Exception as error:  # raised again for who asks
            self.error = error
        finally:
            self._ended.set()

    def wait(self, seconds: float) -> None:
        """Wait until it is done, but not long."""
        self._ended.wait(seconds)

    def _tell(self, sequence: int) -> None:
        self.reached = sequence


_jobs: OrderedDict[Hashable, Job] = OrderedDict()
_lock = threading.Lock()


def ask(key: Hashable, work: Callable[[Tell], Any], *, seconds: float = _WAIT_SECONDS) -> Job:
    """Return the work under a key, begun if it was not.

    Parameters
    ----------
    key : hashable
        What it is of; the same key is the same work.
    work : callable
        Takes a function that is told up to which record all is read.
    seconds : float, default=0.15
        How long to wait for it.

    Returns
    -------
    Job
        Done, or on its way.

    Raises
    ------
    RefusedError
        ``busy`` if as much as may run runs already.
    Exception
        What the work raised; the next who asks begins it anew.
    """
    with _lock:
        job = _jobs.get(key)
        if job is None:
            if sum(not other.done for other in _jobs.values()) >= _MOST_RUNNING:
                detail = "Wait until it is done, then ask again."
                raise RefusedError("busy", detail, headers=((b"retry-after", b"2"),))
            job = _jobs[key] = Job()
            threading.Thread(target=job.run, args=(work,), daemon=True).start()
            while len(_jobs) > _MOST_KEPT:
                _jobs.popitem(last=False)
    job.wait(seconds)
    if job.error is not None:
        with _lock:
            _jobs.pop(key, None)
        raise job.error
    return job
