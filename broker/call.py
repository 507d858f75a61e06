"""One request on its way through the desk: who asks, what for, and how to answer. What a handler of a verb is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..keys.rights import Member
from ..schemas.generated import request_pb2
from ..schemas.refusal import Code, Reason, Refused
from .peers import Ending, Peer


@dataclass(slots=True, eq=False)
class Call:
    """A request that was let in; `proof` is the envelope as it came, kept where the request changes something."""

    member: Member
    peer: Peer
    request: request_pb2.Request
    proof: bytes
    _send: Callable[[Peer, request_pb2.Reply, bytes | None], bool]
    _refuse: Callable[[Peer, int, Refused], None]

    def reply(self, reply: request_pb2.Reply, bulk: bytes | None = None, *, last: bool = True) -> bool:
        """Answer; the request's id is filled in. False if the peer is gone."""
        reply.request_id = self.request.id
        reply.last = last
        return self._send(self.peer, reply, bulk)

    def send(self, reply: request_pb2.Reply, bulk: bytes | None = None) -> bool:
        """Send a reply of a stream as it is."""
        return self._send(self.peer, reply, bulk)

    def refuse(self, refused: Refused) -> None:
        """Answer no."""
        self._refuse(self.peer, self.request.id, refused)

    def demand_stream(self) -> None:
        """Go on only if who asks may have one more stream.

        Raises Refused(RESOURCE_EXHAUSTED).
        """
        most = self.member.limits.streams
        if self.peer.account.streams >= most:
            raise Refused(
                Code.RESOURCE_EXHAUSTED,
                f"{self.member.name} has {most} streams open, which is the limit",
                "end some",
                reason=Reason.TOO_MANY_STREAMS,
            )

    def open_stream(self, stream: Ending) -> None:
        """Let the stream end with its peer; a request that is repeated replaces its first stream."""
        old = self.peer.streams.get(self.request.id)
        if old is not None:
            old.close()
        self.peer.streams[self.request.id] = stream
        self.peer.account.streams += 1

    def stream_ended(self) -> None:
        """Forget the stream of this request."""
        if self.peer.streams.pop(self.request.id, None) is not None:
            self.peer.account.streams -= 1
