"""What waits to be recorded, handed from the callers to the writer."""

from __future__ import annotations

import asyncio
import queue
import threading
import time

from respredict.errors import LedgerError
from respredict.ledger.waiting import Waiting

__all__ = ["WAITING", "Inbox"]

#: Appends that may wait; more would only wait in vain.
WAITING = 4_096
#: Turns of an event loop without another append after which it counts as having no more: a
#: request takes two from its first byte to its append.
_IDLE_TURNS = 2
#: How long a busy event loop may keep what waits.
_HOLD_SECONDS = 0.01


class Inbox:
    """What waits; callers put, one writer takes.

    What the tasks of an event loop append is handed over together, as soon as the loop has
    nothing else to do, or after ``_HOLD_SECONDS``. The writer then has the interpreter to
    itself, where it would else wait for the loop at every statement, and the loop for the
    writer; and tasks that were answered together ask again together, and share a commit.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: queue.SimpleQueue[list[Waiting] | None] = queue.SimpleQueue()
        self._turns: dict[asyncio.AbstractEventLoop, list[Waiting]] = {}
        self._given = self._taken = 0
        self._closed = False

    def put(self, waiting: Waiting) -> None:
        """Hand something to the writer.

        Parameters
        ----------
        waiting : Waiting
            Entries, and who waits for them.

        Raises
        ------
        LedgerError
            If it was closed, or too many wait.
        """
        with self._lock:
            if self._closed:
                msg = "the ledger must be open, got a closed one. Open it again."
                raise LedgerError(msg, "closed")
            if self._given - self._taken >= WAITING:
                msg = f"at most {WAITING} appends may wait, got more. Send fewer at a time."
                raise LedgerError(msg, "overloaded")
            self._given += 1
            loop = waiting.loop
            if loop is None:
                self._queue.put([waiting])
            elif loop in self._turns:
                self._turns[loop].append(waiting)
            else:
                self._turns[loop] = [waiting]
                until = time.monotonic() + _HOLD_SECONDS
                loop.call_soon(self._end_turn, loop, 1, _IDLE_TURNS, until)

    def take(self, most: int, seconds: float) -> tuple[list[Waiting], bool]:
        """Return what waits and is still wanted, once there is something.

        Parameters
        ----------
        most : int
            How many suffice.
        seconds : float
            How long to wait for the first.

        Returns
        -------
        tuple of list of Waiting and bool
            In the order of asking; and whether nothing will follow.
        """
        group: list[Waiting] = []
        try:
            given = self._queue.get(timeout=seconds)
            while given is not None:
                self._taken += len(given)
                group += [waiting for waiting in given if waiting.is_wanted()]
                if len(group) >= most or self._queue.empty():
                    return group, False
                given = self._queue.get_nowait()
        except queue.Empty:
            return group, False
        return group, True

    def close(self) -> None:
        """Take nothing more; what waits is still handed over."""
        with self._lock:
            if not self._closed:
                self._closed = True
                for turn in self._turns.values():
                    self._queue.put(turn)
                self._turns.clear()
                self._queue.put(None)

    def _end_turn(
        self, loop: asyncio.AbstractEventLoop, seen: int, left: int, until: float
    ) -> None:
        """Hand over what a loop has appended, or look again after its next turn.

        ``seen`` is what had been appended a turn ago, ``left`` the idle turns to go.
        """
        with self._lock:
            turn = self._turns.get(loop)
            if turn is None:  # closed meanwhile
                return
            left = left - 1 if len(turn) == seen else _IDLE_TURNS
            if left and time.monotonic() < until:
                loop.call_soon(self._end_turn, loop, len(turn), left, until)
            else:
                self._queue.put(self._turns.pop(loop))
