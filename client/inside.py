"""Who may be inside a connection: one thread at a time, and no exception of a signal handler that leaves it half changed.

Handlers run between two bytecodes of the main thread and may raise, as Python's own for SIGINT does. So signals are held back here, and
let through where the caller waits. A signal that another thread of the process took cannot be held back: what it interrupts is mended
at the next entry.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

# Those that a program may have handlers for.
_HANDLED = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2}


class Inside:
    """A context manager for everything that changes a connection. `mend` is called where the one before was interrupted."""

    __slots__ = ("_before", "_busy", "_mend", "_whole")

    def __init__(self, mend: Callable[[], None]) -> None:
        self._mend = mend
        # Reentrant: a handler may come between acquire and the `with` that would release it, and must not lock its own thread out.
        self._busy = threading.RLock()
        self._before: set[int] = set()
        self._whole = True

    def __enter__(self) -> None:
        """Go in.

        Raises RuntimeError where another thread is in: it could be told to wait, but perhaps for ever.
        """
        try:
            self._before = set(signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED))
            if not self._busy.acquire(blocking=False):
                raise RuntimeError("another thread uses this connection at this moment; give each thread its own")
        except BaseException:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._before)
            raise
        if not self._whole:
            try:
                self._mend()
            except BaseException:
                self.__exit__(RuntimeError)
                raise
        self._whole = False

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Go out; handlers that are due run now."""
        self._whole = self._whole or kind is None
        self._busy.release()
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)

    def let_signals_through(self) -> None:
        """Begin to wait; handlers that are due run now."""
        self._whole = True
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)

    def hold_signals_back(self) -> None:
        """Go on after a wait."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
        self._whole = False
