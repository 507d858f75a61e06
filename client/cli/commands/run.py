"""`jobwire run`: run a command on the worker as if it ran here."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from ...batch.job_options import Wishes
from ...library.feeder import Feeder
from ...library.source import DescriptorSource
from .. import exit_status
from ..attendance import Attendance
from ..chosen_context import client, context_name
from ..fetched import fetch_all, understand
from ..job_arguments import Command, JobId, id_or_new, job_spec, takes_job_options
from ..path_advice import advise
from ..submission import submitted, tell_repeated
from ..terminal.own_input import own_input, unreadable
from ..terminal.screen import say
from ..terminal.signals import Signals


@takes_job_options
def run(
    ctx: typer.Context,
    command: Command = None,
    id_: JobId = None,
    *,
    no_stdin: Annotated[
        bool, typer.Option("--no-stdin", help="Leave this command's standard input alone; that of the job is empty.")
    ] = False,
    wishes: Wishes,
) -> None:
    """Run a command, show its output and exit with its status.

    Ctrl-C sends SIGINT to the job, a second one stops it, a third returns at once. SIGQUIT is passed on to the job. SIGTERM, SIGHUP and
    a closed output stop it. If the connection drops, it reconnects and continues; if this command is killed, the job continues, but
    its standard input ends after two minutes. Your private worker runs the job in the current directory.

    Standard input is passed on as it comes if it is a pipe or a file; a terminal is not read. If the job closes its standard input, so does
    this command. In a loop over lines, use --no-stdin, or the job takes the lines.

    A job with --script, --put or --get has a folder of its own, in which it runs, and which jobwire get reads later. What --get names is
    fetched when the job has ended: to DEST, or into the current directory.

    Exits with the job's status: 128+N for signal N, 124 if it exceeded its time limit, 126 or 127 if it could not be started, 125 if it did
    not get the whole of its standard input, or if it succeeded and something could not be fetched.
    """
    identifier = id_or_new(id_)
    context = context_name(ctx)
    spec = job_spec(command, wishes, context)
    wanted = understand(list(wishes.get))
    source = None if no_stdin or wishes.stdin is not None else _own_input()
    if isinstance(source, bytes):
        spec = replace(spec, stdin=source)
    elif source is not None:
        spec = replace(spec, feed=True)
    with client(ctx) as connected:
        job = submitted(connected, spec, identifier)
        tell_repeated(job)
        with Signals() as signals:
            feeder = Feeder(connected.connection, job.key, source) if spec.feed and isinstance(source, DescriptorSource) else None
            status = Attendance(connected, job, feeder).attend(signals)
        advise(spec, job, context)
        if wanted and not fetch_all(connected, job.key, wanted):
            status = status or exit_status.OWN_FAILURE
        raise exit_status.Ending(status)


def _own_input() -> bytes | DescriptorSource | None:
    try:
        return own_input()
    except OSError as error:
        say(unreadable(error))
        raise exit_status.Ending(exit_status.OWN_FAILURE) from None
