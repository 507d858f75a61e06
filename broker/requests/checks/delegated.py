"""What a job that acts for its owner may request: to start jobs, and to see and stop these."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ....keys.members.rights import Member
from ....schemas.generated import job_pb2
from ....schemas.naming import JobKey, format_id, short_id
from ....schemas.refusal import Code, Reason, Refused
from ....schemas.workers.capacity import wants_of
from ...desk.inputs import Asked
from ...desk.view import View
from ...jobs.job import BatchRun, Job
from ...jobs.loans import MOST_LEVELS, starters, why_never
from ...store.queries import Lookup
from ...streams.news import NewsFilter

VERBS = frozenset(
    (
        *("hello", "status", "start", "stop", "signal", "pause", "resume", "query_one", "query_run", "list", "read_log", "follow_log"),
        *("credit", "cancel", "subscribe", "unsubscribe", "replay", "put", "fetch", "feed", "push", "resize"),
    )
)
_YOURSELF = "ask for it with the key of a member, in a context of its own"


def demand_verb(member: Member, verb: str) -> None:
    """Check that a job may send a request with this verb.

    Raises Refused(PERMISSION_DENIED).
    """
    if member.job and verb not in VERBS:
        what = verb.replace("_", " ")
        message = f"{member.name} may start jobs, and see and stop those that it started; it may not use this request ({what})"
        raise Refused(Code.PERMISSION_DENIED, message, _YOURSELF, reason=Reason.ROLE)


def starter_of(member: Member, desk: View) -> Job | None:
    """Return the job that sends a request; None if a member does."""
    return desk.live.get(JobKey(member.key, member.job)) if member.job else None


def demand_run(member: Member, run: bytes, lookup: Lookup) -> None:
    """Check that a run, if one with this id exists, was started by the job that sends the request.

    Raises Refused(NOT_FOUND).
    """
    if member.job and not lookup.is_started_by(member.key, run, member.job):
        message = f"{member.name} started no run {format_id(run)}"
        raise Refused(Code.NOT_FOUND, message, "name one that it started", reason=Reason.NO_SUCH_JOB)


def demand_filter(wanted: NewsFilter, member: Member, lookup: Lookup) -> None:
    """Check that a job subscribes only to what it started: the filter names these jobs, or a run of them.

    Raises Refused.
    """
    if not member.job:
        return
    if wanted.batch:
        demand_run(member, wanted.batch, lookup)
    elif not wanted.jobs:
        message = f"{member.name} can get events only of jobs that it started"
        raise Refused(Code.PERMISSION_DENIED, message, "name them, or a run of them", reason=Reason.ROLE)
    for key in wanted.jobs:
        lookup.visible_job(key, member)


def check_start(
    member: Member, starter: Job | None, asked: Sequence[Asked], batch: BatchRun | None, desk: View, lookup: Lookup, *, waits: bool
) -> Iterator[None]:
    """Check in steps that a job may start these; a member's starts are checked elsewhere. `waits`: the job waits for them.

    Raises Refused.
    """
    if starter is None:
        return
    is_known = batch is not None and lookup.run(member.key, batch.id, "") is not None
    if batch is not None and is_known and not lookup.is_started_by(member.key, batch.id, member.job):
        message = f"the run {format_id(batch.id)} was not started by {member.name}, so it cannot add jobs to it"
        raise Refused(Code.PERMISSION_DENIED, message, "begin another run", reason=Reason.ROLE)
    if batch is not None and batch.on_finish and job_pb2.JobSpec.FromString(batch.on_finish).may_submit:
        _check_depth(starter)
    outer = list(starters(member.key, starter.key.id, desk.live))
    own = {one.id for one in asked}
    for index, one in enumerate(asked):
        yield
        if lookup.job(JobKey(member.key, one.id)) is not None:
            # A repeated start is answered as before.
            continue
        try:
            _check_one(member, starter, one, own, batch, lookup, outer if waits else ())
        except Refused as refused:
            refused.job_index = index
            raise
        if waits and (why := why_never(wants_of(one.spec), outer, desk.stock.capacity)):
            message = f"the job could never start: {why}"
            raise Refused(Code.FAILED_PRECONDITION, message, "ask for less, or submit it without waiting for it", index)


def _check_one(
    member: Member, starter: Job, one: Asked, own: set[bytes], batch: BatchRun | None, lookup: Lookup, outer: Sequence[Job]
) -> None:
    if one.spec.may_submit:
        _check_depth(starter)
    for after in one.spec.after:
        if after.job and after.job not in own:
            lookup.visible_job(JobKey(member.key, after.job), member)
            if any(after.job == job.key.id for job in outer):
                message = f"the job would wait for the end of job {short_id(after.job)}, which waits for this one"
                raise Refused(Code.FAILED_PRECONDITION, message, "submit it without waiting for it")
        if after.run and (batch is None or after.run != batch.id):
            demand_run(member, after.run, lookup)


def _check_depth(starter: Job) -> None:
    if starter.machine:
        # The worker that runs it would have to check two keys, of which it may know neither.
        message = "a job that was started by a job gets no key of its own through a broker"
        raise Refused(Code.UNIMPLEMENTED, message, "start it without that")
    if starter.depth + 2 > MOST_LEVELS:
        message = (
            f"{MOST_LEVELS} jobs started each other down to this one, which is the limit, so the jobs that it starts cannot start others"
        )
        raise Refused(Code.RESOURCE_EXHAUSTED, message, "start it without a key of its own")
