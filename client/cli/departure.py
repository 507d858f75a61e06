"""Leaves the terminal as it was when a signal ends us or suspends us (Ctrl-Z), and comes back when we go on."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

# Ctrl-Z, and all that end a program that does not ask for them and that somebody sends on purpose.
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
    """A context in which `leave` is called before such a signal does what it does, and `come_back` after a suspension."""

    def __init__(self, leave: Callable[[], None], come_back: Callable[[], None]) -> None:
        self._leave = leave
        self._come_back = come_back

    def __enter__(self) -> Self:
        """Begin. What is ignored stays ignored."""
        self._taken = [number for number in _SIGNALS if signal.getsignal(number) == signal.SIG_DFL]
        for number in self._taken:
            signal.signal(number, self._depart)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            # Here too, and not only where KeyboardInterrupt is caught: it may come before anybody catches it.
            signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End: signals do what they did before."""
        for number in self._taken:
            signal.signal(number, signal.SIG_DFL)
        if signal.getsignal(signal.SIGINT) == self._interrupt:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._leave()
        raise KeyboardInterrupt

    def _depart(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._leave()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)
        # Here again only after a suspension; or where the signal is held back for a moment, and ends us after it.
        if number == signal.SIGTSTP:
            signal.signal(number, self._depart)
            self._come_back()
