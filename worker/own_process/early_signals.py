"""The signals that a worker answers: held back from its first step until it has handlers, and while it executes itself."""

from __future__ import annotations

import signal

SIGNALS = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


def hold_signals_back() -> None:
    """Block signals until `let_signals_in`, also across an exec."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def let_signals_in() -> None:
    """Unblock signals; pending ones are delivered."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
