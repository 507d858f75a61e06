"""`Connection.relay`: keys one way and what is shown for them the other, until anything else is to be done."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from typing import NoReturn

import pytest
from client_requests import follow, listing, soon, start
from fake_daemon import FakeDaemon, Later

from jobwire.client.sockets.connection import Connection
from jobwire.keys.identity import Identity
from jobwire.schemas.generated import job_pb2, request_pb2
from jobwire.schemas.naming import new_id


class FakeLine:
    """A keyboard and a screen that takes so many bytes."""

    def __init__(self, connection: Connection, job_id: bytes, room: int = 1) -> None:
        self.keys, self._typist = os.pipe()
        self.input = connection.ask(request_pb2.Request(feed=request_pb2.Feed(key=job_pb2.JobKey(id=job_id))))
        self.output = connection.ask(follow(job_id))
        self.shown = b""
        self.until: float | None = soon()
        self.left: Exception | None = None
        self._room = room

    def type(self, keys: bytes) -> None:
        os.write(self._typist, keys)

    def typed(self) -> bytes | None:
        keys = os.read(self.keys, 100)
        if self.left is not None:
            raise self.left
        return keys if keys != b"!" else None

    def show(self, data: bytes | memoryview) -> bool:
        self.shown += data
        return len(self.shown) < self._room

    def due_at(self) -> float | None:
        return self.until

    def close(self) -> None:
        os.close(self.keys)
        os.close(self._typist)


@pytest.fixture
def job_id(connection: Connection) -> bytes:
    identifier = new_id()
    connection.call(start(identifier, b"wait"), soon())
    return identifier


@pytest.fixture
def line(connection: Connection, job_id: bytes) -> Iterator[FakeLine]:
    with closing(FakeLine(connection, job_id)) as made:
        connection.call(listing(), soon())
        connection.pump(0)
        yield made


def test_what_is_typed_is_sent_and_what_comes_is_shown(connection: Connection, line: FakeLine) -> None:
    line.type(b"x")
    assert connection.relay(line, ())
    assert line.shown == b"x"
    line.type(b"yz")
    assert connection.relay(line, ())
    assert line.shown == b"xyz"
    assert not line.output.items


def test_it_goes_on_while_nothing_else_happens(connection: Connection, line: FakeLine, daemon: FakeDaemon, job_id: bytes) -> None:
    line._room = 3
    line.type(b"x")
    later = Later(daemon, "push", lambda: daemon.write(job_id, b"12"))
    assert connection.relay(line, ())
    later.join()
    assert line.shown == b"x12"


def test_what_has_come_before_is_left_to_its_reader(connection: Connection, line: FakeLine, daemon: FakeDaemon, job_id: bytes) -> None:
    daemon.write(job_id, b"12")
    while not line.output.items:
        connection.pump(soon())
    connection.pump(0)
    assert not connection.relay(line, ())
    assert line.shown == b""
    assert connection.take(line.output)
    line.until = 0.0
    assert connection.relay(line, ())


def test_another_answer_ends_it_and_is_there(connection: Connection, line: FakeLine, daemon: FakeDaemon) -> None:
    line._room = 2
    line.type(b"x")
    later = Later(daemon, "push", lambda: daemon.allow(1))
    assert connection.relay(line, ())
    later.join()
    assert line.shown == b"x"
    assert line.input.feeding is not None
    assert line.input.feeding.reached == 1
    # A turn is due, for what may follow from it.
    assert not connection.relay(line, ())
    connection.pump(0)
    line.until = 0.0
    assert connection.relay(line, ())


def test_the_end_of_the_output_is_left_to_its_reader(connection: Connection, line: FakeLine, daemon: FakeDaemon, job_id: bytes) -> None:
    line._room = 100
    line.type(b"x")
    later = Later(daemon, "push", lambda: daemon.finish(job_id))
    assert connection.relay(line, ())
    later.join()
    assert line.shown == b"x"
    assert line.output.ended
    (end,) = line.output.items
    assert isinstance(end, request_pb2.Reply)
    assert end.log_end.size == 1


def test_many_small_pieces_are_granted_more(connection: Connection, line: FakeLine, daemon: FakeDaemon) -> None:
    line.output.grant_often()
    for count in range(1, 41):
        line._room = count
        line.type(b"x")
        while len(line.shown) < count:
            if not connection.relay(line, ()):
                connection.pump(soon(), [line.keys])
            connection.pump(0)
    connection.call(listing(), soon())
    assert daemon.verbs().count("credit") == 1


def test_a_descriptor_a_time_or_the_line_itself_ends_it(connection: Connection, line: FakeLine) -> None:
    read, write = os.pipe()
    os.write(write, b"!")
    assert connection.relay(line, [read])
    os.close(read)
    os.close(write)
    line.until = time.monotonic() + 0.01
    assert connection.relay(line, ())
    assert time.monotonic() >= line.until
    line.until = None
    line.type(b"!")
    assert connection.relay(line, ())
    assert line.shown == b""


def test_what_the_line_raises_leaves_the_connection_as_it_was(connection: Connection, line: FakeLine, daemon: FakeDaemon) -> None:
    line.left = ValueError("left")
    line.type(b"x")
    with pytest.raises(ValueError, match="left"):
        connection.relay(line, ())
    connection.call(listing(), soon())
    assert daemon.verbs().count("hello") == 1


def test_a_signal_handler_that_raises_leaves_the_connection_as_it_was(connection: Connection, line: FakeLine, daemon: FakeDaemon) -> None:
    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        later = Later(daemon, "push", lambda: os.kill(os.getpid(), signal.SIGUSR1))
        line._room = 2
        line.type(b"x")
        with pytest.raises(KeyboardInterrupt):
            connection.relay(line, ())
        later.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    connection.call(listing(), soon())
    assert daemon.verbs().count("hello") == 1


def test_a_lost_connection_ends_it_and_has_to_be_pumped(connection: Connection, line: FakeLine, daemon: FakeDaemon) -> None:
    daemon.stop()
    assert connection.relay(line, ())
    while connection.greeted:
        connection.pump(soon(0.01))
    assert not connection.relay(line, ())
    daemon.start()


def test_nothing_is_relayed_before_there_is_a_connection(daemon: FakeDaemon, identity: Identity) -> None:
    with closing(Connection(daemon.endpoint, daemon.public, identity)) as connection, closing(FakeLine(connection, new_id())) as line:
        assert not connection.relay(line, ())
