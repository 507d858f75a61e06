"""The queues of a broker that grows, and its allocations: in memory, and stored before anything follows from a change."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ...schemas.generated import request_pb2
from ...schemas.naming import format_id
from ...schemas.workers.capacity import GPUS, MEMORY, MOST_MEMORY_BYTES, Capacity
from ...schemas.workers.labels import Labels, parse_label
from ..store.rows.fleet import growth_rows
from ..store.store import Store
from ..writes.growth import AllocationRow, Growth, QueueRow
from .life import COMING, NEXT, Happening, State
from .plan import QueueView
from .room import Shape

# A worker gets no jobs that would end later than so long before its allocation: it stops the others, and tells how they ended.
_SPARE_SECONDS = 60.0
_SPARE_PART = 10
_NAME_BYTES = 3
# The workers of one allocation join together; a worker that has not joined after so long has ended.
_JOINS_SECONDS = 150.0


def spare_seconds(time_ms: int) -> float:
    """Return how many seconds before its end an allocation of this length stops running jobs."""
    return min(_SPARE_SECONDS, time_ms / 1000 / _SPARE_PART)


@dataclass(slots=True, eq=False)
class Allocation:
    """One allocation; of an allocation with several workers, the part of one worker; `group`: the name of the whole, if so.

    Times are in seconds of the monotonic clock of this run of the broker.
    """

    name: str
    queue: str
    state: State
    asked_at_us: int
    token: bytes
    since: float
    cluster_id: str = ""
    # The request is under way: nobody may conclude anything from its absence.
    is_submitting: bool = False
    # Since when nothing waits for it; and how often its cluster has not listed it.
    unneeded_since: float | None = None
    absences: int = 0
    # It was asked for by a broker that was killed; and until when it may still appear, which was given up.
    is_inherited: bool = False
    given_up_until: float = 0.0
    # When to tell it again that it is to leave.
    remind_at: float = 0.0
    group: str = ""
    joined_at: float | None = None

    @property
    def asked_as(self) -> str:
        """The name by which its cluster knows it."""
        return self.group or self.name

    @property
    def is_coming(self) -> bool:
        """Whether its worker has not joined yet, and may."""
        return self.state in COMING

    def happened(self, what: Happening) -> bool:
        """Note a happening; return whether it changed the state."""
        before, self.state = self.state, NEXT[self.state, what]
        return self.state is not before

    def row(self) -> AllocationRow:
        """Return the row to store."""
        return AllocationRow(self.name, self.queue, self.cluster_id, int(self.state), self.asked_at_us, self.token)


@dataclass(slots=True, eq=False)
class Queue:
    """One queue of a cluster, through which the broker grows."""

    name: str
    settings: request_pb2.GrowthQueue
    proof: bytes
    paused: bool = False
    why: str = ""
    failures: int = 0
    # The most that workers from there had.
    learned: Capacity | None = None
    removed: bool = False
    # Why it does not grow at the moment, as long as this run of the broker lasts.
    trouble: str = ""

    @property
    def shape(self) -> Shape:
        """What an allocation gives each of its workers."""
        settings, learned = self.settings, self.learned
        seconds = settings.time_ms / 1000 - spare_seconds(settings.time_ms)
        assumed = min(settings.assumed_ms / 1000, seconds)
        if learned is not None:
            resources = dict(learned.resources)
            return Shape(learned.slots, learned.memory_bytes, len(learned.gpus), resources, seconds, assumed, self.labels)
        return Shape(max(1, settings.cpus), settings.memory_bytes or None, settings.gpus, {}, seconds, assumed, self.labels)

    @property
    def per_node(self) -> int:
        """How many workers an allocation has."""
        return max(1, self.settings.per_node)

    @property
    def labels(self) -> Labels:
        """The labels that its workers get."""
        return tuple(map(parse_label, self.settings.labels))

    def lacking(self, worker: Labels) -> str:
        """Return the first of these labels that a worker from there lacks, as it is written; empty if it has all."""
        there = dict(worker)
        return next((said for said in self.settings.labels if there.get(parse_label(said)[0]) != parse_label(said)[1]), "")

    @property
    def capacity(self) -> Capacity:
        """The same as a capacity, for whoever asks whether a job could ever run: unknown memory may be enough."""
        found = self.shape
        return found.capacity if found.memory_bytes is not None else replace(found.capacity, memory_bytes=MOST_MEMORY_BYTES)

    def learn(self, found: Capacity) -> bool:
        """Note the capacity of a worker from there, if it has more of anything than was known; return whether it has.

        Nodes may differ: after a node with little memory, waiting jobs that need more must not be excluded from every queue for good.
        """
        before = self.learned
        if before is not None:
            resources = {**dict(before.resources), **dict(found.resources)}
            most = {name: max(dict(before.resources).get(name, 0), dict(found.resources).get(name, 0)) for name in resources}
            gpus = max(before.gpus, found.gpus, key=len)
            slots, memory = max(before.slots, found.slots), max(before.memory_bytes, found.memory_bytes)
            found = Capacity(slots, memory, gpus, tuple(sorted(most.items())))
        self.learned = replace(found, labels=())
        return self.learned != before

    def row(self) -> QueueRow:
        """Return the row to store."""
        shape = ""
        if self.learned is not None:
            shape = json.dumps(
                {"slots": self.learned.slots, MEMORY: self.learned.memory_bytes, GPUS: self.learned.gpus, "others": self.learned.resources}
            )
        return QueueRow(
            self.name, self.settings.SerializeToString(), self.proof, self.paused, self.why, self.failures, shape, removed=self.removed
        )


def _queue_of(row: QueueRow) -> Queue:
    learned = None
    if row.shape:
        said = json.loads(row.shape)
        learned = Capacity(said["slots"], said[MEMORY], tuple(said[GPUS]), tuple((name, amount) for name, amount in said["others"]))
    settings = request_pb2.GrowthQueue.FromString(row.settings)
    return Queue(row.name, settings, row.proof, row.paused, row.why, row.failures, learned, row.removed)


class Departed(NamedTuple):
    """A worker that will not come back: its key, its former name, and when it left."""

    key: bytes
    name: str
    left_at_us: int


@dataclass(slots=True, eq=False)
class Book:
    """All queues and allocations, by name. `now`: seconds of the monotonic clock."""

    store: Store
    queues: dict[str, Queue] = field(default_factory=dict)
    allocations: dict[str, Allocation] = field(default_factory=dict)
    # Set when something has changed that growing depends on.
    has_news: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def read(cls, store: Store) -> Book:
        """Return the contents of the store; times are right from `count_from` on."""
        queues = {row.name: _queue_of(row) for row in growth_rows.read_queues(store.read)}
        book = cls(store, queues)
        for row in growth_rows.read_allocations(store.read):
            made = Allocation(row.name, row.queue, State(row.state), row.asked_at_us, row.token, 0.0, row.cluster_id, is_inherited=True)
            made.group = row.name.rpartition("-")[0] if row.queue in queues and queues[row.queue].per_node > 1 else ""
            book.allocations[row.name] = made
        return book

    def count_from(self, now: float) -> None:
        """Count from this moment how long each allocation has been in its state: workers could not join before."""
        for one in self.allocations.values():
            one.since = now
            one.joined_at = now if one.state is State.JOINED else None

    def look_soon(self) -> None:
        """Schedule a new look at everything: something waits, or a worker has joined, left or become idle."""
        if self.queues:
            self.has_news.set()

    def assumed_seconds(self, worker: str) -> float:
        """Return how long a job without a time limit is expected to take on the worker of this name; 0 if it is not in an allocation."""
        allocation = self.allocations.get(worker)
        queue = self.queues.get(allocation.queue) if allocation is not None else None
        return queue.shape.assumed_seconds if queue is not None else 0.0

    @property
    def prefix(self) -> str:
        """The prefix of the names of all allocations of this broker, and of no others."""
        return f"jw{format_id(self.store.id)[:6]}-"

    def new_name(self, queue: str, random: bytes) -> str:
        """Return a name for an allocation and its worker."""
        return f"{self.prefix}{queue}-{random[:_NAME_BYTES].hex()}"

    def new_names(self, queue: Queue, random: bytes) -> tuple[str, Sequence[str]]:
        """Return a name for an allocation, and names for its workers."""
        name, count = self.new_name(queue.name, random), queue.per_node
        return name, [name] if count == 1 else [f"{name}-{number}" for number in range(1, count + 1)]

    def together(self, allocation: Allocation) -> Sequence[Allocation]:
        """Return the parts of one allocation that have not ended."""
        if not allocation.group:
            return [allocation] if allocation.state is not State.ENDED else []
        return [one for one in self.allocations.values() if one.group == allocation.group and one.state is not State.ENDED]

    def is_overdue(self, allocation: Allocation, now: float) -> bool:
        """Return whether a worker will not join any more: others of its allocation joined long ago."""
        if not allocation.group or not allocation.is_coming:
            return False
        joined = [one.joined_at for one in self.together(allocation) if one.joined_at is not None]
        return bool(joined) and now - min(joined) > _JOINS_SECONDS

    def of(self, queue: str) -> Sequence[Allocation]:
        """Return the allocations of a queue, oldest first."""
        return [one for one in self.allocations.values() if one.queue == queue]

    def views(self, now: float, away: AbstractSet[str] = frozenset()) -> Sequence[QueueView]:
        """Return the queues for the plan; `away`: workers that are expected back."""
        found = []
        for queue in self.queues.values():
            own = [one for one in self.of(queue.name) if one.state is not State.ENDED]
            coming = [one.name for one in own if (one.is_coming and not self.is_overdue(one, now)) or one.name in away]
            paused = queue.paused or queue.removed or bool(queue.trouble)
            most, per_node = queue.settings.max_workers, queue.per_node
            found.append(QueueView(queue.name, queue.shape, most, len(own), coming, paused=paused, per_node=per_node))
        return found

    async def record(
        self,
        queues: Iterable[Queue] = (),
        allocations: Iterable[Allocation] = (),
        gone_queues: Sequence[str] = (),
        gone_allocations: Sequence[str] = (),
        departed: Sequence[Departed] = (),
    ) -> None:
        """Write this, and return when it is durable."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        write = Growth(
            [one.row() for one in queues], [one.row() for one in allocations], gone_queues, gone_allocations, [(*one,) for one in departed]
        )
        self.store.submit(write, lambda: None if done.done() else done.set_result(None))
        await done
        for name in gone_queues:
            self.queues.pop(name, None)
        for name in gone_allocations:
            self.allocations.pop(name, None)
