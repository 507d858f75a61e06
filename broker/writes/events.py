"""Records about a job: its events, and the changes of its row. Knows no SQL."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ...schemas.generated import event_pb2, job_pb2
from ...schemas.jobs.states import EventKind, Outcome, OutcomeKind
from ...schemas.naming import format_id
from ...schemas.private_parts.frozen import replace
from ...schemas.refusal import Code, Reason, Refused
from ...schemas.wire_codec import ATTESTED, event_kind_to_wire
from ..jobs.ends import NO_ENDS, end_of_one
from ..jobs.job import Attempt, Job
from ..jobs.life import STORED
from ..jobs.retries import delay_us
from .jobs import Change, Conflict, EndedAttempt, EventRow, Retried


def event_of(kind: EventKind, job: Job, at_us: int, sentence: str = "") -> event_pb2.Event:
    """Return an event about the present state of the job; the commit assigns its seq."""
    attempt = job.latest
    event = event_pb2.Event(
        kind=event_kind_to_wire(kind),
        at_us=at_us,
        name=job.spec.name,
        sentence=sentence,
        pid=attempt.pid,
        started_at_us=attempt.started_at_us,
        attempt=attempt.key.attempt,
    )
    event.key.owner, event.key.id = job.key
    if job.batch is not None:
        event.batch = job.batch.id
    for label, value in job.spec.labels:
        event.labels.add(name=label, value=value)
    if kind is EventKind.FINISHED and attempt.outcome is not None:
        event.outcome.CopyFrom(attempt.told_outcome)
        event.sentence = attempt.outcome.sentence
    elif kind is EventKind.RETRYING and attempt.outcome is not None:
        event.outcome.CopyFrom(attempt.told_outcome)
        event.next_delay_ms = delay_us(job) // 1000
    return event


def change_of(job: Job, events: Sequence[event_pb2.Event], proof: bytes | None) -> Change:
    """Return the change that updates the job's row, which is about to be written: nothing of it is recorded again."""
    attempt = job.latest
    outcome = attempt.outcome
    state, launched = STORED[attempt.phase]
    log_bytes = outcome.log_bytes if outcome is not None else 0
    if outcome is not None and (job.earlier or job.following is not None):
        log_bytes += sum(one.outcome.log_bytes for one in job.ended_before if one.outcome is not None)
    start = attempt.pid, attempt.started_at_us
    is_start_recorded, attempt.recorded_start = attempt.recorded_start == start, start
    return Change(
        row=job.row,
        state=state,
        launched=launched,
        attempt=attempt.key.attempt,
        events=[EventRow(job.key.owner, event.SerializeToString(), job.aged_from_us) for event in events],
        pid=attempt.pid,
        started_at_us=attempt.started_at_us,
        ended_at_us=attempt.ended_at_us,
        is_start_recorded=is_start_recorded,
        aged_from_us=job.aged_from_us,
        outcome=_stored(attempt, outcome).SerializeToString() if outcome is not None else None,
        stop=json.dumps({"signal": job.stop.signal, "grace_ms": job.stop.grace_ms, "asked_by": job.stop.asked_by}) if job.stop else None,
        stop_proof=proof,
        log_bytes=log_bytes,
        ok=not outcome.is_failure if outcome is not None else None,
        run=job.part_of if outcome is not None and job.batch is not None else None,
        end=end_of_one(outcome, is_stopped=job.stop is not None) if outcome is not None and job.batch is not None else NO_ENDS,
    )


def _stored(attempt: Attempt, outcome: Outcome) -> job_pb2.Outcome:
    """Return the outcome of an attempt as it is stored."""
    said = vars(outcome)
    if ATTESTED.isdisjoint(said):
        return attempt.told_outcome
    stored = job_pb2.Outcome(**{name: said[name] for name in ATTESTED if name in said})
    stored.MergeFrom(attempt.told_outcome)
    return stored


def retried(attempts: Sequence[Attempt], not_before_us: int = 0) -> Retried:
    """Return the records of attempts that are followed by another one, and the date before which that does not start."""
    return Retried([_ended(attempt, attempt.outcome) for attempt in attempts if attempt.outcome is not None], not_before_us)


def _ended(attempt: Attempt, outcome: Outcome) -> EndedAttempt:
    said = _stored(attempt, outcome).SerializeToString()
    return EndedAttempt(attempt.key.attempt, attempt.pid, attempt.started_at_us, attempt.ended_at_us, said, outcome.log_bytes)


def explained(job: Job, outcome: Outcome) -> Outcome:
    """Return the outcome with the name of whoever requested the end, which the engine does not know."""
    if job.stop is None or outcome.kind not in (OutcomeKind.EXITED, OutcomeKind.SIGNALED):
        return outcome
    said = outcome.sentence or "ended"
    return replace(outcome, sentence=f"{said}; stopped by {job.stop.asked_by}")


def id_taken(job_id: bytes, conflict: Conflict) -> Refused:
    """Return why an id cannot be used for a new job."""
    if conflict.forgotten:
        reason, what = Reason.FORGOTTEN, "belongs to a job that has ended and was forgotten; it is never run again"
    else:
        reason, what = Reason.ID_TAKEN, "belongs to another job"
    return Refused(Code.ALREADY_EXISTS, f"the id {format_id(job_id)} {what}", "use a new id", conflict.position, reason)
