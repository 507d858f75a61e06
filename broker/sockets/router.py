"""The ROUTER: receives bytes within limits, and sends replies without ever waiting. Knows no job.

Each message is passed to `shares` with the peer it came from. Sends never block (DONTWAIT, ROUTER_MANDATORY): a peer whose pipe is
full is disconnected; it reconnects, and asks again for what it misses. If an identity has too many unread bytes, its connection with the
most of them is disconnected (unread.py). Rules that keep a peer from receiving another's replies:

- A peer that chose its routing id (metadata `Identity` not empty) is refused.
- Nothing is sent to a connection that is gone, as the monitor or the kernel reports it. Otherwise a silent peer that took the routing id
  of one that left would receive its late replies.

A connection can end in two ways. If the peer closes it, what it sent before still counts: its streams are ended once everything is read
(peer_table.py). If the peer is unwelcome (one connection too many, or the sender of a flood), each of its requests is refused with the
reason for a moment, and then it is disconnected.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence

import zmq

from ...keys.identity import Identity
from ...keys.members.limits import Limits
from ...keys.sockets import listen, readable, server_socket
from ...schemas.frames import ENVELOPE_BYTES, LARGEST_MESSAGE, LARGEST_OTHER_MESSAGE, MOST_FRAMES
from ...schemas.refusal import Code, Reason, Refused
from ..fairness.cpu_shares import Shares
from .connections import Connections
from .peer_table import PeerTable
from .peers import Outlet, Peer
from .tcp import cookie_of, shut_down, slow_down
from .unread import Account, Meter
from .zmq_reader import EdgeReader

_log = logging.getLogger(__name__)

# Bytes of incomplete or unread messages of one member that libzmq may hold. In parts of a byte it uses four times as much memory.
_MOST_UNDER_WAY = 2 * LARGEST_MESSAGE
# Replies that wait for one peer, and requests from it that wait.
_PEER_MESSAGES = 256
_PEER_REQUESTS = 64
# How long requests that wait may put off the look for those of others. libzmq looks by itself, but only in every hundredth `recv`, and in
# one that finds nothing.
_MOST_UNLOOKED_SECONDS = 0.02
# How long a connection that is about to be closed can read why.
_FAREWELL_SECONDS = 1.0
# How long to read for what somebody said who has left; longer only while there is always something to read.
_LAST_WORDS_SECONDS = 1.0
# Below this, it costs less to copy a frame.
_WORTH_SHARING = 4096
# `send_multipart` would combine the flags for each message, which takes as long as a send.
_MORE_FOLLOWS = zmq.SNDMORE | zmq.DONTWAIT


class Router(Outlet):
    """One ROUTER socket with its peers.

    `limits_of(public)` returns the current limits of an identity, and `ban(public)` keeps it out for a while. `account_of(public)`: for
    whom it is counted.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        identity: Identity,
        loop: asyncio.AbstractEventLoop,
        limits_of: Callable[[bytes], Limits],
        shares: Shares,
        ban: Callable[[bytes], None],
        account_of: Callable[[bytes], bytes] = bytes,
    ) -> None:
        self._loop = loop
        self._account_of = account_of
        self._limits_of = limits_of
        self._shares = shares
        self._ban = ban
        self._peers = PeerTable()
        self.malformed = 0
        self._socket = server_socket(context, zmq.ROUTER, identity)
        self._socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self._socket.setsockopt(zmq.MAXMSGSIZE, LARGEST_MESSAGE + ENVELOPE_BYTES)
        self._socket.setsockopt(zmq.SNDHWM, _PEER_MESSAGES)
        self._socket.setsockopt(zmq.RCVHWM, _PEER_REQUESTS)
        self._connections = Connections(loop, self._socket, "requests", _MOST_UNDER_WAY, self._peers.cut_off, self._left, ban)
        self._reader: EdgeReader | None = None

    def bind(self, endpoint: str) -> str:
        """Bind, begin to read, and return the endpoint with its real port. Raises zmq.ZMQError if it cannot bind."""
        real = listen(self._socket, endpoint)
        self._reader = EdgeReader(self._loop, self._socket, self._drain)
        self._connections.open()
        return real

    def close(self) -> None:
        """End all streams and close the socket."""
        for peer in self._peers.all():
            peer.end()
        if self._reader is not None:
            self._reader.close()
        self._connections.close()
        self._socket.close(linger=0)

    def cut_off(self, public: bytes) -> None:
        """Shut down all connections of one identity."""
        for peer in self._peers.all():
            if peer.key == public:
                self.drop(peer, "has different rights now")

    def pass_on(self, peer: Peer, frames: Sequence[bytes | memoryview]) -> bool:
        """Send a message as it is. Return False as `send` does."""
        # That this connection has ended may not be known yet, and it may be behind thousands of new ones.
        if not self._connections.is_caught_up() and cookie_of(peer.descriptor) != peer.meter.cookie:
            self._leave(peer)
        if peer.gone or peer.left:
            return False
        try:
            self._socket.send(peer.routing_id, _MORE_FOLLOWS)
            for frame in frames[:-1]:
                self._socket.send(frame, _MORE_FOLLOWS)
            if (shared := _as_received(frames[-1])) is not None:
                self._socket.send(shared, zmq.DONTWAIT, copy=False)
            else:
                self._socket.send(frames[-1], zmq.DONTWAIT)
        except zmq.Again:
            self.drop(peer, "does not read its replies")
            return False
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            shut_down(peer.meter.descriptor, peer.meter.cookie)
            self._leave(peer)
            return False
        finally:
            if self._reader is not None:
                self._reader.sent()
        if peer.account.count(peer.meter, frames) and peer.account.is_over(self._limits_of(peer.public).unread_bytes):
            self._peers.drop_most_unread(peer.account)
        return not (peer.gone or peer.left)

    def drop(self, peer: Peer, reason: str) -> None:
        """Disconnect the peer and log the reason."""
        self._peers.drop(peer, reason)

    def expel(self, peer: Peer, request_id: int, refused: Refused, reason: str) -> None:
        """Refuse a request that is a flood, disconnect its sender, and keep it out for a while."""
        self.refuse(peer, request_id, refused)
        if peer.unwelcome is None:
            self._ban(peer.public)
            # One that was raised would keep the request, in its traceback, as long as this peer is there.
            self._bid_farewell(peer, refused.anew(), reason)

    def _drain(self) -> float | None:
        now = time.monotonic()
        until = now + self._shares.turn_seconds(now)
        # Whose requests wait, of those that were read since the last look.
        waiting: set[bytes] = set()
        while time.monotonic() < until:
            try:
                routing_id = self._socket.recv(zmq.DONTWAIT)
            except zmq.Again:
                self._peers.part()
                return None
            frame = last = self._socket.recv(zmq.DONTWAIT, copy=False)
            sizes = [len(frame)]
            # A message is complete when its first frame arrives; the frames after the two of a push are dropped one by one.
            while last.more:
                last = self._socket.recv(zmq.DONTWAIT, copy=False)
                sizes.append(len(last))
            delay = self._receive(routing_id, frame, last if last is not frame else None, sizes)
            if not delay:
                waiting.clear()
                # Cheaper than the exception of a `recv` that finds nothing.
                if not readable(self._socket):
                    self._peers.part()
                    return None
            elif routing_id in waiting:
                # libzmq reads from each peer in turn. When only peers are left whose requests wait, theirs stay where they are.
                return min(delay, _MOST_UNLOOKED_SECONDS)
            else:
                # No look at what else there is: libzmq would take the signal of somebody who is read only after this peer's next request.
                waiting.add(routing_id)
        return 0.0

    def _receive(self, routing_id: bytes, frame: zmq.Frame, bulk: zmq.Frame | None, sizes: Sequence[int]) -> float:
        """Handle one message; return how many seconds it waits for its sender's share, or 0."""
        peer = self._peer(routing_id, frame) if not self._peers.is_gone(routing_id) else None
        if peer is None:
            return 0.0
        if peer.connection is not None:
            for size in sizes:
                peer.connection.hand_over(size)
        peer.look(time.monotonic())
        if peer.unwelcome is not None and sum(sizes) > LARGEST_OTHER_MESSAGE:
            self.drop(peer, "continued after it was refused")
            return 0.0
        if len(sizes) > MOST_FRAMES:
            self.malformed += 1
            if peer.unwelcome is None:
                refused = Refused(Code.INVALID_ARGUMENT, f"a request is one frame, and a push two, not {len(sizes)}")
                self.expel(peer, 0, refused, f"sent {len(sizes)} frames in one message")
            return 0.0
        if peer.turned is not None:
            peer.turned(frame.bytes, bulk.buffer if bulk is not None else None)
            return 0.0
        return self._shares.take(peer, frame.bytes, bulk.buffer if bulk is not None else None)

    def _peer(self, routing_id: bytes, frame: zmq.Frame) -> Peer | None:
        descriptor = int(frame.get(zmq.SRCFD))
        peer = self._peers.with_id(routing_id)
        # Of one that has left, another member may have taken the routing id and the descriptor.
        if peer is not None and peer.meter.descriptor == descriptor and (not peer.left or peer.key == _key_of(frame)):
            return peer
        return self._newcomer(routing_id, descriptor, frame)

    def _newcomer(self, routing_id: bytes, descriptor: int, frame: zmq.Frame) -> Peer | None:
        """Return the peer that has sent its first message over a connection, or None if that message is not handled."""
        key = _key_of(frame)
        public = self._account_of(key)
        cookie = cookie_of(descriptor)
        holder = self._peers.at(descriptor)
        if not cookie or (holder is not None and holder.meter.cookie == cookie):
            # The connection that sent this is gone, and its descriptor is closed or belongs to another one, which must not be affected.
            return None
        chosen = ""
        with contextlib.suppress(zmq.ZMQError):
            chosen = str(frame.get("Identity"))
        if chosen:
            self.malformed += 1
            chooser = Peer(routing_id, Meter(descriptor, cookie), Account(public), self)
            self.refuse(chooser, 0, Refused(Code.INVALID_ARGUMENT, "a routing id cannot be chosen"))
            chooser.cut_off()
            return None
        self._peers.replace(routing_id, descriptor, cookie)
        account = self._peers.account(public)
        connection = self._connections.known(descriptor, public)
        if connection is None:
            # There are too many connections, or it has ended.
            shut_down(descriptor, cookie)
            return None
        most = self._limits_of(public).connections
        is_one_too_many = len(account.meters) >= most
        meter = Meter(descriptor, cookie) if is_one_too_many else account.meter(descriptor, cookie)
        newcomer = Peer(routing_id, meter, account, self, connection, key)
        self._peers.add(newcomer)
        if is_one_too_many:
            message = f"{most} connections of this key are open, which is the limit"
            refused = Refused(Code.RESOURCE_EXHAUSTED, message, "close some", reason=Reason.TOO_MANY_CONNECTIONS)
            self._bid_farewell(newcomer, refused, "is one connection too many")
        return newcomer

    def _bid_farewell(self, peer: Peer, refused: Refused, reason: str) -> None:
        """Refuse whatever a peer asks, and disconnect it once it can have read why; meanwhile it is to send nothing large."""
        peer.unwelcome = refused
        slow_down(peer.meter.descriptor, peer.meter.cookie)
        self._loop.call_later(_FAREWELL_SECONDS, self.drop, peer, reason)

    def _left(self, descriptor: int) -> None:
        peer = self._peers.at(descriptor)
        if peer is not None:
            self._leave(peer)

    def _leave(self, peer: Peer) -> None:
        if self._peers.leave(peer):
            self._loop.call_soon(self._part_when_read)
            self._loop.call_later(_LAST_WORDS_SECONDS, self._peers.part_with, peer)

    def _part_when_read(self) -> None:
        if self._socket.closed or self._reader is None:
            return
        if readable(self._socket):
            # This look may have consumed the signal.
            self._reader.touch()
        else:
            self._peers.part()


def _key_of(frame: zmq.Frame) -> bytes:
    return bytes.fromhex(str(frame.get("User-Id")))


def _as_received(data: bytes | memoryview) -> zmq.Frame | None:
    """Return the frame that was received with exactly these bytes: libzmq shares it instead of copying them. None: there is none."""
    frame: object = data.obj if isinstance(data, memoryview) and data.nbytes >= _WORTH_SHARING else None
    return frame if isinstance(frame, zmq.Frame) and len(frame) == len(data) else None
