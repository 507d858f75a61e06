"""For tests: print what the loop is doing when one turn of it lasts for seconds, so that a worker that does not answer explains itself.

JOBWIRE_STALL_SECONDS=10: the stacks of all threads go to stderr when a turn of the loop has lasted so long. Off unless it is set.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import os
import selectors
import sys
from collections.abc import Callable

VARIABLE = "JOBWIRE_STALL_SECONDS"


class _WatchedSelector(selectors.DefaultSelector):
    """Waits as any selector does; else a thread of `faulthandler` counts, which needs neither the loop nor the interpreter."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        faulthandler.cancel_dump_traceback_later()
        ready = super().select(timeout)
        # It needs a thread for each turn, which the system may refuse.
        with contextlib.suppress(RuntimeError):
            faulthandler.dump_traceback_later(self._seconds, repeat=True, file=sys.stderr)
        return ready


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the loop of a worker; None: what asyncio makes."""
    told = os.environ.get(VARIABLE, "")
    if not told.isdecimal() or told == "0":
        return None
    return lambda: asyncio.SelectorEventLoop(_WatchedSelector(int(told)))
