"""`jobwire signal`, `pause` and `resume`: what is sent to all processes of jobs that run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated

import typer

from ....schemas.refusal import Code, Reason, Refused
from ...batch.option_values import parse_signal
from ...library.client import Client
from ...library.job import Job
from ..arguments import JobName, JobNames, understood
from ..chosen_context import client
from ..targets.job_names import Named, find_named, one_unfinished_job
from ..targets.one_by_one import OneByOne
from ..targets.runs import Run, title_of_all


def send_signal(
    ctx: typer.Context,
    name: JobName,
    signal: Annotated[str, typer.Argument(metavar="SIGNAL", help="TERM, SIGTERM or 15.")],
) -> None:
    """Send a signal to all processes of a job.

    A run id, or the name of a batch for its newest run, means all its running jobs.
    """
    number = understood("SIGNAL", parse_signal, signal) or 0
    _for_each(ctx, [name], lambda _, job: job.send_signal(number), lambda run: run.handle.send_signal(number), title=str)


def pause(ctx: typer.Context, names: JobNames) -> None:
    """Suspend jobs and all their processes.

    jobwire resume continues them. A paused job keeps its slot and its memory, its time limit keeps running, and it can be stopped.
    The name or run id of a batch means its running jobs.
    """
    _for_each(ctx, names, lambda connected, job: connected.pause([job]), lambda run: run.handle.pause(every_run=run.by_name))


def resume(ctx: typer.Context, names: JobNames) -> None:
    """Continue paused jobs.

    Does nothing to a running job that is not paused. The name or run id of a batch means its running jobs.
    """
    _for_each(ctx, names, lambda connected, job: connected.resume([job]), lambda run: run.handle.resume(every_run=run.by_name))


def _for_each(
    ctx: typer.Context,
    names: Iterable[str],
    do_job: Callable[[Client, Job], None],
    do_run: Callable[[Run], int],
    *,
    title: Callable[[Run], str] = title_of_all,
) -> None:
    """Do it for each job and each run by itself. `do_run` returns for how many jobs it was done; `title` what of a run it is about."""
    with client(ctx) as connected:

        def do(one: Named) -> None:
            if one.job is not None:
                do_job(connected, one.job)
            elif one.run is not None and not do_run(one.run):
                raise Refused(Code.FAILED_PRECONDITION, f"no job of {title(one.run)} is running", reason=Reason.NOT_STARTED)

        each_one = OneByOne()
        each_one.each(each_one.each(names, lambda name: find_named(connected, name, one_unfinished_job)), do)
        each_one.finish()
