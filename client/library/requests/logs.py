"""Questions about what a job has written so far, as requests; each is answered with a piece of a log."""

from __future__ import annotations

from ....schemas.generated import request_pb2
from ....schemas.naming import JobKey
from ....schemas.wire_codec import key_to_wire
from ..known_jobs import STREAMS, StreamName


def tail_request(key: JobKey, stream: StreamName, lines: int, attempt: int | None) -> request_pb2.Request:
    """Return the request for the last lines of this attempt, or of the last one that has started."""
    read = request_pb2.ReadLog(key=key_to_wire(key), stream=STREAMS[stream], tail_lines=lines, attempt=attempt or 0)
    return request_pb2.Request(read_log=read)


def range_request(key: JobKey, stream: StreamName, start: int, length: int, attempt: int | None) -> request_pb2.Request:
    """Return the request for a range of bytes, and the size of the log; of an attempt as above."""
    part = request_pb2.ByteRange(start=start, length=length)
    read = request_pb2.ReadLog(key=key_to_wire(key), stream=STREAMS[stream], range=part, attempt=attempt or 0)
    return request_pb2.Request(read_log=read)
