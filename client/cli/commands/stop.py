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
from ..job_names import named_unfinished_jobs, unique
from ..runs import unfinished_title
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
        found = named_unfinished_jobs(connected, names)
        for named in found:
            if named.run is not None:
                if not named.jobs:
                    say(f"all jobs of {unfinished_title(named.run)} have already ended")
            elif (outcome := named.jobs[0].outcome) is not None:
                say(f"job {short_id(named.jobs[0].key.id)} has already ended: {how_it_ended(outcome)}")
        stopped = [(named.run, jobs) for named in found if (jobs := [job for job in named.jobs if job.outcome is None])]
        if not stopped:
            return
        connected.stop(
            unique(job for _, jobs in stopped for job in jobs), signal=number, grace=None if grace_ms is None else grace_ms / 1000
        )
        for run, jobs in stopped:
            if run is not None:
                say(f"{unfinished_title(run)}: {how_many_jobs(len(jobs))} stopped")
            elif (outcome := jobs[0].outcome) is not None:
                say(f"job {short_id(jobs[0].key.id)}: {how_it_ended(outcome)}")
