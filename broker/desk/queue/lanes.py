"""Who waits in which line: owners, their lanes, and the jobs of one priority in a lane. `queue.py` chooses among them."""

from __future__ import annotations

import heapq
from collections import Counter, deque
from dataclasses import dataclass, field

from ....schemas.naming import JobKey

# Where a job stands among those of its owner: the smallest starts first.
Rank = tuple[int, int]
Entry = tuple[Rank, JobKey]


@dataclass(slots=True, eq=False)
class Class:
    """The jobs of a lane that have one priority. An entry is stale if its job has another rank by now, is set aside, or is not to start."""

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
        if self.line and self.back:
            return min(self.line[0], self.back[0])
        return self.line[0] if self.line else self.back[0] if self.back else None

    def take(self) -> Entry:
        """Remove and return the first entry."""
        if self.line and not (self.back and self.back[0] < self.line[0]):
            return self.line.popleft()
        return heapq.heappop(self.back)

    def __len__(self) -> int:
        """Return how many entries there are, with stale ones."""
        return len(self.line) + len(self.back)


@dataclass(slots=True, eq=False)
class Lane:
    """Jobs of one owner that share a width: those of one batch, or all that are in no batch."""

    width: int
    # By priority.
    classes: dict[int, Class] = field(default_factory=dict)
    # With those that are set aside.
    jobs: int = 0
    running: int = 0
    # The entry of this lane in the heap of its owner; others of it are stale.
    listed: tuple[Rank, bytes] | None = None

    def entries(self) -> int:
        """Return how many entries there are, with stale ones."""
        return sum(map(len, self.classes.values()))


@dataclass(slots=True, eq=False)
class Owner:
    """The lanes of one owner, and how many of its jobs wait and run."""

    lanes: dict[bytes, Lane] = field(default_factory=dict)
    # A heap of open lanes, by the rank of their first job.
    heads: list[tuple[Rank, bytes]] = field(default_factory=list)
    running: int = 0
    # How many jobs could start if there were room, by their priority; and how many are set aside.
    waiting: Counter[int] = field(default_factory=Counter)
    aside: int = 0

    def enter(self, priority: int) -> None:
        """Count a job that could start."""
        self.waiting[priority] += 1

    def leave(self, priority: int) -> None:
        """Count one less."""
        self.waiting[priority] -= 1
        if not self.waiting[priority]:
            del self.waiting[priority]


@dataclass(slots=True, eq=False)
class Place:
    """Where a job is: in its lane, set aside, or running."""

    owner: Owner
    lane: Lane
    batch_id: bytes
    # None once it runs.
    rank: Rank | None = None
    # It is in no line until it is let in.
    aside: bool = False
