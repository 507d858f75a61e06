from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import closing

import pytest
import zmq
from client_requests import follow, listing, read_log, soon, start, until_seen
from fake_daemon import FakeDaemon

from jobwire.client.protocol.exchange import Chunk
from jobwire.client.protocol.subscription import Subscription
from jobwire.client.sockets.connecting.monitored_socket import Change, MonitoredSocket
from jobwire.client.sockets.connection import Connection
from jobwire.keys.identity import Identity, generate
from jobwire.keys.sockets import new_context
from jobwire.schemas.generated import event_pb2, request_pb2
from jobwire.schemas.naming import new_id
from jobwire.schemas.refusal import Refused


def test_a_request_is_answered(connection: Connection, daemon: FakeDaemon) -> None:
    reply = connection.call(start(new_id(), b"wait"), soon())

    assert isinstance(reply, request_pb2.Reply)
    assert reply.acknowledged.cursor.store == daemon.store
    assert daemon.verbs() == ["hello", "start"]


def test_nothing_connects_before_the_first_request(daemon: FakeDaemon, identity: Identity) -> None:
    Connection(daemon.endpoint, daemon.public, identity).close()

    assert daemon.requests == []


def test_a_daemon_that_restarts_is_asked_again_with_its_new_nonce(connection: Connection, daemon: FakeDaemon) -> None:
    connection.hello(soon())
    job_id = new_id()
    daemon.swallow["start"] = 1
    exchange = connection.ask(start(job_id, b"wait"))
    until_seen(daemon, connection, "start")

    daemon.restart()

    reply = connection.next(exchange, soon())
    assert isinstance(reply, request_pb2.Reply)
    # Had it been signed for the run before, it would have been refused.
    assert reply.HasField("acknowledged")
    assert daemon.verbs().count("start") == 2
    assert list(daemon.jobs) == [job_id]


def test_a_reply_that_is_lost_starts_nothing_twice(connection: Connection, daemon: FakeDaemon) -> None:
    job_id = new_id()
    connection.call(start(job_id, b"wait"), soon())
    daemon.swallow["start"] = 1
    exchange = connection.ask(start(job_id, b"wait"))
    until_seen(daemon, connection, "start", 2)
    daemon.restart()

    reply = connection.next(exchange, soon())

    assert isinstance(reply, request_pb2.Reply)
    assert reply.acknowledged.known == 1


def test_a_connection_that_comes_back_is_reported(daemon: FakeDaemon, identity: Identity) -> None:
    told: list[str] = []
    connection = Connection(daemon.endpoint, daemon.public, identity, notice=told.append)
    connection.hello(soon())

    daemon.restart()
    connection.call(listing(), soon())
    while len(told) < 2:
        assert connection.pump(soon()) or len(told) == 2
    connection.close()

    assert "is lost" in told[0]
    assert "again" in told[1]


def test_a_connection_is_back_only_when_the_worker_answers(daemon: FakeDaemon, identity: Identity) -> None:
    told: list[str] = []
    with closing(Connection(daemon.endpoint, daemon.public, identity, notice=told.append)) as connection:
        connection.hello(soon())
        greetings = daemon.verbs().count("hello")
        daemon.swallow["hello"] = 1
        daemon.restart()
        until_seen(daemon, connection, "hello", greetings + 1)
        assert ["is lost" in sentence for sentence in told] == [True]

        daemon.restart()
        connection.call(listing(), soon())

    assert ["is lost" in sentence for sentence in told] == [True, True, False]


def test_a_lost_connection_is_waited_for_until_the_deadline(connection: Connection, daemon: FakeDaemon) -> None:
    connection.hello(soon())
    daemon.stop()

    with pytest.raises(TimeoutError):
        connection.call(listing(), soon(0.2))

    daemon.start()
    assert connection.call(listing(), soon())


def test_a_lost_connection_is_revived_where_the_daemon_went(daemon: FakeDaemon, identity: Identity) -> None:
    def revive() -> str:
        daemon.ports = (0, 0)
        daemon.start()
        return daemon.endpoint

    connection = Connection(daemon.endpoint, daemon.public, identity, revive=revive)
    connection.hello(soon())
    daemon.stop()

    assert connection.call(listing(), soon())
    assert connection.endpoint == daemon.endpoint
    connection.close()


