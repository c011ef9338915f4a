"""Work spread over processes: the same results, to the bit, for any number of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import joblib  # type: ignore[import-untyped]
from joblib.externals.loky import (  # type: ignore[import-untyped]
    get_reusable_executor,
)
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

__all__ = ["finish", "one_thread", "spread"]

Say = Callable[[str], None]

_SAID_EVERY = 10.0  # seconds


def spread(
    function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]], *, jobs: int = 1,
    say: Say = lambda _: None, what: str = "",
) -> list[Any]:  # fmt: skip
    """Call a function once for each task.

    Parameters
    ----------
    function : callable
        Of a module, so that a process can be told of it.
    tasks : sequence of tuple
        Arguments of each call.
    jobs : int, default=1
        Processes; 1 is this one.
    say : callable, default: silent
        Told every ten seconds how far it is, and how long it may still take.
    what : str, default=""
        What is being done.

    Returns
    -------
    list
        In the order of the tasks. Each call has one thread of the numerical libraries,
        so that their sums have one order. The processes stay until :func:`finish`.

    Examples
    --------
    >>> import math
    >>> spread(math.hypot, [(3, 4), (5, 12)])
    [5.0, 13.0]
    """
    if jobs == 1 or len(tasks) < 2:
        with threadpool_limits(limits=1):
            return _gather((function(*task) for task in tasks), len(tasks), say, what)
    calls = (joblib.delayed(one_thread)(function, *task) for task in tasks)
    parallel = joblib.Parallel(n_jobs=jobs, return_as="generator")
    return _gather(parallel(calls), len(tasks), say, what)


def finish() -> None:
    """End the processes that ``spread`` started and kept for its next call.

    Examples
    --------
    >>> finish()
    """
    get_reusable_executor(max_workers=1).shutdown(wait=True)


def one_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function with one thread of the numerical libraries.

    Parameters
    ----------
    function : callable
        To call.
    *arguments : object
        Its arguments.

    Returns
    -------
    object
        What it returns.

    Examples
    --------
    >>> one_thread(max, 1, 2)
    2
    """
    with threadpool_limits(limits=1):
        return function(*arguments)


def _gather(results: Iterable[Any], total: int, say: Say, what: str) -> list[Any]:
    done: list[Any] = []
    began = said = time.monotonic()
    for result in results:
        done.append(result)
        now = time.monotonic()
        if now - said >= _SAID_EVERY and len(done) < total:
            left = (now - began) / len(done) * (total - len(done))
            say(f"{what}: {len(done)} of {total}, about {left:.0f} s left")
            said = now
    return done
