"""An alarm at a time of one of the kernel's clocks, on the loop.

The loop's own timers stop while the machine is suspended, and do not follow the time of day. Those of timerfd_create(2) do: CLOCK_BOOTTIME
counts the time in suspend, and a CLOCK_REALTIME alarm goes off at its time of day, and whenever that clock is set.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import os
import time
from collections.abc import Callable

from ...schemas.clock import SHIFT_US

# See timerfd_create(2).
_FLAGS = os.O_CLOEXEC | os.O_NONBLOCK
_ABSOLUTE = 1
_CANCELLED_ON_SET = 2
_MILLION = 1_000_000


class _Spec(ctypes.Structure):
    """An itimerspec: interval, then value, in seconds and nanoseconds."""

    _fields_ = [(name, ctypes.c_long) for name in ("every_s", "every_ns", "at_s", "at_ns")]


class Alarm:
    """Goes off once at each time that is set, and, for CLOCK_REALTIME, also when that clock is set. Costs nothing before the first use.

    Times of CLOCK_BOOTTIME are those of `passed_us`.
    """

    def __init__(self, clock: int, rang: Callable[[], None]) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._clock = clock
        self._shift_us = SHIFT_US if clock == time.CLOCK_BOOTTIME else 0
        self._rang = rang
        self._fd = -1
        self._at_us: int | None = None

    def set(self, at_us: int | None) -> None:
        """Set the alarm to this time of the clock, in microseconds, replacing an earlier one; None: not at all.

        Raises OSError if the system has no more descriptors.
        """
        if at_us == self._at_us:
            return
        self._arm(at_us)
        self._at_us = at_us

    def close(self) -> None:
        """Disable the alarm for good."""
        if self._loop is not None:
            self._loop.remove_reader(self._fd)
            self._loop = None
            os.close(self._fd)
            self._fd = -1
        self._at_us = None

    def _arm(self, at_us: int | None) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        if self._fd < 0:
            if at_us is None:
                return
            self._fd = _checked(libc.timerfd_create(self._clock, _FLAGS))
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._fd, self._ring)
        # A value of 0 means no alarm, and one that is past rings at once.
        seconds, micros = divmod(max(1, at_us + self._shift_us), _MILLION) if at_us is not None else (0, 0)
        spec = _Spec(0, 0, seconds, micros * 1000)
        flags = _ABSOLUTE | (_CANCELLED_ON_SET if self._clock == time.CLOCK_REALTIME else 0)
        _checked(libc.timerfd_settime(self._fd, flags, ctypes.byref(spec), None))

    def _ring(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ECANCELED:
                raise
        # The clock was set, or the moment has come: in both cases the next one is to be set again.
        self._at_us = None
        self._rang()


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
