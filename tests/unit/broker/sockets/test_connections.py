"""Connections of a real socket on a loop, looked at while somebody attacks."""

from __future__ import annotations

import asyncio
import os
import resource
import select
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
import zmq
from requirements import needs_ipv6, needs_unfixed_buffers

from jobwire.broker.sockets import connections as under_test
from jobwire.broker.sockets import handshake_gate, tcp
from jobwire.broker.sockets.connections import Connections
from jobwire.broker.sockets.inflow import Connection
from jobwire.broker.sockets.tcp import (
    HANDSHAKE_BUFFER_BYTES,
    HELD_BYTES,
    WAITING_BUFFER_BYTES,
    Gone,
    cookie_of,
    hold,
    let_read,
    received_bytes,
    shut_down,
    speed_up,
)

# SOCK_RCVBUF_LOCK of SO_BUF_LOCK, asm-generic/socket.h.
FIXED = 2


class Watched:
    """A ROUTER that listens, without any security: the test sets who is behind a connection."""

    def __init__(self) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context(1)
        self.router = self.context.socket(zmq.ROUTER)
        self.gone: list[int] = []
        self.banned: list[bytes] = []
        self.connections = Connections(
            asyncio.get_running_loop(), self.router, "requests", 1_000_000, self.gone.append, self.gone.append, self.banned.append
        )
        self.listen()
        self.connections.open()

    def listen(self) -> None:
        """Listen on another port; `connect` uses the last one."""
        self.router.bind("tcp://127.0.0.1:*")
        self.port = int(self.router.get_string(zmq.LAST_ENDPOINT).rpartition(":")[2])

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def close(self) -> None:
        self.connections.close()
        self.context.destroy(linger=0)


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    made = Watched()
    yield made
    made.close()


