"""`jobwire hold`, `release` and `set`: what is changed about jobs that wait, and the width of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated

import typer

from ....schemas.naming import short_id
from ....schemas.refusal import Code, Reason, Refused
from ....schemas.text.durations import parse_duration
from ...batch.option_values import parse_priority
from ...library.client import Client
from ...library.job import Job
from ..arguments import JobNames, parse_count, understood
from ..chosen_context import client
from ..exit_status import BadInput
from ..targets.job_names import Named, find_named, one_unfinished_job
from ..targets.one_by_one import OneByOne
from ..targets.runs import Run, title_of_all


def hold(ctx: typer.Context, names: JobNames) -> None:
    """Let queued jobs wait until they are released.

    jobwire release lets them start again, at their old place. A job that has started cannot be held; jobwire pause suspends it. The name
    or run id of a batch means its queued jobs.
    """
    _for_each(ctx, names, lambda connected, job: connected.change([job], held=True), lambda run: run.handle.hold(every_run=run.by_name))


def release(ctx: typer.Context, names: JobNames) -> None:
    """Let held jobs start.

    Does nothing to a job that is not held. The name or run id of a batch means its held jobs.
    """
    _for_each(ctx, names, lambda connected, job: connected.change([job], held=False), lambda run: run.handle.release(every_run=run.by_name))


def set_(
    ctx: typer.Context,
    names: JobNames,
    *,
    priority: Annotated[
        str | None, typer.Option("-p", "--priority", metavar="N", help="Start them before your other jobs with a lower one: -1000 to 1000.")
    ] = None,
    time_limit: Annotated[
        str | None, typer.Option("-t", "--time-limit", metavar="TIME", help="Stop them when they have run so long; 0: no limit.")
    ] = None,
    parallel: Annotated[
        str | None, typer.Option("--parallel", metavar="N", help="Of a run: let at most N of its jobs run at once. 0: no limit.")
    ] = None,
) -> None:
    """Change queued jobs, the time limit of running ones too, or a run while it runs.

    A priority counts among the jobs of one owner, a time limit from the start of the job. The name or run id of a batch means its jobs; a
    smaller --parallel ends none that runs already.
    """
    urgency = understood("--priority", parse_priority, priority)
    width = understood("--parallel", parse_count, parallel)
    limit_ms = understood("--time-limit", parse_duration, time_limit)
    if urgency is None and width is None and limit_ms is None:
        raise BadInput("say what to set: --priority N, --time-limit TIME, or --parallel N for a run")
    limit = None if limit_ms is None else limit_ms / 1000

    def set_job(connected: Client, job: Job) -> None:
        if width is not None:
            message = f"{short_id(job.key.id)} is a job, and --parallel is about the run of a batch"
            raise Refused(Code.INVALID_ARGUMENT, message, "name its run")
        connected.change([job], priority=urgency, time_limit=limit)

    _for_each(ctx, names, set_job, lambda run: run.handle.change(priority=urgency, time_limit=limit, parallel=width, every_run=run.by_name))


def _for_each(ctx: typer.Context, names: Iterable[str], do_job: Callable[[Client, Job], None], do_run: Callable[[Run], int]) -> None:
    """Do it for each job and each run by itself. `do_run` returns for how many jobs it was done."""
    with client(ctx) as connected:

        def do(one: Named) -> None:
            if one.job is not None:
                do_job(connected, one.job)
            elif one.run is not None and not do_run(one.run):
                raise Refused(Code.FAILED_PRECONDITION, f"no job of {title_of_all(one.run)} is waiting", reason=Reason.STARTED)

        each_one = OneByOne()
        each_one.each(each_one.each(names, lambda name: find_named(connected, name, one_unfinished_job)), do)
        each_one.finish()