def test_after_a_refusal_the_next_request_tries_again(daemon: FakeDaemon) -> None:
    late = generate()
    connection = Connection(daemon.endpoint, daemon.public, late)
    with pytest.raises(Refused):
        connection.call(listing(), soon())

    daemon.members.add(late.public)

    assert connection.call(listing(), soon())
    connection.close()


def test_a_peer_that_speaks_something_else_is_tried_again(daemon: FakeDaemon, identity: Identity) -> None:
    """libzmq gives a socket up whose peer broke the protocol, and says nothing of it."""
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = stranger.getsockname()[1]
        connection = Connection(f"tcp://127.0.0.1:{port}", daemon.public, identity, connect_timeout=60)
        exchange = connection.ask(listing())
        peer, _ = stranger.accept()
        peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"x" * 100)
        peer.close()
        connection.pump(soon(0.1))
    daemon.stop()
    daemon.ports = (port, 0)
    daemon.start()

    assert connection.next(exchange, soon()) is not None
    connection.close()


def test_a_malformed_endpoint_is_refused(identity: Identity) -> None:
    connection = Connection("not an endpoint", generate().public, identity)

    with pytest.raises(Refused, match="is not an endpoint"):
        connection.call(listing())
    connection.close()


def test_a_slow_reader_holds_the_daemon_up(connection: Connection, daemon: FakeDaemon) -> None:
    job_id = new_id()
    connection.call(start(job_id, b"wait"), soon())
    exchange = connection.ask(follow(job_id))
    daemon.write(job_id, os.urandom(1024) * (12 * 1024))
    daemon.finish(job_id)
    while sum(len(item.data) for item in exchange.items if isinstance(item, Chunk)) < 4 * 1024 * 1024:
        connection.pump(soon())

    assert daemon.do(lambda: daemon.sent_bytes) == 4 * 1024 * 1024
    assert read_log(connection, exchange) == bytes(daemon.jobs[job_id].log)


def test_a_log_continues_at_the_byte_reached(connection: Connection, daemon: FakeDaemon) -> None:
    job_id = new_id()
    connection.call(start(job_id, b"wait"), soon())
    exchange = connection.ask(follow(job_id))
    daemon.write(job_id, b"before ")
    first = connection.next(exchange, soon())
    daemon.restart()
    daemon.write(job_id, b"after")
    daemon.finish(job_id)

    assert isinstance(first, Chunk)
    assert bytes(first.data) + read_log(connection, exchange) == b"before after"


def test_reports_of_a_repeated_start_come_once(connection: Connection, daemon: FakeDaemon) -> None:
    job_id = new_id()
    exchange = connection.ask(start(job_id, b"wait", watch=True))
    assert connection.next(exchange, soon()) is not None
    assert connection.next(exchange, soon()) is not None
    daemon.restart()
    daemon.finish(job_id, 7)

    last = connection.next(exchange, soon())

    assert isinstance(last, request_pb2.Reply)
    assert [report.outcome.exit_status for report in last.reports.reports] == [7]
    assert connection.next(exchange, soon()) is None


def test_a_forgotten_stream_is_cancelled_at_the_daemon(connection: Connection, daemon: FakeDaemon) -> None:
    job_id = new_id()
    connection.call(start(job_id, b"wait"), soon())
    exchange = connection.ask(follow(job_id))
    until_seen(daemon, connection, "follow_log")

    connection.forget(exchange)
    until_seen(daemon, connection, "cancel")

    assert daemon.do(lambda: daemon.streams) == []


