"""stage, commit and unstage: a batch that arrives in parts, and starts as a whole or not at all.

Each part is checked like a start. A job may wait only for jobs that were staged before it: so there are no cycles, and no part has to be
checked again when the batch is committed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from ...keys.members.rights import Member, Right, demand
from ...schemas.batches.parts import HASH_BYTES, KeptJob, hash_of_job, hash_of_rerun, join, join_reruns, named_again
from ...schemas.frames import LARGEST_MESSAGE, LARGEST_PART, MOST_PARTS
from ...schemas.generated import event_pb2, request_pb2
from ...schemas.jobs import conditions
from ...schemas.jobs import spec as specs
from ...schemas.jobs.conditions import MOST_CONDITIONS_OF_A_START, base_of
from ...schemas.naming import ID_BYTES, JobKey
from ...schemas.refusal import Code, Reason, Refused
from ...schemas.workers.capacity import Wants, wants_of
from ..desk.admission import check_precedence, check_precedence_of
from ..desk.desk import Desk
from ..desk.inputs import Asked
from ..engine import Engine
from ..jobs.job import RunKey
from ..staging.staging import Staging
from ..store.queries import Lookup
from ..store.rows.batches import staged_queries
from ..store.store import Store
from ..writes.staged import Staged, StagedJob, StagePart
from .asked_jobs import ask_again, read_in_steps
from .call import Call
from .checks.run_options import read_run
from .start import RERUN_BYTES, check_with, demand_finish, demand_fit, demand_nothing_else, demand_size
from .transfers.files import Missing

_JOB_BYTES = 64


def stage(
    call: Call,
    staging: Staging,
    desk: Desk,
    lookup: Lookup,
    engine: Engine,
    shortage: Callable[[], Refused | None],
    check: Callable[[Asked], None] | None = None,
) -> None:
    """Check every job of a part, and reply when it is durable. `check` raises Refused for a job that cannot be started here."""
    _demand_member(call)
    request, owner = call.request.stage, call.member.key
    _check_id(request.batch)
    if request.number >= MOST_PARTS:
        raise Refused(Code.INVALID_ARGUMENT, f"a batch has at most {MOST_PARTS} parts, and this one is number {request.number}")
    run = RunKey(owner, request.batch)
    missing = Missing(owner, engine.depot)
    asked: list[Asked] = []
    hashes: list[bytes] = []
    # One job of each kind that takes the same is looked at whenever a schedule starts the batch.
    claims: dict[tuple[Wants, int | None], int] = {}
    highest = call.member.limits.highest_priority

    def read() -> Iterator[None]:
        spec_bytes = 0
        for one in read_in_steps(request.jobs, call.jobs, partial(_again, call.member, lookup)):
            if one is None:
                yield
                continue
            asked.append(one)
            index = len(asked) - 1
            if (one.spec.priority > highest or (one.spec.nice or 0) < 0) and lookup.job(JobKey(owner, one.id)) is None:
                check_precedence(call.member, one.spec, index)
            if check is not None:
                check_with(check, one, index)
            demand_fit(JobKey(owner, one.id), one.spec, desk, lookup, index)
            if request.for_schedule:
                _demand_schedulable(one, index)
                claims.setdefault((wants_of(one.spec), one.spec.time_limit_ms), index)
            hashes.append(_hash_of(one))
            spec_bytes += len(one.raw)
            demand_size(len(asked), spec_bytes, LARGEST_PART if len(asked) > 1 else LARGEST_MESSAGE)
            missing.look(one.spec, one.rerun_of)
            yield
        yield from _demand_order(asked, run.id)
        demand_nothing_else(call.proof, spec_bytes + sum(RERUN_BYTES if one.rerun_of else _JOB_BYTES for one in asked))
        missing.demand_none()

    def write() -> None:
        jobs = [KeptJob(one.id, one.digest, one.raw, one.rerun_of) for one in asked]
        part = StagePart(
            run,
            request.number,
            [StagedJob(one.id, one.digest, one.spec.after, one.spec.name) for one in asked],
            join(jobs),
            b"".join(hashes),
            sum(len(one.raw) for one in asked),
            0,
            sorted({file.digest for one in asked for file in one.spec.files}),
            max(one.spec.priority for one in asked),
            min(one.spec.nice or 0 for one in asked),
            [*claims.values()],
            shortage(),
            request.for_schedule,
            join_reruns(jobs),
        )
        staging.stage(part, partial(_staged, call))

    call.in_slices(read(), write)


def _again(member: Member, lookup: Lookup, job: request_pb2.NewJob) -> Asked:
    """Return a rerun: a copy of another job, except for its conditions, which are part of the request.

    Raises Refused.
    """
    if job.feed:
        raise Refused(Code.INVALID_ARGUMENT, "a job of a batch that is staged cannot have a streamed standard input", "start it alone")
    found = ask_again(member, lookup, [], job, is_staged=True)
    spec = replace(found.spec, after=tuple(map(conditions.from_wire, job.spec.after if job.HasField("spec") else job.after)))
    conditions.check(spec.after)
    raw = (job.spec if job.HasField("spec") else specs.to_wire(spec)).SerializeToString()
    return replace(found, spec=spec, digest=specs.digest(spec), raw=raw)


def _hash_of(one: Asked) -> bytes:
    if one.is_only_named and one.rerun_of is not None:
        return hash_of_rerun(named_again(one.id, one.rerun_of, one.spec.after))
    return hash_of_job(one.id, one.raw)


def _demand_schedulable(one: Asked, index: int) -> None:
    """Check that a schedule can start a job repeatedly."""
    for is_set, what, next_step in (
        (one.rerun_of is not None, "cannot be reruns of other jobs", "send their specs"),
        (one.spec.feed, "cannot have a streamed standard input", "send it in the spec"),
        (one.spec.has_times, "start at its times, and cannot have a time of their own", "leave that out"),
        (one.spec.held, "would all be held", "pause the schedule instead"),
    ):
        if is_set:
            raise Refused(Code.INVALID_ARGUMENT, f"the jobs of a schedule {what}", next_step, index)


def _staged(call: Call, result: Staged | Refused) -> None:
    if isinstance(result, Refused):
        call.refuse(result)
    else:
        call.reply(request_pb2.Reply(stage=request_pb2.StageReply(parts=result.parts, jobs=result.jobs)))


def commit(call: Call, staging: Staging, desk: Desk, store: Store, shortage: Callable[[], Refused | None]) -> None:
    """Start all jobs of a staged batch; acknowledge when that is durable and they are queued."""
    _demand_member(call)
    request = call.request.commit
    batch = read_run(request)
    if batch is None:
        raise Refused(Code.INVALID_ARGUMENT, "the commit names no batch")
    demand_finish(call.member, request.batch, desk)
    if not request.parts or any(len(part) != HASH_BYTES for part in request.parts):
        raise Refused(Code.INVALID_ARGUMENT, f"the commit has a hash of {HASH_BYTES} bytes for each part of the batch")
    run = RunKey(call.member.key, batch.id)
    if request.first_store and request.first_store != store.id and not staged_queries.has_part(store.read, run, 0):
        message = "the first attempt of this commit went to another store, which is gone; the jobs may have run"
        raise Refused(Code.FAILED_PRECONDITION, message, "check their effects, then submit them again", reason=Reason.MAY_HAVE_RUN)
    check_precedence_of(call.member, *staged_queries.precedence_of(store.read, run))
    if refused := shortage():
        raise refused
    before = event_pb2.Cursor(store=store.id, seq=store.head)

    def done(result: int | Refused) -> None:
        if isinstance(result, Refused):
            call.refuse(result)
        else:
            call.reply(request_pb2.Reply(acknowledged=request_pb2.Acknowledged(cursor=before, known=result)))

    staging.commit(call.member.key, batch, list(request.parts), call.proof, done)


def unstage(call: Call, staging: Staging) -> None:
    """Remove what is staged of an uncommitted batch."""
    _demand_member(call)
    _check_id(call.request.unstage.batch)
    staging.unstage(RunKey(call.member.key, call.request.unstage.batch), lambda: call.done(None))


def _demand_member(call: Call) -> None:
    demand(call.member, Right.SUBMIT, call.member.key)
    if call.member.job:
        # What it starts is counted with each start, and its runs are its own from the first job on. hello tells it of no such feature.
        message = f"{call.member.name} cannot stage a batch"
        raise Refused(Code.PERMISSION_DENIED, message, "start its jobs with one request", reason=Reason.ROLE)


def _check_id(run: bytes) -> None:
    if len(run) != ID_BYTES:
        raise Refused(Code.INVALID_ARGUMENT, f"the id of a batch's run has {ID_BYTES} bytes, not {len(run)}")


def _demand_order(asked: Sequence[Asked], run: bytes) -> Iterator[None]:
    """Check in steps that the jobs of a part wait neither for later ones in it, nor for their own end.

    Raises Refused(INVALID_ARGUMENT).
    """
    if not any(one.spec.after for one in asked):
        return
    if (count := sum(len(one.spec.after) for one in asked)) > MOST_CONDITIONS_OF_A_START:
        message = f"the jobs of the part wait under {count} conditions, the limit is {MOST_CONDITIONS_OF_A_START}"
        raise Refused(Code.INVALID_ARGUMENT, message, "give jobs one name, and let others wait for that")
    behind = {one.id for one in asked}
    for position, one in enumerate(asked):
        for after in one.spec.after:
            if after.job in behind or (after.run == run and after.name in {"", one.spec.name, base_of(one.spec.name)}):
                message = "a job of a batch that is staged waits for itself, or for one that is staged after it"
                raise Refused(Code.INVALID_ARGUMENT, message, "stage first what others wait for", position)
        behind.discard(one.id)
        yield
