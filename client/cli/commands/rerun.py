"""`jobwire rerun`: run jobs again, each with everything as it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple

from ....schemas.naming import JobKey, format_id, new_id, parse_typed, short_id
from ....schemas.refusal import Code, Reason, Refused
from ...library.client import Client
from ...library.job import Job
from ...library.streams.feeder import Feeder
from ...library.values.job_info import JobInfo
from .. import exit_status
from ..batches.planning.plan import choose, plan_rerun
from ..batches.shown_output import Telling
from ..batches.watch import known_run, on_finish_of, submit_run
from ..chosen_context import client
from ..exit_status import BadInput
from ..job.job_arguments import id_or_new
from ..job.submission import explained_refusal, leave_or_attend
from ..parser.parameters import Argument, Context, Option
from ..shown.sentences import failed, how_it_ended, how_many_jobs
from ..targets.job_names import job_or_run
from ..terminal.own_input import own_source
from ..terminal.screen import say, tell_id


def rerun(
    ctx: Context,
    names: Annotated[list[str], Argument(metavar="JOB", help="A job as in jobwire show, or a batch: its newest run, or a run id.")],
    *,
    failed_only: Annotated[bool, Option("--failed", help="Only jobs that failed; those that have not ended are left out.")] = False,
    id_: Annotated[
        str | None, Option("--id", metavar="UUID", help="Id of the new job or run: the same id never starts a second one.")
    ] = None,
    wait: Annotated[bool, Option("--wait", help="Wait for the end. Exit with the status of the job, or 1 if any failed.")] = False,
    follow: Annotated[bool, Option("--follow", help="Like --wait, and show the output of the job instead of its id.")] = False,
    quiet: Annotated[bool, Option("-q", "--quiet", help="Print only ids.")] = False,
) -> None:
    """Run jobs again, with the same options, files and input.

    Standard input that came as a stream was not kept; that of this command is used instead: jobwire rerun JOB < FILE. Prints the ids of the
    new jobs. Jobs must have ended, and one that was forgotten cannot be run again. A batch is run again as a new run, whose id is printed;
    --wait waits for it as jobwire batch does.
    """
    if len(names) > 1 and (follow or id_ is not None):
        raise BadInput(f"{'--follow' if follow else '--id'} is for one job; {len(names)} are named")
    end = _End(wait, follow, quiet)
    with client(ctx, quiet=quiet) as connected:
        if len(names) == 1:
            again = _again(connected, names[0], id_or_new(id_), may_be_known=id_ is not None)
        else:
            again = _Again([_single(connected, name) for name in names])
        if again.is_run:
            _run(connected, names[0], again, end, failed_only=failed_only)
        else:
            _jobs(connected, again, end, failed_only=failed_only)


class _End(NamedTuple):
    wait: bool
    follow: bool
    quiet: bool


class _Again(NamedTuple):
    """What to run again. `found`: the jobs, as far as they are known; `before`: the key of a job about which nothing else is known.

    `own`: the id of the new job or run; None if there are several jobs. `known`: jobs of a run with that id.
    """

    found: Sequence[JobInfo]
    is_run: bool = False
    own: bytes | None = None
    known: Sequence[JobInfo] = ()
    before: JobKey | None = None


def _single(connected: Client, name: str) -> JobInfo:
    found = job_or_run(connected, name)
    if isinstance(found, JobInfo):
        return found
    raise BadInput(f"{name} is a batch, which is run again as a new run; name it alone")


def _again(connected: Client, name: str, own: bytes, *, may_be_known: bool) -> _Again:
    """Return what to run again. If the new job or run is known, nothing is started, whatever the name refers to by now."""
    known = known_run(connected, own) if may_be_known else []
    before = _origin(connected, own) if may_be_known and not known else None
    try:
        found = job_or_run(connected, name, every_run=bool(known))
    except Refused as refused:
        is_gone, is_another = refused.code is Code.NOT_FOUND, before is not None and parse_typed(name).full_id not in {b"", before.id}
        if not (known or before) or is_another or not (is_gone or refused.reason is Reason.AMBIGUOUS):
            raise
        if is_gone:
            say(f"{refused.message}; {'run' if known else 'job'} {format_id(own)} was submitted before")
        return _Again([], is_run=bool(known), own=own, known=known, before=before)
    if not isinstance(found, JobInfo):
        return _Again(found, is_run=True, own=own, known=known)
    if before is not None:
        return _Again([], own=own, before=before if found.key.id == own else found.key)
    return _Again([found], is_run=bool(known), own=own, known=known)


def _origin(connected: Client, own: bytes) -> JobKey | None:
    """Return the key of the job that the rerun with this id repeats; None if there is no such rerun."""
    try:
        return connected.job_by_key(connected.connection.identity.owner, own).info().rerun_of
    except Refused as refused:
        if refused.code is not Code.NOT_FOUND:
            raise
        return None


def _run(connected: Client, name: str, again: _Again, end: _End, *, failed_only: bool) -> None:
    if end.follow:
        raise BadInput(f"--follow is for one job, and {name} is a batch; use --wait")
    found = again.found if again.found or not again.known else None
    plan, note = plan_rerun(found, again.known, again.own or new_id(), failed_only=failed_only, on_finish=on_finish_of(connected, found))
    if note:
        say(note)
    if plan.wanted:
        raise exit_status.Ending(submit_run(connected, plan, again.known, wait=end.wait, telling=Telling(end.quiet)))


def _jobs(connected: Client, again: _Again, end: _End, *, failed_only: bool) -> None:
    wait = end.wait or end.follow
    if again.own is not None and again.before is not None:
        job = connected.job_by_key(*again.before).rerun(id=again.own, watch=wait)
        raise exit_status.Ending(leave_or_attend(connected, job, **end._asdict()))
    choice = choose(again.found, failed_only=failed_only)
    if choice.note:
        say(choice.note)
    if not choice.jobs:
        return
    ids = [new_id() for _ in choice.jobs] if again.own is None else [again.own]
    # Only one job can have the standard input of this command, which is not touched if it was kept.
    source = own_source() if again.own is not None and choice.jobs[0].spec.feed else None
    try:
        jobs = connected.rerun(choice.jobs, ids=ids, watch=wait, tail_lines=0, feed=source is not None)
    except KeyboardInterrupt:
        new = " ".join(map(format_id, ids))
        say(f"interrupted before they were acknowledged; check whether they were submitted: jobwire show {new}")
        raise exit_status.Ending(exit_status.INTERRUPTED) from None
    except Refused as refused:
        raise explained_refusal(connected, refused, ids[0], choice.jobs[0].spec) from None
    if again.own is not None:
        feeder = Feeder(connected.connection, jobs[0].key, source) if source is not None else None
        raise exit_status.Ending(leave_or_attend(connected, jobs[0], **end._asdict(), feeder=feeder))
    for job in jobs:
        tell_id(job.id, "the jobs were submitted")
    if end.wait:
        _wait(connected, jobs, quiet=end.quiet)
    elif not end.quiet:
        say(f"{how_many_jobs(len(jobs))} submitted")


def _wait(connected: Client, jobs: Sequence[Job], *, quiet: bool) -> None:
    outcomes = [(job, job.outcome) for job in connected.wait(jobs) if job.outcome is not None]
    for job, outcome in outcomes:
        if not quiet:
            say(f"job {short_id(job.key.id)}: {how_it_ended(outcome)}")
    raise exit_status.Ending(exit_status.REFUSED if any(failed(outcome) for _, outcome in outcomes) else exit_status.DONE)
