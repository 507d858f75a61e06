"""The client's side of CurveZMQ, beside that of libzmq, and beside peers that do not follow the protocol."""

from __future__ import annotations

import socket
from contextlib import nullcontext, suppress
from typing import Self

import pytest
import zmq
from curve_router import OURS, WORKERS
from hypothesis import given
from hypothesis import strategies as st

from jobwire.client.cli.completion.lookup.curve_client import BrokenOffError, CurveClient
from jobwire.keys import identity
from jobwire.keys.identity import Identity

OTHERS = identity.from_seed(bytes(32))
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"CURVE".ljust(20, b"\0") + b"\x01" + bytes(31)
SECONDS = 60


class Peer:
    """A client, with a socket of its own and all that it hears; `at_once`: how many bytes are read at a time."""

    def __init__(self, router: zmq.Socket[bytes], server: Identity = WORKERS, at_once: int = 65_536) -> None:
        host, _, port = router.get_string(zmq.LAST_ENDPOINT).removeprefix("tcp://").rpartition(":")
        self.client = CurveClient(OURS, server.public)
        self._socket = socket.create_connection((host, int(port)), timeout=SECONDS)
        self._at_once = at_once
        self.came = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def flush(self) -> None:
        self._socket.sendall(self.client.outgoing)
        self.client.outgoing = b""

    def shake_hands(self, *messages: bytes) -> None:
        """Say these, and go on until they have been sent."""
        for message in messages:
            self.client.say(message)
        while not self.client.is_let_in:
            self.step()
        self.flush()

    def step(self) -> list[bytes]:
        self.flush()
        data = self.receive()
        self.came += data
        return self.client.hear(data)

    def receive(self) -> bytes:
        data = self._socket.recv(self._at_once)
        if not data:
            raise BrokenOffError("the connection was closed")
        return data

    def hear(self) -> list[bytes]:
        while not (messages := self.step()):
            pass
        return messages


@pytest.mark.parametrize("at_once", [1, 65_536])
def test_it_speaks_with_libzmq_whatever_comes_at_once(router: zmq.Socket[bytes], at_once: int) -> None:
    large = bytes(range(256)) * 400
    with Peer(router, at_once=at_once) as peer:
        peer.shake_hands(b"", b"question", large)
        assert [router.recv_multipart()[1:] for _ in range(3)] == [[b""], [b"question"], [large]]
        peer.client.say(b"another")
        peer.flush()
        route, said = router.recv_multipart()
        assert said == b"another"
        router.send_multipart([route, large[:100]])
        router.send_multipart([route, b"first", b"second", b"third"])
        router.send_multipart([route, large[::-1]])
        heard: list[bytes] = []
        while len(heard) < 3:
            heard += peer.hear()
        assert heard == [large[:100], b"first", large[::-1]]


def test_it_says_nothing_to_a_worker_that_is_not_the_one_meant(router: zmq.Socket[bytes]) -> None:
    with Peer(router, server=OTHERS) as peer, pytest.raises((BrokenOffError, ConnectionError)):
        peer.shake_hands(b"secret")


def test_a_worker_that_lets_nobody_in_is_noticed(router: zmq.Socket[bytes]) -> None:
    # Without a handler for it, libzmq refuses everybody.
    router.set(zmq.ZAP_DOMAIN, b"x")
    router.set(zmq.ZAP_ENFORCE_DOMAIN, 1)
    router.bind("tcp://127.0.0.1:*")
    with Peer(router) as peer, pytest.raises((BrokenOffError, ConnectionError)):
        peer.shake_hands(b"question")


def test_what_was_said_before_is_not_accepted_again(router: zmq.Socket[bytes]) -> None:
    with Peer(router) as peer:
        peer.shake_hands(b"question")
        route = router.recv_multipart()[0]
        router.send_multipart([route, b"answer"])
        before = len(peer.came)
        assert peer.hear() == [b"answer"]
        frame = peer.came[before:]
        with pytest.raises(BrokenOffError, match="again"):
            peer.client.hear(frame)


@pytest.mark.parametrize("flipped", [0, 1])
def test_an_answer_that_was_altered_on_the_way_is_not_taken(router: zmq.Socket[bytes], flipped: int) -> None:
    with Peer(router) as peer:
        peer.shake_hands(b"question")
        router.send_multipart([router.recv_multipart()[0], b"answer"])
        frame = b""
        # Its flags and size come first.
        while len(frame) < 2 or len(frame) < 2 + frame[1]:
            frame += peer.receive()
        altered = frame[:-1] + bytes([frame[-1] ^ flipped])
        with pytest.raises(BrokenOffError) if flipped else nullcontext():
            assert peer.client.hear(altered) == [b"answer"]


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n<html><body>no</body></html>",
        GREETING.replace(b"CURVE", b"PLAIN"),
        GREETING.replace(b"\x7f\x03", b"\x7f\x01"),
        GREETING + b"\x04\x07\x05ERROR\x00",
        GREETING + b"\x04\x00",
        GREETING + b"\x04\xa8\x07WELCOME" + bytes(160),
        GREETING + b"\x04\x08\x07WELCOME",
        GREETING + b"\x04\x06\x05READY",
        # Of this, only the size has come.
        GREETING + b"\x06" + (1 << 30).to_bytes(8, "big"),
    ],
)
def test_whoever_does_not_follow_the_protocol_is_left(said: bytes) -> None:
    with pytest.raises(BrokenOffError):
        CurveClient(OURS, WORKERS.public).hear(said)


@given(st.binary(max_size=300), st.sampled_from([b"", GREETING]))
def test_no_bytes_of_a_stranger_are_taken_for_a_message(said: bytes, before: bytes) -> None:
    client = CurveClient(OURS, WORKERS.public)
    client.say(b"secret")
    opening = client.outgoing
    with suppress(BrokenOffError):
        assert client.hear(before + said) == []
    assert client.outgoing == opening
