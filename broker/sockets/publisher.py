"""The XPUB in manual mode: accepts a subscription only if it is a live grant of the identity that sends it. Knows no filter.

libzmq applies `SUBSCRIBE` to the pipe that was read last, and a frame that is no subscription (an XSUB may send any bytes) shifts
that by one, so that another peer would get the topic. After an empty frame or one whose first byte is over 1, nothing is granted until
the socket returns EAGAIN, and the sender is disconnected. Clients repeat subscriptions that were dropped meanwhile, as they miss `ready`.

A turn is short, and a peer that sends more frames than anybody needs, with topics that were never granted or with granted ones again and
again, is disconnected: libzmq reads everything from a connection into memory, whatever its high-water mark.

An identity that has more unread bytes than its limit receives nothing until it reads again (unread.py); that shows as a gap in the
count of its grants, and is replayed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import zmq

from ...keys.identity import Identity
from ...keys.members.limits import Limits
from ...keys.sockets import listen, server_socket
from ...schemas.frames import LARGEST_SUBSCRIPTION
from ...schemas.generated import event_pb2
from .connections import Connections
from .inflow import Connection
from .tcp import cookie_of, shut_down
from .unread import Account, Meter
from .zmq_reader import EdgeReader

_log = logging.getLogger(__name__)

# Messages that wait for one subscriber; more are dropped, show as a gap in its count, and are replayed.
_SUBSCRIBER_MESSAGES = 256
# `ready` and heartbeats are always sent: they show what was withheld, and their number is small.
_SMALL_BYTES = 256
# After this long, everything else has its turn.
_TURN_SECONDS = 0.0005
# The most events that may wait to be published. Beyond that, whoever causes more waits until the oldest are published.
_MOST_UNTOLD = 4096
_HEARTBEAT_SECONDS = 5.0
# Frames that a connection may send at once, and per second from then on. After a restart of the worker, a subscriber repeats all its
# topics, of which none is granted any more, and gives them back one by one.
MOST_FRAMES_AT_ONCE = 512
_FRAMES_A_SECOND = 16
# Bytes of incomplete messages: subscriptions are small.
_MOST_UNDER_WAY = 256 * 1024


@dataclass(slots=True, eq=False)
class Subscriber:
    """One connection that is subscribed to a topic."""

    account: Account
    meter: Meter
    # The key that it came with; its account may be shared.
    public: bytes = b""

    @property
    def is_gone(self) -> bool:
        """Whether the connection is gone."""
        return cookie_of(self.meter.descriptor) != self.meter.cookie


@dataclass(slots=True, eq=False)
class _Sender:
    """A connection that sends subscriptions: how many frames it sent beyond its rate (a leaky bucket), or that it was disconnected."""

    connection: Connection
    frames: float = 0.0
    at: float = 0.0
    cut_off: bool = False

    def sends_too_much(self, now: float) -> bool:
        self.frames = max(0.0, self.frames - (now - self.at) * _FRAMES_A_SECOND) + 1
        self.at = now
        return self.frames > MOST_FRAMES_AT_ONCE


class Audience(Protocol):
    """Which identity may subscribe to which topic, and the messages for it: pairs of topic and message."""

    def wanted(self, topic: bytes, public: bytes) -> bool:
        """Return whether this identity may subscribe to this topic."""
        ...

    def arrived(self, topic: bytes) -> tuple[bytes, bytes]:
        """Count a new subscriber; return its first message."""
        ...

    def left(self, topic: bytes) -> None:
        """Uncount one subscriber."""
        ...

    def part_of(self, events: Iterable[event_pb2.Event]) -> Sequence[event_pb2.Event]:
        """Return the first of these events: as many as `tell` handles without delaying other work."""
        ...

    def tell(self, events: Sequence[event_pb2.Event]) -> Sequence[tuple[bytes, bytes]]:
        """Return the messages for events that are durable."""
        ...

    def beat(self) -> Sequence[tuple[bytes, bytes]]:
        """Return the heartbeats for all topics with subscribers."""
        ...


class Publisher:
    """One XPUB socket, with heartbeats while there are subscribers.

    `limits_of(public)` returns the current limits of an identity, and `ban(public)` keeps it out for a while. `account_of(public)` returns
    the key that it is counted for.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        identity: Identity,
        loop: asyncio.AbstractEventLoop,
        audience: Audience,
        limits_of: Callable[[bytes], Limits],
        ban: Callable[[bytes], None],
        account_of: Callable[[bytes], bytes] = bytes,
    ) -> None:
        self._loop = loop
        self._account_of = account_of
        self._audience = audience
        self._heartbeat: asyncio.TimerHandle | None = None
        # Events that are not published yet, oldest first, and what publishes the rest of them in a later turn of the loop.
        self._untold: deque[event_pb2.Event] = deque()
        self._telling: asyncio.Handle | None = None
        self._limits_of = limits_of
        self._ban = ban
        self._accounts: dict[bytes, Account] = {}
        # Subscribers by topic, as libzmq knows them: a subscription can outlive its grant.
        self._subscribers: dict[bytes, list[Subscriber]] = {}
        self.refused = 0
        self.withheld = 0
        self._socket = server_socket(context, zmq.XPUB, identity)
        self._socket.setsockopt(zmq.XPUB_MANUAL, 1)
        self._socket.setsockopt(zmq.XPUB_VERBOSER, 1)
        self._socket.setsockopt(zmq.MAXMSGSIZE, LARGEST_SUBSCRIPTION)
        self._socket.setsockopt(zmq.SNDHWM, _SUBSCRIBER_MESSAGES)
        self._reader: EdgeReader | None = None
        self._connections = Connections(loop, self._socket, "events", _MOST_UNDER_WAY, self._forget_sender, self._forget_sender, ban)
        # By descriptor, those that have sent something.
        self._senders: dict[int, _Sender] = {}
        # A frame was read that shifts what libzmq grants next, and the socket has not been empty since.
        self._shifted = False

    def bind(self, endpoint: str) -> str:
        """Bind, begin to read, and return the endpoint with its real port. Raises zmq.ZMQError if it cannot bind."""
        real = listen(self._socket, endpoint)
        self._reader = EdgeReader(self._loop, self._socket, self._drain)
        self._connections.open()
        return real

    def close(self) -> None:
        """Close the socket."""
        for due in (self._heartbeat, self._telling):
            if due is not None:
                due.cancel()
        if self._reader is not None:
            self._reader.close()
        self._connections.close()
        self._socket.close(linger=0)

    def cut_off(self, public: bytes) -> None:
        """Shut down all connections of one identity that have subscriptions; its client then asks for new grants at once."""
        for one in [one for subscribers in self._subscribers.values() for one in subscribers if one.public == public]:
            shut_down(one.meter.descriptor, one.meter.cookie)

    def publish(self, events: Sequence[event_pb2.Event]) -> None:
        """Send durable events to their subscribers; never waits. Many of them are sent over several turns of the loop.

        If they arrive faster than that, the oldest are sent at once: unsent events must not pile up.
        """
        self._untold.extend(events)
        if self._telling is None or len(self._untold) > _MOST_UNTOLD:
            self._tell()

    def _tell(self) -> None:
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        until = time.monotonic() + _TURN_SECONDS
        while self._untold:
            part = self._audience.part_of(self._untold)
            for _ in part:
                self._untold.popleft()
            for topic, news in self._audience.tell(part):
                self._send(topic, news)
            if 0 < len(self._untold) <= _MOST_UNTOLD and time.monotonic() > until:
                self._telling = self._loop.call_soon(self._tell)
                return

    def _beat(self) -> None:
        self._heartbeat = None
        beats = self._audience.beat()
        for topic, news in beats:
            self._send(topic, news)
        if beats:
            self._beat_later()

    def _beat_later(self) -> None:
        if self._heartbeat is None:
            self._heartbeat = self._loop.call_later(_HEARTBEAT_SECONDS, self._beat)

    def _send(self, topic: bytes, news: bytes) -> None:
        subscribers = self._subscribers.get(topic, ())
        if subscribers and len(news) > _SMALL_BYTES:
            # All belong to one identity, the owner of the grant.
            account = subscribers[0].account
            if account.is_over(self._limits_of(account.public).unread_bytes):
                self.withheld += 1
                return
        for one in subscribers:
            one.account.count(one.meter, (topic, news))
        self._socket.send_multipart([topic, news], zmq.DONTWAIT)
        if self._reader is not None:
            self._reader.touch()

    def _drain(self) -> float | None:
        until = time.monotonic() + _TURN_SECONDS
        while time.monotonic() < until:
            try:
                frame = self._socket.recv(zmq.DONTWAIT, copy=False)
            except zmq.Again:
                self._shifted = False
                return None
            self._take(frame)
        return 0.0

    def _take(self, frame: zmq.Frame) -> None:
        data = frame.bytes
        sound = bool(data) and data[0] <= 1
        self._shifted |= not sound
        try:
            public = bytes.fromhex(str(frame.get("User-Id")))
        except zmq.ZMQError:
            if sound and not self._shifted:
                # libzmq made this frame itself, for a connection that is gone; there is no pipe to answer to.
                self._remove_subscriber(data[1:], lambda one: one.is_gone)
                self._audience.left(data[1:])
            return
        account = self._account_of(public)
        sender = self._sender(int(frame.get(zmq.SRCFD)), account)
        if sender is None or sender.cut_off:
            # Sent before it was disconnected.
            return
        sender.connection.hand_over(len(data))
        if not sound:
            self._ban(account)
            self._cut_off(sender, "sent a frame that is no subscription")
        elif sender.sends_too_much(time.monotonic()):
            self._ban(account)
            self._cut_off(sender, f"sent more than {MOST_FRAMES_AT_ONCE} subscriptions at once")
        elif not self._shifted:
            self._subscription(public, account, sender.connection, data[0] == 1, data[1:])

    def _sender(self, descriptor: int, account: bytes) -> _Sender | None:
        # This also registers new connections: a descriptor may belong to another connection by now.
        connection = self._connections.known(descriptor, account)
        if connection is None:
            return None
        sender = self._senders.get(descriptor)
        if sender is not None and sender.connection is connection:
            return sender
        sender = self._senders[descriptor] = _Sender(connection)
        if self._connections.held_by(account) > self._limits_of(account).connections:
            self._cut_off(sender, "is one connection too many")
        return sender

    def _subscription(self, public: bytes, account: bytes, connection: Connection, begins: bool, topic: bytes) -> None:  # noqa: FBT001 -- the byte on the wire
        if not begins:
            self._socket.setsockopt(zmq.UNSUBSCRIBE, topic)
            if self._remove_subscriber(topic, lambda one: one.meter.cookie == connection.cookie):
                self._audience.left(topic)
        elif self._audience.wanted(topic, public) and self._may_hold_one_more(account):
            self._socket.setsockopt(zmq.SUBSCRIBE, topic)
            self._add_subscriber(topic, public, account, connection)
            self._send(*self._audience.arrived(topic))
            self._beat_later()
        else:
            self.refused += 1

    def _may_hold_one_more(self, whose: bytes) -> bool:
        # A client may give back grants without unsubscribing here, and ask for new ones, without end. The limit is doubled, as a client
        # that does both cannot know which of the two arrives first.
        account = self._accounts.get(whose)
        return account is None or account.streams < 2 * self._limits_of(whose).grants

    def _add_subscriber(self, topic: bytes, public: bytes, whose: bytes, connection: Connection) -> None:
        account = self._accounts.setdefault(whose, Account(whose))
        account.streams += 1
        meter = account.meter(connection.descriptor, connection.cookie)
        self._subscribers.setdefault(topic, []).append(Subscriber(account, meter, public))

    def _remove_subscriber(self, topic: bytes, leaves: Callable[[Subscriber], bool]) -> bool:
        subscribers = self._subscribers.get(topic, [])
        # Only one: libzmq reports each that left by itself.
        gone = next((one for one in subscribers if leaves(one)), None)
        if gone is None:
            return False
        subscribers.remove(gone)
        if not subscribers:
            del self._subscribers[topic]
        gone.account.streams -= 1
        if not gone.account.streams:
            self._accounts.pop(gone.account.public, None)
        return True

    def _cut_off(self, sender: _Sender, reason: str) -> None:
        self.refused += 1
        sender.cut_off = True
        _log.warning("a subscriber of %s %s and was disconnected", sender.connection.public.hex()[:8], reason)
        shut_down(sender.connection.descriptor, sender.connection.cookie)

    def _forget_sender(self, descriptor: int) -> None:
        self._senders.pop(descriptor, None)
