"""`jobwire submit`: submit a job and print its id."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from ....schemas.naming import format_id, short_id
from ...batch.job_options import Wishes
from .. import exit_status
from ..attendance import Attendance
from ..chosen_context import client, context_name
from ..job_arguments import Command, JobId, id_or_new, job_spec, takes_job_options
from ..path_advice import advise
from ..submission import submitted
from ..terminal.screen import say, tell_id
from ..terminal.sentences import how_it_ended, status_of
from ..terminal.streams import CannotWrite, ReaderGone


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

    Returns once the job is recorded. It then runs whatever happens on this machine, even if the worker crashes. With --wait and --follow
    too, Ctrl-C ends only this command; the job continues.
    """
    identifier = id_or_new(id_)
    context = context_name(ctx)
    spec = job_spec(command, wishes, context)
    with client(ctx) as connected:
        job = submitted(connected, spec, identifier, watch=wait or follow)
        name = short_id(identifier)
        if follow:
            # Standard output is for the job.
            if not quiet:
                say(f"job {format_id(identifier)}")
            with _leaving(name):
                status = Attendance(connected, job).attend(None)
            advise(spec, job.outcome, context)
            raise exit_status.Ending(status)
        tell_id(format_id(identifier), "the job was submitted")
        if wait:
            with _leaving(name):
                job.wait()
            if not quiet and job.outcome is not None:
                say(f"job {name}: {how_it_ended(job.outcome)}")
                advise(spec, job.outcome, context)
            raise exit_status.Ending(exit_status.DONE if job.outcome is None else status_of(job.outcome))
        if not quiet:
            say(f"job {name} submitted; jobwire logs -f {name} shows its output, jobwire wait {name} waits for it")


@contextmanager
def _leaving(name: str) -> Iterator[None]:
    """Say that the job continues if the command ends before it."""
    continues = f"the job continues; jobwire logs -f {name} shows its output, jobwire stop {name} stops it"
    try:
        yield
    except KeyboardInterrupt:
        say(continues)
        raise exit_status.Ending(exit_status.INTERRUPTED) from None
    except (ReaderGone, CannotWrite):
        say(continues)
        raise
