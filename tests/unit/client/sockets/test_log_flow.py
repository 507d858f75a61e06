"""`Connection.pour`: what comes of logs is shown until anything else happens."""

from __future__ import annotations

import os
import signal
import time
from contextlib import closing
from typing import NoReturn

import pytest
from client_requests import follow, listing, soon, start
from fake_daemon import FakeDaemon, Later

from jobwire.client.protocol.exchange import Chunk, Exchange
from jobwire.client.sockets.connection import Connection
from jobwire.keys.identity import Identity
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.naming import new_id
from jobwire.schemas.refusal import Code, Reason, Refused


class Shown:
    """A log of one job, and what was shown of it; it takes so many bytes at once."""

    def __init__(self, connection: Connection, room: int = 1) -> None:
        self.id = new_id()
        connection.call(start(self.id, b"wait"), soon())
        self.exchange: Exchange = connection.ask(follow(self.id))
        self.data = b""
        self.room = room

    def show(self, data: bytes | memoryview) -> bool:
        self.data += data
        return len(self.data) < self.room


def pour(connection: Connection, *logs: Shown, fds: tuple[int, ...] = (), deadline: float | None = None) -> bool:
    """Pour once, and do afterwards what its callers do."""
    shown = {log.exchange: log.show for log in logs}
    poured = connection.pour(shown, fds, soon() if deadline is None else deadline)
    connection.pump(0)
    if not poured:
        for log in logs:
            while isinstance(item := connection.take(log.exchange), Chunk):
                log.show(item.data)
    return poured


@pytest.fixture
def log(connection: Connection) -> Shown:
    made = Shown(connection)
    connection.call(listing(), soon())
    connection.pump(0)
    return made


def test_chunks_are_shown_until_one_has_no_room(connection: Connection, log: Shown, daemon: FakeDaemon) -> None:
    log.room = 3
    daemon.write(log.id, b"12")
    later = Later(daemon, "list", lambda: daemon.write(log.id, b"34"), 2)
    connection.ask(listing())
    while log.data != b"1234":
        pour(connection, log)
    later.join()
    assert not log.exchange.items


def test_what_has_no_room_is_left_to_its_reader(connection: Connection, log: Shown, daemon: FakeDaemon) -> None:
    def show(data: bytes | memoryview) -> bool:
        # When the first is shown, the others are on their way.
        while len(log.exchange.items) < 3:
            connection.pump(soon())
        return log.show(data)

    later = Later(daemon, "list", lambda: [daemon.write(log.id, b"%d" % number) for number in range(4)], 2)
    connection.ask(listing())
    while not log.data:
        if not connection.pour({log.exchange: show}, (), soon()):
            connection.pump(0)
            if isinstance(item := connection.take(log.exchange), Chunk):
                show(item.data)
    later.join()
    assert (log.data, len(log.exchange.items)) == (b"0", 3)
    # Nothing signals them again.
    assert not connection.pour({log.exchange: log.show}, (), soon())


def test_of_two_logs_each_is_shown_where_it_belongs(connection: Connection, log: Shown, daemon: FakeDaemon) -> None:
    other = Shown(connection, room=1)
    connection.call(listing(), soon())
    connection.pump(0)
    daemon.write(log.id, b"one")
    daemon.write(other.id, b"two")
    while not (log.data and other.data):
        pour(connection, log, other)
    assert (log.data, other.data) == (b"one", b"two")


def test_another_answer_ends_it_and_is_there(connection: Connection, log: Shown) -> None:
    asked = connection.ask(listing())
    while not asked.ended:
        pour(connection, log)
    assert connection.take(asked) is not None
    assert log.data == b""


def test_the_end_of_a_log_is_left_to_its_reader(connection: Connection, log: Shown, daemon: FakeDaemon) -> None:
    log.room = 100
    daemon.write(log.id, b"last")
    daemon.finish(log.id)
    while not log.exchange.ended:
        pour(connection, log)
    (end,) = log.exchange.items
    assert isinstance(end, request_pb2.Reply)
    assert (log.data, end.log_end.size) == (b"last", 4)


