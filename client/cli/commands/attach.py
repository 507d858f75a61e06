"""`jobwire attach`: the terminal of a running job."""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import Annotated

from ....schemas.jobs.states import State
from ....schemas.naming import short_id
from ....schemas.refusal import Code, Reason, Refused
from ...library.client import Client
from ...library.job import Job
from .. import exit_status
from ..arguments import HOW_TO_NAME
from ..chosen_context import client
from ..parser.parameters import Argument, Context, Option
from ..session.detach_keys import DetachKeys
from ..session.keyboard import Keyboard
from ..session.options import Keys, demand_terminal, read_keys
from ..session.own_terminal import OwnTerminal
from ..session.session import SIGNALS, Session, replay_start
from ..shown.sentences import title_of
from ..targets.job_names import one_unfinished_job, single_job
from ..terminal.screen import say
from ..terminal.signals import Signals
from ..terminal.streams import STDIN


def attach(
    ctx: Context,
    name: Annotated[
        str | None,
        Argument(metavar="JOB", help=f"{HOW_TO_NAME} Default: your newest running job on a terminal."),
    ] = None,
    *,
    read_only: Annotated[bool, Option("--read-only", help="Only watch: send no keys, and do not resize the terminal.")] = False,
    detach_keys: Keys = None,
) -> None:
    """Attach to the terminal of a running job.

    Shows the last output and makes programs redraw their screen. The job's terminal gets the size of this one; if several are attached,
    that of the one that was attached or resized last. The detach keys leave it; the job continues, also if this command is killed.

    Exits with the job's status if it ends meanwhile, and with 0 after the detach keys.
    """
    keys = read_keys(detach_keys)
    if not read_only:
        demand_terminal("attach", "with --read-only it only watches")
    with client(ctx) as connected:
        job = _newest(connected) if name is None else single_job(connected, name, one_unfinished_job)
        _demand_terminal_of(job)
        start = replay_start(job)
        raise exit_status.Ending(_watch(connected, job, start) if read_only else _sit(connected, job, start, keys))


def _newest(connected: Client) -> Job:
    """Return the job of this user that was queued last among those running on a terminal."""
    own = connected.connection.identity.public
    for info in connected.list(states=(State.RUNNING,), owner=own, newest_first=True):
        if info.spec.terminal is not None:
            say(f"attaching to job {short_id(info.key.id)}: {title_of(info.spec)}")
            return connected.job_by_key(*info.key)
    message = "none of your jobs runs on a terminal"
    raise Refused(Code.NOT_FOUND, message, "jobwire run -it -- bash starts one", reason=Reason.NO_SUCH_JOB)


def _demand_terminal_of(job: Job) -> None:
    info, name = job.info(), short_id(job.key.id)
    if info.spec.terminal is None:
        raise Refused(Code.FAILED_PRECONDITION, f"job {name} does not run on a terminal", f"jobwire logs -f {name} shows its output")
    if info.state is State.FINISHED:
        raise Refused(Code.FAILED_PRECONDITION, f"job {name} has ended", f"jobwire logs {name} prints its output")


def _watch(connected: Client, job: Job, start: int) -> int:
    with OwnTerminal() if os.isatty(STDIN) else nullcontext() as own, Signals(SIGNALS) as signals:
        return Session(connected, job, None, own, start=start, leaves=True).attend(signals)


def _sit(connected: Client, job: Job, start: int, keys: DetachKeys) -> int:
    with OwnTerminal() as own, Signals(SIGNALS) as signals:
        keyboard = Keyboard(connected.connection, job.key, own.fd, keys, redraws=True)
        try:
            return Session(connected, job, keyboard, own, start=start, leaves=True).attend(signals)
        except Refused as refused:
            # A worker knows no commands of a client.
            if refused.reason is Reason.ROLE:
                refused.next_step = "attach with --read-only"
            raise
