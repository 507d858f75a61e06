"""Queries about jobs, and about their output so far, as requests."""

from __future__ import annotations

from collections.abc import Iterable

from ....schemas.generated import job_pb2, request_pb2
from ....schemas.jobs.states import Pick
from ....schemas.naming import JobKey
from ....schemas.wire_codec import key_to_wire
from ..known_jobs import STREAMS, StreamName


def query_by_key(key: JobKey) -> request_pb2.Request:
    """Return a query for one job."""
    return request_pb2.Request(query_one=request_pb2.QueryOne(key=key_to_wire(key)))


def query_by_name(name: str, pick: Pick) -> request_pb2.Request:
    """Return a query for the job that a name refers to."""
    wanted = request_pb2.QueryOne(name=name)
    # An older worker does not know it, and refuses what several jobs have.
    wanted.pick = pick.value  # type: ignore[assignment] # reason: an enum field takes its number
    return request_pb2.Request(query_one=wanted)


def query_proof(key: job_pb2.JobKey) -> request_pb2.Request:
    """Return the query for the proof of a job."""
    return request_pb2.Request(query_proof=request_pb2.QueryProof(key=key))


def query_proofs(keys: Iterable[job_pb2.JobKey]) -> request_pb2.Request:
    """Return the query for the proofs of many jobs."""
    return request_pb2.Request(query_proof=request_pb2.QueryProof(keys=keys))


def tail_request(key: JobKey, stream: StreamName, lines: int, attempt: int | None) -> request_pb2.Request:
    """Return the request for the last lines of a log, of this attempt or of the last one that has started."""
    read = request_pb2.ReadLog(key=key_to_wire(key), stream=STREAMS[stream], tail_lines=lines, attempt=attempt or 0)
    return request_pb2.Request(read_log=read)


def range_request(key: JobKey, stream: StreamName, start: int, length: int, attempt: int | None) -> request_pb2.Request:
    """Return the request for a range of bytes of a log, and its size; `attempt` as above."""
    part = request_pb2.ByteRange(start=start, length=length)
    read = request_pb2.ReadLog(key=key_to_wire(key), stream=STREAMS[stream], range=part, attempt=attempt or 0)
    return request_pb2.Request(read_log=read)