@pytest.mark.parametrize("go_away", [False, True])
def test_a_wait_for_nothing_much_costs_nothing(
    connection: Connection, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch, *, go_away: bool
) -> None:
    subscription = Subscription(event_pb2.Filter())
    connection.subscribe(subscription)
    while not subscription.granted:
        connection.pump(soon())
    connection.unsubscribe(subscription)
    daemon.tell(event_pb2.EVENT_KIND_STARTED)
    until_seen(daemon, connection, "unsubscribe")
    if go_away:
        daemon.stop()
    waits = []
    real_poll = zmq.zmq_poll
    monkeypatch.setattr(zmq, "zmq_poll", lambda *args: waits.append(args) or real_poll(*args))
    read, write = os.pipe()

    end = soon(0.5)
    while time.monotonic() < end:
        connection.pump(end, [read])

    os.close(read)
    os.close(write)
    # A connection that is lost is tried for again, in growing intervals, of which the monitor tells.
    assert len(waits) < (40 if go_away else 8)


def test_a_wake_fd_ends_the_wait(connection: Connection) -> None:
    connection.hello(soon())
    read, write = os.pipe()
    os.write(write, b"!")

    assert connection.pump(soon(), [read]) is False
    os.close(read)
    os.close(write)


def test_a_second_thread_is_told_to_use_its_own(connection: Connection, daemon: FakeDaemon) -> None:
    connection.hello(soon())
    daemon.swallow["list"] = 1
    exchange = connection.ask(listing())
    read, write = os.pipe()
    thread = threading.Thread(target=connection.pump, args=(soon(), [read]))
    thread.start()
    # Looked at and not tried: the thread must not find it taken by us.
    while "unlocked" in repr(connection._guard._busy):
        thread.join(0.001)

    with pytest.raises(RuntimeError, match="another thread"):
        connection.take(exchange)

    os.write(write, b"!")
    thread.join()
    os.close(read)
    os.close(write)


def test_a_descriptor_that_is_always_readable_keeps_no_answer_waiting(connection: Connection) -> None:
    read, write = os.pipe()
    os.write(write, b"!")
    exchange = connection.ask(listing())

    until = soon()
    while not exchange.items and time.monotonic() < until:
        connection.pump(until, [read])

    assert connection.take(exchange) is not None
    os.close(read)
    os.close(write)


def test_a_closed_connection_says_so(connection: Connection) -> None:
    connection.close()

    with pytest.raises(RuntimeError, match="closed"):
        connection.ask(listing())


def test_waiting_for_nothing_is_an_error_once_the_caller_has_looked_again(connection: Connection) -> None:
    assert connection.pump()
    with pytest.raises(RuntimeError, match="nothing to wait for"):
        connection.pump()


def test_a_daemon_that_ends_during_the_handshake_is_found_again(daemon: FakeDaemon, identity: Identity) -> None:
    daemon.stop()
    connection = Connection(daemon.endpoint, daemon.public, identity, connect_timeout=60)
    exchange = connection.ask(listing())
    connection.pump(soon(0.1))
    daemon.start()

    assert connection.next(exchange, soon()) is not None
    connection.close()


def test_a_socket_that_was_never_opened_closes(identity: Identity) -> None:
    context = new_context()
    monitored = MonitoredSocket(zmq.DEALER, generate().public, identity, 1)
    monitored.close()

    assert monitored.watch(0) == []
    assert monitored.waited_on() == []
    context.term()


def test_a_socket_that_is_closed_before_it_connected_is_idle_once_its_time_is_over(identity: Identity) -> None:
    context = new_context()
    monitored = MonitoredSocket(zmq.SUB, generate().public, identity, 1)
    assert monitored.is_idle
    monitored.open(context, "tcp://127.0.0.1:1", 0)
    monitored.close()

    # The next one to open it has the full time again.
    assert not monitored.is_idle
    assert monitored.due_at() == 1
    assert monitored.watch(1) == [Change.FAILED]
    assert monitored.is_idle
    context.term()


def test_a_grant_that_comes_after_its_subscription_was_ended_is_given_back(connection: Connection, daemon: FakeDaemon) -> None:
    connection.hello(soon())
    subscription = Subscription(event_pb2.Filter())
    connection.subscribe(subscription)
    while "subscribe" not in daemon.verbs():
        pass
    connection.unsubscribe(subscription)
    connection.call(listing(), soon())
    connection.call(listing(), soon())
    assert daemon.do(lambda: daemon.grants) == {}
