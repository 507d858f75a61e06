"""`jobwire batch`: many jobs from a file, all accepted or none."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ....schemas.frames import MOST_JOBS_PER_START
from ....schemas.generated import job_pb2, request_pb2
from ....schemas.naming import format_id, short_id
from ....schemas.refusal import Refused
from ....schemas.spec import JobSpec
from ....schemas.wire_codec import outcome_from_wire
from ...batch.batch_file import LARGEST_FILE, Batch, read_batch
from ...batch.job_options import Wishes
from ...batch.reading import STDIN, read_whole
from ...library.actions import start_request
from ...library.client import Client
from ...library.results import BatchInfo
from .. import exit_status
from ..arguments import parse_count, understanding, understood
from ..chosen_context import client, context_name
from ..exit_status import BadInput
from ..job_arguments import id_or_new, surroundings, takes_options_of_all_jobs, wishes_of_all_jobs
from ..path_advice import advise
from ..terminal.progress import TAIL_LINES, Progress
from ..terminal.screen import say, tell_id, write
from ..terminal.sentences import command_line, failed, how_many_jobs
from ..terminal.streams import CannotWrite, ReaderGone

_MOST_WARNINGS = 5


@takes_options_of_all_jobs
def batch(
    ctx: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="FILE|-", help="TOML, or JSON with the same keys or from list --json. - is standard input.")
    ],
    *,
    lines: Annotated[
        bool, typer.Option("--lines", help="Read one command per line, split into words as a shell does. No shell runs them.")
    ] = False,
    id_: Annotated[str | None, typer.Option("--id", metavar="RUN", help="Id of this run. Repeating a run starts no job twice.")] = None,
    parallel: Annotated[str | None, typer.Option("--parallel", metavar="N", help="Run at most N of its jobs at once. 0: no limit.")] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Print the run id and exit once the batch is recorded.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the file and list its jobs without submitting them.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print only what failed; with --no-wait, only the run id.")] = False,
    wishes: Wishes,
) -> None:
    """Submit many jobs from a file, all or none, and wait for them.

    Prints a line when a job ends, and exits with 1 if any failed. Ctrl-C ends only this command; the jobs continue. Mistakes in the file
    are reported with line and key before anything is submitted. Options of a job apply to all jobs and count more than the file:

        jobwire batch -C /srv/data -t 10m -e PATH --lines commands.txt
    """
    run = id_or_new(id_)
    width = understood("--parallel", parse_count, parallel)
    context = context_name(ctx)
    plan = _read(file, context, wishes_of_all_jobs(wishes, context), lines=lines)
    ids = plan.ids(run)
    if dry_run:
        for job_id, job in zip(ids, plan.jobs, strict=True):
            write(format_id(job_id), job.name, command_line(job.argv))
        say(f"{how_many_jobs(len(ids))}; nothing was submitted")
        return
    about = BatchInfo(run, plan.name, plan.parallel if width is None else min(width, MOST_JOBS_PER_START))
    request = start_request(plan.jobs, ids, batch=about, watch=not no_wait, tail_lines=TAIL_LINES)
    jobs = dict(zip(ids, plan.jobs, strict=True))
    with client(ctx) as connected:
        # Only a run whose id was given can be known already.
        known = 0 if id_ is None else len(jobs.keys() & {info.key.id for info in connected.list(all=True, batch=run)})
        repeated = f", {known if known < len(jobs) else 'all'} of them submitted before" if known else ""
        if no_wait:
            try:
                connected.connection.call(request)
            except Refused as refused:
                raise _about_job(refused, plan.jobs) from None
            tell_id(format_id(run), "the batch was submitted")
            if not quiet:
                say(f"{how_many_jobs(len(jobs))} submitted{repeated}; jobwire wait {format_id(run)} waits for their end")
            return
        if not quiet:
            say(f"run {format_id(run)}: {how_many_jobs(len(jobs))}{repeated}")
        raise exit_status.Ending(_watch(connected, request, jobs, context, quiet=quiet))


def _read(file: str, context: str, over: Wishes, *, lines: bool) -> Batch:
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


def _watch(connected: Client, request: request_pb2.Request, jobs: dict[bytes, JobSpec], context: str, *, quiet: bool = False) -> int:
    """Submit the batch, report each end as it comes, and return the exit status of the command."""
    run = format_id(request.start.batch.id)
    exchange = connected.connection.ask(request)
    failures = 0
    is_advised = False
    is_submitted = False
    with Progress(len(jobs), quiet=quiet) as progress:
        try:
            while (answer := connected.connection.next(exchange)) is not None:
                is_submitted = True
                for report in answer.reports.reports if isinstance(answer, request_pb2.Reply) else ():
                    spec = jobs[report.key.id]
                    has_failed = _tell(progress, report, _title(spec))
                    failures += has_failed
                    # Once for a batch.
                    is_advised = is_advised or (has_failed and advise(spec, outcome_from_wire(report.outcome), context))
        except KeyboardInterrupt:
            progress.close()
            if is_submitted:
                say(f"the jobs continue; jobwire wait {run} waits for them, jobwire stop {run} stops them")
            else:
                say(f"interrupted before the batch was acknowledged; run it again with --id {run}: no job starts twice")
            raise exit_status.Ending(exit_status.INTERRUPTED) from None
        except (ReaderGone, CannotWrite):
            say(f"the jobs continue; jobwire wait {run} waits for them, jobwire stop {run} stops them")
            raise
        except Refused as refused:
            if is_submitted:
                # This member may start nothing any more, for example; the jobs that were started continue.
                raise
            raise _about_job(refused, [*jobs.values()]) from None
    if failures:
        which = "the job" if len(jobs) == 1 else f"{failures} of {how_many_jobs(len(jobs))}"
        say(f"{which} failed; jobwire list -a --batch {run} shows all jobs")
    return exit_status.REFUSED if failures else exit_status.DONE


def _tell(progress: Progress, report: request_pb2.Report, name: str) -> bool:
    """Show what is reported about a job, and return whether it has failed."""
    title = f"{short_id(report.key.id)} {name}"
    if report.state != job_pb2.STATE_FINISHED:
        progress.runs(report.key.id)
        if report.waits_for:
            say(f"{title}: {report.waits_for}")
        return False
    outcome = outcome_from_wire(report.outcome)
    progress.ended(report.key.id, title, outcome, report.stderr_tail)
    return failed(outcome)


def _about_job(refused: Refused, jobs: Sequence[JobSpec]) -> Refused:
    if refused.job_index is None or refused.job_index >= len(jobs):
        return refused
    title = _title(jobs[refused.job_index])
    return Refused(refused.code, f"job {refused.job_index + 1} ({title}): {refused.message}; no job was submitted", refused.next_step)


def _title(job: JobSpec) -> str:
    return job.name or command_line(job.argv)
