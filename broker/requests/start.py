"""start: accepts one or many jobs, all or none; acknowledges when they are durable, then reports starts and ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from ...keys.members.rights import Member, Right, demand
from ...keys.proofs import merkle, signature
from ...schemas.frames import LARGEST_MESSAGE
from ...schemas.generated import event_pb2, job_pb2, request_pb2
from ...schemas.jobs.spec import JobSpec
from ...schemas.jobs.states import Outcome, OutcomeKind
from ...schemas.naming import AttemptKey, JobKey
from ...schemas.refusal import Code, Reason, Refused
from ...schemas.workers.capacity import PLAIN, wants_of
from ..desk.admission import check_precedence
from ..desk.desk import Desk
from ..desk.inputs import Accepted, Asked
from ..engine import Engine
from ..jobs.job import FIRST_ATTEMPT, Attempt, Job
from ..jobs.life import Phase
from ..store.queries import Lookup
from ..store.store import Store
from ..streams.watchers import Watchers
from .asked_jobs import ask_again, read_in_steps
from .call import Call
from .checks.conditions import adapt_reruns, demand_order
from .checks.delegated import check_start, starter_of
from .checks.run_options import read_finish, read_run
from .streams import watch
from .transfers.files import Missing

# Overhead of a job's spec, a job that is named to run again, and what all jobs share: the batch, the proof, and a few fields that a newer
# version may add.
_JOB_BYTES = 64
RERUN_BYTES = 128
_START_BYTES = 4096


def start(  # noqa: C901, PLR0915 -- each job is checked in turn, with the parts that this needs
    call: Call,
    desk: Desk,
    lookup: Lookup,
    watchers: Watchers,
    engine: Engine,
    store: Store,
    check: Callable[[Asked], None] | None = None,
) -> None:
    """Check every job, record all of them, acknowledge, and watch them if requested. `check` raises Refused for a job that cannot run."""
    demand(call.member, Right.SUBMIT, call.member.key)
    request = call.request.start
    if request.watch:
        call.demand_stream()
    asked: list[Asked] = []
    # The bytes of specs that were sent beside the key of a job.
    sent: list[int] = []
    batch = read_run(request)
    starter = starter_of(call.member, desk) if call.member.job else None
    # Before all workers are known again, nobody can say what never fits.
    knows_what_fits = not desk.recovering
    places_jobs = desk.stock.places_jobs
    missing: Missing | None = None
    highest = call.member.limits.highest_priority

    def done(result: Accepted | Refused) -> None:
        if isinstance(result, Refused):
            call.refuse(result)
            return
        cursor = event_pb2.Cursor(store=store.id, seq=store.head if result.seq is None else result.seq)
        acknowledged = request_pb2.Acknowledged(cursor=cursor, known=result.known)
        if call.reply(request_pb2.Reply(acknowledged=acknowledged), last=not request.watch) and request.watch:
            watch(call, watchers, engine, find_started_jobs(result.keys, asked, lookup), request, desk)

    def read() -> Iterator[None]:  # noqa: C901, PLR0912 -- a test for each thing that most jobs do not have, and no call for it
        nonlocal missing
        spec_bytes, needed_bytes = 0, demand_finish(call.member, request.batch, desk) if batch is not None else 0
        signed = merkle.Tree() if call.root and call.jobs is not None else None
        # Most starts have none of these.
        waits = runs_again = False
        for one in read_in_steps(request.jobs, call.jobs, partial(ask_again, call.member, lookup, sent)):
            if one is None:
                yield
                continue
            asked.append(one)
            if signed is not None and call.jobs is not None:
                signed.add((yield from merkle.leaf_in_steps(call.jobs[len(asked) - 1])))
            if (one.spec.priority > highest or (one.spec.nice or 0) < 0) and lookup.job(JobKey(call.member.key, one.id)) is None:
                check_precedence(call.member, one.spec, len(asked) - 1)
            if check is not None:
                check_with(check, one, len(asked) - 1)
            if knows_what_fits and (places_jobs or wants_of(one.spec) is not PLAIN):
                demand_fit(JobKey(call.member.key, one.id), one.spec, desk, lookup, len(asked) - 1)
            if one.spec.not_after_us is not None:
                demand_in_time(JobKey(call.member.key, one.id), one.spec.not_after_us, desk, lookup, len(asked) - 1)
            spec_bytes += len(one.raw)
            needed_bytes += RERUN_BYTES if one.rerun_of else len(one.raw) + _JOB_BYTES
            if spec_bytes > LARGEST_MESSAGE:
                demand_size(len(asked), spec_bytes)
            if one.spec.files:
                missing = missing or Missing(call.member.key, engine.depot)
                missing.look(one.spec, one.rerun_of)
            waits = waits or bool(one.spec.after)
            runs_again = runs_again or one.rerun_of is not None
            yield
        if call.root and (signed is None or signed.leaves != call.signed_jobs or signed.root != call.root):
            raise signature.other_jobs()
        if runs_again:
            yield from adapt_reruns(asked, call.member.key, batch.id if batch else b"", lookup)
        if waits:
            yield from demand_order(asked, batch.id if batch else b"")
        if starter is not None:
            yield from check_start(call.member, starter, asked, batch, desk, lookup, waits=request.watch)
        demand_nothing_else(call.proof, needed_bytes + sum(sent))
        if request.first_store and request.first_store != store.id:
            yield from _demand_known(call.member.key, asked, lookup)
        if missing is not None:
            missing.demand_none()

    def accept() -> None:
        started_by, depth = (starter.key.id, starter.depth + 1) if starter is not None else (b"", 0)
        desk.accept(call.member.key, asked, batch, call.proof, done, started_by=started_by, depth=depth)

    call.in_slices(read(), accept)


def check_with(check: Callable[[Asked], None], one: Asked, index: int) -> None:
    """Call a check; add the position of the job to what it raises."""
    try:
        check(one)
    except Refused as refused:
        refused.job_index = index
        raise


def demand_fit(key: JobKey, spec: JobSpec, desk: Desk, lookup: Lookup, index: int) -> None:
    """Check that a worker has what a new job takes. A known job may wait for resources that were removed meanwhile."""
    why = desk.stock.never_fits(desk.stock.timed(wants_of(spec), spec.time_limit_ms))
    if why and lookup.job(key) is None:
        message = f"the job can never start here: {why}"
        raise Refused(Code.FAILED_PRECONDITION, message, "ask for less, or have the worker's operator set more", index)


def demand_in_time(key: JobKey, not_after_us: int, desk: Desk, lookup: Lookup, index: int) -> None:
    """Check that a new job may still start. A known job may have started already."""
    if not_after_us <= desk.now_us() and lookup.job(key) is None:
        message = "the latest start of the job is in the past, by the worker's clock"
        raise Refused(Code.FAILED_PRECONDITION, message, "compare the clocks, or ask for a later time", index, Reason.EXPIRED)


def demand_finish(member: Member, batch: job_pb2.Batch, desk: Desk) -> int:
    """Check that the member may run the `on_finish` of the run, as for any job; return its size in bytes."""
    if not batch.HasField("on_finish"):
        return 0
    spec = read_finish(batch.on_finish)
    check_precedence(member, spec)
    if why := desk.stock.never_fits(desk.stock.timed(wants_of(spec), spec.time_limit_ms)):
        message = f"the on_finish of the batch can never start here: {why}"
        raise Refused(Code.FAILED_PRECONDITION, message, "ask for less, or have the worker's operator set more")
    return batch.on_finish.ByteSize()


def demand_nothing_else(proof: bytes, needed: int) -> None:
    """Check that the stored request contains little besides its jobs: unknown fields would be stored with each of them."""
    if len(proof) > needed + _START_BYTES:
        raise Refused(Code.INVALID_ARGUMENT, f"the request has {len(proof)} bytes, and its jobs take {needed}", "send nothing else in it")


def demand_size(jobs: int, spec_bytes: int, most: int = LARGEST_MESSAGE) -> None:
    """Check that reruns take no more space than if their specs had been sent."""
    if spec_bytes > most:
        message = f"the specs of {jobs} jobs have {spec_bytes} bytes, the limit of one request is {most}"
        raise Refused(Code.INVALID_ARGUMENT, message, "run fewer jobs again at once", jobs - 1)


def _demand_known(owner: bytes, asked: list[Asked], lookup: Lookup) -> Iterator[None]:
    """Accept a start that was first sent to another store only if all its jobs are known from the logs: then nothing is started."""
    for index, one in enumerate(asked):
        yield
        job = lookup.job(JobKey(owner, one.id))
        if job is None or job.digest != one.digest:
            raise Refused(
                Code.FAILED_PRECONDITION,
                "the first attempt of this start went to another store, which is gone; the job may have run",
                "check its effects, then submit it again",
                index,
                Reason.MAY_HAVE_RUN,
            )


def find_started_jobs(keys: Sequence[JobKey], asked: Sequence[Asked], lookup: Lookup) -> list[Job]:
    """Return the jobs of an accepted start, in its order. A known job that was forgotten in the same commit has ended."""
    return [lookup.job(key) or _forgotten_meanwhile(key, one) for key, one in zip(keys, asked, strict=True)]


def _forgotten_meanwhile(key: JobKey, one: Asked) -> Job:
    outcome = Outcome(OutcomeKind.LOST, sentence="it has ended and was forgotten, including its outcome")
    return Job(0, key, one.spec, one.digest, None, 0, Attempt(AttemptKey(*key, FIRST_ATTEMPT), Phase.FINISHED, outcome=outcome))
