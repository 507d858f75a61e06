"""A limit on the time of a wait, which is fair to what happened in time."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self

from ...library.options.arguments import Duration, seconds

# Later than this, the loop was busy, or this process was stopped or not given a processor.
_ON_TIME_SECONDS = 0.1
_MOST_SECONDS = 1.0


class Limit(AbstractAsyncContextManager["Limit"]):
    """Like `asyncio.timeout`, but if the loop notices late that the time is over, it first hears what has come meanwhile.

    In one turn, asyncio calls timers before the tasks that wait for what has been received: a program that was stopped for a while would
    find every wait over, also those for jobs that had ended in time. As the rest of an answer may have to be asked for, the wait goes on
    for as long as it was late, at most a second.
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._timeout = asyncio.timeout(None)
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def expired(self) -> bool:
        """Return whether the time was over before the block was left."""
        return self._timeout.expired()

    async def __aenter__(self) -> Self:
        """Begin."""
        await self._timeout.__aenter__()
        if self._seconds is not None:
            loop = asyncio.get_running_loop()
            self._due = loop.time() + self._seconds
            self._timer = loop.call_at(self._due, self._ring)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Raise TimeoutError in place of the cancellation if the time was over."""
        if self._timer is not None:
            self._timer.cancel()
        await self._timeout.__aexit__(kind, error, trace)

    def _ring(self) -> None:
        loop = asyncio.get_running_loop()
        late = loop.time() - self._due
        if late > _ON_TIME_SECONDS:
            self._timer = loop.call_later(min(late, _MOST_SECONDS), self._expire)
        else:
            self._expire()

    def _expire(self) -> None:
        self._timeout.reschedule(asyncio.get_running_loop().time())


def limit_of(timeout: Duration | None) -> Limit:
    """Return a limit of so much time; None: no limit."""
    return Limit(None if timeout is None else seconds(timeout))