def was_closed(connection: socket.socket) -> bool:
    """Read to the end, which must come."""
    try:
        while connection.recv(65_536):
            pass
    except ConnectionResetError:
        pass
    return True


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what the loop does meanwhile."""
    for _ in range(6000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("not within a minute")


async def test_a_silent_connection_is_closed_in_time(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "STRANGER_SECONDS", 0.2)
    with watched.connect() as mute:
        assert await asyncio.to_thread(was_closed, mute)


async def test_the_oldest_stranger_makes_way_for_the_next(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "MOST_STRANGERS", 3)
    many = [watched.connect() for _ in range(4)]
    assert await asyncio.to_thread(was_closed, many[0])
    for one in many:
        one.close()


async def test_a_member_is_not_disconnected_for_sending_nothing_more(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "STRANGER_SECONDS", 0.2)
    with watched.connect() as member, watched.connect() as mute:
        await until(lambda: len(watched.connections._by_descriptor) == 2)
        known = next(one for one in watched.connections._by_descriptor.values() if _other_side(one) == member.getsockname())
        assert watched.connections.known(known.descriptor, b"m" * 32) is known
        assert await asyncio.to_thread(was_closed, mute)
        assert watched.connections.of(known.descriptor) is known
        assert watched.connections.held_by(b"m" * 32) == 1
    await until(lambda: not watched.connections.held_by(b"m" * 32))


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """One handshake may begin, and another one a thousand seconds later."""
    monkeypatch.setattr(handshake_gate, "AT_ONCE", 1)
    monkeypatch.setattr(handshake_gate, "A_SECOND", 0.001)


SIGNATURE = b"\xff" + bytes(8) + b"\x7f"
GREETING = SIGNATURE + b"\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)


def greet(connection: socket.socket) -> None:
    """Send a greeting (RFC 23), and read the signature that everybody is sent at once."""
    connection.sendall(GREETING)
    missing = len(SIGNATURE)
    while missing:
        data = connection.recv(missing)
        assert data, "closed"
        missing -= len(data)


def is_answered(connection: socket.socket, seconds: float = 60) -> bool:
    """Return whether the other side reads the greeting and continues."""
    connection.settimeout(seconds)
    try:
        return bool(connection.recv(1))
    except TimeoutError:
        return False


@pytest.mark.usefixtures("narrow")
async def test_a_handshake_does_not_begin_before_its_turn(watched: Watched) -> None:
    with watched.connect() as first, watched.connect() as second:
        for one in (first, second):
            await asyncio.to_thread(greet, one)
        assert await asyncio.to_thread(is_answered, first)
        await until(lambda: len(watched.connections._by_descriptor) == 2)
        assert not await asyncio.to_thread(is_answered, second, 0.2)


@pytest.mark.usefixtures("narrow")
async def test_a_handshake_begins_when_its_turn_has_come(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshake_gate, "A_SECOND", 2.0)
    with watched.connect() as first, watched.connect() as second:
        for one in (first, second):
            await asyncio.to_thread(greet, one)
        # What lies in the kernel is read then.
        assert await asyncio.to_thread(is_answered, second)


@pytest.mark.usefixtures("narrow")
async def test_a_waiting_connection_that_leaves_is_noticed(watched: Watched) -> None:
    with watched.connect():
        for _ in range(20):
            watched.connect().close()
        await until(lambda: len(watched.gone) == 20)
        assert watched.connections._gate.due_in(0.0) is None


@pytest.mark.usefixtures("narrow")
async def test_a_waiting_connection_cannot_push_its_way_in(watched: Watched) -> None:
    with watched.connect(), watched.connect() as pushing:
        await until(lambda: len(watched.connections._by_descriptor) == 2)
        pushing.sendall(bytes(HELD_BYTES))
        assert await asyncio.to_thread(was_closed, pushing)


@pytest.mark.usefixtures("narrow")
async def test_a_waiting_connection_that_pushes_is_closed_at_once_and_not_only_when_its_bytes_are_counted(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("STRANGER_SECONDS", "_STRANGER_LOOK_SECONDS", "_LOOK_SECONDS"):
        monkeypatch.setattr(under_test, name, 1000.0)
    watched.router.setsockopt(zmq.HANDSHAKE_IVL, 0)
    watched.listen()
    watched.connections.catch_up()
    with watched.connect(), watched.connect() as pushing:
        await until(lambda: len(watched.connections._by_descriptor) == 2)
        # A command that is never complete.
        pushed = GREETING + b"\x06" + (1 << 30).to_bytes(8, "big") + bytes(8_000_000)
        # When it is cut off, its kernel may wait for buffer space for a minute.
        pushing.settimeout(1)
        with suppress(OSError):
            await asyncio.to_thread(pushing.sendall, pushed)
        pushing.settimeout(60)
        assert await asyncio.to_thread(was_closed, pushing)


async def test_a_look_that_runs_out_of_time_is_continued(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """As before a reply, or when the process had to wait in the middle of it: libzmq tells nothing more about what is left."""
    with watched.connect(), watched.connect():
        # Not awaited: the loop must not look first.
        assert select.select([watched.connections._monitor.getsockopt(zmq.FD)], [], [], 60)[0]
        with monkeypatch.context() as hurried:
            hurried.setattr(under_test, "_TURN_SECONDS", 0.0)
            assert not watched.connections.catch_up()
        await until(lambda: len(watched.connections._by_descriptor) == 2)


@needs_unfixed_buffers
@pytest.mark.usefixtures("narrow")
async def test_a_connection_is_slow_until_something_is_sent_over_it(watched: Watched) -> None:
    with watched.connect() as first, watched.connect():
        await until(lambda: len(watched.connections._by_descriptor) == 2)
        begun, waiting = sorted(watched.connections._by_descriptor.values(), key=lambda one: _other_side(one) != first.getsockname())
        assert receive_buffer(begun.descriptor) == (2 * HANDSHAKE_BUFFER_BYTES, FIXED)
        assert receive_buffer(waiting.descriptor) == (2 * WAITING_BUFFER_BYTES, FIXED)
        watched.connections.known(begun.descriptor, b"m" * 32)
        assert receive_buffer(begun.descriptor) == (2 * tcp._BUFFER_BYTES, 0)


@pytest.mark.usefixtures("narrow")
async def test_of_the_waiting_connections_the_oldest_makes_way_for_the_next(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "MOST_STRANGERS", 1)
    monkeypatch.setattr(under_test, "MOST_WAITING", 3)
    many = [watched.connect() for _ in range(5)]
    assert await asyncio.to_thread(was_closed, many[0])
    await until(lambda: len(watched.connections._by_descriptor) == 4)
    for one in many:
        one.close()


@pytest.mark.usefixtures("narrow")
async def test_a_connection_that_is_used_lets_others_in(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshake_gate, "_GIVEN_BACK", 1.0)
    with watched.connect() as first, watched.connect() as second:
        await until(lambda: len(watched.connections._by_descriptor) == 2)
        known = next(one for one in watched.connections._by_descriptor.values() if _other_side(one) == first.getsockname())
        await asyncio.to_thread(greet, second)
        assert not await asyncio.to_thread(is_answered, second, 0.2)
        watched.connections.known(known.descriptor, b"m" * 32)
        assert await asyncio.to_thread(is_answered, second)


@pytest.mark.parametrize(
    ("family", "host", "network"),
    [
        (socket.AF_INET, "127.0.0.1", b"\x7f\x00\x00\x01"),
        pytest.param(socket.AF_INET6, "::1", bytes(8), marks=needs_ipv6),
        pytest.param(socket.AF_INET6, "::ffff:127.0.0.1", b"\x7f\x00\x00\x01", marks=needs_ipv6),
    ],
)
def test_an_address_of_ipv6_counts_with_its_neighbours_and_a_mapped_one_as_what_it_is(
    family: socket.AddressFamily, host: str, network: bytes
) -> None:
    with (
        socket.create_server(("::" if ":" in host else host, 0), family=family, dualstack_ipv6=":" in host) as server,
        socket.create_connection((host, server.getsockname()[1])),
        server.accept()[0] as ours,
    ):
        assert hold(ours.fileno())[1] == network


def test_what_is_not_a_connection_comes_from_nowhere() -> None:
    one, other = socket.socketpair()
    with one, other, socket.socket() as unconnected:
        assert hold(one.fileno())[1] == b""
        assert hold(unconnected.fileno())[1] == b""
    assert hold(-1)[1] == b""


def _other_side(connection: Connection) -> tuple[str, int]:
    with socket.socket(fileno=os.dup(connection.descriptor)) as ours:
        address: tuple[str, int] = ours.getpeername()
        return address


async def test_a_descriptor_that_became_another_members_is_counted_for_that(watched: Watched) -> None:
    with watched.connect():
        await until(lambda: len(watched.connections._by_descriptor) == 1)
        (connection,) = watched.connections._by_descriptor.values()
        for public in (b"a" * 32, b"b" * 32):
            assert watched.connections.known(connection.descriptor, public) is connection
        assert (watched.connections.held_by(b"a" * 32), watched.connections.held_by(b"b" * 32)) == (0, 1)


def test_what_is_forgiven_to_heartbeats_is_not_saved_up() -> None:
    with pair() as (ours, theirs):
        theirs.sendall(bytes(10_000))
        connection = Connection(ours.fileno(), cookie_of(ours.fileno()), 0.0, public=b"m", looked_at=0.0)
        connection.look(1.0)
        assert connection.under_way == 10_000 - 256
        connection.look(1000.0)
        assert connection.under_way == 0
        theirs.sendall(bytes(10_000))
        connection.look(1000.0)
        assert connection.under_way == 10_000


def test_nothing_is_forgiven_to_strangers() -> None:
    with pair() as (ours, theirs):
        theirs.sendall(bytes(10_000))
        connection = Connection(ours.fileno(), cookie_of(ours.fileno()), 0.0)
        connection.look(1000.0)
        assert connection.under_way == 10_000


def pushed(ours: socket.socket, theirs: socket.socket, rounds: int) -> int:
    """Let one side send what it can and the other one read all of it, again and again; return how many bytes were read."""
    for one in (ours, theirs):
        one.settimeout(0)
    read = 0
    for _ in range(rounds):
        with suppress(BlockingIOError):
            while True:
                theirs.send(bytes(65_536))
        with suppress(BlockingIOError):
            while True:
                read += len(ours.recv(1_000_000))
    return read


@needs_unfixed_buffers
def test_however_fast_it_is_read_a_slow_connection_gets_little_in() -> None:
    with pair() as (ours, theirs):
        let_read(ours.fileno(), cookie_of(ours.fileno()))
        assert pushed(ours, theirs, 100) < 1_000_000
    with pair() as (ours, theirs):
        let_read(ours.fileno(), cookie_of(ours.fileno()))
        speed_up(ours.fileno(), cookie_of(ours.fileno()))
        assert pushed(ours, theirs, 100) > 2_000_000


@needs_unfixed_buffers
def test_a_connection_that_filled_its_small_buffer_is_as_fast_as_any_other_one_after_it() -> None:
    first, then = 200_000, 4 * 1024 * 1024
    with pair() as (ours, theirs):
        ours.settimeout(60)
        let_read(ours.fileno(), cookie_of(ours.fileno()))
        theirs.sendall(bytes(first))
        read = 0
        while read < first:
            read += len(ours.recv(8192))
        speed_up(ours.fileno(), cookie_of(ours.fileno()))
        sender = threading.Thread(target=theirs.sendall, args=(bytes(then),))
        before = time.monotonic()
        sender.start()
        while read < first + then:
            read += len(ours.recv(8192))
        sender.join()
        # With a window as small as its buffer was, it takes a fifth of a second for each 16 KiB.
        assert time.monotonic() - before < then / 16_384 / 5 / 2


def test_a_greeting_and_a_first_command_in_single_bytes_are_held_back_in_a_small_buffer_too() -> None:
    with pair(HELD_BYTES) as (ours, theirs), select.epoll() as epoll:
        hold(ours.fileno())
        theirs.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        epoll.register(ours.fileno(), select.EPOLLIN)
        for _ in range(266):
            theirs.send(b"x")
            assert not epoll.poll(0)
        theirs.sendall(bytes(HELD_BYTES))
        assert epoll.poll(60)


def test_only_the_connection_that_was_meant_is_slowed_down_or_sped_up() -> None:
    with pair() as (ours, _):
        before = receive_buffer(ours.fileno())
        let_read(ours.fileno(), b"anothers")
        speed_up(ours.fileno(), b"anothers")
        assert receive_buffer(ours.fileno()) == before


def test_a_connection_that_could_not_be_sped_up_again_is_not_slowed_down(monkeypatch: pytest.MonkeyPatch) -> None:
    with pair() as (ours, _):
        before = ours.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        monkeypatch.setattr(tcp, "_SO_BUF_LOCK", 9999)
        let_read(ours.fileno(), cookie_of(ours.fileno()))
        assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == before


def receive_buffer(descriptor: int) -> tuple[int, int]:
    """Return the size of a receive buffer, and whether it is fixed: FIXED or 0."""
    with socket.socket(fileno=os.dup(descriptor)) as ours:
        return ours.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF), ours.getsockopt(socket.SOL_SOCKET, tcp._SO_BUF_LOCK) & FIXED


@contextmanager
def pair(held_bytes: int = 1) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of a TCP connection. Below `held_bytes`, the first one reports nothing to read."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, held_bytes)
        with socket.create_connection(server.getsockname()) as theirs:
            ours, _ = server.accept()
            with ours:
                yield ours, theirs


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, limits[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            os.dup(0)
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_where_no_descriptor_is_left_a_connection_is_not_taken_for_gone() -> None:
    with pair() as (ours, theirs):
        theirs.sendall(b"here")
        assert ours.recv(4) == b"here"
        cookie = cookie_of(ours.fileno())
        with no_descriptor_left():
            assert cookie_of(ours.fileno()) == cookie
            assert received_bytes(ours.fileno(), cookie) == 4
            shut_down(ours.fileno(), b"anothers")
            theirs.sendall(b"more")
            shut_down(ours.fileno(), cookie)
        assert was_closed(theirs)


def test_another_connection_under_the_same_descriptor_is_left_alone() -> None:
    with pair() as (ours, theirs):
        with pytest.raises(Gone):
            received_bytes(ours.fileno(), b"anothers")
        shut_down(ours.fileno(), b"anothers")
        ours.sendall(b"here")
        assert theirs.recv(4) == b"here"