def test_a_descriptor_or_a_time_ends_it(connection: Connection, log: Shown) -> None:
    read, write = os.pipe()
    os.write(write, b"!")
    assert pour(connection, log, fds=(read,))
    os.close(read)
    os.close(write)
    until = time.monotonic() + 0.01
    assert pour(connection, log, deadline=until)
    assert time.monotonic() >= until
    # Who has always something to do does not wait.
    assert pour(connection, log, deadline=0)


def test_a_time_ends_it_also_while_chunks_come(connection: Connection, log: Shown, daemon: FakeDaemon) -> None:
    log.room = 1 << 40
    until = time.monotonic() + 0.05

    def show(data: bytes | memoryview) -> bool:
        # The next comes before this one was shown.
        daemon.write(log.id, b"more")
        return log.show(data)

    daemon.write(log.id, b"first")
    connection.pour({log.exchange: show}, (), until)
    assert time.monotonic() >= until
    assert log.data.startswith(b"firstmore")


def pour_for_ever(connection: Connection, log: Shown) -> NoReturn:
    connection.ask(listing())
    while True:
        pour(connection, log)


@pytest.mark.parametrize("is_while_shown", [False, True])
def test_a_signal_handler_that_raises_leaves_the_connection_as_it_was(
    connection: Connection,
    log: Shown,
    daemon: FakeDaemon,
    monkeypatch: pytest.MonkeyPatch,
    is_while_shown: bool,  # noqa: FBT001 -- a parameter of the test
) -> None:
    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    def show(_data: bytes | memoryview) -> bool:
        os.kill(os.getpid(), signal.SIGUSR1)
        return True

    monkeypatch.setattr(log, "show", show)
    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        what = (lambda: daemon.write(log.id, b"x")) if is_while_shown else (lambda: os.kill(os.getpid(), signal.SIGUSR1))
        later = Later(daemon, "list", what, 2)
        with pytest.raises(KeyboardInterrupt):
            pour_for_ever(connection, log)
        later.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    connection.call(listing(), soon())
    assert daemon.verbs().count("hello") == 1


def test_a_handler_that_calls_and_receives_what_is_waited_for_ends_it(connection: Connection, log: Shown, daemon: FakeDaemon) -> None:
    def call(*_: object) -> None:
        daemon.write(log.id, b"x")
        while not log.exchange.items:
            connection.pump(soon())

    before = signal.signal(signal.SIGUSR1, call)
    try:
        later = Later(daemon, "list", lambda: os.kill(os.getpid(), signal.SIGUSR1), 2)
        connection.ask(listing())
        # It may come between two of them, too.
        while not (log.exchange.items or log.data):
            pour(connection, log)
        later.join()
    finally:
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize(
    ("verb", "reason"),
    [("hello", Reason.TOO_MANY_CONNECTIONS), ("follow_log", Reason.TOO_MANY_STREAMS), ("follow_log", Reason.STALE_NONCE)],
)
def test_what_finds_no_room_after_a_lost_connection_is_asked_for_again(
    connection: Connection, log: Shown, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch, verb: str, reason: Reason
) -> None:
    answer = getattr(daemon, f"_{verb}")
    refusals = [Refused(Code.RESOURCE_EXHAUSTED, "it has no room", reason=reason)]

    def refuse_once(*arguments: object) -> None:
        if refusals:
            raise refusals.pop()
        answer(*arguments)

    daemon.stop()
    monkeypatch.setattr(daemon, f"_{verb}", refuse_once)
    daemon.jobs[log.id].log += b"more"
    daemon.start()
    until = soon(20)
    while not log.data:
        pour(connection, log, deadline=until)
        assert time.monotonic() < until
    assert (log.data, refusals) == (b"more", [])


def test_nothing_is_poured_before_there_is_a_connection(daemon: FakeDaemon, identity: Identity) -> None:
    with closing(Connection(daemon.endpoint, daemon.public, identity)) as connection:
        exchange = connection.ask(follow(new_id()))
        assert not connection.pour({exchange: lambda _: True}, (), soon())
