"""Who gets through real CURVE sockets, and who does not get a byte through."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator

import pytest
import zmq
from zmq.utils.monitor import parse_monitor_message

from jobwire.keys import identity
from jobwire.keys.handshake import ENDPOINT, Handshake
from jobwire.keys.members.rights import Member
from jobwire.keys.sockets import HANDSHAKE_MS, ZAP_DOMAIN, client_socket, new_context, server_socket
from jobwire.schemas.refusal import Refused

DAEMON = identity.from_seed(b"d" * 32)
LAPTOP = identity.from_seed(b"a" * 32)
STRANGER = identity.from_seed(b"s" * 32)
DEADLINE_SECONDS = 60
REFUSALS = {zmq.EVENT_HANDSHAKE_FAILED_AUTH, zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL, zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL}


class Daemon:
    """A bound ROUTER with its handler, driven by hand: what its loop would do is done while a condition is awaited."""

    def __init__(self, *, handler: bool = True) -> None:
        self.members = {LAPTOP.curve_public: Member("laptop", LAPTOP.public, "viewer")}
        self.received: list[zmq.Frame] = []
        self.refused_handshakes: list[tuple[int, int]] = []
        self.context = new_context()
        self.others = new_context()
        self.banned: set[bytes] = set()
        self.handshake = Handshake(self.context, self.admit, self.banned.__contains__) if handler else None
        self.router = server_socket(self.context, zmq.ROUTER, DAEMON)
        self.monitor = self.router.get_monitor_socket()
        self.broken = False
        # Kept, as pyzmq closes a socket that nobody holds.
        self.clients: list[zmq.Socket[bytes]] = []

    def admit(self, curve_public: bytes) -> Member | None:
        if self.broken:
            raise RuntimeError("a bug of ours")
        return self.members.get(curve_public)

    def bind(self) -> str:
        self.router.bind("tcp://127.0.0.1:*")
        return self.router.get(zmq.LAST_ENDPOINT).decode().rstrip("\0")

    def serve_until(self, condition: Callable[[], object]) -> None:
        """Drain when a descriptor is readable, and only then, as the loop does."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        poller = zmq.Poller()
        drains: dict[int, Callable[[], None]] = {
            self.router.get(zmq.FD): self.drain_router,
            self.monitor.get(zmq.FD): self.drain_monitor,
        }
        if self.handshake:
            drains[self.handshake.socket.get(zmq.FD)] = self.handshake.drain
        for fd, drain in drains.items():
            poller.register(fd, zmq.POLLIN)
            drain()
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come true"
            for fd, _ in poller.poll(100):
                drains[fd]()

    def drain_router(self) -> None:
        with contextlib.suppress(zmq.Again):
            while True:
                self.received.append(self.router.recv_multipart(zmq.DONTWAIT, copy=False)[-1])

    def drain_monitor(self) -> None:
        with contextlib.suppress(zmq.Again):
            while True:
                event = parse_monitor_message(self.monitor.recv_multipart(zmq.DONTWAIT))
                if event["event"] in REFUSALS:
                    self.refused_handshakes.append((event["event"], event["value"]))

    def client(self, who: identity.Identity, endpoint: str, server: bytes = DAEMON.public) -> zmq.Socket[bytes]:
        return self.connect(client_socket(self.others, zmq.DEALER, who, server), endpoint)

    def connect(self, client: zmq.Socket[bytes], endpoint: str) -> zmq.Socket[bytes]:
        self.clients.append(client)
        client.connect(endpoint)
        return client

    def close(self) -> None:
        self.router.disable_monitor()
        for client in self.clients:
            client.close(linger=0)
        self.router.close()
        if self.handshake:
            self.handshake.close()
        self.context.destroy(linger=0)
        self.others.destroy(linger=0)


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    made = Daemon()
    yield made
    made.close()


@pytest.fixture
def deaf_daemon() -> Iterator[Daemon]:
    """One whose context has no handler."""
    made = Daemon(handler=False)
    yield made
    made.close()


def test_a_known_key_gets_in_and_its_public_key_arrives_as_user_id(daemon: Daemon) -> None:
    dealer = daemon.client(LAPTOP, daemon.bind())
    dealer.send(b"hello")
    daemon.serve_until(lambda: daemon.received)
    assert daemon.received[0].bytes == b"hello"
    assert daemon.received[0].get("User-Id") == LAPTOP.public.hex()
    assert daemon.handshake is not None
    assert daemon.handshake.refused == 0


