"""Streams: opens that of reports for a start or a stop; credit and cancel, which have no reply, and do nothing if the stream has ended."""

from __future__ import annotations

from collections.abc import Sequence

from ...schemas.frames import LARGEST_TAIL, MOST_TAIL_LINES
from ...schemas.generated import request_pb2
from ...schemas.naming import JobKey
from ..desk.job import Job
from ..engine import Engine
from ..fairness.turns import Turns
from ..streams.reports import Reports
from ..streams.watchers import Watchers
from .call import Call

_DEFAULT_TAIL_LINES = 10


def watch(
    call: Call, watchers: Watchers, engine: Engine, turns: Turns, jobs: Sequence[Job], asked: request_pb2.Start | request_pb2.Stop
) -> None:
    """Open the stream that reports these jobs until all have finished; for a start also when each has started."""
    outer = JobKey(call.member.key, asked.within) if isinstance(asked, request_pb2.Start) and asked.within else None
    inner = [job.key for job in jobs]

    def ended(stream: Reports) -> None:
        call.stream_ended()
        if outer is not None:
            watchers.inner_waits.end(outer, inner)
        for job in jobs:
            watchers.unwatch(job, stream)

    reports = Reports(
        call.request.id,
        engine,
        tail_lines=min(asked.tail_lines if asked.HasField("tail_lines") else _DEFAULT_TAIL_LINES, MOST_TAIL_LINES),
        tail_bytes=LARGEST_TAIL,
        credit=asked.credit_messages,
        starts=isinstance(asked, request_pb2.Start),
        turns=turns,
        send=call.send,
        ended=ended,
    )
    call.open_stream(reports)
    if outer is not None:
        watchers.inner_waits.begin(outer, inner)
    reports.expect(len(jobs))
    for job in jobs:
        watchers.watch(job, reports)
    reports.flush()


def credit(call: Call) -> None:
    """Add credit to a stream."""
    stream = call.peer.streams.get(call.request.credit.request_id)
    if stream is not None:
        stream.grant(call.request.credit)


def cancel(call: Call) -> None:
    """End a stream."""
    stream = call.peer.streams.get(call.request.cancel.request_id)
    if stream is not None:
        stream.close()
