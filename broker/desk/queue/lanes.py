"""Who waits in which line: owners, their lanes, and the lines of jobs in a lane that take the same. `choice.py` chooses among them.

A heap has an entry for each lane of an owner, and one for each line of a lane. An entry is stale if its lane or line has another by now:
`listed` is the one that counts.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ....schemas.naming import JobKey
from ....schemas.workers.capacity import Wants
from .stock import NOTHING_OWN, Taken

MOST_STALE = 1000
# Where a job stands among those of its lane: the smallest starts first.
Rank = tuple[int, int]
Entry = tuple[Rank, JobKey]


class LaneHead(NamedTuple):
    """The place of a lane among those of its owner: by the rank of its best job, and between equal priorities by the slots in use."""

    urgency: int
    slots: int
    order: int
    batch_id: bytes


class LineHead(NamedTuple):
    """The place of a line in its lane: the rank of its first job, and what its jobs take."""

    rank: Rank
    wants: Wants


@dataclass(slots=True, eq=False)
class Class:
    """The jobs of a line that have one priority. An entry is stale if its job has another rank by now, is set aside, or is not to start."""

    line: deque[Entry] = field(default_factory=deque)
    # A heap of those that came back to an earlier place.
    back: list[Entry] = field(default_factory=list)

    def add(self, entry: Entry) -> None:
        """Add a job at its place."""
        if self.line and self.line[-1] > entry:
            heapq.heappush(self.back, entry)
        else:
            self.line.append(entry)

    def first(self) -> Entry | None:
        """Return the first entry, which may be stale; None if there is none."""
        if not self.back:
            return self.line[0] if self.line else None
        return min(self.line[0], self.back[0]) if self.line else self.back[0]

    def take(self) -> Entry:
        """Remove and return the first entry."""
        if self.line and not (self.back and self.back[0] < self.line[0]):
            return self.line.popleft()
        return heapq.heappop(self.back)

    def __len__(self) -> int:
        """Return how many entries there are, with stale ones."""
        return len(self.line) + len(self.back)


@dataclass(slots=True, eq=False)
class Line:
    """Jobs of a lane that take the same: if the first does not fit, none does."""

    wants: Wants
    # By priority.
    classes: dict[int, Class] = field(default_factory=dict)
    listed: LineHead | None = None
    # How many wait here, without stale entries.
    waiting: int = 0
    # It is in no heap until what its jobs take has room somewhere: see `Lines.park`.
    is_parked: bool = False

    def add(self, rank: Rank, key: JobKey) -> None:
        """Add a job."""
        self.waiting += 1
        self.classes.setdefault(-rank[0], Class()).add((rank, key))

    def take(self, rank: Rank) -> JobKey:
        """Remove and return the first job, which has this rank."""
        self.waiting -= 1
        _, key = self.classes[-rank[0]].take()
        return key

    def entries(self) -> int:
        """Return how many entries there are, with stale ones."""
        return sum(map(len, self.classes.values()))


@dataclass(slots=True, eq=False)
class Lane:
    """Jobs of one owner that share a width: those of one batch, or all that are in no batch. `slots`: those that its jobs occupy."""

    width: int
    lines: dict[Wants, Line] = field(default_factory=dict)
    heads: list[LineHead] = field(default_factory=list)
    # With those that are set aside.
    jobs: int = 0
    running: int = 0
    slots: int = 0
    listed: LaneHead | None = None

    def entries(self) -> int:
        """Return how many entries there are, with stale ones."""
        return sum(line.entries() for line in self.lines.values())


@dataclass(slots=True, eq=False)
class Owner:
    """The lanes of one owner, how many of its jobs wait and run, and what these take."""

    lanes: dict[bytes, Lane] = field(default_factory=dict)
    heads: list[LaneHead] = field(default_factory=list)
    running: int = 0
    slots: int = 0
    used: dict[str, int] = field(default_factory=dict)
    # The largest part that it has of anything.
    share: float = 0.0
    # Where jobs wait of which not all may run at once, by the name of which only one runs, and by the level of those that may start jobs.
    apart: dict[str | int, set[tuple[bytes, Wants]]] = field(default_factory=dict)
    # The names of which one runs; how many jobs of each level run, and the levels of which no more may.
    busy: set[str] = field(default_factory=set)
    parents: dict[int, int] = field(default_factory=dict)
    full: set[int] = field(default_factory=set)
    # How many jobs could start if there were room, by their priority; and how many are set aside.
    waiting: dict[int, int] = field(default_factory=dict)
    aside: int = 0
    # What is known since something of it changed last: its best lane; and that none of its jobs fitted, with the best of those.
    is_head_known: bool = False
    head: LaneHead | None = None
    is_stuck: bool = False
    unfit: tuple[tuple[JobKey, Wants], ...] = ()

    def changed(self) -> None:
        """Forget what was found out."""
        self.is_head_known = self.is_stuck = False

    def enter(self, priority: int) -> None:
        """Count a job that could start."""
        self.is_head_known = self.is_stuck = False
        self.waiting[priority] = self.waiting.get(priority, 0) + 1

    def leave(self, priority: int) -> None:
        """Count one less."""
        self.is_head_known = self.is_stuck = False
        self.waiting[priority] -= 1
        if not self.waiting[priority]:
            del self.waiting[priority]

    def occupy(self, wants: Wants, times: int = 1) -> None:
        """Count what a job takes; -1: what it gives back."""
        self.is_head_known = self.is_stuck = False
        self.running += times
        self.slots += times * wants.slots
        for name, amount in wants.others:
            self.used[name] = self.used.get(name, 0) + times * amount
        if wants.only_one:
            (self.busy.add if times > 0 else self.busy.discard)(wants.only_one)
        if wants.level:
            self.parents[wants.level] = self.parents.get(wants.level, 0) + times

    def lend(self, wants: Wants, times: int = 1) -> None:
        """Do not count the slots of a job that runs, nor that it does; -1: count it again."""
        self.changed()
        self.running -= times
        self.slots -= times * wants.slots

    def is_closed(self, wants: Wants) -> bool:
        """Return whether no job that takes this may start now, however much is free."""
        return wants.only_one in self.busy or wants.level in self.full


@dataclass(slots=True, eq=False)
class Place:
    """Where a job is: in its line, set aside, or running."""

    owner: Owner
    lane: Lane
    batch_id: bytes
    wants: Wants
    # None once it runs.
    rank: Rank | None = None
    # It is in no line until it is let in.
    aside: bool = False
    # The GPUs that it has.
    taken: Taken = NOTHING_OWN
    # It runs, and others may use its slots.
    lends: bool = False


class Lines:
    """Keeps the heaps of lanes and lines, and finds what is first in them."""

    def __init__(self) -> None:
        self.places: dict[JobKey, Place] = {}
        # Lines that are parked, by what their jobs take, and by owner and batch.
        self._parked: dict[Wants, dict[tuple[int, bytes], tuple[Owner, Lane, Line]]] = {}
        # How many entries of jobs are stale.
        self.stale = 0

    def best(self, owner: Owner) -> LaneHead | None:
        """Return what `first_lane` does; at once, if nothing of the owner has changed."""
        if not owner.is_head_known:
            owner.head = self.first_lane(owner)
            owner.is_head_known = True
        return owner.head

    def first_lane(self, owner: Owner) -> LaneHead | None:
        """Return the best open lane of an owner, of which the first job is known; None if nothing can start, whatever is free."""
        while owner.heads:
            head = owner.heads[0]
            lane = owner.lanes.get(head.batch_id)
            if lane is not None and lane.listed is head:
                if self._head_of(owner, lane, head.batch_id) == head:
                    return head
                lane.listed = None
                heapq.heappop(owner.heads)
                self.list_lane(owner, lane, head.batch_id)
            else:
                heapq.heappop(owner.heads)
        return None

    def list_lane(self, owner: Owner, lane: Lane, batch_id: bytes) -> None:
        """Put a lane into the heap of its owner if it is open, and not there at as good a place already."""
        owner.is_head_known = owner.is_stuck = False
        head = self._head_of(owner, lane, batch_id)
        if head is not None and (lane.listed is None or head < lane.listed):
            lane.listed = head
            heapq.heappush(owner.heads, head)
            if len(owner.heads) > MOST_STALE + 2 * len(owner.lanes):
                owner.heads = [one.listed for one in owner.lanes.values() if one.listed is not None]
                heapq.heapify(owner.heads)

    def park(self, owner: Owner, lane: Lane, batch_id: bytes, line: Line) -> None:
        """Keep a line, which was taken off its heap, out of it until `wake` is called for what its jobs take."""
        line.is_parked = True
        self._parked.setdefault(line.wants, {})[id(owner), batch_id] = owner, lane, line

    def parked(self, owner: Owner, wants: Wants) -> list[Line]:
        """Return those lines of an owner that are parked, and whose jobs take this."""
        return [line for found, _, line in self._parked.get(wants, {}).values() if found is owner]

    def wake(self, wants: Wants) -> None:
        """List those lines again that were parked, and whose jobs take this."""
        for (_, batch_id), (owner, lane, line) in self._parked.pop(wants, {}).items():
            line.is_parked = False
            self.list_line(owner, lane, line)
            self.list_lane(owner, lane, batch_id)

    def drop_line(self, owner: Owner, lane: Lane, batch_id: bytes, line: Line) -> None:
        """Remove a line in which nobody waits."""
        del lane.lines[line.wants]
        if line.is_parked and (parked := self._parked.get(line.wants)) is not None:
            parked.pop((id(owner), batch_id), None)
            if not parked:
                del self._parked[line.wants]
        for kind in kinds_of(line.wants) if line.wants.only_one or line.wants.level else ():
            apart = owner.apart.get(kind, set())
            apart.discard((batch_id, line.wants))
            if not apart:
                owner.apart.pop(kind, None)

    def list_line(self, owner: Owner, lane: Lane, line: Line) -> None:
        """Put a line into the heap of its lane if one of its jobs can start, and it is not there with that job already."""
        if line.is_parked or ((owner.busy or owner.full) and owner.is_closed(line.wants)):
            return
        first = self.first(line)
        if first is not None and (line.listed is None or first < line.listed.rank):
            line.listed = LineHead(first, line.wants)
            heapq.heappush(lane.heads, line.listed)
            if len(lane.heads) > MOST_STALE + 2 * len(lane.lines):
                lane.heads = [one.listed for one in lane.lines.values() if one.listed is not None]
                heapq.heapify(lane.heads)

    def take_off(self, owner: Owner, head: LaneHead) -> tuple[Lane, Line, LineHead]:
        """Remove the first lane of an owner and the first line of that from their heaps, and return them."""
        owner.is_head_known = owner.is_stuck = False
        heapq.heappop(owner.heads)
        lane = owner.lanes[head.batch_id]
        lane.listed = None
        line_head = heapq.heappop(lane.heads)
        line = lane.lines[line_head.wants]
        line.listed = None
        return lane, line, line_head

    def first(self, line: Line) -> Rank | None:
        """Return the rank of the first job of a line that can start; stale entries before it are removed."""
        places = self.places
        while line.classes:
            highest = max(line.classes)
            jobs = line.classes[highest]
            # As a rule none came back to an earlier place.
            while (entry := jobs.first() if jobs.back or not jobs.line else jobs.line[0]) is not None:
                rank, key = entry
                place = places.get(key)
                # As in `_is_current`, which would be a call for each look at a line.
                if place is not None and not place.aside and place.rank is rank:
                    return rank
                jobs.take()
                self.stale -= 1
            del line.classes[highest]
        return None

    def tidy(self, owners: Mapping[bytes, Owner]) -> None:
        """Drop all stale entries."""
        for owner in owners.values():
            owner.heads.clear()
            for batch_id, lane in owner.lanes.items():
                lane.heads.clear()
                for line in list(lane.lines.values()):
                    for jobs in line.classes.values():
                        jobs.line = deque(entry for entry in jobs.line if self._is_current(*entry))
                        jobs.back = [entry for entry in jobs.back if self._is_current(*entry)]
                        heapq.heapify(jobs.back)
                    line.listed = None
                    if not line.entries():
                        self.drop_line(owner, lane, batch_id, line)
                    self.list_line(owner, lane, line)
                lane.listed = None
                self.list_lane(owner, lane, batch_id)
        self.stale = 0

    def _head_of(self, owner: Owner, lane: Lane, batch_id: bytes) -> LaneHead | None:
        if lane.width and lane.running >= lane.width:
            return None
        while lane.heads:
            head = lane.heads[0]
            line = lane.lines.get(head.wants)
            if line is not None and line.listed is head:
                if not ((owner.busy or owner.full) and owner.is_closed(head.wants)) and self.first(line) == head.rank:
                    return LaneHead(head.rank[0], lane.slots, head.rank[1], batch_id)
                line.listed = None
                heapq.heappop(lane.heads)
                self.list_line(owner, lane, line)
            else:
                heapq.heappop(lane.heads)
        return None

    def _is_current(self, rank: Rank, key: JobKey) -> bool:
        place = self.places.get(key)
        return place is not None and not place.aside and place.rank is rank


def kinds_of(wants: Wants) -> tuple[str | int, ...]:
    """Return what limits how many jobs like this one run at once: its `only_one`, and its level if it may start jobs."""
    return tuple(kind for kind in (wants.only_one, wants.level) if kind)
