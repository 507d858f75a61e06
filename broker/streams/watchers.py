"""Who waits to hear what becomes of a job: the streams that a start, a stop or a followed log opened.

They hear only of what is durable, and are flushed once for all that became durable together.
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
    """A stream that is told what becomes of a job, when it is durable."""

    def started(self, job: Job) -> None:
        """Take note that the job has a process."""
        ...

    def stuck(self, job: Job) -> None:
        """Take note of what of the job cannot be ended."""
        ...

    def finished(self, job: Job) -> None:
        """Take note that the job has its outcome."""
        ...

    def flush(self) -> None:
        """Tell the peer, now that all that became durable together was noted."""
        ...


class Watchers:
    """The watchers of all jobs. `released` is called when nobody follows the logs of a job any more.

    So many logs as `most_held` are followed at once by all members together: each holds a descriptor.
    """

    def __init__(self, released: Callable[[], None], most_held: int = sys.maxsize) -> None:
        self._most_held = most_held
        self._watching: defaultdict[JobKey, list[Watcher]] = defaultdict(list)
        self._touched: dict[Watcher, None] = {}
        # Jobs whose logs are being followed, and by how many: they are not dropped to make room.
        self.held: Counter[JobKey] = Counter()
        self._released = released

    def __len__(self) -> int:
        """Count the jobs that somebody watches."""
        return len(self._watching)

    def watch(self, job: Job, watcher: Watcher) -> None:
        """Tell the watcher what is durable about the job, now and from now on."""
        if job.attempt.phase is Phase.FINISHED:
            watcher.finished(job)
            return
        self._watching[job.key].append(watcher)
        if job.attempt.phase in START_TOLD:
            watcher.started(job)
            if job.attempt.delayed_by and job.attempt.phase is Phase.STOPPING:
                watcher.stuck(job)

    def unwatch(self, job: Job, watcher: Watcher) -> None:
        """Tell the watcher no more."""
        watching = self._watching.get(job.key)
        if watching and watcher in watching:
            watching.remove(watcher)
            if not watching:
                del self._watching[job.key]

    def demand_room(self, own_streams: int) -> None:
        """Go on only if one more log can be followed; of one member, who has so many streams, a quarter of what there is.

        Raises Refused(RESOURCE_EXHAUSTED).
        """
        if self.held.total() >= self._most_held or own_streams >= max(1, self._most_held // 4):
            raise Refused(
                Code.RESOURCE_EXHAUSTED,
                f"{self.held.total()} logs are followed, and more descriptors are not left for that",
                reason=Reason.TOO_MANY_STREAMS,
            )

    def hold(self, key: JobKey) -> None:
        """Note that the logs of a job are being followed, until `release`."""
        self.held[key] += 1

    def release(self, key: JobKey) -> None:
        """Note that one of those who followed its logs does so no more."""
        self.held[key] -= 1
        if not self.held[key]:
            del self.held[key]
            self._released()

    def started(self, job: Job) -> None:
        """Tell those who watch it that the job has a process."""
        for watcher in list(self._watching.get(job.key, ())):
            self._touched[watcher] = None
            watcher.started(job)

    def stuck(self, job: Job) -> None:
        """Tell those who watch it, at once, what of the job cannot be ended. That is not recorded."""
        for watcher in list(self._watching.get(job.key, ())) if job.attempt.phase in START_TOLD else ():
            watcher.stuck(job)
            watcher.flush()

    def finished(self, job: Job) -> None:
        """Tell those who watch it that the job has its outcome; nothing more comes."""
        for watcher in self._watching.pop(job.key, []):
            self._touched[watcher] = None
            watcher.finished(job)

    def flush(self) -> None:
        """Let those who heard something tell their peers."""
        touched, self._touched = self._touched, {}
        for watcher in touched:
            watcher.flush()
