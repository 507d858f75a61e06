"""`jobwire signal`, `pause` and `resume`: what is sent to all processes of jobs that run."""

from __future__ import annotations

from typing import Annotated

import typer

from ...batch.job_options import parse_signal
from ..arguments import JobName, JobNames, understood
from ..chosen_context import client
from ..job_names import one_unfinished_job, running_jobs
from ..terminal.screen import say


def send_signal(
    ctx: typer.Context,
    name: JobName,
    signal: Annotated[str, typer.Argument(metavar="SIGNAL", help="TERM, SIGTERM or 15.")],
) -> None:
    """Send a signal to all processes of a job."""
    number = understood("SIGNAL", parse_signal, signal)
    with client(ctx) as connected:
        one_unfinished_job(connected, name).send_signal(number or 0)


def pause(ctx: typer.Context, names: JobNames) -> None:
    """Suspend jobs and all their processes.

    jobwire resume continues them. A paused job keeps its slot and its memory, its time limit keeps running, and it can be stopped.
    The name or run id of a batch means its running jobs.
    """
    with client(ctx) as connected:
        jobs = running_jobs(connected, names)
        if jobs:
            connected.pause(jobs)
        else:
            say(f"no job of {' and '.join(names)} is running")


def resume(ctx: typer.Context, names: JobNames) -> None:
    """Continue paused jobs.

    Does nothing to a job that is not paused.
    """
    with client(ctx) as connected:
        jobs = running_jobs(connected, names)
        if jobs:
            connected.resume(jobs)
        else:
            say(f"no job of {' and '.join(names)} is running")
