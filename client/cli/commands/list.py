"""`jobwire list`: the jobs of a worker, one a line."""

from __future__ import annotations

from typing import Annotated

import typer

from ....schemas.job import OutcomeKind, State
from ....schemas.naming import short_id, signal_name
from ...library.results import JobInfo
from ..arguments import Json
from ..chosen_context import client
from ..job_names import batch_named
from ..terminal.json_lines import job_record
from ..terminal.screen import Cell, Table, duration, say, write_json
from ..terminal.sentences import command_line, failed

_COLOURS = {State.QUEUED: "yellow", State.RUNNING: "cyan", State.STOPPING: "magenta"}
_SHORT_ENDS = {
    OutcomeKind.FAILED_TO_START: "not started",
    OutcomeKind.TIMED_OUT: "timed out",
    OutcomeKind.CANCELLED: "cancelled",
    OutcomeKind.OVER_LIMIT: "over limit",
    OutcomeKind.LOST: "lost",
}


def list_jobs(
    ctx: typer.Context,
    *,
    everything: Annotated[bool, typer.Option("-a", "--all", help="Include jobs that have ended.")] = False,
    batch: Annotated[str | None, typer.Option("--batch", metavar="BATCH", help="Only jobs of this batch, by its name or a run id.")] = None,
    json: Json = False,
) -> None:
    """List queued and running jobs, oldest first.

    On a terminal, prints a table; otherwise one line per job, with tabs between ID, NAME, STATE, TIME, OWNER and COMMAND.
    """
    with client(ctx) as connected:
        jobs = connected.list(all=everything, batch=None if batch is None else batch_named(batch))
        if json:
            for job in jobs:
                write_json(job_record(job))
            return
        table = Table("ID", "NAME", "STATE", "TIME", "OWNER", "COMMAND")
        some = False
        for job in jobs:
            some = True
            table.add(short_id(job.key.id), job.name, _state(job), duration(job.lasted_us), job.owner_name, command_line(job.argv))
        table.write()
    if not some:
        say("no matching jobs" if everything else "no job is queued or running; jobwire list -a includes those that have ended")


def _state(job: JobInfo) -> Cell:
    outcome = job.outcome
    if outcome is None:
        return Cell("paused", "yellow") if job.paused else Cell(job.state.name.lower(), _COLOURS.get(job.state, ""))
    if outcome.kind is OutcomeKind.EXITED:
        short = f"exit {outcome.exit_status}"
    else:
        short = _SHORT_ENDS.get(outcome.kind) or signal_name(outcome.signal)
    return Cell(short, "red" if failed(outcome) else "green")
