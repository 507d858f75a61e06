"""Requests as a connection of a client sends them, and how long a test waits for answers."""

from __future__ import annotations

import time

from fake_daemon import FakeDaemon

from jobwire.client.protocol.exchange import Chunk, Exchange
from jobwire.client.sockets.connection import Connection
from jobwire.schemas.generated import job_pb2, request_pb2


def soon(seconds: float = 60) -> float:
    return time.monotonic() + seconds


def start(job_id: bytes, *argv: bytes, watch: bool = False) -> request_pb2.Request:
    new = request_pb2.NewJob(id=job_id, spec=job_pb2.JobSpec(argv=argv))
    return request_pb2.Request(start=request_pb2.Start(jobs=[new], watch=watch))


def follow(job_id: bytes) -> request_pb2.Request:
    key = job_pb2.JobKey(id=job_id)
    return request_pb2.Request(follow_log=request_pb2.FollowLog(key=key, stream=request_pb2.STREAM_STDOUT))


def listing() -> request_pb2.Request:
    return request_pb2.Request(list=request_pb2.List())


def read_log(connection: Connection, exchange: Exchange) -> bytes:
    parts = []
    while (item := connection.next(exchange, soon())) is not None:
        if isinstance(item, Chunk):
            parts.append(bytes(item.data))
    return b"".join(parts)


def until_seen(daemon: FakeDaemon, connection: Connection, verb: str, times: int = 1) -> None:
    """Pump until the daemon has seen so many requests of this verb; it wakes nobody, so its thread is asked."""
    while daemon.do(daemon.verbs).count(verb) < times:
        connection.pump(soon(0.01))
