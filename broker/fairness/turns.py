"""Shares the loop's turns among streams, so that whoever has many of them, or much to be sent, holds nobody up.

A stream works while there is time in this turn; then it gets in line, and all in line go on in the next turns, first come first
served. One stream alone never notices.
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
        """Say whether there is time in this turn."""
        now = time.monotonic()
        if not self._until:
            self._until = now + _TURN_SECONDS
            self._loop.call_soon(self._next)
        return now < self._until

    def call_soon(self, callback: Callable[[], object], /) -> None:
        """Get in line."""
        self._line.append(callback)
        self.time_left()

    def call_later(self, delay: float, callback: Callable[[], object], /) -> object:
        """Call after so many seconds."""
        return self._loop.call_later(delay, callback)

    def _next(self) -> None:
        self._until = 0.0
        # Those who get in line again meanwhile wait for the next turn.
        for _ in range(len(self._line)):
            if not self.time_left():
                return
            self._line.popleft()()
