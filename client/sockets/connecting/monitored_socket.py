"""One connecting socket and its monitor: whether there is a connection, and if there is none, what the monitor saw.

libzmq reconnects by itself after most losses, but not after a refused key or a peer with another protocol: then only a new socket helps.
See zmq_socket_monitor(3).

ZMQ_IMMEDIATE is not set, although without it messages queued for a lost connection are sent on the next one, before `hello`. With it,
libzmq drops messages at a reconnect that were received and not yet read, even the second frame of a message whose first frame was read,
and may then abort the process (zeromq/libzmq issue 2163). Messages sent late are recognised by their number, see conversation.py; and
if they may be large, `start_over` drops them.
"""

from __future__ import annotations

import enum
import struct
from collections import deque

import zmq

from ....keys.identity import Identity
from ....keys.sockets import Context, Socket, client_socket, connect, readable, whole
from ....schemas.endpoint import is_named
from ....schemas.refusal import Code, Refused
from ..addresses import Resolution
from . import diagnosis
from .tcp_info import TcpInfo, tcp_info

# The first interval, doubled up to the second one: a worker that restarts is found at once, one that is down is not flooded.
_RECONNECT_MS = 50
_RECONNECT_MOST_MS = 1000
# The kernel asks at 0, 1, 3, 7, 15, 31 and 63 s: after a cut of 40 s, it would be another 23 until the host is asked again.
_CONNECT_MS = 10_000
# A peer that lost power sends nothing: without a heartbeat for this long, the connection counts as lost.
_HEARTBEAT_MS = 10_000
_HEARTBEAT_TIMEOUT_MS = 30_000
# Messages that libzmq reads ahead. Bytes are bounded by credit; this bounds the overhead per message, as for a log of one-byte writes.
_READ_AHEAD_MESSAGES = 4096
_STALLED_SECONDS = 1.0
# A broker that is started again knows the keys of jobs when their workers are connected to it.
_EARLY_SECONDS = 30.0
# If a host has several addresses: how long to wait for one before trying the next; doubled in each further round.
_ATTEMPT_SECONDS = 1.0
_MOST_DOUBLED = 4
# ZAP status for an unknown key (RFC 27); 300 and 500 are temporary errors of the worker.
_KEY_REFUSED = 400

_EVENTS = (
    zmq.EVENT_CONNECTED
    | zmq.EVENT_CONNECT_DELAYED
    | zmq.EVENT_CONNECT_RETRIED
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)
_OPTIONS = (
    (zmq.RECONNECT_IVL, _RECONNECT_MS),
    (zmq.RECONNECT_IVL_MAX, _RECONNECT_MOST_MS),
    (zmq.CONNECT_TIMEOUT, _CONNECT_MS),
    (zmq.HEARTBEAT_IVL, _HEARTBEAT_MS),
    (zmq.HEARTBEAT_TIMEOUT, _HEARTBEAT_TIMEOUT_MS),
    (zmq.RCVHWM, _READ_AHEAD_MESSAGES),
    (zmq.SNDHWM, 0),
)
_FAILED_HANDSHAKES = (zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL, zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL)
_EVENT_FORM = struct.Struct("=Hi")


class Change(enum.Enum):
    """A change of a connection's state."""

    UP = enum.auto()
    DOWN = enum.auto()
    # An attempt to reconnect failed.
    STILL_DOWN = enum.auto()
    # There will be no connection: `refusal` says why.
    FAILED = enum.auto()


