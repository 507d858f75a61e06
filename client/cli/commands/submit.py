"""`jobwire submit`: submit a job and print its id."""

from __future__ import annotations

from typing import Annotated

import typer

from ....schemas.naming import format_id, short_id
from ...batch.job_options import Wishes
from .. import exit_status
from ..attendance import Attendance
from ..chosen_context import client, context_name
from ..job_arguments import Command, JobId, id_or_new, job_spec, takes_job_options
from ..terminal.screen import say, tell_id
from ..terminal.sentences import how_it_ended, status_of
from ..terminal.signals import Signals


@takes_job_options
def submit(
    ctx: typer.Context,
    command: Command,
    id_: JobId = None,
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the job and exit with its status.")] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Like --wait, and show the output instead of the id.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print only the id.")] = False,
    wishes: Wishes,
) -> None:
    """Submit a command and print the id of its job.

    Returns once the job is recorded. It then runs whatever happens on this machine, even if the worker crashes.
    """
    identifier = id_or_new(id_)
    spec = job_spec(command, wishes, context_name(ctx))
    with client(ctx) as connected:
        job = connected.submit_many([spec], ids=[identifier], watch=wait or follow, tail_lines=0)[0]
        name = short_id(identifier)
        if follow:
            # Standard output is for the job.
            if not quiet:
                say(f"job {format_id(identifier)}")
            with Signals() as signals:
                raise exit_status.Ending(Attendance(connected, job).attend(signals))
        tell_id(format_id(identifier), "the job was submitted")
        if wait:
            job.wait()
            if not quiet and job.outcome is not None:
                say(f"job {name}: {how_it_ended(job.outcome)}")
            raise exit_status.Ending(exit_status.DONE if job.outcome is None else status_of(job.outcome))
        if not quiet:
            say(f"job {name} submitted; jobwire logs -f {name} shows its output, jobwire wait {name} waits for it")
