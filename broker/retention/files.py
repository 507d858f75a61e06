"""Remove files that nothing refers to: contents without a job, an hour after their last use, and folders of jobs that are gone.

A forgotten job's folder is removed with it (forget.py); this finds what a crash left, and what was sent and not used.
"""

from __future__ import annotations

import asyncio
import logging

from ...schemas.naming import JobKey
from ...schemas.refusal import Refused
from ..depot import Depot
from ..store.queries import Lookup

_log = logging.getLogger(__name__)

_EVERY_SECONDS = 3600.0


class FileSweep:
    """Searches once an hour. Used on a running loop."""

    def __init__(self, depot: Depot, lookup: Lookup, loop: asyncio.AbstractEventLoop) -> None:
        self._depot = depot
        self._lookup = lookup
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Search now, for leftovers of an earlier run, and then every hour."""
        self._depot.sweep(self._lookup.files_in_use, self._is_known)
        self._timer = self._loop.call_later(_EVERY_SECONDS, self.open)

    def close(self) -> None:
        """Search no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _is_known(self, key: JobKey) -> bool:
        try:
            return self._lookup.job(key) is not None
        except Refused as refused:
            _log.warning("whether the folder of a job can be removed is not known: %s", refused)
            return True
