"""`jobwire pause` and `jobwire resume`."""

from __future__ import annotations

import typer

from .arguments import JobNames
from .choosing import running_jobs
from .opening import client
from .screen import say


def pause(ctx: typer.Context, names: JobNames) -> None:
    """Let jobs stand still, with all that they started.

    They do until resume. A paused job keeps its slot and its memory, and its time limit goes on. A stop ends it all the same.
    The name or run id of a batch stands for its jobs that run.
    """
    with client(ctx) as connected:
        jobs = running_jobs(connected, names)
        if jobs:
            connected.pause(jobs)
        else:
            say(f"nothing of {' and '.join(names)} runs")


def resume(ctx: typer.Context, names: JobNames) -> None:
    """Let paused jobs go on.

    One that is not paused goes on as it did.
    """
    with client(ctx) as connected:
        jobs = running_jobs(connected, names)
        if jobs:
            connected.resume(jobs)
        else:
            say(f"nothing of {' and '.join(names)} runs")
