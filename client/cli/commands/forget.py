"""`jobwire forget`."""

from __future__ import annotations

from typing import Annotated

from ....schemas.jobs.states import Outcome
from ....schemas.text.durations import parse_age
from ....schemas.text.sizes import format_size
from ...library.job import Job
from ...library.values.job_info import JobInfo
from ...library.values.results import Forgotten
from ..arguments import Json, understood
from ..chosen_context import client
from ..exit_status import BadInput
from ..parser.parameters import Argument, Context, Option
from ..shown.sentences import how_many_jobs
from ..targets.job_names import Named, find_named, only_job
from ..targets.one_by_one import OneByOne
from ..terminal.screen import say, write_json


def forget(
    ctx: Context,
    names: Annotated[
        list[str] | None, Argument(metavar="[JOB]...", help="A job as in jobwire show, or a batch: its newest run, or a run id.")
    ] = None,
    *,
    all_ended: Annotated[bool, Option("--all-ended", help="Forget all your jobs that have ended.")] = False,
    older_than: Annotated[
        str | None, Option("--older-than", metavar="TIME", help="Only jobs that ended longer ago than this: 12h, 30d.")
    ] = None,
    dry_run: Annotated[bool, Option("--dry-run", help="Show what would be removed without removing it.")] = False,
    json: Json = False,
) -> None:
    """Remove jobs that have ended, with their logs.

    There is no confirmation, and it cannot be undone. Jobs that are named must have ended, and of a run all jobs; the others are kept, and
    the command exits with 1. The id of a forgotten job is never run again. --older-than without jobs implies --all-ended.
    """
    age_ms = understood("--older-than", parse_age, older_than)
    if names and all_ended:
        raise BadInput("JOB and --all-ended cannot be combined; --all-ended means all your jobs")
    if not names and not all_ended and age_ms is None:
        raise BadInput("name jobs, or use --all-ended or --older-than")
    older_than_seconds = None if age_ms is None else age_ms / 1000
    each_one = OneByOne()
    with client(ctx) as connected:
        if names:
            found = each_one.each(names, lambda name: find_named(connected, name, only_job))
            done = each_one.each(found, lambda one: _forget(one, age_ms, dry_run=dry_run))
        else:
            done = [connected.forget_ended(older_than=older_than_seconds, dry_run=dry_run)]
    if done:
        forgotten = Forgotten(sum(one.jobs for one in done), sum(one.log_bytes for one in done))
        _tell(forgotten, "would be forgotten" if dry_run else "forgotten", json=json)
    each_one.finish()


def _forget(one: Named, age_ms: int | None, *, dry_run: bool) -> Forgotten:
    """Forget a job or a run.

    Raises Refused if it has not ended, or one of its jobs, unless it may be too young.
    """
    if one.run is not None:
        return one.run.handle.forget(older_than=None if age_ms is None else age_ms / 1000, dry_run=dry_run)
    if one.job is None:
        return Forgotten(0, 0)
    if age_ms is None and not dry_run:
        return one.job.forget()
    outcome = _ended_before(one.job, age_ms)
    if outcome is None:
        return Forgotten(0, 0)
    return Forgotten(1, outcome.log_bytes) if dry_run else one.job.forget()


def _ended_before(job: Job, age_ms: int | None) -> Outcome | None:
    """Return the outcome of a job that ended at least this long ago."""
    info = job.info()
    return info.outcome if _is_older(info, age_ms) else None


def _is_older(info: JobInfo, age_ms: int | None) -> bool:
    # By the worker's clock: ours may differ.
    return not age_ms or (info.ended_ago_us is not None and info.ended_ago_us >= age_ms * 1000)


def _tell(forgotten: Forgotten, what: str, *, json: bool) -> None:
    if json:
        write_json({"jobs": forgotten.jobs, "log_bytes": forgotten.log_bytes})
    else:
        say(f"{how_many_jobs(forgotten.jobs)} {what}, {format_size(forgotten.log_bytes)} of logs")
