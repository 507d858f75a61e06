"""`jobwire run`: run a command on the worker as if it ran here."""

from __future__ import annotations

import typer

from ...batch.job_options import Wishes
from .. import exit_status
from ..attendance import Attendance
from ..chosen_context import client, context_name
from ..job_arguments import Command, JobId, id_or_new, job_spec, takes_job_options
from ..path_advice import advise
from ..submission import submitted, tell_repeated
from ..terminal.signals import Signals


@takes_job_options
def run(ctx: typer.Context, command: Command, id_: JobId = None, *, wishes: Wishes) -> None:
    """Run a command, show its output and exit with its status.

    Ctrl-C sends SIGINT to the job, a second one stops it, a third returns at once. SIGQUIT is passed on to the job. SIGTERM, SIGHUP and
    a closed output stop it. If the connection drops, it reconnects and continues; if this command is killed, the job continues. Your
    private worker runs the job in the current directory. Standard input is empty unless --stdin is given.

    Exits with the job's status: 128+N for signal N, 124 if it exceeded its time limit, 126 or 127 if it could not be started.
    """
    identifier = id_or_new(id_)
    context = context_name(ctx)
    spec = job_spec(command, wishes, context)
    with client(ctx) as connected:
        job = submitted(connected, spec, identifier)
        tell_repeated(job)
        with Signals() as signals:
            status = Attendance(connected, job).attend(signals)
        advise(spec, job, context)
        raise exit_status.Ending(status)
