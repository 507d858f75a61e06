"""How long one job has run, how long it may, and when it ended: measured by a clock that cannot be set, and dated from its start.

Knows no process: its creator reports when the job begins and ends.
"""

from __future__ import annotations

from collections.abc import Callable

from ....schemas.clock import Clock, passed_us
from ..loop import Loop, Timer


class Lifetime:
    """The time of one job. `over` is called when its time limit, which counts from its start, has passed."""

    __slots__ = ("_began_us", "_clock", "_loop", "_over", "_timer", "ended_at_us", "ended_passed_us", "limit_ms", "started_at_us")

    def __init__(self, loop: Loop, clock: Clock, started_at_us: int, limit_ms: int | None, over: Callable[[], None]) -> None:
        self.started_at_us = started_at_us
        # None: no limit.
        self.limit_ms = limit_ms
        # Since when nothing is left but output that is not in its logs yet; 0: there are processes.
        self.ended_at_us = self.ended_passed_us = 0
        # When it began, on a clock that cannot be set; None: not known.
        self._began_us: int | None = None
        self._loop = loop
        self._clock = clock
        self._over = over
        self._timer: Timer | None = None

    def begin(self, age_seconds: float | None) -> None:
        """Start counting; `age_seconds` None: its age is unknown, and its limit counts from now."""
        self._began_us = None if age_seconds is None else passed_us() - int(age_seconds * 1_000_000)
        self._await_limit()

    def set_limit(self, limit_ms: int | None) -> None:
        """Change the limit; it may have passed already."""
        self.limit_ms = limit_ms
        self.stop_limit()
        self._await_limit()

    def stop_limit(self) -> None:
        """Disable the limit."""
        self._loop.cancel(self._timer)

    def end(self) -> None:
        """Note that nothing is left of the job; only the first call counts."""
        if not self.ended_at_us:
            self.ended_at_us, self.ended_passed_us = self._date(), passed_us()

    def go_on(self) -> None:
        """Note that there are processes after all."""
        self.ended_at_us = 0

    def _await_limit(self) -> None:
        self._timer = None
        if self.limit_ms is not None:
            age_seconds = 0.0 if self._began_us is None else (passed_us() - self._began_us) / 1_000_000
            self._timer = self._loop.after(max(0.0, self.limit_ms / 1000 - age_seconds), self._over)

    def _date(self) -> int:
        """Return the time of the end: the start plus the duration, even if the machine's clock was set meanwhile."""
        if self._began_us is None:
            return max(self.started_at_us, self._clock.now_us())
        return self.started_at_us + max(0, passed_us() - self._began_us)
