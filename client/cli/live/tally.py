"""The counts of a running batch: how many of its jobs ended in which way, which ones run, and the rate.

Pure: the time is passed in, in seconds on any monotonic clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

# The rate is that of the last minute; before so much of it has passed, nothing is said about the time left.
WINDOW_SECONDS = 60.0
_LEAST_SECONDS = 2.0


class Running(NamedTuple):
    """A job that has a process: its title, and since when."""

    title: str
    since: float


class Pace(NamedTuple):
    """How many jobs end per second, and how many seconds remain at that rate. None: unknown."""

    per_second: float | None
    left_seconds: float | None


class Tally:
    """The jobs of one run. `total`: how many there are."""

    def __init__(self, total: int, now: float) -> None:
        self.total = total
        self.ok = 0
        self.failed = 0
        self.begun = now
        # When the run began, which may be long before it is watched.
        self.since = now
        self._running: dict[bytes, Running] = {}
        # Starts and ends come over different ways, and so may a start after its end.
        self._over: set[bytes] = set()
        # How many run, if that was counted by the worker, and only some of them are known here.
        self._running_there = 0
        # How many jobs that had a process ended in each second; at most a minute of it.
        self._ends: deque[tuple[int, int]] = deque()
        self._first_sign: float | None = None

    @property
    def running(self) -> Mapping[bytes, Running]:
        """The jobs that have a process, in the order in which they were reported."""
        return self._running

    @property
    def done(self) -> int:
        """How many jobs have ended."""
        return min(self.total, self.ok + self.failed)

    @property
    def queued(self) -> int:
        """How many jobs wait."""
        return max(0, self.total - self.done - self.running_jobs)

    @property
    def running_jobs(self) -> int:
        """How many jobs have a process."""
        return max(len(self._running), self._running_there)

    def runs(self, job_id: bytes, title: str, since: float) -> None:
        """Count a job that has a process; only once, and not after its end."""
        if job_id in self._over:
            return
        self._running.setdefault(job_id, Running(title, since))
        self._first_sign = since if self._first_sign is None else self._first_sign

    def waits(self, job_id: bytes) -> None:
        """Count a job that no longer has a process and waits for a retry."""
        self._running.pop(job_id, None)

    def ended(self, job_id: bytes, now: float, *, ok: bool, ran: bool) -> None:
        """Count a job that has ended. `ran`: it had a process; mass cancellations say nothing about the remaining time."""
        had_process = self._running.pop(job_id, None) is not None
        self._over.add(job_id)
        if ok:
            self.ok += 1
        else:
            self.failed += 1
        if ran or had_process:
            self.note_end(now)

    def note_end(self, now: float) -> None:
        """Note for the rate that a job that ran has ended now."""
        self._first_sign = now if self._first_sign is None else self._first_sign
        second = int(now)
        if self._ends and self._ends[-1][0] == second:
            self._ends[-1] = (second, self._ends[-1][1] + 1)
        else:
            self._ends.append((second, 1))
        while self._ends[0][0] <= second - WINDOW_SECONDS:
            self._ends.popleft()

    def recount(self, total: int, ok: int, failed: int, running_jobs: int, running: Mapping[bytes, Running], since: float) -> None:
        """Set the counts of the worker, and some of the running jobs. `since`: when the run began."""
        self.since = since
        self.total, self.ok, self.failed, self._running_there = total, ok, failed, running_jobs
        self._running = dict(running)
        if running_jobs and self._first_sign is None:
            self._first_sign = self.begun

    def pace(self, now: float) -> Pace:
        """Return the rate of the last minute, and the remaining time."""
        if self._first_sign is None:
            return Pace(None, None)
        # A batch that waited for an hour and has begun now is not that slow.
        seconds = min(WINDOW_SECONDS, now - max(self._first_sign, self.begun))
        ends = sum(count for second, count in self._ends if second > now - WINDOW_SECONDS)
        if seconds < _LEAST_SECONDS or not ends:
            return Pace(None, None)
        rate = ends / seconds
        return Pace(rate, (self.total - self.done) / rate)
