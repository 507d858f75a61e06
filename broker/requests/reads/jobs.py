"""query_one and list: information about jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from ....keys.identity import KEY_BYTES
from ....keys.members.rights import Member, Right, demand, may, no_such_job
from ....schemas.frames import LARGEST_RANGE
from ....schemas.generated import job_pb2, request_pb2
from ....schemas.jobs.spec import to_wire
from ....schemas.jobs.states import JobTime, Pick, State
from ....schemas.naming import SHORT_ID_DIGITS, JobKey, parse_typed
from ....schemas.refusal import Code, Refused
from ....schemas.wire_codec import key_to_wire, on_failure_to_wire, outcome_to_wire, state_to_wire
from ...desk.queue.stock import Stock
from ...desk.view import View
from ...engine import Engine, LogPart, StreamName
from ...jobs.job import BatchRun, Job
from ...jobs.life import WAITING, Phase
from ...retention.ages import Ages
from ...store.queries import Lookup
from ...store.selection import ALIVE, EVERY_STATE, Place, Selection
from ..call import Call
from ..job_keys import read_key
from .awaited import awaited

# Small, and made in steps: nothing else is done meanwhile, and each job takes some tens of microseconds.
_PAGE = 50
_STEP = 4
_STEP_BYTES = 16 * 1024
_NUMBER_BYTES = 8
# In SQLite.
_LARGEST_NUMBER = 2**63 - 1
# A page is one message; specs with long argument lists make it shorter.
_PAGE_BYTES = 1024 * 1024


class Roster(NamedTuple):
    """The members in force: by key, and by name."""

    member_of: Callable[[bytes], Member | None]
    named: Callable[[str], Member | None]


def query_one(call: Call, desk: View, lookup: Lookup, engine: Engine, roster: Roster, ages: Ages) -> None:
    """Reply with one job, given by key or as a person types it, and ranges of its logs if requested."""
    request = call.request.query_one
    if request.WhichOneof("job") == "name":
        job = _named(request, call.member, lookup, roster.named)
    else:
        job = lookup.visible_job(read_key(request.key, call.member), call.member)
    if job.spec_bytes > _STEP_BYTES:
        call.later(_reply_with, call, job, desk, engine, roster, ages)
    else:
        _reply_with(call, job, desk, engine, roster, ages)


def _reply_with(call: Call, job: Job, desk: View, engine: Engine, roster: Roster, ages: Ages) -> None:
    request = call.request.query_one
    reply = request_pb2.QueryOneReply(job=describe(job, desk, roster.member_of, ages))
    if request.HasField("stdout_range"):
        part = _range(engine, job, "stdout", request.stdout_range)
        reply.stdout, reply.stdout_size = part.data, part.size
    if request.HasField("stderr_range"):
        part = _range(engine, job, "stderr", request.stderr_range)
        reply.stderr, reply.stderr_size = part.data, part.size
    call.reply(request_pb2.Reply(query_one=reply))


def _named(request: request_pb2.QueryOne, member: Member, lookup: Lookup, named: Callable[[str], Member | None]) -> Job:
    """Return the job that a person refers to.

    Raises Refused.
    """
    try:
        typed = parse_typed(request.name)
        pick = Pick(request.pick)
    except ValueError as error:
        raise Refused(Code.INVALID_ARGUMENT, str(error)) from None
    owner = b""
    if typed.owner:
        found = member if typed.owner == member.name else named(typed.owner)
        # A client that may not see the jobs of a member does not learn whether there is one of that name.
        if found is None or not may(member, Right.SEE, found.key):
            raise no_such_job(request.name)
        owner = found.key
    return lookup.named(request.name, typed, member, pick, owner)


def list_jobs(call: Call, desk: View, lookup: Lookup, roster: Roster, ages: Ages) -> None:
    """Reply with one page of jobs; only unended ones unless the request says otherwise."""
    request = call.request.list
    after = read_place(request.page)
    limit = min(request.limit or _PAGE, _PAGE)
    page = lookup.page(_selection(request, call.member, lookup, roster.named, desk.now_us()), after, limit)
    reply = request_pb2.ListReply()
    onward = page.onward

    def describe_jobs() -> Iterator[None]:
        nonlocal onward
        size, read, last = 0, 0, after
        for position, (place, job) in enumerate(page.jobs):
            if job is not None:
                read += job.spec_bytes
                if job.spec_bytes > _STEP_BYTES:
                    # To read it took as long as to describe it does.
                    yield
                shown = describe(job, desk, roster.member_of, ages)
                size += shown.ByteSize()
                if reply.jobs and size > _PAGE_BYTES:
                    onward = last
                    return
                reply.jobs.append(shown)
            last = place
            if position % _STEP == _STEP - 1 or read > _STEP_BYTES:
                read = 0
                yield

    def send() -> None:
        if onward is not None:
            reply.next_page = write_place(onward)
        call.reply(request_pb2.Reply(list=reply))

    call.in_few_slices(describe_jobs(), send)


def _selection(request: request_pb2.List, member: Member, lookup: Lookup, named: Callable[[str], Member | None], now_us: int) -> Selection:
    owner = whose(request, member, named)
    runs = lookup.runs(owner, request.batch, request.batch_name) if request.batch or request.batch_name else None
    by_default = EVERY_STATE if request.all or request.failed else ALIVE
    try:
        states = frozenset(map(State, request.states)) or by_default
        sorted_by = JobTime(request.sorted_by or JobTime.QUEUED)
    except ValueError:
        raise Refused(Code.INVALID_ARGUMENT, "the list asks for a state or a time that this worker does not know") from None
    return Selection(
        states=states,
        failed=request.failed,
        owner=owner,
        runs=runs,
        batch_name=request.batch_name if runs is None else "",
        name=request.name,
        begins=request.begins,
        labels=tuple(dict.fromkeys((label.name, label.value) for label in request.labels)),
        sorted_by=sorted_by,
        newest_first=request.newest_first,
        since_us=_moment(request, "since", now_us),
        until_us=_moment(request, "until", now_us),
        started_by=member.job,
    )


def whose(request: request_pb2.List | request_pb2.ListRuns, member: Member, named: Callable[[str], Member | None]) -> bytes:
    """Return the owner whose jobs are requested, if the member may see them; empty: everybody's.

    Raises Refused for an unknown member, or one whose jobs may not be seen; the two are indistinguishable.
    """
    sees_others = may(member, Right.SEE_OTHERS, b"")
    if not request.owner_name or request.owner_name == member.name:
        own = not sees_others or request.owner_name
        return member.key if own else request.owner
    demand(member, Right.SEE_OTHERS, b"")
    found = named(request.owner_name)
    if found is None:
        raise Refused(Code.NOT_FOUND, f"the worker has no member {request.owner_name}", "list jobs without it, which shows their owners")
    return found.key


def _moment(request: request_pb2.List, which: Literal["since", "until"], now_us: int) -> int | None:
    field = request.WhichOneof(which)
    if field is None:
        return None
    value: int = getattr(request, field)
    return max(0, now_us - value) if field.endswith("_ago_us") else value


def write_place(place: Place) -> bytes:
    """Return the cursor of the page that begins after a job."""
    return b"".join(number.to_bytes(_NUMBER_BYTES, "big") for number in place)


def read_place(page: bytes) -> Place | None:
    """Return the job after which a page begins; None for the first page.

    Raises Refused(INVALID_ARGUMENT).
    """
    if not page:
        return None
    place = Place(int.from_bytes(page[:_NUMBER_BYTES], "big"), int.from_bytes(page[_NUMBER_BYTES:], "big"))
    if len(page) != len(place) * _NUMBER_BYTES or max(place) > _LARGEST_NUMBER:
        raise Refused(Code.INVALID_ARGUMENT, "the page cursor does not come from this worker", "begin with the first page")
    return place


def describe_batch(shown: job_pb2.Batch, batch: BatchRun) -> None:
    """Write the run of a batch into a message, without its progress."""
    shown.id, shown.name, shown.parallel = batch.id, batch.name, batch.parallel
    shown.on_failure = on_failure_to_wire(batch.on_failure)


def describe(job: Job, desk: View, member_of: Callable[[bytes], Member | None], ages: Ages) -> job_pb2.Job:
    """Return everything known about a job, without its stdin."""
    attempt = job.attempt
    # A client that sees an end here may rely on it and forget the job at once: so it is not shown before it is durable.
    has_ended = attempt.phase is Phase.FINISHED
    is_queued = job.state is State.QUEUED
    is_held = job.held_by is not None and job.attempt.phase in WAITING
    owner = member_of(job.key.owner)
    shown = job_pb2.Job(
        key=key_to_wire(job.key),
        spec=to_wire(job.spec, with_stdin=False),
        state=state_to_wire(job.state),
        owner_name=owner.name if owner else "",
        queued_at_us=job.queued_at_us,
        started_at_us=0 if is_queued else attempt.started_at_us,
        ended_at_us=attempt.ended_at_us if has_ended else 0,
        pid=0 if is_queued else attempt.pid,
        waits_for=desk.why_waiting(job),
        starts_at_us=desk.starts_at_us(job) or None,
        attempt=attempt.key.attempt,
        paused=attempt.paused and job.state is State.RUNNING,
        lasted_us=desk.lasted_us(job),
        ended_ago_us=max(0, ages.now_us() - job.aged_from_us) if has_ended else None,
        rerun_of=key_to_wire(job.rerun_of) if job.rerun_of is not None else None,
        stdin_bytes=len(job.spec.stdin) if job.spec.stdin is not None else None,
        priority=job.priority,
        time_limit_ms=job.changed_limit_ms,
        held=is_held,
        held_by=job.held_by if is_held else "",
        starts_in_us=desk.starts_in_us(job),
        expires_in_us=desk.expires_in_us(job),
        gpus=job.gpus if attempt.phase not in WAITING else (),
        started_by=key_to_wire(JobKey(job.key.owner, job.started_by)) if job.started_by else None,
        lends_slots=desk.lends_slots(job),
        worker=_worker(job, member_of, desk.stock) if job.machine else "",
    )
    for earlier in job.earlier:
        said = shown.earlier_attempts.add(
            attempt=earlier.key.attempt, pid=earlier.pid, started_at_us=earlier.started_at_us, ended_at_us=earlier.ended_at_us
        )
        if earlier.outcome is not None:
            said.outcome.CopyFrom(outcome_to_wire(earlier.outcome))
    if job.batch is not None:
        describe_batch(shown.batch, job.batch)
    if job.awaits and job.attempt.phase in WAITING:
        shown.after.extend(awaited(job, desk))
    if has_ended and attempt.outcome is not None:
        shown.outcome.CopyFrom(outcome_to_wire(attempt.outcome))
    return shown


def _worker(job: Job, member_of: Callable[[bytes], Member | None], stock: Stock) -> str:
    """Return the name of the worker on which the current attempt was placed, even if it has left, or the beginning of its key."""
    if job.attempt.phase in WAITING:
        return ""
    key = job.machine[:KEY_BYTES]
    member = member_of(key)
    return member.name if member is not None else stock.departed.get(key) or key.hex()[:SHORT_ID_DIGITS]


def _range(engine: Engine, job: Job, stream: StreamName, wanted: request_pb2.ByteRange) -> LogPart:
    if not job.attempt.started_at_us:
        return LogPart(wanted.start, b"", 0)
    return engine.read_log(job.attempt.run, stream, wanted.start, min(wanted.length, LARGEST_RANGE))
