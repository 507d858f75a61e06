"""Requests about schedules, and the content of their replies. Knows no connection."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from ....schemas.clock import wall_us
from ....schemas.generated import request_pb2
from ....schemas.jobs.spec import JobSpec
from ....schemas.naming import JobKey, new_id
from ....schemas.refusal import Code, Refused
from ....schemas.wire_codec import key_to_wire
from ..values.schedule_info import MISSED, OVERLAPS, ScheduleInfo, schedule_info
from .encoding import encode
from .pages import Pages

if TYPE_CHECKING:
    from ..batches import PlannedBatch


def add_request(
    name: str, spec: JobSpec, cron: str, zone: str, overlap: str, missed: str, schedule_id: bytes | None
) -> request_pb2.Request:
    """Return the request that adds a schedule; the reply has the schedule. Raises `Refused(INVALID_ARGUMENT)`."""
    wanted = schedule_request(name, cron, zone, overlap, missed, schedule_id or new_id())
    wanted.spec.CopyFrom(encode(spec))
    return request_pb2.Request(add_schedule=wanted)


def demand_no_each(planned: PlannedBatch) -> None:
    """Check that no job of a batch runs on each worker: the workers are known only when it is submitted.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    if planned.each is not None:
        raise Refused(Code.INVALID_ARGUMENT, "a schedule cannot start a job on each worker (on_each)", "leave that out")


def staged_as(schedule_id: bytes) -> bytes:
    """Return the id under which the batch of a schedule is staged (UUID version 5)."""
    return uuid.uuid5(uuid.UUID(bytes=schedule_id), "batch").bytes


def schedule_request(name: str, cron: str, zone: str, overlap: str, missed: str, schedule_id: bytes) -> request_pb2.AddSchedule:
    """Return a schedule without what it starts. Raises `Refused(INVALID_ARGUMENT)`."""
    return request_pb2.AddSchedule(
        id=schedule_id,
        name=_sendable("the name of a schedule", name),
        cron=_sendable("a cron expression", cron),
        zone=_sendable("a time zone", zone),
        overlap=cast("request_pb2.Overlap", _number("overlap", overlap, OVERLAPS)),
        missed=cast("request_pb2.Missed", _number("missed", missed, MISSED)),
        from_us=wall_us(),
    )


def query_request(name: str, owner: bytes) -> request_pb2.Request:
    """Return the request for one schedule. Raises `Refused(INVALID_ARGUMENT)` if no schedule can have this name."""
    wanted = request_pb2.QuerySchedule(owner=owner, name=_sendable("the name of a schedule", name))
    return request_pb2.Request(query_schedule=wanted)


def query_schedule_by_key(schedule: JobKey) -> request_pb2.Request:
    """Return the request for one schedule by its key."""
    return request_pb2.Request(query_schedule=request_pb2.QuerySchedule(owner=schedule.owner, id=schedule.id))


def read_signed(reply: request_pb2.Reply, schedule: JobKey, broker: bytes) -> request_pb2.ChangeSchedule:
    """Return what a schedule starts, as signed by its owner for a broker. Raises Refused if the broker does not prove it."""
    from ...proofs.again import started_by  # noqa: PLC0415 -- schedules of workers need none

    return started_by(reply.query_schedule.signed, schedule, broker)


def list_schedules(owner: bytes) -> Pages[ScheduleInfo]:
    """Return a list of schedules, still to be read."""
    request = request_pb2.Request(list_schedules=request_pb2.ListSchedules(owner=owner))
    return Pages(request, lambda reply: [*map(schedule_info, reply.list_schedules.schedules)])


def pause_request(schedule: JobKey, *, paused: bool) -> request_pb2.Request:
    """Return the request that pauses or resumes a schedule; the reply is `done`, as for the next two."""
    return request_pb2.Request(change_schedule=request_pb2.ChangeSchedule(key=key_to_wire(schedule), paused=paused))


def run_request(schedule: JobKey, job_id: bytes, what: request_pb2.ChangeSchedule | None = None) -> request_pb2.Request:
    """Return the request that starts the job or the batch of a schedule now; `what`: the job or batch, for a broker."""
    change = request_pb2.ChangeSchedule(key=key_to_wire(schedule), run_now=job_id)
    if what is not None:
        change.MergeFrom(what)
    return request_pb2.Request(change_schedule=change)


def remove_request(schedule: JobKey) -> request_pb2.Request:
    """Return the request that removes a schedule."""
    return request_pb2.Request(change_schedule=request_pb2.ChangeSchedule(key=key_to_wire(schedule), remove=True))


def _number(what: str, said: str, known: Sequence[str]) -> int:
    if said not in known:
        raise Refused(Code.INVALID_ARGUMENT, f"{said!r} is not a value of {what}", f"known are {', '.join(known)}")
    return known.index(said) + 1


def _sendable(what: str, said: str) -> str:
    """Return a text that is valid UTF-8.

    Raises `Refused(INVALID_ARGUMENT)`.
    """
    try:
        said.encode()
    except UnicodeEncodeError:
        raise Refused(Code.INVALID_ARGUMENT, f"{said!r} is not {what}: it is not UTF-8") from None
    return said
