"""The worker's end of the link to its broker: a DEALER that the worker connects, and over which the broker's requests arrive.

The worker sends `enlist`; after the reply, the connection is turned around: whatever arrives are requests of the broker, handled as those
of a member with the role `relay`. A lost connection is made again, for as long as the worker runs.

If the broker's reply asks for it, the worker opens a second connection in the same way, for logs, files and inputs: megabytes that wait in
it do not delay anything on the first one. It is closed and reopened together with the first one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

import zmq

from ...client.sockets.connecting.monitored_socket import Change, MonitoredSocket
from ...keys.identity import Identity, format_public
from ...keys.sockets import Context, readable
from ...schemas.frames import read_reply, refusal_from
from ...schemas.generated import request_pb2
from ...schemas.refusal import Code, Refused
from ..fairness.sharing import NotShared
from ..requests.dispatch import Dispatch
from ..sockets.peers import Outlet, Peer
from ..sockets.unread import Account, Meter

_log = logging.getLogger(__name__)

_CONNECT_SECONDS = 20.0
# After a refusal, which another attempt will probably meet too.
_PATIENCE_SECONDS = 5.0
_MESSAGES_A_TURN = 64
_TURN_SECONDS = 0.002
_ENLIST = 1
_SPEAKS_FOR = 8
_LINGER_MS = 200
# Without a sign of life for so long, the broker counts the worker as unreachable.
_LASTS_MS = 30_000


class Line(Outlet):
    """The link to one broker with the public key `broker`. `dispatch` handles its requests."""

    def __init__(
        self,
        endpoint: str,
        broker: bytes,
        identity: Identity,
        context: Context,
        loop: asyncio.AbstractEventLoop,
        dispatch: Dispatch,
        software: str,
        *,
        left_ms: Callable[[], int] | None = None,
        is_bulk: bool = False,
    ) -> None:
        """`left_ms`: for how long the worker still gets jobs, if it has an end. `is_bulk`: it is the second connection of another line."""
        self._endpoint = endpoint
        self._broker = broker
        self._context = context
        self._loop = loop
        self._dispatch = dispatch
        self._software = software
        self._left_ms = left_ms
        self._identity = identity
        self._is_bulk = is_bulk
        # The further connection, for bytes, while this one is there and the broker takes it.
        self._bulk: Line | None = None
        self.has_joined = False
        self._monitored = MonitoredSocket(zmq.DEALER, broker, identity, _CONNECT_SECONDS, lasts_ms=_LASTS_MS)
        self._peer: Peer | None = None
        self._is_turned = False
        self._watched: set[int] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._not_before = 0.0
        self._is_scheduled = False
        self._closed = False
        # Why there is no link, as the log was told; empty if there is one.
        self.problem = "not connected yet"
        self._touch()

    def close(self) -> None:
        """Leave the broker; jobs continue."""
        self._closed = True
        self._unwatch()
        self._drop_peer()
        # What was said last goes out, if the connection takes it.
        self._monitored.close(linger_ms=_LINGER_MS)

    # --- what the requests of the broker are answered through

    def pass_on(self, peer: Peer, frames: Sequence[bytes | memoryview]) -> bool:
        """Send a message as it is. Return False as `send` does."""
        socket = self._monitored.socket
        if peer.gone or peer is not self._peer or socket is None:
            return False
        # There is no high-water mark: what is sent is bounded by the credit of the broker.
        socket.send_multipart(frames, zmq.DONTWAIT)
        self._touch()
        return True

    def expel(self, peer: Peer, request_id: int, refused: Refused, reason: str) -> None:
        """Refuse a request that is too large."""
        _log.warning("the broker %s", reason)
        self.refuse(peer, request_id, refused)

    def drop(self, peer: Peer, reason: str) -> None:
        """Reconnect."""
        if peer is self._peer:
            self._start_over(f"the broker {reason}")

    # --- the connection

    def _touch(self) -> None:
        if not self._is_scheduled and not self._closed:
            self._is_scheduled = True
            self._loop.call_soon(self._step)

    def _step(self) -> None:
        self._is_scheduled = False
        if self._closed:
            return
        now = time.monotonic()
        if self._is_turned and self._watched and not self._monitored.has_news:
            # Messages, and nothing else: it is watched on, at a third of the cost. What closes the socket takes that back.
            self._receive()
            return
        # Taken back each time: a socket that was closed meanwhile may have left its descriptor to another one.
        self._unwatch()
        try:
            if not self._monitored.is_open and now >= self._not_before:
                self._monitored.open(self._context, self._endpoint, now)
            for change in self._monitored.watch(now):
                self._changed(change, now)
            self._receive()
        except Refused as refused:
            self._failed(refused, now)
        self._watch(now)

    def _changed(self, change: Change, now: float) -> None:
        match change:
            case Change.UP:
                self._drop_peer()
                account = Account(self._broker, speaks_for=_SPEAKS_FOR)
                self._peer = Peer(b"", Meter(-1, b""), account, self)
                self._is_turned = False
                left_ms = self._left_ms() if self._left_ms is not None else None
                said = request_pb2.Enlist(software=self._software, left_ms=left_ms, bulk=self._is_bulk)
                enlist = request_pb2.Request(id=_ENLIST, enlist=said)
                self.pass_on(self._peer, (request_pb2.Envelope(request=enlist.SerializeToString()).SerializeToString(),))
            case Change.DOWN:
                # What libzmq still has for the lost connection would be sent over the next one, before `enlist`.
                self._start_over("the connection is lost")
            case Change.FAILED:
                self._failed(self._monitored.refusal, now)
            case Change.STILL_DOWN:
                pass

    def _start_over(self, why: str) -> None:
        self._drop_peer()
        self._unwatch()
        self._monitored.start_over(time.monotonic())
        self._tell(why)
        self._touch()

    def _failed(self, refused: Refused | None, now: float) -> None:
        self._drop_peer()
        self._unwatch()
        self._monitored.close()
        self._not_before = now + _PATIENCE_SECONDS
        if refused is not None and refused.code is Code.UNAUTHENTICATED:
            # What the connection says about that is for clients of workers.
            command = f"jobwire keys add NAME {format_public(self._identity.public)} --role worker"
            self._tell(f"it is up, but does not let this worker in; have it added there: {command}")
        else:
            self._tell(str(refused) if refused is not None else "no connection")

    def _tell(self, problem: str) -> None:
        if problem != self.problem:
            self.problem = problem
            _log.warning("broker at %s: %s; jobs continue; trying again", self._endpoint, problem)

    def _drop_peer(self) -> None:
        bulk, self._bulk = self._bulk, None
        if bulk is not None:
            bulk.close()
        peer, self._peer, self._is_turned = self._peer, None, False
        if peer is not None:
            peer.end()

    def _receive(self) -> None:
        until = time.monotonic() + _TURN_SECONDS
        for _ in range(_MESSAGES_A_TURN):
            socket, peer = self._monitored.socket, self._peer
            if socket is None or peer is None or not readable(socket):
                return
            first = last = socket.recv(zmq.DONTWAIT, copy=False)
            while last.more:
                last = socket.recv(zmq.DONTWAIT, copy=False)
            if self._is_turned:
                self._dispatch.take(peer, first.bytes, None if last is first else last.buffer, NotShared())
            else:
                self._answered(first.bytes)
            if time.monotonic() >= until:
                break
        self._touch()

    def _answered(self, frame: bytes) -> None:
        reply = read_reply(frame)
        if reply.HasField("refusal"):
            raise refusal_from(reply.refusal)
        self._is_turned = self.has_joined = True
        self.problem = ""
        if self._is_bulk:
            return
        _log.info("joined the broker at %s", self._endpoint)
        if reply.done.bulk:
            parts = (self._endpoint, self._broker, self._identity, self._context, self._loop, self._dispatch, self._software)
            self._bulk = Line(*parts, is_bulk=True)

    def _watch(self, now: float) -> None:
        for what, _ in self._monitored.waited_on():
            descriptor = what if isinstance(what, int) else int(what.getsockopt(zmq.FD))
            self._watched.add(descriptor)
            self._loop.add_reader(descriptor, self._touch)
        due_at = self._monitored.due_at() if self._monitored.is_open else self._not_before
        if due_at is not None:
            self._timer = self._loop.call_later(max(0.0, due_at - now), self._touch)
        socket = self._monitored.socket
        if self._monitored.has_news or (socket is not None and readable(socket)):
            # ZMQ_FD signals changes only, and this one was seen already.
            self._touch()

    def _unwatch(self) -> None:
        for descriptor in self._watched:
            self._loop.remove_reader(descriptor)
        self._watched.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
