"""Python's garbage collector in a daemon: it must not look at a million jobs while somebody waits.

Looking at 10 million objects takes three seconds. So what has grown to very many objects is left out of later collections: they are what
jobs consist of, and are gone at once when nothing refers to them. Now and then all are looked at nevertheless, for cycles among them.
"""

from __future__ import annotations

import gc
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
# Looking at all takes at most this part of the time.
_PART_FOR_ALL = 1 / 10_000
# A pause that a request notices.
_NOTICED_SECONDS = 0.02


class Collector:
    """Follows the collections of this process."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._grown = 0
        # When all are looked at next, and since when that is under way, if it is.
        self._all_at = now() + _ALL_SECONDS
        self._began: float | None = None

    def collected(self, phase: str, info: dict[str, int]) -> None:
        """Note that a collection begins or has ended; see `gc.callbacks`."""
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
            if now >= self._all_at:
                self._began = now
                gc.unfreeze()
        elif self._began is not None:
            took, self._began = now - self._began, None
            self._all_at = now + max(_ALL_SECONDS, took / _PART_FOR_ALL)
            # If they were few, nothing was to be gained.
            if took >= _NOTICED_SECONDS:
                gc.freeze()


def follow_collections() -> None:
    """Use the collector as a daemon should, from now on."""
    gc.set_threshold(_OBJECTS_A_COLLECTION)
    gc.callbacks.append(Collector().collected)


@contextmanager
def nothing_collected() -> Iterator[None]:
    """Collect nothing while many objects are made that stay; if they are very many, later collections leave them out."""
    gc.disable()
    try:
        yield
    finally:
        if gc.get_count()[0] >= _VERY_MANY:
            gc.freeze()
        gc.enable()
