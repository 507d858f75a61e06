"""`jobwire batch`: many jobs from a file, all accepted or none."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ....schemas.frames import MOST_JOBS_PER_START
from ....schemas.refusal import Code, Refused
from ...batch.batch_file import LARGEST_FILE, Batch, read_batch
from ...batch.job_options import Wishes
from ...batch.reading import STDIN, read_whole
from ...library.client import Client
from ...library.values.results import BatchInfo, JobInfo
from .. import exit_status
from ..arguments import parse_count, understanding, understood
from ..batches.plan import Plan, plan_rerun
from ..batches.watch import known_run, show_plan, submit_run
from ..chosen_context import client, context_name
from ..exit_status import BadInput
from ..job.job_arguments import id_or_new, surroundings, takes_options_of_all_jobs, wishes_of_all_jobs
from ..targets.job_names import run_named
from ..terminal.screen import say

_MOST_WARNINGS = 5


@takes_options_of_all_jobs
def batch(
    ctx: typer.Context,
    file: Annotated[
        str | None, typer.Argument(metavar="FILE|-", help="TOML, or JSON with the same keys or from list --json. - is standard input.")
    ] = None,
    *,
    lines: Annotated[
        bool, typer.Option("--lines", help="Read one command per line, split into words as a shell does. No shell runs them.")
    ] = False,
    id_: Annotated[str | None, typer.Option("--id", metavar="RUN", help="Id of this run. Repeating a run starts no job twice.")] = None,
    parallel: Annotated[str | None, typer.Option("--parallel", metavar="N", help="Run at most N of its jobs at once. 0: no limit.")] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Print the run id and exit once the batch is recorded.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the file and list its jobs without submitting them.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print only what failed; with --no-wait, only the run id.")] = False,
    retry_failed: Annotated[
        str | None,
        typer.Option("--retry-failed", metavar="BATCH", help="Instead of a file: run what failed of this run again, as a new run."),
    ] = None,
    wishes: Wishes,
) -> None:
    """Submit many jobs from a file, all or none, and wait for them.

    Prints a line when a job ends, and exits with 1 if any failed. Ctrl-C ends only this command; the jobs continue. Mistakes in the file
    are reported with line and key before anything is submitted. Options of a job apply to all jobs and count more than the file:

        jobwire batch -C /srv/data -t 10m -e PATH --lines commands.txt
    """
    run = id_or_new(id_)
    width = understood("--parallel", parse_count, parallel)
    if retry_failed is not None:
        if file is not None or lines or wishes != Wishes():
            raise BadInput("--retry-failed runs jobs again with everything as it was; it takes no FILE, no --lines and no options of a job")
        with client(ctx) as connected:
            known = known_run(connected, run) if id_ is not None else []
            found = _find(connected, retry_failed, known)
            plan, note = plan_rerun(found, known, run, failed_only=True, width=width)
            if note:
                say(note)
            if dry_run and plan.wanted:
                show_plan(plan)
            elif plan.wanted:
                raise exit_status.Ending(submit_run(connected, plan, known, wait=not no_wait, quiet=quiet))
            return
    context = context_name(ctx)
    read = _read(file, context, wishes_of_all_jobs(wishes, context), lines=lines)
    specs = dict(zip(read.ids(run), read.jobs, strict=True))
    plan = Plan(BatchInfo(run, read.name, read.parallel if width is None else min(width, MOST_JOBS_PER_START)), specs, specs)
    if dry_run:
        show_plan(plan)
        return
    with client(ctx) as connected:
        # Only a run whose id was given can be known already.
        known = known_run(connected, run) if id_ is not None else []
        raise exit_status.Ending(submit_run(connected, plan, known, wait=not no_wait, quiet=quiet, context=context))


def _find(connected: Client, name: str, known: Sequence[JobInfo]) -> list[JobInfo] | None:
    """Return the jobs of the run of this name; None if it is not known any more, and its failed jobs were run again before."""
    try:
        # A name may mean another run by now than when the jobs were submitted.
        return run_named(connected, name, every_run=bool(known))
    except Refused as refused:
        if refused.code is not Code.NOT_FOUND or not known:
            raise
        say(f"{refused.message}; its failed jobs were run again before")
        return None


def _read(file: str | None, context: str, over: Wishes, *, lines: bool) -> Batch:
    if file is None:
        raise BadInput("name a batch file, or - for standard input; see jobwire batch --help")
    if not file:
        raise BadInput("the batch file has no name; - is standard input")
    around = surroundings(context)
    name, source = ("standard input", STDIN) if file == "-" else (file, os.fsencode(file))
    # In a folder that was removed no relative name leads anywhere, which is said when it is read.
    if file != "-" and (file.startswith("/") or not around.is_gone):
        around = around._replace(files=Path(file).absolute().parent)
    try:
        text = read_whole(source, LARGEST_FILE)
    except (OSError, ValueError) as error:
        raise BadInput(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    with understanding():
        plan = read_batch(text, name, around, lines=lines, over=over)
    for warning in plan.warnings[:_MOST_WARNINGS]:
        say(warning)
    if (more := len(plan.warnings) - _MOST_WARNINGS) > 0:
        say(f"... and {more} more line{'s' if more > 1 else ''} like this")
    return plan
