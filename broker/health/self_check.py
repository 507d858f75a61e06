"""A daemon's measurements of itself: its descriptors, its disk, and its logged errors. troubles.py decides which of them is a problem."""

from __future__ import annotations

import logging
import os
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ...schemas.text.durations import format_duration
from ..store.free_space import Room
from ..store.store import Store
from .troubles import Logged, Measured, Trouble, find

_LONGEST_LINE = 300


class LoggedErrors(logging.Handler):
    """Counts errors that this process logs, and keeps the last one, until `close`."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__(logging.ERROR)
        self._now = now
        self._count = 0
        self._at = 0.0
        self._last = ""
        logging.getLogger().addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Note an error; its traceback is in the log only."""
        self._count += 1
        self._at = self._now()
        self._last = " ".join(record.getMessage().split())[:_LONGEST_LINE]

    def tell(self) -> Logged:
        """Return the count and the last error."""
        return Logged(self._count, format_duration(self._now() - self._at), self._last) if self._count else Logged()

    def close(self) -> None:
        """Stop counting."""
        logging.getLogger().removeHandler(self)
        super().close()


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """Measures when it is called. `slots`: for jobs on this machine."""

    room: Room
    store: Store
    errors: LoggedErrors
    slots: Callable[[], int]

    def troubles(self) -> Iterator[Trouble]:
        """Iterate over the present problems."""
        free, total = self.room.measure()
        return find(
            Measured(
                open_files=_open_files(),
                most_files=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
                slots=self.slots(),
                free_bytes=free,
                total_bytes=total,
                files_left=self.room.files_left(),
                ballast=self.store.has_ballast,
                logged=self.errors.tell(),
            )
        )


def _open_files() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 -- only how many there are
    except OSError:
        # Where /proc is hidden: then only the limit is known.
        return 0
