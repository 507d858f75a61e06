"""All connections of a server socket, from when they are accepted: what they cost before anybody is known to be behind them, and after.

libzmq hands a message over when it is whole and says nothing before. Whoever never completes one - inside the handshake, after it, or
with part after part of a message without end - is not seen by who reads the socket, and fills the memory. What it sent: inflow.py.

- When a handshake begins is decided by handshake_gate.py; until then libzmq is told of nothing to read, and the connection costs little.
- Who has not said anything yet, a stranger or a member, may send 64 KiB and take ten seconds; of such connections there is a number, and
  the oldest makes way for the next.
- What is known to be a member's may have so much under way over all connections of that member.
- All connections together leave descriptors for everything else.

Nothing is looked at while nothing comes: epoll(7) tells once of each connection, and again when it was looked at.
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

from .handshake_gate import Gate
from .inflow import Connection
from .tcp import HELD_BYTES, Gone, cookie_of, hold_newcomers, let_read, network_of, shut_down
from .zmq_reader import EdgeReader, readable

_log = logging.getLogger(__name__)

# The longest first message is a `hello`; the handshake takes less than 1 KiB (RFC 26).
STRANGER_BYTES = 64 * 1024
STRANGER_SECONDS = 10.0
MOST_STRANGERS = 256
# In addition, of those whose handshake has not begun.
MOST_WAITING = 1024
# Each of the two sockets may have as much, and followed logs; the rest is kept for jobs and the store.
_SHARE_OF_DESCRIPTORS = 4
_LOOK_SECONDS = 0.02
# Of strangers less is waited for: they may send so little.
_STRANGER_LOOK_SECONDS = 0.004
# Anybody can be a stranger as often as they like, and must not fill the log.
_TELL_SECONDS = 10.0
_EVENTS_A_TURN = 256
# What a monitor tells first, zmq_socket_monitor(3): the event, and here a descriptor. Plain numbers: an enum's comparison takes longer.
_TOLD = struct.Struct("=Hi")
_LISTENING, _ACCEPTED, _DISCONNECTED = int(zmq.EVENT_LISTENING), int(zmq.EVENT_ACCEPTED), int(zmq.EVENT_DISCONNECTED)


def most_of_descriptors() -> int:
    """Say how many descriptors may be used for one kind of thing that others have a hand in: a quarter, so that some are left."""
    return max(8, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // _SHARE_OF_DESCRIPTORS)


@dataclass(slots=True, eq=False)
class Connections:
    """Those of one socket, called `what`. `gone(descriptor)` is told of each that has ended; `most_under_way` bytes are for each member."""

    loop: asyncio.AbstractEventLoop
    watched: zmq.Socket[bytes]
    what: str
    most_under_way: int
    gone: Callable[[int], None]
    most: int = 0
    _by_descriptor: dict[int, Connection] = field(default_factory=dict)
    # Of whom nothing is known, oldest first.
    _strangers: dict[int, Connection] = field(default_factory=dict)
    # Of these, whose handshake may begin or is over; in the order in which they were let in.
    _begun: dict[int, Connection] = field(default_factory=dict)
    _gate: Gate[Connection] = field(default_factory=Gate)
    _members: dict[bytes, dict[int, Connection]] = field(default_factory=dict)
    _stirred: set[int] = field(default_factory=set)
    _timer: asyncio.TimerHandle | None = None
    _patience: asyncio.TimerHandle | None = None
    _turn: asyncio.TimerHandle | None = None
    _reader: EdgeReader | None = None
    _hung_up_on: int = 0
    _told_at: float = -_TELL_SECONDS
    _monitor: zmq.Socket[bytes] = field(init=False)
    _epoll: select.epoll = field(init=False)

    def __post_init__(self) -> None:
        """Watch from before the first one comes."""
        self.most = self.most or most_of_descriptors()
        self._monitor = self.watched.get_monitor_socket(_LISTENING | _ACCEPTED | _DISCONNECTED)
        self._epoll = select.epoll()

    def open(self) -> None:
        """Begin to read what the monitor tells."""
        self._reader = EdgeReader(self.loop, self._monitor, self.drain)
        self.loop.add_reader(self._epoll.fileno(), self._note_stirring)

    def close(self) -> None:
        """Stop watching; the monitor's socket is closed here, or the context could not end."""
        for timer in (self._timer, self._patience, self._turn):
            if timer is not None:
                timer.cancel()
        if self._reader is not None:
            self._reader.close()
            self.loop.remove_reader(self._epoll.fileno())
        self._epoll.close()
        self.watched.disable_monitor()
        self._monitor.close(linger=0)

    def drain(self) -> None:
        """Take in who has come and who has gone; cheap where there is nothing."""
        while readable(self._monitor):
            event, descriptor = _TOLD.unpack(self._monitor.recv_multipart(zmq.DONTWAIT)[0])
            if event == _ACCEPTED:
                self._accepted(descriptor)
            elif event == _DISCONNECTED:
                self._forget(descriptor)
                self.gone(descriptor)
            elif event == _LISTENING:
                hold_newcomers(descriptor)

    def of(self, descriptor: int) -> Connection | None:
        """Find the connection with this descriptor of libzmq's."""
        return self._by_descriptor.get(descriptor)

    def held_by(self, public: bytes) -> int:
        """Count the connections that are known to be this member's."""
        return len(self._members.get(public, ()))

    def known(self, descriptor: int, public: bytes) -> Connection | None:
        """Note whose a connection is that has said something; where it cannot stay it is shut down, and None comes back.

        Only what is counted goes by it, never what somebody may do: a frame of a connection that is gone, whose descriptor has been
        given to another one meanwhile, is counted for that until it says something itself.
        """
        self.drain()
        connection = self._by_descriptor.get(descriptor)
        if connection is None or connection.public == public:
            return connection
        self._strike_off(connection)
        if not connection.public:
            self._let_in(self._gate.speak(connection.network, time.monotonic()))
        connection.public = public
        self._members.setdefault(public, {})[descriptor] = connection
        return connection if self._make_room(connection) else None

    def _accepted(self, descriptor: int) -> None:
        self._forget(descriptor)
        cookie = cookie_of(descriptor)
        if not cookie:
            # It has ended already; that is told next.
            return
        now = time.monotonic()
        connection = Connection(descriptor, cookie, now, network_of(descriptor), looked_at=now)
        self._by_descriptor[descriptor] = self._strangers[descriptor] = connection
        try:
            self._epoll.register(descriptor, select.EPOLLIN | select.EPOLLET | select.EPOLLONESHOT)
        except OSError:
            self._stirred.add(descriptor)
            self._look_in(_STRANGER_LOOK_SECONDS)
        if not self._make_room(connection):
            return
        self._let_in(self._gate.arrive(connection.network, connection, now))
        self._wait_for_strangers()

    def _let_in(self, admitted: list[Connection]) -> None:
        """Let handshakes begin, and be called when the next one may."""
        for connection in admitted:
            connection.let_in = True
            self._begun[connection.descriptor] = connection
            let_read(connection.descriptor, connection.cookie)
            if len(self._begun) > MOST_STRANGERS:
                self._hang_up(next(iter(self._begun.values())), "has said nothing while too many others came")
        if self._turn is None and (due_in := self._gate.due_in(time.monotonic())) is not None:
            self._turn = self.loop.call_later(due_in, self._take_turns)

    def _take_turns(self) -> None:
        self._turn = None
        self.drain()
        self._let_in(self._gate.admit(time.monotonic()))

    def _make_room(self, newest: Connection) -> bool:
        """Hang up on one where there are too many; say whether the newest can stay."""
        too_many = len(self._by_descriptor) > self.most
        # Of all places strangers have a quarter, or members could keep all of them for themselves.
        strangers = len(self._strangers)
        if strangers > MOST_STRANGERS + MOST_WAITING or (too_many and (strangers > self.most // 4 or not self._members)):
            self._hang_up(next(iter(self._strangers.values())), "has said nothing while too many others came")
        elif too_many:
            largest = max(self._members.values(), key=len)
            self._hang_up(next(reversed(largest.values())), "has the most of too many connections")
        return self._by_descriptor.get(newest.descriptor) is newest

    def _hang_up(self, connection: Connection, reason: str) -> None:
        if connection.public:
            _log.warning("%s: peer %s %s and was cut off", self.what, connection.public.hex()[:8], reason)
        else:
            self._tell_of_stranger(reason)
        self._forget(connection.descriptor)
        self.gone(connection.descriptor)
        shut_down(connection.descriptor, connection.cookie)

    def _tell_of_stranger(self, reason: str) -> None:
        self._hung_up_on += 1
        now = time.monotonic()
        if now - self._told_at >= _TELL_SECONDS:
            _log.info("%s: %d strangers were cut off, the last one %s", self.what, self._hung_up_on, reason)
            self._told_at, self._hung_up_on = now, 0

    def _forget(self, descriptor: int) -> None:
        connection = self._by_descriptor.pop(descriptor, None)
        if connection is None:
            return
        self._stirred.discard(descriptor)
        self._strike_off(connection)

    def _strike_off(self, connection: Connection) -> None:
        """Count it neither for its member nor as a stranger's."""
        self._strangers.pop(connection.descriptor, None)
        self._begun.pop(connection.descriptor, None)
        if not connection.let_in:
            self._gate.leave(connection.network, connection)
        theirs = self._members.get(connection.public)
        if theirs is not None:
            theirs.pop(connection.descriptor, None)
            if not theirs:
                del self._members[connection.public]

    def _wait_for_strangers(self) -> None:
        """Be called when the oldest of those who have said nothing has had its time."""
        if self._patience is None and self._strangers:
            oldest = next(iter(self._strangers.values()))
            left = oldest.since + STRANGER_SECONDS - time.monotonic()
            self._patience = self.loop.call_later(max(0.0, left) + _LOOK_SECONDS, self._lose_patience)

    def _lose_patience(self) -> None:
        self._patience = None
        self.drain()
        until = time.monotonic() - STRANGER_SECONDS
        for stranger in [one for one in self._strangers.values() if one.since <= until]:
            self._hang_up(stranger, f"has said nothing for {STRANGER_SECONDS:.0f} s")
        self._wait_for_strangers()

    def _note_stirring(self) -> None:
        stirred = [descriptor for descriptor, _ in self._epoll.poll(0, _EVENTS_A_TURN)]
        self._stirred.update(stirred)
        strangers = any(descriptor in self._strangers for descriptor in stirred)
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
        stirred, self._stirred = self._stirred, set()
        for descriptor in stirred:
            connection = self._by_descriptor.get(descriptor)
            if connection is None:
                continue
            try:
                connection.look(now)
            except Gone:
                # The monitor will say so.
                continue
            if self._is_within_bounds(connection):
                self._watch_again(descriptor)

    def _is_within_bounds(self, connection: Connection) -> bool:
        if not connection.public:
            if connection.under_way > (STRANGER_BYTES if connection.let_in else HELD_BYTES - 1):
                self._hang_up(connection, f"sent {connection.under_way} bytes before it said who it is")
                return False
            return True
        theirs = self._members[connection.public].values()
        if sum(one.under_way for one in theirs) <= self.most_under_way:
            return True
        largest = max(theirs, key=lambda one: one.under_way)
        self._hang_up(largest, f"sent {largest.under_way} bytes of messages that are not whole, or not read yet")
        return largest is not connection

    def _watch_again(self, descriptor: int) -> None:
        try:
            self._epoll.modify(descriptor, select.EPOLLIN | select.EPOLLET | select.EPOLLONESHOT)
        except OSError:
            # It could not be watched from the beginning; then it is looked at again and again.
            self._stirred.add(descriptor)
            self._look_in(_LOOK_SECONDS)
