"""Deadlines of jobs that wait for a time: one for each, and a single alarm for all of them. Pure: the time is passed in.

A deadline only says when to look at a job; whether it may start then, `Job.is_ready` decides. The job's row is durable; the deadlines are
rebuilt at each start of the desk. Nothing looks at jobs that are not due.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Generic, TypeVar

_Waiter = TypeVar("_Waiter")
# Dropped deadlines are left in the heap until there are as many of them.
_MOST_STALE = 64


@dataclass(slots=True, eq=False)
class Deadlines(Generic[_Waiter]):
    """Deadlines on one scale of microseconds, at most one each."""

    # When each of those that wait is due.
    at: dict[_Waiter, int] = field(default_factory=dict)
    # With a number, in the order in which they were set: of two at one time, the first is due first.
    _heap: list[tuple[int, int, _Waiter]] = field(default_factory=list)
    _order: int = 0

    def __len__(self) -> int:
        """Return how many jobs have a deadline."""
        return len(self.at)

    def __contains__(self, waiter: _Waiter) -> bool:
        """Return whether a job has a deadline."""
        return waiter in self.at

    def set(self, waiter: _Waiter, at_us: int) -> None:
        """Set the deadline of a job, replacing an earlier one."""
        self.at[waiter] = at_us
        self._order += 1
        heapq.heappush(self._heap, (at_us, self._order, waiter))
        self._tidy()

    def drop(self, waiter: _Waiter) -> None:
        """Remove its deadline, if it has one."""
        if self.at.pop(waiter, None) is not None:
            self._tidy()

    def left_us(self, waiter: _Waiter, now_us: int) -> int:
        """Return how many microseconds a job still has to wait; 0 if it has no deadline."""
        return max(0, self.at.get(waiter, now_us) - now_us)

    def take_due(self, now_us: int) -> list[_Waiter]:
        """Remove and return the jobs whose time has come, earliest first."""
        due: list[_Waiter] = []
        while self._heap and self._heap[0][0] <= now_us:
            at_us, _, waiter = heapq.heappop(self._heap)
            if self.at.get(waiter) == at_us:
                del self.at[waiter]
                due.append(waiter)
        return due

    @property
    def next_us(self) -> int | None:
        """Return the earliest deadline; None if there is none."""
        while self._heap and self.at.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def _tidy(self) -> None:
        if len(self._heap) > _MOST_STALE + 2 * len(self.at):
            self._heap = [entry for entry in self._heap if self.at.get(entry[2]) == entry[0]]
            heapq.heapify(self._heap)
