"""Say how the `on_finish` of a run ended. It does not change how the run did."""

from __future__ import annotations

from ....schemas.naming import format_id, short_id
from ....schemas.refusal import Refused
from ...library.client import Client
from ...library.values.run_info import RunInfo
from ..live.progress import TAIL_LINES
from ..terminal.last_lines import last_lines
from ..terminal.screen import say, write
from ..terminal.sentences import failed, how_it_ended


def tell_finish(connected: Client, run: RunInfo, *, quiet: bool = False) -> None:
    """Say how it ended, if it did; `quiet`: only if it failed."""
    outcome, job_id = run.batch.on_finish_outcome, run.batch.on_finish_id
    if outcome is None:
        return
    line = f"{short_id(job_id)} on_finish: {how_it_ended(outcome)}"
    if failed(outcome):
        say(line, *(f"    {text}" for text in last_lines(_tail(connected, run), TAIL_LINES)))
        say(f"on_finish failed, which changes nothing about the run; jobwire logs {format_id(job_id)} shows its output")
    elif not quiet:
        write(line)


def _tail(connected: Client, run: RunInfo) -> bytes:
    try:
        return connected.job_by_key(run.owner, run.batch.on_finish_id).tail("stderr", TAIL_LINES)
    except Refused:
        # It never ran, for example.
        return b""
