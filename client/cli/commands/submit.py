"""`jobwire submit`: submit a job and print its id."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from ...batch.job_options import Wishes
from .. import exit_status
from ..chosen_context import client, context_name
from ..exit_status import BadInput
from ..job.conditions import find_conditions
from ..job.job_arguments import Command, JobId, id_or_new, job_spec, takes_job_options
from ..job.path_advice import advise
from ..job.submission import leave_or_attend, submitted
from ..parser.parameters import Context, Option
from ..session.options import demand_no_input, on_a_terminal, usual_size


@takes_job_options
def submit(  # noqa: PLR0913 -- one for each option
    ctx: Context,
    command: Command = None,
    id_: JobId = None,
    *,
    array: Annotated[
        str | None,
        Option("--array", metavar="1-N[%W]", help="Submit a job for each index, at most W at once. JOBWIRE_ARRAY_INDEX is the index."),
    ] = None,
    wait: Annotated[bool, Option("--wait", help="Wait for the job and exit with its status.")] = False,
    follow: Annotated[bool, Option("--follow", help="Like --wait, and show the output instead of the id.")] = False,
    quiet: Annotated[bool, Option("-q", "--quiet", help="Print only the id.")] = False,
    fail_fast: Annotated[bool, Option("--fail-fast", help="With --array: when a job fails, stop and cancel the others.")] = False,
    on_finish: Annotated[
        str | None,
        Option(
            "--on-finish", metavar="COMMAND", help="With --array: run this once, as a job, when all have ended. One text; no shell is used."
        ),
    ] = None,
    tty: Annotated[
        bool, Option("--tty", help="Run on a terminal, for jobwire attach. Its size is that of this one, or 24 rows, 80 columns.")
    ] = False,
    wishes: Wishes,
) -> None:
    """Submit a command and print the id of its job.

    Returns once the job is recorded. It then runs whatever happens on this machine, even if the worker crashes. With --wait and --follow
    too, Ctrl-C ends only this command; the job continues. With --array it submits a batch of such jobs and prints the id of their run;
    --id is then the id of the run, and --wait exits with 1 if any failed.

    A job with --script, --put or --get has a folder of its own, in which it runs. jobwire get JOB fetches what --get names.
    """
    identifier = id_or_new(id_)
    context = context_name(ctx)
    spec = job_spec(command, wishes, context)
    if tty:
        demand_no_input(wishes)
        if array is not None:
            raise BadInput("--tty and --array cannot be combined: nobody could attach to all of them")
        if follow:
            raise BadInput("--tty and --follow cannot be combined: jobwire run --tty shows the terminal, or later jobwire attach JOB")
        spec = on_a_terminal(spec, wishes, usual_size())
    if array is not None:
        if follow:
            raise BadInput("--follow shows one job; use --wait, and jobwire logs RUN for the output of an array")
        from ..batches.arrays import finish_of_array, submit_array  # noqa: PLC0415 -- few jobs are arrays
        from ..batches.new_run import Ways  # noqa: PLC0415 -- as above

        submit_array(
            ctx,
            spec,
            array,
            Ways(id_, None, no_wait=not wait, dry_run=False, json=False, quiet=quiet, fail_fast=fail_fast, after=wishes.after),
            context,
            finish_of_array(on_finish, wishes, context),
        )
    if fail_fast or on_finish is not None:
        raise BadInput(f"{'--fail-fast' if fail_fast else '--on-finish'} is about the jobs of an array, and needs --array")
    with client(ctx) as connected:
        spec = replace(spec, after=find_conditions(connected, wishes.after)) if wishes.after else spec
        job = submitted(connected, spec, identifier, watch=wait or follow)
        status = leave_or_attend(connected, job, wait=wait, follow=follow, quiet=quiet)
        if follow or not quiet:
            advise(spec, job, context)
        raise exit_status.Ending(status)
