"""`jobwire stop`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from ....schemas.jobs.states import State
from ....schemas.naming import short_id
from ....schemas.refusal import Refused
from ....schemas.text.durations import parse_duration
from ...batch.options.option_values import parse_signal
from ...library.client import Client
from ...library.job import Job
from ...library.values.job_info import JobInfo
from ..arguments import HOW_TO_NAME, understood
from ..chosen_context import client
from ..exit_status import BadInput, is_no_answer
from ..parser.parameters import Argument, Context, Option
from ..shown.sentences import how_it_ended, how_many_jobs
from ..targets.job_names import find_unfinished, own_unfinished, unique
from ..targets.one_by_one import OneByOne
from ..targets.runs import title_of_all
from ..terminal.screen import say


def stop(
    ctx: Context,
    names: Annotated[list[str] | None, Argument(metavar="[JOB]...", help=HOW_TO_NAME)] = None,
    *,
    everything: Annotated[
        bool, Option("--all", help="Stop all your jobs that have not ended, except the one in which this command runs.")
    ] = False,
    signal: Annotated[
        str | None, Option("--signal", metavar="SIGNAL", help="Signal to send first. Default: the job's stop signal.")
    ] = None,
    grace: Annotated[
        str | None, Option("--grace", metavar="TIME", help="Time from that signal to SIGKILL. Default: the job's grace.")
    ] = None,
    now: Annotated[bool, Option("--now", help="Send SIGKILL at once.")] = False,
) -> None:
    """Stop jobs and all processes that they started.

    Sends each job its stop signal and, after its grace, SIGKILL, and returns when none of its processes is left. A queued job is
    cancelled. The name or run id of a batch means all its jobs that have not ended. A JOB that does not exist does not keep the others
    from being stopped; the command exits with 1 then. --all means your own jobs, also those of schedules
    and batches, and never those of other members.
    """
    if now and grace is not None:
        raise BadInput("--now and --grace cannot be combined; --now means --grace 0")
    if everything and names:
        raise BadInput("JOB and --all cannot be combined; --all means all your jobs that have not ended")
    if not everything and not names:
        raise BadInput("name jobs, or use --all for all your jobs that have not ended; jobwire list shows them")
    number = understood("--signal", parse_signal, signal)
    grace_ms = 0 if now else understood("--grace", parse_duration, grace)
    grace_seconds = None if grace_ms is None else grace_ms / 1000
    with client(ctx) as connected:
        each_one = OneByOne()
        if everything:
            _stop_all(connected, each_one, number, grace_seconds)
        else:
            _stop_named(connected, each_one, names or [], number, grace_seconds)
        each_one.finish()


def _stop_named(connected: Client, each_one: OneByOne, names: list[str], number: int | None, grace_seconds: float | None) -> None:
    """Stop jobs and runs, and say how each has ended."""
    found = each_one.each(names, lambda name: find_unfinished(connected, name))
    jobs = unique(one.job for one in found if one.job is not None)
    alive = [job for job in jobs if job.outcome is None]
    for job in jobs:
        if job.outcome is not None:
            say(f"job {short_id(job.key.id)} has already ended: {how_it_ended(job.outcome)}")
    # All are asked to end before any end is waited for.
    stops = each_one.each(
        (one.run for one in found if one.run is not None),
        lambda run: (title_of_all(run), run.handle.stop_soon(number, grace_seconds, every_run=run.by_name)),
    )
    for job in _stop(connected, each_one, alive, number, grace_seconds) if alive else ():
        if job.outcome is not None:
            say(f"job {short_id(job.key.id)}: {how_it_ended(job.outcome)}")
    for title, stopping in stops:
        if stopping.jobs:
            stopping.wait()
            say(f"{title}: {how_many_jobs(stopping.jobs)} stopped")
        else:
            say(f"all jobs of {title} have already ended")


def _stop_all(connected: Client, each_one: OneByOne, signal: int | None, grace: float | None) -> None:
    """Stop all jobs of this member that have not ended, and say how many."""
    infos = last_started_first(own_unfinished(connected))
    stopped = _stop(connected, each_one, [connected.job_by_key(*info.key) for info in infos], signal, grace) if infos else []
    say(f"{how_many_jobs(len(stopped))} stopped" if stopped or infos else "none of your jobs is queued or running")


def last_started_first(infos: Sequence[JobInfo]) -> list[JobInfo]:
    """Return jobs, given oldest first, in the order in which they are stopped: those that wait, from the last one on, then the others.

    So hardly one starts in the place of a job that was stopped or has ended, however many requests it takes.
    """
    waiting = [info for info in infos if info.state is State.QUEUED]
    return [*reversed(waiting), *(info for info in infos if info.state is not State.QUEUED)]


def _stop(connected: Client, each_one: OneByOne, jobs: list[Job], signal: int | None, grace: float | None) -> list[Job]:
    """Stop jobs, all of them with one request, and return those that were stopped."""
    try:
        connected.stop(jobs, signal=signal, grace=grace)
    except Refused as refused:
        if is_no_answer(refused):
            raise
    else:
        return jobs

    # One of them may not be stopped by this member, for instance.
    def stop_alone(job: Job) -> Job:
        job.stop_soon(signal, grace)
        return job

    stopped = each_one.each(jobs, stop_alone)
    connected.wait(stopped)
    return stopped
