"""Chooses which jobs may start now. Pure: knows jobs only by key, owner, batch and priority, and no clock.

Among owners, the one with the fewest running jobs is next, so that nobody waits behind a thousand jobs of another owner. Of its jobs, the
one with the highest priority is next, and of these the first that was accepted: a priority is worth something only among the jobs of one
owner. A job that is held is in no line until it is released, and then has its old place. A batch that runs as many jobs as its width allows
is kept out of the heap of its owner until one of its jobs ends. Jobs of one priority stand in a line: a choice costs the same however long
the lines are.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ...schemas.naming import JobKey
from .job import BatchRun, RunKey

_MOST_STALE = 1000
# Where a job stands among those of its owner: the smallest starts first.
_Rank = tuple[int, int]


_Entry = tuple[_Rank, JobKey]


@dataclass(slots=True, eq=False)
class _Class:
    """The jobs of a lane that have one priority. An entry is stale if its job has another rank by now, is held, or is not to start."""

    line: deque[_Entry] = field(default_factory=deque)
    # A heap of those that came back to an earlier place.
    back: list[_Entry] = field(default_factory=list)

    def add(self, entry: _Entry) -> None:
        if self.line and self.line[-1] > entry:
            heapq.heappush(self.back, entry)
        else:
            self.line.append(entry)

    def first(self) -> _Entry | None:
        if self.line and self.back:
            return min(self.line[0], self.back[0])
        return self.line[0] if self.line else self.back[0] if self.back else None

    def take(self) -> _Entry:
        if self.line and not (self.back and self.back[0] < self.line[0]):
            return self.line.popleft()
        return heapq.heappop(self.back)

    def __len__(self) -> int:
        return len(self.line) + len(self.back)


@dataclass(slots=True, eq=False)
class _Lane:
    """Jobs of one owner that share a width: those of one batch, or all that are in no batch."""

    width: int
    # By priority.
    classes: dict[int, _Class] = field(default_factory=dict)
    # With those that are held.
    jobs: int = 0
    running: int = 0
    # The entry of this lane in the heap of its owner; others of it are stale.
    listed: tuple[_Rank, bytes] | None = None

    def entries(self) -> int:
        return sum(map(len, self.classes.values()))


@dataclass(slots=True, eq=False)
class _Owner:
    lanes: dict[bytes, _Lane] = field(default_factory=dict)
    # A heap of open lanes, by the rank of their first job.
    heads: list[tuple[_Rank, bytes]] = field(default_factory=list)
    running: int = 0
    # How many jobs could start if there were room, by their priority; and how many are held.
    waiting: Counter[int] = field(default_factory=Counter)
    held: int = 0


@dataclass(slots=True, eq=False)
class _Place:
    owner: _Owner
    lane: _Lane
    batch_id: bytes
    # None once it runs.
    rank: _Rank | None = None
    held: bool = False


class Queue:
    """The jobs that wait, and the free slots."""

    def __init__(self, slots: int, most_of: Callable[[bytes], int] = lambda _: 0) -> None:
        """`most_of` returns how many jobs of an owner may run at once; 0: as many as there are slots."""
        self.slots = slots
        self._most_of = most_of
        self.running = 0
        # How many jobs could start if there were room, and how many are held.
        self._waiting = 0
        self._held = 0
        self._stale = 0
        self._order = 0
        self._owners: dict[bytes, _Owner] = {}
        self._places: dict[JobKey, _Place] = {}

    def __len__(self) -> int:
        """Return how many jobs wait, with those that are held."""
        return self._waiting + self._held

    @property
    def is_full(self) -> bool:
        """Whether all slots are in use."""
        return self.running >= self.slots

    @property
    def room(self) -> int:
        """How many slots are free for new jobs, if no waiting job is kept back by its batch."""
        return max(0, self.slots - self.running - self._waiting)

    def room_of(self, public: bytes) -> int:
        """Return how many slots are free for new jobs of this owner."""
        most, owner = self._most_of(public), self._owners.get(public)
        own = most - owner.running - owner.waiting.total() if most and owner else most or self.slots
        return max(0, min(self.room, own))

    def waiting_of(self, public: bytes) -> int:
        """Return how many jobs of this owner wait, with those that are held."""
        owner = self._owners.get(public)
        return owner.waiting.total() + owner.held if owner else 0

    def running_of(self, public: bytes) -> int:
        """Return how many jobs of this owner occupy a slot."""
        owner = self._owners.get(public)
        return owner.running if owner else 0

    def add(self, key: JobKey, batch: BatchRun | None, priority: int = 0, *, held: bool = False) -> None:
        """Add a job behind those of its priority."""
        place = self._place(key, batch)
        self._order += 1
        place.rank = (-priority, self._order)
        place.held = held
        if held:
            self._held += 1
            place.owner.held += 1
        else:
            self._enter(key, place)

    def add_running(self, key: JobKey, batch: BatchRun | None) -> None:
        """Count a job that is already running (found again after a restart)."""
        self._occupy(self._place(key, batch))

    def hold(self, key: JobKey) -> None:
        """Keep a waiting job back until it is released."""
        place = self._places[key]
        self._leave(place)
        place.held = True
        self._held += 1
        place.owner.held += 1
        self._tidy()

    def let_go(self, key: JobKey) -> None:
        """Release a job that is held, at its old place."""
        place = self._places[key]
        place.held = False
        self._held -= 1
        place.owner.held -= 1
        # Another tuple: the entry that it had before may still be there, and stays stale.
        place.rank = place.rank and (place.rank[0], place.rank[1])
        self._enter(key, place)

    def set_priority(self, key: JobKey, priority: int) -> None:
        """Move a waiting job to the place that it has with this priority."""
        place = self._places[key]
        if place.rank is None or place.rank[0] == -priority:
            return
        if not place.held:
            self._leave(place)
        place.rank = (-priority, place.rank[1])
        if not place.held:
            self._enter(key, place)
        self._tidy()

    def set_width(self, run: RunKey, width: int) -> None:
        """Change how many jobs of a run may run at once; those that run are not affected."""
        owner = self._owners.get(run.owner)
        if owner is not None and run.id in owner.lanes:
            lane = owner.lanes[run.id]
            lane.width = width
            self._list(owner, lane, run.id)

    def withdraw(self, key: JobKey) -> None:
        """Remove a waiting job that is not to start."""
        place = self._places.pop(key)
        if place.held:
            self._held -= 1
            place.owner.held -= 1
        else:
            self._leave(place)
        self._drop(key.owner, place)
        self._tidy()

    def release(self, key: JobKey) -> None:
        """Free the slot of a job that has ended."""
        place = self._places.pop(key)
        place.lane.running -= 1
        place.owner.running -= 1
        self.running -= 1
        self._list(place.owner, place.lane, place.batch_id)
        self._drop(key.owner, place)

    def take(self) -> list[JobKey]:
        """Return the jobs that start now, as far as slots are free; they count as running."""
        chosen: list[JobKey] = []
        while self.running < self.slots:
            ready = [
                (owner.running, head[0][1], owner, head)
                for public, owner in self._owners.items()
                if (head := self._head(owner)) is not None and self._may_run_more(public, owner)
            ]
            if not ready:
                break
            # No two heads have the same order. A priority does not count against another owner.
            _, _, owner, (head_rank, batch_id) = min(ready, key=lambda one: one[:2]) if len(ready) > 1 else ready[0]
            heapq.heappop(owner.heads)
            lane = owner.lanes[batch_id]
            lane.listed = None
            rank, key = lane.classes[-head_rank[0]].take()
            _uncount(owner.waiting, -rank[0])
            self._waiting -= 1
            self._occupy(self._places[key])
            chosen.append(key)
            self._list(owner, lane, batch_id)
        return chosen

    def why_waiting(self, key: JobKey) -> str:
        """Return why a waiting job does not run."""
        place = self._places[key]
        owner, lane = place.owner, place.lane
        if lane.width and lane.running >= lane.width:
            why = f"its batch runs {_jobs(lane.running)} at once, as many as it may"
        elif not self._may_run_more(key.owner, owner):
            why = f"its owner runs {_jobs(owner.running)} at once, as many as the roster allows"
        else:
            why = f"all {self.slots} slots are in use" if self.is_full else "it is about to start"
        priority = -place.rank[0] if place.rank is not None else 0
        before = sum(count for other, count in owner.waiting.items() if other > priority)
        return f"{why}; {_jobs(before)} of a higher priority {'is' if before == 1 else 'are'} before it" if before else why

    def _may_run_more(self, public: bytes, owner: _Owner) -> bool:
        most = self._most_of(public)
        return not most or owner.running < most

    def _place(self, key: JobKey, batch: BatchRun | None) -> _Place:
        batch_id = batch.id if batch else b""
        owner = self._owners.setdefault(key.owner, _Owner())
        lane = owner.lanes.setdefault(batch_id, _Lane(batch.parallel if batch else 0))
        lane.jobs += 1
        self._places[key] = place = _Place(owner, lane, batch_id)
        return place

    def _occupy(self, place: _Place) -> None:
        place.rank = None
        place.lane.running += 1
        place.owner.running += 1
        self.running += 1

    def _enter(self, key: JobKey, place: _Place) -> None:
        """Let a job wait for its turn."""
        rank = place.rank or (0, 0)
        place.lane.classes.setdefault(-rank[0], _Class()).add((rank, key))
        place.owner.waiting[-rank[0]] += 1
        self._waiting += 1
        self._list(place.owner, place.lane, place.batch_id)

    def _leave(self, place: _Place) -> None:
        """Make the entry of a waiting job stale."""
        rank = place.rank or (0, 0)
        _uncount(place.owner.waiting, -rank[0])
        self._waiting -= 1
        self._stale += 1

    def _drop(self, public: bytes, place: _Place) -> None:
        place.lane.jobs -= 1
        if not place.lane.jobs:
            self._stale -= place.lane.entries()
            del place.owner.lanes[place.batch_id]
            if not place.owner.lanes:
                del self._owners[public]
            elif len(place.owner.heads) > _MOST_STALE + 2 * len(place.owner.lanes):
                place.owner.heads = [lane.listed for lane in place.owner.lanes.values() if lane.listed is not None]
                heapq.heapify(place.owner.heads)

    def _head(self, owner: _Owner) -> tuple[_Rank, bytes] | None:
        """Return the first open lane of an owner, of which the first job can start."""
        while owner.heads:
            head = owner.heads[0]
            lane = owner.lanes.get(head[1])
            if lane is not None and lane.listed is head:
                first = self._first(lane)
                if first == head[0] and (not lane.width or lane.running < lane.width):
                    return head
                lane.listed = None
                heapq.heappop(owner.heads)
                self._list(owner, lane, head[1])
            else:
                heapq.heappop(owner.heads)
        return None

    def _first(self, lane: _Lane) -> _Rank | None:
        """Return the rank of the first job of a lane that can start; stale entries before it are removed."""
        while lane.classes:
            highest = max(lane.classes)
            jobs = lane.classes[highest]
            while (entry := jobs.first()) is not None:
                if self._is_current(*entry):
                    return entry[0]
                jobs.take()
                self._stale -= 1
            del lane.classes[highest]
        return None

    def _is_current(self, rank: _Rank, key: JobKey) -> bool:
        place = self._places.get(key)
        return place is not None and not place.held and place.rank is rank

    def _list(self, owner: _Owner, lane: _Lane, batch_id: bytes) -> None:
        """Put a lane into the heap of its owner if it is open, and not there with its first job already."""
        if lane.width and lane.running >= lane.width:
            return
        first = self._first(lane)
        if first is not None and (lane.listed is None or first < lane.listed[0]):
            lane.listed = (first, batch_id)
            heapq.heappush(owner.heads, lane.listed)

    def _tidy(self) -> None:
        """Drop stale entries: a queue in which nothing starts must not grow with every job that is added, moved or removed again."""
        if self._stale <= _MOST_STALE + self._waiting:
            return
        for owner in self._owners.values():
            owner.heads.clear()
            for batch_id, lane in owner.lanes.items():
                for jobs in lane.classes.values():
                    jobs.line = deque(entry for entry in jobs.line if self._is_current(*entry))
                    jobs.back = [entry for entry in jobs.back if self._is_current(*entry)]
                    heapq.heapify(jobs.back)
                lane.listed = None
                self._list(owner, lane, batch_id)
        self._stale = 0


def _uncount(counts: Counter[int], priority: int) -> None:
    counts[priority] -= 1
    if not counts[priority]:
        del counts[priority]


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"
