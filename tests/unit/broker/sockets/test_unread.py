"""What lies unread is known from the kernel, on real connections."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from jobwire.broker.sockets.tcp import Gone, cookie_of
from jobwire.broker.sockets.unread import Account, Meter

MIB = 1024 * 1024


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
        with ours, theirs:
            yield ours, theirs


def metered(account: Account, ours: socket.socket) -> Meter:
    return account.meter(ours.fileno(), cookie_of(ours.fileno()))


def test_what_the_other_side_took_is_not_unread(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    account = Account(b"x")
    meter = metered(account, ours)
    for _ in range(100):
        ours.sendall(bytes(MIB // 4))
        account.count(meter, [bytes(MIB // 4)])
        left = MIB // 4
        while left:
            left -= len(theirs.recv(left))
        assert not account.is_over(4 * MIB)


def test_what_nobody_takes_is(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, _ = pair
    account = Account(b"x")
    meter = metered(account, ours)
    ours.settimeout(0)
    counted = 0
    while not account.is_over(4 * MIB):
        # As libzmq does: what the kernel does not take waits here.
        try:
            ours.send(bytes(MIB))
        except BlockingIOError:
            counted += MIB
        account.count(meter, [bytes(MIB)])
        assert counted < 32 * MIB
    assert account.largest() is meter
    account.forget(meter)
    assert not account.is_over(4 * MIB)


def test_a_connection_that_the_other_side_closed_is_gone(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    account = Account(b"x")
    meter = metered(account, ours)
    theirs.close()
    assert ours.recv(1) == b""
    with pytest.raises(Gone):
        meter.look()
    with pytest.raises(Gone):
        Meter(ours.fileno(), b"another").look()


def test_what_is_not_tcp_is_left_to_the_high_water_mark() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        account = Account(b"x")
        account.count(metered(account, ours), [bytes(2 * MIB)])
        assert not account.is_over(MIB)
