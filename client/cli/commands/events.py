"""`jobwire events`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from ....schemas.jobs.states import EventKind
from ....schemas.naming import short_id
from ...library.client import Client
from ...library.events import NOW, START, EventStream
from ...library.values.results import Event, EventCursor
from ..arguments import Json, understanding
from ..chosen_context import client
from ..parser.parameters import Context, Option
from ..shown.json_lines import event_record
from ..shown.sentences import how_it_ended
from ..targets.job_names import named, unique
from ..targets.runs import jobs_of
from ..terminal.copying import pump_for_readers
from ..terminal.screen import flush, local_time, write, write_json
from ..terminal.streams import STDOUT, Readers


def events(
    ctx: Context,
    *,
    start: Annotated[
        str,
        Option("--from", metavar="now|start|CURSOR", help="Start now, with the oldest event kept, or after the cursor of an event."),
    ] = NOW,
    job: Annotated[
        list[str] | None, Option("--job", metavar="JOB", help="Only this job, or the jobs of this batch. Can be repeated.")
    ] = None,
    json: Json = False,
) -> None:
    """Show events of jobs as they happen.

    Runs until Ctrl-C, or until nobody reads its output. No event is missed or shown twice, even if the connection drops or the worker
    restarts. With --json each event has a cursor: --from CURSOR continues after it.
    """
    with understanding("--from"):
        after = start if start in (NOW, START) else EventCursor.parse(start)
    with client(ctx) as connected, _subscribe(connected, after, job or []) as stream:
        readers = Readers([STDOUT])
        while True:
            while (event := stream.take()) is not None:
                _tell(event, json=json)
            if stream.ended:
                return
            pump_for_readers(connected, readers)


def _subscribe(connected: Client, after: str | EventCursor, names: Sequence[str]) -> EventStream:
    found = named(connected, names)
    if len(found) == 1 and (run := found[0].run) is not None:
        return connected.events(after, batch=run.info.batch.id, owner=run.info.owner)
    # A filter takes one run only.
    of_runs = (info.key for one in found if one.run is not None for info in jobs_of(connected, one.run))
    single = (one.job for one in found if one.job is not None)
    return connected.events(after, jobs=unique([*single, *(connected.job_by_key(*key) for key in of_runs)]))


def _tell(event: Event, *, json: bool) -> None:
    if json:
        write_json(event_record(event))
    else:
        write(f"{local_time(event.at_us)}  {short_id(event.key.id)}  {event.name + '  ' if event.name else ''}{_what(event)}")
    flush()


def _what(event: Event) -> str:
    if event.kind is EventKind.RETRYING:
        return f"retrying: {event.sentence}"
    if event.outcome is not None:
        return how_it_ended(event.outcome)
    what = "adopted" if event.kind is EventKind.ADOPTED else event.kind.name.lower()
    process = f" {event.process}" if event.process and event.kind is not EventKind.STOPPING else ""
    return f"{what}{process}{': ' + event.sentence if event.sentence else ''}"
