"""What `batch`, `sweep` and `submit --array` do with the described jobs: show them, or submit them as one run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Annotated, NamedTuple, NoReturn

from ....schemas.frames import LARGEST_MESSAGE
from ....schemas.jobs.states import OnFailure
from ....schemas.naming import format_id
from ....schemas.refusal import Refused
from ...batch.batch_file import Batch
from ...batch.forms.counting import MOST_JOBS
from ...library.client import Client
from ...library.options.specs import as_spec
from ...library.values.job_info import JobInfo
from ...library.values.results import BatchInfo
from ...library.verbs.actions import is_large
from .. import exit_status
from ..arguments import parse_count, understood
from ..chosen_context import client
from ..job.conditions import find_conditions
from ..job.job_arguments import id_or_new
from ..job.private_note import tell_of_start
from ..parser.parameters import Context, Option
from ..shown.json_lines import planned_record
from ..shown.sentences import command_line, how_many_jobs
from ..terminal.screen import say, write, write_json
from .planning.plan import Plan, demand_size
from .shown_output import Showing, Telling
from .watch import known_run, submit_run

RunId = Annotated[str | None, Option("--id", metavar="RUN", help="Id of this run. Repeating a run starts no job twice.")]
Parallel = Annotated[str | None, Option("--parallel", metavar="N", help="Run at most N of its jobs at once. 0: no limit.")]
NoWait = Annotated[bool, Option("--no-wait", help="Print the run id and exit once the batch is recorded.")]
DryRun = Annotated[bool, Option("--dry-run", help="List the jobs, in order, without submitting them.")]
DryRunJson = Annotated[bool, Option("--json", help="With --dry-run: print JSON, one object per line.")]
FailFast = Annotated[bool, Option("--fail-fast", help="When a job fails, stop those that run and cancel the rest.")]
OnFinish = Annotated[
    str | None,
    Option("--on-finish", metavar="COMMAND", help="Run this once, as a job, when all jobs have ended. One text; no shell is used."),
]
Quiet = Annotated[bool, Option("-q", "--quiet", help="Print only what failed; with --no-wait, only the run id.")]
ShowOutput = Annotated[bool, Option("--show-output", help="Print what each job wrote when it has ended, and otherwise only failures.")]
KeepOrder = Annotated[bool, Option("--keep-order", help="Like --show-output, in the order of the jobs.")]
Tag = Annotated[bool, Option("--tag", help="Like --show-output, with the name of its job before each line.")]


class Ways(NamedTuple):
    """The options about the run, as opposed to those of its jobs."""

    id: str | None
    parallel: str | None
    no_wait: bool
    dry_run: bool
    json: bool
    quiet: bool
    fail_fast: bool = False
    # What all of its jobs wait for, as it is typed.
    after: Iterable[str] = ()
    # --show-output, --keep-order and --tag.
    shown: tuple[bool, bool, bool] = (False, False, False)

    def demand_sense(self) -> None:
        """Raise BadInput for options that contradict each other."""
        if self.json and not self.dry_run:
            raise exit_status.BadInput("--json is for --dry-run; jobwire list --json RUN prints the jobs of a run")
        if self.no_wait and any(self.shown):
            raise exit_status.BadInput("--no-wait waits for no output; jobwire logs RUN prints it later")

    @property
    def telling(self) -> Telling:
        """Which messages are shown about the run."""
        _, in_order, is_tagged = self.shown
        return Telling(self.quiet, Showing(in_order, is_tagged) if any(self.shown) else None)

    @property
    def run(self) -> bytes:
        """The id of the run: the one that was given, or a new one."""
        return id_or_new(self.id)

    @property
    def width(self) -> int | None:
        """How many jobs may run at once; None if the option was not given. Raises BadInput."""
        width = understood("--parallel", parse_count, self.parallel)
        return None if width is None else min(width, MOST_JOBS)


def start_run(ctx: Context, batch: Batch, ways: Ways, context: str) -> NoReturn:
    """Submit a batch as a run, or show what would be submitted, and end the command."""
    run = ways.run
    if ways.dry_run:
        if batch.each:
            with client(ctx) as connected:
                batch = _on_workers(connected, batch, run, ways)[0]
        show_plan(planned(batch, run, ways), batch.order.layers, ways.after, as_json=ways.json)
        raise exit_status.Ending(exit_status.DONE)
    plan = None if batch.each else planned(batch, run, ways)
    tell_of_start(context, batch.jobs)
    with client(ctx, quiet=ways.quiet) as connected:
        batch, known = _on_workers(connected, batch, run, ways)
        plan = plan or planned(batch, run, ways)
        if ways.after:
            conditions = find_conditions(connected, ways.after)
            specs = {job_id: replace(spec, after=(*spec.after, *conditions)) for job_id, spec in plan.specs.items()}
            plan = plan._replace(wanted=specs, specs=specs)
        raise exit_status.Ending(submit_run(connected, plan, known, wait=not ways.no_wait, telling=ways.telling, context=context))


def planned(batch: Batch, run: bytes, ways: Ways) -> Plan:
    """Return the run of a batch."""
    width = ways.width
    specs = batch.specs(run)
    on_failure = OnFailure.STOP_REST if ways.fail_fast else batch.on_failure
    return Plan(BatchInfo(run, batch.name, batch.parallel if width is None else width, on_failure, batch.on_finish), specs, specs)


def _on_workers(connected: Client, batch: Batch, run: bytes, ways: Ways) -> tuple[Batch, list[JobInfo]]:
    """Return a batch with its jobs placed on each worker, and the jobs of this run that were submitted before."""
    # Only a run whose id was given can be known already.
    known = known_run(connected, run) if ways.id is not None else []
    if batch.each:
        from .planning.on_each import on_workers  # noqa: PLC0415 -- few batches have such jobs

        batch = on_workers(connected, batch, known)
    return batch, known


def show_plan(plan: Plan, layers: Sequence[int] = (), after: Iterable[str] = (), *, as_json: bool = False) -> None:
    """List the jobs of a run that is not submitted: by their layers, if some wait for others, else in queue order.

    `after`: what all of them wait for, as typed.
    """
    numbered = list(enumerate(plan.specs.items()))
    if layers:
        numbered.sort(key=lambda one: layers[one[0]])
    names = {job_id: spec.name for job_id, spec in plan.specs.items()} if layers else {}
    shown = -1
    for position, (job_id, spec) in numbered:
        layer = layers[position] if layers else None
        if as_json:
            write_json(planned_record(job_id, spec, plan.about, names, layer or 0))
            continue
        if layer is not None and layer != shown:
            shown = layer
            size = sum(one == layer for one in layers)
            say(f"layer {layer + 1}: {how_many_jobs(size)}{', which can start at once' if not layer and not after else ''}")
        write(format_id(job_id), spec.name, command_line(spec.argv))
    if conditions := ", ".join(after):
        say(f"all of them wait for {conditions}")
    if plan.about.on_finish is not None:
        say(f"at the end: {command_line(as_spec(plan.about.on_finish).argv)}")
    say(f"{how_many_jobs(len(plan.specs))}; nothing was submitted")
    if is_large([*plan.wanted.values()]):
        return
    try:
        demand_size(plan, 0, LARGEST_MESSAGE)
    except Refused as refused:
        say(str(refused))
