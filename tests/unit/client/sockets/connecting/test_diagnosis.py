"""Why there is no connection, in words."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
import threading
from collections.abc import Iterator
from typing import NoReturn

import pytest
from client_requests import listing, soon
from fake_daemon import FakeDaemon

from jobwire.client.sockets.connecting import diagnosis
from jobwire.client.sockets.connection import Connection
from jobwire.keys.identity import Identity, generate
from jobwire.schemas.refusal import Code, Refused


def test_it_is_reported_that_nobody_listens(identity: Identity) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        connection = Connection(f"tcp://127.0.0.1:{taken.getsockname()[1]}", generate().public, identity, connect_timeout=1.0)
        with pytest.raises(Refused, match="refuses the connection") as caught:
            connection.call(listing())
        connection.close()

    assert caught.value.code is Code.UNAVAILABLE


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("no.such.host.invalid", "cannot be resolved"),
        ("no..such", r"cannot be resolved \(a part of it, between two dots, is empty"),
        ("a" * 70, "cannot be resolved .* more than 63 characters"),
        ("[::1%no-such]", "no interface with this name"),
    ],
)
def test_an_unknown_host_is_reported(identity: Identity, host: str, why: str) -> None:
    connection = Connection(f"tcp://{host}:7341", generate().public, identity, connect_timeout=1.0)

    with pytest.raises(Refused, match=why):
        connection.call(listing())
    connection.close()


def test_it_is_reported_that_nobody_listens_at_an_interface(identity: Identity) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("there is no IPv6 loopback")
    connection = Connection("tcp://[::1%lo]:1", generate().public, identity, connect_timeout=1.0)

    with pytest.raises(Refused, match="refuses the connection"):
        connection.call(listing())
    connection.close()


def test_a_listener_that_never_answers_is_reported(identity: Identity) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        connection = Connection(f"tcp://127.0.0.1:{mute.getsockname()[1]}", generate().public, identity, connect_timeout=1.0)
        with pytest.raises(Refused, match="is not a jobwire worker"):
            connection.call(listing())
        connection.close()


@pytest.mark.parametrize(
    ("said", "why"), [(b"", "but nothing answers: the worker is suspended or hangs"), (b"SSH-2.0-x\r\n", "is not a jobwire")]
)
def test_who_listens_is_known_by_what_it_says_first(identity: Identity, said: bytes, why: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        sight = diagnosis.Sight()
        sight.failed_handshakes = 1

        def greet() -> None:
            taken, _ = listener.accept()
            with taken:
                taken.sendall(said)
                with contextlib.suppress(ConnectionResetError):
                    taken.recv(1)

        greeter = threading.Thread(target=greet)
        greeter.start()
        refused = diagnosis.no_connection(endpoint, identity.public, 5, sight)
        greeter.join()
    assert why in str(refused)


@pytest.mark.parametrize("seen", ["connected", "failed_handshakes"])
def test_a_host_that_was_reached_and_answers_no_more_is_not_said_to_be_up(identity: Identity, seen: str) -> None:
    """The kernel answers no further attempt while the queue of a listener is full, listen(2)."""
    sight = diagnosis.Sight()
    setattr(sight, seen, 1)
    with socket.socket() as listener, contextlib.ExitStack() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            one = waiting.enter_context(socket.socket())
            one.settimeout(0)
            one.connect_ex(listener.getsockname())
        refused = diagnosis.no_connection(f"tcp://127.0.0.1:{listener.getsockname()[1]}", identity.public, 5, sight)
    assert "accepted a connection a moment ago, and now nothing answers at all: the line is cut" in refused.message
    assert "is up" not in refused.message
    assert refused.next_step.endswith("ping 127.0.0.1")


def test_a_worker_that_ended_after_it_was_reached_is_not_said_to_hang(identity: Identity) -> None:
    sight = diagnosis.Sight()
    sight.connected = 1
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        refused = diagnosis.no_connection(f"tcp://127.0.0.1:{nobody.getsockname()[1]}", identity.public, 5, sight)
    assert "refuses it now: the worker has ended, or is being restarted" in refused.message


@pytest.fixture
def tunnel(resets: bool) -> Iterator[str]:  # noqa: FBT001 -- a parameter of the tests
    """Return the endpoint of what accepts each connection and closes it at once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ending = threading.Event()

        def drop() -> None:
            while True:
                taken, _ = listener.accept()
                if resets:
                    taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                taken.close()
                if ending.is_set():
                    return

        dropper = threading.Thread(target=drop)
        dropper.start()
        yield f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        ending.set()
        socket.create_connection(listener.getsockname()).close()
        dropper.join()


CLOSES = "closes each at once: it is a tunnel or a port forward that does not reach the worker"


@pytest.mark.parametrize("resets", [False, True])
def test_a_tunnel_that_leads_nowhere_is_named_and_not_the_key(tunnel: str, identity: Identity) -> None:
    connection = Connection(tunnel, generate().public, identity, connect_timeout=1.0)
    with pytest.raises(Refused, match=CLOSES):
        connection.call(listing())
    connection.close()


