"""Delay signal handlers that may raise, such as Python's own for SIGINT, while an exception would leave something behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..schemas.private_parts.c_signal import signal

# signal.pthread_sigmask makes an enum member of each number, which takes longer than the call itself.
pthread_sigmask = signal.pthread_sigmask

# Those that programs have handlers for.
HELD_BACK = {
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGALRM,
    signal.SIGTERM,
    signal.SIGVTALRM,
    signal.SIGPROF,
}
BLOCK, SET = signal.SIG_BLOCK, signal.SIG_SETMASK


@contextmanager
def held_back() -> Iterator[None]:
    """Delay signal handlers until the end of the block. Signals that another thread takes cannot be delayed."""
    before = pthread_sigmask(BLOCK, ())
    try:
        # The handler of one that was pending already may raise here.
        pthread_sigmask(BLOCK, HELD_BACK)
        yield
    finally:
        pthread_sigmask(SET, before)
