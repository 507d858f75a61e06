"""What follows from the end of a job: dependent jobs start or are cancelled, and the rest of its run may be cancelled.

Decided in parts: thousands of jobs can wait for one, and each part is durable before the next. After a crash, the desk finds out again what
is left to do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ....schemas.jobs.spec import DEFAULT_GRACE_MS
from ....schemas.jobs.states import EventKind, OnFailure, Outcome, OutcomeKind
from ...jobs.dependencies import Cancelled, Released
from ...jobs.job import Job, RunKey, StopOrder
from ...jobs.life import ENDED, NEXT, WAITING, Happening, Phase
from ...jobs.targets import Edge, end_of
from ...writes.events import event_of
from ..effects import Charge, Continue
from ..turn import Turn
from . import finishes
from .lending import nobody_waits

# Some microseconds for each that starts, some tens of microseconds for each that is cancelled, and as many again for its record.
_MOST_IN_A_TURN = 25
_STOPS = frozenset({Phase.LAUNCHED, Phase.STARTED, Phase.RUNNING})


def ended_for_good(turn: Turn, job: Job) -> None:
    """Record the end of a job that is not retried: what follows for other jobs is due. The job must have its outcome."""
    state = turn.state
    state.dependencies.ended(job)
    nobody_waits(turn, job)
    batch = job.batch
    if batch is None:
        return
    finishes.job_ended(turn, job)
    outcome, run = job.final_outcome, job.part_of
    if run is None or batch.on_failure is OnFailure.CONTINUE or run in state.broken:
        return
    if outcome is None or not outcome.is_failure or job.stop is not None:
        return
    why = end_of(job.key.id, job.spec.name, outcome).why
    turn.broken.append((run, why))
    break_run(turn, run, why, stops=batch.on_failure is OnFailure.STOP_REST)


def break_run(turn: Turn, run: RunKey, why: str, *, stops: bool, fresh: Sequence[Job] | None = None) -> None:
    """Let no further job of a run start; its jobs are cancelled, and with `stops`, running ones are stopped. Spares jobs that clean up.

    `fresh`: the jobs that joined the run after it was broken, if it was.
    """
    state = turn.state
    state.broken[run] = why
    jobs = state.runs.get(run, {}).values() if fresh is None else fresh
    spared = next((job for job in jobs if job.cleans_up), None)
    if spared is not None and spared.batch is not None:
        # What is not spared may have its turn before it is cancelled; see `cancelled_instead`.
        state.sparing.add(run)
        state.queue.set_width(run, spared.batch.parallel)
    elif run not in state.sparing:
        state.queue.close(run)
    state.dependencies.cancel_run([job.key for job in jobs if job.part_of and not job.cleans_up], why, stops=stops)


def cancelled_instead(turn: Turn, job: Job) -> bool:
    """Cancel a job whose turn has come if the rest of its run is cancelled; return whether it was."""
    why = turn.state.broken.get(job.part_of) if job.part_of is not None and not job.cleans_up else None
    if why is not None:
        _cancel(turn, job, Cancelled(job.key, why), is_chosen=True)
    return why is not None


def follow(turn: Turn) -> None:
    """Decide the next part of what is due, unless the previous part is not durable yet.

    Otherwise parts would pile up while the disk is busy, and be written in one piece.
    """
    state = turn.state
    followed: Counter[bytes] = Counter()
    if turn.dated is not None and not state.is_following:
        for one in state.dependencies.consequences(_MOST_IN_A_TURN):
            job = state.live.get(one.key)
            if job is None or job.latest.phase in ENDED:
                continue
            followed[job.key.owner] += 1
            if isinstance(one, Released):
                _release(turn, job)
            else:
                _cancel(turn, job, one)
    if followed:
        turn.effects.append(Charge(followed))
    if state.dependencies.due and not state.is_following:
        state.is_following = True
        if turn.dated is not None and turn.events:
            turn.goes_on = True
        else:
            turn.effects.append(Continue())


def let_wait(turn: Turn, jobs: Sequence[tuple[Job, Sequence[Edge]]]) -> None:
    """Let jobs of the queue, which were set aside, wait for other jobs; those whose conditions hold already are released."""
    state = turn.state
    state.dependencies.add(jobs, state.live, state.runs, state.named)
    for job, _ in jobs:
        if job.key not in state.dependencies.open:
            _release(turn, job)


def _release(turn: Turn, job: Job) -> None:
    """Let a job into the queue that no longer waits for other jobs, if nothing else keeps it back."""
    job.awaits = False
    if job.attempt.phase in WAITING and job.is_ready:
        turn.state.queue.let_in(job.key)


def _cancel(turn: Turn, job: Job, why: Cancelled, *, is_chosen: bool = False) -> None:
    attempt, before, now_us = job.latest, job.latest.phase, turn.moment.now_us
    if NEXT[before, Happening.STOP_ASKED] is not Phase.ENDED_QUEUED:
        if why.stops and before in _STOPS:
            _stop(turn, job, why.why)
        return
    attempt.happened(Happening.STOP_ASKED)
    if before in WAITING:
        turn.state.wait_no_more(job)
    if before in WAITING and not is_chosen:
        turn.state.queue.withdraw(job.key)
    else:
        turn.state.queue.release(job.key)
    attempt.ended_at_us = now_us
    sentence = f"not needed: {why.why}" if why.unneeded else f"cancelled because {why.why}"
    attempt.outcome = Outcome(OutcomeKind.CANCELLED, sentence=sentence, unneeded=why.unneeded)
    turn.events.setdefault(job, []).append(event_of(EventKind.FINISHED, job, now_us))
    turn.state.dependencies.ended(job)
    nobody_waits(turn, job)
    finishes.job_ended(turn, job)


def _stop(turn: Turn, job: Job, why: str) -> None:
    """Stop a job that runs, as its spec says."""
    grace_ms = DEFAULT_GRACE_MS if job.spec.grace_ms is None else job.spec.grace_ms
    job.stop = StopOrder(job.spec.stop_signal, grace_ms, f"jobwire because {why}")
    job.attempt.happened(Happening.STOP_ASKED)
    turn.events.setdefault(job, []).append(event_of(EventKind.STOPPING, job, turn.moment.now_us, f"stopped because {why}"))
    turn.ending.append((job, job.stop))
