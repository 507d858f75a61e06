"""`jobwire signal`, `pause` and `resume`: signals to all processes of running jobs."""

from __future__ import annotations

import shlex
from signal import SIGTSTP, SIGTTIN, SIGTTOU
from typing import Annotated

from ....schemas.refusal import Code, Reason, Refused
from ...batch.options.option_values import parse_signal
from ..arguments import JobName, JobNames, understood
from ..parser.parameters import Argument, Context
from ..targets.runs import Run, title_of_all
from ..targets.unfinished import for_each_unfinished
from ..terminal.screen import say

# Their default is ignored in an orphaned process group, which that of each job is, setpgid(2).
_OF_A_TERMINAL = {SIGTSTP, SIGTTIN, SIGTTOU}


def send_signal(
    ctx: Context,
    name: JobName,
    signal: Annotated[str, Argument(metavar="SIGNAL", help="TERM, SIGTERM or 15.")],
) -> None:
    """Send a signal to all processes of a job.

    A run id, or the name of a batch for its newest run, means all its running jobs.
    """
    number = understood("SIGNAL", lambda typed: _in_order(name, typed), signal) or 0
    for_each_unfinished(ctx, [name], lambda _, job: job.send_signal(number), lambda run: run.handle.send_signal(number), _none_runs)
    if number in _OF_A_TERMINAL:
        say("most programs in a job ignore this signal, as no shell could continue them; jobwire pause suspends the job")


def _in_order(name: str, typed: str) -> int:
    """Return the number of a signal; if it was typed before the job, as for kill, the refusal says so."""
    try:
        return parse_signal(typed)
    except Refused as refused:
        if _is_signal(name) and not name.isdecimal():
            refused.next_step = f"the signal comes last: jobwire signal {shlex.quote(typed)} {name.upper()}"
        raise


def _is_signal(text: str) -> bool:
    try:
        parse_signal(text)
    except Refused:
        return False
    return True


def pause(ctx: Context, names: JobNames) -> None:
    """Suspend jobs and all their processes.

    jobwire resume continues them. A paused job keeps its slot and its memory, its time limit keeps running, and it can be stopped.
    The name or run id of a batch means its running jobs.
    """
    for_each_unfinished(
        ctx, names, lambda connected, job: connected.pause([job]), lambda run: run.handle.pause(every_run=run.by_name), _none_of_all_runs
    )


def resume(ctx: Context, names: JobNames) -> None:
    """Continue paused jobs.

    Does nothing to a running job that is not paused. The name or run id of a batch means its running jobs.
    """
    for_each_unfinished(
        ctx, names, lambda connected, job: connected.resume([job]), lambda run: run.handle.resume(every_run=run.by_name), _none_of_all_runs
    )


def _none_runs(what: object) -> Refused:
    return Refused(Code.FAILED_PRECONDITION, f"no job of {what} is running", reason=Reason.NOT_STARTED)


def _none_of_all_runs(run: Run) -> Refused:
    return _none_runs(title_of_all(run))
