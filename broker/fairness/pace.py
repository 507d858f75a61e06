"""Yield to other work on the loop during work that takes seconds and that no particular client waits for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

# So long a request waits behind it, about.
_SLICE_SECONDS = 0.01


class Pace:
    """Counts time since it was made, or last yielded."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._began = now()

    async def rest(self) -> None:
        """Yield to the loop if the work has used a slice of time; to be called about every millisecond."""
        if self._now() - self._began >= _SLICE_SECONDS:
            await asyncio.sleep(0)
            self._began = self._now()