@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize("seen", ["tried_again", "connected", "failed_handshakes"])
def test_a_tunnel_that_leads_nowhere_is_named_whatever_libzmq_has_seen_of_it_in_time(tunnel: str, identity: Identity, seen: str) -> None:
    """How far a connection gets before it is closed depends on who is scheduled first."""
    sight = diagnosis.Sight()
    setattr(sight, seen, 1)
    assert CLOSES in str(diagnosis.no_connection(tunnel, identity.public, 5, sight))


@pytest.mark.parametrize(
    ("endpoint", "number", "why"),
    [
        ("tcp://[fe80::1]:7341", errno.EINVAL, "a link-local address needs the name of an interface, as in tcp://[fe80::1%eth0]"),
        ("tcp://[::1]:7341", errno.EADDRNOTAVAIL, "this machine has no IPv6, or no route to that address"),
        ("tcp://127.0.0.1:7341", errno.ENETUNREACH, "(Network is unreachable);"),
        ("tcp://127.0.0.1:7341", errno.ECONNRESET, "closes each at once: it is a tunnel or a port forward"),
    ],
)
def test_an_answer_of_the_kernel_is_explained(
    identity: Identity, monkeypatch: pytest.MonkeyPatch, endpoint: str, number: int, why: str
) -> None:
    def fail(*_: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(socket, "create_connection", fail)
    sight = diagnosis.Sight()
    sight.tried_again = 1
    assert why in str(diagnosis.no_connection(endpoint, identity.public, 5, sight))


def test_a_host_that_was_reached_and_has_no_route_any_more_is_told_with_the_answer_of_the_kernel(
    identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> NoReturn:
        raise OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH))

    monkeypatch.setattr(socket, "create_connection", fail)
    sight = diagnosis.Sight()
    sight.connected = 1
    refused = diagnosis.no_connection("tcp://[fd00::7]:7341", identity.public, 5, sight)
    assert "and now the connection fails (No route to host): the line is cut" in refused.message
    assert refused.next_step.endswith("ping fd00::7")


def test_ones_own_worker_that_hangs_is_reported_without_mentioning_keys(identity: Identity) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        endpoint = f"tcp://127.0.0.1:{mute.getsockname()[1]}"
        connection = Connection(endpoint, generate().public, identity, connect_timeout=1.0, revive=lambda: None)
        with pytest.raises(Refused, match="your private worker is running but does not answer: it hangs or is overloaded") as caught:
            connection.call(listing())
        connection.close()

    assert "key" not in str(caught.value)


def test_a_wrong_server_key_is_reported(daemon: FakeDaemon, identity: Identity) -> None:
    connection = Connection(daemon.endpoint, generate().public, identity, connect_timeout=2.0)

    with pytest.raises(Refused, match="refuses every handshake at once: its key is not the trusted one") as caught:
        connection.call(listing())
    connection.close()

    assert caught.value.code is Code.UNAVAILABLE


def test_the_port_for_events_is_not_taken_for_a_wrong_key(daemon: FakeDaemon, identity: Identity) -> None:
    connection = Connection(f"tcp://127.0.0.1:{daemon.ports[1]}", daemon.public, identity, connect_timeout=2.0)

    with pytest.raises(Refused, match="it is the trusted worker, but that port is the other one") as caught:
        connection.call(listing())
    connection.close()

    assert caught.value.code is Code.UNAVAILABLE


def test_who_refuses_without_showing_a_key_is_not_called_the_trusted_worker() -> None:
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"CURVE".ljust(20, b"\0") + b"\x01" + bytes(31)
    stranger = socket.create_server(("127.0.0.1", 0))

    def refuse() -> None:
        peer, _ = stranger.accept()
        with peer:
            peer.sendall(greeting)
            peer.recv(len(greeting), socket.MSG_WAITALL)
            # Its first command, which this does not answer.
            peer.recv(4096)
            peer.sendall(b"\x04\x0a\x05ERROR\x03400")
            peer.recv(4096)

    refusing = threading.Thread(target=refuse)
    refusing.start()
    connection = Connection(f"tcp://127.0.0.1:{stranger.getsockname()[1]}", generate().public, generate(), connect_timeout=8)
    with pytest.raises(Refused, match="is up, but does not let your key in") as caught:
        connection.call(listing(), soon())
    connection.close()
    stranger.close()
    refusing.join()
    assert "trusted" not in str(caught.value)


def test_a_refused_key_is_reported_at_once(daemon: FakeDaemon) -> None:
    connection = Connection(daemon.endpoint, daemon.public, generate(), connect_timeout=60)

    with pytest.raises(Refused, match="does not let your key in") as caught:
        connection.call(listing(), soon())
    connection.close()

    assert caught.value.code is Code.UNAUTHENTICATED
