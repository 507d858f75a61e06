"""`jobwire submit`: submit a job and print its id."""

from __future__ import annotations

from typing import Annotated

from ....schemas.private_parts.frozen import replace
from ...batch.options.job_options import Wishes
from .. import exit_status
from ..chosen_context import client, context_name
from ..exit_status import BadInput
from ..job.conditions import with_conditions
from ..job.job_arguments import Command, JobId, OnEach, id_or_new, job_spec, takes_job_options
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
    on_each: OnEach = False,
    fail_fast: Annotated[
        bool, Option("--fail-fast", help="With --array or --on-each: when a job fails, stop and cancel the others.")
    ] = False,
    on_finish: Annotated[
        str | None,
        Option(
            "--on-finish",
            metavar="COMMAND",
            help="With --array or --on-each: run this once when all have ended.",
        ),
    ] = None,
    tty: Annotated[
        bool, Option("--tty", "-it", help="Run on a terminal, for jobwire attach. Its size is that of this one, or 24 rows, 80 columns.")
    ] = False,
    wishes: Wishes,
) -> None:
    """Submit a command and print the id of its job.

    Returns once the job is recorded. It then runs whatever happens on this machine, even if the worker crashes. With --wait and --follow
    too, Ctrl-C ends only this command; the job continues. With --array it submits a batch of such jobs and prints the id of their run;
    --id is then the id of the run, and --wait exits with 1 if any failed. So does --on-each, with a job for each worker of the broker that
    --on and --not-on allow.

    A job with --script, --put or --get has a folder of its own, in which it runs. jobwire get JOB fetches what --get names.
    """
    identifier = id_or_new(id_)
    context = context_name(ctx)
    spec = job_spec(command, wishes, context)
    if tty:
        demand_no_input(wishes)
        if on_each:
            raise BadInput("--tty and --on-each cannot be combined: a terminal belongs to one job; use --on worker=NAME")
        if array is not None:
            raise BadInput("--tty and --array cannot be combined: a terminal can be attached to one job only")
        if follow:
            raise BadInput("--tty and --follow cannot be combined: jobwire run --tty shows the terminal, or later jobwire attach JOB")
        spec = on_a_terminal(spec, wishes, usual_size())
    if array is not None or on_each:
        if follow:
            other = "jobwire run --on-each for the output of all" if on_each else "--wait, and jobwire logs RUN for the output of an array"
            raise BadInput(f"--follow shows one job; use {other}")
        from ..batches.new_run import Ways, start_run  # noqa: PLC0415 -- few jobs are many
        from ..batches.planning.arrays import batch_of, finish_of_array  # noqa: PLC0415 -- as above

        ways = Ways(id_, None, no_wait=not wait, dry_run=False, json=False, quiet=quiet, fail_fast=fail_fast, after=wishes.after)
        batch = replace(batch_of(spec, array, on_each=on_each), on_finish=finish_of_array(on_finish, wishes, context))
        start_run(ctx, batch, ways, context)
    if fail_fast or on_finish is not None:
        what = "--fail-fast" if fail_fast else "--on-finish"
        raise BadInput(f"{what} is about the jobs of a run, and needs --array or --on-each")
    with client(ctx, quiet=quiet) as connected:
        spec = with_conditions(connected, spec, wishes.after)
        job = submitted(connected, spec, identifier, watch=wait or follow)
        status = leave_or_attend(connected, job, wait=wait, follow=follow, quiet=quiet, has_terminal=tty)
        if follow or not quiet:
            advise(spec, job, context)
        raise exit_status.Ending(status)
