"""Signals whose handlers raise an exception, at any moment."""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import time
from collections.abc import Iterator
from typing import NoReturn

import pytest
from client_requests import follow, listing, read_log, soon, start, until_seen
from fake_daemon import FakeDaemon, Later
from interruptions import interrupted_at_line

from jobwire.client.protocol.exchange import Chunk, Exchange
from jobwire.client.protocol.subscription import Subscription
from jobwire.client.sockets.connection import Connection
from jobwire.client.sockets.waiting.onlooker import Wait
from jobwire.schemas.generated import event_pb2, job_pb2, request_pb2
from jobwire.schemas.naming import new_id


def test_an_interruption_leaves_the_connection_usable(connection: Connection, daemon: FakeDaemon) -> None:
    connection.hello(soon())
    daemon.swallow["list"] = 1
    later = Later(daemon, "list", lambda: os.kill(os.getpid(), signal.SIGINT))

    with pytest.raises(KeyboardInterrupt):
        connection.call(listing(), soon())
    later.join()

    assert connection.call(listing(), soon())


@pytest.mark.parametrize("others", [0, 1], ids=["nothing else is unanswered", "something else is unanswered"])
def test_a_call_ends_whose_answer_a_signal_handler_has_received(connection: Connection, daemon: FakeDaemon, others: int) -> None:
    job_id = new_id()
    reports = connection.ask(start(job_id, b"wait", watch=True))
    connection.next(reports, soon())
    for _ in range(others):
        connection.ask(start(new_id(), b"wait", watch=True))
    ended = False

    def handle(*_: object) -> None:
        nonlocal ended
        daemon.finish(job_id)
        while not ended:
            connection.pump(soon())
            while isinstance(item := connection.take(reports), request_pb2.Reply):
                ended |= any(report.state == job_pb2.STATE_FINISHED for report in item.reports.reports)

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        later = Later(daemon, "start", lambda: os.kill(os.getpid(), signal.SIGUSR1), count=1 + others)
        while not ended:
            connection.pump()
        later.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert reports.ended


class SignalBeforeTheWait:
    """An onlooker that sends a signal while signals are held back: its handler runs as the wait begins."""

    def look(self, _: Wait) -> None:
        signal.raise_signal(signal.SIGUSR1)


def test_a_handler_that_raises_as_a_wait_begins_wakes_no_later_wait(connection: Connection) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    connection.hello(soon())
    connection.onlooker = SignalBeforeTheWait()
    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                connection.pump(soon())
    finally:
        signal.signal(signal.SIGUSR1, before)
    connection.onlooker = None
    with connection._guard:
        assert select.select(connection._guard.begin_wait(), [], [], 0)[0] == []
        connection._guard.end_wait()


def wait_for_ever(connection: Connection, log: Exchange, call: str) -> NoReturn:
    while True:
        if call == "next":
            connection.next(log, soon())
        elif call == "pump" or not connection.pour({log: lambda _: True}, (), soon()):
            connection.pump(soon())


@pytest.mark.parametrize("begins", [True, False], ids=["as the wait begins", "during the wait"])
@pytest.mark.parametrize("call", ["next", "pump", "pour"])
def test_a_handler_may_close_the_connection_of_a_call(connection: Connection, daemon: FakeDaemon, call: str, *, begins: bool) -> None:
    job_id = new_id()
    connection.call(start(job_id, b"wait"), soon())
    log = connection.ask(follow(job_id))
    if begins:
        until_seen(daemon, connection, "follow_log")
        connection.onlooker = SignalBeforeTheWait()
    before = signal.signal(signal.SIGUSR1, lambda *_: connection.close())
    later = None if begins else Later(daemon, "follow_log", lambda: os.kill(os.getpid(), signal.SIGUSR1))
    try:
        with pytest.raises(RuntimeError, match="this connection was closed"):
            wait_for_ever(connection, log, call)
    finally:
        if later is not None:
            later.join()
        signal.signal(signal.SIGUSR1, before)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()


@pytest.fixture
def _no_collector_callbacks() -> Iterator[None]:
    """Let an interruption never come in one of hypothesis' callbacks of the garbage collector, where it would be dropped."""
    kept = gc.callbacks[:]
    gc.callbacks.clear()
    yield
    gc.callbacks[:] = kept


