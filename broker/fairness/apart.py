"""Requests that delay later ones of the same sender: until a thread has done their work, or until they are answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from ...schemas.refusal import Refused
from ..own_process.threads import on_thread
from .sharing import Sharing

# Far longer than a disk takes that has room.
_MOST_HELD_SECONDS = 0.5

LetGo = Callable[[float], None]


class Apart:
    """Work done on threads for an identity: one piece at a time, because its further requests wait."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: set[asyncio.TimerHandle] = set()

    def close(self) -> None:
        """Stop calling back."""
        for timer in self._timers:
            timer.cancel()
        for task in self._tasks:
            task.cancel()

    def run(self, sharing: Sharing, public: bytes, work: Callable[[], None], then: Callable[[Exception | None], None]) -> None:
        """Do `work` on a thread for an identity, whose further requests wait and which is charged for the time.

        Then call `then` on the loop with the exception that it raised, or None.
        """
        sharing.hold(public)
        task = asyncio.get_running_loop().create_task(self._run(sharing, public, work, then))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def hold(self, sharing: Sharing, public: bytes) -> LetGo:
        """Delay further requests of an identity until the returned function is called with the time to charge, or for half a second.

        Not longer: while the disk is full, its owner must be able to find out why, and to remove something.
        """
        sharing.hold(public)

        def let_go(seconds: float) -> None:
            if timer in self._timers:
                self._timers.remove(timer)
                timer.cancel()
                sharing.let_go(public, seconds)

        timer = asyncio.get_running_loop().call_later(_MOST_HELD_SECONDS, let_go, 0.0)
        self._timers.add(timer)
        return let_go

    async def _run(self, sharing: Sharing, public: bytes, work: Callable[[], None], then: Callable[[Exception | None], None]) -> None:
        begun = time.monotonic()
        try:
            try:
                raised = await on_thread(_attempt, work)
            except RuntimeError:
                # The system lets this process make no more threads.
                raised = _attempt(work)
            then(raised)
        finally:
            sharing.let_go(public, time.monotonic() - begun)


def _attempt(work: Callable[[], None]) -> Exception | None:
    try:
        work()
    except Refused as refused:
        # Its traceback would keep the request.
        return refused.anew()
    except Exception as error:  # noqa: BLE001 -- whoever asked for the work gets it
        return error
    return None
