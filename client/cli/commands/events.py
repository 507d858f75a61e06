"""`jobwire events`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from ....schemas.jobs.states import EventKind, State
from ....schemas.naming import short_id
from ....schemas.refusal import Code, Refused
from ...library.client import Client
from ...library.events import NOW, START, EventStream
from ...library.values.event import Event, EventCursor
from ..arguments import Json, understanding
from ..chosen_context import client
from ..exit_status import BadInput
from ..parser.parameters import Context, Option
from ..shown.json_lines import event_record
from ..shown.sentences import how_it_ended
from ..targets.job_names import Named, named, unique
from ..targets.runs import jobs_of
from ..terminal.copying import pump_for_readers
from ..terminal.screen import flush, local_time, write, write_json
from ..terminal.streams import STDOUT, Readers

if TYPE_CHECKING:
    from datetime import datetime, timedelta


def events(
    ctx: Context,
    *,
    start: Annotated[
        str,
        Option("--from", metavar="now|start|CURSOR", help="Start now, with the oldest event kept, or after the cursor of an event."),
    ] = NOW,
    since: Annotated[
        str | None, Option("--since", metavar="TIME", help="Start with what happened since then: 1h (ago), 2026-11-28, '2026-11-28 14:30'.")
    ] = None,
    until_idle: Annotated[bool, Option("--until-idle", help="Exit when no job is queued or running.")] = False,
    job: Annotated[
        list[str] | None, Option("--job", metavar="JOB", help="Only this job, or the jobs of this batch. Can be repeated.")
    ] = None,
    json: Json = False,
) -> None:
    """Show events of jobs as they happen.

    Runs until Ctrl-C, or until nobody reads its output; with --until-idle, until no job is queued or running. No event is missed or shown
    twice, even if the connection drops or the worker restarts. With --json each event has a cursor: --from CURSOR continues after it.
    """
    after = _start(start, since)
    with client(ctx) as connected:
        found = named(connected, job or [])
        with _subscribe(connected, after, found) as stream:
            readers = Readers([STDOUT])
            # The first time, all of them may have ended before.
            look = until_idle
            while True:
                has_ended = _tell_all(stream, json=json)
                if stream.ended:
                    return
                look = look or (until_idle and has_ended)
                if look and stream.is_up_to_date:
                    look = False
                    if not _is_any_alive(connected, found):
                        break
                pump_for_readers(connected, readers)
            _tell_last(connected, stream, readers, json=json)


def _tell_last(connected: Client, stream: EventStream, readers: Readers, *, json: bool) -> None:
    """Show what has happened up to now, including what is still in transit."""
    stream.look_again()
    while not (stream.is_up_to_date or stream.ended):
        pump_for_readers(connected, readers)
        _tell_all(stream, json=json)


def _tell_all(stream: EventStream, *, json: bool) -> bool:
    """Show what has arrived; return whether a job has ended by it."""
    has_ended = False
    while (event := stream.take()) is not None:
        _tell(event, json=json)
        has_ended = has_ended or event.outcome is not None
    return has_ended


def _start(start: str, since: str | None) -> str | EventCursor | datetime | timedelta:
    if since is not None:
        if start != NOW:
            raise BadInput("--from and --since both say where to start; leave one of them out")
        from ..moments import parse_moment  # noqa: PLC0415 -- most know no dates

        with understanding("--since"):
            return parse_moment(since)
    with understanding("--from"):
        return start if start in (NOW, START) else EventCursor.parse(start)


def _is_any_alive(connected: Client, found: Sequence[Named]) -> bool:
    """Return whether one of the jobs (of all, if none is named) is queued or running."""
    if not found:
        return any(True for _ in connected.list(limit=1))
    return any(_is_alive(connected, one) for one in found)


def _is_alive(connected: Client, one: Named) -> bool:
    if one.run is not None:
        return any(True for _ in connected.list(batch=one.run.info.batch.id, owner=one.run.info.owner, limit=1))
    try:
        return one.job is not None and one.job.info().state is not State.FINISHED
    except Refused as refused:
        # Forgotten: it had ended.
        if refused.code is not Code.NOT_FOUND:
            raise
        return False


def _subscribe(connected: Client, after: str | EventCursor | datetime | timedelta, found: Sequence[Named]) -> EventStream:
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
