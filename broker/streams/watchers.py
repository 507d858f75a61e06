"""The streams that wait for news about a job: those of starts, stops and followed logs.

They are notified only of what is durable, and flushed once for everything that became durable together.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Protocol

from ...schemas.naming import JobKey
from ...schemas.refusal import Code, Reason, Refused
from ..desk.job import Job
from ..desk.life import START_TOLD, Phase


class Watcher(Protocol):
    """A stream that is notified about a job, when a change is durable."""

    def started(self, job: Job) -> None:
        """Note that the job has a process."""
        ...

    def stuck(self, job: Job) -> None:
        """Note that some processes of the job cannot be ended."""
        ...

    def finished(self, job: Job) -> None:
        """Note that the job has its outcome."""
        ...

    def flush(self) -> None:
        """Send to the peer what was noted, now that everything that became durable together was noted."""
        ...


class Watchers:
    """The watchers of all jobs. `released` is called when nobody follows the logs of a job any more.

    All members together follow at most `most_held` logs at once: each needs a descriptor.
    """

    def __init__(self, released: Callable[[], None], most_held: int = sys.maxsize) -> None:
        self._most_held = most_held
        self._watching: defaultdict[JobKey, list[Watcher]] = defaultdict(list)
        self._touched: dict[Watcher, None] = {}
        # Jobs whose logs are being followed, and by how many streams: they are not removed by retention.
        self.held: Counter[JobKey] = Counter()
        self._released = released

    def __len__(self) -> int:
        """Return how many jobs are watched."""
        return len(self._watching)

    def watch(self, job: Job, watcher: Watcher) -> None:
        """Notify the watcher of what is durable about the job, now and from now on."""
        if job.attempt.phase is Phase.FINISHED:
            watcher.finished(job)
            return
        self._watching[job.key].append(watcher)
        if job.attempt.phase in START_TOLD:
            watcher.started(job)
            if job.attempt.delayed_by and job.attempt.phase is Phase.STOPPING:
                watcher.stuck(job)

    def unwatch(self, job: Job, watcher: Watcher) -> None:
        """Stop notifying the watcher."""
        watching = self._watching.get(job.key)
        if watching and watcher in watching:
            watching.remove(watcher)
            if not watching:
                del self._watching[job.key]

    def demand_room(self, own_streams: int) -> None:
        """Check that one more log can be followed; a member, who has `own_streams` streams, may use a quarter of the limit.

        Raises Refused(RESOURCE_EXHAUSTED).
        """
        if self.held.total() >= self._most_held or own_streams >= max(1, self._most_held // 4):
            raise Refused(
                Code.RESOURCE_EXHAUSTED,
                f"{self.held.total()} logs are being followed, and no descriptors are left for more",
                reason=Reason.TOO_MANY_STREAMS,
            )

    def hold(self, key: JobKey) -> None:
        """Note that the logs of a job are being followed, until `release`."""
        self.held[key] += 1

    def release(self, key: JobKey) -> None:
        """Note that a stream no longer follows the logs of a job."""
        self.held[key] -= 1
        if not self.held[key]:
            del self.held[key]
            self._released()

    def started(self, job: Job) -> None:
        """Notify the watchers of a job that it has a process."""
        for watcher in list(self._watching.get(job.key, ())):
            self._touched[watcher] = None
            watcher.started(job)

    def stuck(self, job: Job) -> None:
        """Notify the watchers of a job at once that some of its processes cannot be ended. That is not recorded."""
        for watcher in list(self._watching.get(job.key, ())) if job.attempt.phase in START_TOLD else ():
            watcher.stuck(job)
            watcher.flush()

    def finished(self, job: Job) -> None:
        """Notify the watchers of a job that it has its outcome; nothing more follows."""
        for watcher in self._watching.pop(job.key, []):
            self._touched[watcher] = None
            watcher.finished(job)

    def flush(self) -> None:
        """Flush the watchers that were notified."""
        touched, self._touched = self._touched, {}
        for watcher in touched:
            watcher.flush()
