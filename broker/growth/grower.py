"""Request workers from clusters and release them: one task that looks at waiting jobs, requested allocations and ends, and acts.

plan.py and life.py decide what to do; every action is in the store before the cluster is asked. An allocation has a unique name, and its
row, before it is requested: whatever is lost or killed in between, it is found again by that name, and is not requested twice.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from ...schemas.clock import wall_us
from ...schemas.generated import request_pb2
from ...schemas.refusal import Refused
from ...schemas.workers.capacity import Capacity
from ..desk.inputs import SetMachine
from ..desk.queue.stock import End
from ..desk.view import View
from ..fleet.engine import FleetEngine
from ..fleet.workers.worker import Worker
from .book import Allocation, Book, Departed, Queue
from .census import Census
from .cluster import Cluster, NoAnswer
from .folders import Folders
from .life import Happening, State
from .plan import Plan, plan
from .presence import Presence
from .room import Demand

_log = logging.getLogger(__name__)

# Changes come in groups, and each look costs some steps for each kind of job that waits.
_PAUSE_SECONDS = 0.2
# A bug that shows at each look must not take the whole processor.
_AFTER_A_FAILURE_SECONDS = 5.0
# How long to wait until one that is to leave is told again.
_REMIND_SECONDS = 10.0
# A worker that was sent away needs so long to end.
_LEAVES_SECONDS = 1.5


class Doors(Protocol):
    """Lets workers join, and ends their invitations."""

    async def invite(self, name: str, endpoint: str) -> tuple[bytes, str]:
        """Return the temporary key and the text of a token, with which one worker joins under this name. Raises Refused."""
        ...

    async def close(self, name: str, token: bytes) -> None:
        """End an invitation, and remove the worker that joined with it from the roster."""
        ...


class Grower:
    """`clusters`: by name. `now`: seconds of the monotonic clock."""

    def __init__(
        self,
        book: Book,
        desk: View,
        engine: FleetEngine,
        clusters: Mapping[str, Cluster],
        doors: Doors,
        folders: Folders,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.book = book
        self._desk = desk
        self._engine = engine
        self.clusters = clusters
        self._doors = doors
        self._folders = folders
        self._now = now
        self._census = Census(book, engine, clusters, folders, now)
        self._presence = Presence(book, engine, now)
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin. Workers that were told to leave get no jobs, even after a restart of the broker."""
        self.book.count_from(self._now())
        for queue in self.book.queues.values():
            self._show(queue)
        if self.book.queues:
            self._engine.drains.hold_back(one.name for one in self.book.allocations.values() if one.state in (State.LEAVING, State.ENDED))
        self._task = asyncio.get_running_loop().create_task(self._run())
        self.book.look_soon()

    def close(self) -> None:
        """Stop; requested allocations stay."""
        if self._task is not None:
            self._task.cancel()

    # --- what operators change

    async def add(self, queue: Queue) -> None:
        """Grow through one more queue, once it is durable."""
        await self.book.record(queues=[queue])
        self.book.queues[queue.name] = queue
        self._show(queue)
        self.book.look_soon()

    async def set_paused(self, queue: Queue, *, paused: bool) -> None:
        """Stop requesting allocations, or resume with a new count of failures."""
        queue.paused, queue.why, queue.trouble = paused, "", ""
        queue.failures = queue.failures if paused else 0
        await self.book.record(queues=[queue])
        self.book.look_soon()

    async def remove(self, queue: Queue) -> None:
        """Release waiting allocations, let the workers leave when they are idle, then forget the queue."""
        queue.removed = True
        await self.book.record(queues=[queue])
        self._engine.workers.set_machine(SetMachine(_machine(queue), "", None, ready=False, gone=True))
        self._census.soon(queue.settings.cluster)
        self.book.look_soon()

    def _show(self, queue: Queue) -> None:
        """Report to the desk what a queue may provide, so that jobs may wait for it."""
        if not queue.removed:
            end = End(0.0, queue.shape.assumed_seconds, queue.shape.seconds)
            self._engine.workers.set_machine(SetMachine(_machine(queue), queue.name, queue.capacity, ready=False, end=end))

    # --- looking

    async def _run(self) -> None:
        while True:
            wait = self._census.seconds_to_wait()
            try:
                async with asyncio.timeout(wait):
                    await self.book.has_news.wait()
                await asyncio.sleep(_PAUSE_SECONDS)
            except TimeoutError:
                pass
            self.book.has_news.clear()
            try:
                await self.look()
            except Refused as refused:
                # For example, the roster cannot be written: its disk is full.
                _log.warning("growing is delayed: %s; trying again", refused)
                await self._look_again()
            except Exception:  # noqa: BLE001 -- a bug about one allocation must not end growing for all
                _log.exception("growing failed; trying again")
                await self._look_again()

    async def _look_again(self) -> None:
        await asyncio.sleep(_AFTER_A_FAILURE_SECONDS)
        self.book.look_soon()

    async def look(self) -> None:
        """Look once at everything, and act."""
        await self._census.take()
        workers = {self._engine.workers.name_of(key): worker for key, worker in self._engine.workers.all.items()}
        delayed: Refused | None = None
        for allocation in list(self.book.allocations.values()):
            try:
                await self._settle(allocation, workers.get(allocation.name))
            except Refused as refused:
                # It stays until the roster can be changed; what the others need does not wait for that.
                delayed = refused
        made = plan(
            [Demand(*one) for one in self._desk.demand().items()],
            self._engine.stock.rooms(),
            self.book.views(self._now(), self._presence.away(workers)),
        )
        await self._submit(made)
        await self._give_back(made, workers)
        gone = [one.name for one in self.book.queues.values() if one.removed and not self.book.of(one.name)]
        if gone:
            await self.book.record(gone_queues=gone)
        if delayed is not None:
            raise delayed

    # --- what the workers say

    async def _settle(self, allocation: Allocation, worker: Worker | None) -> None:
        """Note that a worker has joined; forget an ended allocation when nothing is left of it."""
        queue = self.book.queues.get(allocation.queue)
        if worker is not None and worker.takes_jobs:
            has_joined = allocation.happened(Happening.JOINED)
            if queue is not None and has_joined:
                # It works: those that failed before were not the first of a row.
                queue.failures = 0
            if has_joined:
                allocation.joined_at = self._now()
                await self.book.record(queues=[queue] if queue is not None else [], allocations=[allocation])
            if queue is not None and worker.capacity is not None:
                await self._compare(queue, allocation, worker.capacity)
        if self._now() < allocation.given_up_until:
            await self._doors.close(allocation.name, allocation.token)
        elif allocation.state is State.ENDED and (worker is None or (not worker.carried and not worker.takes_jobs)):
            await self._doors.close(allocation.name, allocation.token)
            if all(one is allocation or one.asked_as != allocation.asked_as for one in self.book.allocations.values()):
                await self._folders.remove(queue.settings if queue else request_pb2.GrowthQueue(), allocation.asked_as)
            departed = [Departed(worker.key, allocation.name, wall_us())] if worker is not None else []
            await self.book.record(gone_allocations=[allocation.name], departed=departed)
            self._engine.depart(worker, allocation.name)

    async def _compare(self, queue: Queue, allocation: Allocation, found: Capacity) -> None:
        """Note the capacity of a worker, and whether it is what was requested."""
        lacking = queue.lacking(found.labels)
        if lacking and not queue.paused:
            # Others would not have it either, and be asked for again and again.
            queue.paused = True
            queue.why = f"the worker {allocation.name} does not have the label {lacking} that was given to it: upgrade jobwire on the nodes"
            await self.book.record(queues=[queue])
        if found.slots and queue.learn(found):
            await self.book.record(queues=[queue])
            self._show(queue)

    # --- what is done

    async def _submit(self, made: Plan) -> None:
        for name, count in made.submit.items():
            queue = self.book.queues[name]
            for _ in range(count):
                if queue.paused or queue.removed or queue.trouble:
                    break
                await self._submit_one(queue)

    async def _submit_one(self, queue: Queue) -> None:
        cluster, settings = self.clusters[queue.settings.cluster], queue.settings
        name, workers = self.book.new_names(queue, os.urandom(8))
        made: list[Allocation] = []
        tokens: dict[str, str] = {}
        for worker in workers:
            try:
                token, tokens[worker] = await self._doors.invite(worker, settings.endpoint)
            except Refused as refused:
                self._census.failed(queue, f"no worker can be invited: {refused}")
                for one in made:
                    await self._doors.close(one.name, one.token)
                return
            one = Allocation(worker, queue.name, State.INTENDED, wall_us(), token, self._now(), is_submitting=True)
            one.group = name if worker != name else ""
            made.append(one)
        self.book.allocations.update({one.name: one for one in made})
        await self.book.record(allocations=made)
        try:
            folder = await self._folders.make(settings, name, tokens)
            cluster_id = await cluster.submit(settings, name, folder)
            for one in made:
                one.cluster_id = cluster_id
                one.happened(Happening.FOUND_WAITING)
            await self.book.record(allocations=made)
        except NoAnswer as error:
            # It may be there: it is looked for by its name.
            _log.warning("allocation %s: no answer to the request for it: %s", name, error)
            self._census.failed(queue, f"{settings.cluster} does not respond: {error}")
        except Refused as refused:
            for one in made:
                one.state = State.ENDED
            _log.error("allocation %s: %s", name, refused)
            self._census.count(queue, joined=False, why=str(refused))
            await self.book.record(queues=[queue], allocations=made)
        finally:
            for one in made:
                one.is_submitting = False
                one.since = self._now()
            self._census.soon(settings.cluster, cluster.poll_seconds)

    async def _give_back(self, made: Plan, workers: Mapping[str, Worker]) -> None:
        unneeded = set(made.unneeded)
        for allocation in list(self.book.allocations.values()):
            if allocation.name not in unneeded or not allocation.is_coming or allocation.state is State.INTENDED:
                allocation.unneeded_since = None
            elif allocation.unneeded_since is None:
                allocation.unneeded_since = self._now()
        for allocation in list(self.book.allocations.values()):
            if self._presence.may_leave(allocation, workers):
                await self._let_go(allocation, workers.get(allocation.name), alone=self._presence.is_alone(allocation, workers))

    async def _let_go(self, allocation: Allocation, worker: Worker | None, *, alone: bool) -> None:
        """Release an allocation. `alone`: no worker of it is connected or has jobs."""
        # From here on it gets nothing more, so that it stays idle until that is durable; also if it joins only now.
        self._engine.drains.hold_back([allocation.name])
        if allocation.happened(Happening.GIVEN_BACK):
            await self.book.record(allocations=[allocation])
        queue = self.book.queues.get(allocation.queue)
        if (worker is not None and (worker.carried or worker.brings)) or self._now() < allocation.remind_at:
            return
        allocation.remind_at = self._now() + _REMIND_SECONDS
        if worker is not None and worker.takes_jobs:
            self._engine.send_away(worker)
            if queue is not None:
                self._census.soon(queue.settings.cluster, _LEAVES_SECONDS)
        elif allocation.cluster_id and queue is not None and alone:
            await self._census.cancel(queue.settings.cluster, [allocation.cluster_id])


def _machine(queue: Queue) -> bytes:
    """Return the name by which the desk knows what a queue may provide; no worker has such a name."""
    return b"queue " + queue.name.encode()
