"""Keys, states, kinds and outcomes into their form on the wire and in the store, and back."""

from __future__ import annotations

from typing import cast

from .generated import event_pb2, job_pb2
from .job import EventKind, Outcome, OutcomeKind, ResourceUse, State
from .naming import JobKey


def key_to_wire(key: JobKey) -> job_pb2.JobKey:
    """Write which job is meant."""
    return job_pb2.JobKey(owner=key.owner, id=key.id)


def state_to_wire(state: State) -> job_pb2.State:
    """Write a state; an enum field takes its number, which its stub does not know."""
    return cast("job_pb2.State", state.value)


def event_kind_to_wire(kind: EventKind) -> event_pb2.EventKind:
    """Write an event's kind."""
    return cast("event_pb2.EventKind", kind.value)


def outcome_to_wire(outcome: Outcome) -> job_pb2.Outcome:
    """Write an outcome as it travels and as it is stored."""
    use = outcome.use
    return job_pb2.Outcome(
        kind=cast("job_pb2.OutcomeKind", outcome.kind.value),
        exit_status=outcome.exit_status,
        signal=outcome.signal,
        sentence=outcome.sentence,
        stdout_bytes=outcome.stdout_bytes,
        stderr_bytes=outcome.stderr_bytes,
        stdout_problem=outcome.stdout_problem,
        stderr_problem=outcome.stderr_problem,
        use=job_pb2.ResourceUse(user_us=use.user_us, system_us=use.system_us, max_resident_bytes=use.max_resident_bytes),
    )


def outcome_from_wire(message: job_pb2.Outcome) -> Outcome:
    """Read an outcome; a kind of a newer version counts as `LOST`, because how it ended cannot be told."""
    try:
        kind = OutcomeKind(message.kind)
    except ValueError:
        kind = OutcomeKind.LOST
    use = message.use
    return Outcome(
        kind=kind,
        exit_status=message.exit_status,
        signal=message.signal,
        sentence=message.sentence,
        use=ResourceUse(use.user_us, use.system_us, use.max_resident_bytes),
        stdout_bytes=message.stdout_bytes,
        stderr_bytes=message.stderr_bytes,
        stdout_problem=message.stdout_problem,
        stderr_problem=message.stderr_problem,
    )
