"""A connection for a few questions, which is over before anybody notices: sockets, and nothing around them.

That of all other commands (client/sockets/connection.py) watches its sockets, connects again, repeats what was lost and finds out what is
wrong; loading it takes longer than the answers. Here, whatever goes wrong is silence. Questions change nothing, so nothing is signed, and
none waits for the answer to `hello`: at a far worker, each round trip counts.

protobuf is loaded once the handshake is under way; the two take about as long.
"""

from __future__ import annotations

import time

import zmq

from .....keys.identity import Identity
from .....keys.sockets import Context, Socket, client_socket, connect, new_context, readable
from .....schemas.protocol_version import PROTOCOL_VERSION
from .....schemas.refusal import Code, Refused
from ....sockets.waiting.poll_time import milliseconds_until

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .....schemas.generated import request_pb2

# Of a host name that has more, the others are for commands that have the time to try them one after the other.
_MOST_ADDRESSES = 2
_SOFTWARE = "jobwire-completion"


class QuickLine:
    """Connects at once, without waiting, and greets. `deadline`, on `time.monotonic`: how long the addresses of a name are looked up.

    Raises `Refused` if there cannot be a connection, and TimeoutError.
    """

    def __init__(self, endpoint: str, server_key: bytes, identity: Identity, deadline: float) -> None:
        addresses = _addresses(endpoint, deadline)
        self._context: Context = new_context()
        # Two sockets with a message for each: one with two connections would send it over only one of them, which may lead nowhere.
        self._sockets = [client_socket(self._context, zmq.DEALER, identity, server_key) for _ in addresses]
        for socket, address in zip(self._sockets, addresses, strict=True):
            connect(socket, address)
        self._replies: dict[int, request_pb2.Reply] = {}
        self._last = 0
        from .....schemas.generated import request_pb2  # noqa: PLC0415 -- see above

        self._wire = request_pb2
        greeting = request_pb2.Hello(oldest_version=PROTOCOL_VERSION, newest_version=PROTOCOL_VERSION, software=_SOFTWARE)
        self._hello = self.ask(request_pb2.Request(hello=greeting))

    def ask(self, request: request_pb2.Request) -> int:
        """Send a question and return its number."""
        self._last = request.id = self._last + 1
        frame = self._wire.Envelope(request=request.SerializeToString()).SerializeToString()
        for socket in self._sockets:
            socket.send(frame)
        return self._last

    def hello(self, deadline: float) -> request_pb2.HelloReply:
        """Return what the worker says about itself; it is the first answer. Raises as `next` does."""
        return self._answer(self._hello, deadline).hello

    def next(self, number: int, deadline: float) -> request_pb2.Reply:
        """Wait for the answer to a question and return it.

        Raises `Refused` if it was refused, and TimeoutError once the deadline has passed.
        """
        return self._answer(number, deadline)

    def forget(self, number: int) -> None:
        """Do nothing: an answer that comes late is never read."""

    def close(self) -> None:
        """Close the sockets."""
        self._context.destroy(linger=0)

    def _answer(self, number: int, deadline: float) -> request_pb2.Reply:
        while number not in self._replies:
            ready = zmq.zmq_poll([(socket, zmq.POLLIN) for socket in self._sockets], milliseconds_until((deadline,)))
            if not ready and time.monotonic() >= deadline:
                raise TimeoutError("the worker did not answer in time")
            for socket in filter(readable, self._sockets):
                self._take(socket)
        reply = self._replies[number]
        if reply.HasField("refusal"):
            raise Refused(Code.UNAVAILABLE, reply.refusal.message)
        return reply

    def _take(self, socket: Socket) -> None:
        reply = self._wire.Reply.FromString(socket.recv_multipart(zmq.DONTWAIT)[0])
        # Of two that came over two sockets, either will do.
        self._replies[reply.request_id] = reply


def _addresses(endpoint: str, deadline: float) -> list[str]:
    from ....sockets.addresses import Resolution, is_named  # noqa: PLC0415

    if not is_named(endpoint):
        return [endpoint]
    resolution = Resolution(endpoint)
    zmq.zmq_poll([(resolution.fd, zmq.POLLIN)], milliseconds_until((deadline,)))
    found, _ = resolution.answer() or ([], "")
    if not found:
        raise TimeoutError("no name server answered in time")
    return found[:_MOST_ADDRESSES]
