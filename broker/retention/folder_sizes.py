"""Measure the folders of ended jobs, so that they count towards the limits. The store knows which were not measured yet."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from ...schemas.naming import JobKey
from ...schemas.refusal import Refused
from ..depot import Depot
from ..store.kept import unmeasured
from ..store.store import Store
from ..writes.jobs import FolderMeasured

_log = logging.getLogger(__name__)

# Jobs that end together are measured a few at a time.
_AT_ONCE = 16


class FolderSizes:
    """Measures through the depot, and records it; `recorded` is called when the limits may be exceeded now."""

    def __init__(self, store: Store, depot: Depot, recorded: Callable[[], None]) -> None:
        self._store = store
        self._depot = depot
        self._recorded = recorded
        self._under_way: set[JobKey] = set()

    def look(self) -> None:
        """Measure the folders of ended jobs that were not measured."""
        if self._under_way:
            # This is called again when they are done.
            return
        try:
            found = unmeasured(self._store, _AT_ONCE)
        except Refused as refused:
            _log.warning("the folders of jobs that have ended cannot be measured: %s", refused)
            return
        for key in found:
            self.measure(key)

    def measure(self, key: JobKey) -> None:
        """Measure the folder of an ended job, which may have changed."""
        self._under_way.add(key)
        self._depot.measure(key, partial(self._measured, key))

    def _measured(self, key: JobKey, size_bytes: int) -> None:
        self._store.submit(FolderMeasured(key, size_bytes), partial(self._written, key))

    def _written(self, key: JobKey) -> None:
        self._under_way.discard(key)
        self._recorded()
        self.look()