# Nor can pyzmq raise one that comes while it frees a frame.
@pytest.mark.filterwarnings(r"ignore:.*_zmq\.Frame\.__dealloc__:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("_no_collector_callbacks")
def test_interruptions_lose_no_byte_of_a_log(connection: Connection, daemon: FakeDaemon) -> None:
    job_id = new_id()
    connection.call(start(job_id, b"wait"), soon())
    daemon.chunk = 100
    daemon.write(job_id, os.urandom(300_000))
    daemon.finish(job_id)
    exchange = connection.ask(follow(job_id))
    armed = False

    def interrupt(*_: object) -> None:
        nonlocal armed
        if armed:
            armed = False
            raise KeyboardInterrupt

    # Not SIGALRM, which ends a test that hangs.
    before = signal.signal(signal.SIGPROF, interrupt)
    signal.setitimer(signal.ITIMER_PROF, 0.0005, 0.0005)
    interruptions = 0
    parts: list[bytes] = []
    end = soon()
    try:
        while not exchange.ended:
            assert time.monotonic() < end, f"stood still at byte {sum(map(len, parts))} after {interruptions} interruptions"
            try:
                armed = True
                connection.pump(end)
            except KeyboardInterrupt:
                interruptions += 1
            armed = False
            while (item := connection.take(exchange)) is not None:
                if isinstance(item, Chunk):
                    parts.append(bytes(item.data))
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)

    assert b"".join(parts) == bytes(daemon.jobs[job_id].log)
    assert interruptions > 0
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()


@pytest.mark.parametrize("step", range(1, 700, 41))
def test_an_exception_at_any_line_of_a_turn_loses_nothing(connection: Connection, daemon: FakeDaemon, step: int) -> None:
    """A handler of a signal that another thread took may raise anywhere."""
    job_id = new_id()
    daemon.chunk = 1000
    reports = connection.ask(start(job_id, b"wait", watch=True))
    connection.next(reports, soon())
    subscription = Subscription(event_pb2.Filter())
    connection.subscribe(subscription)
    while not subscription.granted:
        connection.pump(soon())
    exchange = connection.ask(follow(job_id))
    daemon.write(job_id, os.urandom(5000))
    daemon.finish(job_id, 3)
    with contextlib.suppress(KeyboardInterrupt), interrupted_at_line(step):
        while not exchange.ended:
            connection.pump(soon())

    assert read_log(connection, exchange) == bytes(daemon.jobs[job_id].log)
    ends = []
    while (item := connection.next(reports, soon())) is not None:
        assert isinstance(item, request_pb2.Reply)
        ends += [report.outcome.exit_status for report in item.reports.reports if report.state == job_pb2.STATE_FINISHED]
    assert ends == [3]
    daemon.tell(event_pb2.EVENT_KIND_QUEUED)
    seqs: list[int] = []
    while len(seqs) < 2:
        event = subscription.take()
        if event is not None:
            seqs.append(event.seq)
        else:
            connection.pump(soon())
    assert seqs == [2, 3]


def demand_no_grant(connection: Connection, daemon: FakeDaemon) -> None:
    # The requests that give grants back may be on their way at the first.
    for _ in range(2):
        connection.call(listing(), soon())
    assert daemon.do(lambda: daemon.grants) == {}


@pytest.mark.parametrize("step", range(1, 80, 3))
def test_a_subscription_that_is_interrupted_before_it_is_sent_leaves_no_grant_behind(
    connection: Connection, daemon: FakeDaemon, step: int
) -> None:
    subscription = Subscription(event_pb2.Filter())
    # Not connected yet, so nothing is sent in this call.
    with contextlib.suppress(KeyboardInterrupt), interrupted_at_line(step, within=("event_socket.py", "conversation.py", "exchange.py")):
        connection.subscribe(subscription)
    connection.unsubscribe(subscription)
    demand_no_grant(connection, daemon)


@pytest.mark.parametrize("step", range(1, 300, 5))
def test_a_subscription_that_is_interrupted_after_it_was_granted_leaves_no_grant_behind(
    connection: Connection, daemon: FakeDaemon, step: int
) -> None:
    subscription = Subscription(event_pb2.Filter())
    connection.subscribe(subscription)
    while not subscription.granted:
        connection.pump(soon())
    with contextlib.suppress(KeyboardInterrupt), interrupted_at_line(step):
        connection.pump(0)
        connection.unsubscribe(subscription)
    connection.unsubscribe(subscription)
    demand_no_grant(connection, daemon)
    assert len(connection._traffic.events) == 0


def test_a_grant_that_was_received_and_not_yet_used_is_given_back(connection: Connection, daemon: FakeDaemon) -> None:
    subscription = Subscription(event_pb2.Filter())

    def interrupt(_: request_pb2.Reply) -> NoReturn:
        raise KeyboardInterrupt

    subscription.receive = interrupt  # type: ignore[method-assign] # reason: at exactly this moment
    connection.subscribe(subscription)
    with contextlib.suppress(KeyboardInterrupt):
        while not subscription.granted:
            connection.pump(soon())
    assert daemon.do(lambda: len(daemon.grants)) == 1
    connection.unsubscribe(subscription)
    demand_no_grant(connection, daemon)