class MonitoredSocket:
    """A socket of `kind` that connects to one endpoint and accepts only the worker with the public key `server_key`.

    `private`: it is this user's private worker. `lasts_ms`: how long the other side waits for a sign of life; 0: for ever. The first
    connection fails after `connect_timeout` seconds; a lost one is retried without a limit. After FAILED it may be opened again.
    """

    def __init__(
        self, kind: int, server_key: bytes, identity: Identity, connect_timeout: float, *, private: bool = False, lasts_ms: int = 0
    ) -> None:
        self.endpoint = ""
        self.socket: Socket | None = None
        self.up = False
        self.refusal: Refused | None = None
        self._kind = kind
        self._server_key = server_key
        self._identity = identity
        self._connect_timeout = connect_timeout
        self._private = private
        self._lasts_ms = lasts_ms
        self._monitor: Socket | None = None
        self._was_up = False
        self._give_up_at: float | None = None
        # When to create a new socket, because libzmq closed a connection and has not reported that it reconnects.
        self._stalled_at: float | None = None
        # For a host name: the lookup under way, the addresses still to be tried in this round, and when to try the next.
        self._resolution: Resolution | None = None
        self._addresses: deque[str] = deque()
        self._rounds = 0
        self._next_at: float | None = None
        # Until when a refused key is tried again.
        self._early_until: float | None = None
        self._context: Context | None = None
        # The address by which the worker is reached or tried.
        self.reached = ""
        # The descriptor of libzmq's connection. It may have been closed a moment ago, so it is only looked at.
        self._fd: int | None = None
        self._sight = diagnosis.Sight()

    @property
    def is_open(self) -> bool:
        """Whether there is a socket, or will be one when the host's addresses are known."""
        return self.socket is not None or self._resolution is not None or self._next_at is not None

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to `watch`."""
        return not self.is_open and self._give_up_at is None

    def open(self, context: Context, endpoint: str, now: float) -> None:
        """Start to connect, without waiting.

        Raises `Refused(INVALID_ARGUMENT)` for an invalid endpoint or public key.
        """
        self.close()
        if endpoint != self.endpoint:
            self._addresses.clear()
        self.endpoint = endpoint
        if self._give_up_at is None and not self._was_up:
            self._give_up_at = now + self._connect_timeout
            self._sight = diagnosis.Sight()
        if not is_named(endpoint):
            self._connect(context, endpoint)
        elif self._addresses:
            self._try_next(context, now)
        else:
            self._context = context
            self._resolution = Resolution(endpoint)

    def _connect(self, context: Context, endpoint: str) -> None:
        socket = client_socket(context, self._kind, self._identity, self._server_key)
        for option, value in _OPTIONS:
            socket.set(option, value)
        if self._lasts_ms:
            socket.set(zmq.HEARTBEAT_TTL, self._lasts_ms)
        self._monitor = whole(lambda: socket.get_monitor_socket(_EVENTS))
        self.socket = socket
        self.reached = endpoint
        try:
            connect(socket, endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise Refused(Code.INVALID_ARGUMENT, f"{endpoint!r} is not an endpoint: {error.strerror}") from None

    def _try_next(self, context: Context, now: float) -> None:
        several = self._rounds or len(self._addresses) > 1
        self._connect(context, self._addresses.popleft())
        if several:
            self._next_at = now + _ATTEMPT_SECONDS * 2 ** min(self._rounds, _MOST_DOUBLED)
        if not self._addresses:
            self._rounds += 1

    def _resolved(self, now: float) -> None:
        if self._resolution is None or self._context is None:
            return
        answer = self._resolution.answer()
        if answer is None:
            return
        self._resolution = None
        found, self._sight.unknown_name = answer
        if found:
            self._addresses = deque(found)
            self._try_next(self._context, now)
        else:
            # A name may appear later, so look it up again.
            self._next_at = now + _STALLED_SECONDS

    def close(self, linger_ms: int = 0) -> None:
        """Close the socket, if there is one; messages that are not sent within `linger_ms` from now on are dropped."""
        if self.socket is not None:
            self.socket.disable_monitor()
            self.socket.close(linger=linger_ms)
            self.socket = None
        if self._monitor is not None:
            self._monitor.close(linger=0)
            self._monitor = None
        self.up = False
        self._stalled_at = self._next_at = self._resolution = None

    def start_over(self, now: float) -> None:
        """Close the socket after a loss; its user opens it again in a moment, after the delay that libzmq would have used."""
        self.close()
        self._next_at = now + _RECONNECT_MS / 1000

    @property
    def has_news(self) -> bool:
        """Whether `watch` has a change to report."""
        return self._monitor is not None and readable(self._monitor)

    def watch(self, now: float) -> list[Change]:
        """Return what changed. A socket that libzmq gave up is closed, and must be opened again by its user."""
        changes = []
        if self._resolution is not None:
            self._resolved(now)
        while self._monitor is not None and readable(self._monitor):
            event, value = _EVENT_FORM.unpack(self._monitor.recv_multipart(zmq.DONTWAIT)[0])
            change = self._change(event, value, now)
            if change is not None:
                changes.append(change)
        if self._give_up_at is not None and now >= self._give_up_at:
            if self._resolution is not None:
                self._sight.unknown_name = "no name server answered in time"
            changes.append(self._fail(self._why_not()))
        elif (self._stalled_at is not None and now >= self._stalled_at) or (self._next_at is not None and now >= self._next_at):
            # Opening it again tries the next address of a host name.
            self.close()
        return changes

    def _why_not(self) -> Refused:
        from .other_port import takes  # noqa: PLC0415 -- only where something is wrong

        def is_other_port() -> bool:
            other = zmq.SUB if self._kind == zmq.DEALER else zmq.DEALER
            return takes(self.reached or self.endpoint, other, self._identity, self._server_key)

        return diagnosis.no_connection(
            *(self.endpoint, self._server_key, self._connect_timeout, self._sight), private=self._private, is_other_port=is_other_port
        )

    def due_at(self) -> float | None:
        """Return when `watch` has something to do even if nothing arrives, on the clock of its `now`."""
        # No time is 0 on the monotonic clock.
        return min(filter(None, (self._give_up_at, self._stalled_at, self._next_at)), default=None)

    def tcp_info(self) -> TcpInfo | None:
        """Return the kernel's information about the connection, if there is one."""
        return None if self._fd is None or not self.up else tcp_info(self._fd)

    def waited_on(self, *, writable: bool = False) -> list[tuple[Socket | int, int]]:
        """Return what to poll: the socket (with `writable` also for writing) and its monitor."""
        if self._resolution is not None:
            return [(self._resolution.fd, zmq.POLLIN)]
        if self.socket is None or self._monitor is None:
            return []
        return [(self.socket, zmq.POLLIN | zmq.POLLOUT if writable and self.up else zmq.POLLIN), (self._monitor, zmq.POLLIN)]

    def _change(self, event: int, value: int, now: float) -> Change | None:
        change = None
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self.up = self._was_up = True
            self._give_up_at = self._next_at = self._early_until = None
            # The host may have other addresses by the time this connection is lost.
            self._addresses.clear()
            self._rounds = 0
            change = Change.UP
        elif event == zmq.EVENT_DISCONNECTED:
            self._stalled_at = now + _STALLED_SECONDS
            change = Change.DOWN if self.up else None
            self.up = False
        elif event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            if value == _KEY_REFUSED and not self._is_early(now):
                return self._fail(diagnosis.key_refused(self.endpoint, self._identity))
            self._stalled_at = now + _STALLED_SECONDS
        elif event in _FAILED_HANDSHAKES:
            self._sight.failed_handshakes += 1
        else:
            self._stalled_at = None
            self._sight.connected += event == zmq.EVENT_CONNECTED
            self._sight.tried_again += event == zmq.EVENT_CONNECT_RETRIED
            if event == zmq.EVENT_CONNECTED:
                self._fd = value
                # From here on, the handshake has its own time limit.
                self._next_at = None
            elif event == zmq.EVENT_CONNECT_RETRIED and is_named(self.endpoint):
                self._next_at = now + min(_RECONNECT_MOST_MS, _RECONNECT_MS * 2 ** min(self._rounds, _MOST_DOUBLED)) / 1000
            if event == zmq.EVENT_CONNECT_RETRIED and (self._was_up or self._private):
                # A worker that is killed may hold its lock a moment longer than its connections, and can be revived only after that.
                # A private worker may have exited since it was found.
                change = Change.STILL_DOWN
        return change

    def _is_early(self, now: float) -> bool:
        """Return whether the key may be refused only because the broker does not know it yet, or not again after its restart."""
        if not self._identity.may_be_early:
            return False
        if self._early_until is None:
            self._early_until = now + _EARLY_SECONDS
        return now < self._early_until

    def _fail(self, refusal: Refused) -> Change:
        self.close()
        self.refusal = refusal
        self._give_up_at = None
        self._was_up = False
        return Change.FAILED
