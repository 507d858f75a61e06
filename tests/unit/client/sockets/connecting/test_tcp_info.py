"""What the kernel tells of a connection, with real ones on loopback."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from jobwire.client.sockets.connecting.tcp_info import TcpInfo, tcp_info

MOMENT = 0.05


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as here:
        there, _ = server.accept()
        with there:
            yield here, there


def pause(seconds: float) -> None:
    """Let time pass, which is what is measured."""
    here, there = socket.socketpair()
    with here, there:
        here.settimeout(seconds)
        with pytest.raises(TimeoutError):
            here.recv(1)


def test_it_is_known_since_when_nothing_came(pair: tuple[socket.socket, socket.socket]) -> None:
    here, there = pair
    there.send(b"x")
    here.recv(1)
    before = tcp_info(here.fileno())
    pause(MOMENT)
    after = tcp_info(here.fileno())
    assert before is not None
    assert after is not None
    assert after.data_ago >= before.data_ago + MOMENT / 2
    assert after.unacked == 0


def test_what_is_no_connection_is_not_known_and_not_kept_open() -> None:
    read, write = os.pipe()
    try:
        assert tcp_info(write) is None
        os.close(write)
        # The end of the pipe: it has no other writer.
        os.set_blocking(read, False)
        assert os.read(read, 1) == b""
        assert tcp_info(read) is None
    finally:
        os.close(read)
    assert tcp_info(write) is None


@pytest.mark.parametrize(
    ("info", "moves"),
    [
        (TcpInfo(0, 0.2, 50.0), True),
        (TcpInfo(5, 50.0, 0.2), True),
        # Everything was taken, and nothing comes: the other side has nothing to say.
        (TcpInfo(0, 50.0, 0.2), False),
        # What was sent is not taken.
        (TcpInfo(5, 50.0, 2.0), False),
    ],
)
def test_a_line_moves_while_bytes_come_or_are_taken(info: TcpInfo, moves: bool) -> None:  # noqa: FBT001 -- a parameter of the test
    assert info.is_moving(1.0) is moves
