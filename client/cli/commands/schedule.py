"""`jobwire schedule`: jobs that the worker starts again and again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

import typer

from ....schemas.jobs.spec import JobSpec
from ....schemas.jobs.states import OnFailure
from ....schemas.naming import format_id, short_id
from ...batch.batch_file import Batch
from ...batch.options.job_options import Wishes
from ...library.client import Client
from ...library.requests.dialogue import carry_out
from ...library.requests.schedules import schedule_request, staged_as
from ...library.requests.staging import Parts, schedule_steps
from ...library.values.results import BatchInfo
from ...library.values.schedule_info import ScheduleInfo, schedule_info
from ...library.verbs import actions
from ..arguments import Json, parse_count, understanding, understood
from ..batches.new_run import FailFast, OnFinish, Parallel
from ..batches.planning.file import Beside, read_file
from ..chosen_context import client, context_name
from ..exit_status import BadInput
from ..job.job_arguments import id_or_new, job_spec, takes_job_options
from ..job.private_note import tell_of_private
from ..own_zone import own_zone
from ..parser.parameters import Argument, Context, Option
from ..parser.typer_parts import CommandAfterDashes
from ..shown.schedule_lines import came, moment, record, started
from ..shown.sentences import command_line, how_many_jobs, owner_of
from ..terminal.screen import Table, say, tell_id, write, write_json
from ..terminal.waiting import Saying

app = typer.Typer(help="Start jobs again and again, at times such as those of cron.", no_args_is_help=True, add_completion=False)

Name = Annotated[str, Argument(metavar="SCHEDULE", help="Name of the schedule, as in jobwire schedule list.")]
_SHOWN = 10
# What the name of a batch file ends with; any other is named with --batch.
_BATCH_FILES = (".toml", ".json", ".jsonl")
_ADDS = """Start a job, or a batch, again and again.

The worker starts it, whether or not this machine is on; it checks each time that you may still submit jobs. COMMAND follows a --; a FILE, \
whose name ends with .toml, .json or .jsonl, is a batch file, and each time starts all of its jobs as a run. \
Where the clock is put forward or back, a time that is left out comes right after that, and one that comes twice counts once.

