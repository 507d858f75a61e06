"""Lets everything else on the loop have its turn during work that takes seconds and that nobody in particular waits for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

# So long a request waits behind it, about.
_SLICE_SECONDS = 0.01


class Pace:
    """Counts time from when it is made, or has last rested."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._began = now()

    async def rest(self) -> None:
        """Let the loop do what waits, if the work has gone on for a slice of time; to be called every millisecond or so."""
        if self._now() - self._began >= _SLICE_SECONDS:
            await asyncio.sleep(0)
            self._began = self._now()
