"""`jobwire batch`: many jobs from a file, all accepted or none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from ....schemas.refusal import Code, Refused
from ...batch.options.job_options import Wishes
from ...library.client import Client
from ...library.values.job_info import JobInfo
from .. import exit_status
from ..batches.new_run import (
    DryRun,
    DryRunJson,
    FailFast,
    KeepOrder,
    NoWait,
    OnFinish,
    Parallel,
    Quiet,
    RunId,
    ShowOutput,
    Tag,
    Ways,
    show_plan,
    start_run,
)
from ..batches.planning.file import Beside, read_file
from ..batches.planning.plan import plan_rerun
from ..batches.watch import known_run, on_finish_of, submit_run
from ..chosen_context import client, context_name
from ..exit_status import BadInput
from ..job.job_arguments import takes_options_of_all_jobs
from ..parser.parameters import Argument, Context, Option
from ..targets.job_names import run_named
from ..terminal.screen import say


@takes_options_of_all_jobs
def batch(  # noqa: PLR0913 -- one for each option
    ctx: Context,
    file: Annotated[
        str | None, Argument(metavar="FILE|-", help="TOML, or JSON with the same keys or from list --json. - is standard input.")
    ] = None,
    *,
    lines: Annotated[
        bool, Option("--lines", help="Read one command per line, split into words as a shell does. No shell runs them.")
    ] = False,
    set_: Annotated[
        list[str] | None, Option("--set", metavar="K=V", help="Replace {K} by V in all jobs; takes precedence over [set] in the file.")
    ] = None,
    id_: RunId = None,
    parallel: Parallel = None,
    no_wait: NoWait = False,
    dry_run: DryRun = False,
    json: DryRunJson = False,
    quiet: Quiet = False,
    show_output: ShowOutput = False,
    keep_order: KeepOrder = False,
    tag: Tag = False,
    fail_fast: FailFast = False,
    on_finish: OnFinish = None,
    retry_failed: Annotated[
        str | None,
        Option("--retry-failed", metavar="BATCH", help="Instead of a file: run what failed of this run again, as a new run."),
    ] = None,
    schema: Annotated[bool, Option("--schema", help="Print the JSON Schema of batch files, for editors, and exit.")] = False,
    wishes: Wishes,
) -> None:
    """Submit many jobs from a file, all or none, and wait for them.

    Prints a line when a job ends, and exits with 1 if any failed. Ctrl-C ends only this command; the jobs continue. Mistakes in the file
    are reported with line and key before anything is submitted. Options of a job apply to all jobs and take precedence over the file:

        jobwire batch -C /srv/data -t 10m -e PATH --lines commands.txt
    """
    if schema:
        _print_schema()
        return
    ways = Ways(id_, parallel, no_wait, dry_run, json, quiet, fail_fast, wishes.after, (show_output, keep_order, tag))
    ways.demand_sense()
    if retry_failed is not None:
        if file is not None or lines or set_ or on_finish is not None or wishes != Wishes():
            raise BadInput(
                "--retry-failed runs jobs again as they were submitted; it takes no FILE, --lines, --on-finish, nor options of a job"
            )
        _retry(ctx, retry_failed, ways)
        return
    context = context_name(ctx)
    start_run(ctx, read_file(file, Beside(lines, set_ or (), on_finish, wishes), context), ways, context)


def _print_schema() -> None:
    import json  # noqa: PLC0415 -- few want the schema

    from ...batch.file_schema import schema_of_files  # noqa: PLC0415 -- as above
    from ..terminal.screen import write  # noqa: PLC0415 -- as above

    for line in json.dumps(schema_of_files(), indent=2).splitlines():
        write(line)


def _retry(ctx: Context, failed: str, ways: Ways) -> None:
    run = ways.run
    with client(ctx, quiet=ways.quiet) as connected:
        known = known_run(connected, run) if ways.id is not None else []
        found = _find(connected, failed, known)
        plan, note = plan_rerun(found, known, run, failed_only=True, width=ways.width, on_finish=on_finish_of(connected, found))
        if note:
            say(note)
        if ways.dry_run and plan.wanted:
            show_plan(plan, as_json=ways.json)
        elif plan.wanted:
            raise exit_status.Ending(submit_run(connected, plan, known, wait=not ways.no_wait, telling=ways.telling))


def _find(connected: Client, name: str, known: Sequence[JobInfo]) -> list[JobInfo] | None:
    """Return the jobs of the run with this name; None if it is no longer known, and its failed jobs were run again before."""
    try:
        # A name may mean another run by now than when the jobs were submitted.
        return run_named(connected, name, every_run=bool(known))
    except Refused as refused:
        if refused.code is not Code.NOT_FOUND or not known:
            raise
        say(f"{refused.message}; its failed jobs were run again before")
        return None
