"""Questions about unended jobs and the slots that they take. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping

from ...schemas.clock import Clock, date_text
from ...schemas.naming import JobKey
from ...schemas.workers.capacity import Wants
from ..jobs.dependencies import Dependencies
from ..jobs.job import Job, RunKey
from ..jobs.life import WAITING, Phase
from ..retention.ages import Ages
from ..store.queries import Lookup
from ..streams.watchers import Watchers
from .queue.stock import Stock
from .state import State


class View:
    """The jobs of a desk. `clock` gives dates, `ages` the time from which ages count."""

    def __init__(self, state: State, lookup: Lookup, watchers: Watchers, clock: Clock, ages: Ages) -> None:
        self._state = state
        self._lookup = lookup
        self._watchers = watchers
        self._clock = clock
        self._ages = ages

    @property
    def live(self) -> Mapping[JobKey, Job]:
        """The jobs that have not ended."""
        return self._state.live

    @property
    def runs(self) -> Mapping[RunKey, Mapping[JobKey, Job]]:
        """The jobs of each run of a batch that have not ended."""
        return self._state.runs

    def has_run(self, run: RunKey) -> bool:
        """Return whether a run has not ended: jobs of it are left or still to come, or its `on_finish` is."""
        state = self._state
        return any(run in some for some in (state.runs, state.joining, state.finishes, state.finished))

    @property
    def is_idle(self) -> bool:
        """Whether no job waits, runs or is staged: a staged run may be committed, with its rows still to come."""
        return not self._state.live and not self._state.staged

    @property
    def needs_no_engine(self) -> bool:
        """Whether no job was handed to the engine; jobs may wait."""
        return all(job.attempt.phase in WAITING for job in self._state.live.values())

    @property
    def dependencies(self) -> Dependencies:
        """Which jobs wait for which."""
        return self._state.dependencies

    @property
    def stock(self) -> Stock:
        """The capacity for jobs, and what of it is in use."""
        return self._state.queue.stock

    def demand(self) -> Mapping[Wants, int]:
        """Return how many waiting jobs would start at once if there were room for all, grouped by what they take."""
        return self._state.queue.demand()

    def occupied_by(self, key: JobKey) -> Wants | None:
        """Return what a running or starting job has; None if it waits, or has ended."""
        return self._state.queue.occupied_by(key)

    def why_waiting(self, job: Job) -> str:
        """Return why a job does not run yet, or does not continue; empty if it does not wait."""
        if not self._lookup.is_whole:
            return (
                "its place is not known yet: the worker was restarted and is still reading its jobs" if job.attempt.phase in WAITING else ""
            )
        if job.waits_to_start and job.held_by is None and job.attempt.phase in WAITING:
            return f"it does not start before {date_text(self.starts_at_us(job))}"
        why = self._state.why_waiting(job)
        if why and job.attempt.phase in WAITING and self._state.queue.is_full:
            why += self._watchers.inner_waits.about(job.key, self._state.queue.running, self._state.holds_slot)
        return why

    def lends_slots(self, job: Job) -> bool:
        """Return whether a job waits for jobs that it started, so that others may use its slots."""
        return self._state.queue.lends(job.key)

    def starts_in_us(self, job: Job) -> int | None:
        """Return how many microseconds a job still waits for its start time; None if it does not."""
        if starts_at_us := self.starts_at_us(job):
            return max(0, starts_at_us - self._clock.read().wall_us)
        if job.attempt.phase not in WAITING or not job.not_before_us or not self._lookup.is_whole:
            return None
        return self._state.deadlines.left_us(job, self._clock.passed_us())

    def starts_at_us(self, job: Job) -> int:
        """Return the start time of a job that waits for it, by the machine's clock as it is set now; 0 if it does not wait for one."""
        if not job.waits_to_start or job.attempt.phase not in WAITING:
            return 0
        at = self._clock.read()
        left_us = job.starts_passed_us - at.passed_us if job.starts_passed_us else 0
        return max(job.starts_wall_us, at.wall_us + left_us if left_us > 0 else 0, 1)

    def ended_ago_us(self, job: Job) -> int:
        """Return how long ago the end of a job was recorded, or its last change."""
        return max(0, self._ages.now_us() - job.aged_from_us)

    def expires_in_us(self, job: Job) -> int | None:
        """Return how long a job may still wait before it expires; None if it does not wait, or has no limit."""
        if job.attempt.phase not in WAITING or job.ended_before:
            return None
        if job.expires_passed_us:
            return max(0, job.expires_passed_us - self._clock.passed_us())
        # One that was not found again yet has only the date.
        return None if job.expires_aged_us is None else max(0, job.expires_aged_us - self._ages.now_us())

    def now_us(self) -> int:
        """Return the date of this moment, as used in events and jobs."""
        return self._clock.now_us()

    def lasted_us(self, job: Job) -> int:
        """Return how long a job ran, or has been running or waiting."""
        if not self._lookup.is_whole and job.attempt.phase is not Phase.FINISHED:
            return max(0, self.now_us() - (job.attempt.started_at_us or job.queued_at_us))
        return job.lasted_us(self._clock.passed_us())
