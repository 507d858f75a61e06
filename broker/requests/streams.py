"""Streams: opens that of reports for a start or a stop; credit and cancel, which have no reply, and do nothing if the stream has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ...schemas.frames import LARGEST_TAIL, MOST_TAIL_LINES
from ...schemas.generated import request_pb2
from ...schemas.naming import JobKey, finish_job_id
from ..desk.desk import Desk
from ..engine import Engine
from ..jobs.job import Job, RunKey
from ..jobs.life import Phase
from ..streams.reports import Reports
from ..streams.run_ends import RunEnds
from ..streams.watchers import Watchers
from .call import Call
from .checks.delegated import starter_of

_DEFAULT_TAIL_LINES = 10


def begin_to_wait(call: Call, desk: Desk, inner: Sequence[JobKey]) -> Callable[[], None]:
    """Let the job that sends a request lend its slots while it waits for these; return the function to call when it stops waiting."""
    starter = starter_of(call.member, desk)
    if starter is None:
        return lambda: None
    outer = starter.attempt.key
    desk.wait_for(outer, inner, begins=True)
    return lambda: desk.wait_for(outer, inner, begins=False)


def watch(
    call: Call,
    watchers: Watchers,
    engine: Engine,
    jobs: Sequence[Job],
    asked: request_pb2.Start | request_pb2.Stop,
    desk: Desk,
) -> None:
    """Open the stream that reports these jobs until all have finished; for a start also when each has started."""
    is_hint = isinstance(asked, request_pb2.Start) and asked.within and not call.member.job
    outer = JobKey(call.member.key, asked.within) if is_hint and isinstance(asked, request_pb2.Start) else None
    inner = [job.key for job in jobs]
    over = begin_to_wait(call, desk, inner) if call.member.job else None

    def ended(stream: Reports) -> None:
        call.stream_ended()
        if over is not None:
            over()
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
        turns=call.turns,
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


def watch_ends(call: Call, watchers: Watchers, jobs: Sequence[Job], runs: Sequence[RunKey], credit_messages: int, desk: Desk) -> None:
    """Open the stream that ends when none of these jobs of some runs is left."""
    left: set[JobKey] = set()
    all_known = False

    def begin() -> Iterator[None]:
        # Some may end while this goes on; they are noted by then, or are not waited for.
        for job in jobs:
            if job.attempt.phase is not Phase.FINISHED:
                left.add(job.key)
            yield

    def began() -> None:
        nonlocal all_known
        all_known = True
        ends.flush()

    ends = open_run_ends(
        call,
        watchers,
        runs,
        credit_messages,
        desk,
        ended=lambda job: left.discard(job.key),
        is_over=lambda: all_known and not left,
        tell=lambda: call.reply(request_pb2.Reply(done=request_pb2.Done(jobs=len(jobs)))),
    )
    call.in_slices(begin(), began)


def open_run_ends(
    call: Call,
    watchers: Watchers,
    runs: Sequence[RunKey],
    credit_messages: int,
    desk: Desk,
    *,
    ended: Callable[[Job], None],
    is_over: Callable[[], bool],
    tell: Callable[[], object],
) -> RunEnds:
    """Return the opened stream about the ends of jobs of some runs."""
    inner = [key for run in runs for key in (*desk.runs.get(run, ()), JobKey(run.owner, finish_job_id(run.id)))] if call.member.job else ()
    over = begin_to_wait(call, desk, inner)

    def closed() -> None:
        call.stream_ended()
        over()
        for run in runs:
            watchers.unwatch_run(run, ends)

    ends = RunEnds(call.request.id, credit=credit_messages, ended=ended, is_over=is_over, tell=tell, send=call.send, closed=closed)
    call.open_stream(ends)
    for run in runs:
        watchers.watch_run(run, ends)
    return ends


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
