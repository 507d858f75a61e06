"""Facts from the engine about jobs."""

from __future__ import annotations

from collections.abc import Iterable

from ....schemas.naming import AttemptKey
from ...engine import Delayed, Ended, Fact, Paused, Returned, Started
from ...jobs.job import Job, Refusal
from ...jobs.life import END_AWAITED, ENDED, Happening, Phase
from ...jobs.retries import delay_us, is_final, next_attempt
from ..effects import Settle, Tell, Word
from ..inputs import Moment
from ..turn import Turn
from .consequences import ended_for_good
from .facts import cancelled, take_in


def hear(turn: Turn, facts: Iterable[Fact], *, found: bool = False) -> None:
    """Apply facts: change the phases of jobs, make events, and notify watchers. `found`: at the start of the desk.

    A fact that cannot be applied, which is a bug, affects only itself: it is added to the failures of the turn.
    """
    settled: list[AttemptKey] = []
    for fact in facts:
        try:
            _hear_one(turn, fact, settled, found=found)
        except Exception as error:  # noqa: BLE001 -- the others are facts about other jobs, and would not come again before a restart
            turn.failures.append((fact, error))
    if settled:
        turn.effects.append(Settle(settled))


def _hear_one(turn: Turn, fact: Fact, settled: list[AttemptKey], *, found: bool) -> None:
    job = turn.state.live.get(fact.key.job)
    if job is None or job.attempt.key != fact.key:
        if isinstance(fact, Ended):
            # Recorded before the last restart, or of another attempt than the current one, but the engine was not notified.
            settled.append(fact.key)
        return
    if job.attempt.phase in ENDED:
        return
    match fact:
        case Paused():
            turn.effects += turn.state.pauses.hear(job, paused=fact.paused, why=fact.why)
        case Delayed():
            # A broker is told too that it does not wait any more; clients need not know that.
            is_over = not fact.why and bool(job.attempt.delayed_by) and job.attempt.phase in END_AWAITED
            job.attempt.delayed_by = fact.why
            if fact.stuck or is_over:
                turn.effects.append(Tell(job, Word.STUCK))
        case Returned():
            _hear_returned(turn, job, fact, found=found)
        case _:
            _hear_life(turn, job, fact, found=found)


def _hear_returned(turn: Turn, job: Job, fact: Returned, *, found: bool) -> None:
    """Take a job off the machine that has refused it; it is placed anew when that is durable."""
    if job.attempt.phase is Phase.ABORTING:
        _hear_life(turn, job, cancelled(job, turn.moment.now_us), found=found)
        return
    job.attempt.happened(Happening.RETURNED)
    job.attempt.delayed_by = ""
    shun = turn.state.queue.stock.shun(fact.machine) if fact.lasts else None
    job.refusals = {**job.refusals, fact.machine: Refusal(fact.name, fact.why, shun)}
    turn.returned.append(job)


def _hear_life(turn: Turn, job: Job, fact: Started | Ended, *, found: bool) -> None:
    if job.attempt.pid != fact.pid:
        job.attempt.since_us = since(turn.moment, fact.started_at_us)
    if turn.state.broken and job.part_of in turn.state.broken and not job.cleans_up:
        # No further job of its run starts, and no further attempt either.
        job.never_retried = True
    events = take_in(job, fact, turn.moment.now_us)
    if events:
        turn.events.setdefault(job, []).extend(events)
    if isinstance(fact, Ended):
        job.attempt.delayed_by = ""
        if turn.state.loans.waiting:
            turn.state.loans.drop(job.attempt.key)
        turn.state.wait_at_broker.discard(job.attempt.key)
        turn.state.queue.release(job.key)
        turn.effects += turn.state.pauses.hear(job, paused=False)
        if is_final(job, fact.outcome):
            ended_for_good(turn, job)
        else:
            _try_again(turn, job, _ended_since(turn.moment, fact) if found else turn.moment.passed_us - fact.ended_ago_us)


def _ended_since(moment: Moment, fact: Ended) -> int:
    """Return when a job ended whose end was found at the start of the desk, on the scale of `Attempt.since_us`.

    Dates may differ by as much as the clock was set: worker and supervisor follow it at different times. In the same boot of the machine,
    the time that passed since the end is exact; after a reboot, at least as much has passed as it seems.
    """
    if 0 < fact.ended_passed_us <= moment.passed_us:
        return fact.ended_passed_us
    return since(moment, fact.ended_at_us)


def _try_again(turn: Turn, job: Job, since_us: int) -> None:
    """Let the next attempt wait for its turn, and before that for its delay, which counts from this moment.

    If its turn comes at once, its launch is recorded together with the end of this attempt: nobody overtakes it meanwhile.
    """
    state, moment = turn.state, turn.moment
    job.following = next_attempt(job, moment.passed_us)
    turn.retrying.append(job)
    left_us = delay_us(job) + since_us - moment.passed_us
    if left_us > 0:
        state.wait(job, moment, left_us)
    state.queue.add(job.key, job.lined_up_with, job.priority, ready=job.is_ready, wants=state.wants(job), order=job.row)


def since(moment: Moment, at_us: int) -> int:
    """Return a date as a moment on the scale of `Attempt.since_us`.

    The clock may have been set between that date and the start of this desk, which the scale of ages ignores; or that scale began with a
    clock that was wrong. The smaller age is right, unless it would put the date into the future.
    """
    ago_us = [one for one in (moment.now_us - at_us, moment.aged_us - at_us) if one >= 0]
    return moment.passed_us - min(ago_us, default=0)
