"""What a rerun through a broker runs: read from what its owner signed, and never from what the broker says.

A worker behind a broker runs only what a client has signed. So a client that runs a job again signs all of it, after these checks: a broker
can withhold it, but cannot have another command signed. Pure.
"""

from __future__ import annotations

from collections.abc import Callable

from google.protobuf.message import DecodeError

from ...schemas.batches.schedules import batch_of
from ...schemas.generated import job_pb2, request_pb2
from ...schemas.jobs import run_ends
from ...schemas.jobs.run_ends import Environment
from ...schemas.jobs.spec import JobSpec, from_wire
from ...schemas.naming import JobKey, format_id
from ...schemas.refusal import Code, Refused
from .asked import AskedJob, Signed, read_signed
from .verification import Wanted, verify

# For whom the key of a job acts, a worker says, or who says that it is one: the broker could name anybody.
_ONLY_SAID = "it is signed by a key of which only the broker says, or a worker that it names, that it acted for the owner"


def asked_of(proof: request_pb2.JobProof, key: JobKey, broker: bytes, read: Callable[[bytes], Signed] = read_signed) -> AskedJob:
    """Return what the owner of a job requested from the broker with this key; `read` may cache requests.

    Raises Refused(PERMISSION_DENIED) if the broker does not prove it.
    """
    # How the job was stopped and ended is of no account.
    start = request_pb2.JobProof()
    start.CopyFrom(proof)
    for field in ("stop", "told", "ends"):
        start.ClearField(field)
    verdict = verify(start, Wanted(audience=broker), read)
    if (proof.key.owner, proof.key.id) != key:
        raise _unproven(key, f"what it shows is about job {format_id(proof.key.id)}")
    for check in verdict.checks:
        if not check.holds:
            raise _unproven(key, check.sentence)
    if verdict.start is not None and verdict.start.acts_for:
        raise _unproven(key, _ONLY_SAID)
    asked = verdict.asked
    if asked is None or asked.spec is None or not asked.spec.argv:
        raise _unproven(key, "what its owner has signed does not say what it runs")
    return asked


def spec_again(asked: AskedJob, told: Environment = ()) -> job_pb2.JobSpec:
    """Return the spec to run again: without a hold and times, which applied to the first run.

    `told`: the environment of an `on_finish` job, according to the broker: only the result of the run is taken from it.
    """
    spec = job_pb2.JobSpec()
    spec.CopyFrom(asked.spec or spec)
    for field in ("held", "start_at_us", "start_in_ms", "not_after_us", "not_after_ms"):
        spec.ClearField(field)
    if asked.is_finish and asked.batch is not None:
        spec.name = spec.name or run_ends.NAME
        if (end := run_ends.told_in(told)) is not None:
            own = [(one.name, one.value) for one in spec.environment]
            spec.ClearField("environment")
            for name, value in run_ends.tell(own, asked.batch.id, asked.batch.name, end):
                spec.environment.add(name=name, value=value)
    spec.name = spec.name or asked.schedule
    return spec


def finish_again(asked: AskedJob) -> JobSpec | None:
    """Return the `on_finish` job of a run, as signed by its owner; None: it has none."""
    batch = asked.batch
    return from_wire(batch.on_finish) if batch is not None and batch.HasField("on_finish") else None


def started_by(raw: bytes, key: JobKey, broker: bytes) -> request_pb2.ChangeSchedule:
    """Return the job or batch that a schedule starts, as signed by its owner for the broker with this key.

    Raises Refused(PERMISSION_DENIED) if the broker does not prove it.
    """
    try:
        signed = read_signed(raw)
    except (Refused, DecodeError) as error:
        raise _not_of_schedule(str(error) or "it shows nothing") from None
    schedule = signed.request.add_schedule
    if (signed.owner, schedule.id, signed.audience) != (key.owner, key.id, broker):
        raise _not_of_schedule("what it shows is of another one, or of another owner or broker")
    if signed.acts_for:
        raise _not_of_schedule(_ONLY_SAID)
    found = request_pb2.ChangeSchedule()
    if schedule.HasField("batch"):
        found.batch.CopyFrom(batch_of(schedule))
        found.parts.extend(schedule.parts)
    else:
        found.spec.CopyFrom(schedule.spec)
        found.spec.name = found.spec.name or schedule.name
    return found


def _not_of_schedule(why: str) -> Refused:
    return Refused(Code.PERMISSION_DENIED, f"the broker does not prove what the schedule is: {why}", "submit that anew")


def _unproven(key: JobKey, why: str) -> Refused:
    message = f"the broker does not prove what job {format_id(key.id)} was: {why}"
    return Refused(Code.PERMISSION_DENIED, message, "submit it as a new job")
