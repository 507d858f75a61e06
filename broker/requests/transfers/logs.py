"""read_log and follow_log: output of jobs."""

from __future__ import annotations

from ....schemas.clock import wall_us
from ....schemas.frames import LARGEST_RANGE, MOST_TAIL_LINES
from ....schemas.generated import request_pb2
from ....schemas.naming import format_id
from ....schemas.refusal import Code, Refused
from ...desk.desk import Desk
from ...engine import Engine, LogPart, StreamName
from ...jobs.job import Attempt, Job
from ...jobs.life import Phase
from ...retention.followed import Followed
from ...store.queries import Lookup
from ...streams.log_stream import LogStream, Source
from ...streams.watchers import Watchers
from ..call import Call
from ..job_keys import read_key
from ..streams import begin_to_wait

_STREAMS: dict[int, StreamName] = {request_pb2.STREAM_STDOUT: "stdout", request_pb2.STREAM_STDERR: "stderr"}
_BOTH: tuple[StreamName, ...] = ("stdout", "stderr")


def read_log(call: Call, lookup: Lookup, engine: Engine) -> None:
    """Reply with a byte range or the last lines of one log."""
    request = call.request.read_log
    if request.WhichOneof("part") == "since_us":
        _find_moment(call, lookup, engine)
        return
    stream = _stream(request.stream)
    attempt = attempt_of(lookup.visible_job(read_key(request.key, call.member), call.member), request.attempt)
    if not attempt.started_at_us:
        part = LogPart(0, b"", 0)
    elif request.WhichOneof("part") == "tail_lines":
        part = engine.tail_log(attempt.run, stream, min(request.tail_lines, MOST_TAIL_LINES), LARGEST_RANGE)
    else:
        part = engine.read_log(attempt.run, stream, request.range.start, min(request.range.length, LARGEST_RANGE))
    header = request_pb2.LogRange(
        start=part.start, size=part.size, ended=attempt.phase is Phase.FINISHED, now_us=wall_us(), attempt=attempt.key.attempt
    )
    call.reply(request_pb2.Reply(log_range=header), part.data)


def _find_moment(call: Call, lookup: Lookup, engine: Engine) -> None:
    request = call.request.read_log
    if request.stream != request_pb2.STREAM_BOTH:
        raise Refused(Code.INVALID_ARGUMENT, "`since_us` needs the stream BOTH")
    attempt = attempt_of(lookup.visible_job(read_key(request.key, call.member), call.member), request.attempt)
    stdout, stderr = engine.find_in_logs(attempt.run, request.since_us) if attempt.started_at_us else (0, 0)
    header = request_pb2.LogRange(start=stdout + stderr, stderr_start=stderr, now_us=wall_us(), attempt=attempt.key.attempt)
    call.reply(request_pb2.Reply(log_range=header), b"")


def follow_log(call: Call, desk: Desk, lookup: Lookup, watchers: Watchers, followed: Followed, engine: Engine) -> None:
    """Stream one log to the end of the attempt that writes it; for a waiting job, from when it starts."""
    request = call.request.follow_log
    source = _source(request)
    job = lookup.visible_job(read_key(request.key, call.member), call.member)
    attempt = attempt_of(job, request.attempt)
    call.demand_stream()
    followed.demand_room(call.member.key)
    over = begin_to_wait(call, desk, [job.key])

    def ended(stream: LogStream) -> None:
        call.stream_ended()
        over()
        followed.end(job.key, call.member.key)
        watchers.unwatch(job, stream)

    log = LogStream(
        call.request.id,
        job,
        attempt,
        source,
        engine,
        call.turns,
        credit=request.credit_bytes,
        starts_in_us=desk.starts_in_us,
        send=call.send,
        refuse=call.refuse,
        ended=ended,
    )
    call.open_stream(log)
    followed.begin(job.key, call.member.key)
    if attempt is job.attempt:
        watchers.watch(job, log)
    else:
        log.open()
    log.flush()


def attempt_of(job: Job, number: int) -> Attempt:
    """Return an attempt at a job; 0: the latest one that has started, or the first.

    Raises Refused(NOT_FOUND).
    """
    attempts = [*job.earlier, job.attempt]
    if not number:
        return next((one for one in reversed(attempts) if one.started_at_us), attempts[0])
    found = next((one for one in attempts if one.key.attempt == number), None)
    if found is None:
        made = "1 attempt" if len(attempts) == 1 else f"{len(attempts)} attempts"
        raise Refused(Code.NOT_FOUND, f"the job {format_id(job.key.id)} has had {made}, and no attempt {number}")
    return found


def _source(request: request_pb2.FollowLog) -> Source:
    if request.stream != request_pb2.STREAM_BOTH:
        name = _stream(request.stream)
        starts = (request.start, 0) if name == "stdout" else (0, request.start)
        return Source((name,), starts, timed=request.timed)
    if request.stderr_start > request.start:
        raise Refused(Code.INVALID_ARGUMENT, f"of {request.start} bytes, {request.stderr_start} cannot be of stderr")
    return Source(_BOTH, (request.start - request.stderr_start, request.stderr_start), timed=True)


def _stream(number: int) -> StreamName:
    try:
        return _STREAMS[number]
    except KeyError:
        raise Refused(Code.INVALID_ARGUMENT, "the request names neither stdout nor stderr") from None
