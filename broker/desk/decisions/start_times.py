"""Jobs with an earliest or a latest start time: each is looked at when its time has come, and the desk gets an alarm for the next one."""

from __future__ import annotations

from ....schemas.clock import date_text
from ....schemas.jobs.spec import JobSpec
from ....schemas.jobs.states import EventKind, Outcome, OutcomeKind
from ....schemas.text.durations import format_duration
from ...jobs.job import Job
from ...jobs.life import WAITING, Happening
from ...writes.events import event_of
from ..effects import WakeAt
from ..inputs import Moment
from ..turn import Turn
from .consequences import ended_for_good

# What nobody has said anything about does not wait for longer than what its client has signed is good: a broker could run it no more.
WAITS_US = 30 * 86_400 * 1_000_000
_TOGETHER_US = 3600 * 1_000_000
_MOST_AT_ONCE = 200


def left_until_expiry_us(spec: JobSpec, moment: Moment) -> int:
    """Return how long a job accepted now may wait. From now on, setting the clock does not change that."""
    if spec.not_after_us is not None:
        return max(0, spec.not_after_us - moment.wall_us)
    if spec.not_after_ms is not None:
        return spec.not_after_ms * 1000
    left_us = WAITS_US + max((spec.start_in_ms or 0) * 1000, (spec.start_at_us or 0) - moment.wall_us, 0)
    # Those of one hour are looked at together.
    return left_us + -(moment.passed_us + left_us) % _TOGETHER_US


def look_at_due(turn: Turn) -> None:
    """Let in the jobs whose time has come, unless they also wait for something else."""
    state = turn.state
    # The alarm has rung, or the clock was set: it is to be set again.
    state.alarm = None
    for job in state.deadlines.take_due(turn.moment.passed_us):
        job.starts_passed_us = job.not_before_us = 0
        state.let_in(job)
    for job in state.clock_deadlines.take_due(turn.moment.wall_us):
        job.starts_wall_us = 0
        state.let_in(job)
    for job in state.expiring.take_due(turn.moment.passed_us):
        # That it is tried again was part of what was asked in time.
        if job.attempt.phase in WAITING and not job.ended_before:
            _expire(turn, job)
    _look_at_waiting(turn)


def _look_at_waiting(turn: Turn) -> None:
    """End the jobs that have reached the default limit for waiting; if there are many, a part of them.

    All waiting jobs are looked at, and once more when the last part has ended. That is rare: no job was due earlier, and those of one hour
    are due together.
    """
    state, passed_us = turn.state, turn.moment.passed_us
    if state.lapses_us is None or state.lapses_us > passed_us:
        return
    if not state.lapsed:
        state.lapsed.extend(job for job in state.live.values() if _may_lapse(job) and job.expires_passed_us <= passed_us)
    for _ in range(min(_MOST_AT_ONCE, len(state.lapsed))):
        job = state.lapsed.popleft()
        if _may_lapse(job):
            _expire(turn, job)
    # Meanwhile others may have come.
    rest = () if state.lapsed else (job.expires_passed_us for job in state.live.values() if _may_lapse(job))
    state.lapses_us = passed_us if state.lapsed else min(rest, default=None)


def _may_lapse(job: Job) -> bool:
    return bool(job.expires_passed_us) and job.attempt.phase in WAITING and not job.ended_before and not job.spec.says_until_when


def expired_instead(turn: Turn, job: Job) -> bool:
    """End a job whose turn has come after its latest start time, and before the alarm for that; return whether it did.

    Nothing rings while the machine is asleep, or the desk does not run. What comes first afterwards may be room for the job.
    """
    # Without a date, see decide(): a job that says nothing about that may start a moment late.
    if turn.dated is None or not job.expires_passed_us or job.expires_passed_us > turn.dated.passed_us or job.ended_before:
        return False
    _expire(turn, job, is_chosen=True)
    return True


def _expire(turn: Turn, job: Job, *, is_chosen: bool = False) -> None:
    """End a job whose latest start time has passed."""
    job.attempt.happened(Happening.STOP_ASKED)
    if is_chosen:
        turn.state.queue.release(job.key)
    else:
        turn.state.queue.withdraw(job.key)
    turn.state.wait_no_more(job)
    job.attempt.ended_at_us = turn.moment.now_us
    job.attempt.outcome = Outcome(OutcomeKind.CANCELLED, sentence=f"expired: {_why(job.spec)}", expired=True)
    turn.events.setdefault(job, []).append(event_of(EventKind.FINISHED, job, turn.moment.now_us))
    ended_for_good(turn, job)


def _why(spec: JobSpec) -> str:
    if spec.not_after_us is not None:
        until = date_text(spec.not_after_us)
        return f"it was not to start after {until}, and had not started by then"
    if spec.not_after_ms is None:
        within = format_duration(WAITS_US // 1_000_000)
        return f"it was to start within {within}, the default, and had not started by then"
    return f"it was to start within {format_duration(spec.not_after_ms / 1000)}, and had not started by then"


def set_alarm(turn: Turn) -> None:
    """Make the desk wake up when the next job is due, and not before."""
    state = turn.state
    # As nearly always.
    if state.alarm == (state.lapses_us, None) and not (state.deadlines.at or state.expiring.at or state.clock_deadlines.at):
        return
    nexts = [at_us for at_us in (state.deadlines.next_us, state.expiring.next_us, state.lapses_us) if at_us is not None]
    following = WakeAt(min(nexts, default=None), state.clock_deadlines.next_us)
    if following != state.alarm:
        state.alarm = following
        turn.effects.append(following)
