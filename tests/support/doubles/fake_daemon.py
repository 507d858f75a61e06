"""A fake worker for tests of the client: real CURVE sockets in a thread, jobs without processes, and faults on request.

Jobs, logs and events survive `restart`; what a real worker forgets (nonce, streams, grants) does not.
"""

from __future__ import annotations

import os
import secrets
import signal
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeVar

import zmq
from fake_desk import FakeDesk

from jobwire.keys.handshake import Handshake
from jobwire.keys.identity import curve_public_of
from jobwire.keys.members.rights import Member
from jobwire.keys.sockets import listen, new_context, server_socket
from jobwire.schemas.generated import event_pb2, job_pb2, request_pb2

_Result = TypeVar("_Result")


class FakeDaemon(FakeDesk):
    """A fake desk with real sockets; `do`, and the methods based on it, may be called while it runs."""

    def __init__(self, *members: bytes, host: str = "127.0.0.1") -> None:
        super().__init__(*members)
        self._host = host
        self._orders: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._wake_read, self._wake_write = os.pipe()
        self._thread: threading.Thread | None = None
        self.start()

    # --- for tests

    @property
    def endpoint(self) -> str:
        return f"tcp://{self._host}:{self.ports[0]}"

    def start(self) -> None:
        self.nonce = secrets.token_bytes(16)
        self.streams.clear()
        self.grants.clear()
        self._open()
        self._running = True
        self._thread = threading.Thread(target=self._loop)
        self._thread.start()

    def stop(self) -> None:
        """Stop as if it was killed: connections are closed without a message."""
        if self._thread is not None:
            self.do(lambda: setattr(self, "_running", False))
            self._thread.join()
            self._thread = None
            self._context.destroy(linger=0)

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        self.stop()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def do(self, order: Callable[[], _Result]) -> _Result:
        """Run a function in the daemon's thread."""
        done: SimpleQueue[_Result] = SimpleQueue()
        self._orders.put(lambda: done.put(order()))
        os.write(self._wake_write, b"!")
        return done.get(timeout=60)

    def verbs(self) -> list[str]:
        return [request.WhichOneof("verb") or "" for request in self.requests]

    def write(self, job_id: bytes, data: bytes) -> None:
        self.do(lambda: self._write(self.jobs[job_id], data))

    def allow(self, reached: int) -> None:
        """Say to who types that so many bytes have reached the terminal."""
        self.do(lambda: [self._allow(request_id, reached) for request_id in self.typing])

    def finish(self, job_id: bytes, status: int = 0) -> None:
        self.do(lambda: self._finish(self.jobs[job_id], job_pb2.Outcome(kind=job_pb2.OUTCOME_KIND_EXITED, exit_status=status)))

    def tell(self, *kinds: event_pb2.EventKind, deaf: bool = False) -> None:
        """Add events of a job without an owner; `deaf`: they are published, and do not arrive."""
        self.do(lambda: [self._tell(kind, job_pb2.JobKey(id=bytes(16)), deaf=deaf) for kind in kinds])

    def beat(self) -> None:
        self.do(lambda: [self._publish(topic, heartbeat=event_pb2.Heartbeat(head=self._head())) for topic in self.grants])

    # --- sockets

    def _open(self) -> None:
        self._context = new_context()
        self._handshake = Handshake(self._context, self._admit)
        self._router = server_socket(self._context, zmq.ROUTER, self.identity)
        self._router.set(zmq.ROUTER_MANDATORY, 1)
        self._publisher = server_socket(self._context, zmq.XPUB, self.identity)
        self._publisher.set(zmq.XPUB_VERBOSE, 1)
        bound = [
            listen(socket, f"tcp://{self._host}:{port or '*'}")
            for socket, port in zip((self._router, self._publisher), self.ports, strict=True)
        ]
        self.ports = tuple(int(endpoint.rpartition(":")[2]) for endpoint in bound)

    def _admit(self, curve_public: bytes) -> Member | None:
        return next((Member("x", key, "admin") for key in self.members if curve_public_of(key) == curve_public), None)

    def _loop(self) -> None:
        # As in another process: signals are for the client under test.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        sockets = (self._handshake.socket, self._router, self._publisher)
        watched = [*((socket, zmq.POLLIN) for socket in sockets), (self._wake_read, zmq.POLLIN)]
        while self._running:
            for what, _ in zmq.zmq_poll(watched, -1):
                if what is self._handshake.socket:
                    self._handshake.drain()
                elif what is self._router:
                    self._answer(*self._router.recv_multipart())
                elif what is self._publisher:
                    frame = self._publisher.recv()
                    if frame[:1] == b"\1" and frame[1:] in self.grants:
                        self._publish(frame[1:], ready=event_pb2.Ready(head=self._head()))
                else:
                    os.read(self._wake_read, 1)
                    self._orders.get()()

    def _send(self, peer: bytes, request_id: int, data: bytes | None = None, *, last: bool = False, **content: object) -> None:
        reply = request_pb2.Reply(request_id=request_id, last=last, **content)  # type: ignore[arg-type]
        parts = [peer, reply.SerializeToString()]
        try:
            self._router.send_multipart(parts if data is None else [*parts, data])
        except zmq.ZMQError:  # EHOSTUNREACH: the peer is gone.
            self.streams = [stream for stream in self.streams if stream.peer != peer]

    def _publish(self, topic: bytes, **content: object) -> None:
        news = event_pb2.News(count=self.grants[topic], nonce=self.nonce, **content)  # type: ignore[arg-type]
        self._publisher.send_multipart([topic, news.SerializeToString()])


class Later:
    """Calls a function in another thread once the daemon has received a request, while the client under test waits."""

    def __init__(self, daemon: FakeDaemon, verb: str, then: Callable[[], object], count: int = 1) -> None:
        self._thread = threading.Thread(target=self._watch, args=(daemon, verb, then, count))
        self._thread.start()

    def _watch(self, daemon: FakeDaemon, verb: str, then: Callable[[], object], count: int) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        deadline = time.monotonic() + 60
        while daemon.do(daemon.verbs).count(verb) < count:
            assert time.monotonic() < deadline
        then()

    def join(self) -> None:
        self._thread.join()
