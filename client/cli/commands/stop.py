"""`jobwire stop`."""

from __future__ import annotations

from typing import Annotated

import typer

from ....schemas.naming import short_id
from ....schemas.text.durations import parse_duration
from ...batch.job_options import parse_signal
from ..arguments import JobNames, understood
from ..chosen_context import client
from ..exit_status import BadInput
from ..job_names import named, one_unfinished_job, unique
from ..runs import title_of_all
from ..terminal.screen import say
from ..terminal.sentences import how_it_ended, how_many_jobs


def stop(
    ctx: typer.Context,
    names: JobNames,
    *,
    signal: Annotated[
        str | None, typer.Option("--signal", metavar="SIGNAL", help="Signal to send first. Default: the job's stop signal.")
    ] = None,
    grace: Annotated[
        str | None, typer.Option("--grace", metavar="TIME", help="Time from that signal to SIGKILL. Default: the job's grace.")
    ] = None,
    now: Annotated[bool, typer.Option("--now", help="Send SIGKILL at once.")] = False,
) -> None:
    """Stop jobs and all processes that they started.

    Sends each job its stop signal and, after its grace, SIGKILL, and returns when none of its processes is left. A queued job is
    cancelled. The name or run id of a batch means all its jobs that have not ended.
    """
    if now and grace is not None:
        raise BadInput("--now and --grace cannot be combined; --now means --grace 0")
    number = understood("--signal", parse_signal, signal)
    grace_ms = 0 if now else understood("--grace", parse_duration, grace)
    with client(ctx) as connected:
        grace_seconds = None if grace_ms is None else grace_ms / 1000
        found = named(connected, names, one_unfinished_job)
        jobs = unique(one.job for one in found if one.job is not None)
        alive = [job for job in jobs if job.outcome is None]
        for job in jobs:
            if job.outcome is not None:
                say(f"job {short_id(job.key.id)} has already ended: {how_it_ended(job.outcome)}")
        # All are asked to end before any end is waited for.
        stops = [
            (title_of_all(one.run), one.run.handle.stop_soon(number, grace_seconds, every_run=one.run.by_name))
            for one in found
            if one.run is not None
        ]
        if alive:
            connected.stop(alive, signal=number, grace=grace_seconds)
        for job in alive:
            if job.outcome is not None:
                say(f"job {short_id(job.key.id)}: {how_it_ended(job.outcome)}")
        for title, stopping in stops:
            if stopping.jobs:
                stopping.wait()
                say(f"{title}: {how_many_jobs(stopping.jobs)} stopped")
            else:
                say(f"all jobs of {title} have already ended")
