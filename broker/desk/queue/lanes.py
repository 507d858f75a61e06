"""Lanes and lines: an owner has lanes, and a lane has a line for each group of jobs that take the same. heaps.py keeps them in order."""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from ....schemas.naming import JobKey
from ....schemas.workers.capacity import Wants
from .stock import NOTHING_OWN, Taken

# Where a job stands among those of its lane: the smallest starts first.
Rank = tuple[int, int]
Entry = tuple[Rank, JobKey]


class LaneHead(NamedTuple):
    """The place of a lane among those of its owner: by the rank of its best job, and at equal priority by the slots in use."""

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
    """The jobs of a line that have one priority. An entry is stale if its job has a new rank, was set aside, or is not to start."""

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
    # It is in no heap until what its jobs take has room somewhere: see `Heaps.park`.
    is_parked: bool = False

    def add(self, rank: Rank, key: JobKey) -> None:
        """Add a job."""
        self.classes.setdefault(-rank[0], Class()).add((rank, key))

    def take(self, rank: Rank) -> JobKey:
        """Remove and return the first job, which has this rank."""
        _, key = self.classes[-rank[0]].take()
        return key

    def entries(self) -> int:
        """Return how many entries there are, with stale ones."""
        return sum(map(len, self.classes.values()))


@dataclass(slots=True, eq=False)
class Lane:
    """Jobs of one owner that share a width: those of one batch, or all jobs outside of batches. `slots`: the slots its jobs occupy."""

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
    """The lanes of one owner, how many of its jobs wait and run, and what they take."""

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
        """Drop cached results."""
        self.is_head_known = self.is_stuck = False

    def enter(self, priority: int) -> None:
        """Count a job that could start."""
        self.is_head_known = self.is_stuck = False
        self.waiting[priority] = self.waiting.get(priority, 0) + 1

    def leave(self, priority: int) -> None:
        """Uncount a job that could start."""
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
        """Uncount a running job and its slots; -1: count it again."""
        self.changed()
        self.running -= times
        self.slots -= times * wants.slots

    def is_closed(self, wants: Wants) -> bool:
        """Return whether no job that takes this may start now, however much is free."""
        return wants.only_one in self.busy or wants.level in self.full


@dataclass(slots=True, eq=False)
class Place:
    """The place of a job: in its line, set aside, or running."""

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


def kinds_of(wants: Wants) -> tuple[str | int, ...]:
    """Return the limits on how many jobs like this one run at once: its `only_one`, and its level if it may start jobs."""
    return tuple(kind for kind in (wants.only_one, wants.level) if kind)
