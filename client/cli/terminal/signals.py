"""Signals that a command handles in its own loop, next to its sockets, instead of being killed by them.

If the loop itself is kept waiting by something else and does not take a signal, `Overdue` ends that.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Self

from ..exit_status import Ending

TAKEN = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
# Those of them that would end a program. SIGQUIT is for the job alone.
_END_A_PROGRAM = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
_heard: list[int] = []
# After so long, a signal that ends a program and that was not taken ends what keeps the loop waiting.
OVERDUE_SECONDS = 5.0


class Overdue(Ending):
    """Raised in the place of whatever waits while a signal is not taken."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number


class _Alarm:
    """The timer of this process, as far as nobody else has set it: alarm(2) outlives an execve(2), as of a wrapper that limits the time."""

    def __init__(self) -> None:
        self._number = 0
        self._is_set = False

    def set(self, number: int) -> None:
        if self._is_set or signal.getitimer(signal.ITIMER_REAL)[0] or signal.getsignal(signal.SIGALRM) != signal.SIG_DFL:
            return
        self._number, self._is_set = number, True
        signal.signal(signal.SIGALRM, self._ring)
        # Again and again, until it is cancelled: what follows may be kept waiting too.
        signal.setitimer(signal.ITIMER_REAL, OVERDUE_SECONDS, OVERDUE_SECONDS)

    def cancel(self) -> None:
        if self._is_set:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            self._is_set = False

    def _ring(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        raise Overdue(self._number)


_alarm = _Alarm()


@contextmanager
def limited() -> Iterator[None]:
    """Raise Overdue in the block if it lasts too long, as if a signal were not taken."""
    _alarm.set(0)
    try:
        yield
    finally:
        _alarm.cancel()


class Signals:
    """A context manager that records SIGINT, SIGQUIT, SIGTERM, SIGHUP, and `more`. `fd` is readable when one came; `take` returns them.

    Ignored signals stay ignored, as `nohup` and background jobs of a shell expect.
    """

    def __init__(self, more: Sequence[int] = ()) -> None:
        self._numbers = (*TAKEN, *more)

    def __enter__(self) -> Self:
        """Start to record signals."""
        self.fd, self._told = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._wakeup = signal.set_wakeup_fd(self._told, warn_on_full_buffer=False)
        self._handlers = {number: signal.signal(number, _noted) for number in self._numbers if signal.getsignal(number) != signal.SIG_IGN}
        return self

    def take(self) -> bytes:
        """Return the numbers of the signals that arrived, oldest first."""
        try:
            return os.read(self.fd, 64)
        except BlockingIOError:
            return b""
        finally:
            # In this order: what comes before this is in the pipe, and taken at once.
            _alarm.cancel()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Restore the former handlers."""
        _alarm.cancel()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        os.close(self.fd)
        os.close(self._told)


def _noted(number: int, frame: FrameType | None) -> None:
    """Record it for `take_heard`; the number was written to the pipe already (signal.set_wakeup_fd)."""
    del frame
    if number in _END_A_PROGRAM:
        _heard.append(number)
        _alarm.set(number)


def take_heard() -> list[int]:
    """Return signals that would have ended this process and were recorded instead, since the last call.

    For a caller that continues after the command that recorded them, and must exit because of them.
    """
    heard = _heard.copy()
    _heard.clear()
    return heard
