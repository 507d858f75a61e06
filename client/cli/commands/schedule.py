"""`jobwire schedule`: jobs that the worker starts again and again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from ....keys.identity import format_public
from ....schemas.naming import JobKey, format_id, short_id
from ...batch.job_options import Wishes
from ...batch.octets import to_text
from ...library.client import Client
from ...library.values.schedule_info import Firing, ScheduleInfo
from ..arguments import Json, understanding
from ..chosen_context import client, context_name
from ..exit_status import BadInput
from ..job.job_arguments import Command, id_or_new, job_spec, takes_job_options
from ..job.private_note import tell_of_private
from ..own_zone import own_zone
from ..parser.parameters import Argument, Context, Option
from ..terminal.json_lines import outcome_record, time_text
from ..terminal.screen import Table, local_time, say, tell_id, write, write_json
from ..terminal.sentences import command_line, how_it_ended, owner_of

app = typer.Typer(help="Start jobs again and again, at times such as those of cron.", no_args_is_help=True, add_completion=False)

Name = Annotated[str, Argument(metavar="SCHEDULE", help="Name of the schedule, as in jobwire schedule list.")]
_SHOWN = 10
_ADDS = """Start a job again and again.

The worker starts it, whether or not this machine is on; it checks each time that you may still submit jobs. COMMAND follows a --. \
Where the clock is put forward or back, a time that is left out comes right after that, and one that comes twice counts once.
"""


@app.command("add", help=_ADDS)
@takes_job_options
def add(
    ctx: Context,
    schedule: Annotated[str, Argument(metavar="NAME", help="Name of the schedule, and of its jobs unless --name is given.")],
    command: Command = None,
    *,
    cron: Annotated[
        str | None,
        Option("--cron", metavar="TIMES", help="Minute, hour, day of month, month, day of week: '30 2 * * 1-5'; or @daily."),
    ] = None,
    tz: Annotated[str | None, Option("--tz", metavar="ZONE", help="Time zone of these. Default: that of this machine.")] = None,
    overlap: Annotated[
        str, Option("--overlap", metavar="HOW", help="If an earlier job has not ended: skip this time, queue it, or stop that job.")
    ] = "skip",
    missed: Annotated[
        str,
        Option("--missed", metavar="HOW", help="For times at which the worker did not run: start a job once, skip them, or all."),
    ] = "once",
    batch: Annotated[str | None, Option("--batch", metavar="FILE", hidden=True)] = None,
    id_: Annotated[str | None, Option("--id", metavar="UUID", help="Id of the schedule: the same id never adds a second one.")] = None,
    wishes: Wishes,
) -> None:
    """Start a job again and again."""
    if batch is not None:
        how = f"let the job submit it: jobwire schedule add {schedule} --cron ... -- jobwire batch --no-wait FILE"
        raise BadInput(f"--batch is not available yet; {how}")
    if not command and not wishes.script:
        # Without a NAME, the program is taken for it.
        how = "jobwire schedule add NAME --cron '30 2 * * *' -- COMMAND"
        raise BadInput(f"missing argument 'COMMAND [ARG]...': {schedule!r} is taken for the name of the schedule; write it like {how}")
    if cron is None:
        raise BadInput("missing option --cron, when to start the job: --cron '30 2 * * *' for half past two at night, or --cron @hourly")
    if wishes.at is not None:
        raise BadInput("--at is for a job that starts once: jobwire submit --at TIME; a schedule has its --cron")
    if wishes.after:
        raise BadInput("--after is for a job that starts once: jobwire submit --after JOB; the jobs of a schedule start at its times")
    if wishes.hold:
        raise BadInput("--hold and a schedule cannot be combined; jobwire schedule pause lets it start nothing")
    identifier = id_or_new(id_)
    context = context_name(ctx)
    spec = job_spec(command, wishes, context)
    zone = own_zone() if tz is None else tz
    with client(ctx) as connected, understanding():
        info = connected.schedules.add(schedule, spec, cron=cron, zone=zone, overlap=overlap, missed=missed, id=identifier)
    tell_id(info.id, "the schedule was added")
    first = f"first at {_moment(info.next_us[0], info.zone)}" if info.next_us else "it starts nothing"
    say(f"added {schedule}; {first}; jobwire schedule show {schedule} shows what came of it")
    tell_of_private(context, "the schedule")


@app.command("list")
def list_schedules(ctx: Context, *, json: Json = False) -> None:
    """List the schedules: when each is due next, and what came of the last time."""
    table = Table("NAME", "TIMES", "ZONE", "NEXT", "LAST", "OWNER", expendable=("OWNER", "ZONE"))
    with client(ctx) as connected:
        for info in connected.schedules.list():
            if json:
                write_json(_record(info))
            else:
                following = "paused" if info.paused else local_time(info.next_us[0]) if info.next_us else "never"
                last = _came(info.firings[0]) if info.firings else ""
                table.add(info.name, info.cron, info.zone, following, last, owner_of(info.owner_name, info.key.owner))
    table.write()


@app.command()
def show(ctx: Context, name: Name, *, json: Json = False) -> None:
    """Show a schedule: its next five times, and what came of the last ones."""
    with client(ctx) as connected:
        info = connected.schedules.get(name)
    if json:
        write_json(_record(info))
        return
    write(f"schedule {info.id} ({info.name})")
    facts = {
        "state": "paused; jobwire schedule resume continues it" if info.paused else "",
        "times": f"{info.cron} in {info.zone}",
        "command": command_line(info.spec.argv),
        "folder": to_text(info.spec.directory),
        "overlap": info.overlap,
        "missed": info.missed,
        "owner": owner_of(info.owner_name, info.key.owner),
        "waiting": f"{info.waiting} for the end of the job that runs" if info.waiting else "",
    }
    for fact, text in facts.items():
        if text:
            write(f"  {fact:<12} {text}")
    if info.next_us:
        write("  next:")
    for at_us in info.next_us:
        write(f"    {_moment(at_us, info.zone)}")
    if info.firings:
        write("  last:")
    for firing in info.firings[:_SHOWN]:
        write(f"    {_moment(firing.due_us, info.zone)}  {_came(firing)}")
    if len(info.firings) > _SHOWN:
        write(f"    and {len(info.firings) - _SHOWN} earlier ones: jobwire schedule show {info.name} --json")


@app.command()
def pause(ctx: Context, name: Name) -> None:
    """Let a schedule start nothing until it is resumed. Jobs that it has started continue."""
    _change(ctx, name, lambda connected, key: connected.schedules.pause(key))


@app.command()
def resume(ctx: Context, name: Name) -> None:
    """Let a paused schedule start jobs again. Times that came meanwhile were not missed."""
    _change(ctx, name, lambda connected, key: connected.schedules.resume(key))


@app.command("run-now")
def run_now(
    ctx: Context,
    name: Name,
    *,
    id_: Annotated[str | None, Option("--id", metavar="UUID", help="Id of the job: the same id never starts a second one.")] = None,
) -> None:
    """Start the job of a schedule now, beside what it starts anyway, and print its id."""
    identifier = id_or_new(id_)
    job = _change(ctx, name, lambda connected, key: connected.schedules.run_now(key, identifier))
    tell_id(format_id(job), "the job was submitted")
    say(f"jobwire logs -f {short_id(job)} shows its output")


@app.command("rm")
def remove(ctx: Context, name: Name) -> None:
    """Remove a schedule. Jobs that it has started continue, and stay."""
    _change(ctx, name, lambda connected, key: connected.schedules.remove(key))


def _change(ctx: Context, name: str, change: Callable[[Client, JobKey], Any]) -> Any:
    with client(ctx) as connected:
        return change(connected, connected.schedules.get(name).key)


def _came(firing: Firing) -> str:
    """Return what came of a time, in words."""
    if not firing.job:
        return firing.note
    state = "forgotten" if firing.state is None else firing.state.name.lower()
    came = how_it_ended(firing.outcome) if firing.outcome is not None else state
    return f"job {short_id(firing.job)}: {came}" + (f" ({firing.note})" if firing.note else "")


def _moment(at_us: int, zone: str) -> str:
    """Return a time in the zone of a schedule; in the local one, if this machine does not know that."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415 -- only schedules have zones

    try:
        return datetime.fromtimestamp(at_us / 1_000_000, UTC).astimezone(ZoneInfo(zone)).strftime("%a %Y-%m-%d %H:%M:%S %Z")
    except (OSError, ValueError, LookupError):
        return local_time(at_us)


def _record(info: ScheduleInfo) -> dict[str, Any]:
    return {
        "id": info.id,
        "name": info.name,
        "owner": format_public(info.key.owner),
        "owner_name": info.owner_name,
        "argv": [to_text(argument) for argument in info.spec.argv],
        "cron": info.cron,
        "zone": info.zone,
        "overlap": info.overlap,
        "missed": info.missed,
        "paused": info.paused,
        "next": [time_text(at_us) for at_us in info.next_us],
        "waiting": info.waiting,
        "history": [
            {
                "due": time_text(firing.due_us),
                "job": firing.job_id or None,
                "state": firing.state.name.lower() if firing.state is not None else None,
                "outcome": outcome_record(firing.outcome),
                "note": firing.note or None,
            }
            for firing in info.firings
        ],
    }
