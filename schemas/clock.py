"""The time of day for what is recorded and named: UTC, ascending, whatever becomes of the machine's clock.

It goes by the time that passes (CLOCK_BOOTTIME, which nobody sets and which goes on while the machine is suspended), from where the
machine's clock was when the process began. Where that clock is set, by hand or by NTP, it is followed when it was seen to stay there for a
while; a jump there and back is never seen in a date. A clock that was days ahead is followed back at once while nothing is under way
(`follow`). How long something lasted is never told from two dates, but from `passed_us`. What is decided from ages goes by ages.py.

Imports next to nothing: the supervisor, which must stay small, uses it too.
"""

from __future__ import annotations

import time
from collections.abc import Callable

# NTP turns the clock a little faster or slower, and that is no jump.
_SAME_US = 500_000
_DAY_US = 24 * 3600 * 1_000_000
# Within a day, that dates ascend is worth more than that they are right; beyond, dates that are wrong help nobody.
_STAYS_US = 60_000_000
_FAR_STAYS_US = 5_000_000


def wall_us() -> int:
    """Say what the machine's clock shows, which may have been set: in microseconds since 1970."""
    return time.time_ns() // 1000


def passed_us() -> int:
    """Say how many microseconds passed since the machine was started, those included in which it was suspended."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


class Steady:
    """How the machine's clock stands to the time that passes, and for how long it has been seen to stand so."""

    __slots__ = ("_seen_us", "_since_us")

    def __init__(self, offset_us: int, at_us: int) -> None:
        self._seen_us = offset_us
        self._since_us = at_us

    def stays_us(self, offset_us: int, at_us: int) -> int:
        """Note how it stands at this moment; say for how long now."""
        if not near(offset_us, self._seen_us):
            self._seen_us, self._since_us = offset_us, at_us
        return at_us - self._since_us


class Clock:
    """One process's time of day."""

    __slots__ = ("_last_us", "_offset_us", "_steady", "_wall_us", "passed_us")

    def __init__(self, wall_us: Callable[[], int] = wall_us, passed_us: Callable[[], int] = passed_us) -> None:
        self._wall_us = wall_us
        self.passed_us = passed_us
        passed = passed_us()
        self._offset_us = wall_us() - passed
        self._steady = Steady(self._offset_us, passed)
        self._last_us = 0

    def now_us(self) -> int:
        """Say the time in microseconds since 1970; each time a later one, until a clock that was set back is followed."""
        passed = self.passed_us()
        offset = self._wall_us() - passed
        stays = self._steady.stays_us(offset, passed)
        stays_for = _STAYS_US if abs(offset - self._offset_us) < _DAY_US else _FAR_STAYS_US
        if stays >= stays_for and not near(offset, self._offset_us):
            if offset < self._offset_us:
                self._last_us = 0
            self._offset_us = offset
        elif 0 < offset - self._offset_us <= _SAME_US:
            self._offset_us = offset
        self._last_us = max(self._last_us + 1, passed + self._offset_us)
        return self._last_us

    def not_before(self, us: int) -> None:
        """Go on from this time at least: it is that of something that has happened."""
        ahead = us - (self.passed_us() + self._offset_us)
        if ahead > 0:
            self._offset_us += ahead

    def follow(self) -> None:
        """Show what the machine's clock shows if that is days behind: nothing is under way that would end before it began."""
        offset = self._wall_us() - self.passed_us()
        if offset < self._offset_us - _DAY_US:
            self._offset_us = offset
            self._last_us = 0


def near(one_us: int, other_us: int) -> bool:
    """Tell whether two differences are the same, but for what NTP turns and what reading two clocks takes."""
    return abs(one_us - other_us) <= _SAME_US
