"""Who waits for a record: a thread or a task, told as soon as it is durable."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from typing import Any

from respredict.ledger.chain import Sealed
from respredict.ledger.entry import Idempotency

__all__ = ["Waiting", "settle"]


class Waiting:
    """Entries that are recorded together or not at all, and who waits for them.

    Parameters
    ----------
    sealed : sequence of Sealed
        The entries.
    idempotency : Idempotency or None
        Under which a repetition is found.
    alone : bool
        Whether one receipt is awaited, and not several.
    loop : asyncio.AbstractEventLoop or None, default=None
        Of the task that waits; None for a thread.

    Attributes
    ----------
    future : asyncio.Future or concurrent.futures.Future
        What is awaited.
    """

    __slots__ = ("alone", "future", "idempotency", "loop", "sealed")

    def __init__(
        self,
        sealed: Sequence[Sealed],
        idempotency: Idempotency | None,
        alone: bool,  # noqa: FBT001 - ours alone
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.sealed, self.idempotency, self.alone, self.loop = sealed, idempotency, alone, loop
        self.future: Any = Future() if loop is None else loop.create_future()

    def is_wanted(self) -> bool:
        """Return whether nobody has given up yet; afterwards a thread cannot any more.

        Returns
        -------
        bool
            False if the future was cancelled.
        """
        if self.loop is None:
            return bool(self.future.set_running_or_notify_cancel())
        return not self.future.cancelled()


def settle(outcomes: Iterable[tuple[Waiting, Any]]) -> None:
    """Give everybody his receipt or his error; each event loop is woken once.

    Parameters
    ----------
    outcomes : iterable of (Waiting, object)
        An exception is raised, anything else returned.
    """
    tasks: dict[asyncio.AbstractEventLoop, list[tuple[Any, Any]]] = defaultdict(list)
    for waiting, outcome in outcomes:
        if waiting.loop is None:
            _give(waiting.future, outcome)
        else:
            tasks[waiting.loop].append((waiting.future, outcome))
    for loop, given in tasks.items():
        with contextlib.suppress(RuntimeError):  # closed: nobody waits any more
            loop.call_soon_threadsafe(_give_all, given)


def _give_all(given: Iterable[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, outcome in given:
        if not future.done():
            _give(future, outcome)


def _give(future: Any, outcome: Any) -> None:
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
