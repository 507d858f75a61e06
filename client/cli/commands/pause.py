"""`jobwire pause` and `jobwire resume`."""

from __future__ import annotations

import typer

from ..arguments import JobNames
from ..chosen_context import client
from ..job_names import running_jobs
from ..terminal.screen import say


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
