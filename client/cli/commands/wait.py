"""`jobwire wait`."""

from __future__ import annotations

import time
from typing import Annotated, NoReturn

from ....schemas.naming import short_id
from ....schemas.text.durations import parse_duration
from ...library.client import Client
from ...library.job import Job
from .. import exit_status
from ..arguments import HOW_TO_NAME, understood
from ..batches.finish import tell_finish
from ..batches.follow import follow_run
from ..chosen_context import client
from ..exit_status import BadInput
from ..parser.parameters import Argument, Context, Option
from ..shown.sentences import failed, how_it_ended, how_many_jobs, status_of
from ..targets.job_names import Named, named, own_unfinished, unique
from ..targets.runs import Run, jobs_of
from ..terminal.screen import duration, say


def wait(
    ctx: Context,
    names: Annotated[list[str] | None, Argument(metavar="[JOB]...", help=HOW_TO_NAME)] = None,
    *,
    everything: Annotated[
        bool, Option("--all", help="Wait for all your jobs that have not ended now, except the one in which this command runs.")
    ] = False,
    any_: Annotated[bool, Option("--any", help="Return when one of them has ended.")] = False,
    timeout: Annotated[str | None, Option("--timeout", metavar="TIME", help="Give up after this time, with status 124.")] = None,
) -> None:
    """Wait until jobs have ended.

    Exits with the status of a single job; with several, with 1 if any failed. A run id, or the name of a batch for its newest
    run, means all its jobs. With --all, prints which jobs failed and a summary.
    """
    if everything and (names or any_):
        raise BadInput("--all cannot be combined with JOB or --any; it means all your jobs that have not ended")
    if not everything and not names:
        raise BadInput("name jobs, or use --all for all your jobs that have not ended; jobwire list shows them")
    milliseconds = understood("--timeout", parse_duration, timeout)
    deadline = None if milliseconds is None else time.monotonic() + milliseconds / 1000
    with client(ctx) as connected:
        if everything:
            _wait_for_all(connected, deadline, milliseconds or 0)
        found = named(connected, names or [])
        jobs = unique(job for one in found for job in _single(connected, one, any_=any_))
        runs = [] if any_ else [one.run for one in found if one.run is not None]
        try:
            ended = connected.wait(jobs, any=any_, timeout=_left(deadline)) if jobs else []
            # A view is of one run; for several of them, and for jobs beside one, their ends are told.
            alone = len(runs) == 1 and not jobs
            infos = [follow_run(connected, run, deadline) if alone else run.handle.wait(_left(deadline), failures=1) for run in runs]
        except TimeoutError:
            raise _gave_up(milliseconds or 0, is_alone=len(jobs) == 1 and not runs) from None
        for job in jobs:
            if job.outcome is not None:
                say(f"job {short_id(job.key.id)}: {how_it_ended(job.outcome)}")
        for run in runs:
            say(_summary(run))
            tell_finish(connected, run.info, quiet=True)
    outcomes = [job.outcome for job in ended if job.outcome is not None]
    failures = [failure.job.outcome for info in infos for failure in info.failures if failure.job.outcome is not None]
    if len(jobs) + sum(info.jobs for info in infos) == 1:
        raise exit_status.Ending(next(map(status_of, [*outcomes, *failures]), exit_status.DONE))
    raise exit_status.Ending(exit_status.REFUSED if failures or any(map(failed, outcomes)) else exit_status.DONE)


def _gave_up(milliseconds: int, *, is_alone: bool) -> exit_status.Ending:
    """Say that the time has passed, and return how the command ends. `is_alone`: one job was waited for."""
    say(f"{duration(milliseconds * 1000)} passed; {'the job continues' if is_alone else 'some jobs have not ended'}")
    return exit_status.Ending(exit_status.TIMED_OUT)


def _wait_for_all(connected: Client, deadline: float | None, milliseconds: int) -> NoReturn:
    """Wait for all jobs of this member that have not ended, and say which failed. Raises Ending."""
    jobs = [connected.job_by_key(*info.key) for info in own_unfinished(connected)]
    try:
        connected.wait(jobs, timeout=_left(deadline))
    except TimeoutError:
        raise _gave_up(milliseconds, is_alone=len(jobs) == 1) from None
    bad = [(job, job.outcome) for job in jobs if job.outcome is not None and failed(job.outcome)]
    for job, outcome in bad:
        say(f"job {short_id(job.key.id)}: {how_it_ended(outcome)}")
    if not jobs:
        say("none of your jobs is queued or running")
    else:
        say(f"{_how_many_failed(len(bad), len(jobs))} failed" if bad else f"{how_many_jobs(len(jobs))} ended without failure")
    raise exit_status.Ending(exit_status.REFUSED if bad else exit_status.DONE)


def _left(deadline: float | None) -> float | None:
    """Return the seconds until a deadline."""
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def _single(connected: Client, one: Named, *, any_: bool) -> list[Job]:
    """Return the jobs to wait for one by one: those of a run only if the first end is waited for."""
    if one.job is not None:
        return [one.job]
    return [connected.job_by_key(*info.key) for info in jobs_of(connected, one.run)] if any_ and one.run is not None else []


def _summary(run: Run) -> str:
    info = run.info
    if not info.failed:
        return f"{run}: {how_many_jobs(info.jobs)} ended without failure"
    return f"{run}: {_how_many_failed(info.failed, info.jobs)} failed; jobwire show {run.id} shows why"


def _how_many_failed(bad: int, jobs: int) -> str:
    return "the job" if jobs == 1 else f"{bad} of {how_many_jobs(jobs)}"
