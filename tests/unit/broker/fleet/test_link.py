"""The link to a worker: whether that gives signs, as somebody asks about it."""

from __future__ import annotations

from collections.abc import Sequence

from jobwire.broker.fleet.link import Link
from jobwire.broker.sockets.peers import Peer
from jobwire.broker.sockets.unread import Account, Meter
from jobwire.keys.identity import generate
from jobwire.schemas import frames
from jobwire.schemas.generated import request_pb2
from jobwire.schemas.refusal import Refused

WORKER = generate()


class Line:
    """The connection of a worker that a test plays."""

    def __init__(self) -> None:
        self.sent: list[request_pb2.Request] = []
        self.link = Link(generate(), WORKER.public, lambda _: None, lambda: None)
        self.peer = Peer(b"", Meter(-1, b""), Account(WORKER.public), self)
        self.link.turn(self.peer)
        self.answer()

    def send(self, peer: Peer, reply: request_pb2.Reply, bulk: bytes | None = None) -> bool:
        raise AssertionError(reply)

    def refuse(self, peer: Peer, request_id: int, refused: Refused) -> None:
        raise AssertionError(refused)

    def expel(self, peer: Peer, request_id: int, refused: Refused, reason: str) -> None:
        raise AssertionError(reason)

    def drop(self, peer: Peer, reason: str) -> None:
        raise AssertionError(reason)

    def pass_on(self, peer: Peer, frames_: Sequence[bytes | memoryview]) -> bool:
        self.sent.append(frames.read_envelope(bytes(frames_[0]))[0])
        return True

    def answer(self) -> None:
        """Answer the last `hello`."""
        hello = request_pb2.HelloReply(version=1, kind="worker", daemon=WORKER.public, nonce=b"n" * 16, limits=frames.limits())
        reply = request_pb2.Reply(request_id=self.sent[-1].id, last=True, hello=hello)
        assert self.peer.turned is not None
        self.peer.turned(reply.SerializeToString(), None)


def test_nobody_is_asked_for_a_sign_as_long_as_nobody_wants_to_know() -> None:
    line = Line()
    assert [request.WhichOneof("verb") for request in line.sent] == ["hello"]


def test_a_worker_is_asked_once_however_many_want_to_know_and_its_silence_is_told_until_it_answers() -> None:
    line = Line()
    assert [line.link.silent_for(100.0) for _ in range(5)] == [None] * 5
    assert [line.link.silent_for(101.0) for _ in range(5)] == [None] * 5
    assert len(line.sent) == 2
    assert line.link.silent_for(101.9) is None
    assert [line.link.silent_for(now) for now in (102.0, 103.0, 110.0)] == [2.0, 3.0, 10.0]
    assert len(line.sent) == 2
    line.answer()
    assert line.link.silent_for(110.1) is None


def test_of_a_link_that_is_down_the_state_of_the_worker_speaks() -> None:
    line = Line()
    for now in (100.0, 101.0, 102.0):
        line.link.silent_for(now)
    line.link.gone(line.peer)
    assert line.link.silent_for(103.0) is None
