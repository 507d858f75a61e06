"""What a fact from the engine changes about a job, and the events about it. Knows no store and no engine."""

from __future__ import annotations

from ....schemas.generated import event_pb2
from ....schemas.jobs.states import EventKind, Outcome, OutcomeKind
from ...engine import Ended, Started
from ...jobs.job import Job
from ...jobs.life import Happening
from ...jobs.retries import is_final, why_next
from ...writes.events import event_of, explained


def take_in(job: Job, fact: Started | Ended, now_us: int) -> list[event_pb2.Event]:
    """Apply a fact to the current attempt at a job, and return the events about it; none if the fact was reported before."""
    return _hear_started(job, fact, now_us) if isinstance(fact, Started) else _hear_ended(job, fact)


def cancelled(job: Job, now_us: int) -> Ended:
    """Return the outcome of a job that was stopped before it had a process."""
    asked_by = job.stop.asked_by if job.stop is not None else ""
    what = f"attempt {job.latest.key.attempt}" if job.ended_before else "it"
    return Ended(job.latest.key, 0, 0, now_us, Outcome(OutcomeKind.CANCELLED, sentence=f"cancelled by {asked_by} before {what} started"))


def _hear_started(job: Job, fact: Started, now_us: int) -> list[event_pb2.Event]:
    attempt = job.attempt
    again = attempt.pid == fact.pid and attempt.started_at_us == fact.started_at_us
    attempt.happened(Happening.STARTED)
    attempt.pid, attempt.started_at_us, attempt.paused = fact.pid, fact.started_at_us, fact.paused
    attempt.delayed_by = ""
    events = [] if again else [event_of(EventKind.STARTED, job, fact.started_at_us)]
    if fact.adopted:
        events.append(event_of(EventKind.ADOPTED, job, now_us))
    return events


def _hear_ended(job: Job, fact: Ended) -> list[event_pb2.Event]:
    attempt = job.attempt
    events = []
    if fact.pid and not attempt.pid:
        attempt.pid, attempt.started_at_us = fact.pid, fact.started_at_us
        events.append(event_of(EventKind.STARTED, job, fact.started_at_us))
    attempt.happened(Happening.ENDED)
    attempt.pid, attempt.started_at_us, attempt.ended_at_us = fact.pid, fact.started_at_us, fact.ended_at_us
    attempt.outcome = explained(job, fact.outcome)
    if is_final(job, attempt.outcome):
        events.append(event_of(EventKind.FINISHED, job, fact.ended_at_us))
    else:
        events.append(event_of(EventKind.RETRYING, job, fact.ended_at_us, why_next(job, attempt.outcome)))
    return events
