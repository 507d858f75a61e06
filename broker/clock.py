"""The time of day for what is recorded and named: UTC, ascending, whatever becomes of the machine's clock.

Where that is set back, this one goes on from where it was until it is overtaken: times of one process never repeat or descend, and what
lasts shows how long it lasted. Imports next to nothing: the supervisor, which must stay small, uses it too.
"""

from __future__ import annotations

import time
from collections.abc import Callable


def wall_us() -> int:
    """Say what the machine's clock shows, which may have been set back: in microseconds since 1970."""
    return time.time_ns() // 1000


def _monotonic_us() -> int:
    return time.monotonic_ns() // 1000


class Clock:
    """One process's time of day."""

    __slots__ = ("_last_us", "_monotonic_us", "_seen_at_us", "_wall_us")

    def __init__(self, wall_us: Callable[[], int] = wall_us, monotonic_us: Callable[[], int] = _monotonic_us) -> None:
        self._wall_us = wall_us
        self._monotonic_us = monotonic_us
        self._last_us = 0
        self._seen_at_us = monotonic_us()

    def now_us(self) -> int:
        """Say the time in microseconds since 1970, each time a later one."""
        seen_at_us = self._monotonic_us()
        self._last_us = max(self._last_us + max(1, seen_at_us - self._seen_at_us), self._wall_us())
        self._seen_at_us = seen_at_us
        return self._last_us

    def not_before(self, us: int) -> None:
        """Go on from this time at least: it is that of something that has happened."""
        seen_at_us = self._monotonic_us()
        if us > self._last_us + seen_at_us - self._seen_at_us:
            self._last_us = us
            self._seen_at_us = seen_at_us
