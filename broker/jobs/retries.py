"""Whether a job is retried after an attempt, and when. Pure.

An attempt that was stopped, was lost, could not be started or exceeded a limit is not followed by another one. Who wants to retry after the
time limit names its exit status.
"""

from __future__ import annotations

from ...schemas.jobs.reserved_statuses import TIMED_OUT
from ...schemas.jobs.retry import NEVER_RETRIED
from ...schemas.jobs.states import Outcome, OutcomeKind, exit_status
from ...schemas.naming import AttemptKey, signal_name
from .job import Attempt, Job
from .life import Phase


def is_final(job: Job, outcome: Outcome) -> bool:
    """Return whether the job ends with the current attempt, given its outcome: no other attempt follows."""
    rule = job.spec.retry
    if rule is None or job.never_retried or job.stop is not None or job.attempt.key.attempt > rule.most:
        return True
    status = exit_status(outcome.kind, outcome.exit_status, outcome.signal)
    match outcome.kind:
        case OutcomeKind.EXITED:
            return not status or status in NEVER_RETRIED or bool(rule.on_exit and status not in rule.on_exit)
        case OutcomeKind.SIGNALED:
            return bool(rule.on_exit and status not in rule.on_exit)
        case OutcomeKind.TIMED_OUT:
            return TIMED_OUT not in rule.on_exit
        case _:
            return True


def next_attempt(job: Job, passed_us: int) -> Attempt:
    """Return the attempt that follows the current one and waits from this moment on."""
    key = job.attempt.key
    return Attempt(AttemptKey(key.owner, key.id, key.attempt + 1), Phase.QUEUED, passed_us)


def delay_us(job: Job) -> int:
    """Return how many microseconds the next attempt waits after the end of the current one."""
    return delay_after_us(job, job.attempt)


def delay_after_us(job: Job, attempt: Attempt) -> int:
    """Return how many microseconds the attempt after this one waits after its end."""
    return job.spec.retry.delay_after_ms(attempt.key.attempt) * 1000 if job.spec.retry is not None else 0


def why_next(job: Job, outcome: Outcome) -> str:
    """Return in words how the current attempt ended, and when the next one starts."""
    number, wait_us = job.attempt.key.attempt, delay_us(job)
    when = f"{wait_us / 1_000_000:g} s later" if wait_us else "as soon as there is a slot"
    return f"attempt {number} {how_it_failed(outcome)}; attempt {number + 1} of at most {most_of(job)} starts {when}"


def why_waiting(job: Job) -> str:
    """Return why an attempt waits for its start time; empty for the first attempt."""
    if not job.earlier:
        return ""
    before = job.earlier[-1]
    how = how_it_failed(before.outcome) if before.outcome is not None else "failed"
    number = job.attempt.key.attempt
    return f"attempt {before.key.attempt} {how}, and attempt {number} of at most {most_of(job)} starts after a delay"


def how_it_failed(outcome: Outcome) -> str:
    """Return, as a verb phrase, how an attempt ended that is followed by another one."""
    match outcome.kind:
        case OutcomeKind.EXITED:
            return f"exited with status {outcome.exit_status}"
        case OutcomeKind.SIGNALED:
            return f"was ended by {signal_name(outcome.signal)}"
        case _:
            return "exceeded its time limit"


def most_of(job: Job) -> int:
    """Return the maximum number of attempts."""
    return 1 + (job.spec.retry.most if job.spec.retry is not None else 0)
