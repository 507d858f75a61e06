"""Convert keys, states, kinds and outcomes to their form on the wire and in the store, and back."""

from __future__ import annotations

from typing import Any, cast

from .generated import event_pb2, job_pb2
from .jobs.states import EventKind, OnFailure, Outcome, OutcomeKind, ResourceUse, State
from .naming import JobKey
from .private_parts.frozen import made
from .workers.labels import Labels


def key_to_wire(key: JobKey) -> job_pb2.JobKey:
    """Return the key of a job as it is sent."""
    return job_pb2.JobKey(owner=key.owner, id=key.id)


def labels_to_wire(labels: Labels) -> list[job_pb2.Label]:
    """Return the labels of a worker as they are sent."""
    return [job_pb2.Label(name=name, value=value) for name, value in labels]


def state_to_wire(state: State) -> job_pb2.State:
    """Return a state as it is sent; an enum field takes its number, which its stub does not know."""
    return cast("job_pb2.State", int(state))


def event_kind_to_wire(kind: EventKind) -> event_pb2.EventKind:
    """Return the kind of an event as it is sent."""
    # Without `cast`, which is a call, as there are several events for each job.
    number: event_pb2.EventKind = int(kind)  # type: ignore[assignment]
    return number


def on_failure_to_wire(on_failure: OnFailure) -> job_pb2.OnFailure:
    """Return what a job that has failed does to its run, as it is sent."""
    return cast("job_pb2.OnFailure", int(on_failure))


def outcome_to_wire(outcome: Outcome, *, attested: bool = False) -> job_pb2.Outcome:
    """Return an outcome as it is sent; `attested`: with what its worker has signed about it, or signs, as it is stored."""
    # A value holds only what differs from the defaults, so that this takes no longer than there is to say.
    said = {name: value for name, value in vars(outcome).items() if attested or name not in ATTESTED}
    said["kind"], said["use"] = int(outcome.kind), job_pb2.ResourceUse(**vars(outcome.use))
    return job_pb2.Outcome(**said)


# What a worker has signed about an outcome, or signs: it is stored, and not told with it.
ATTESTED = frozenset({"attestation", "stdout_root", "stderr_root", "hash_follows", "hash_problem"})


def outcome_from_wire(message: job_pb2.Outcome) -> Outcome:
    """Return an outcome; an unknown kind counts as `LOST`, because how it ended is not known."""
    # Most have few fields: to ask for each of them would take several times as long.
    said: dict[str, Any] = {field.name: value for field, value in message.ListFields()}
    said["kind"] = _KINDS.get(message.kind, OutcomeKind.LOST)
    if "use" in said:
        said["use"] = made(ResourceUse, {field.name: value for field, value in said["use"].ListFields()})
    return made(Outcome, said)


_KINDS: dict[int, OutcomeKind] = {int(kind): kind for kind in OutcomeKind}


_STATES: dict[int, State] = {int(state): state for state in State}


def state_from_wire(number: int) -> State:
    """Return a state; one that this version does not know counts as running."""
    return _STATES.get(number, State.RUNNING)
