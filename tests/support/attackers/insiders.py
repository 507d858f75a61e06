"""Attacks of a member of the roster on the worker, for tests and measurements: each continues until `over`."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import repeat
from urllib.parse import urlsplit

import zmq
from curve_client import GREETING, CurveClient
from processes import many_descriptors
from raw_client import RawClient

from jobwire.schemas.frames import LARGEST_CREDIT
from jobwire.schemas.generated import job_pb2, request_pb2


@contextmanager
def watched(raw: RawClient) -> Iterator[zmq.Socket[bytes]]:
    """Watch the connection of a client that reads; the socket reports when it was closed."""
    monitor = raw.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    try:
        yield monitor
    finally:
        raw.socket.disable_monitor()
        monitor.close(0)


def follow(raw: RawClient, key: job_pb2.JobKey, count: int) -> None:
    """Follow a log many times without reading, until the connection is closed."""
    wanted = request_pb2.FollowLog(key=key, stream=request_pb2.STREAM_STDOUT, credit_bytes=LARGEST_CREDIT)
    send_all(raw, (raw.envelope(raw.request(follow_log=wanted)) for _ in range(count)))


def list_all(raw: RawClient, count: int) -> None:
    """Request all jobs many times without reading, until the connection is closed."""
    send_all(raw, repeat(raw.envelope(raw.request(list=request_pb2.List(all=True))), count))


def subscribe_all(raw: RawClient, count: int) -> None:
    """Request grants many times without reading, until the connection is closed."""
    send_all(raw, repeat(raw.envelope(raw.request(subscribe=request_pb2.Subscribe())), count))


def send_all(raw: RawClient, frames: Iterable[bytes]) -> None:
    """Send frames without reading a reply, until the connection is closed."""
    raw.socket.setsockopt(zmq.SNDTIMEO, 200)
    with suppress(zmq.Again):
        for frame in frames:
            raw.send(frame)


@contextmanager
def mute_connections(endpoint: str, count: int) -> Iterator[list[socket.socket]]:
    """Connect many times, and send nothing."""
    address = urlsplit(endpoint)
    with many_descriptors(), ExitStack() as stack:
        connections = [stack.enter_context(socket.create_connection((address.hostname, address.port), timeout=60)) for _ in range(count)]
        for connection in connections:
            connection.settimeout(5)
        yield connections


def send_inside_handshake(connection: socket.socket, size: int) -> int:
    """Send a CURVE greeting and a command of this many bytes (RFC 37) until cut off; return how many were accepted."""
    sent = 0
    with suppress(OSError):
        connection.sendall(GREETING + b"\x06" + size.to_bytes(8, "big"))
        while sent < size:
            sent += connection.send(bytes(min(64 * 1024, size - sent)))
    return sent


def send_without_end(client: CurveClient, payload: bytes, flags: bytes, most: int) -> int:
    """Send frames until the connection is closed or this many bytes are sent; return how many were."""
    sent = 0
    with suppress(OSError):
        while sent < most and not client.was_cut_off():
            # Encrypted before they are sent, because encryption takes longer than sending.
            frames = b"".join(client.encode(payload, flags) for _ in range(max(1, 500_000 // (len(payload) + 35))))
            client.socket.sendall(frames)
            sent += len(frames)
    return sent


def subscribe_ungranted(subscribers: Iterable[zmq.Socket[bytes]], count: int) -> None:
    """Send this many topics that were never granted over each of these XSUB sockets."""
    for number in range(count):
        for subscriber in subscribers:
            with suppress(zmq.Again):
                subscriber.send(b"\x01" + number.to_bytes(16, "big"), zmq.DONTWAIT)
