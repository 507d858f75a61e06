"""Signals that a command handles in its own loop, next to its sockets, instead of being killed by them."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from types import FrameType, TracebackType
from typing import Self

TAKEN = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
# Those of them that would end a program. SIGQUIT is for the job alone.
_END_A_PROGRAM = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
_heard: list[int] = []


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

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Restore the former handlers."""
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


def take_heard() -> list[int]:
    """Return signals that would have ended this process and were recorded instead, since the last call.

    For a caller that continues after the command that recorded them, and must exit because of them.
    """
    heard = _heard.copy()
    _heard.clear()
    return heard
