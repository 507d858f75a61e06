"""All connections of a server socket, from when they are accepted: limits on what they cost before and after their owner is known.

libzmq delivers a message when it is complete, and reports nothing before. A peer that never completes one - inside the handshake, after
it, or with endless parts of a message - is invisible to the reader of the socket, and fills the memory. inflow.py counts what it sent.

- handshake_gate.py decides when a handshake begins; until then libzmq sees nothing to read, and the connection costs little.
- A stranger or a member that has not sent a message yet may send 64 KiB and take ten seconds. Its receive buffer is small: what libzmq
  reads until somebody looks takes time from everybody. The number of such connections is limited; the oldest is closed for the next.
- A member has a limit on the incomplete and unread bytes of all its connections.
- All connections together leave enough descriptors for everything else.

Nothing is checked while nothing arrives: epoll(7) reports each connection once, and again after it was checked.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import select
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import zmq

from ...keys.sockets import readable
from .handshake_gate import Gate
from .inflow import Connection
from .tcp import (
    HELD_BYTES,
    Gone,
    cookie_of,
    hold,
    hold_newcomers,
    let_read,
    shut_down,
    speed_up,
)
from .zmq_reader import EdgeReader

_log = logging.getLogger(__name__)

# The longest first message is a `hello`; the handshake takes less than 1 KiB (RFC 26).
STRANGER_BYTES = 64 * 1024
STRANGER_SECONDS = 10.0
MOST_STRANGERS = 256
# In addition, connections whose handshake has not begun.
MOST_WAITING = 1024
# Each of the two sockets may use this part, and followed logs too; the rest is kept for jobs and the store.
_SHARE_OF_DESCRIPTORS = 4
_LOOK_SECONDS = 0.02
# Shorter for strangers: they may send less.
_STRANGER_LOOK_SECONDS = 0.004
# Anybody can connect as often as they like, and must not fill the log.
_LOG_SECONDS = 10.0
_EVENTS_A_TURN = 256
# Somebody may connect a thousand times at once: after this long, everything else has its turn.
_TURN_SECONDS = 0.0005
# The first frame of a monitor event, zmq_socket_monitor(3): the event, and here a descriptor. Plain numbers: comparing enums is slower.
_MONITOR_EVENT = struct.Struct("=Hi")
_WATCHED_FOR = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET | select.EPOLLONESHOT
# The other side has closed the connection; libzmq is told that, too.
_ENDED = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
_LISTENING, _ACCEPTED, _DISCONNECTED = int(zmq.EVENT_LISTENING), int(zmq.EVENT_ACCEPTED), int(zmq.EVENT_DISCONNECTED)


def most_of_descriptors() -> int:
    """Return how many descriptors may be used for one kind of thing that peers can cause: a quarter of them, so that some are left."""
    return max(8, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // _SHARE_OF_DESCRIPTORS)


@dataclass(slots=True, eq=False)
class Connections:
    """The connections of one socket, called `what`. `gone(descriptor)` is called for each that is closed here, `ban(public)` for a flood.

    `left(descriptor)` is called for each that has ended otherwise: its last messages may not be read yet.

    `most_under_way` is how many incomplete and unread bytes each member may have.
    """

    loop: asyncio.AbstractEventLoop
    watched: zmq.Socket[bytes]
    what: str
    most_under_way: int
    gone: Callable[[int], None]
    left: Callable[[int], None]
    ban: Callable[[bytes], None]
    most: int = 0
    _by_descriptor: dict[int, Connection] = field(default_factory=dict)
    # Connections over which nothing was sent yet, oldest first.
    _strangers: dict[int, Connection] = field(default_factory=dict)
    # Of these, the ones whose handshake may begin or is over; in the order in which they were admitted.
    _begun: dict[int, Connection] = field(default_factory=dict)
    _gate: Gate[Connection] = field(default_factory=Gate)
    _members: dict[bytes, dict[int, Connection]] = field(default_factory=dict)
    _active: set[int] = field(default_factory=set)
    _timer: asyncio.TimerHandle | None = None
    _patience: asyncio.TimerHandle | None = None
    _turn: asyncio.TimerHandle | None = None
    _reader: EdgeReader | None = None
    _closed_strangers: int = 0
    _logged_at: float = -_LOG_SECONDS
    _monitor: zmq.Socket[bytes] = field(init=False)
    _epoll: select.epoll = field(init=False)

    def __post_init__(self) -> None:
        """Watch the socket before the first connection arrives."""
        self.most = self.most or most_of_descriptors()
        self._monitor = self.watched.get_monitor_socket(_LISTENING | _ACCEPTED | _DISCONNECTED)
        self._epoll = select.epoll()

    def open(self) -> None:
        """Start reading the monitor of a bound socket: from here on, it holds new connections."""
        self.catch_up()
        self._reader = EdgeReader(self.loop, self._monitor, self._drain)
        self.loop.add_reader(self._epoll.fileno(), self._note_activity)

    def close(self) -> None:
        """Stop watching; the monitor's socket must be closed here, or the context could not end."""
        for timer in (self._timer, self._patience, self._turn):
            if timer is not None:
                timer.cancel()
        if self._reader is not None:
            self._reader.close()
            self.loop.remove_reader(self._epoll.fileno())
        self._epoll.close()
        self.watched.disable_monitor()
        self._monitor.close(linger=0)

    def catch_up(self) -> bool:
        """Register new connections and forget ended ones; cheap if there are none.

        Return False if there are too many for one turn: the rest follows in the next ones.
        """
        if not readable(self._monitor):
            return True
        until = time.monotonic() + _TURN_SECONDS
        while time.monotonic() < until:
            try:
                event, descriptor = _MONITOR_EVENT.unpack(self._monitor.recv(zmq.DONTWAIT))
            except zmq.Again:
                return True
            # The address; both frames arrive together.
            self._monitor.recv(zmq.DONTWAIT)
            if event == _ACCEPTED:
                self._accepted(descriptor)
            elif event == _DISCONNECTED:
                self._forget(descriptor)
                self.left(descriptor)
            elif event == _LISTENING:
                hold_newcomers(descriptor)
        # libzmq signals what comes next only to a reader that has found nothing left, so nobody else would call this again.
        if self._reader is not None:
            self._reader.touch()
        return False

    def is_caught_up(self) -> bool:
        """Return whether all connection events of libzmq were processed; if not, the next turn of the loop does that."""
        if not readable(self._monitor):
            return True
        # This look may have consumed the signal.
        if self._reader is not None:
            self._reader.touch()
        return False

    def _drain(self) -> None:
        self.catch_up()

    def of(self, descriptor: int) -> Connection | None:
        """Return the connection with this descriptor of libzmq; None if there is none."""
        return self._by_descriptor.get(descriptor)

    def held_by(self, public: bytes) -> int:
        """Return how many connections are known to belong to this member."""
        return len(self._members.get(public, ()))

    def known(self, descriptor: int, public: bytes) -> Connection | None:
        """Note the owner of a connection that has sent a message. Return None if it cannot stay; then it is shut down.

        This is used only for counting, never for rights: a frame of a closed connection, whose descriptor now belongs to another one, is
        counted for the latter until that sends a message.
        """
        connection = self._by_descriptor.get(descriptor)
        if connection is None or connection.cookie != cookie_of(descriptor):
            # It was accepted before its handshake could begin; so this ends soon.
            while not self.catch_up():
                pass
            connection = self._by_descriptor.get(descriptor)
        if connection is None or connection.public == public:
            return connection
        self._strike_off(connection)
        if not connection.public:
            speed_up(descriptor, connection.cookie)
            self._let_in(self._gate.speak(connection.network, time.monotonic()))
        connection.public = public
        self._members.setdefault(public, {})[descriptor] = connection
        return connection if self._make_room(connection) else None

    def _accepted(self, descriptor: int) -> None:
        self._forget(descriptor)
        cookie, network = hold(descriptor)
        if not cookie:
            # It has ended already; the monitor reports that next.
            return
        now = time.monotonic()
        connection = Connection(descriptor, cookie, now, network, looked_at=now)
        self._by_descriptor[descriptor] = self._strangers[descriptor] = connection
        try:
            self._epoll.register(descriptor, _WATCHED_FOR)
        except OSError:
            self._active.add(descriptor)
            self._look_in(_STRANGER_LOOK_SECONDS)
        if not self._make_room(connection):
            return
        self._let_in(self._gate.arrive(connection.network, connection, now))
        self._set_patience()

    def _let_in(self, admitted: list[Connection]) -> None:
        """Let handshakes begin, and set the timer for the next one."""
        for connection in admitted:
            connection.let_in = True
            self._begun[connection.descriptor] = connection
            let_read(connection.descriptor, connection.cookie)
            if len(self._begun) > MOST_STRANGERS:
                self._hang_up(next(iter(self._begun.values())), "sent nothing while there were too many connections")
        if self._turn is None and (due_in := self._gate.due_in(time.monotonic())) is not None:
            self._turn = self.loop.call_later(due_in, self._take_turns)

    def _take_turns(self) -> None:
        self._turn = None
        self.catch_up()
        self._let_in(self._gate.admit(time.monotonic()))

    def _make_room(self, newest: Connection) -> bool:
        """Close one connection if there are too many; return whether the newest can stay."""
        too_many = len(self._by_descriptor) > self.most
        # Strangers have a quarter of all connections, or members could use all of them up.
        strangers = len(self._strangers)
        if strangers > MOST_STRANGERS + MOST_WAITING or (too_many and (strangers > self.most // 4 or not self._members)):
            self._hang_up(next(iter(self._strangers.values())), "sent nothing while there were too many connections")
        elif too_many:
            largest = max(self._members.values(), key=len)
            self._hang_up(next(reversed(largest.values())), "has the most connections while there are too many")
        return self._by_descriptor.get(newest.descriptor) is newest

    def _hang_up(self, connection: Connection, reason: str) -> None:
        if connection.public:
            _log.warning("%s: peer %s %s and was disconnected", self.what, connection.public.hex()[:8], reason)
        else:
            self._log_stranger(reason)
        self._forget(connection.descriptor)
        self.gone(connection.descriptor)
        shut_down(connection.descriptor, connection.cookie)

    def _log_stranger(self, reason: str) -> None:
        self._closed_strangers += 1
        now = time.monotonic()
        if now - self._logged_at >= _LOG_SECONDS:
            _log.info("%s: %d strangers were disconnected; the last one %s", self.what, self._closed_strangers, reason)
            self._logged_at, self._closed_strangers = now, 0

    def _forget(self, descriptor: int) -> None:
        connection = self._by_descriptor.pop(descriptor, None)
        if connection is None:
            return
        self._active.discard(descriptor)
        self._strike_off(connection)

    def _strike_off(self, connection: Connection) -> None:
        """Stop counting it, for its member or as unidentified."""
        self._strangers.pop(connection.descriptor, None)
        self._begun.pop(connection.descriptor, None)
        if not connection.let_in:
            self._gate.leave(connection.network, connection)
        theirs = self._members.get(connection.public)
        if theirs is not None:
            theirs.pop(connection.descriptor, None)
            if not theirs:
                del self._members[connection.public]

    def _set_patience(self) -> None:
        """Set the timer for when the oldest connection without a message reaches its time limit."""
        if self._patience is None and self._strangers:
            oldest = next(iter(self._strangers.values()))
            left = oldest.since + STRANGER_SECONDS - time.monotonic()
            self._patience = self.loop.call_later(max(0.0, left) + _LOOK_SECONDS, self._close_silent)

    def _close_silent(self) -> None:
        self._patience = None
        self.catch_up()
        until = time.monotonic() - STRANGER_SECONDS
        for stranger in [one for one in self._strangers.values() if one.since <= until]:
            self._hang_up(stranger, f"sent nothing for {STRANGER_SECONDS:.0f} s")
        self._set_patience()

    def _note_activity(self) -> None:
        active = []
        for descriptor, events in self._epoll.poll(0, _EVENTS_A_TURN):
            stranger = self._strangers.get(descriptor)
            if stranger is not None and not stranger.let_in and not events & _ENDED:
                # libzmq is told the same, and begins to read: every millisecond counts.
                self._hang_up(stranger, "sent too much before its handshake could begin")
            else:
                active.append(descriptor)
        if not active:
            return
        self._active.update(active)
        strangers = any(descriptor in self._strangers for descriptor in active)
        self._look_in(_STRANGER_LOOK_SECONDS if strangers else _LOOK_SECONDS)

    def _look_in(self, seconds: float) -> None:
        if self._timer is not None and self._timer.when() > self.loop.time() + seconds:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self.loop.call_later(seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        now = time.monotonic()
        active, self._active = self._active, set()
        for descriptor in active:
            connection = self._by_descriptor.get(descriptor)
            if connection is None:
                continue
            try:
                connection.look(now)
            except Gone:
                # The monitor reports that.
                continue
            if self._is_within_bounds(connection):
                self._watch_again(descriptor)

    def _is_within_bounds(self, connection: Connection) -> bool:
        if not connection.public:
            if connection.under_way > (STRANGER_BYTES if connection.let_in else HELD_BYTES - 1):
                self._hang_up(connection, f"sent {connection.under_way} bytes before its first message")
                return False
            return True
        theirs = self._members[connection.public].values()
        if sum(one.under_way for one in theirs) <= self.most_under_way:
            return True
        largest = max(theirs, key=lambda one: one.under_way)
        self.ban(largest.public)
        self._hang_up(largest, f"sent {largest.under_way} bytes of messages that are incomplete or not read yet")
        return largest is not connection

    def _watch_again(self, descriptor: int) -> None:
        try:
            self._epoll.modify(descriptor, _WATCHED_FOR)
        except OSError:
            # epoll could not watch it from the beginning; so it is checked again and again.
            self._active.add(descriptor)
            self._look_in(_LOOK_SECONDS)