def test_an_unknown_key_does_not_get_a_byte_through(daemon: Daemon) -> None:
    dealer = daemon.client(STRANGER, daemon.bind())
    events = []
    with dealer.get_monitor_socket() as monitor:
        dealer.send(b"hello")
        daemon.serve_until(lambda: daemon.refused_handshakes)
        while zmq.EVENT_HANDSHAKE_FAILED_AUTH not in events:
            assert monitor.poll(DEADLINE_SECONDS * 1000)
            events.append(parse_monitor_message(monitor.recv_multipart())["event"])
        dealer.disable_monitor()
    assert daemon.handshake is not None
    assert daemon.handshake.refused == 1
    assert not daemon.received


def connect_without_curve(daemon: Daemon, endpoint: str) -> None:
    daemon.connect(daemon.others.socket(zmq.DEALER), endpoint).send(b"hello")


def connect_with_plain(daemon: Daemon, endpoint: str) -> None:
    dealer = daemon.others.socket(zmq.DEALER)
    dealer.plain_username = b"laptop"
    dealer.plain_password = b"secret"
    daemon.connect(dealer, endpoint).send(b"hello")


def connect_with_a_wrong_server_key(daemon: Daemon, endpoint: str) -> None:
    daemon.client(LAPTOP, endpoint, server=STRANGER.public).send(b"hello")


def connect_as_a_server(daemon: Daemon, endpoint: str) -> None:
    daemon.connect(server_socket(daemon.others, zmq.DEALER, LAPTOP), endpoint).send(b"hello")


@pytest.mark.parametrize("connect", [connect_without_curve, connect_with_plain, connect_with_a_wrong_server_key, connect_as_a_server])
def test_other_mechanisms_and_wrong_server_keys_do_not_get_a_byte_through(daemon: Daemon, connect: Callable[[Daemon, str], None]) -> None:
    # Two servers wait for each other until the interval is over.
    daemon.router.set(zmq.HANDSHAKE_IVL, 300)
    connect(daemon, daemon.bind())
    daemon.serve_until(lambda: daemon.refused_handshakes)
    assert not daemon.received


def test_a_null_server_socket_with_the_domain_asks_and_nobody_gets_in(daemon: Daemon) -> None:
    # A server socket of ours that forgot CURVE: the handler refuses its NULL handshakes.
    assert daemon.handshake is not None
    handshake = daemon.handshake
    with daemon.context.socket(zmq.ROUTER) as null:
        null.set(zmq.ZAP_DOMAIN, ZAP_DOMAIN)
        port = null.bind_to_random_port("tcp://127.0.0.1")
        connect_without_curve(daemon, f"tcp://127.0.0.1:{port}")
        daemon.serve_until(lambda: handshake.refused)
        assert not null.poll(0)


def test_a_removed_key_does_not_come_in_again(daemon: Daemon) -> None:
    endpoint = daemon.bind()
    with daemon.client(LAPTOP, endpoint) as dealer:
        dealer.send(b"first")
        daemon.serve_until(lambda: daemon.received)
    daemon.members.clear()
    daemon.client(LAPTOP, endpoint).send(b"second")
    daemon.serve_until(lambda: daemon.refused_handshakes)
    assert [frame.bytes for frame in daemon.received] == [b"first"]


def test_a_banned_member_gets_in_by_itself_when_the_ban_is_over(daemon: Daemon) -> None:
    assert daemon.handshake is not None
    handshake = daemon.handshake
    daemon.router.set(zmq.HANDSHAKE_IVL, 300)
    daemon.banned.add(LAPTOP.public)
    dealer = daemon.client(LAPTOP, daemon.bind())
    dealer.send(b"first")
    daemon.serve_until(lambda: handshake.refused >= 2)
    assert not daemon.received
    daemon.banned.clear()
    daemon.serve_until(lambda: daemon.received)
    assert daemon.received[0].bytes == b"first"


def test_a_bug_in_admit_shuts_out_one_and_does_not_end_the_handler(daemon: Daemon, caplog: pytest.LogCaptureFixture) -> None:
    endpoint = daemon.bind()
    daemon.broken = True
    daemon.client(LAPTOP, endpoint).send(b"first")
    daemon.serve_until(lambda: daemon.refused_handshakes)
    assert daemon.refused_handshakes == [(zmq.EVENT_HANDSHAKE_FAILED_AUTH, 500)]
    assert "a bug of ours" in caplog.text
    daemon.broken = False
    daemon.client(LAPTOP, endpoint).send(b"second")
    daemon.serve_until(lambda: daemon.received)
    assert [frame.bytes for frame in daemon.received] == [b"second"]


