"""Report the `on_finish` of a run. It does not change the result of the run."""

from __future__ import annotations

from ....schemas.naming import finish_job_id, format_id, short_id
from ....schemas.refusal import Refused
from ...library.client import Client
from ...library.values.run_info import RunInfo, query, read_run
from ..live.progress import TAIL_LINES, Progress
from ..shown.last_lines import last_lines
from ..shown.sentences import failed, how_it_ended
from ..terminal.screen import say, write
from .planning.plan import Plan


def show_finish(plan: Plan, progress: Progress) -> None:
    """Show the `on_finish` of a run beside its jobs, all of which have ended; it is not counted."""
    if plan.about.on_finish is not None:
        progress.runs(finish_job_id(plan.about.id), "on_finish")


def hide_finish(plan: Plan, progress: Progress) -> None:
    """Stop showing it."""
    progress.waits(finish_job_id(plan.about.id))


def await_finish(connected: Client, plan: Plan, progress: Progress) -> RunInfo:
    """Wait until the `on_finish` of a run has ended, and return the run."""
    show_finish(plan, progress)
    connection = connected.connection
    exchange = connection.ask(query(format_id(plan.about.id), owner=connection.identity.public, until_ended=True))
    try:
        while not exchange.items and not exchange.ended:
            progress.turn()
            connected.pump(progress.due)
        return read_run(connection.next(exchange))
    finally:
        connection.forget(exchange)
        hide_finish(plan, progress)


def tell_finish(connected: Client, run: RunInfo, *, quiet: bool = False) -> None:
    """Report how it ended, if it did; `quiet`: only if it failed."""
    outcome, job_id = run.batch.on_finish_outcome, run.batch.on_finish_id
    if outcome is None:
        return
    line = f"{short_id(job_id)} on_finish: {how_it_ended(outcome)}"
    if failed(outcome):
        say(line, *(f"    {text}" for text in last_lines(_tail(connected, run), TAIL_LINES)))
        say(f"on_finish failed; the result of the run is not affected; jobwire logs {format_id(job_id)} shows its output")
    elif not quiet:
        write(line)


def _tail(connected: Client, run: RunInfo) -> bytes:
    try:
        return connected.job_by_key(run.owner, run.batch.on_finish_id).tail("stderr", TAIL_LINES)
    except Refused:
        # It never ran, for example.
        return b""
