"""query_one and list: information about jobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ...keys.rights import Member
from ...schemas.frames import LARGEST_RANGE
from ...schemas.generated import job_pb2, request_pb2
from ...schemas.job import State
from ...schemas.refusal import Code, Refused
from ...schemas.spec import to_wire
from ...schemas.wire_codec import key_to_wire, outcome_to_wire, state_to_wire
from ..desk.desk import Desk
from ..desk.job import Job
from ..desk.life import Phase
from ..engine import Engine, LogPart, StreamName
from ..retention.ages import Ages
from ..store.queries import Lookup
from .call import Call
from .job_keys import read_key

# Small: nothing else is done while a page is made, and each job takes some tens of microseconds.
_PAGE = 50
_ROW_BYTES = 8
# The largest number of a row in SQLite.
_LAST_ROW = 2**63 - 1
# A page is one message; specs with long argument lists make it shorter.
_PAGE_BYTES = 1024 * 1024


def query_one(call: Call, desk: Desk, lookup: Lookup, engine: Engine, member_of: Callable[[bytes], Member | None], ages: Ages) -> None:
    """Reply with one job, given by key or as a person types it, and ranges of its logs if requested."""
    request = call.request.query_one
    if request.WhichOneof("job") == "name":
        job = lookup.named(request.name, call.member)
    else:
        job = lookup.visible_job(read_key(request.key, call.member), call.member)
    reply = request_pb2.QueryOneReply(job=describe(job, desk, member_of, ages))
    if request.HasField("stdout_range"):
        part = _range(engine, job, "stdout", request.stdout_range)
        reply.stdout, reply.stdout_size = part.data, part.size
    if request.HasField("stderr_range"):
        part = _range(engine, job, "stderr", request.stderr_range)
        reply.stderr, reply.stderr_size = part.data, part.size
    call.reply(request_pb2.Reply(query_one=reply))


def list_jobs(call: Call, desk: Desk, lookup: Lookup, member_of: Callable[[bytes], Member | None], ages: Ages) -> None:
    """Reply with one page of jobs, oldest first; only those that have not ended unless `all` is set."""
    request = call.request.list
    after = int.from_bytes(request.page, "big")
    if request.page and (len(request.page) != _ROW_BYTES or after > _LAST_ROW):
        raise Refused(Code.INVALID_ARGUMENT, "the page cursor does not come from this worker")
    limit = min(request.limit or _PAGE, _PAGE)
    jobs = lookup.page(
        call.member,
        everything=request.all,
        owner=request.owner,
        batch=request.batch,
        batch_name=request.batch_name,
        after=after,
        limit=limit,
    )
    reply = request_pb2.ListReply()
    size = 0
    for position, job in enumerate(jobs):
        shown = describe(job, desk, member_of, ages)
        size += shown.ByteSize()
        if position and size > _PAGE_BYTES:
            break
        reply.jobs.append(shown)
        reply.next_page = job.row.to_bytes(_ROW_BYTES, "big")
    if len(reply.jobs) == len(jobs) and len(jobs) < limit:
        reply.next_page = b""
    call.reply(request_pb2.Reply(list=reply))


def describe(job: Job, desk: Desk, member_of: Callable[[bytes], Member | None], ages: Ages) -> job_pb2.Job:
    """Return everything known about a job, without its stdin."""
    attempt = job.attempt
    # A client that sees an end here may rely on it and forget the job at once: so it is not shown before it is durable.
    has_ended = attempt.phase is Phase.FINISHED
    is_queued = job.state is State.QUEUED
    owner = member_of(job.key.owner)
    shown = job_pb2.Job(
        key=key_to_wire(job.key),
        spec=to_wire(replace(job.spec, stdin=None)),
        state=state_to_wire(job.state),
        owner_name=owner.name if owner else "",
        queued_at_us=job.queued_at_us,
        started_at_us=0 if is_queued else attempt.started_at_us,
        ended_at_us=attempt.ended_at_us if has_ended else 0,
        pid=0 if is_queued else attempt.pid,
        waits_for=desk.why_waiting(job),
        attempt=attempt.key.attempt,
        paused=attempt.paused and job.state is State.RUNNING,
        lasted_us=desk.lasted_us(job),
        ended_ago_us=max(0, ages.now_us() - job.aged_from_us) if has_ended else None,
    )
    if job.batch is not None:
        shown.batch.id, shown.batch.name, shown.batch.parallel = job.batch.id, job.batch.name, job.batch.parallel
    if has_ended and attempt.outcome is not None:
        shown.outcome.CopyFrom(outcome_to_wire(attempt.outcome))
    return shown


def _range(engine: Engine, job: Job, stream: StreamName, wanted: request_pb2.ByteRange) -> LogPart:
    if not job.attempt.started_at_us:
        return LogPart(wanted.start, b"", 0)
    return engine.read_log(job.attempt.run, stream, wanted.start, min(wanted.length, LARGEST_RANGE))
