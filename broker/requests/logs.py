"""read_log and follow_log: output of jobs; credit and cancel for streams."""

from __future__ import annotations

from ...schemas.frames import LARGEST_RANGE, MOST_TAIL_LINES
from ...schemas.generated import request_pb2
from ...schemas.refusal import Code, Refused
from ..desk.life import Phase
from ..engine import Engine, LogPart, StreamName
from ..store.queries import Lookup
from ..streams.log_stream import LogStream, Turns
from ..streams.reports import Reports
from ..streams.watchers import Watchers
from .call import Call
from .job_keys import read_key

_STREAMS: dict[int, StreamName] = {request_pb2.STREAM_STDOUT: "stdout", request_pb2.STREAM_STDERR: "stderr"}


def read_log(call: Call, lookup: Lookup, engine: Engine) -> None:
    """Reply with a byte range or the last lines of one log."""
    request = call.request.read_log
    stream = _stream(request.stream)
    job = lookup.visible_job(read_key(request.key, call.member), call.member)
    if not job.attempt.started_at_us:
        part = LogPart(0, b"", 0)
    elif request.WhichOneof("part") == "tail_lines":
        part = engine.tail_log(job.attempt.run, stream, min(request.tail_lines, MOST_TAIL_LINES), LARGEST_RANGE)
    else:
        part = engine.read_log(job.attempt.run, stream, request.range.start, min(request.range.length, LARGEST_RANGE))
    header = request_pb2.LogRange(start=part.start, size=part.size, ended=job.attempt.phase is Phase.FINISHED)
    call.reply(request_pb2.Reply(log_range=header), part.data)


def follow_log(call: Call, lookup: Lookup, watchers: Watchers, engine: Engine, turns: Turns) -> None:
    """Stream one log to the job's end; for a waiting job, from when it starts."""
    request = call.request.follow_log
    stream = _stream(request.stream)
    job = lookup.visible_job(read_key(request.key, call.member), call.member)
    call.demand_stream()
    watchers.demand_room(call.peer.account.streams)

    def ended() -> None:
        call.stream_ended()
        watchers.release(job.key)
        watchers.unwatch(job, followed)

    followed = LogStream(
        call.request.id,
        job,
        stream,
        request.start,
        engine,
        turns,
        credit=request.credit_bytes,
        send=call.send,
        refuse=call.refuse,
        ended=ended,
    )
    call.open_stream(followed)
    watchers.hold(job.key)
    watchers.watch(job, followed)
    followed.flush()


def credit(call: Call) -> None:
    """Add credit to a stream; ignored if it has ended meanwhile. Has no reply."""
    request = call.request.credit
    stream = call.peer.streams.get(request.request_id)
    if isinstance(stream, LogStream):
        stream.grant(request.bytes)
    elif isinstance(stream, Reports):
        stream.grant(request.messages)


def cancel(call: Call) -> None:
    """End a stream. Has no reply."""
    stream = call.peer.streams.get(call.request.cancel.request_id)
    if stream is not None:
        stream.close()


def _stream(number: int) -> StreamName:
    try:
        return _STREAMS[number]
    except KeyError:
        raise Refused(Code.INVALID_ARGUMENT, "the request names neither stdout nor stderr") from None