A batch file is read once, when the schedule is added, with all values of for_each and --set: what is changed in it later changes nothing.
"""


@app.command("add", help=_ADDS, cls=CommandAfterDashes)
@takes_job_options
def add(  # noqa: PLR0913 -- one for each option
    ctx: Context,
    schedule: Annotated[str, Argument(metavar="NAME", help="Name of the schedule, and of its jobs unless --name is given.")],
    command: Annotated[
        list[str] | None,
        Argument(metavar="FILE|-- COMMAND [ARG]...", help="A batch file; or the program and its arguments, no shell is used."),
    ] = None,
    *,
    cron: Annotated[
        str | None,
        Option("--cron", metavar="TIMES", help="Minute, hour, day of month, month, day of week: '30 2 * * 1-5'; or @daily."),
    ] = None,
    tz: Annotated[str | None, Option("--tz", metavar="ZONE", help="Time zone of these. Default: that of this machine.")] = None,
    overlap: Annotated[
        str,
        Option("--overlap", metavar="HOW", help="If the earlier one has not ended: skip this time, queue it, or stop that one."),
    ] = "skip",
    missed: Annotated[
        str,
        Option("--missed", metavar="HOW", help="For times at which the worker did not run: start it once, skip them, or all."),
    ] = "once",
    batch: Annotated[
        str | None, Option("--batch", metavar="FILE|-", help="Start this batch each time: a file with any name, or standard input.")
    ] = None,
    lines: Annotated[bool, Option("--lines", help="The batch file has one command per line, as with jobwire batch --lines.")] = False,
    set_: Annotated[list[str] | None, Option("--set", metavar="K=V", help="Replace {K} by V in all jobs of the batch.")] = None,
    parallel: Parallel = None,
    fail_fast: FailFast = False,
    on_finish: OnFinish = None,
    id_: Annotated[str | None, Option("--id", metavar="UUID", help="Id of the schedule: the same id never adds a second one.")] = None,
    wishes: Wishes,
) -> None:
    """Start a job, or a batch, again and again."""
    file = _batch_file(ctx, command, batch, wishes)
    if not command and not wishes.script and file is None:
        # Without a NAME, the program is taken for it.
        how = "jobwire schedule add NAME --cron '30 2 * * *' -- COMMAND"
        missing = f"missing argument 'FILE|-- COMMAND [ARG]...': {schedule!r} is taken for the name of the schedule"
        raise BadInput(f"{missing}; write it like {how}")
    if cron is None:
        raise BadInput("missing option --cron, when to start the job: --cron '30 2 * * *' for half past two at night, or --cron @hourly")
    _demand_no_start(wishes)
    identifier = id_or_new(id_)
    context = context_name(ctx)
    zone = own_zone() if tz is None else tz
    if file is None:
        of_batches = {"--lines": lines, "--set": set_, "--parallel": parallel, "--fail-fast": fail_fast, "--on-finish": on_finish}
        for flag, is_said in of_batches.items():
            if is_said:
                raise BadInput(f"{flag} is for a batch; name its file: jobwire schedule add {schedule} --cron ... FILE.toml")
        spec = job_spec(command, wishes, context)
        with client(ctx) as connected, understanding():
            info = connected.schedules.add(schedule, spec, cron=cron, zone=zone, overlap=overlap, missed=missed, id=identifier)
    else:
        width = understood("--parallel", parse_count, parallel)
        described = read_file(file, Beside(lines, set_ or (), on_finish, wishes), context)
        on_failure = OnFailure.STOP_REST if fail_fast else described.on_failure
        about = BatchInfo(
            staged_as(identifier), described.name, described.parallel if width is None else width, on_failure, described.on_finish
        )
        specs = described.specs(about.id)
        _demand_schedulable(file, described, specs.values())
        with client(ctx) as connected, understanding():
            wanted = schedule_request(schedule, cron, zone, overlap, missed, identifier)
            info = _add_batch(connected, Parts(about, [*specs], [*specs.values()], wanted), [*specs.values()])
    tell_id(info.id, "the schedule was added")
    what = "" if file is None else f", a batch of {how_many_jobs(info.jobs)}"
    say(f"added {schedule}{what}; {_first(info, 'first')}; jobwire schedule show {schedule} shows what came of it")
    if file is not None:
        say(f"{'the input' if file == '-' else file} was read now: to change what is started, remove the schedule and add it again")
    tell_of_private(context, "the schedule")


def _demand_no_start(wishes: Wishes) -> None:
    """Check that no option sets a start time of the job: the schedule sets it.

    Raises BadInput.
    """
    if wishes.at is not None:
        raise BadInput("--at is for a job that starts once: jobwire submit --at TIME; a schedule has its --cron")
    if wishes.not_after is not None:
        raise BadInput(
            "--not-after is for a job that starts once: jobwire submit --not-after TIME; the jobs of a schedule start at its times"
        )
    if wishes.after:
        raise BadInput("--after is for a job that starts once: jobwire submit --after JOB; the jobs of a schedule start at its times")
    if wishes.hold:
        raise BadInput("--hold and a schedule cannot be combined; jobwire schedule pause lets it start nothing")


def _batch_file(ctx: Context, command: list[str] | None, batch: str | None, wishes: Wishes) -> str | None:
    """Return the batch file that the schedule starts; None if it starts a command.

    Raises BadInput.
    """
    words = command or []
    if batch is None and len(words) == 1 and not ctx.has_dashes and words[0].endswith(_BATCH_FILES):
        batch = words[0]
        words = []
    if batch is None:
        return None
    if words:
        raise BadInput(f"--batch names what is started, and so does {words[0]!r}; leave one of them out")
    if wishes.name is not None:
        raise BadInput("-n/--name: jobs have their names in the batch file, and the batch has that of the file or of the schedule")
    if wishes.stdin is not None:
        raise BadInput("--stdin: the jobs of a batch cannot share a standard input; each has its own in the file, with the key stdin")
    return batch


def _add_batch(connected: Client, parts: Parts, specs: Sequence[JobSpec]) -> ScheduleInfo:
    actions.send_files(connected.connection, specs)
    staged, total = 0, len(specs)

    def note(count: int, _total: int) -> None:
        nonlocal staged
        staged = count

    with Saying(lambda: f"staged {staged:,} of {total:,} jobs"):
        return schedule_info(carry_out(connected.connection.call, schedule_steps(parts, note)))


def _demand_schedulable(file: str, batch: Batch, specs: Iterable[JobSpec]) -> None:
    """Check that no job of a batch has a time of its own, is held, or runs on each worker.

    Raises BadInput.
    """
    if batch.each:
        raise BadInput(f"{file}: a schedule cannot start a job on each worker; leave on_each out")
    for spec in specs:
        what = "a time of its own (at, not_after)" if spec.has_times else "hold" if spec.held else ""
        if what:
            named = f"the job {spec.name}" if spec.name else f"a job ({command_line(spec.argv)})"
            raise BadInput(f"{file}: {named} has {what}, and the jobs of a schedule start at its times; leave that out")


@app.command("list")
def list_schedules(ctx: Context, *, json: Json = False) -> None:
    """List the schedules: when each is due next, and the result of the last time."""
    table = Table("NAME", "TIMES", "ZONE", "NEXT", "LAST", "OWNER", expendable=("OWNER", "ZONE"))
    with client(ctx) as connected:
        for info in connected.schedules.list():
            if json:
                write_json(record(info))
            else:
                following = "paused" if info.paused else moment(info.next_us[0], info.zone) if info.next_us else "never"
                last = came(info.firings[0], is_batch=info.batch is not None) if info.firings else ""
                table.add(info.name, info.cron, info.zone, following, last, owner_of(info.owner_name, info.key.owner))
    table.write()


@app.command()
def show(ctx: Context, name: Name, *, json: Json = False) -> None:
    """Show a schedule: its next five times, and the results of the latest ones."""
    with client(ctx) as connected:
        info = connected.schedules.get(name)
    if json:
        write_json(record(info))
        return
    write(f"schedule {info.id} ({info.name})")
    facts = {
        "state": "paused; jobwire schedule resume continues it" if info.paused else "",
        "times": f"{info.cron} in {info.zone}",
        **started(info),
        "overlap": info.overlap,
        "missed": info.missed,
        "owner": owner_of(info.owner_name, info.key.owner),
        "waiting": f"{info.waiting} for the end of the {'run' if info.batch else 'job'} that runs" if info.waiting else "",
    }
    for fact, text in facts.items():
        if text:
            write(f"  {fact:<12} {text}")
    if info.next_us:
        write("  next:")
    for at_us in info.next_us:
        write(f"    {moment(at_us, info.zone)}")
    if info.firings:
        write("  last:")
    for firing in info.firings[:_SHOWN]:
        write(f"    {moment(firing.due_us, info.zone)}  {came(firing, is_batch=info.batch is not None)}")
    if len(info.firings) > _SHOWN:
        write(f"    and {len(info.firings) - _SHOWN} earlier ones: jobwire schedule show {info.name} --json")


@app.command()
def pause(ctx: Context, name: Name) -> None:
    """Pause a schedule: it starts nothing until it is resumed. Jobs that it has started continue."""
    with client(ctx) as connected:
        connected.schedules.pause(connected.schedules.get(name).key)
    say(f"paused {name}; jobwire schedule resume {name} lets it start jobs again")


@app.command()
def resume(ctx: Context, name: Name) -> None:
    """Let a paused schedule start jobs again. Times that passed meanwhile do not count as missed."""
    with client(ctx) as connected:
        connected.schedules.resume(connected.schedules.get(name).key)
        info = connected.schedules.get(name)
    say(f"resumed {name}; {_first(info, 'next')}")


@app.command("run-now")
def run_now(
    ctx: Context,
    name: Name,
    *,
    id_: Annotated[str | None, Option("--id", metavar="UUID", help="Id of the job or run: the same id never starts a second one.")] = None,
) -> None:
    """Start the job or the batch of a schedule now, in addition to its scheduled times, and print the id of the job or run."""
    identifier = id_or_new(id_)
    with client(ctx) as connected:
        info = connected.schedules.get(name)
        job = connected.schedules.run_now(info.key, identifier)
    if info.batch is None:
        tell_id(format_id(job), "the job was submitted")
        say(f"jobwire logs -f {short_id(job)} shows its output")
    else:
        tell_id(format_id(job), "the batch was submitted")
        say(f"jobwire wait {short_id(job)} waits for its end")


@app.command("rm")
def remove(ctx: Context, name: Name) -> None:
    """Remove a schedule. Jobs that it has started are not affected."""
    with client(ctx) as connected:
        connected.schedules.remove(connected.schedules.get(name).key)
    say(f"removed {name}; its jobs continue")


def _first(info: ScheduleInfo, word: str) -> str:
    return f"{word} at {moment(info.next_us[0], info.zone)}" if info.next_us else "it has no more times"
