"""The streams that wait for news about a job: those of starts, stops and followed logs.

They are notified only of what is durable, and flushed once for everything that became durable together.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from typing import ParamSpec, Protocol

from ...schemas.naming import JobKey
from ..jobs.job import Job, RunKey
from ..jobs.life import END_AWAITED, START_TOLD, Phase
from .inner_waits import InnerWaits
from .reports import Reports

_log = logging.getLogger(__name__)
_NOT_NOTIFIED = "a stream could not be notified"
_Given = ParamSpec("_Given")


class Watcher(Protocol):
    """A stream that is notified about a job, when a change is durable."""

    def started(self, job: Job) -> None:
        """Note that the job has a process."""
        ...

    def stuck(self, job: Job) -> None:
        """Note that some processes of the job cannot be killed."""
        ...

    def finished(self, job: Job) -> None:
        """Note that the job has its outcome."""
        ...

    def flush(self) -> None:
        """Send to the peer what was noted, now that everything that became durable together was noted."""
        ...


class Watchers:
    """The watchers of all jobs, and of runs."""

    def __init__(self) -> None:
        self._watching_runs: dict[RunKey, list[Watcher]] = {}
        self._watching: defaultdict[JobKey, list[Watcher]] = defaultdict(list)
        self._touched: dict[Watcher, None] = {}
        self.inner_waits = InnerWaits()

    def __len__(self) -> int:
        """Return how many jobs are watched."""
        return len(self._watching)

    @property
    def keys(self) -> Collection[object]:
        """The keys of the jobs that somebody watches."""
        return self._watching

    def watch(self, job: Job, watcher: Watcher) -> None:
        """Notify the watcher of what is durable about the job, now and from now on."""
        if job.attempt.phase is Phase.FINISHED:
            watcher.finished(job)
            return
        self._watching[job.key].append(watcher)
        if job.attempt.phase in START_TOLD:
            watcher.started(job)
            if job.attempt.waits_for:
                watcher.stuck(job)

    def watch_run(self, run: RunKey, watcher: Watcher) -> None:
        """Notify the watcher of what is durable about all jobs of a run from now on."""
        self._watching_runs.setdefault(run, []).append(watcher)

    def unwatch_run(self, run: RunKey, watcher: Watcher) -> None:
        """Stop notifying the watcher about a run."""
        watching = self._watching_runs[run]
        watching.remove(watcher)
        if not watching:
            del self._watching_runs[run]

    def _watching_run_of(self, job: Job) -> Sequence[Watcher]:
        if not self._watching_runs or job.batch is None:
            return ()
        return tuple(self._watching_runs.get(RunKey(job.key.owner, job.batch.id), ()))

    def unwatch(self, job: Job, watcher: Watcher) -> None:
        """Stop notifying the watcher."""
        watching = self._watching.get(job.key)
        if watching and watcher in watching:
            watching.remove(watcher)
            if not watching:
                del self._watching[job.key]

    def started(self, job: Job) -> None:
        """Notify the watchers of a job that it has a process."""
        for watcher in list(self._watching.get(job.key, ())):
            self._touched[watcher] = None
            try:
                watcher.started(job)
            except Exception:  # noqa: BLE001 -- as in `_guard`, which would be a call for each
                _log.exception(_NOT_NOTIFIED)

    def stuck(self, job: Job) -> None:
        """Notify the watchers of a job at once why its end waits (unkillable processes, or a full disk), or that it no longer does."""
        for watcher in [*self._watching.get(job.key, ()), *self._watching_run_of(job)] if job.attempt.phase in END_AWAITED else ():
            _guard(watcher.stuck, job)
            _guard(watcher.flush)

    def retrying(self, job: Job) -> None:
        """Flush the watchers of a job soon: an attempt has its outcome, and a retry follows."""
        self._touched.update(dict.fromkeys(self._watching.get(job.key, ())))

    def prepare(self, job: Job) -> None:
        """Let reports of the end of a job be built while it is written; they are sent when it is durable."""
        for watcher in self._watching.get(job.key, ()):
            if isinstance(watcher, Reports):
                _guard(watcher.prepare, job)

    def finished(self, job: Job) -> None:
        """Notify the watchers of a job that it has its outcome; nothing more follows."""
        watching = self._watching.pop(job.key, ())
        for watcher in (*watching, *self._watching_run_of(job)) if self._watching_runs else watching:
            self._touched[watcher] = None
            try:
                watcher.finished(job)
            except Exception:  # noqa: BLE001 -- as above
                _log.exception(_NOT_NOTIFIED)

    def flush(self) -> None:
        """Flush the watchers that were notified."""
        if not self._touched:
            return
        touched, self._touched = self._touched, {}
        for watcher in touched:
            try:
                watcher.flush()
            except Exception:  # noqa: BLE001 -- as above
                _log.exception(_NOT_NOTIFIED)


def _guard(notify: Callable[_Given, None], *args: _Given.args, **kwargs: _Given.kwargs) -> None:
    try:
        notify(*args, **kwargs)
    except Exception:  # noqa: BLE001 -- a bug in one stream must not leave the others without their news
        _log.exception(_NOT_NOTIFIED)
