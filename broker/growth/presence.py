"""Which workers of allocations are connected, expected back, or idle, so that their allocation can be released.

The workers of one allocation leave together: the nodes of one worker are of no use to anybody while the others run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet

from ..fleet.engine import FleetEngine
from ..fleet.workers.worker import Worker
from .book import Allocation, Book
from .life import State

# So long a worker that has joined is expected back.
_AWAY_US = 60_000_000


class Presence:
    """Which workers of the allocations in a book are connected, and which of them are idle.

    `now`: seconds of the monotonic clock. Workers are passed by name.
    """

    def __init__(self, book: Book, engine: FleetEngine, now: Callable[[], float]) -> None:
        self._book = book
        self._engine = engine
        self._now = now

    def away(self, workers: Mapping[str, Worker]) -> AbstractSet[str]:
        """Return workers that joined and lost their connection a moment ago: most are back soon, as after a restart."""
        found = [one for one in self._book.allocations.values() if _is_gone(one, workers.get(one.name))]
        return {one.name for one in found if self._away_us(one, workers.get(one.name)) < _AWAY_US}

    def _away_us(self, allocation: Allocation, worker: Worker | None) -> float:
        if worker is None:
            return (self._now() - allocation.since) * 1_000_000
        return self._engine.workers.now_us() - worker.since_us

    def may_leave(self, allocation: Allocation, workers: Mapping[str, Worker]) -> bool:
        """Return whether an allocation with all its workers is no longer needed."""
        together = self._book.together(allocation)
        if any(one.state is State.LEAVING for one in together):
            return True
        return bool(together) and all(self._is_unneeded(one, workers.get(one.name)) for one in together)

    def is_alone(self, allocation: Allocation, workers: Mapping[str, Worker]) -> bool:
        """Return whether no worker is active in an allocation, so that it can be cancelled."""
        found = (workers.get(one.name) for one in self._book.together(allocation))
        return not any(worker is not None and (worker.takes_jobs or worker.carried) for worker in found)

    def _is_unneeded(self, allocation: Allocation, worker: Worker | None) -> bool:
        queue = self._book.queues.get(allocation.queue)
        if queue is None or queue.removed:
            return allocation.state is not State.INTENDED
        if allocation.group and (self._book.is_overdue(allocation, self._now()) or self._is_lost(allocation, worker)):
            # The others need not wait for one that has ended.
            return True
        idle_seconds = queue.settings.idle_ms / 1000
        if allocation.unneeded_since is not None:
            return self._now() - allocation.unneeded_since >= idle_seconds
        if worker is None or allocation.state is not State.JOINED or not worker.takes_jobs or worker.carried or worker.brings:
            return False
        return self._now() - worker.used_at >= idle_seconds

    def _is_lost(self, allocation: Allocation, worker: Worker | None) -> bool:
        return _is_gone(allocation, worker) and self._away_us(allocation, worker) >= _AWAY_US


def _is_gone(allocation: Allocation, worker: Worker | None) -> bool:
    """Return whether a worker has joined, and is not connected now."""
    return allocation.state is State.JOINED and (worker is None or not worker.takes_jobs)
