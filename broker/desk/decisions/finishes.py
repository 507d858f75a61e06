"""The `on_finish` jobs of runs: each is queued in the commit of the last end of its run, so that a crash neither loses nor doubles it.

It is queued once: jobs that join the run later do not queue it again. It does not count as a job of its run.
"""

from __future__ import annotations

from collections.abc import Sequence

from ....schemas.generated import event_pb2
from ....schemas.jobs import spec as specs
from ....schemas.jobs.states import EventKind
from ....schemas.naming import AttemptKey, JobKey, finish_job_id
from ....schemas.workers.capacity import wants_of
from ...jobs.ends import end_of_one
from ...jobs.finish import Finish, finish_spec
from ...jobs.job import FIRST_ATTEMPT, Attempt, BatchRun, Job, RunKey
from ...jobs.life import Happening, Phase
from ...writes.events import event_of
from ...writes.jobs import EventRow, NewFinish, NewRow
from ..state import Recording
from ..turn import Turn


def jobs_added(turn: Turn, owner: bytes, batch: BatchRun, count: int) -> None:
    """Count new jobs of a run that has an `on_finish`, unless that was queued."""
    state, run = turn.state, RunKey(owner, batch.id)
    if not batch.on_finish or batch.is_finished or run in state.finished:
        return
    state.finishes.setdefault(run, Finish(batch, batch.ends)).left += count


def job_ended(turn: Turn, job: Job) -> None:
    """Count the end of a job; after the last one of its run, `on_finish` is due."""
    state = turn.state
    if not state.finishes:
        return
    run, outcome = job.part_of, job.final_outcome
    finish = state.finishes.get(run) if run is not None else None
    if run is None or finish is None or outcome is None:
        return
    finish.ends = finish.ends.plus(end_of_one(outcome, is_stopped=job.stop is not None))
    finish.started_by, finish.depth = job.started_by, job.depth
    finish.left -= 1
    if not finish.left:
        state.finishing.add(run)


def finish_runs(turn: Turn) -> None:
    """Queue the `on_finish` of runs that have no jobs left, in one write with their last ends. Jobs that are being added delay it."""
    state = turn.state
    if turn.dated is None:
        return
    for run in [run for run in state.finishing if run not in state.joining]:
        state.finishing.discard(run)
        finish = state.finishes[run]
        if not finish.left:
            del state.finishes[run]
            state.finished.add(run)
            turn.finishes.append((run, _new_job(turn, run, finish)))


def rows_of(turn: Turn) -> list[NewFinish]:
    """Return the rows to write for the jobs that this decision queues."""
    return [NewFinish(run, _row(turn, job)) for run, job in turn.finishes]


def finishes_recorded(turn: Turn, pending: Recording) -> list[event_pb2.Event]:
    """Queue the jobs that are durable now, and return the events about them. A job whose id was known stays as it is."""
    events: list[event_pb2.Event] = []
    for (run, job), new in zip(pending.finishes, pending.write.finishes, strict=True):
        turn.state.finished.discard(run)
        if not new.job_row:
            turn.state.hold(job.key.owner, -job.spec_bytes)
            continue
        job.row = new.job_row
        job.attempt.happened(Happening.ACCEPTED)
        turn.state.add(job)
        turn.state.enqueue(job)
        events.append(event_of(EventKind.QUEUED, job, job.queued_at_us))
    return events


def take_up(turn: Turn, runs: Sequence[tuple[bytes, BatchRun]]) -> None:
    """Continue with runs, each with its owner, whose jobs had not all ended, or whose `on_finish` was not queued."""
    state = turn.state
    for owner, batch in runs:
        run = RunKey(owner, batch.id)
        of_run = state.runs.get(run, {})
        own = of_run.get(JobKey(owner, finish_job_id(batch.id)))
        left = len(of_run) - (own is not None and own.is_finish)
        state.finishes[run] = Finish(batch, batch.ends, left)
        if not left:
            state.finishing.add(run)


def _new_job(turn: Turn, run: RunKey, finish: Finish) -> Job:
    batch = finish.batch
    key = AttemptKey(run.owner, finish_job_id(run.id), FIRST_ATTEMPT)
    spec = finish_spec(batch, finish.ends)
    job = Job(
        0,
        key.job,
        spec,
        specs.digest(spec),
        batch,
        turn.moment.now_us,
        Attempt(key, Phase.ACCEPTING, turn.moment.passed_us),
        priority=spec.priority,
        spec_bytes=len(specs.to_wire(spec).SerializeToString()),
        wants=wants_of(spec, finish.depth),
        started_by=finish.started_by,
        depth=finish.depth,
        is_finish=True,
    )
    turn.state.hold(run.owner, job.spec_bytes)
    return job


def _row(turn: Turn, job: Job) -> NewRow:
    event = event_of(EventKind.QUEUED, job, job.queued_at_us)
    return NewRow(
        job.key,
        job.digest,
        job.spec.name,
        specs.to_wire(job.spec).SerializeToString(),
        job.queued_at_us,
        EventRow(job.key.owner, event.SerializeToString(), turn.moment.aged_us),
        labels=job.spec.labels,
        priority=job.priority,
        started_by=job.started_by,
        depth=job.depth,
    )
