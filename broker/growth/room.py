"""The room of a worker, now or when its allocation starts, and how many jobs of one kind fit into it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ...schemas.workers.capacity import GPUS, MEMORY, SLOTS, Capacity, Wants
from ...schemas.workers.labels import ANYWHERE, OWN, Labels, holds


class Demand(NamedTuple):
    """How many waiting jobs take the same, and could start at once if there were room."""

    wants: Wants
    jobs: int


@dataclass(frozen=True, slots=True)
class Shape:
    """What an allocation of a queue gives its worker: known from the request, or from the last worker that joined from there.

    `memory_bytes` None: not known yet. `seconds`: how long the worker can run jobs. `assumed_seconds`: how long a job without a time limit
    is expected to take.
    """

    slots: int
    memory_bytes: int | None
    gpus: int
    resources: Mapping[str, int]
    seconds: float
    assumed_seconds: float
    # Those that its workers are given.
    labels: Labels = ()

    @property
    def all_labels(self) -> Labels:
        """The labels of a worker there, including those that it sets itself, whose values are unknown before it joins."""
        return tuple(sorted({**dict.fromkeys(OWN, ""), **dict(self.labels)}.items()))

    def room(self) -> Room:
        """Return the room of an empty allocation."""
        amounts = {SLOTS: self.slots, GPUS: self.gpus, **self.resources}
        if self.memory_bytes is not None:
            amounts[MEMORY] = self.memory_bytes
        return Room(amounts, self.seconds, self.assumed_seconds, knows_memory=self.memory_bytes is not None, labels=self.all_labels)

    @property
    def capacity(self) -> Capacity:
        """The same as the capacity of a worker."""
        gpus = tuple(map(str, range(self.gpus)))
        return Capacity(self.slots, self.memory_bytes or 0, gpus, tuple(sorted(self.resources.items())), self.all_labels)


@dataclass(slots=True)
class Room:
    """What is free in one place, by name, and for how long. `left_seconds` None: it has no end."""

    free: dict[str, int]
    left_seconds: float | None = None
    assumed_seconds: float = 0.0
    # Where it is not known how much memory there is, any amount may be.
    knows_memory: bool = True
    labels: Labels = ()

    def most(self, wants: Wants) -> int:
        """Return how many jobs that take this fit into it."""
        if self.left_seconds is not None and (wants.limit_seconds or self.assumed_seconds) > self.left_seconds:
            return 0
        if wants.where is not ANYWHERE and not holds(wants.where, self.labels):
            return 0
        asked = [(SLOTS, wants.slots), *(one for one in wants.others if self.knows_memory or one[0] != MEMORY)]
        return min(max(0, self.free.get(name, 0)) // amount for name, amount in asked if amount)

    def put(self, wants: Wants, count: int) -> None:
        """Subtract what this many jobs take."""
        for name, amount in ((SLOTS, wants.slots), *wants.others):
            self.free[name] = self.free.get(name, 0) - amount * count
