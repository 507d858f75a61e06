"""`jobwire signal`, `pause` and `resume`: what is sent to all processes of jobs that run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from ...batch.job_options import parse_signal
from ...library.client import Client
from ...library.job import Job
from ..arguments import JobName, JobNames, understood
from ..chosen_context import client
from ..job_names import named, one_unfinished_job, unique
from ..runs import Run
from ..terminal.screen import say


def send_signal(
    ctx: typer.Context,
    name: JobName,
    signal: Annotated[str, typer.Argument(metavar="SIGNAL", help="TERM, SIGTERM or 15.")],
) -> None:
    """Send a signal to all processes of a job.

    A run id, or the name of a batch for its newest run, means all its running jobs.
    """
    number = understood("SIGNAL", parse_signal, signal)
    with client(ctx) as connected:
        (one,) = named(connected, [name], one_unfinished_job)
        if one.job is not None:
            one.job.send_signal(number or 0)
        elif one.run is not None and not one.run.handle.send_signal(number or 0):
            say(_none_runs([name]))


def pause(ctx: typer.Context, names: JobNames) -> None:
    """Suspend jobs and all their processes.

    jobwire resume continues them. A paused job keeps its slot and its memory, its time limit keeps running, and it can be stopped.
    The name or run id of a batch means its running jobs.
    """
    with client(ctx) as connected:
        jobs, runs = _found(connected, names)
        if jobs:
            connected.pause(jobs)
        count = len(jobs) + sum(run.handle.pause(every_run=run.by_name) for run in runs)
    if not count:
        say(_none_runs(names))


def resume(ctx: typer.Context, names: JobNames) -> None:
    """Continue paused jobs.

    Does nothing to a job that is not paused.
    """
    with client(ctx) as connected:
        jobs, runs = _found(connected, names)
        if jobs:
            connected.resume(jobs)
        count = len(jobs) + sum(run.handle.resume(every_run=run.by_name) for run in runs)
    if not count:
        say(_none_runs(names))


def _found(connected: Client, names: Iterable[str]) -> tuple[list[Job], list[Run]]:
    found = named(connected, names, one_unfinished_job)
    return unique(one.job for one in found if one.job is not None), [one.run for one in found if one.run is not None]


def _none_runs(names: Iterable[str]) -> str:
    return f"no job of {' and '.join(names)} is running"
