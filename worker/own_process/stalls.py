"""For tests: print what the loop is doing when one turn of it lasts for seconds, so that a worker that hangs explains itself.

JOBWIRE_STALL_SECONDS=10: the stacks of all threads are printed to stderr when a turn of the loop has lasted this long. Off unless it is
set.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import os
import selectors
import sys

VARIABLE = "JOBWIRE_STALL_SECONDS"


class _WatchedSelector(selectors.DefaultSelector):
    """A selector that starts and stops faulthandler's timer, whose thread needs neither the loop nor the interpreter."""

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


def new_loop() -> asyncio.AbstractEventLoop:
    """Return a loop for a daemon."""
    told = os.environ.get(VARIABLE, "")
    if not told.isdecimal() or told == "0":
        return asyncio.new_event_loop()
    return asyncio.SelectorEventLoop(_WatchedSelector(int(told)))
