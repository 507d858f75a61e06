"""Schedules: add, change, list, and show one. broker/schedules/ decides what they start, and when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import cast

from ...keys.members.rights import Member, Right, demand, may
from ...schemas.batches.parts import HASH_BYTES
from ...schemas.batches.schedules import batch_of
from ...schemas.frames import LARGEST_OTHER_MESSAGE
from ...schemas.generated import job_pb2, request_pb2
from ...schemas.jobs import spec as specs
from ...schemas.jobs import spec_check
from ...schemas.jobs.states import State
from ...schemas.naming import ID_BYTES, JobKey, format_id, name_problem
from ...schemas.refusal import Code, Reason, Refused
from ...schemas.wire_codec import key_to_wire, on_failure_to_wire, outcome_to_wire, state_to_wire
from ..desk.desk import Desk
from ..desk.inputs import Asked
from ..engine import Engine
from ..jobs.job import RunKey
from ..schedules.cron import read_times
from ..schedules.due import Missed, Overlap
from ..schedules.schedule import ManyJobs, OneJob, Schedule
from ..schedules.starter import Starter
from ..schedules.timetable import Timetable
from ..staging.staging import Staging
from ..store.queries import Lookup
from ..store.rows import schedule_rows
from ..store.store import Store
from ..writes.schedules import AddSchedule, ScheduleRow
from .call import Call
from .checks.run_options import read_batch, read_finish
from .checks.signed_schedules import demand_relayable, demand_signed
from .job_keys import read_key
from .reads.runs import describe_run
from .transfers.files import Missing

_NEXT = 5
# Their specs are sent, and a page is one message.
_PAGE_BYTES = 4 * LARGEST_OTHER_MESSAGE


@dataclass(frozen=True, slots=True)
class Parts:
    """What the handlers need."""

    timetable: Timetable
    starter: Starter
    store: Store
    lookup: Lookup
    desk: Desk
    engine: Engine
    staging: Staging
    member_of: Callable[[bytes], Member | None]
    shortage: Callable[[], Refused | None]
    now_us: Callable[[], int]
    # Of a broker: raises Refused for a job that none of its workers would take, which run only what is signed.
    check: Callable[[Asked], None] | None = None


def add_schedule(call: Call, parts: Parts) -> None:
    """Check a schedule, record it, and reply with it."""
    owner, request = call.member.key, call.request.add_schedule
    demand(call.member, Right.SUBMIT, owner)
    if len(request.id) != ID_BYTES:
        raise Refused(Code.INVALID_ARGUMENT, f"a schedule's id has {ID_BYTES} bytes, not {len(request.id)}")
    if problem := name_problem(request.name):
        raise Refused(Code.INVALID_ARGUMENT, problem)
    if parts.timetable.find(JobKey(owner, request.id)) is None and (refused := parts.shortage()):
        raise refused
    read_times(request.cron, request.zone)
    spec, batch = (None, _read_batch(call)) if request.HasField("batch") else (_read_spec(call, parts), None)
    if parts.check is not None:
        demand_relayable(request, spec, parts.now_us(), parts.check)
    row = ScheduleRow(
        0,
        owner,
        request.id,
        request.name,
        specs.to_wire(spec).SerializeToString() if spec is not None else b"",
        request.cron,
        request.zone,
        _one_of(Overlap, request.overlap, Overlap.SKIP),
        _one_of(Missed, request.missed, Missed.ONCE),
        paused=False,
        fired_upto_us=parts.now_us() if parts.check is None else max(parts.now_us(), request.from_us),
        waiting=(),
        proof=call.proof,
        batch=batch.SerializeToString() if batch is not None else b"",
    )
    write = AddSchedule(row, [file.digest for file in spec.files] if spec is not None else ())
    if batch is not None:
        write.staged, write.parts = batch.id, list(request.parts)

    def done() -> None:
        if isinstance(write.result, Refused):
            call.refuse(write.result)
            return
        is_new = parts.timetable.find(JobKey(owner, request.id)) is None
        schedule = parts.timetable.add(row._replace(row=write.result))
        if is_new and isinstance(schedule.starts, ManyJobs):
            parts.staging.adopted(schedule.starts.template, owner)
        _reply(call, parts, schedule)

    parts.store.submit(write, done)


def _read_batch(call: Call) -> job_pb2.Batch:
    """Return the batch of a schedule, which is staged: its jobs were checked then. Without a name it gets that of the schedule."""
    request = call.request.add_schedule
    if request.HasField("spec"):
        raise Refused(Code.INVALID_ARGUMENT, "the schedule has a job and a batch", "set one of the two")
    if not request.parts or any(len(part) != HASH_BYTES for part in request.parts):
        raise Refused(Code.INVALID_ARGUMENT, f"the schedule has a hash of {HASH_BYTES} bytes for each part of its batch")
    read_batch(request.batch)
    if request.batch.HasField("on_finish"):
        read_finish(request.batch.on_finish)
    return batch_of(request)


def _read_spec(call: Call, parts: Parts) -> specs.JobSpec:
    request = call.request.add_schedule
    spec = specs.from_wire(request.spec)
    if spec.feed:
        raise Refused(
            Code.INVALID_ARGUMENT, "the jobs of a schedule cannot have a streamed standard input", "send their standard input in the spec"
        )
    if spec.has_times:
        raise Refused(Code.INVALID_ARGUMENT, "the jobs of a schedule start at its times, and cannot have a time of their own")
    if spec.after:
        raise Refused(Code.INVALID_ARGUMENT, "the jobs of a schedule start at its times, and cannot wait for other jobs")
    if spec.held:
        raise Refused(Code.INVALID_ARGUMENT, "the jobs of a schedule would all be held", "pause the schedule instead")
    spec = replace(spec, name=spec.name or request.name)
    spec_check.check(spec)
    if parts.timetable.find(JobKey(call.member.key, request.id)) is None:
        parts.starter.demand_possible(call.member.key, OneJob(spec, b"", b""))
    missing = Missing(call.member.key, parts.engine.depot)
    missing.look(spec, None)
    missing.demand_none()
    return spec


def _one_of(kind: type[Overlap | Missed], number: int, default: int) -> int:
    if not number:
        return default
    if number not in set(kind):
        raise Refused(Code.UNIMPLEMENTED, f"this worker does not know the {kind.__name__.lower()} {number} of a schedule", "upgrade it")
    return number


def change_schedule(call: Call, parts: Parts) -> None:
    """Pause, resume, run or remove a schedule; reply when that is durable."""
    request = call.request.change_schedule
    key = read_key(request.key, call.member)
    schedule = parts.timetable.find(key)
    if schedule is None or not may(call.member, Right.SEE, key.owner):
        if request.remove and key.owner == call.member.key and parts.lookup.forgotten(key):
            # The request was repeated.
            call.done(None)
            return
        raise _no_such(format_id(key.id))

    match request.WhichOneof("what"):
        case "run_now":
            _run_now(call, parts, schedule)
        case "paused":
            demand(call.member, Right.STOP, key.owner)
            parts.timetable.set_paused(schedule, call.proof, lambda: call.done(None), paused=request.paused)
        case "remove":
            demand(call.member, Right.STOP, key.owner)

            def removed() -> None:
                parts.staging.drop_unused()
                call.done(None)

            parts.timetable.remove(schedule, call.proof, removed)
        case _:
            raise Refused(Code.INVALID_ARGUMENT, "the change of a schedule changes nothing")


def _run_now(call: Call, parts: Parts, schedule: Schedule) -> None:
    request, owner = call.request.change_schedule, schedule.key.owner
    demand(call.member, Right.SUBMIT, call.member.key)
    if owner != call.member.key:
        # In whose name it would run, and nobody submits in another's.
        raise Refused(Code.PERMISSION_DENIED, "only its owner can start the job of a schedule", "add a schedule of your own")
    if len(request.run_now) != ID_BYTES:
        raise Refused(Code.INVALID_ARGUMENT, f"a job's id has {ID_BYTES} bytes, not {len(request.run_now)}")
    if _is_known(parts, schedule, request.run_now):
        call.done(None)
        return
    if parts.check is not None:
        demand_signed(request, schedule)
    parts.timetable.run_now(schedule, request.run_now, call.member.name, call.proof, call.done)


def _is_known(parts: Parts, schedule: Schedule, job: bytes) -> bool:
    """Return whether a schedule has already been started once with this id."""
    owner = schedule.key.owner
    if isinstance(schedule.starts, OneJob):
        return parts.lookup.job(JobKey(owner, job)) is not None
    return parts.desk.has_run(RunKey(owner, job)) or parts.lookup.run(owner, job, "") is not None


def list_schedules(call: Call, parts: Parts) -> None:
    """Reply with the schedules that the sender may see, a page at a time."""
    request = call.request.list_schedules
    seen = [one for one in parts.timetable.of(request.owner) if may(call.member, Right.SEE, one.key.owner)]
    begin = int.from_bytes(request.page, "big")
    reply = request_pb2.ListSchedulesReply()
    size = 0
    for schedule in seen:
        if schedule.row <= begin:
            continue
        info = _describe(parts, schedule, 1, 1)
        size += info.ByteSize()
        reply.schedules.append(info)
        if size > _PAGE_BYTES:
            reply.next_page = schedule.row.to_bytes(8, "big")
            break
    call.reply(request_pb2.Reply(list_schedules=reply))


def query_schedule(call: Call, parts: Parts) -> None:
    """Reply with everything about one schedule."""
    request = call.request.query_schedule
    demand(call.member, Right.SEE, call.member.key)
    schedule = _find(call.member, request, parts.timetable)
    _reply(call, parts, schedule, schedule.proof if parts.check is not None and schedule.key.owner == call.member.key else b"")


def _find(member: Member, request: request_pb2.QuerySchedule, timetable: Timetable) -> Schedule:
    if not request.id and not request.name:
        raise Refused(Code.INVALID_ARGUMENT, "the request names no schedule", "list the schedules")
    seen = [one for one in timetable.of(request.owner) if may(member, Right.SEE, one.key.owner)]
    if request.WhichOneof("which") == "id":
        found, what = [one for one in seen if one.key.id == request.id], request.id.hex()
    else:
        found, what = [one for one in seen if one.name == request.name], request.name
    found = [one for one in found if one.key.owner == member.key] or found
    if not found:
        raise _no_such(what)
    if len(found) > 1:
        raise Refused(Code.INVALID_ARGUMENT, f"{len(found)} members have a schedule {what}", "name the owner, or use its id")
    return found[0]


def _no_such(what: str) -> Refused:
    return Refused(Code.NOT_FOUND, f"there is no schedule {what}", "list the schedules", reason=Reason.NO_SUCH_SCHEDULE)


def _reply(call: Call, parts: Parts, schedule: Schedule, signed: bytes = b"") -> None:
    info = _describe(parts, schedule, _NEXT, schedule_rows.MOST_FIRINGS)
    call.reply(request_pb2.Reply(query_schedule=request_pb2.QueryScheduleReply(schedule=info, signed=signed)))


def _describe(parts: Parts, schedule: Schedule, nexts: int, firings: int) -> request_pb2.ScheduleInfo:
    owner = parts.member_of(schedule.key.owner)
    info = request_pb2.ScheduleInfo(
        key=key_to_wire(schedule.key),
        owner_name=owner.name if owner else "",
        name=schedule.name,
        cron=schedule.cron,
        zone=schedule.zone,
        overlap=cast("request_pb2.Overlap", int(schedule.overlap)),
        missed=cast("request_pb2.Missed", int(schedule.missed)),
        paused=schedule.paused,
        next_us=[] if schedule.paused else islice(schedule.times.after(schedule.fired_upto_us), nexts),
        fired_upto_us=schedule.fired_upto_us,
        waiting=len(schedule.waiting),
        firings=_firings(parts, schedule, firings),
    )
    match schedule.starts:
        case OneJob() as one:
            info.spec.CopyFrom(specs.to_wire(one.spec, with_stdin=False))
        case ManyJobs(batch, _, template):
            info.batch.id, info.batch.name, info.batch.parallel = batch.id, batch.name, batch.parallel
            info.batch.on_failure = on_failure_to_wire(batch.on_failure)
            if batch.on_finish:
                info.batch.on_finish.ParseFromString(batch.on_finish)
            info.jobs = template.jobs
    return info


def _firings(parts: Parts, schedule: Schedule, limit: int) -> Sequence[request_pb2.Firing]:
    found = []
    for due_us, job_id, note in schedule_rows.firings(parts.store.read, schedule.row, limit):
        firing = request_pb2.Firing(due_us=due_us, job=job_id, note=note)
        if job_id and isinstance(schedule.starts, ManyJobs):
            run = parts.lookup.run(schedule.key.owner, job_id, "")
            if run is not None:
                describe_run(firing.run, run, parts.desk, parts.lookup, parts.member_of)
            found.append(firing)
            continue
        job = parts.lookup.job(JobKey(schedule.key.owner, job_id)) if job_id else None
        if job is not None:
            firing.state = state_to_wire(job.state)
            if job.state is State.FINISHED and job.attempt.outcome is not None:
                firing.outcome.CopyFrom(outcome_to_wire(job.attempt.outcome))
        found.append(firing)
    return found
