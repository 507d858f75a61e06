"""Chooses which jobs may start now. Pure: knows jobs only by key, owner and batch, and no clock.

The jobs of one owner start in the order of their acceptance. Among owners, the one with the fewest running jobs is next,
so that nobody waits behind a thousand jobs of another owner. A batch that runs as many jobs as its width allows is kept
out of the heap until one of its jobs ends, so that a choice costs the same however many jobs wait.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ...schemas.naming import JobKey
from .job import BatchRun

_MOST_WITHDRAWN = 1000


@dataclass(slots=True, eq=False)
class _Lane:
    """Jobs of one owner that share a width: those of one batch, or all that are in no batch."""

    width: int
    waiting: deque[tuple[int, JobKey]] = field(default_factory=deque)
    running: int = 0
    # Whether this lane is in the owner's heap.
    listed: bool = False

    def open(self) -> bool:
        return bool(self.waiting) and (self.width == 0 or self.running < self.width)


@dataclass(slots=True, eq=False)
class _Owner:
    lanes: dict[bytes, _Lane] = field(default_factory=dict)
    # (order of the first waiting job, batch id) of the open lanes.
    heads: list[tuple[int, bytes]] = field(default_factory=list)
    running: int = 0
    waiting: int = 0


class Queue:
    """The jobs that wait, and the free slots."""

    def __init__(self, slots: int, most_of: Callable[[bytes], int] = lambda _: 0) -> None:
        """`most_of` returns how many jobs of an owner may run at once; 0: as many as there are slots."""
        self.slots = slots
        self._most_of = most_of
        self.running = 0
        self._order = 0
        self._owners: dict[bytes, _Owner] = {}
        self._withdrawn: set[JobKey] = set()
        self._lane_of: dict[JobKey, tuple[_Owner, _Lane, bytes]] = {}

    def __len__(self) -> int:
        """Return how many jobs wait."""
        return sum(owner.waiting for owner in self._owners.values())

    @property
    def is_full(self) -> bool:
        """Whether all slots are in use."""
        return self.running >= self.slots

    @property
    def room(self) -> int:
        """How many slots are free for new jobs, if no waiting job is held up by its batch."""
        return max(0, self.slots - self.running - len(self))

    def room_of(self, public: bytes) -> int:
        """Return how many slots are free for new jobs of this owner."""
        most, owner = self._most_of(public), self._owners.get(public)
        own = most - owner.running - owner.waiting if most and owner else most or self.slots
        return max(0, min(self.room, own))

    def waiting_of(self, public: bytes) -> int:
        """Return how many jobs of this owner wait."""
        owner = self._owners.get(public)
        return owner.waiting if owner else 0

    def running_of(self, public: bytes) -> int:
        """Return how many jobs of this owner occupy a slot."""
        owner = self._owners.get(public)
        return owner.running if owner else 0

    def add(self, key: JobKey, batch: BatchRun | None) -> None:
        """Add a job at the end."""
        owner, lane, batch_id = self._place(key, batch)
        self._order += 1
        lane.waiting.append((self._order, key))
        owner.waiting += 1
        self._list(owner, lane, batch_id)

    def add_running(self, key: JobKey, batch: BatchRun | None) -> None:
        """Count a job that is already running (found again after a restart)."""
        owner, lane, _ = self._place(key, batch)
        self._occupy(owner, lane)

    def withdraw(self, key: JobKey) -> None:
        """Remove a waiting job that is not to start."""
        owner, _, _ = self._lane_of.pop(key)
        owner.waiting -= 1
        self._withdrawn.add(key)
        # A queue in which nothing starts must not grow with every job that is added and removed again.
        if len(self._withdrawn) > _MOST_WITHDRAWN + len(self):
            self._forget_withdrawn()

    def release(self, key: JobKey) -> None:
        """Free the slot of a job that has ended."""
        owner, lane, batch_id = self._lane_of.pop(key)
        lane.running -= 1
        owner.running -= 1
        self.running -= 1
        self._list(owner, lane, batch_id)
        self._tidy(key.owner, owner, lane, batch_id)

    def take(self) -> list[JobKey]:
        """Return the jobs that start now, as far as slots are free; they count as running."""
        chosen: list[JobKey] = []
        while self.running < self.slots:
            ready = [owner for public, owner in self._owners.items() if owner.heads and self._may_run_more(public, owner)]
            if not ready:
                break
            owner = min(ready, key=lambda o: (o.running, o.heads[0])) if len(ready) > 1 else ready[0]
            _, batch_id = heapq.heappop(owner.heads)
            lane = owner.lanes[batch_id]
            lane.listed = False
            _, key = lane.waiting.popleft()
            if key in self._withdrawn:
                self._withdrawn.discard(key)
            else:
                owner.waiting -= 1
                self._occupy(owner, lane)
                chosen.append(key)
            self._list(owner, lane, batch_id)
            self._tidy(key.owner, owner, lane, batch_id)
        return chosen

    def why_waiting(self, key: JobKey) -> str:
        """Return why a waiting job does not run."""
        owner, lane, _ = self._lane_of[key]
        if lane.width and lane.running >= lane.width:
            return f"its batch runs {_jobs(lane.running)} at once, as many as it may"
        if not self._may_run_more(key.owner, owner):
            return f"its owner runs {_jobs(owner.running)} at once, as many as the roster allows"
        return f"all {self.slots} slots are in use" if self.is_full else "it is about to start"

    def _may_run_more(self, public: bytes, owner: _Owner) -> bool:
        most = self._most_of(public)
        return not most or owner.running < most

    def _place(self, key: JobKey, batch: BatchRun | None) -> tuple[_Owner, _Lane, bytes]:
        batch_id = batch.id if batch else b""
        owner = self._owners.setdefault(key.owner, _Owner())
        lane = owner.lanes.setdefault(batch_id, _Lane(batch.parallel if batch else 0))
        self._lane_of[key] = place = (owner, lane, batch_id)
        return place

    def _occupy(self, owner: _Owner, lane: _Lane) -> None:
        lane.running += 1
        owner.running += 1
        self.running += 1

    def _tidy(self, public: bytes, owner: _Owner, lane: _Lane, batch_id: bytes) -> None:
        if not lane.running and not lane.waiting:
            del owner.lanes[batch_id]
            if not owner.lanes:
                del self._owners[public]

    def _forget_withdrawn(self) -> None:
        for public, owner in list(self._owners.items()):
            owner.heads.clear()
            for batch_id, lane in list(owner.lanes.items()):
                lane.waiting = deque(place for place in lane.waiting if place[1] not in self._withdrawn)
                lane.listed = False
                self._list(owner, lane, batch_id)
                self._tidy(public, owner, lane, batch_id)
        self._withdrawn.clear()

    @staticmethod
    def _list(owner: _Owner, lane: _Lane, batch_id: bytes) -> None:
        if not lane.listed and lane.open():
            heapq.heappush(owner.heads, (lane.waiting[0][0], batch_id))
            lane.listed = True


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"
