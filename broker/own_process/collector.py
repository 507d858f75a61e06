"""Python's garbage collector in a daemon: it must not scan a million jobs while clients wait.

Scanning 10 million objects takes three seconds. So when there are very many, they are excluded from later collections: they belong to jobs,
and are freed by reference counting. Now and then all of them are scanned nevertheless, for cycles: once an hour if that takes a moment; if
it takes longer, when there are fewer, or after a day.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Python's usual 700 are fewer than what belongs to the jobs of one moment, so each collection would look at objects that are in use.
_OBJECTS_A_COLLECTION = 10_000
_VERY_MANY = 200_000
_MIDDLE, _OLDEST = 1, 2
# By so much the objects that are there have grown when the middle generation is collected, which is counted in those of the youngest.
_COLLECTIONS_OF_YOUNGEST = 11
_MOST_GROWN = _VERY_MANY // (_OBJECTS_A_COLLECTION * _COLLECTIONS_OF_YOUNGEST) + 1
# Cycles among what is left out stay in memory so long; a connection leaves some kilobytes.
_ALL_SECONDS = 3600.0
# But so long if there is more in memory than can be looked at in a tenth of a second. That is estimated by the blocks of memory in use:
# they are counted in some milliseconds, other than the objects that are left out.
_MANY_SECONDS = 24 * 3600.0
_FEW_BLOCKS = 500_000
# A pause that a request notices.
_NOTICED_SECONDS = 0.02


class Collector:
    """Observes the collections of this process. `blocks` returns how many memory blocks are in use."""

    def __init__(self, now: Callable[[], float] = time.monotonic, blocks: Callable[[], int] = sys.getallocatedblocks) -> None:
        self._now = now
        self._blocks = blocks
        self._grown = 0
        # When all were looked at last, and since when that is under way, if it is.
        self._looked_at = now()
        self._began: float | None = None

    def collected(self, phase: str, info: dict[str, int]) -> None:
        """Handle the start or end of a collection; see `gc.callbacks`."""
        if phase == "stop" and info["generation"] == _MIDDLE:
            self._grown += 1
            if self._grown >= _MOST_GROWN:
                self._grown = 0
                gc.freeze()
        elif info["generation"] == _OLDEST:
            self._look_at_all(phase)

    def _look_at_all(self, phase: str) -> None:
        now = self._now()
        if phase == "start":
            since = now - self._looked_at
            if since >= _MANY_SECONDS or (since >= _ALL_SECONDS and self._blocks() <= _FEW_BLOCKS):
                self._began = now
                gc.unfreeze()
        elif self._began is not None:
            # If they were few, nothing was to be gained.
            if now - self._began >= _NOTICED_SECONDS:
                gc.freeze()
            self._looked_at, self._began = now, None


def follow_collections() -> None:
    """Configure the collector for a daemon."""
    gc.set_threshold(_OBJECTS_A_COLLECTION)
    gc.callbacks.append(Collector().collected)


@contextmanager
def nothing_collected() -> Iterator[None]:
    """Pause collections while many long-lived objects are made; if they are very many, later collections skip them."""
    gc.disable()
    try:
        yield
    finally:
        if gc.get_count()[0] >= _VERY_MANY:
            gc.freeze()
        gc.enable()
