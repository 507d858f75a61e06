"""The jobs of a request, each of them checked: new ones, and reruns of other jobs."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from ...keys.members.rights import Member
from ...schemas.generated import job_pb2, request_pb2
from ...schemas.jobs import spec as specs
from ...schemas.jobs import spec_check
from ...schemas.jobs.spec import JobSpec
from ...schemas.naming import ID_BYTES, JobKey, format_id
from ...schemas.refusal import Code, Reason, Refused
from ...schemas.requests import bounds, field_counts
from ...schemas.requests.large import read_job
from ..desk.inputs import Asked
from ..store.queries import Lookup
from ..writes.events import id_taken
from ..writes.jobs import Conflict
from .job_keys import read_key

# So small a job holds nothing that takes long; its bounds are those that a spec is checked for below.
_SMALL_JOB_BYTES = 4096
# A larger one is read in steps, and what it holds is counted before it is decoded.
_LARGE_JOB_BYTES = 16 * 1024
# Specs that are remembered.
_MOST_SAME = 64


def read_jobs(
    sent: Sequence[request_pb2.NewJob], pieces: Sequence[bytes] | None = None, again: Callable[[request_pb2.NewJob], Asked] | None = None
) -> Iterator[Asked]:
    """Iterate over the jobs of a request, each of them checked: those in `sent`, or `pieces` that are decoded one by one.

    `again` returns the job of a rerun. Raises Refused, with the position of the job.
    """
    return (one for one in read_in_steps(sent, pieces, again) if one is not None)


def read_in_steps(
    sent: Sequence[request_pb2.NewJob], pieces: Sequence[bytes] | None = None, again: Callable[[request_pb2.NewJob], Asked] | None = None
) -> Iterator[Asked | None]:
    """Do the same, and yield None after each step of a job that takes several milliseconds."""
    if not sent and not pieces:
        raise Refused(Code.INVALID_ARGUMENT, "the request names no job")
    seen: set[bytes] = set()
    named: Sequence[request_pb2.NewJob | bytes] = sent if pieces is None else pieces
    for index, piece in enumerate(named):
        try:
            job = (yield from _decode(piece)) if isinstance(piece, bytes) else piece
            if (size := job.ByteSize()) > _SMALL_JOB_BYTES:
                bounds.check(job)
            if len(job.id) != ID_BYTES:
                raise Refused(Code.INVALID_ARGUMENT, f"an id has {ID_BYTES} bytes, not {len(job.id)}")
            if job.id in seen:
                raise Refused(Code.INVALID_ARGUMENT, "the same id occurs twice in one start")
            seen.add(job.id)
            if again is not None and job.HasField("rerun"):
                asked = again(job)
            else:
                asked = (yield from _ask_in_steps(job)) if size > _LARGE_JOB_BYTES else _ask(job)
        except Refused as refused:
            refused.job_index = index
            raise
        yield asked


def _decode(piece: bytes) -> Generator[None, None, request_pb2.NewJob]:
    """Return a job, decoded after checking that this takes no longer than permitted."""
    if len(piece) <= _LARGE_JOB_BYTES:
        return read_job(piece)
    yield from field_counts.check(piece, request_pb2.NewJob.DESCRIPTOR)
    job = read_job(piece)
    yield
    return job


def _ask(job: request_pb2.NewJob) -> Asked:
    """Return a job after checking it."""
    _demand_new(job)
    raw = job.spec.SerializeToString()
    return Asked(job.id, *(_read_often(raw) if len(raw) <= _SMALL_JOB_BYTES else _read_spec(raw)), raw)


def _ask_in_steps(job: request_pb2.NewJob) -> Generator[None, None, Asked]:
    """Return a large job after checking it."""
    _demand_new(job)
    raw = job.spec.SerializeToString()
    yield
    spec = yield from specs.read_in_steps(job.spec)
    spec_check.check(spec)
    yield
    return Asked(job.id, spec, (yield from specs.digest_in_steps(spec)), raw)


def _demand_new(job: request_pb2.NewJob) -> None:
    if job.after:
        raise Refused(Code.INVALID_ARGUMENT, "`after` of a job is only for one that runs again; a new job has it in its spec")
    if job.feed:
        raise Refused(Code.INVALID_ARGUMENT, "`feed` beside the key of a job is only for one that runs again; a new job has it in its spec")


def _read_spec(raw: bytes) -> tuple[JobSpec, bytes]:
    """Return a spec after checking it, and its digest."""
    spec = specs.from_wire(job_pb2.JobSpec.FromString(raw))
    spec_check.check(spec)
    return spec, specs.digest(spec)


# Often jobs have the same spec, of one start or of many.
_read_often = lru_cache(_MOST_SAME)(_read_spec)


def forget_specs() -> None:
    """Drop all cached specs: that of a forgotten job may have secrets in its environment or its input."""
    _read_often.cache_clear()


def ask_again(member: Member, lookup: Lookup, sent: list[int], job: request_pb2.NewJob, *, is_staged: bool = False) -> Asked:
    """Return a rerun, with the spec of the job that it runs again, which the member must see; store the size of that spec in `sent`.

    A repeated start is answered as before, even if that job was forgotten or can no longer be seen: the job that it started has the spec.

    Raises Refused, also if the rerun has a spec of its own that differs.
    """
    if job.after and not is_staged:
        message = "`after` is set for a job that runs another one again, which can wait only for jobs that run again with it"
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
    """Check that a spec beside the key of a job equals that of the job. Its conditions do not count: a rerun waits for other jobs."""
    spec = specs.from_wire(said)
    spec_check.check(spec)
    if replace(spec, after=()) != replace(kept, after=()):
        message = f"a job of the start has a spec other than that of job {format_id(before.id)}, which it is to run again"
        raise Refused(Code.INVALID_ARGUMENT, message, "send the spec of that job without its times and hold, or only its key")


def _why_not_again(refused: Refused, before: JobKey, own: JobKey, lookup: Lookup) -> Refused:
    if lookup.forgotten(own):
        return id_taken(own.id, Conflict(0, forgotten=True))
    if refused.reason is Reason.FORGOTTEN:
        message = f"the job {format_id(before.id)} has ended and was forgotten, with what it ran, so it cannot be run again"
        return Refused(Code.NOT_FOUND, message, "submit it as a new job", reason=Reason.FORGOTTEN)
    return refused
