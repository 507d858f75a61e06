"""The addresses of a name, and a lookup that cannot be made."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import pytest
import zmq
from client_requests import listing, soon
from fake_daemon import FakeDaemon
from processes import own_descriptors
from requirements import needs_ipv6

from jobwire.client.protocol.subscription import Phase, Subscription
from jobwire.client.sockets.addresses import Resolution
from jobwire.client.sockets.connecting import monitored_socket
from jobwire.client.sockets.connection import Connection
from jobwire.keys.identity import Identity, generate
from jobwire.schemas.generated import event_pb2
from jobwire.schemas.refusal import Refused


@needs_ipv6
@pytest.mark.parametrize(("listens_at", "reached_at"), [("[::1]", "[::1]"), ("*", "[::1]"), ("*", "127.0.0.1"), ("127.0.0.1", "localhost")])
def test_a_daemon_is_reached_by_ipv6_and_ipv4(identity: Identity, listens_at: str, reached_at: str) -> None:
    daemon = FakeDaemon(identity.public, host=listens_at)
    connection = Connection(f"tcp://{reached_at}:{daemon.ports[0]}", daemon.public, identity)
    try:
        subscription = Subscription(event_pb2.Filter())
        connection.subscribe(subscription)
        while subscription.phase is not Phase.LIVE:
            assert connection.pump(soon())
        daemon.tell(event_pb2.EVENT_KIND_QUEUED)
        while subscription.take() is None:
            assert connection.pump(soon())
    finally:
        connection.close()
        daemon.close()


Names = Callable[..., None]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Let a name have these addresses; each further time it is asked for, the next ones."""

    def have(*answers: list[str]) -> None:
        left = list(answers)

        def getaddrinfo(_host: str, port: int, *_: object) -> list[tuple[object, ...]]:
            addresses = left.pop(0) if len(left) > 1 else left[0]
            if not addresses:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return [(socket.AF_INET6 if ":" in one else socket.AF_INET, 1, 6, "", (one, port)) for one in addresses]

        monkeypatch.setattr("_socket.getaddrinfo", getaddrinfo)

    return have


def named(daemon: FakeDaemon, identity: Identity, **more: Any) -> Connection:
    return Connection(f"tcp://lab.example.org:{daemon.ports[0]}", daemon.public, identity, **more)


@pytest.mark.parametrize("dead", [["127.0.0.2"], ["::1"], ["127.0.0.2", "127.0.0.3", "::1"]])
def test_each_address_of_a_name_is_tried(daemon: FakeDaemon, identity: Identity, names: Names, dead: list[str]) -> None:
    names([*dead, "127.0.0.1"])
    with closing(named(daemon, identity)) as connection:
        assert connection.call(listing(), soon())
        subscription = Subscription(event_pb2.Filter())
        connection.subscribe(subscription)
        while subscription.phase is not Phase.LIVE:
            assert connection.pump(soon())


@contextmanager
def mute(address: str, port: int = 0) -> Iterator[int]:
    """Listen, and let the queue of connections be full, so that the kernel drops what comes, as a firewall does."""
    with ExitStack() as open_:
        listening = open_.enter_context(socket.socket())
        listening.bind((address, port))
        listening.listen(0)
        for _ in range(3):
            one = open_.enter_context(socket.socket())
            one.settimeout(0)
            one.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


def test_an_address_that_never_answers_is_left_for_the_next(daemon: FakeDaemon, identity: Identity, names: Names) -> None:
    names(["127.0.0.2", "127.0.0.1"])
    with mute("127.0.0.2", daemon.ports[0]), closing(named(daemon, identity)) as connection:
        assert connection.call(listing(), soon(20))


def test_a_silent_host_is_asked_anew_and_is_told_as_silent(identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel itself asks again later and later: after a minute of silence, only once a minute."""
    options = [(option, 100 if option == zmq.CONNECT_TIMEOUT else value) for option, value in monitored_socket._OPTIONS]
    assert (zmq.CONNECT_TIMEOUT, 100) in options
    monkeypatch.setattr(monitored_socket, "_OPTIONS", options)
    with ExitStack() as open_:
        endpoint = f"tcp://127.0.0.2:{open_.enter_context(mute('127.0.0.2'))}"
        connection = open_.enter_context(closing(Connection(endpoint, generate().public, identity, connect_timeout=1.0)))
        with pytest.raises(Refused, match="nothing answered at all"):
            connection.call(listing(), soon())
        assert connection._traffic.requests.monitored._sight.tried_again > 1


def test_a_name_is_resolved_again_when_the_connection_is_lost(daemon: FakeDaemon, identity: Identity, names: Names) -> None:
    names(["127.0.0.1"], ["127.0.0.3"])
    with closing(named(daemon, identity)) as connection:
        assert connection.call(listing(), soon())
        daemon.stop()
        daemon._host = "127.0.0.3"
        daemon.start()
        assert connection.call(listing(), soon())
        assert connection._traffic.requests.monitored.reached.startswith("tcp://127.0.0.3:")


def test_a_name_that_is_not_known_yet_is_resolved_again(daemon: FakeDaemon, identity: Identity, names: Names) -> None:
    names([], ["127.0.0.1"])
    with closing(named(daemon, identity)) as connection:
        assert connection.call(listing(), soon())


def test_a_name_that_no_server_resolves_is_given_up_in_time(identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    monkeypatch.setattr("_socket.getaddrinfo", lambda *_: answered.wait(60) and [])
    began = time.monotonic()
    with closing(Connection("tcp://lab.example.org:7341", generate().public, identity, connect_timeout=0.5)) as connection:
        with pytest.raises(Refused, match="no name server answered in time"):
            connection.call(listing(), soon())
        assert time.monotonic() - began < 30
    answered.set()
    for thread in threading.enumerate():
        if thread.name == "jobwire-resolver":
            thread.join(60)


def test_a_lookup_without_a_thread_leaves_no_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", full)
    before = own_descriptors()
    for _ in range(3):
        with pytest.raises(RuntimeError, match="thread"):
            Resolution("tcp://localhost:7341")

    assert own_descriptors() == before
