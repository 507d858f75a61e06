"""Chooses which jobs may start now. Pure: knows jobs only by key, owner, batch and priority, and no clock.

Among owners, the one with the fewest running jobs is next, so that nobody waits behind a thousand jobs of another owner. Of its jobs, the
one with the highest priority is next, and of these the first that was accepted: a priority is worth something only among the jobs of one
owner. A job that is not ready is in no line until it is let in, and then has its old place. A batch that runs as many jobs as its width
allows is kept out of the heap of its owner until one of its jobs ends. Jobs of one priority stand in a line: a choice costs the same
however long the lines are.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable

from ....schemas.naming import JobKey
from ..job import BatchRun, RunKey
from .lanes import Class, Lane, Owner, Place, Rank

_MOST_STALE = 1000
# Of a run: fewer than run at any time.
_CLOSED = -1


class Queue:
    """The jobs that wait, and the free slots."""

    def __init__(self, slots: int, most_of: Callable[[bytes], int] = lambda _: 0) -> None:
        """`most_of` returns how many jobs of an owner may run at once; 0: as many as there are slots."""
        self.slots = slots
        self._most_of = most_of
        self.running = 0
        # How many jobs could start if there were room, and how many are set aside.
        self._waiting = 0
        self._aside = 0
        self._stale = 0
        self._order = 0
        self._owners: dict[bytes, Owner] = {}
        self._places: dict[JobKey, Place] = {}

    def __len__(self) -> int:
        """Return how many jobs wait, with those that are set aside."""
        return self._waiting + self._aside

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
        """Return how many jobs of this owner wait, with those that are set aside."""
        owner = self._owners.get(public)
        return owner.waiting.total() + owner.aside if owner else 0

    def running_of(self, public: bytes) -> int:
        """Return how many jobs of this owner occupy a slot."""
        owner = self._owners.get(public)
        return owner.running if owner else 0

    def add(self, key: JobKey, batch: BatchRun | None, priority: int = 0, *, ready: bool = True) -> None:
        """Add a job behind those of its priority; one that is not ready stands aside until it is let in."""
        place = self._place(key, batch)
        self._order += 1
        place.rank = (-priority, self._order)
        place.aside = not ready
        if place.aside:
            self._aside += 1
            place.owner.aside += 1
        else:
            self._enter(key, place)

    def add_running(self, key: JobKey, batch: BatchRun | None) -> None:
        """Count a job that is already running (found again after a restart)."""
        self._occupy(self._place(key, batch))

    def set_aside(self, key: JobKey) -> None:
        """Keep a waiting job out of the lines until it is let in."""
        place = self._places[key]
        if place.aside:
            return
        self._leave(place)
        place.aside = True
        self._aside += 1
        place.owner.aside += 1
        self._tidy()

    def let_in(self, key: JobKey) -> None:
        """Let a waiting job into its line, at its old place."""
        place = self._places[key]
        if not place.aside:
            return
        place.aside = False
        self._aside -= 1
        place.owner.aside -= 1
        # Another tuple: the entry that it had before may still be there, and stays stale.
        place.rank = place.rank and (place.rank[0], place.rank[1])
        self._enter(key, place)

    def set_priority(self, key: JobKey, priority: int) -> None:
        """Move a waiting job to the place that it has with this priority."""
        place = self._places[key]
        if place.rank is None or place.rank[0] == -priority:
            return
        if not place.aside:
            self._leave(place)
        place.rank = (-priority, place.rank[1])
        if not place.aside:
            self._enter(key, place)
        self._tidy()

    def set_width(self, run: RunKey, width: int) -> None:
        """Change how many jobs of a run may run at once; those that run are not affected."""
        owner = self._owners.get(run.owner)
        if owner is not None and run.id in owner.lanes:
            lane = owner.lanes[run.id]
            lane.width = width
            self._list(owner, lane, run.id)

    def close(self, run: RunKey) -> None:
        """Let no further job of a run start, as long as it has jobs here."""
        self.set_width(run, _CLOSED)

    def withdraw(self, key: JobKey) -> None:
        """Remove a waiting job that is not to start."""
        place = self._places.pop(key)
        if place.aside:
            self._aside -= 1
            place.owner.aside -= 1
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
            owner.leave(-rank[0])
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

    def _may_run_more(self, public: bytes, owner: Owner) -> bool:
        most = self._most_of(public)
        return not most or owner.running < most

    def _place(self, key: JobKey, batch: BatchRun | None) -> Place:
        batch_id = batch.id if batch else b""
        owner = self._owners.setdefault(key.owner, Owner())
        lane = owner.lanes.setdefault(batch_id, Lane(batch.parallel if batch else 0))
        lane.jobs += 1
        self._places[key] = place = Place(owner, lane, batch_id)
        return place

    def _occupy(self, place: Place) -> None:
        place.rank = None
        place.lane.running += 1
        place.owner.running += 1
        self.running += 1

    def _enter(self, key: JobKey, place: Place) -> None:
        """Let a job wait for its turn."""
        rank = place.rank or (0, 0)
        place.lane.classes.setdefault(-rank[0], Class()).add((rank, key))
        place.owner.enter(-rank[0])
        self._waiting += 1
        self._list(place.owner, place.lane, place.batch_id)

    def _leave(self, place: Place) -> None:
        """Make the entry of a waiting job stale."""
        rank = place.rank or (0, 0)
        place.owner.leave(-rank[0])
        self._waiting -= 1
        self._stale += 1

    def _drop(self, public: bytes, place: Place) -> None:
        place.lane.jobs -= 1
        if not place.lane.jobs:
            self._stale -= place.lane.entries()
            del place.owner.lanes[place.batch_id]
            if not place.owner.lanes:
                del self._owners[public]
            elif len(place.owner.heads) > _MOST_STALE + 2 * len(place.owner.lanes):
                place.owner.heads = [lane.listed for lane in place.owner.lanes.values() if lane.listed is not None]
                heapq.heapify(place.owner.heads)

    def _head(self, owner: Owner) -> tuple[Rank, bytes] | None:
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

    def _first(self, lane: Lane) -> Rank | None:
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

    def _is_current(self, rank: Rank, key: JobKey) -> bool:
        place = self._places.get(key)
        return place is not None and not place.aside and place.rank is rank

    def _list(self, owner: Owner, lane: Lane, batch_id: bytes) -> None:
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


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"
