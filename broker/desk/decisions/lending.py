"""Jobs lend their slots while they wait for jobs that they started: here, or at the broker that they came through, or both."""

from __future__ import annotations

from ....schemas.naming import AttemptKey, JobKey, finish_job_id
from ...jobs.job import Job
from ...jobs.life import ENDED, WITH_ENGINE
from ..effects import Lends
from ..inputs import Await, Lend
from ..state import State
from ..turn import Turn


def wait_for(turn: Turn, asked: Await) -> None:
    """Let a job lend its slots when it begins to wait, and take them back when it no longer waits for any job."""
    state, outer = turn.state, asked.outer
    if not asked.begins:
        if state.loans.end(outer, asked.inner):
            _take_back(turn, outer)
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
        turn.effects.append(Lends(outer, begins=True))


def lend_for_broker(state: State, asked: Lend) -> None:
    """Let a job lend its slots, or take them back, because its broker says that it waits for jobs, which may run anywhere."""
    job = state.live.get(asked.key.job)
    if job is None or job.attempt.key != asked.key or job.attempt.phase not in WITH_ENGINE:
        return
    (state.wait_at_broker.add if asked.begins else state.wait_at_broker.discard)(asked.key)
    if asked.begins:
        state.queue.lend(job.key)
    elif asked.key not in state.loans.waiting:
        state.queue.take_back(job.key)


def _take_back(turn: Turn, outer: AttemptKey) -> None:
    if outer not in turn.state.wait_at_broker:
        turn.state.queue.take_back(outer.job)
    turn.effects.append(Lends(outer, begins=False))


def _has_not_ended(job: Job | None) -> bool:
    return job is not None and job.latest.phase not in ENDED


def nobody_waits(turn: Turn, job: Job) -> None:
    """Resume jobs that waited for one that has now ended for good, unless they wait for others too."""
    loans = turn.state.loans
    for outer in loans.ended(job.key) if loans.waiting else ():
        _take_back(turn, outer)
