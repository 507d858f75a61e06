"""Shares the loop's turns among streams, so that a client with many of them, or with much to send, delays nobody.

A stream works while there is time in this turn; then it queues, and queued streams continue in the next turns, first come, first
served. A single stream is not affected.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

_TURN_SECONDS = 0.001


class Turns:
    """The turns of one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._until = 0.0
        self._line: deque[Callable[[], object]] = deque()

    def time_left(self) -> bool:
        """Return whether there is time left in this turn."""
        now = time.monotonic()
        if not self._until:
            self._until = now + _TURN_SECONDS
            self._loop.call_soon(self._next)
        return now < self._until

    def call_soon(self, callback: Callable[[], object], /) -> None:
        """Queue the callback for a later turn."""
        self._line.append(callback)
        self.time_left()

    def call_later(self, delay: float, callback: Callable[[], object], /) -> object:
        """Call after `delay` seconds."""
        return self._loop.call_later(delay, callback)

    def _next(self) -> None:
        self._until = 0.0
        # Callbacks that are queued again meanwhile wait for the next turn.
        for _ in range(len(self._line)):
            if not self.time_left():
                return
            self._line.popleft()()