def test_many_at_once_are_all_answered(daemon: Daemon) -> None:
    endpoint = daemon.bind()
    for number in range(30):
        daemon.client(LAPTOP if number % 2 else STRANGER, endpoint).send(b"%d" % number)
    assert daemon.handshake is not None
    handshake = daemon.handshake
    daemon.serve_until(lambda: len(daemon.received) == 15 and handshake.refused == 15)
    assert {int(frame.bytes) % 2 for frame in daemon.received} == {1}


KEY = LAPTOP.curve_public


@pytest.mark.parametrize(
    "frames",
    [
        [b""],
        [b"", b""],
        [b"", b"1.0"],
        [b"x"],
        [b"x", b"1.0", b"1"],
        [b"", b"2.0", b"1", b"jobwire", b"", b"", b"CURVE", KEY],
        [b"", b"1.0", b"1"],
        [b"", b"1.0", b"1", b"jobwire", b"", b"", b"NULL"],
        [b"", b"1.0", b"1", b"jobwire", b"", b"", b"PLAIN", b"laptop", b"secret"],
        [b"", b"1.0", b"1", b"jobwire", b"", b"", b"CURVE"],
        [b"", b"1.0", b"1", b"jobwire", b"", b"", b"CURVE", KEY[:31]],
        [b"", b"1.0", b"1", b"jobwire", b"", b"", b"CURVE", KEY, b"more"],
        [b"", b"1.0", b"1", b"jobwire", b"", b"", b"CURVE", b"\xff" * 32],
    ],
)
def test_a_malformed_request_is_refused_and_the_handler_goes_on(daemon: Daemon, frames: list[bytes]) -> None:
    assert daemon.handshake is not None
    with daemon.context.socket(zmq.DEALER) as asker:
        asker.connect(ENDPOINT)
        asker.send_multipart(frames)
        daemon.handshake.drain()
        assert daemon.handshake.refused == 1
        asker.send_multipart([b"", b"1.0", b"id", b"jobwire", b"127.0.0.1", b"", b"CURVE", KEY])
        daemon.handshake.drain()
        replies = []
        while asker.poll(0):
            replies.append(asker.recv_multipart())
        assert replies.pop() == [b"", b"1.0", b"id", b"200", b"OK", LAPTOP.public.hex().encode(), b""]
        assert all(reply[:4] == [b"", b"1.0", b"1", b"400"] and reply[5] == b"" for reply in replies)


def test_without_a_handler_nobody_gets_in(deaf_daemon: Daemon) -> None:
    deaf_daemon.client(LAPTOP, deaf_daemon.bind()).send(b"hello")
    deaf_daemon.serve_until(lambda: deaf_daemon.refused_handshakes)
    assert not deaf_daemon.received


def test_it_is_the_enforced_domain_that_keeps_everybody_out_without_a_handler(deaf_daemon: Daemon) -> None:
    # Holds the reason for ZAP_ENFORCE_DOMAIN against the libzmq in use.
    deaf_daemon.router.set(zmq.ZAP_ENFORCE_DOMAIN, 0)
    deaf_daemon.client(STRANGER, deaf_daemon.bind()).send(b"hello")
    deaf_daemon.serve_until(lambda: deaf_daemon.received)


def test_after_the_handler_was_closed_nobody_gets_in(daemon: Daemon) -> None:
    endpoint = daemon.bind()
    assert daemon.handshake is not None
    daemon.handshake.close()
    daemon.handshake = None
    daemon.client(LAPTOP, endpoint).send(b"hello")
    daemon.serve_until(lambda: daemon.refused_handshakes)
    assert not daemon.received


def test_a_stranger_who_stays_mute_is_dropped_after_the_handshake_interval(daemon: Daemon) -> None:
    assert daemon.router.get(zmq.HANDSHAKE_IVL) == HANDSHAKE_MS == 3000
    daemon.router.set(zmq.HANDSHAKE_IVL, 200)
    port = int(daemon.bind().rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_SECONDS) as stranger:
        while stranger.recv(100):
            pass
    assert not daemon.received


def test_sockets_leave_nothing_behind_when_they_close(daemon: Daemon) -> None:
    assert daemon.context.get(zmq.IO_THREADS) == 1
    with client_socket(daemon.others, zmq.SUB, LAPTOP, DAEMON.public) as client:
        for made in (daemon.router, client):
            assert made.get(zmq.LINGER) == 0
            assert made.get(zmq.MECHANISM) == zmq.CURVE


def test_an_invalid_server_key_is_refused(daemon: Daemon) -> None:
    with pytest.raises(Refused):
        client_socket(daemon.others, zmq.DEALER, LAPTOP, bytes(32))
