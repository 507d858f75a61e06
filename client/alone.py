"""Who may be inside a connection: one caller at a time, and no exception of a signal handler halfway through a message."""

from __future__ import annotations

import signal
import threading

# Those that a program may have handlers for, which may raise, as Python's own for SIGINT does.
_HANDLED = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2}


class Alone:
    """Keeps a second caller out while a first one is in; it could wait for ever, so it is told instead."""

    __slots__ = ("_busy",)

    def __init__(self, busy: threading.Lock) -> None:
        self._busy = busy

    def __enter__(self) -> None:
        """Go in; raises RuntimeError where somebody is in."""
        if not self._busy.acquire(blocking=False):
            raise RuntimeError("another thread (or a signal handler) uses this connection at this moment; give each thread its own")

    def __exit__(self, *_: object) -> None:
        """Go out."""
        self._busy.release()


class Undisturbed:
    """Holds signals back; what came meanwhile is handled at the end."""

    __slots__ = ("_before",)

    def __enter__(self) -> None:
        """Begin."""
        self._before = signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)

    def __exit__(self, *_: object) -> None:
        """End."""
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)
