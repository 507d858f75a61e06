"""A client that sends any frames and returns what it receives, for tests of the protocol and for attacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import zmq

from jobwire.keys.identity import Identity
from jobwire.keys.proofs import signature
from jobwire.keys.sockets import client_socket, connect
from jobwire.schemas.generated import event_pb2, job_pb2, request_pb2
from jobwire.schemas.naming import new_id

WAIT_MS = 60_000
# How long to wait if no reply is expected.
SILENCE_MS = 300


class RawClient:
    """One DEALER and, if requested, one SUB, with the keys of an identity."""

    def __init__(self, endpoint: str, server: bytes, identity: Identity, *, routing_id: bytes = b"", lazy: bool = False) -> None:
        """`lazy`: it receives as little as possible, and does not reconnect after it was cut off."""
        self.identity = identity
        self.server = server
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context(1)
        self.socket = client_socket(self.context, zmq.DEALER, identity, server)
        if routing_id:
            self.socket.setsockopt(zmq.ROUTING_ID, routing_id)
        if lazy:
            for option, value in ((zmq.RCVHWM, 1), (zmq.RCVBUF, 4096), (zmq.RECONNECT_IVL, -1)):
                self.socket.setsockopt(option, value)
        connect(self.socket, endpoint)
        self.nonce = b""
        self.event_endpoint = ""
        self._next_id = 1
        self.endpoint = endpoint

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.destroy(linger=0)

    def request(self, **verb: object) -> request_pb2.Request:
        self._next_id += 1
        return request_pb2.Request(id=self._next_id, **verb)  # type: ignore[arg-type]

    def envelope(self, request: request_pb2.Request, *, signer: Identity | None = None, nonce: bytes | None = None) -> bytes:
        raw = request.SerializeToString()
        if not self.nonce and nonce is None:
            return request_pb2.Envelope(request=raw).SerializeToString()
        proof = signature.sign(signer or self.identity, self.server, self.nonce if nonce is None else nonce, raw)
        return request_pb2.Envelope(request=raw, proof=proof).SerializeToString()

    def send(self, *frames: bytes) -> None:
        self.socket.send_multipart(frames)

    def receive(self, wait_ms: int = WAIT_MS) -> request_pb2.Reply:
        frames = self.receive_frames(wait_ms)
        assert frames is not None, "no reply"
        return request_pb2.Reply.FromString(frames[0])

    def receive_frames(self, wait_ms: int = WAIT_MS) -> Sequence[bytes] | None:
        return self.socket.recv_multipart() if self.socket.poll(wait_ms) else None

    def ask(self, request: request_pb2.Request) -> request_pb2.Reply:
        self.send(self.envelope(request))
        return self.receive()

    def hello(self, wait_ms: int = WAIT_MS) -> request_pb2.HelloReply:
        self.send(self.envelope(self.request(hello=request_pb2.Hello(oldest_version=1, newest_version=1, software="raw"))))
        reply = self.receive(wait_ms)
        assert reply.WhichOneof("content") == "hello", reply
        self.nonce = reply.hello.nonce
        self.event_endpoint = reply.hello.event_endpoint.replace("*", self.endpoint.removeprefix("tcp://").rpartition(":")[0])
        return reply.hello

    def start(self, *argv: bytes, watch: bool = False, job_id: bytes = b"") -> request_pb2.Request:
        job = request_pb2.NewJob(id=job_id or new_id(), spec=job_pb2.JobSpec(argv=argv))
        return self.request(start=request_pb2.Start(jobs=[job], watch=watch, credit_messages=100))

    def grant(self) -> bytes:
        reply = self.ask(self.request(subscribe=request_pb2.Subscribe()))
        assert reply.WhichOneof("content") == "subscribe", reply
        return reply.subscribe.topic

    def subscriber(self, kind: int = zmq.SUB) -> zmq.Socket[bytes]:
        socket = client_socket(self.context, kind, self.identity, self.server)
        connect(socket, self.event_endpoint)
        return socket


def news(socket: zmq.Socket[bytes], wait_ms: int = WAIT_MS) -> event_pb2.News | None:
    """Return one published message."""
    return event_pb2.News.FromString(socket.recv_multipart()[1]) if socket.poll(wait_ms) else None
