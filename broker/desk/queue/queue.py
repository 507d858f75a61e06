"""The jobs that wait and run, with what decides which job is next; choice.py chooses.

Pure: knows only key, owner, batch, priority and claims of a job, and no clock.

Of the jobs of one owner that may start jobs, at most `_PARENTS` times as many as there are slots run at each level: those that a person
started, those that these started, and so on. A job that waits for jobs which it started lends its slots, and is no longer counted among
those of its owner that run; when it goes on, more may be in use than there is, and nothing starts while that is so. So no number of jobs
that wait for others can block each other: those of the deepest level wait for nobody, each level has room of its own, and how many run at
once stays bounded.

A job that is not ready is in no line until it is let in, and then has its old place. A batch that runs as many jobs as its width allows is
kept out of the heap of its owner until one of its jobs ends.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

from ....schemas.naming import JobKey
from ....schemas.workers.capacity import PLAIN, Capacity, Wants
from ...jobs.job import BatchRun, RunKey
from .choice import Choice
from .demand import demand
from .heaps import MOST_STALE, Heaps
from .lanes import Lane, Line, LineHead, Owner, Place, kinds_of
from .reasons import why_waiting
from .stock import NOTHING_OWN, Stock, Taken
from .tally import Tally

# Of a run: fewer than run at any time.
_CLOSED = -1
# Of one owner and level.
_PARENTS = 2


class Queue:
    """The waiting jobs, and what is free."""

    def __init__(self, slots: int, most_of: Callable[[bytes], int] = lambda _: 0, stock: Stock | None = None) -> None:
        """`most_of` returns how many jobs of an owner may run at once; 0: as many as there are slots. `stock`: the machines of a broker."""
        self.stock = stock or Stock(Capacity(slots))
        self._most_of = most_of
        self._tally = Tally(self.stock)
        self._order = 0
        self._owners: dict[bytes, Owner] = {}
        self._heaps = Heaps()
        self._places = self._heaps.places
        self._choice = Choice(self.stock, self._heaps, self._owners, most_of)

    def __len__(self) -> int:
        """Return how many jobs wait, including those set aside."""
        return self._tally.waiting + self._tally.aside

    @property
    def running(self) -> int:
        """How many jobs run, including those that lend their slots."""
        return self._tally.running

    @property
    def slots(self) -> int:
        """How many slots there are."""
        return self.stock.capacity.slots

    @property
    def is_full(self) -> bool:
        """Whether all slots are in use."""
        return self.stock.free_slots <= 0

    @property
    def room(self) -> int:
        """How many slots are free for new jobs, if no waiting job is kept back by its batch and none has to be placed first."""
        if self.stock.places_jobs:
            return 0
        return max(0, self.stock.free_slots - self._tally.waiting_slots)

    def room_of(self, public: bytes) -> int:
        """Return how many slots are free for new jobs of this owner."""
        most, owner = self._most_of(public), self._owners.get(public)
        own = most - owner.running - sum(owner.waiting.values()) if most and owner else most or self.slots
        return max(0, min(self.room, own))

    def waiting_of(self, public: bytes) -> int:
        """Return how many jobs of this owner wait, including those set aside."""
        owner = self._owners.get(public)
        return sum(owner.waiting.values()) + owner.aside if owner else 0

    def running_of(self, public: bytes) -> int:
        """Return how many jobs of this owner occupy slots."""
        owner = self._owners.get(public)
        return owner.running if owner else 0

    def taken_by(self, key: JobKey) -> Taken:
        """Return what a running job was given."""
        place = self._places.get(key)
        return place.taken if place else NOTHING_OWN

    def occupied_by(self, key: JobKey) -> Wants | None:
        """Return what a running or starting job has; None if it waits, or is unknown."""
        place = self._places.get(key)
        return None if place is None or place.rank is not None else place.wants

    def set_capacity(self, capacity: Capacity) -> None:
        """Set the capacity for jobs; running jobs are not affected."""
        self.stock.change(capacity)
        self.stock_changed()

    def stock_changed(self) -> None:
        """Take note that the capacity has changed."""
        for owner in self._owners.values():
            self._tally.weigh(owner)
            owner.changed()
            for level in tuple(owner.parents):
                self._count_parents(owner, level)

    def add(
        self,
        key: JobKey,
        batch: BatchRun | None,
        priority: int = 0,
        *,
        ready: bool = True,
        wants: Wants = PLAIN,
        order: int | None = None,
    ) -> None:
        """Add a job at its place among those of its priority; one that is not ready is set aside until it is let in.

        `order`: the smallest comes first. Without it, the job comes last.
        """
        place = self._place(key, batch, wants)
        self._order = max(self._order + 1, order or 0)
        place.rank = (-priority, self._order if order is None else order)
        place.aside = not ready
        if place.aside:
            self._tally.is_aside(place)
        else:
            self._enter(key, place)

    def add_running(self, key: JobKey, batch: BatchRun | None, wants: Wants = PLAIN, taken: Taken = NOTHING_OWN) -> None:
        """Count a job that is already running (found after a restart), with what it was given."""
        place = self._place(key, batch, wants)
        self.stock.take_again(wants, taken)
        place.taken = taken
        self._occupy(place)

    def set_aside(self, key: JobKey) -> None:
        """Keep a waiting job out of the lines until it is let in."""
        place = self._places[key]
        if place.aside:
            return
        self._leave(place)
        place.aside = True
        self._tally.is_aside(place)
        self._tidy()

    def let_in(self, key: JobKey) -> None:
        """Let a waiting job into its line, at its old place."""
        place = self._places[key]
        if not place.aside:
            return
        place.aside = False
        self._tally.is_aside(place, -1)
        # Another tuple: the entry that it had before may still be there, and stays stale.
        place.rank = place.rank and (place.rank[0], place.rank[1])
        self._enter(key, place)

    def set_priority(self, key: JobKey, priority: int) -> None:
        """Move a waiting job to its place at this priority."""
        place = self._places[key]
        if place.rank is None or place.rank[0] == -priority:
            return
        if not place.aside:
            self._leave(place)
        place.rank = (-priority, place.rank[1])
        if not place.aside:
            self._enter(key, place)
        self._tidy()

    def set_wants(self, key: JobKey, wants: Wants) -> None:
        """Let a waiting job take something else; it keeps its place."""
        place = self._places[key]
        if place.rank is None or place.wants == wants:
            return
        if not place.aside:
            self._leave(place)
        place.wants = wants
        # Another tuple, as in `let_in`: the entry in the line of those that take what it took is stale.
        place.rank = (place.rank[0], place.rank[1])
        if not place.aside:
            self._enter(key, place)
        self._tidy()

    def set_width(self, run: RunKey, width: int) -> None:
        """Change how many jobs of a run may run at once; running jobs are not affected."""
        owner = self._owners.get(run.owner)
        if owner is not None and run.id in owner.lanes:
            lane = owner.lanes[run.id]
            lane.width = width
            self._heaps.list_lane(owner, lane, run.id)

    def close(self, run: RunKey) -> None:
        """Let no further job of a run start, as long as the queue has jobs of it."""
        self.set_width(run, _CLOSED)

    def withdraw(self, key: JobKey) -> None:
        """Remove a waiting job that will not start."""
        place = self._places.pop(key)
        self._choice.passed.pop(key, None)
        if place.aside:
            self._tally.is_aside(place, -1)
        else:
            self._leave(place)
        self._drop(key.owner, place)
        self._tidy()

    def release(self, key: JobKey) -> None:
        """Free what an ended job had."""
        place = self._places[key]
        if place.lends:
            self._lend(place, -1)
        del self._places[key]
        owner, lane, wants = place.owner, place.lane, place.wants
        self.stock.put_back(wants, place.taken)
        self._tally.runs(place, -1)
        if wants.only_one:
            self._list_apart(owner, wants.only_one)
        if wants.level:
            self._count_parents(owner, wants.level)
        if lane.lines:
            self._heaps.list_lane(owner, lane, place.batch_id)
        self._drop(key.owner, place)

    def lend(self, key: JobKey) -> None:
        """Let others use the slots of a running job; it keeps everything else."""
        place = self._places.get(key)
        if place is not None and place.rank is None and not place.lends:
            self._lend(place, 1)

    def take_back(self, key: JobKey) -> None:
        """Count the slots of a job as in use again, whether or not so many are free."""
        place = self._places.get(key)
        if place is not None and place.lends:
            self._lend(place, -1)

    def lends(self, key: JobKey) -> bool:
        """Return whether others may use the slots of a job."""
        place = self._places.get(key)
        return place is not None and place.lends

    def _lend(self, place: Place, times: int) -> None:
        place.lends = times > 0
        self.stock.lend(times * place.wants.slots)
        self._tally.lends(place, times)

    def _list_apart(self, owner: Owner, kind: str | int) -> None:
        """List jobs again that may start now, of kinds of which only some may run at once."""
        for batch_id, others in tuple(owner.apart.get(kind, ())):
            other = owner.lanes[batch_id]
            self._heaps.list_line(owner, other, other.lines[others])
            self._heaps.list_lane(owner, other, batch_id)

    def _count_parents(self, owner: Owner, level: int) -> None:
        """Note whether one more job of this level may run."""
        if owner.parents.get(level, 0) >= _PARENTS * self.slots:
            owner.full.add(level)
            return
        if not owner.parents.get(level):
            owner.parents.pop(level, None)
        if level in owner.full:
            owner.full.remove(level)
            owner.changed()
            self._list_apart(owner, level)

    def demand(self) -> Counter[Wants]:
        """Return how many waiting jobs would start at once if there were room for all, grouped by what they take."""
        return demand(self._owners, self._most_of, len(self._places))

    def why_waiting(self, key: JobKey) -> str:
        """Return why a waiting job does not start."""
        return why_waiting(key, self._places[key], self._choice)

    def take(self, most: float = math.inf) -> list[JobKey]:
        """Return the jobs that start now, as far as there is room, at most this many; they count as running."""
        chosen: list[JobKey] = []
        while len(chosen) < most and self._tally.waiting and not self.is_full and (found := self._choice.best()) is not None:
            chosen.append(self._start(*found))
        return chosen

    def _start(self, owner: Owner, batch_id: bytes, lane: Lane, line: Line, head: LineHead) -> JobKey:
        key = line.take(head.rank)
        self._choice.passed.pop(key, None)
        place = self._places[key]
        self._tally.waits(place, line, -1)
        place.taken = self.stock.take(line.wants)
        self._choice.count_parked(owner, place.taken, head)
        self._occupy(place)
        if line.entries():
            self._heaps.list_line(owner, lane, line)
        else:
            self._heaps.drop_line(owner, lane, batch_id, line)
        if lane.lines:
            self._heaps.list_lane(owner, lane, batch_id)
        return key

    def _place(self, key: JobKey, batch: BatchRun | None, wants: Wants) -> Place:
        batch_id = batch.id if batch else b""
        owner = self._owners.get(key.owner)
        if owner is None:
            owner = self._owners[key.owner] = Owner()
        lane = owner.lanes.get(batch_id)
        if lane is None:
            lane = owner.lanes[batch_id] = Lane(batch.parallel if batch else 0)
        self._places[key] = place = Place(owner, lane, batch_id, wants)
        self._tally.is_here(place)
        return place

    def _occupy(self, place: Place) -> None:
        place.rank = None
        self._tally.runs(place)
        if place.wants.level:
            self._count_parents(place.owner, place.wants.level)

    def _enter(self, key: JobKey, place: Place) -> None:
        """Let a job wait for its turn."""
        owner, lane, wants = place.owner, place.lane, place.wants
        rank = place.rank or (0, 0)
        line = lane.lines.get(wants)
        if line is None:
            line = lane.lines[wants] = Line(wants)
            for kind in kinds_of(wants) if wants.only_one or wants.level else ():
                owner.apart.setdefault(kind, set()).add((place.batch_id, wants))
        line.add(rank, key)
        self._tally.waits(place, line)
        self._heaps.list_line(owner, lane, line)
        self._heaps.list_lane(owner, lane, place.batch_id)

    def _leave(self, place: Place) -> None:
        """Make the entry of a waiting job stale."""
        self._tally.waits(place, place.lane.lines[place.wants], -1)
        self._heaps.stale += 1

    def _drop(self, public: bytes, place: Place) -> None:
        owner, lane = place.owner, place.lane
        self._tally.is_here(place, -1)
        if lane.jobs:
            return
        self._heaps.drop_lines(owner, lane, place.batch_id)
        del owner.lanes[place.batch_id]
        if not owner.lanes:
            del self._owners[public]
        else:
            self._heaps.shorten(owner)

    def _tidy(self) -> None:
        """Drop stale entries: a queue in which nothing starts must not grow with every job that is added, moved or removed."""
        if self._heaps.stale > MOST_STALE + self._tally.waiting:
            self._heaps.tidy(self._owners)
