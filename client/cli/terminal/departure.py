"""Restore the terminal when a signal ends or suspends (Ctrl-Z) this process, and set it up again when it continues."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Self

from .streams import STDERR

# See console_codes(4).
_SHOW_CURSOR = b"\x1b[?25h"
# Ctrl-Z, and the signals that people send to end a program.
_SIGNALS = (
    signal.SIGTSTP,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGALRM,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGXCPU,
)


class Departure:
    """A context in which `leave` is called before such a signal takes effect, and `come_back` after a suspension."""

    def __init__(self, leave: Callable[[], None], come_back: Callable[[], None]) -> None:
        self._leave = leave
        self._come_back = come_back

    def __enter__(self) -> Self:
        """Install the handlers. Ignored signals stay ignored."""
        self._taken = [number for number in _SIGNALS if signal.getsignal(number) == signal.SIG_DFL]
        for number in self._taken:
            signal.signal(number, self._depart)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            # Here too, and not only where KeyboardInterrupt is caught: it may come before that.
            signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Restore the former handlers."""
        for number in self._taken:
            signal.signal(number, signal.SIG_DFL)
        if signal.getsignal(signal.SIGINT) == self._interrupt:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._restore()
        raise KeyboardInterrupt

    def _restore(self) -> None:
        try:
            self._leave()
        except RuntimeError:
            # The signal came while this stream was being written to, and Python's buffers refuse a second call.
            with suppress(OSError):
                os.write(STDERR, _SHOW_CURSOR)

    def _depart(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._restore()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)
        # Reached only after a suspension, or if the signal is blocked for a moment and ends this process after that.
        if number == signal.SIGTSTP:
            signal.signal(number, self._depart)
            with suppress(RuntimeError):
                self._come_back()
