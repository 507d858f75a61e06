"""What the clusters report about the allocations of a broker: which have started, and which have ended.

A cluster that does not answer has reported nothing: no allocation counts as ended for that reason.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from ..fleet.engine import FleetEngine
from ..fleet.workers.worker import Worker, WorkerState
from .book import Allocation, Book, Queue
from .cluster import Cluster, NoAnswer, Phase, Seen
from .folders import Folders
from .life import Happening, State
from .plan import after_end

_log = logging.getLogger(__name__)

# A request whose answer was lost may still arrive at the cluster for so long.
_LOST_SECONDS = 120.0
# In a row, after which an allocation is counted as ended that its cluster does not list.
_MOST_ABSENCES = 2
_HAPPENINGS = {
    Phase.WAITING: Happening.FOUND_WAITING,
    Phase.RUNNING: Happening.FOUND_RUNNING,
    Phase.ENDED: Happening.FOUND_ENDED,
}


class Census:
    """Lists the allocations of clusters when that is due: while they have any of this broker, or did not do what it requested."""

    def __init__(
        self, book: Book, engine: FleetEngine, clusters: Mapping[str, Cluster], folders: Folders, now: Callable[[], float]
    ) -> None:
        self._book = book
        self._engine = engine
        self._clusters = clusters
        self._folders = folders
        self._now = now
        # When each cluster is to be listed again; and those that failed, whether or not they have something of this broker.
        self._due_at: dict[str, float] = {}
        self._failed: set[str] = set()

    def seconds_to_wait(self) -> float | None:
        """Return in how many seconds it is due again; None: not before something is requested."""
        due = [self._due_at.get(name, 0.0) for name in self._used()]
        return max(0.0, min(due) - self._now()) if due else None

    def _used(self) -> set[str]:
        queues = self._book.queues
        names = {queues[one.queue].settings.cluster for one in self._book.allocations.values() if one.queue in queues}
        return names | self._failed

    async def take(self) -> None:
        """List the allocations of clusters that are due."""
        for name in sorted(self._used()):
            if self._now() >= self._due_at.get(name, 0.0):
                await self._list(name)

    def soon(self, cluster: str, seconds: float = 0.0) -> None:
        """List a cluster within this many seconds: something has changed there."""
        self._due_at[cluster] = min(self._due_at.get(cluster, 0.0), self._now() + seconds)

    def failed(self, queue: Queue, why: str) -> None:
        """Request nothing more through a queue until its cluster was listed again."""
        queue.trouble = why
        self._failed.add(queue.settings.cluster)
        self._due_at[queue.settings.cluster] = self._now() + self._clusters[queue.settings.cluster].poll_seconds

    async def cancel(self, cluster: str, cluster_ids: Sequence[str]) -> None:
        """Release allocations."""
        try:
            await self._clusters[cluster].cancel(cluster_ids)
        except NoAnswer as error:
            _log.warning("%s could not be released; trying again: %s", ", ".join(cluster_ids), error)

    async def _list(self, name: str) -> None:
        cluster = self._clusters[name]
        self._due_at[name] = self._now() + cluster.poll_seconds
        queues = [one for one in self._book.queues.values() if one.settings.cluster == name]
        try:
            seen = await cluster.list(self._book.prefix)
        except NoAnswer as error:
            if name not in self._failed:
                _log.warning("%s does not respond; no allocation is taken as ended: %s", name, error)
            for queue in queues:
                self.failed(queue, f"{name} does not respond: {error}")
            return
        self._failed.discard(name)
        for queue in queues:
            queue.trouble = ""
        # If the same was asked for twice, the one that has not ended counts.
        by_name = {one.name: one for one in sorted(seen, key=lambda one: one.phase is not Phase.ENDED)}
        for queue in queues:
            for allocation in self._book.of(queue.name):
                await self._hear(queue, allocation, by_name.get(allocation.asked_as))
        expected = {one.asked_as for one in self._book.allocations.values()}
        stray = [one.cluster_id for one in seen if one.name not in expected and one.phase in (Phase.WAITING, Phase.RUNNING)]
        if stray:
            _log.warning("%s has allocations that are no longer needed and are released: %s", name, ", ".join(stray))
            await self.cancel(name, stray)

    async def _hear(self, queue: Queue, allocation: Allocation, seen: Seen | None) -> None:
        if seen is None:
            await self._not_listed(queue, allocation)
            return
        allocation.absences = 0
        if allocation.state is State.ENDED and allocation.given_up_until and seen.phase in (Phase.WAITING, Phase.RUNNING):
            await self.cancel(queue.settings.cluster, [seen.cluster_id])
        is_new, allocation.cluster_id = allocation.cluster_id != seen.cluster_id, seen.cluster_id
        happening = _HAPPENINGS.get(seen.phase)
        if happening is Happening.FOUND_ENDED:
            await self._ended(queue, allocation, f"{seen.cluster_id} {seen.said}", proves_end=seen.proves_end)
        elif (happening is not None and allocation.happened(happening)) or is_new:
            await self._book.record(allocations=[allocation])

    async def _not_listed(self, queue: Queue, allocation: Allocation) -> None:
        asked_before = self._now() - allocation.since
        if allocation.is_submitting or (
            allocation.state is State.INTENDED and not allocation.is_inherited and asked_before < _LOST_SECONDS
        ):
            return
        allocation.absences += 1
        if allocation.state is State.INTENDED:
            # The broker was killed before it could ask, or just then. What asked for it may still be under way: it is given back when it
            # appears, and its token is worth nothing; meanwhile nothing else waits for it.
            allocation.given_up_until = allocation.since + _LOST_SECONDS
            allocation.happened(Happening.FOUND_ENDED)
            await self._book.record(allocations=[allocation])
        elif allocation.absences >= _MOST_ABSENCES and allocation.state is not State.ENDED:
            await self._ended(queue, allocation, f"{allocation.cluster_id} is no longer known to the cluster", proves_end=False)

    async def _ended(self, queue: Queue, allocation: Allocation, why: str, *, proves_end: bool) -> None:
        # Of several workers in one allocation, the first tells for all how that has ended.
        together = self._book.together(allocation)
        before = State.JOINED if any(one.state is State.JOINED for one in together) else allocation.state
        if allocation.happened(Happening.FOUND_ENDED):
            _log.info("allocation %s: %s", allocation.name, why)
            if together and together[0] is allocation and len(together) == (queue.per_node if allocation.group else 1):
                await self._count(queue, allocation, before, why)
            await self._book.record(queues=[queue], allocations=[allocation])
        worker = self._worker_of(allocation)
        if proves_end and worker is not None and worker.carried and worker.state is WorkerState.UNREACHABLE:
            sentence = f"its worker was {allocation.name}, whose allocation is {why}: its jobs ended with it"
            self._engine.workers.end_lost(worker, list(worker.carried.values()), sentence)

    async def _count(self, queue: Queue, allocation: Allocation, before: State, why: str) -> None:
        if before in (State.LEAVING, State.ENDED):
            return
        joined = before is State.JOINED
        said = "" if joined else await self._folders.last_words(queue.settings, allocation.asked_as)
        self.count(queue, joined=joined, why=f"{why}: {said}" if said or joined else f"{why}, and printed nothing that the broker can read")

    @staticmethod
    def count(queue: Queue, *, joined: bool, why: str) -> None:
        """Count an allocation that has ended or was refused; too many failures in a row pause the queue."""
        queue.failures, pause = after_end(queue.failures, joined=joined, why=why)
        if pause:
            queue.paused, queue.why = True, pause
            _log.error("queue %s is paused: %s", queue.name, pause)

    def _worker_of(self, allocation: Allocation) -> Worker | None:
        workers = self._engine.workers
        return next((worker for key, worker in workers.all.items() if workers.name_of(key) == allocation.name), None)
