"""The XPUB in manual mode: admits a subscription only if it is a live grant of the very identity that asks. Knows no filter.

libzmq applies `SUBSCRIBE` to the pipe that was read last, and a frame that is no subscription (an XSUB may send any bytes) shifts
that by one: another peer would get the topic. After an empty frame or one whose first byte is over 1, nothing is granted until the
socket says EAGAIN, and its sender is cut off; subscriptions dropped meanwhile are repeated by their clients, who miss `ready`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

import zmq

from ..keys.identity import Identity
from ..keys.sockets import server_socket
from ..schemas.frames import LARGEST_SUBSCRIPTION
from .edge import EdgeReader
from .peers import cookie_of, shut_down

_log = logging.getLogger(__name__)

# Messages that wait for one subscriber; what is over is dropped, shows as a hole in its count, and is replayed.
_SUBSCRIBER_MESSAGES = 256


class Publisher:
    """One XPUB socket. `wanted(topic, public)` says whether to grant, `arrived(topic)` and `left(topic)` tell of those granted."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        identity: Identity,
        loop: asyncio.AbstractEventLoop,
        wanted: Callable[[bytes, bytes], bool],
        arrived: Callable[[bytes], None],
        left: Callable[[bytes], None],
    ) -> None:
        self._loop = loop
        self._wanted = wanted
        self._arrived = arrived
        self._left = left
        self.refused = 0
        self._socket = server_socket(context, zmq.XPUB, identity)
        self._socket.setsockopt(zmq.XPUB_MANUAL, 1)
        self._socket.setsockopt(zmq.XPUB_VERBOSER, 1)
        self._socket.setsockopt(zmq.MAXMSGSIZE, LARGEST_SUBSCRIPTION)
        self._socket.setsockopt(zmq.SNDHWM, _SUBSCRIBER_MESSAGES)
        self._reader: EdgeReader | None = None

    def bind(self, endpoint: str) -> str:
        """Bind and begin to read; say the endpoint with its real port. Raises zmq.ZMQError if that is not to be had."""
        self._socket.bind(endpoint)
        self._reader = EdgeReader(self._loop, self._socket, self._drain)
        return self._socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def close(self) -> None:
        """Close the socket."""
        if self._reader is not None:
            self._reader.close()
        self._socket.close(linger=0)

    def publish(self, topic: bytes, news: bytes) -> None:
        """Send to whoever subscribed to the topic; never waits."""
        self._socket.send_multipart([topic, news], zmq.DONTWAIT)
        if self._reader is not None:
            self._reader.touch()

    def _drain(self) -> bool:
        shifted = False
        while True:
            try:
                frame = self._socket.recv(zmq.DONTWAIT, copy=False)
            except zmq.Again:
                return False
            data = frame.bytes
            if not data or data[0] > 1:
                shifted = True
                self._cut_off(frame)
            elif not shifted:
                self._subscription(frame, data[0] == 1, data[1:])

    def _subscription(self, frame: zmq.Frame, begins: bool, topic: bytes) -> None:  # noqa: FBT001 -- the byte on the wire
        try:
            public = bytes.fromhex(str(frame.get("User-Id")))
        except zmq.ZMQError:
            # libzmq made this one itself, for a connection that is gone; there is no pipe to answer to.
            self._left(topic)
            return
        if not begins:
            self._socket.setsockopt(zmq.UNSUBSCRIBE, topic)
            self._left(topic)
        elif self._wanted(topic, public):
            self._socket.setsockopt(zmq.SUBSCRIBE, topic)
            self._arrived(topic)
        else:
            self.refused += 1

    def _cut_off(self, frame: zmq.Frame) -> None:
        self.refused += 1
        with contextlib.suppress(zmq.ZMQError):
            descriptor = int(frame.get(zmq.SRCFD))
            _log.warning("a subscriber sent a frame that is no subscription and was cut off")
            shut_down(descriptor, cookie_of(descriptor))
