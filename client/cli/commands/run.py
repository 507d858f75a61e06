"""`jobwire run`: run a command on the worker as if it ran here."""

from __future__ import annotations

from typing import Annotated, NoReturn

from ....schemas.jobs.spec import JobSpec
from ....schemas.private_parts.frozen import replace
from ...batch.options.job_options import Wishes
from ...library.client import Client
from ...library.job import Job
from ...library.streams.feeder import Feeder
from ...library.streams.source import DescriptorSource
from .. import exit_status
from ..chosen_context import client, context_name
from ..exit_status import BadInput
from ..files.fetched import Wanted, fetch_all, how_to_fetch, parse_wanted
from ..job.attendance import Attendance
from ..job.conditions import with_conditions
from ..job.job_arguments import Command, JobId, OnEach, id_or_new, job_spec, takes_job_options
from ..job.path_advice import advise
from ..job.submission import submitted, tell_repeated
from ..parser.parameters import Context, Option
from ..session.detach_keys import DetachKeys
from ..session.keyboard import Keyboard
from ..session.options import Keys, Tty, demand_no_input, demand_terminal, on_a_terminal, read_keys
from ..session.own_terminal import OwnTerminal
from ..session.session import SIGNALS, Session
from ..terminal.own_input import own_input, unreadable
from ..terminal.screen import say
from ..terminal.signals import Signals


@takes_job_options
def run(
    ctx: Context,
    command: Command = None,
    id_: JobId = None,
    *,
    on_each: OnEach = False,
    no_stdin: Annotated[bool, Option("--no-stdin", help="Do not read standard input; that of the job is empty.")] = False,
    tty: Tty = False,
    detach_keys: Keys = None,
    detach_on_hangup: Annotated[
        bool, Option("--detach-on-hangup", help="Let the job continue if the terminal of this command is closed.")
    ] = False,
    wishes: Wishes,
) -> None:
    """Run a command, show its output and exit with its status.

    Ctrl-C sends SIGINT to the job, a second one stops it, a third returns at once. SIGQUIT is passed on to the job. SIGTERM, SIGHUP and a
    closed output stop it; if the worker then does not respond for 5 seconds, this command exits, and the job may continue. If the
    connection drops, it reconnects and continues; if this command is killed, the job continues, but its standard input ends after two
    minutes. Your private worker runs the job in the current directory.

    Standard input is passed on as it comes if it is a pipe or a file; a terminal is not read. If the job closes its standard input, so does
    this command. In a loop over lines, use --no-stdin, or the job takes the lines.

    With --retry, the output of all attempts is shown, one after the other, and Ctrl-C stops the job, which is not tried again. A standard
    input that is passed on is gone after the first attempt: give a file with --stdin, or none with --no-stdin.

    A job with --script, --put or --get has a folder of its own, in which it runs, and which jobwire get reads later. What --get names is
    fetched when the job has ended: to DEST, or into the current directory.

    With --tty the job runs on a terminal of the size of this one. All its output is standard output. To leave it running, type the detach
    keys; jobwire attach returns to it. Its stop signal is SIGHUP unless --stop-signal is given.

    With --on-each, one job runs on each worker of a broker that has the requested resources and that --on and --not-on allow; a worker that
    is not a broker runs it once. Each line of output begins with the name of its worker. Ctrl-C stops all with SIGINT. Exits with 1 if any
    failed; --id is the id of the run.

    Exits with the job's status: 128+N for signal N, 124 if it exceeded its time limit, 126 or 127 if it could not be started, 125 if it did
    not get the whole of its standard input, or if it succeeded and something could not be fetched.
    """
    if no_stdin and wishes.stdin is not None:
        raise BadInput("--no-stdin and --stdin cannot be combined; --no-stdin means that the job has no input")
    identifier = id_or_new(id_)
    context = context_name(ctx)
    if on_each:
        if tty or detach_keys is not None or detach_on_hangup:
            raise BadInput("--on-each cannot be combined with --tty, --detach-keys and --detach-on-hangup: use --on worker=NAME")
        _run_on_each(ctx, job_spec(command, wishes, context), wishes, id_, no_stdin=no_stdin)
    spec = job_spec(command, wishes, context, fetches=True)
    wanted = parse_wanted(list(wishes.get))
    if tty:
        _run_on_terminal(ctx, spec, wishes, identifier, read_keys(detach_keys), leaves_on_hangup=detach_on_hangup)
    if detach_keys is not None:
        raise BadInput("--detach-keys leaves a terminal, which needs --tty")
    source = None if no_stdin or wishes.stdin is not None else _own_input()
    if isinstance(source, DescriptorSource) and spec.retry is not None:
        what = "--retry: standard input is passed on as it comes, and is gone after the first attempt"
        raise BadInput(f"{what}; add --no-stdin, or --stdin FILE to send a file along")
    if isinstance(source, bytes):
        spec = replace(spec, stdin=source)
    elif source is not None:
        spec = replace(spec, feed=True)
    with client(ctx) as connected:
        spec = with_conditions(connected, spec, wishes.after)
        job = submitted(connected, spec, identifier)
        tell_repeated(job)
        with Signals() as signals:
            feeder = Feeder(connected.connection, job.key, source) if spec.feed and isinstance(source, DescriptorSource) else None
            attendance = Attendance(connected, job, feeder, leaves_on_hangup=detach_on_hangup, is_retried=spec.retry is not None)
            status = attendance.attend(signals)
        raise exit_status.Ending(_wind_up(connected, job, spec, context, wanted, status))


