"""Python's garbage collector in a daemon: it must not look at a million jobs while somebody waits.

What survives its oldest generation is, in a daemon with very many jobs, what these consist of. It is left out of later collections, as
looking at 10 million objects takes a second; now and then all are looked at nevertheless. Where there is little, nothing is left out.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Python's usual 700 are fewer than what belongs to the jobs of one moment, so each collection would look at objects that are in use.
_OBJECTS_A_COLLECTION = 10_000
_OLDEST = 2
# A collection that takes longer is one that a request notices.
_NOTICED_SECONDS = 0.02
_VERY_MANY = 200_000
# Cycles among what is left out stay in memory until then: a connection leaves some kilobytes.
_ALL_SECONDS = 3600.0


class Collector:
    """Follows the collections of this process."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._began = 0.0
        self._all_at = now()

    def collected(self, phase: str, info: dict[str, int]) -> None:
        """Note that a collection begins or has ended; see `gc.callbacks`."""
        if info["generation"] != _OLDEST:
            return
        if phase == "start":
            self._began = self._now()
            if self._began - self._all_at >= _ALL_SECONDS:
                self._all_at = self._began
                gc.unfreeze()
        elif self._now() - self._began >= _NOTICED_SECONDS:
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
