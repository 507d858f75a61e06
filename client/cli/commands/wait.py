"""`jobwire wait`."""

from __future__ import annotations

from typing import Annotated

import typer

from ....schemas.naming import short_id
from ....schemas.text.durations import parse_duration
from .. import exit_status
from ..arguments import JobNames, understood
from ..chosen_context import client
from ..job_names import chosen_jobs
from ..terminal.screen import duration, say
from ..terminal.sentences import failed, how_it_ended, status_of


def wait(
    ctx: typer.Context,
    names: JobNames,
    *,
    any_: Annotated[bool, typer.Option("--any", help="Return when one of them has ended.")] = False,
    timeout: Annotated[str | None, typer.Option("--timeout", metavar="TIME", help="Give up after this time, with status 124.")] = None,
) -> None:
    """Wait until jobs have ended.

    Exits with the status of a single job; with several, with 1 if any failed. The name or run id of a batch means all its jobs.
    """
    milliseconds = understood("--timeout", parse_duration, timeout)
    with client(ctx) as connected:
        jobs = chosen_jobs(connected, names)
        try:
            ended = connected.wait(jobs, any=any_, timeout=None if milliseconds is None else milliseconds / 1000)
        except TimeoutError:
            passed = duration((milliseconds or 0) * 1000)
            say(f"{passed} passed; the job continues" if len(jobs) == 1 else f"{passed} passed; some jobs have not ended")
            raise exit_status.Ending(exit_status.TIMED_OUT) from None
    outcomes = []
    for job in ended:
        if job.outcome is not None:
            outcomes.append(job.outcome)
            say(f"job {short_id(job.key.id)}: {how_it_ended(job.outcome)}")
    if len(jobs) == 1:
        raise exit_status.Ending(status_of(outcomes[0]) if outcomes else exit_status.DONE)
    raise exit_status.Ending(exit_status.REFUSED if any(map(failed, outcomes)) else exit_status.DONE)
