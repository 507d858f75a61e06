"""A client written only from docs/protocol.md and the .proto files: it imports nothing of jobwire."""

from __future__ import annotations

import functools
import tempfile
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import zmq
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_tools import protoc
from nacl import bindings
from zmq.utils import z85

ROOT = Path(__file__).resolve().parents[3]
WAIT_MS = 60_000
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


@functools.cache
def schema() -> SimpleNamespace:
    """Compile the .proto files, with the import root that the page names, and return the messages by name."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "set"
        root = ROOT / "schemas" / "proto"
        arguments = ["protoc", f"-I{root}", "--include_imports", f"--descriptor_set_out={file}", "jobwire/v1/request.proto"]
        assert protoc.main(arguments) == 0
        files = FileDescriptorSet.FromString(file.read_bytes()).file
    pool = DescriptorPool()
    for one in files:
        pool.Add(one)
    named = [f"{one.package}.{message.name}" for one in files for message in one.message_type]
    return SimpleNamespace(**{name.rpartition(".")[2]: GetMessageClass(pool.FindMessageTypeByName(name)) for name in named})


def read_printed(text: str, prefix: str = "jobwire-key-") -> bytes:
    """Return a key from its printed form."""
    number = 0
    for digit in text.removeprefix(prefix):
        number = number * 32 + _DIGITS.index(digit)
    data = number.to_bytes(36, "big")
    assert zlib.crc32(prefix.encode() + data[:32]).to_bytes(4, "big") == data[32:]
    return data[:32]


class PageClient:
    """One DEALER, and a SUB if events are wanted."""

    def __init__(self, endpoint: str, daemon: bytes, seed: bytes) -> None:
        self.daemon = daemon
        self.public, self._secret = bindings.crypto_sign_seed_keypair(seed)
        self._endpoint = endpoint
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context(1)
        self._requests = self._socket(zmq.DEALER, endpoint)
        self._events: zmq.Socket[bytes] | None = None
        # Small numbers are for tests that choose the ids of requests.
        self._last_id = 1000
        self._came: dict[int, list[tuple[Any, bytes]]] = {}
        self.hello: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._context.destroy(linger=0)

    def _socket(self, kind: int, endpoint: str) -> zmq.Socket[bytes]:
        socket = self._context.socket(kind)
        socket.curve_publickey = z85.encode(bindings.crypto_sign_ed25519_pk_to_curve25519(self.public))
        socket.curve_secretkey = z85.encode(bindings.crypto_sign_ed25519_sk_to_curve25519(self._secret))
        socket.curve_serverkey = z85.encode(bindings.crypto_sign_ed25519_pk_to_curve25519(self.daemon))
        socket.connect(endpoint)
        return socket

    def greet(self) -> None:
        """Send hello, and keep the reply."""
        verb = schema().Hello(oldest_version=1, newest_version=1, software="page")
        self.hello = self.answer(self.send(schema().Request(hello=verb))).hello
        assert self.hello.daemon == self.daemon

    def send(self, request: Any) -> int:
        """Send a request, signed if there is a nonce to sign with, and return its id."""
        if not request.id:
            self._last_id += 1
            request.id = self._last_id
        raw = request.SerializeToString()
        envelope = schema().Envelope(request=raw)
        if self.hello is not None:
            signed = b"jobwire.v1.request\n" + self.daemon + self.hello.nonce + raw
            envelope.proof.signer, envelope.proof.audience, envelope.proof.nonce = self.public, self.daemon, self.hello.nonce
            envelope.proof.signature = bindings.crypto_sign(signed, self._secret)[:64]
        self._requests.send(envelope.SerializeToString())
        return int(request.id)

    def receive(self, request_id: int) -> tuple[Any, bytes]:
        """Wait for the next reply to a request, and return it with the bytes after it."""
        while not self._came.get(request_id):
            assert self._requests.poll(WAIT_MS), f"no reply to {request_id}"
            frame, *bulk = self._requests.recv_multipart()
            reply = schema().Reply.FromString(frame)
            self._came.setdefault(reply.request_id, []).append((reply, b"".join(bulk)))
        return self._came[request_id].pop(0)

    def answer(self, request_id: int) -> Any:
        """Wait for the next reply, which must have no bytes, and return it."""
        return self.receive(request_id)[0]

    def has_more(self, request_id: int) -> bool:
        """Return whether anything has been sent for a request so far; a later request is answered first, to be sure."""
        self.answer(self.send(schema().Request(list=schema().List())))
        return bool(self._came.get(request_id))

    def ask(self, **verb: Any) -> Any:
        """Send a request and return its one reply."""
        return self.answer(self.send(schema().Request(**verb)))

    @property
    def events(self) -> zmq.Socket[bytes]:
        """The event socket."""
        if self._events is None:
            host = self._endpoint.removeprefix("tcp://").rpartition(":")[0]
            self._events = self._socket(zmq.SUB, self.hello.event_endpoint.replace("*", host))
        return self._events

    def news(self) -> tuple[bytes, Any]:
        """Wait for the next published message, and return its topic and its news."""
        assert self.events.poll(WAIT_MS), "no news"
        topic, frame = self.events.recv_multipart()
        return topic, schema().News.FromString(frame)
