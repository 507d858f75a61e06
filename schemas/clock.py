"""The time of day for records and names: UTC, ascending, even if the machine's clock is set.

It advances with CLOCK_BOOTTIME, which cannot be set and continues while the machine is suspended, starting from the machine's clock when
the process began. If that clock is set, by hand or by NTP, it is followed once it has kept its new time for a while, so a jump there and
back never shows in a date. A clock that was days ahead is followed back at once while no jobs are under way (`follow`). Durations are
never computed from two dates but from `passed_us`; decisions that depend on ages use ages.py.

A process in a time namespace, see time_namespaces(7), reads what one outside of it does.

Imports almost nothing, because the supervisor, which must stay small, uses it too.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable

from .private_parts.light_typing import NamedTuple

_BOOT_ID = "/proc/sys/kernel/random/boot_id"
# NTP makes the clock a little faster or slower; that is not a jump.
SAME_US = 500_000
_DAY_US = 24 * 3600 * 1_000_000
# Within a day, ascending dates are worth more than correct ones; beyond that, wrong dates are useless.
_STAYS_US = 60_000_000
_FAR_STAYS_US = 5_000_000


def wall_us() -> int:
    """Return the time of the machine's clock, which may have been set, in microseconds since 1970."""
    return time.time_ns() // 1000


def date_text(at_us: int) -> str:
    """Return a date as sentences write it."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at_us // 1_000_000))


def _read_shift_us() -> int:
    try:
        with open("/proc/self/timens_offsets", "rb") as file:  # noqa: PTH123 -- pathlib is not light
            for name, seconds, nanoseconds in map(bytes.split, file):
                if name == b"boottime":
                    return int(seconds) * 1_000_000 + int(nanoseconds) // 1000
    except (OSError, ValueError):
        # There is no /proc, or the kernel has no time namespaces (CONFIG_TIME_NS).
        pass
    return 0


# By how much CLOCK_BOOTTIME of this process is ahead of that of the machine, and with it all start times in /proc.
SHIFT_US = _read_shift_us()


def passed_us() -> int:
    """Return the microseconds since the machine was booted, including the time in which it was suspended."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000 - SHIFT_US


_REAL = (wall_us, passed_us)


def boot_id() -> str:
    """Return the id of this boot, because `passed_us` starts at 0 with each boot. Raises FileNotFoundError with the reason."""
    try:
        with open(_BOOT_ID) as file:  # noqa: PTH123 -- pathlib is not light
            return file.read().strip()
    except FileNotFoundError:
        why = "there is none: /proc is not mounted, or only in part (subset=pid, ProcSubset=pid of systemd); mount all of it"
        raise FileNotFoundError(errno.ENOENT, why, _BOOT_ID) from None


class Reading(NamedTuple):
    """Both clocks, read at one moment."""

    passed_us: int
    wall_us: int


class Steady:
    """The offset between the machine's clock and CLOCK_BOOTTIME, and since when it has been the same."""

    __slots__ = ("_since_us", "seen_us")

    def __init__(self, offset_us: int, at_us: int) -> None:
        self.seen_us = offset_us
        self._since_us = at_us

    def stays_us(self, offset_us: int, at_us: int) -> int:
        """Record the offset at this moment, and return for how many microseconds it has been the same."""
        if not -SAME_US <= offset_us - self.seen_us <= SAME_US:
            self.seen_us, self._since_us = offset_us, at_us
        return at_us - self._since_us


class Clock:
    """One process's time of day."""

    __slots__ = ("_is_real", "_last_us", "_offset_us", "_steady", "_wall_us", "passed_us")

    def __init__(self, wall_us: Callable[[], int] = wall_us, passed_us: Callable[[], int] = passed_us) -> None:
        self._wall_us = wall_us
        self.passed_us = passed_us
        self._is_real = wall_us is _REAL[0] and passed_us is _REAL[1]
        passed = passed_us()
        self._offset_us = wall_us() - passed
        self._steady = Steady(self._offset_us, passed)
        self._last_us = 0

    def read(self) -> Reading:
        """Read both clocks."""
        if self._is_real:
            # As the two functions do, and several times for each job.
            return Reading(time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000 - SHIFT_US, time.time_ns() // 1000)
        return Reading(self.passed_us(), self._wall_us())

    def now_us(self, at: Reading | None = None) -> int:
        """Return the time in microseconds since 1970, always later than before, except when a clock that was set back is followed.

        `at`: a reading of the clocks that was taken just now; without it, they are read.
        """
        passed, wall = at or self.read()
        offset = wall - passed
        ahead = offset - self._offset_us
        if -SAME_US <= ahead <= SAME_US:
            if ahead > 0:
                self._offset_us = offset
            if not -SAME_US <= offset - self._steady.seen_us <= SAME_US:
                self._steady.stays_us(offset, passed)
        elif self._steady.stays_us(offset, passed) >= (_STAYS_US if abs(ahead) < _DAY_US else _FAR_STAYS_US):
            if ahead < 0:
                self._last_us = 0
            self._offset_us = offset
        self._last_us = max(self._last_us + 1, passed + self._offset_us)
        return self._last_us

    def not_before(self, us: int) -> None:
        """Continue from this time at the earliest, because something has been recorded with it."""
        ahead = us - (self.passed_us() + self._offset_us)
        if ahead > 0:
            self._offset_us += ahead

    def follow(self, at: Reading | None = None) -> None:
        """Adopt the machine's clock if it is days behind. Call this only while no jobs run: otherwise a job would end before it began."""
        passed, wall = at or self.read()
        offset = wall - passed
        if offset < self._offset_us - _DAY_US:
            self._offset_us = offset
            self._last_us = 0


def near(one_us: int, other_us: int) -> bool:
    """Return whether two offsets are equal, except for NTP adjustments and the time between reading the two clocks."""
    return abs(one_us - other_us) <= SAME_US
