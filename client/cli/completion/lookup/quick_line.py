"""A short connection for a few queries: sockets, and nothing around them.

The connection of other commands (client/sockets/connection.py) watches its sockets, reconnects, repeats lost requests and diagnoses
problems; loading it takes longer than the replies, and so does libzmq alone. Here, any failure is silent. Queries change nothing, so
nothing is signed, and none waits for the reply to `hello`: with a distant worker, each round trip counts.

protobuf is loaded while the handshake is in progress.
"""

from __future__ import annotations

import select
import time
from contextlib import suppress

from .....keys.c_socket import socket
from .....keys.identity import Identity
from .....schemas.endpoint import is_named, split
from .....schemas.private_parts import bare_protobuf
from .....schemas.protocol_version import PROTOCOL_VERSION
from .....schemas.refusal import Code, Refused
from .curve_client import BrokenOffError, CurveClient

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .....schemas.generated import request_pb2

# Of a host name that has more, the others are for commands that have the time to try them one after the other.
_MOST_ADDRESSES = 2
_SOFTWARE = "jobwire-completion"
_READ_BYTES = 1 << 18
# Longer than to others one listens to a worker that has let this client in by the deadline: it is there, some 15 ms away, or busy.
_LET_IN_SECONDS = 0.03


class QuickLine:
    """Connects at once, without waiting, and sends `hello`. `deadline`, on `time.monotonic`: how long addresses are looked up.

    Raises `Refused` and OSError if there cannot be a connection, also TimeoutError.
    """

    def __init__(self, endpoint: str, server_key: bytes, identity: Identity, deadline: float) -> None:
        self._poll = select.poll()
        # By descriptor. Each is asked for itself: one of them may lead nowhere.
        self._connections: dict[int, _Connection] = {}
        for address in _addresses(endpoint, deadline):
            # There may be no way to one of them.
            with suppress(OSError):
                self._add(_Connection(address, CurveClient(identity, server_key)))
        self._replies: dict[int, request_pb2.Reply] = {}
        self._last = 0
        bare_protobuf.use()
        from .....schemas.generated import request_pb2  # noqa: PLC0415 -- see above

        self._wire = request_pb2
        greeting = request_pb2.Hello(oldest_version=PROTOCOL_VERSION, newest_version=PROTOCOL_VERSION, software=_SOFTWARE)
        self._hello = self.ask(request_pb2.Request(hello=greeting))

    def ask(self, request: request_pb2.Request) -> int:
        """Send a query and return its number."""
        self._last = request.id = self._last + 1
        frame = self._wire.Envelope(request=request.SerializeToString()).SerializeToString()
        for fd, connection in self._connections.items():
            connection.say(frame)
            self._poll.modify(fd, connection.wishes)
        return self._last

    def hello(self, deadline: float) -> request_pb2.HelloReply:
        """Return the worker's reply to `hello`, which is the first one. Raises as `next` does."""
        return self._answer(self._hello, deadline).hello

    def next(self, number: int, deadline: float) -> request_pb2.Reply:
        """Wait for the reply to a query and return it.

        Raises `Refused` if it was refused, or the connection was lost, and TimeoutError once the deadline has passed, or 30 ms later.
        """
        return self._answer(number, deadline)

    def forget(self, number: int) -> None:
        """Do nothing: a late reply is never read."""

    def close(self) -> None:
        """Close the sockets."""
        while self._connections:
            self._remove(next(iter(self._connections)))

    def _add(self, connection: _Connection) -> None:
        self._connections[connection.fd] = connection
        self._poll.register(connection.fd, connection.wishes)

    def _remove(self, fd: int) -> None:
        self._poll.unregister(fd)
        self._connections.pop(fd).close()

    def _answer(self, number: int, deadline: float) -> request_pb2.Reply:
        while number not in self._replies:
            self._wait(deadline)
        reply = self._replies[number]
        if reply.HasField("refusal"):
            raise Refused(Code.UNAVAILABLE, reply.refusal.message)
        return reply

    def _wait(self, deadline: float) -> None:
        if not self._connections:
            raise Refused(Code.UNAVAILABLE, "nobody there can be asked")
        is_let_in = any(connection.is_let_in for connection in self._connections.values())
        left = deadline + (_LET_IN_SECONDS if is_let_in else 0) - time.monotonic()
        if left <= 0:
            raise TimeoutError("the worker did not answer in time")
        for fd, _ in self._poll.poll(left * 1000):
            connection = self._connections[fd]
            try:
                for frame in connection.pump():
                    self._note(frame)
            except (OSError, BrokenOffError):
                self._remove(fd)
            else:
                self._poll.modify(fd, connection.wishes)

    def _note(self, frame: bytes) -> None:
        from google.protobuf.message import DecodeError  # noqa: PLC0415 -- as above

        try:
            reply = self._wire.Reply.FromString(frame)
        except DecodeError:
            raise BrokenOffError("it is no reply") from None
        # Of two that came over two connections, either will do. What nobody has asked is not kept.
        if 0 < reply.request_id <= self._last:
            self._replies[reply.request_id] = reply


class _Connection:
    """A socket that is connecting or connected, and its messages. Raises OSError."""

    def __init__(self, address: tuple[str, int], client: CurveClient) -> None:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self.fd = self._socket.fileno()
        self._client = client
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.connect(address)
        except BlockingIOError:
            pass
        except OSError:
            self._socket.close()
            raise

    @property
    def wishes(self) -> int:
        """For which events to wait."""
        return select.POLLIN | select.POLLOUT if self._client.outgoing else select.POLLIN

    @property
    def is_let_in(self) -> bool:
        """Whether the worker has accepted the connection."""
        return self._client.is_let_in

    def say(self, frame: bytes) -> None:
        """Send a message as soon as possible."""
        self._client.say(frame)

    def pump(self) -> list[bytes]:
        """Send and receive what is possible now; return the messages that arrived. Raises OSError and BrokenOffError if it fails."""
        messages = self._client.hear(self._received())
        if self._client.outgoing:
            self._send()
        return messages

    def _received(self) -> bytes:
        try:
            received = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return b""
        if not received:
            raise ConnectionResetError
        return received

    def _send(self) -> None:
        try:
            sent = self._socket.send(self._client.outgoing)
        except BlockingIOError:
            return
        self._client.outgoing = self._client.outgoing[sent:]

    def close(self) -> None:
        self._socket.close()


def _addresses(endpoint: str, deadline: float) -> list[tuple[str, int]]:
    return [(host.strip("[]"), int(port)) for host, port in map(split, _numbered(endpoint, deadline))]


def _numbered(endpoint: str, deadline: float) -> list[str]:
    """Return endpoints with addresses instead of host names."""
    if not is_named(endpoint):
        return [endpoint]
    from ....sockets.addresses import Resolution  # noqa: PLC0415 -- only for names

    resolution = Resolution(endpoint)
    poll = select.poll()
    poll.register(resolution.fd, select.POLLIN)
    poll.poll(max(0.0, (deadline - time.monotonic()) * 1000))
    found, _ = resolution.answer() or ([], "")
    if not found:
        raise TimeoutError("no name server answered in time")
    return found[:_MOST_ADDRESSES]
