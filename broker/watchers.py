"""Who waits to hear what becomes of a job: the streams that a start, a stop or a followed log opened.

They hear only of what is durable, and are flushed once for all that became durable together.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Protocol

from ..schemas.naming import JobKey
from .life import Job


class Watcher(Protocol):
    """A stream that is told what becomes of a job, when it is durable."""

    def started(self, job: Job) -> None:
        """Take note that the job has a process."""
        ...

    def finished(self, job: Job) -> None:
        """Take note that the job has its outcome."""
        ...

    def flush(self) -> None:
        """Tell the peer, now that all that became durable together was noted."""
        ...


class Watchers:
    """The watchers of all jobs. `released` is called when nobody follows the logs of a job any more."""

    def __init__(self, released: Callable[[], None]) -> None:
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
        if job.recorded:
            watcher.finished(job)
            return
        self._watching[job.key].append(watcher)
        if job.start_recorded:
            watcher.started(job)

    def unwatch(self, job: Job, watcher: Watcher) -> None:
        """Tell the watcher no more."""
        watching = self._watching.get(job.key)
        if watching and watcher in watching:
            watching.remove(watcher)
            if not watching:
                del self._watching[job.key]

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
