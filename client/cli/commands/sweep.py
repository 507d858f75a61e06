"""`jobwire sweep`: one command with many values, described on the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import dropwhile
from typing import Annotated

from ...batch.batch_file import Batch, understand
from ...batch.batch_jobs import Making
from ...batch.batch_tables import BatchFile, BatchTable, JobTable
from ...batch.expansion.sweep_words import name_template, parse_sweep, unused
from ...batch.expansion.value_files import read_lines
from ...batch.finishing import parse_finish
from ...batch.forms.conversion import Found
from ...batch.forms.toml_lines import Place
from ...batch.mistakes import Mistakes
from ...batch.octets import as_typed
from ...batch.options.job_options import Wishes
from ..arguments import understanding, understood
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
    start_run,
)
from ..batches.planning.reading_progress import read_saying
from ..chosen_context import context_name
from ..exit_status import BadInput
from ..job.job_arguments import surroundings, takes_job_options, wishes_of_all_jobs
from ..parser.parameters import Argument, Context

# Of this command alone: as a value, hardly one of them is meant.
_OWN = {"--dry-run", "--parallel", "--no-wait", "--quiet", "--show-output", "--keep-order", "--tag", "--fail-fast", "--on-finish"}


@takes_job_options
def sweep(  # noqa: PLR0913 -- one for each option
    ctx: Context,
    command: Annotated[
        list[str] | None,
        Argument(metavar="COMMAND [ARG]... ::: VALUES...", help="The program and its arguments, and the values; no shell is used."),
    ] = None,
    *,
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
    wishes: Wishes,
) -> None:
    """Run a command once for each value, or each combination of values, as jobs of one batch.

    {NAME} in the command, and in options of a job, stands for a value of ::: NAME=VALUES. VALUES are divided by commas, and may be ranges
    such as 1..20 or 0..1..0.1. Several names make each combination; after :::+ they are taken side by side. Without names, {} stands for
    the value, and is added if there is none. :::: FILE takes the lines of a file, and - is standard input.

    Prints a line when a job ends, and exits with 1 if any failed. Ctrl-C ends only this command; the jobs continue.
    """
    ways = Ways(id_, parallel, no_wait, dry_run, json, quiet, fail_fast, wishes.after, (show_output, keep_order, tag))
    ways.demand_sense()
    context = context_name(ctx)
    finish = understood("--on-finish", parse_finish, on_finish)
    over = wishes_of_all_jobs(wishes, context)
    if isinstance(over.stdin, str) and over.stdin == "-":
        raise BadInput("--stdin: the jobs cannot share standard input; name a file, as in --stdin {item}")
    around = surroundings(context)
    said = (over.name, over.dir, over.stdin, over.script, *over.env, *over.labels, *over.put, *over.get)
    options = [text for text in said if isinstance(text, str)]
    with understanding():
        swept = parse_sweep([as_typed(word) for word in command or ()], partial(read_lines, folder=around.files, stdin=True), options)
    if not swept.argv and not over.script:
        raise BadInput("missing argument 'COMMAND [ARG]...' before the values; see jobwire sweep --help")
    swept.warnings.extend(_misplaced(command or ()))
    for name in unused(swept.axes, *swept.argv, *options):
        swept.warnings.append(f"there is no {{{name}}} in the command, so the same is run once for each of its values")
    program = over.name or (swept.argv[0] if swept.argv else over.script or "")
    table = JobTable(
        argv=swept.argv,
        name=name_template(program, swept.axes, is_named=over.name is not None),
        for_each=swept.axes,
    )
    batch_name = over.name if over.name and "{" not in over.name else ""
    found = Found(BatchFile(batch=BatchTable(name=batch_name)), [table], lambda _: Place(0))

    def read(progress: Callable[[int], None]) -> Batch:
        making = Making(around, replace(over, name=None), {}, swept.warnings, progress, ":::", finish)
        return understand(found, Mistakes("sweep"), making)

    start_run(ctx, read_saying("the values", read), ways, context)


def _misplaced(words: Sequence[str]) -> list[str]:
    """Return warnings about options of this command among the values.

    Raises BadInput for one without which the jobs would run.
    """
    behind = [word for word in dropwhile(lambda word: not word.startswith(":::"), words) if word.partition("=")[0] in _OWN]
    if "--dry-run" in behind:
        raise BadInput("--dry-run after ::: would be a value, and the jobs would run; options come before the command")
    return [f"{word} after ::: is a value; options come before the command" for word in behind]
