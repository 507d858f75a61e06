"""Access to a connection: one thread at a time, and no exception of a signal handler that leaves it half changed.

Handlers run between two bytecodes of the main thread and may raise, as Python's own for SIGINT does. So signals are blocked here, and
unblocked while the caller waits. A signal that another thread of the process took cannot be blocked: what it interrupts is repaired at the
next entry.

A signal that arrives just before poll(2) would not end the wait: Python notes it and continues. While the main thread waits here, Python
therefore writes to a pipe (signal.set_wakeup_fd) that is polled too, unless the program has such a pipe of its own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable

from ....keys.held_signals import BLOCK, HELD_BACK, SET, pthread_sigmask

_NO_FD = -1
# What is written to the pipe for a handler that has called. No signal has this number.
_CALLED = b"\0"
# Signals that may have come during one wait.
_MANY = 4096


class SignalGuard:
    """A context manager for everything that changes a connection.

    `repair` is called if the last use was interrupted. It must not refer to the connection, which holds this object.
    """

    __slots__ = ("_before", "_busy", "_masked", "_outside", "_pipe", "_shut", "_waiting", "_waits", "_whole", "entered", "repair")

    def __init__(self, repair: Callable[[], None] = lambda: None) -> None:
        self.repair = repair
        # Reentrant: a handler may come between acquire and the `with` that would release it, and must not lock its own thread out.
        self._busy = threading.RLock()
        # The mask to restore; still that of the last call if that was interrupted before it restored it.
        self._before: set[int] = pthread_sigmask(BLOCK, ())
        self._masked = False
        self._whole = True
        self._shut = False
        self._pipe: tuple[int, int] | None = None
        self._waits = False
        # How many calls wait: more than one if a handler calls, too. And of each call, how many did when it entered.
        self._waiting = 0
        self._outside: list[int] = []
        # How many calls there have been: who waited sees whether a handler has called meanwhile.
        self.entered = 0

    def __enter__(self) -> None:
        """Enter.

        Raises RuntimeError if another thread is inside: waiting for it might take for ever.
        """
        try:
            before = pthread_sigmask(BLOCK, HELD_BACK)
            if not self._masked:
                self._before = before
                self._masked = True
            self._acquire()
        except BaseException:
            self._unmask()
            raise
        self._outside.append(self._waiting)
        if not self._whole:
            try:
                self.repair()
            except BaseException:
                self.__exit__(RuntimeError)
                raise
        self._whole = False
        self.entered += 1

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Leave; pending handlers run now."""
        if self._waits:
            self._end_wait()
        # Whatever ended the wait of this call, and at whatever moment.
        self._waiting = self._outside.pop()
        if self._waiting:
            # A handler has called while another call waits, and may have received what that waits for.
            self._wake()
        self._whole = self._whole or kind is None
        self._busy.release()
        self._unmask()

    def let_signals_through(self) -> None:
        """Unblock signals for something that takes long; pending handlers run now."""
        self._whole = True
        pthread_sigmask(SET, self._before)

    def begin_wait(self) -> list[int]:
        """Unblock signals, and return a descriptor to poll too: it is readable when a signal arrived.

        A handler may raise here, and until `end_wait` has returned: then the call is to be left.
        """
        self._waiting += 1
        pipe = self._begin_wait() if threading.current_thread() is threading.main_thread() else []
        self.let_signals_through()
        return pipe

    def hold_signals_back(self) -> None:
        """Block signals again after something that took long."""
        pthread_sigmask(BLOCK, HELD_BACK)
        self._whole = False

    def end_wait(self, *, any_signal: bool = True) -> None:
        """Block signals again after a wait. `any_signal`: what `begin_wait` returned was readable."""
        self.hold_signals_back()
        self._waiting -= 1
        if self._waits:
            self._end_wait(any_signal=any_signal)
        elif any_signal and self._pipe is not None:
            self._noted()

    def refuse_others(self) -> None:
        """Raise RuntimeError if another thread is inside at this moment."""
        self._acquire()
        self._busy.release()

    def shut(self) -> bool:
        """Keep all other threads out for good: a thread that calls waits for ever. Return False if one is inside."""
        self._shut = True
        return self._busy.acquire(blocking=False)

    def close(self) -> None:
        """Close the pipe, even in a handler during a wait: Python must not write to whatever file gets its number next."""
        if self._waits and threading.current_thread() is threading.main_thread():
            self._end_wait()
        if self._pipe is not None:
            for fd in self._pipe:
                os.close(fd)
            self._pipe = None

    def _acquire(self) -> None:
        # After `shut` it waits for the exit of the interpreter: an error of a daemon thread would only be printed.
        if not self._busy.acquire(blocking=self._shut):
            raise RuntimeError("another thread uses this connection at this moment; give each thread its own")

    def _unmask(self) -> None:
        pthread_sigmask(SET, self._before)
        self._masked = False

    def _begin_wait(self) -> list[int]:
        if self._pipe is None:
            self._pipe = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        read, write = self._pipe
        # Before Python has the pipe: a handler that raises in between must not leave it there.
        self._waits = True
        other = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        # Its own numbers: files had them that were closed.
        if other in (_NO_FD, read, write) or not self._is_restored(other):
            return [read]
        self._waits = False
        self._pass_on(other)
        # Not for signals, of which Python tells the program: for a handler that calls.
        return [read]

    def _end_wait(self, *, any_signal: bool = True) -> None:
        assert self._pipe is not None
        self._waits = False
        current = signal.set_wakeup_fd(_NO_FD)
        if current not in (_NO_FD, *self._pipe):
            self._is_restored(current)
        # What comes just now is found by the next wait, which it ends.
        if any_signal:
            self._noted()

    @staticmethod
    def _is_restored(other: int) -> bool:
        """Restore the program's own pipe; return False if that was closed meanwhile, because nobody reads it."""
        try:
            signal.set_wakeup_fd(other)
        # ValueError: another file has its number now, one that blocks.
        except (OSError, ValueError):
            return False
        return True

    def _pass_on(self, other: int) -> None:
        """Write what arrived meanwhile to the program's own pipe, which was replaced during the wait."""
        if numbers := self._noted().replace(_CALLED, b""):
            with contextlib.suppress(OSError):
                os.write(other, numbers)

    def _wake(self) -> None:
        if self._pipe is not None:
            with contextlib.suppress(BlockingIOError):
                os.write(self._pipe[1], _CALLED)

    def _noted(self) -> bytes:
        assert self._pipe is not None
        try:
            return os.read(self._pipe[0], _MANY)
        except BlockingIOError:
            return b""
