"""`jobwire hold`, `release` and `set`: change jobs that wait, and how many jobs of a run may run at once."""

from __future__ import annotations

from typing import Annotated

from ....schemas.naming import short_id
from ....schemas.refusal import Code, Reason, Refused
from ....schemas.text.durations import parse_duration
from ...batch.options.option_values import parse_priority
from ...library.client import Client
from ...library.job import Job
from ..arguments import JobNames, parse_count, understood
from ..exit_status import BadInput
from ..parser.parameters import Context, Option
from ..targets.runs import Run, title_of_all
from ..targets.unfinished import for_each_unfinished


def hold(ctx: Context, names: JobNames) -> None:
    """Hold queued jobs: they do not start until released.

    jobwire release returns them to their old place in the queue. A job that has started cannot be held; jobwire pause suspends it. The name
    or run id of a batch means its queued jobs.
    """
    for_each_unfinished(
        ctx,
        names,
        lambda connected, job: connected.change([job], held=True),
        lambda run: run.handle.hold(every_run=run.by_name),
        _none_waits,
    )


def release(ctx: Context, names: JobNames) -> None:
    """Release held jobs, so that they can start.

    Does nothing to a job that is not held. The name or run id of a batch means its held jobs.
    """
    for_each_unfinished(
        ctx,
        names,
        lambda connected, job: connected.change([job], held=False),
        lambda run: run.handle.release(every_run=run.by_name),
        _none_waits,
    )


def set_(
    ctx: Context,
    names: JobNames,
    *,
    priority: Annotated[
        str | None, Option("-p", "--priority", metavar="N", help="Start them before your other jobs with a lower one: -1000 to 1000.")
    ] = None,
    time_limit: Annotated[
        str | None, Option("-t", "--time-limit", metavar="TIME", help="Stop them when they have run this long. 0: no limit.")
    ] = None,
    parallel: Annotated[
        str | None, Option("--parallel", metavar="N", help="For a run: how many of its jobs may run at once. 0: no limit.")
    ] = None,
) -> None:
    """Change queued jobs, the time limit of running jobs, or a run.

    A priority counts among the jobs of one owner, a time limit from the start of the job. The name or run id of a batch means its jobs; a
    smaller --parallel stops no job that runs already.
    """
    urgency = understood("--priority", parse_priority, priority)
    width = understood("--parallel", parse_count, parallel)
    limit_ms = understood("--time-limit", parse_duration, time_limit)
    if urgency is None and width is None and limit_ms is None:
        raise BadInput("name what to set: --priority N, --time-limit TIME, or --parallel N for a run")
    limit = None if limit_ms is None else limit_ms / 1000

    def set_job(connected: Client, job: Job) -> None:
        if width is not None:
            message = f"{short_id(job.key.id)} is a job, and --parallel is about the run of a batch"
            raise Refused(Code.INVALID_ARGUMENT, message, "name its run")
        connected.change([job], priority=urgency, time_limit=limit)

    for_each_unfinished(
        ctx,
        names,
        set_job,
        lambda run: run.handle.change(priority=urgency, time_limit=limit, parallel=width, every_run=run.by_name),
        _none_waits,
    )


def _none_waits(run: Run) -> Refused:
    return Refused(Code.FAILED_PRECONDITION, f"no job of {title_of_all(run)} is waiting", reason=Reason.STARTED)
