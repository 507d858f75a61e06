"""`jobwire wait`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from ....schemas.job import Outcome
from ....schemas.naming import short_id
from ....schemas.text.durations import parse_duration
from .. import exit_status
from ..arguments import JobNames, understood
from ..chosen_context import client
from ..job_names import named_jobs, unique
from ..runs import Run
from ..terminal.screen import duration, say
from ..terminal.sentences import failed, how_it_ended, how_many_jobs, status_of


def wait(
    ctx: typer.Context,
    names: JobNames,
    *,
    any_: Annotated[bool, typer.Option("--any", help="Return when one of them has ended.")] = False,
    timeout: Annotated[str | None, typer.Option("--timeout", metavar="TIME", help="Give up after this time, with status 124.")] = None,
) -> None:
    """Wait until jobs have ended.

    Exits with the status of a single job; with several, with 1 if any failed. A run id, or the name of a batch for its newest
    run, means all its jobs.
    """
    milliseconds = understood("--timeout", parse_duration, timeout)
    with client(ctx) as connected:
        found = named_jobs(connected, names)
        jobs = unique(job for named in found for job in named.jobs)
        try:
            ended = connected.wait(jobs, any=any_, timeout=None if milliseconds is None else milliseconds / 1000)
        except TimeoutError:
            passed = duration((milliseconds or 0) * 1000)
            say(f"{passed} passed; the job continues" if len(jobs) == 1 else f"{passed} passed; some jobs have not ended")
            raise exit_status.Ending(exit_status.TIMED_OUT) from None
    outcomes = [job.outcome for job in ended if job.outcome is not None]
    for named in found:
        if named.run is None or any_:
            for job in named.jobs:
                if job.outcome is not None:
                    say(f"job {short_id(job.key.id)}: {how_it_ended(job.outcome)}")
        else:
            say(_summary(named.run, [job.outcome for job in named.jobs if job.outcome is not None]))
    if len(jobs) == 1:
        raise exit_status.Ending(status_of(outcomes[0]) if outcomes else exit_status.DONE)
    raise exit_status.Ending(exit_status.REFUSED if any(map(failed, outcomes)) else exit_status.DONE)


def _summary(run: Run, outcomes: Sequence[Outcome]) -> str:
    failures = sum(map(failed, outcomes))
    if not failures:
        return f"{run}: {how_many_jobs(len(outcomes))} ended without failure"
    which = "the job" if len(outcomes) == 1 else f"{failures} of {how_many_jobs(len(outcomes))}"
    return f"{run}: {which} failed; jobwire show {run.id} shows why"
