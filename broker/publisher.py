"""The XPUB in manual mode: admits a subscription only if it is a live grant of the very identity that asks. Knows no filter.

libzmq applies `SUBSCRIBE` to the pipe that was read last, and a frame that is no subscription (an XSUB may send any bytes) shifts
that by one: another peer would get the topic. After an empty frame or one whose first byte is over 1, nothing is granted until the
socket says EAGAIN, and its sender is cut off; subscriptions dropped meanwhile are repeated by their clients, who miss `ready`.

To an identity for which more lies unread than it may nothing is sent until it reads again (accounts.py); that shows as a hole in the
count of its grants, and is replayed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

import zmq

from ..keys.identity import Identity
from ..keys.limits import Limits
from ..keys.sockets import listen, server_socket
from ..schemas.frames import LARGEST_SUBSCRIPTION
from .accounts import Account, Meter
from .connection import cookie_of, shut_down
from .edge import EdgeReader

_log = logging.getLogger(__name__)

# Messages that wait for one subscriber; what is over is dropped, shows as a hole in its count, and is replayed.
_SUBSCRIBER_MESSAGES = 256
# `ready` and heartbeats are told in any case: they show what was withheld, and so many of them do no harm.
_SMALL_BYTES = 256


@dataclass(slots=True, eq=False)
class Subscriber:
    """One connection that is subscribed to a topic."""

    account: Account
    meter: Meter

    @property
    def is_gone(self) -> bool:
        """Whether the connection is no more."""
        return cookie_of(self.meter.descriptor) != self.meter.cookie


class Publisher:
    """One XPUB socket. `wanted(topic, public)` says whether to grant, `arrived(topic)` and `left(topic)` tell of those granted.

    `limits_of(public)` tells the limits of now.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        identity: Identity,
        loop: asyncio.AbstractEventLoop,
        wanted: Callable[[bytes, bytes], bool],
        arrived: Callable[[bytes], None],
        left: Callable[[bytes], None],
        limits_of: Callable[[bytes], Limits],
    ) -> None:
        self._loop = loop
        self._wanted = wanted
        self._arrived = arrived
        self._left = left
        self._limits_of = limits_of
        self._accounts: dict[bytes, Account] = {}
        # Who is subscribed, by topic; as libzmq knows it, which is longer than there is a grant.
        self._subscribers: dict[bytes, list[Subscriber]] = {}
        self.refused = 0
        self.withheld = 0
        self._socket = server_socket(context, zmq.XPUB, identity)
        self._socket.setsockopt(zmq.XPUB_MANUAL, 1)
        self._socket.setsockopt(zmq.XPUB_VERBOSER, 1)
        self._socket.setsockopt(zmq.MAXMSGSIZE, LARGEST_SUBSCRIPTION)
        self._socket.setsockopt(zmq.SNDHWM, _SUBSCRIBER_MESSAGES)
        self._reader: EdgeReader | None = None

    def bind(self, endpoint: str) -> str:
        """Bind and begin to read; say the endpoint with its real port. Raises zmq.ZMQError if that is not to be had."""
        real = listen(self._socket, endpoint)
        self._reader = EdgeReader(self._loop, self._socket, self._drain)
        return real

    def close(self) -> None:
        """Close the socket."""
        if self._reader is not None:
            self._reader.close()
        self._socket.close(linger=0)

    def cut_off(self, public: bytes) -> None:
        """Shut down all connections of one identity that are subscribed to something; its client then asks for new grants at once."""
        account = self._accounts.get(public)
        for meter in list(account.meters.values()) if account is not None else ():
            shut_down(meter.descriptor, meter.cookie)

    def publish(self, topic: bytes, news: bytes) -> None:
        """Send to whoever subscribed to the topic; never waits."""
        subscribers = self._subscribers.get(topic, ())
        if subscribers and len(news) > _SMALL_BYTES:
            # All of one identity: whose the grant is.
            account = subscribers[0].account
            if account.is_over(self._limits_of(account.public).unread_bytes):
                self.withheld += 1
                return
        for one in subscribers:
            one.account.count(one.meter, (topic, news))
        self._socket.send_multipart([topic, news], zmq.DONTWAIT)
        if self._reader is not None:
            self._reader.touch()

    def _drain(self) -> None:
        shifted = False
        while True:
            try:
                frame = self._socket.recv(zmq.DONTWAIT, copy=False)
            except zmq.Again:
                return
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
            self._strike_out(topic, lambda one: one.is_gone)
            self._left(topic)
            return
        descriptor = int(frame.get(zmq.SRCFD))
        cookie = cookie_of(descriptor)
        if not begins:
            self._socket.setsockopt(zmq.UNSUBSCRIBE, topic)
            self._strike_out(topic, lambda one: one.meter.cookie == cookie)
            self._left(topic)
        elif self._wanted(topic, public) and self._may_hold_one_more(public):
            self._socket.setsockopt(zmq.SUBSCRIBE, topic)
            self._write_down(topic, public, descriptor, cookie)
            self._arrived(topic)
        else:
            self.refused += 1

    def _may_hold_one_more(self, public: bytes) -> bool:
        # A grant may be given back without unsubscribing here, and the next one asked for, without end. Twice: one who does both is not
        # told which of the two arrives first.
        account = self._accounts.get(public)
        return account is None or account.streams < 2 * self._limits_of(public).grants

    def _write_down(self, topic: bytes, public: bytes, descriptor: int, cookie: bytes) -> None:
        account = self._accounts.setdefault(public, Account(public))
        account.streams += 1
        self._subscribers.setdefault(topic, []).append(Subscriber(account, account.meter(descriptor, cookie)))

    def _strike_out(self, topic: bytes, leaves: Callable[[Subscriber], bool]) -> None:
        subscribers = self._subscribers.get(topic, [])
        # One only: each that left is told of by itself.
        gone = next((one for one in subscribers if leaves(one)), None)
        if gone is None:
            return
        subscribers.remove(gone)
        if not subscribers:
            del self._subscribers[topic]
        gone.account.streams -= 1
        if not gone.account.streams:
            self._accounts.pop(gone.account.public, None)

    def _cut_off(self, frame: zmq.Frame) -> None:
        self.refused += 1
        with contextlib.suppress(zmq.ZMQError):
            descriptor = int(frame.get(zmq.SRCFD))
            _log.warning("a subscriber sent a frame that is no subscription and was cut off")
            shut_down(descriptor, cookie_of(descriptor))