def _run_on_terminal(
    ctx: Context, spec: JobSpec, wishes: Wishes, identifier: bytes, keys: DetachKeys, *, leaves_on_hangup: bool
) -> NoReturn:
    """Run a job on a terminal that is shown on this one, and end the command."""
    if spec.retry is not None:
        raise BadInput("--tty and --retry cannot be combined: whoever types at the terminal would have to type everything again")
    demand_no_input(wishes)
    demand_terminal("--tty", "leave --tty out, and it is passed on as it comes")
    wanted = parse_wanted(list(wishes.get))
    with OwnTerminal() as own:
        spec = on_a_terminal(spec, wishes, own.size())
        with client(ctx) as connected:
            spec = with_conditions(connected, spec, wishes.after)
            job = submitted(connected, spec, identifier)
            with Signals(SIGNALS) as signals:
                keyboard = Keyboard(connected.connection, job.key, own.fd, keys, redraws=job.record.is_repeated)
                later = how_to_fetch(job.key, wishes.get) if wanted else ""
                status = Session(connected, job, keyboard, own, leaves_on_hangup=leaves_on_hangup, later=later).attend(signals)
            status = _wind_up(connected, job, spec, context_name(ctx), wanted, status)
    raise exit_status.Ending(status)


def _wind_up(connected: Client, job: Job, spec: JobSpec, context: str, wanted: Wanted, status: int) -> int:
    """Print advice about an ended job, fetch the requested files from its folder, and return the exit status."""
    advise(spec, job, context)
    fetched = not wanted or fetch_all(connected, job.key, wanted)
    return status if fetched else status or exit_status.OWN_FAILURE


def _run_on_each(ctx: Context, spec: JobSpec, wishes: Wishes, id_: str | None, *, no_stdin: bool) -> NoReturn:
    """Run a job on each worker, and end the command."""
    from ..batches.each_attendance import EachAttendance  # noqa: PLC0415 -- few commands do
    from ..batches.planning.on_each import submit_on_each  # noqa: PLC0415 -- as above

    source = None if no_stdin or wishes.stdin is not None else _own_input()
    if isinstance(source, DescriptorSource):
        what = "--on-each: standard input is passed on as it comes, which several jobs cannot share"
        raise BadInput(f"{what}; add --no-stdin, or --stdin FILE to send a file along")
    if isinstance(source, bytes):
        spec = replace(spec, stdin=source)
    with client(ctx) as connected:
        spec = with_conditions(connected, spec, wishes.after)
        run, jobs = submit_on_each(connected, spec, id_)
        with Signals() as signals:
            status = EachAttendance(connected, run, jobs).attend(signals)
        if wishes.get:
            say(f"jobwire get JOB fetches what --get names; jobwire list -a {run} shows the jobs")
        raise exit_status.Ending(status)


def _own_input() -> bytes | DescriptorSource | None:
    try:
        return own_input()
    except OSError as error:
        say(unreadable(error))
        raise exit_status.Ending(exit_status.OWN_FAILURE) from None
