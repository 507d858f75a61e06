"""Rebuild a store from what is known about its jobs, and from what can be read of the old one. Knows no log folder: the jobs are passed in.

A new store has a new id: cursors of the old one are refused, and so are starts that were first tried against it.
Ages count from dates, as nothing else is left, but not from a date in the future.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from pathlib import Path

from ....schemas.clock import wall_us
from ....schemas.generated import event_pb2
from ....schemas.jobs.spec import to_wire
from ....schemas.jobs.states import EventKind
from ...jobs.job import Job
from ...jobs.life import STORED, WAITING, Phase
from ...writes.events import change_of, event_of, retried
from ...writes.jobs import Added, AddJobs, Change, ChangeJobs, EventRow, NewRow
from ...writes.schedules import ScheduleRow
from .. import tables
from ..rows.statements import Rows
from .salvage import Salvaged, salvage

_JOBS_A_WRITE = 500


def restore(path: Path, jobs: Iterable[Job], old: Path | None = None, is_sound: Callable[[ScheduleRow], bool] = lambda _: True) -> Salvaged:
    """Write a new store with these jobs, in order, and return what else was taken over from the old one, if there is one.

    Raises sqlite3.Error or OSError; then nothing that was written is valid.
    """
    connection = tables.connect(path)
    try:
        tables.prepare(connection, path)
        rows = Rows(connection)
        connection.execute("BEGIN IMMEDIATE")
        waiting = iter(jobs)
        while part := list(itertools.islice(waiting, _JOBS_A_WRITE)):
            _write(rows, part)
        salvaged = salvage(old, connection, is_sound) if old is not None else Salvaged()
        connection.execute("COMMIT")
        return salvaged
    finally:
        connection.close()


def _write(rows: Rows, jobs: list[Job]) -> None:
    now_us = wall_us()
    for job in jobs:
        job.aged_from_us = min(now_us, job.attempt.ended_at_us or job.attempt.started_at_us or job.queued_at_us)
    # No signatures are left, so the proof is empty.
    added = AddJobs([_new_row(job) for job in jobs], None, b"")
    rows.apply(added)
    if isinstance(added.result, Added):
        for job, row in zip(jobs, added.result.rows, strict=True):
            job.row = row
    changes = [_change(job) for job in jobs if job.earlier or job.attempt.phase not in WAITING]
    rows.apply(ChangeJobs(changes, handed_out=[(job.row, job.gpus) for job in jobs if job.gpus]))


def _new_row(job: Job) -> NewRow:
    queued = EventRow(job.key.owner, event_of(EventKind.QUEUED, job, job.queued_at_us).SerializeToString(), job.aged_from_us)
    spec = to_wire(job.spec).SerializeToString()
    return NewRow(
        job.key,
        job.digest,
        job.spec.name,
        spec,
        job.queued_at_us,
        queued,
        STORED[job.attempt.phase].launched,
        job.attempt.key.attempt,
        job.spec.labels,
        job.rerun_of,
        files=job.spec.files,
        priority=job.priority,
        has_folder=job.spec.has_folder,
        never_retried=job.never_retried,
        started_by=job.started_by,
        depth=job.depth,
    )


def _change(job: Job) -> Change:
    change = change_of(job, _later_events(job), None)
    return change._replace(retried=retried(job.earlier)) if job.earlier else change


def _later_events(job: Job) -> list[event_pb2.Event]:
    events = [event_of(EventKind.STARTED, job, job.attempt.started_at_us)] if job.attempt.pid else []
    if job.attempt.phase is Phase.FINISHED:
        events.append(event_of(EventKind.FINISHED, job, job.attempt.ended_at_us))
    return events
