"""`jobwire events`."""

from __future__ import annotations

from typing import Annotated

import typer

from ....schemas.job import EventKind
from ....schemas.naming import short_id
from ...library.events import NOW, START
from ...library.results import Event, EventCursor
from ..arguments import Json, understanding
from ..chosen_context import client
from ..job_names import chosen_jobs
from ..terminal.copying import pump_for_readers
from ..terminal.json_lines import event_record
from ..terminal.screen import flush, local_time, write, write_json
from ..terminal.sentences import how_it_ended
from ..terminal.streams import STDOUT, Readers


def events(
    ctx: typer.Context,
    *,
    start: Annotated[
        str,
        typer.Option("--from", metavar="now|start|CURSOR", help="Start now, with the oldest event kept, or after the cursor of an event."),
    ] = NOW,
    job: Annotated[
        list[str] | None, typer.Option("--job", metavar="JOB", help="Only this job, or the jobs of this batch. Can be repeated.")
    ] = None,
    json: Json = False,
) -> None:
    """Show events of jobs as they happen.

    Runs until Ctrl-C, or until nobody reads its output. No event is missed or shown twice, even if the connection drops or the worker
    restarts. With --json each event has a cursor: --from CURSOR continues after it.
    """
    with understanding("--from"):
        after = start if start in (NOW, START) else EventCursor.parse(start)
    with client(ctx) as connected:
        jobs = chosen_jobs(connected, job or [])
        with connected.events(after, jobs=jobs) as stream:
            readers = Readers([STDOUT])
            while True:
                while (event := stream.take()) is not None:
                    _tell(event, json=json)
                if stream.ended:
                    return
                pump_for_readers(connected, readers)


def _tell(event: Event, *, json: bool) -> None:
    if json:
        write_json(event_record(event))
    else:
        write(f"{local_time(event.at_us)}  {short_id(event.key.id)}  {event.name + '  ' if event.name else ''}{_what(event)}")
    flush()


def _what(event: Event) -> str:
    if event.outcome is not None:
        return how_it_ended(event.outcome)
    what = "adopted" if event.kind is EventKind.ADOPTED else event.kind.name.lower()
    process = f" {event.process}" if event.process and event.kind is not EventKind.STOPPING else ""
    return f"{what}{process}{': ' + event.sentence if event.sentence else ''}"
