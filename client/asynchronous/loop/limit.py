"""A limit on the time of a wait, which is fair to what happened in time."""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self

from ...library.options.arguments import Duration, seconds

# Later than this, the loop was busy, or this process was stopped or not given a processor.
_ON_TIME_SECONDS = 0.1
_MOST_SECONDS = 1.0


class Deadline:
    """When waits that follow one another must have ended, on `time.monotonic`; `due` None: never.

    If that is noticed late, it is postponed once, for as long as it was late, at most a second: all that came meanwhile may be heard, which
    may take several waits.
    """

    def __init__(self, due: float | None) -> None:
        self.due = due
        self._is_postponed = False

    def left(self, now: float) -> float | None:
        """Return how many seconds are left, to whoever begins a wait or notices its end; None: any number."""
        if self.due is None:
            return None
        late = now - self.due
        if late > _ON_TIME_SECONDS and not self._is_postponed:
            self._is_postponed = True
            self.due = now + min(late, _MOST_SECONDS)
        return max(0.0, self.due - now)


class Limit(AbstractAsyncContextManager["Limit"]):
    """Like `asyncio.timeout`, but if the loop notices late that the time is over, it first hears what has come meanwhile.

    In one turn, asyncio calls timers before the tasks that wait for what has been received: a program that was stopped for a while would
    find every wait over, also those for jobs that had ended in time. As the rest of an answer may have to be asked for, the wait goes on
    for a while; see `Deadline`.
    """

    def __init__(self, until: Deadline | float | None) -> None:
        """`until`: a deadline of several waits, or after how many seconds this one is over; None: never."""
        self._until = until
        self._timeout = asyncio.timeout(None)
        self._deadline = Deadline(None)
        self._timer: asyncio.TimerHandle | None = None

    def expired(self) -> bool:
        """Return whether the time was over before the block was left."""
        return self._timeout.expired()

    async def __aenter__(self) -> Self:
        """Begin."""
        await self._timeout.__aenter__()
        now, until = time.monotonic(), self._until
        self._deadline = until if isinstance(until, Deadline) else Deadline(None if until is None else now + until)
        self._wait(self._deadline.left(now))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Raise TimeoutError in place of the cancellation if the time was over."""
        if self._timer is not None:
            self._timer.cancel()
        await self._timeout.__aexit__(kind, error, trace)

    def _wait(self, left: float | None) -> None:
        if left is not None:
            self._timer = asyncio.get_running_loop().call_later(left, self._ring)

    def _ring(self) -> None:
        left = self._deadline.left(time.monotonic())
        if left:
            self._wait(left)
        else:
            self._timeout.reschedule(asyncio.get_running_loop().time())


def limit_of(timeout: Duration | None) -> Limit:
    """Return a limit of so much time; None: no limit."""
    return Limit(None if timeout is None else seconds(timeout))
