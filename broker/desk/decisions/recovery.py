"""What a desk does at its start with jobs that have not ended."""

from __future__ import annotations

from ....schemas.jobs.states import OnFailure
from ...jobs.job import Job
from ...jobs.life import ENDED, LIMITED, RECOVERED, Happening, Phase, TakeUp
from ...jobs.retries import delay_after_us
from ..effects import End, LimitTime
from ..inputs import EdgesFound, Found, Moment, Recovered, RunsFound
from ..queue.stock import Taken
from ..turn import Turn
from . import finishes
from .consequences import break_run, let_wait
from .facts import cancelled
from .hearing import hear, since


def take_up(turn: Turn, found: Found) -> None:
    """Continue with jobs from the store. What follows from them for other jobs is decided when all are found; nothing starts before."""
    state, moment = turn.state, turn.moment
    ways = state.recovering = {} if state.recovering is None else state.recovering
    for job in found.jobs:
        attempt = job.attempt
        attempt.since_us = since(moment, attempt.started_at_us or (job.earlier[-1].ended_at_us if job.earlier else job.queued_at_us))
        attempt.phase, way = RECOVERED[attempt.phase, attempt.key in found.known]
        if job.not_before_us:
            _wait_on(turn, job, way)
        if way is TakeUp.QUEUE:
            job.awaits = job.key in found.awaiting
            if (job.gpus or state.queue.stock.places_jobs) and attempt.phase is Phase.CLEARED:
                # It gets others, or is placed on another machine, which is recorded before it starts.
                attempt.happened(Happening.HELD)
            _wait(job, moment)
            state.enqueue(job)
        else:
            state.queue.add_running(job.key, job.lined_up_with, job.wants, Taken(job.gpus, job.machine))
            if way is not TakeUp.COUNT_AS_RUNNING or job.changed_limit_ms is not None:
                ways[job] = way


def take_up_edges(turn: Turn, found: EdgesFound) -> None:
    """Let jobs wait for other jobs, now that all are found."""
    live = turn.state.live
    let_wait(turn, [(live[key], of_job) for key, of_job in found.edges if key in live and live[key].awaits])


def take_up_runs(turn: Turn, found: RunsFound) -> None:
    """Continue with runs, now that all jobs are found, and what they wait for."""
    finishes.take_up(turn, found.unfinished)
    for run in found.runs:
        batch = next((job.batch for job in turn.state.runs.get(run, {}).values()), None)
        if batch is not None and batch.broken_by:
            break_run(turn, run, batch.broken_by, stops=batch.on_failure is OnFailure.STOP_REST)


def recover(turn: Turn, recovered: Recovered) -> None:
    """Apply what the engine knows about the jobs that were found; after the last of them, carry out what was in progress."""
    hear(turn, recovered.facts, found=True)
    if not recovered.is_last:
        return
    ways, turn.state.recovering = turn.state.recovering or {}, None
    for job, way in ways.items():
        if way is TakeUp.COUNT_AS_RUNNING and job.changed_limit_ms is not None and job.attempt.phase in LIMITED:
            turn.effects.append(LimitTime(job.attempt.key, job.changed_limit_ms))
        if way is TakeUp.REPEAT_STOP and job.stop is not None and job.attempt.phase not in ENDED:
            turn.effects.append(End(job.attempt.key, job.stop.signal, job.stop.grace_ms))
    hear(turn, [cancelled(job, turn.moment.now_us) for job, way in ways.items() if way is TakeUp.CANCEL])


def _wait_on(turn: Turn, job: Job, way: TakeUp) -> None:
    """Let a job wait for the rest of its time, at most as long as its full delay, because the time scale may be another one."""
    left_us = job.not_before_us - turn.moment.aged_us
    if job.earlier:
        left_us = min(left_us, delay_after_us(job, job.earlier[-1]))
    job.not_before_us = 0
    if way is TakeUp.QUEUE and left_us > 0:
        turn.state.wait(job, turn.moment, left_us)


def _wait(job: Job, moment: Moment) -> None:
    """Let a job wait for its start time again, unless it has come meanwhile."""
    if job.expires_aged_us is not None:
        job.expires_passed_us = moment.passed_us + max(0, job.expires_aged_us - moment.aged_us)
    if job.starts_aged_us is not None and job.starts_aged_us > moment.aged_us:
        job.starts_passed_us = moment.passed_us + job.starts_aged_us - moment.aged_us
    if job.spec.start_at_us is not None and job.spec.start_at_us > moment.wall_us:
        job.starts_wall_us = job.spec.start_at_us
