"""Additional checks of schedules at a broker: everything that they start must be signed, because its workers run nothing else. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ....schemas.batches.schedules import batch_of
from ....schemas.frames import read_envelope
from ....schemas.generated import request_pb2
from ....schemas.jobs import spec as specs
from ....schemas.jobs.spec import JobSpec
from ....schemas.refusal import Code, Refused
from ...desk.inputs import Asked
from ...schedules.due import MOST_EARLY_US
from ...schedules.schedule import OneJob, Schedule


def demand_relayable(request: request_pb2.AddSchedule, spec: JobSpec | None, now_us: int, check: Callable[[Asked], None]) -> None:
    """Check that workers of this broker would accept what a schedule starts. `spec`: of its job; None if it has a batch.

    The jobs of a batch were checked when they were staged. Raises Refused.
    """
    if not request.from_us:
        message = "the schedule does not say from when on it is signed, which workers of a broker check"
        raise Refused(Code.UNIMPLEMENTED, message, "upgrade the client")
    if request.from_us > now_us + MOST_EARLY_US:
        message = "the schedule was signed in the future, by the clock of the broker"
        raise Refused(Code.FAILED_PRECONDITION, message, "compare the clocks of client and broker")
    if spec is not None:
        check(Asked(request.id, spec, b"", b""))


def demand_signed(request: request_pb2.ChangeSchedule, schedule: Schedule) -> None:
    """Check that a request to start the job or the batch of a schedule contains it.

    Raises Refused.
    """
    starts, what = schedule.starts, "job" if isinstance(schedule.starts, OneJob) else "batch"
    if not (request.HasField("spec") if isinstance(starts, OneJob) else request.HasField("batch")):
        message = f"the request does not say what the {what} of the schedule is, and workers of a broker run only what is signed"
        raise Refused(Code.UNIMPLEMENTED, message, "upgrade the client")
    if isinstance(starts, OneJob):
        spec = specs.from_wire(request.spec)
        is_same = replace(spec, name=spec.name or schedule.name) == starts.spec
    else:
        is_same = _is_batch_of(request, schedule.proof)
    if not is_same:
        raise Refused(Code.INVALID_ARGUMENT, f"the {what} in the request is not that of the schedule {schedule.name}", "send that one")


def _is_batch_of(request: request_pb2.ChangeSchedule, proof: bytes) -> bool:
    added = read_envelope(proof)[0].add_schedule
    return request.batch == batch_of(added) and list(request.parts) == list(added.parts)
