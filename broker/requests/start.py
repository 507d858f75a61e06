"""start: accepts one or many jobs, all or none; acknowledges when they are durable, then reports starts and ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache, partial

from ...keys.members.rights import Member, Right, demand
from ...keys.proofs import merkle, signature
from ...schemas import bounds
from ...schemas.frames import LARGEST_MESSAGE
from ...schemas.generated import event_pb2, job_pb2, request_pb2
from ...schemas.jobs import spec as specs
from ...schemas.jobs import spec_check
from ...schemas.jobs.capacity import PLAIN, wants_of
from ...schemas.jobs.spec import JobSpec
from ...schemas.jobs.states import Outcome, OutcomeKind
from ...schemas.large import read_job
from ...schemas.naming import ID_BYTES, AttemptKey, JobKey, format_id
from ...schemas.refusal import Code, Reason, Refused
from ..desk.admission import check_precedence
from ..desk.desk import Desk
from ..desk.inputs import Accepted, Asked
from ..engine import Engine
from ..jobs.job import FIRST_ATTEMPT, Attempt, Job
from ..jobs.life import Phase
from ..store.queries import Lookup
from ..store.store import Store
from ..streams.watchers import Watchers
from ..writes.events import id_taken
from ..writes.jobs import Conflict
from .call import Call
from .checks.conditions import adapt_reruns, demand_order
from .checks.delegated import check_start, starter_of
from .checks.run_options import read_finish, read_run
from .job_keys import read_key
from .streams import watch
from .transfers.files import Missing

# So small a job holds nothing that takes long; its bounds are those that a spec is checked for below.
_SMALL_JOB_BYTES = 4096
# Specs that are remembered.
_MOST_SAME = 64
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
    """Check every job, record all of them, acknowledge, and watch them if requested. `check` raises Refused for one that cannot be."""
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
        cursor = event_pb2.Cursor(store=store.id, seq=result.seq)
        acknowledged = request_pb2.Acknowledged(cursor=cursor, known=result.known)
        if call.reply(request_pb2.Reply(acknowledged=acknowledged), last=not request.watch) and request.watch:
            watch(call, watchers, engine, find_started_jobs(result.keys, asked, lookup), request, desk)

    def read() -> Iterator[None]:  # noqa: C901, PLR0912 -- a test for each thing that most jobs do not have, and no call for it
        nonlocal missing
        spec_bytes, needed_bytes = 0, demand_finish(call.member, request.batch, desk) if batch is not None else 0
        signed = merkle.Tree() if call.root and call.jobs is not None else None
        # Most starts have none of these.
        waits = runs_again = False
        for one in read_jobs(request.jobs, call.jobs, partial(ask_again, call.member, lookup, sent)):
            asked.append(one)
            if signed is not None and call.jobs is not None:
                signed.add(merkle.leaf(call.jobs[len(asked) - 1]))
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
    """Call a check; what it raises has the position of the job."""
    try:
        check(one)
    except Refused as refused:
        refused.job_index = index
        raise


def demand_fit(key: JobKey, spec: JobSpec, desk: Desk, lookup: Lookup, index: int) -> None:
    """Check that a worker has what a new job takes. One that is known may wait for what was taken away meanwhile."""
    why = desk.stock.never_fits(desk.stock.timed(wants_of(spec), spec.time_limit_ms))
    if why and lookup.job(key) is None:
        message = f"the job can never start here: {why}"
        raise Refused(Code.FAILED_PRECONDITION, message, "ask for less, or have the operator of the worker set more", index)


def demand_in_time(key: JobKey, not_after_us: int, desk: Desk, lookup: Lookup, index: int) -> None:
    """Check that a new job may still start. One that is known may have."""
    if not_after_us <= desk.now_us() and lookup.job(key) is None:
        message = "the job was not to start after a time that is past, by the clock of the worker"
        raise Refused(Code.FAILED_PRECONDITION, message, "compare the clocks, or ask for a later time", index, Reason.EXPIRED)


def demand_finish(member: Member, batch: job_pb2.Batch, desk: Desk) -> int:
    """Check that the member may run what the run is to end with, as for any job; return how many bytes that takes."""
    if not batch.HasField("on_finish"):
        return 0
    spec = read_finish(batch.on_finish)
    check_precedence(member, spec)
    if why := desk.stock.never_fits(desk.stock.timed(wants_of(spec), spec.time_limit_ms)):
        message = f"the on_finish of the batch can never start here: {why}"
        raise Refused(Code.FAILED_PRECONDITION, message, "ask for less, or have the operator of the worker set more")
    return batch.on_finish.ByteSize()


def demand_nothing_else(proof: bytes, needed: int) -> None:
    """Check that the stored request contains little besides its jobs: unknown fields would be stored with each of them."""
    if len(proof) > needed + _START_BYTES:
        raise Refused(Code.INVALID_ARGUMENT, f"the request has {len(proof)} bytes, and its jobs take {needed}", "send nothing else in it")


def demand_size(jobs: int, spec_bytes: int) -> None:
    """Check that jobs which run again take no more than if their specs had been sent."""
    if spec_bytes > LARGEST_MESSAGE:
        message = f"the specs of {jobs} jobs have {spec_bytes} bytes, the limit of one start is {LARGEST_MESSAGE}"
        raise Refused(Code.INVALID_ARGUMENT, message, "run fewer jobs again at once", jobs - 1)


def _demand_known(owner: bytes, asked: list[Asked], lookup: Lookup) -> Iterator[None]:
    """Accept a start that was first tried against another store only if every job of it is known from the logs: then nothing is started."""
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


def read_jobs(
    sent: Sequence[request_pb2.NewJob], pieces: Sequence[bytes] | None = None, again: Callable[[request_pb2.NewJob], Asked] | None = None
) -> Iterator[Asked]:
    """Iterate over the jobs of a request, each of them checked: those in `sent`, or `pieces` that are decoded one by one.

    `again` returns one that runs another again. Raises Refused, with the position of the job.
    """
    jobs = sent if pieces is None else map(read_job, pieces)
    if not sent and not pieces:
        raise Refused(Code.INVALID_ARGUMENT, "the request names no job")
    seen: set[bytes] = set()
    for index, job in enumerate(jobs):
        try:
            if job.ByteSize() > _SMALL_JOB_BYTES:
                bounds.check(job)
            if len(job.id) != ID_BYTES:
                raise Refused(Code.INVALID_ARGUMENT, f"an id has {ID_BYTES} bytes, not {len(job.id)}")
            if job.id in seen:
                raise Refused(Code.INVALID_ARGUMENT, "the same id occurs twice in one start")
            seen.add(job.id)
            asked = again(job) if again is not None and job.HasField("rerun") else _ask(job)
        except Refused as refused:
            refused.job_index = index
            raise
        yield asked


def _ask(job: request_pb2.NewJob) -> Asked:
    """Return a job, checked."""
    if job.after:
        raise Refused(Code.INVALID_ARGUMENT, "`after` of a job is only for one that runs again; a new job has it in its spec")
    if job.feed:
        raise Refused(Code.INVALID_ARGUMENT, "`feed` beside the key of a job is only for one that runs again; a new job has it in its spec")
    raw = job.spec.SerializeToString()
    return Asked(job.id, *(_read_often(raw) if len(raw) <= _SMALL_JOB_BYTES else _read_spec(raw)), raw)


def _read_spec(raw: bytes) -> tuple[JobSpec, bytes]:
    """Return a spec, checked, and its digest."""
    spec = specs.from_wire(job_pb2.JobSpec.FromString(raw))
    spec_check.check(spec)
    return spec, specs.digest(spec)


# Often jobs have the same spec, of one start or of many.
_read_often = lru_cache(_MOST_SAME)(_read_spec)


def forget_specs() -> None:
    """Remember no spec any more: that of a job which was forgotten may have secrets in its environment or its input."""
    _read_often.cache_clear()


def ask_again(member: Member, lookup: Lookup, sent: list[int], job: request_pb2.NewJob, *, is_staged: bool = False) -> Asked:
    """Return a job with the spec of the one that it runs again, which the member must see; note in `sent` how long a spec of its own is.

    A repeated start is answered as before, even if that one was forgotten or can no longer be seen: the job that it started has the spec.

    Raises Refused; so it does if the job has a spec as well, and not that one.
    """
    if job.after and not is_staged:
        message = "a job of a start that runs another again waits for what runs again with it"
        raise Refused(Code.INVALID_ARGUMENT, message, "leave `after` out, or stage it")
    before, own = read_key(job.rerun, member), JobKey(member.key, job.id)
    found = lookup.job(own)
    if found is None or found.rerun_of != before:
        try:
            found = lookup.visible_job(before, member)
        except Refused as refused:
            raise _why_not_again(refused, before, own, lookup) from None
    if found.spec.feed != job.feed:
        if job.feed:
            raise Refused(Code.INVALID_ARGUMENT, f"the standard input of the job {format_id(before.id)} did not come as a stream")
        message = f"the standard input of the job {format_id(before.id)} came as a stream, which was not kept"
        next_step = "set `feed` in the job of the `start`, and feed the new job"
        raise Refused(Code.FAILED_PRECONDITION, message, next_step, reason=Reason.STDIN_NOT_KEPT)
    # That it was held or waited for a time at first does not mean that it is to do so again.
    waited = found.spec.held or found.spec.has_times
    spec = replace(found.spec.at_any_time(), held=False) if waited else found.spec
    digest = specs.digest(spec) if waited else found.digest
    if job.HasField("spec"):
        sent.append(job.spec.ByteSize())
        _demand_same(job.spec, spec, before)
    return Asked(job.id, spec, digest, specs.to_wire(spec).SerializeToString(), before, not job.HasField("spec"))


def _demand_same(said: job_pb2.JobSpec, kept: JobSpec, before: JobKey) -> None:
    """Check that a spec beside the key of a job is that of the job. What it waited for does not count: it waits for other jobs now."""
    spec = specs.from_wire(said)
    spec_check.check(spec)
    if replace(spec, after=()) != replace(kept, after=()):
        message = f"a job of the start has a spec, and it is not that of the job {format_id(before.id)}, which it is to run again"
        raise Refused(Code.INVALID_ARGUMENT, message, "send the spec of that job without its times and hold, or only its key")


def _why_not_again(refused: Refused, before: JobKey, own: JobKey, lookup: Lookup) -> Refused:
    if lookup.forgotten(own):
        return id_taken(own.id, Conflict(0, forgotten=True))
    if refused.reason is Reason.FORGOTTEN:
        message = f"the job {format_id(before.id)} has ended and was forgotten, with what it ran, so it cannot be run again"
        return Refused(Code.NOT_FOUND, message, "submit it as a new job", reason=Reason.FORGOTTEN)
    return refused


def find_started_jobs(keys: Sequence[JobKey], asked: Sequence[Asked], lookup: Lookup) -> list[Job]:
    """Return the jobs of an accepted start, in its order. One whose id was known, and which was forgotten in the same commit, has ended."""
    return [lookup.job(key) or _forgotten_meanwhile(key, one) for key, one in zip(keys, asked, strict=True)]


def _forgotten_meanwhile(key: JobKey, one: Asked) -> Job:
    outcome = Outcome(OutcomeKind.LOST, sentence="it has ended and was forgotten, including its outcome")
    return Job(0, key, one.spec, one.digest, None, 0, Attempt(AttemptKey(*key, FIRST_ATTEMPT), Phase.FINISHED, outcome=outcome))
