"""Jobs lend their slots while they wait for jobs that they started."""

from __future__ import annotations

from ....schemas.naming import JobKey, finish_job_id
from ..inputs import Await
from ..jobs.job import Job
from ..jobs.life import ENDED, WITH_ENGINE
from ..state import State


def wait_for(state: State, asked: Await) -> None:
    """Let a job lend its slots when it begins to wait, and take them back when it waits for nothing any more."""
    outer = asked.outer
    if not asked.begins:
        if state.loans.end(outer, asked.inner):
            state.queue.take_back(outer.job)
        return
    job = state.live.get(outer.job)
    if job is None or job.attempt.key != outer or job.attempt.phase not in WITH_ENGINE:
        return
    inner = [key for key in asked.inner if key != outer.job and _has_not_ended(state.live.get(key))]
    if len(inner) < len(asked.inner):
        # What a run ends with is queued later.
        runs = (*state.finishes, *state.finished)
        inner += [key for run in runs if (key := JobKey(run.owner, finish_job_id(run.id))) in asked.inner and key not in state.live]
    if state.loans.begin(outer, inner):
        state.queue.lend(outer.job)


def _has_not_ended(job: Job | None) -> bool:
    return job is not None and job.latest.phase not in ENDED


def nobody_waits(state: State, job: Job) -> None:
    """Let the jobs go on that waited for one which has ended for good, unless they wait for others too."""
    for outer in state.loans.ended(job.key) if state.loans.waiting else ():
        state.queue.take_back(outer.job)
