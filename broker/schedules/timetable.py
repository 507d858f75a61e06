"""All schedules of a desk: start their jobs at their times, with one alarm for all.

due.py decides what is due. The record of a time is in the same commit as the job that it starts; until then nothing has happened, and a
worker that is killed meanwhile finds the time again, as due or missed.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from ...schemas.clock import wall_us
from ...schemas.naming import JobKey
from ...schemas.refusal import Code, Refused
from ..own_process.alarm import Alarm
from ..store.rows import schedule_rows
from ..store.rows.batches import template_rows
from ..store.store import Store
from ..writes.schedules import ChangeSchedule, Fired, Firing, ScheduleRow
from .due import LATE_US, Due, Overlap, Steps, arrange, find_due
from .schedule import ManyJobs, Schedule
from .starter import Starter

_log = logging.getLogger(__name__)

# Many schedules have the same time: others are served in between.
_AT_ONCE = 50
_MOST_STALE = 64
_ASLEEP = "while the worker did not run, its machine slept, or its clock was set forward"


class Timetable:
    """Knows all schedules. `starter` starts what is due. Used on a running loop."""

    def __init__(
        self,
        store: Store,
        starter: Starter,
        loop: asyncio.AbstractEventLoop,
        now_us: Callable[[], int] = wall_us,
        alarm: Callable[[int, Callable[[], None]], Alarm] = Alarm,
    ) -> None:
        self._store = store
        self._starter = starter
        self._loop = loop
        self._now_us = now_us
        self._alarm = alarm(time.CLOCK_REALTIME, self._look)
        self._schedules: dict[JobKey, Schedule] = {}
        self._by_row: dict[int, Schedule] = {}
        # Times with rows; those that are not the next one of their schedule any more are stale.
        self._heap: list[tuple[int, int]] = []
        # Those with times that wait for the end of a job.
        self._lined_up: set[Schedule] = set()

    def open(self) -> None:
        """Take over the schedules of the store, and start what is due or was missed."""
        for row in schedule_rows.read_all(self._store.read):
            try:
                self._keep(self._read(row))
            except (Refused, ValueError) as error:
                _log.error("the schedule %s cannot be read, and starts nothing: %s", row.name, error)
        if self._schedules:
            for number, job in schedule_rows.jobs_of_all(self._store.read):
                schedule = self._by_row.get(number)
                if schedule is not None and self._starter.is_unfinished(schedule, JobKey(schedule.key.owner, job)):
                    schedule.began(JobKey(schedule.key.owner, job))
        for schedule in self._lined_up:
            if schedule.overlap is Overlap.STOP:
                # The worker may have been killed before all of them were stopped.
                self._starter.stop(schedule)
        self._look()
        self.job_ended()

    def close(self) -> None:
        """Start nothing more."""
        self._alarm.close()

    # --- asking

    def find(self, key: JobKey) -> Schedule | None:
        """Return a schedule by its key."""
        return self._schedules.get(key)

    def of(self, owner: bytes) -> Iterable[Schedule]:
        """Return all schedules, or those of one owner, in the order in which they were added."""
        return [one for one in self._schedules.values() if owner in {b"", one.key.owner}]

    # --- changing

    def add(self, row: ScheduleRow) -> Schedule:
        """Add a schedule that is durable; a known one stays as it is."""
        schedule = self._schedules.get(JobKey(row.owner, row.id))
        if schedule is None:
            schedule = self._read(row)
            self._keep(schedule)
            self._wake()
        return schedule

    def _read(self, row: ScheduleRow) -> Schedule:
        template = template_rows.read_template(self._store.read, row.row) if row.batch else None
        if row.batch and template is None:
            raise Refused(Code.INTERNAL, "its batch is not in the store")
        return Schedule.of(row, template)

    def set_paused(self, schedule: Schedule, proof: bytes, done: Callable[[], None], *, paused: bool) -> None:
        """Start nothing until it is resumed. Times that pass meanwhile are not missed, and waiting ones are dropped.

        When it is resumed, it follows the clock of that moment, even if that had been years ahead before: otherwise nothing would start
        until then.
        """
        if schedule.paused == paused:
            done()
            return
        schedule.paused = paused
        dropped = [Firing(due_us, note="dropped: the schedule was paused") for due_us in schedule.waiting]
        schedule.waiting = ()
        now_us = self._now_us()
        schedule.fired_upto_us = max(schedule.fired_upto_us, now_us) if paused else now_us
        self._plan(schedule)
        self._store.submit(ChangeSchedule(schedule.row, self._fired(schedule, dropped), paused, proof=proof), done)
        self._wake()

    def remove(self, schedule: Schedule, proof: bytes, done: Callable[[], None]) -> None:
        """Remove a schedule; its jobs stay."""
        schedule.removed = True
        del self._schedules[schedule.key]
        del self._by_row[schedule.row]
        self._lined_up.discard(schedule)
        self._store.submit(ChangeSchedule(schedule.row, removed=True, proof=proof), done)
        self._wake()

    def run_now(self, schedule: Schedule, job: bytes, by: str, proof: bytes, done: Callable[[Refused | None], None]) -> None:
        """Start its job now, with this id, for a request; `done` gets the reason if it fails, else None."""
        self._start(schedule, self._now_us(), job, f"started by {by}", [], done, proof)

    def job_ended(self) -> None:
        """Start what waits for the end of a job, if that has ended."""
        for schedule in list(self._lined_up):
            self._go_on(schedule)

    # --- the times

    def _keep(self, schedule: Schedule) -> None:
        self._schedules[schedule.key] = schedule
        self._by_row[schedule.row] = schedule
        if schedule.waiting:
            self._lined_up.add(schedule)
        self._plan(schedule)

    def _plan(self, schedule: Schedule) -> None:
        """Compute its next time."""
        schedule.next_us = None if schedule.paused else schedule.times.next(schedule.fired_upto_us)
        if schedule.next_us is not None:
            heapq.heappush(self._heap, (schedule.next_us, schedule.row))
        if len(self._heap) > _MOST_STALE + 2 * len(self._by_row):
            self._heap = [(one.next_us, row) for row, one in self._by_row.items() if one.next_us is not None]
            heapq.heapify(self._heap)

    def _first(self) -> Schedule | None:
        while self._heap:
            at_us, row = self._heap[0]
            schedule = self._by_row.get(row)
            if schedule is not None and schedule.next_us == at_us:
                return schedule
            heapq.heappop(self._heap)
        return None

    def _wake(self) -> None:
        first = self._first()
        self._alarm.set(first.next_us if first is not None else None)

    def _look(self) -> None:
        """Start what is due at this moment, and set the alarm for the next time."""
        now_us = self._now_us()
        for _ in range(_AT_ONCE):
            schedule = self._first()
            if schedule is None or schedule.next_us is None or schedule.next_us > now_us:
                self._wake()
                return
            try:
                self._fire(schedule, now_us)
            except Exception:  # noqa: BLE001 -- a bug in one must not cost the others
                _log.exception("the schedule %s could not be processed", schedule.name)
                schedule.next_us = None
        self._loop.call_soon(self._look)

    def _fire(self, schedule: Schedule, now_us: int) -> None:
        due = find_due(schedule.times, schedule.fired_upto_us, now_us, schedule.missed)
        schedule.fired_upto_us = due.upto_us
        self._plan(schedule)
        notes = self._notes(schedule, due, now_us)
        self._carry_out(schedule, arrange(due.times, schedule.waiting, schedule.overlap, is_running=self._runs(schedule)), notes)

    @staticmethod
    def _notes(schedule: Schedule, due: Due, now_us: int) -> list[Firing]:
        """Return notes about missed times that are not made up for."""
        if not due.missed:
            return []
        made_up = sum(now_us - due_us > LATE_US for due_us in due.times)
        more = "more than " if due.more else ""
        times = f"{more}{due.missed} {'time' if due.missed == 1 else 'times'}"
        _log.warning("the schedule %s missed %s %s; %d made up for", schedule.name, times, _ASLEEP, made_up)
        if made_up == due.missed and not due.more:
            return []
        return [Firing(due.upto_us, note=f"missed {times} {_ASLEEP}; {made_up or 'none'} made up for")]

    def _runs(self, schedule: Schedule) -> bool:
        return bool(schedule.starting or self._starter.unfinished(schedule))

    def _go_on(self, schedule: Schedule) -> None:
        if schedule.removed or self._runs(schedule):
            return
        self._carry_out(schedule, arrange((), schedule.waiting, schedule.overlap, is_running=False), [])

    def _carry_out(self, schedule: Schedule, steps: Steps, notes: list[Firing]) -> None:
        notes += [Firing(due_us, note=f"skipped: the {_noun(schedule)} of an earlier time had not ended") for due_us in steps.dropped]
        is_changed = bool(notes) or steps.waiting != schedule.waiting
        schedule.waiting = steps.waiting
        if schedule.waiting:
            self._lined_up.add(schedule)
        else:
            self._lined_up.discard(schedule)
        if steps.stops:
            self._starter.stop(schedule)
        if steps.start is not None:
            self._start(schedule, steps.start, schedule.job_id(steps.start), self._late(steps.start), notes)
        elif is_changed:
            self._record(schedule, notes)

    def _late(self, due_us: int) -> str:
        return "started late" if self._now_us() - due_us > LATE_US else ""

    def _start(
        self,
        schedule: Schedule,
        due_us: int,
        job: bytes,
        note: str,
        notes: Sequence[Firing],
        done: Callable[[Refused | None], None] = lambda _: None,
        proof: bytes = b"",
    ) -> None:
        fired = self._fired(schedule, [*notes, Firing(due_us, job, note)])
        schedule.starting += 1
        key = JobKey(schedule.key.owner, job)
        written = partial(self._written, schedule, due_us, key, notes, done)
        try:
            self._starter.start(schedule, due_us, key, fired, proof, written, self.job_ended)
        except Refused as refused:
            written(refused)

    def _written(
        self,
        schedule: Schedule,
        due_us: int,
        key: JobKey,
        notes: Sequence[Firing],
        done: Callable[[Refused | None], None],
        refused: Refused | None,
    ) -> None:
        schedule.starting -= 1
        if refused is None:
            schedule.began(key)
            done(None)
            return
        _log.warning("the schedule %s could not start its %s: %s", schedule.name, _noun(schedule), refused)
        self._record(schedule, [*notes, Firing(due_us, note=f"not started: {refused}")])
        done(refused)
        if schedule.waiting:
            self._loop.call_soon(self._go_on, schedule)

    def _record(self, schedule: Schedule, firings: Sequence[Firing]) -> None:
        if not schedule.removed:
            self._store.submit(ChangeSchedule(schedule.row, self._fired(schedule, firings)))

    @staticmethod
    def _fired(schedule: Schedule, firings: Sequence[Firing]) -> Fired:
        return Fired(schedule.row, schedule.fired_upto_us, schedule.waiting, firings, schedule.key.owner)


def _noun(schedule: Schedule) -> str:
    return "run" if isinstance(schedule.starts, ManyJobs) else "job"
